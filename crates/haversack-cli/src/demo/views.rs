//! What the replicas say of the fleet: each knows its keys and what was revoked, as of a moment ago.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use haversack_fleet::Report;
use haversack_tower::fleet::Fleet;
use haversack_tower::{Feed as _, Staleness};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::balance::{Balancer, Whole};
use super::keys;
use super::process::REPLICAS;

/// Where a replica tells it.
pub(super) const PATH: &str = "/view.json";
const EVERY: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(1);

/// A replica's view.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Seen {
    pub(super) freshness: Freshness,
    /// The same that it reports to its fleet.
    pub(super) report: Report,
}

/// How far a replica trusts what it knows of revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Freshness {
    Fresh,
    Stale,
    Blind,
}

impl Seen {
    /// What this process, a replica, knows.
    pub(super) fn here(fleet: &Fleet) -> Self {
        let freshness = match fleet.view().freshness(&Staleness::default(), keys::now()) {
            haversack::Freshness::Fresh => Freshness::Fresh,
            haversack::Freshness::Stale => Freshness::Stale,
            haversack::Freshness::Blind => Freshness::Blind,
        };
        Self { freshness, report: fleet.status().report }
    }
}

/// The views of the replicas that run, as of some 400 ms ago.
#[derive(Default)]
pub(super) struct Views {
    seen: Mutex<[Option<Seen>; REPLICAS]>,
}

impl Views {
    fn seen(&self) -> MutexGuard<'_, [Option<Seen>; REPLICAS]> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The replicas' views, from the first on.
    pub(super) fn all(&self) -> [Option<Seen>; REPLICAS] {
        self.seen().clone()
    }

    /// How well informed the best informed replica is, and for how long it has heard nothing.
    pub(super) fn freshest(&self) -> Option<(Freshness, Duration)> {
        let seen = self.seen();
        let age = |it: &Seen| Duration::from_millis(it.report.confirmed_age_ms.unwrap_or(0));
        seen.iter().flatten().map(|it| (it.freshness, age(it))).min()
    }

    /// Asks all replicas again and again, for ever.
    pub(super) async fn follow(self: Arc<Self>, balancer: Arc<Balancer>) {
        let question = Whole {
            method: Method::GET,
            path: PATH.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        loop {
            let ask = |number| balancer.ask(number, &question, PATIENCE);
            let (one, two, three) = tokio::join!(ask(1), ask(2), ask(3));
            let read = |body: &Bytes| serde_json::from_slice(body).ok();
            *self.seen() = [one, two, three].map(|answer| read(answer?.body()));
            sleep(EVERY).await;
        }
    }
}
