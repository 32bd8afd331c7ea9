//! What a run without a person came to.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::client::Tally;
use super::person::Score;
use super::thief::Loot;

#[derive(Serialize)]
pub(super) struct Report {
    requests: u64,
    seconds: f64,
    replicas_killed: u64,
    sent_again: u64,
    hops: u64,
    keys: usize,
    refused: u64,
    unanswered: u64,
    acknowledged: u64,
    found: u64,
    lost: u64,
    older_jars: u64,
    older_jars_taken: u64,
    refused_after_ms: f64,
    request_bytes: u64,
    response_bytes: u64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Report {
    pub(super) fn new(tally: &Tally, score: Score, took: Duration) -> Self {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let requests = count(&tally.requests);
        let mut latencies = tally.latencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        latencies.sort_unstable();
        let percentile = |percent: usize| {
            let at = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
            latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        Self {
            requests,
            seconds: took.as_secs_f64(),
            replicas_killed: 0,
            sent_again: count(&tally.resent),
            hops: count(&tally.hops),
            keys: 0,
            refused: count(&tally.refused),
            unanswered: count(&tally.unanswered),
            acknowledged: score.acknowledged,
            found: score.found,
            lost: score.lost,
            older_jars: 0,
            older_jars_taken: 0,
            refused_after_ms: 0.0,
            request_bytes: count(&tally.request_bytes) / requests.max(1),
            response_bytes: count(&tally.response_bytes) / requests.max(1),
            p50_ms: percentile(50),
            p99_ms: percentile(99),
        }
    }

    pub(super) fn killed(mut self, replicas: u64) -> Self {
        self.replicas_killed = replicas;
        self
    }

    pub(super) fn loot(mut self, loot: Loot) -> Self {
        self.older_jars = loot.jars;
        self.older_jars_taken = loot.taken;
        self.refused_after_ms = loot.slowest.as_secs_f64() * 1000.0;
        self
    }

    pub(super) fn keys(mut self, keys: usize) -> Self {
        self.keys = keys;
        self
    }

    /// Nothing was lost, something was there to lose, and who signed out is out.
    pub(super) fn is_clean(&self) -> bool {
        self.lost == 0 && self.older_jars_taken == 0 && self.found == self.acknowledged
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn table(&self) -> String {
        let rows = [
            ("requests", self.requests.to_string()),
            ("replicas killed", self.replicas_killed.to_string()),
            ("hops between replicas", self.hops.to_string()),
            ("sent again to another one", self.sent_again.to_string()),
            ("refused, asked again later", self.refused.to_string()),
            ("keys in the ring", self.keys.to_string()),
            ("updates acknowledged", self.acknowledged.to_string()),
            ("updates found", self.found.to_string()),
            ("lost", self.lost.to_string()),
            ("older jars, after sign-out", self.older_jars.to_string()),
            ("taken after 2 s", self.older_jars_taken.to_string()),
            ("refused everywhere within", format!("{:.0} ms", self.refused_after_ms)),
            ("bytes per request", self.request_bytes.to_string()),
            ("bytes per response", self.response_bytes.to_string()),
            ("latency p50", format!("{:.1} ms", self.p50_ms)),
            ("latency p99", format!("{:.1} ms", self.p99_ms)),
            ("time", format!("{:.1} s", self.seconds)),
        ];
        let mut table = String::new();
        for (name, value) in rows {
            let _ = writeln!(table, "{name:<28}{value:>10}"); // writing to a String cannot fail
        }
        table
    }
}
