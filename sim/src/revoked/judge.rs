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
#[derive(Clone, Debug)]
pub(super) struct Seen {
    session: Option<Session>,
}

/// What may be said of a signed-in session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    id: RevocationId,
    renewed: Timestamp,
    auth: Timestamp,
    user: Option<String>,
}

pub(super) struct Judge {
    servers: usize,
    /// Looks at cookies, and knows neither revocations nor limits.
    snapshot: Snapshot<Visit>,
    ends: BTreeMap<RevocationId, Vec<Told>>,
    renewals: BTreeMap<RevocationId, Vec<(Timestamp, Timestamp, Told)>>,
    /// Whose sessions from before when are over; everybody's, if nobody is named.
    times: Vec<(Option<&'static str>, Timestamp, Told)>,
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
        Self {
            servers,
            snapshot,
            ends: BTreeMap::new(),
            renewals: BTreeMap::new(),
            times: Vec::new(),
        }
    }

    pub(super) fn look(&self, cookies: &str, now: Timestamp) -> Seen {
        let exchange = Exchange::receive(&self.snapshot, [cookies.as_bytes()], now);
        let user = exchange.value().0.value.user;
        Seen { session: session(&exchange.info(false), user) }
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

    pub(super) fn ended_by_time(
        &mut self,
        user: Option<&'static str>,
        not_before: Timestamp,
        appended_ms: u64,
        log: &Log,
    ) {
        let told = Told { appended_ms, due_ms: log.due_ms().to_vec() };
        self.times.push((user, not_before, told));
    }

    /// When it was told that the session is over for its age.
    fn times<'a>(&'a self, session: &'a Session) -> impl Iterator<Item = &'a Told> {
        let whose = |user: Option<&str>| user.is_none() || user == session.user.as_deref();
        let over = move |it: &&(Option<&str>, Timestamp, Told)| whose(it.0) && session.auth < it.1;
        self.times.iter().filter(over).map(|(.., told)| told)
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
    fn is_over(&self, session: &Session, server: usize, now_ms: u64, clock: Timestamp) -> bool {
        let heard = |told: &Told| told.due_ms[server] <= now_ms;
        let bites = |published: Timestamp| clock >= published.plus_millis(GRACE_MS);
        let mut later = self.later(session.id, session.renewed);
        self.ends(session.id).any(heard)
            || self.times(session).any(heard)
            || later.any(|(published, told)| bites(published) && heard(told))
    }

    /// A server shows a signed-in session.
    pub(super) fn admitted(
        &self,
        session: &Session,
        server: usize,
        now_ms: u64,
        clock: Timestamp,
        sensitive: bool,
    ) -> Result<(), String> {
        if self.is_over(session, server, now_ms, clock) {
            return Err(format!(
                "server {server} admits a session of which it knows that it is over"
            ));
        }
        let told = |told: &Told| told.appended_ms + FRESH_MS < now_ms;
        if sensitive && self.ends(session.id).chain(self.times(session)).any(told) {
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
        // Of anonymous sessions, which such a time ends as well, no page shows how old they are.
        let heard = |(user, _, told): &(Option<&str>, Timestamp, Told)| {
            user.is_none() && told.due_ms[server] <= now_ms
        };
        match &seen.session {
            Some(session) if self.is_over(session, server, now_ms, clock) => Ok(()),
            _ if self.times.iter().any(heard) => Ok(()),
            seen => Err(format!("server {server} refuses as revoked what nobody ended: {seen:?}")),
        }
    }

    /// Somebody has signed in on a server: whatever it knew ends what was before. Whether the session
    /// had to begin later than now for that.
    pub(super) fn signs_in(
        &self,
        seen: &Seen,
        server: usize,
        now_ms: u64,
        clock: Timestamp,
    ) -> Result<bool, String> {
        let Some(session) = &seen.session else { return Ok(false) };
        if self.times(session).any(|told| told.due_ms[server] <= now_ms) {
            return Err(format!("server {server} signs somebody in and knows that this is over"));
        }
        Ok(session.auth > clock)
    }

    /// A server renews a session without a proof of who it is.
    pub(super) fn goes_on(&self, was: &Info, server: usize, now_ms: u64) -> Result<(), String> {
        let Some(Session { id, renewed, .. }) = session(was, None) else { return Ok(()) };
        if self.later(id, renewed).any(|(_, told)| told.due_ms[server] <= now_ms) {
            return Err(format!(
                "server {server} renews an older root although it knows a newer one"
            ));
        }
        Ok(())
    }

    /// Everybody has heard everything, and a server still shows the session.
    pub(super) fn in_the_end(&self, seen: &Seen) -> Result<(), String> {
        let Some(session) = &seen.session else { return Ok(()) };
        let told = self.ends(session.id).chain(self.times(session)).next().is_some();
        if told || self.later(session.id, session.renewed).next().is_some() {
            return Err("a copy of an older jar is admitted when everybody knows".into());
        }
        Ok(())
    }
}

pub(super) fn session(info: &Info, user: Option<String>) -> Option<Session> {
    let times = info.times.as_ref().filter(|_| info.signed_in)?;
    Some(Session { id: info.revocation_id?, renewed: times.renewed, auth: times.auth, user })
}

/// Who ends a session tells of it, and of the one that the cookies hold besides.
pub(super) fn tells_of_end(was: &Info, seen: &Seen, told: &[Revocation]) -> Result<(), String> {
    for Session { id, .. } in session(was, None).iter().chain(&seen.session) {
        let tells = |it: &Revocation| matches!(it, Revocation::Session { id: it, .. } if it == id);
        if !told.iter().any(tells) {
            return Err("a session ends, and nobody is told".into());
        }
    }
    Ok(())
}

/// Who renews a session tells of it.
pub(super) fn tells_of_renewal(was: &Info, told: &[Revocation]) -> Result<(), String> {
    let Some(Session { id, renewed: before, .. }) = session(was, None) else { return Ok(()) };
    let tells = |it: &Revocation| matches!(it, Revocation::Floor { id: it, renewed, .. } if *it == id && *renewed > before);
    if told.iter().any(tells) {
        Ok(())
    } else {
        Err("a session is renewed, and nobody is told".into())
    }
}
