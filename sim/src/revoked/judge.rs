//! What must hold, told by what was published and by a look at the cookies without it.

use std::collections::BTreeMap;
use std::time::Duration;

use haversack::{
    Exchange, Info, KeyRing, Lifetime, Revocation, RevocationId, Snapshot, Timestamp, View,
};

use super::log::Log;
use super::{GRACE_MS, Visit, rules};

/// How long a view is fresh.
const FRESH_MS: u64 = 5_000;

/// The signed-in session that cookies hold, whether or not it is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    session: Option<(RevocationId, Timestamp)>,
}

pub(super) struct Judge {
    servers: usize,
    /// Looks at cookies, and knows neither revocations nor limits.
    snapshot: Snapshot<Visit>,
    ends: BTreeMap<RevocationId, Vec<Told>>,
    renewals: BTreeMap<RevocationId, Vec<(Timestamp, Timestamp, Told)>>,
}

/// When the log had a record, and when each server.
struct Told {
    appended_ms: u64,
    due_ms: Vec<u64>,
}

impl Judge {
    pub(super) fn new(servers: usize) -> Self {
        let lifetime = Lifetime { idle: None, absolute: Lifetime::MAX, leeway: Duration::ZERO };
        let view = View::from(KeyRing::for_tests());
        let snapshot = Snapshot::new(rules(lifetime), std::sync::Arc::new(view));
        Self { servers, snapshot, ends: BTreeMap::new(), renewals: BTreeMap::new() }
    }

    pub(super) fn look(&self, cookies: &str, now: Timestamp) -> Seen {
        let exchange = Exchange::receive(&self.snapshot, [cookies.as_bytes()], now);
        Seen { session: session(&exchange.info(false)) }
    }

    pub(super) fn published(&mut self, record: Revocation, appended_ms: u64, log: &Log) {
        let due_ms = log.due_ms().to_vec();
        assert_eq!(due_ms.len(), self.servers);
        let told = Told { appended_ms, due_ms };
        match record {
            Revocation::Session { id, .. } => self.ends.entry(id).or_default().push(told),
            Revocation::Floor { id, renewed, published, .. } => {
                self.renewals.entry(id).or_default().push((renewed, published, told));
            }
            _ => {}
        }
    }

    fn ends(&self, id: RevocationId) -> impl Iterator<Item = &Told> {
        self.ends.get(&id).into_iter().flatten()
    }

    /// Renewals of the session after this one.
    fn later(
        &self,
        id: RevocationId,
        renewed: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, &Told)> {
        let all = self.renewals.get(&id).into_iter().flatten();
        let later = all.filter(move |(later, ..)| *later > renewed);
        later.map(|(_, published, told)| (*published, told))
    }

    /// Whether a server has heard what forbids the session.
    fn is_over(
        &self,
        (id, renewed): (RevocationId, Timestamp),
        server: usize,
        now_ms: u64,
        clock: Timestamp,
    ) -> bool {
        let heard = |told: &Told| told.due_ms[server] <= now_ms;
        let bites = |published: Timestamp| clock >= published.plus_millis(GRACE_MS);
        self.ends(id).any(heard)
            || self.later(id, renewed).any(|(published, told)| bites(published) && heard(told))
    }

    /// A server shows a signed-in session.
    pub(super) fn admitted(
        &self,
        info: &Info,
        server: usize,
        now_ms: u64,
        clock: Timestamp,
        sensitive: bool,
    ) -> Result<(), String> {
        let Some(session) = session(info) else {
            return Err("a signed-in session has no id".into());
        };
        if self.is_over(session, server, now_ms, clock) {
            return Err(format!(
                "server {server} admits a session of which it knows that it is over"
            ));
        }
        let told = |told: &Told| told.appended_ms + FRESH_MS < now_ms;
        if sensitive && self.ends(session.0).any(told) {
            return Err(format!(
                "server {server} serves a sensitive route to a session that is over"
            ));
        }
        Ok(())
    }

    /// A server refuses a session as revoked.
    pub(super) fn refused(
        &self,
        seen: &Seen,
        server: usize,
        now_ms: u64,
        clock: Timestamp,
    ) -> Result<(), String> {
        match seen.session {
            Some(session) if self.is_over(session, server, now_ms, clock) => Ok(()),
            seen => Err(format!("server {server} refuses as revoked what nobody ended: {seen:?}")),
        }
    }

    /// A server renews a session without a proof of who it is.
    pub(super) fn goes_on(&self, was: &Info, server: usize, now_ms: u64) -> Result<(), String> {
        let Some((id, renewed)) = session(was) else { return Ok(()) };
        if self.later(id, renewed).any(|(_, told)| told.due_ms[server] <= now_ms) {
            return Err(format!(
                "server {server} renews an older root although it knows a newer one"
            ));
        }
        Ok(())
    }

    /// Everybody has heard everything, and a server still shows the session.
    pub(super) fn in_the_end(&self, seen: &Seen) -> Result<(), String> {
        let Some((id, renewed)) = seen.session else { return Ok(()) };
        if self.ends(id).next().is_some() || self.later(id, renewed).next().is_some() {
            return Err("a copy of an older jar is admitted when everybody knows".into());
        }
        Ok(())
    }
}

fn session(info: &Info) -> Option<(RevocationId, Timestamp)> {
    let renewed = info.times.as_ref()?.renewed;
    Some((info.revocation_id?, renewed)).filter(|_| info.signed_in)
}

/// Who ends a session tells of it, and of the one that the cookies hold besides.
pub(super) fn tells_of_end(was: &Info, seen: &Seen, told: &[Revocation]) -> Result<(), String> {
    for (id, _) in session(was).into_iter().chain(seen.session) {
        let tells = |it: &Revocation| matches!(it, Revocation::Session { id: it, .. } if *it == id);
        if !told.iter().any(tells) {
            return Err("a session ends, and nobody is told".into());
        }
    }
    Ok(())
}

/// Who renews a session tells of it.
pub(super) fn tells_of_renewal(was: &Info, told: &[Revocation]) -> Result<(), String> {
    let Some((id, before)) = session(was) else { return Ok(()) };
    let tells = |it: &Revocation| matches!(it, Revocation::Floor { id: it, renewed, .. } if *it == id && *renewed > before);
    if told.iter().any(tells) {
        Ok(())
    } else {
        Err("a session is renewed, and nobody is told".into())
    }
}
