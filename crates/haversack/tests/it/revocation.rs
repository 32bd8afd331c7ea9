//! What the fleet knows beats what the jar says: logouts, renewals and not-before, and a server that
//! may have missed some.

use std::sync::Arc;
use std::time::Duration;

use haversack::{
    ArrivalKind, EventKind, Exchange, Info, KeyRing, Lifetime, Outcome, Policy, Rejection,
    Revocation, Revocations, Room, Scrutiny, SealError, Snapshot, Staleness, SubjectId, Timestamp,
    Version, View,
};
use serde::{Deserialize, Serialize};

use crate::client::{Client, Jar, START};

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Shop {
    pub(crate) user: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) note: String,
}

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
const GRACE: u64 = 5 * MINUTE;

fn policy() -> Policy {
    Policy {
        subject: Some("user".into()),
        identity: vec!["role".into()],
        lifetime: Lifetime { idle: Some(Duration::from_secs(24 * 3600)), ..Lifetime::default() },
        ..Policy::default()
    }
}

/// A server of a fleet, and a browser.
pub(crate) struct Server {
    pub(crate) client: Client<Shop>,
    pub(crate) known: Revocations,
    confirmed: Option<u64>,
    version: u64,
}

impl Server {
    pub(crate) fn new() -> Self {
        let client = Client::new(policy());
        let mut server = Self { client, known: Revocations::new(), confirmed: None, version: 0 };
        server.learn(&[]);
        server
    }

    /// Records reach the server.
    pub(crate) fn learn(&mut self, records: &[Revocation]) {
        self.known.extend(records);
        self.look_at_view();
    }

    /// The server's view, confirmed now unless it is cut off.
    fn view(&mut self) -> Arc<View> {
        self.version += 1;
        Arc::new(View {
            revocations: Some(self.known.clone()),
            confirmed: Timestamp::from_millis(self.confirmed.unwrap_or(self.client.now)),
            version: Version(self.version),
            ..View::from(KeyRing::for_tests())
        })
    }

    fn look_at_view(&mut self) {
        let view = self.view();
        self.client.snapshot = Snapshot::new(Arc::clone(self.client.snapshot.rules()), view);
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        self.client.now += ms;
        self.look_at_view();
    }

    /// From now on nothing confirms the view.
    pub(crate) fn cut_off(&mut self) {
        self.confirmed = Some(self.client.now);
    }

    pub(crate) fn login(&mut self, user: &str) -> Outcome {
        let user = user.to_owned();
        let outcome = self.client.change(|shop| shop.user = Some(user));
        assert_eq!(outcome.error, None);
        outcome
    }

    pub(crate) fn renew(&mut self) -> Outcome {
        let mut exchange = self.client.open();
        exchange.renew();
        self.finish(exchange)
    }

    pub(crate) fn authenticated(&mut self) -> Outcome {
        let mut exchange = self.client.open();
        exchange.authenticated();
        self.finish(exchange)
    }

    pub(crate) fn finish(&mut self, exchange: Exchange<Shop>) -> Outcome {
        let at = self.client.at();
        let outcome = exchange.respond(Room::default(), at, &mut self.client.entropy);
        self.client.jar.apply(&outcome.set_cookies);
        outcome
    }

    fn user(&self) -> Option<String> {
        self.client.read().user
    }

    fn info(&self) -> Info {
        self.client.open().info(false)
    }

    fn rejections(&self) -> Vec<Rejection> {
        self.client.open().arrival().rejections
    }

    fn subject(&self, user: &str) -> SubjectId {
        self.client.snapshot.subject_id(user).expect("encodable").expect("somebody")
    }
}

fn later(now: u64) -> Timestamp {
    Timestamp::from_millis(now + 24 * HOUR)
}

#[test]
fn a_jar_that_is_restored_after_the_logout_is_refused_once_the_fleet_knows() {
    let mut server = Server::new();
    server.login("ada");
    let stolen = server.client.jar.clone();
    let id = server.info().revocation_id.expect("is there");
    server.advance(MINUTE);
    let outcome = server.client.end();
    let [Revocation::Session { id: published, until }] = outcome.revocations[..] else {
        panic!("{:?}", outcome.revocations);
    };
    assert_eq!(published, id, "what `info()` told is what is revoked");
    let tail = until.millis_since(server.client.at());
    let expected = 24 * HOUR + MINUTE + 3 * GRACE; // idle, leeway, three graces
    assert!((expected..expected + 2 * SECOND).contains(&tail), "{tail}");

    server.client.jar = stolen.clone();
    assert_eq!(server.user().as_deref(), Some("ada"), "the jar alone cannot tell");
    server.learn(&outcome.revocations);
    assert_eq!(server.user(), None);
    assert_eq!(server.rejections(), [Rejection::Revoked]);
    assert_eq!(server.client.open().arrival().kind, ArrivalKind::Rejected);
    // What is revoked is dead at once: no clock can be wrong about it.
    server.client.look();
    assert!(
        !server.client.jar.0.keys().any(|name| stolen.0.contains_key(name) && name.contains(".r"))
    );
}

#[test]
fn a_session_that_is_revoked_does_not_uncover_an_older_one() {
    let mut server = Server::new();
    server.login("ada");
    let before = server.client.jar.clone();
    server.advance(MINUTE);
    server.renew();
    // Both roots on the request, the older one kept by whoever restored it.
    for (name, value) in before.0 {
        server.client.jar.0.entry(name).or_insert(value);
    }
    let id = server.info().revocation_id.expect("is there");
    server.learn(&[Revocation::Session { id, until: later(server.client.now) }]);
    assert_eq!(server.user(), None);
}

#[test]
fn a_renewal_lets_older_roots_be_for_a_grace_and_then_refuses_them() {
    let mut server = Server::new();
    let login = server.login("ada");
    assert!(login.revocations.is_empty(), "a first login has nothing to outrun");
    let old = server.client.jar.clone();
    server.advance(MINUTE);
    let outcome = server.renew();
    assert_eq!(outcome.report.event, EventKind::Renew);
    let [Revocation::Floor { published, .. }] = outcome.revocations[..] else {
        panic!("{:?}", outcome.revocations);
    };
    assert_eq!(published, server.client.at());
    server.learn(&outcome.revocations);
    let new = server.client.jar.clone();

    server.client.jar = old.clone();
    server.advance(GRACE - SECOND);
    assert_eq!(server.user().as_deref(), Some("ada"), "a request that was under way");
    // But whoever holds the old root cannot go on as if it were the newest.
    assert_eq!(server.renew().error, Some(SealError::Late));
    let outcome = server.client.change(|shop| shop.role = Some("admin".into()));
    assert_eq!(outcome.error, Some(SealError::Late));
    assert!(outcome.revocations.is_empty());
    // Fields can be written, as in any race.
    assert_eq!(server.client.change(|shop| shop.note = "late".into()).error, None);

    server.client.jar = old;
    server.advance(SECOND);
    assert_eq!(server.user(), None, "a grace after the renewal the old root is over");
    server.client.jar = new;
    assert_eq!(server.user().as_deref(), Some("ada"));
    assert_eq!(server.renew().error, None);
}

#[test]
fn who_proves_who_they_are_may_outrun_a_floor() {
    let mut server = Server::new();
    server.login("ada");
    let old = server.client.jar.clone();
    server.advance(MINUTE);
    let outcome = server.renew();
    server.learn(&outcome.revocations);
    server.client.jar = old;
    assert_eq!(server.authenticated().error, None);
    server.advance(GRACE);
    assert_eq!(server.user().as_deref(), Some("ada"));
}

#[test]
fn not_before_ends_the_sessions_of_a_subject_but_for_those_authenticated_since() {
    let mut server = Server::new();
    server.login("ada");
    let phone = server.client.jar.clone();
    server.client.jar = Jar::default();
    server.login("bob");
    let bob = server.client.jar.clone();

    server.client.jar = phone.clone();
    server.advance(MINUTE);
    let not_before = Timestamp::from_secs(server.client.at().as_secs() + 1);
    let revoked = Revocation::Subject {
        id: server.subject("ada"),
        not_before,
        until: later(server.client.now),
    };
    // One request changes the password, ends all other sessions, and keeps its own.
    let mut exchange = server.client.open();
    exchange.authenticated();
    server.known.insert(&revoked);
    exchange.update(server.view());
    assert_eq!(server.finish(exchange).error, None);
    server.learn(&[]);
    assert_eq!(server.user().as_deref(), Some("ada"), "this one goes on");
    server.client.jar = phone;
    assert_eq!(server.user(), None, "the others are over");
    server.client.jar = bob;
    assert_eq!(server.user().as_deref(), Some("bob"));

    // A server whose clock is behind signs in all the same.
    server.client.jar = Jar::default();
    server.client.now = START;
    server.look_at_view();
    server.login("ada");
    assert_eq!(server.user().as_deref(), Some("ada"));
}

#[test]
fn everything_before_a_time_is_over_and_nobody_is_locked_out() {
    let mut server = Server::new();
    server.client.change(|shop| shop.note = "anonymous".into());
    let anonymous = server.client.jar.clone();
    server.login("ada");
    server.advance(MINUTE);
    let not_before = Timestamp::from_secs(server.client.at().as_secs() + 1);
    server.learn(&[Revocation::All { not_before, until: later(server.client.now) }]);
    assert_eq!(server.user(), None);
    server.client.jar = anonymous;
    assert_eq!(server.client.read().note, "");
    server.client.look();
    server.client.change(|shop| shop.note = "again".into());
    assert_eq!(server.client.read().note, "again");
    server.login("ada");
    assert_eq!(server.user().as_deref(), Some("ada"));
}

#[test]
fn a_switch_ends_the_session_that_was_left() {
    let mut server = Server::new();
    server.login("ada");
    let left = server.client.jar.clone();
    server.advance(MINUTE);
    let outcome = server.login("bob");
    assert!(matches!(outcome.revocations[..], [Revocation::Session { .. }]));
    server.learn(&outcome.revocations);
    assert_eq!(server.user().as_deref(), Some("bob"));
    server.client.jar = left;
    assert_eq!(server.user(), None);
}

#[test]
fn anonymous_sessions_publish_nothing() {
    let mut server = Server::new();
    server.client.change(|shop| shop.note = "x".into());
    assert!(server.renew().revocations.is_empty());
    assert!(server.client.end().revocations.is_empty());
}

#[test]
fn a_planted_session_is_closed_for_its_owner_alone() {
    let mut server = Server::new();
    server.login("mallory");
    let planted = server.client.jar.clone();
    server.client.jar = Jar::default();
    server.advance(MINUTE);
    server.login("ada");
    let ada = server.client.jar.clone();
    for (name, value) in planted.0 {
        server.client.jar.0.insert(name, value);
    }
    assert_eq!(server.user().as_deref(), Some("ada"));
    let outcome = server.client.end();
    assert_eq!(outcome.revocations.len(), 2, "every signed-in root that was read");
    server.learn(&outcome.revocations);
    server.client.jar = ada;
    assert_eq!(server.user(), None);
}

#[test]
fn a_refused_response_publishes_nothing() {
    let mut server = Server::new();
    server.login("ada");
    let exchange = server.client.open();
    server.advance(GRACE + MINUTE);
    let mut late = exchange;
    late.end();
    let outcome = server.finish(late);
    assert_eq!(outcome.error, Some(SealError::Late));
    assert!(outcome.revocations.is_empty());
}

#[test]
fn a_server_that_is_cut_off_keeps_nobody_alive() {
    let mut server = Server::new();
    server.login("ada");
    server.cut_off();
    server.advance(3 * HOUR); // a touch is due after 2.4 hours
    let outcome = server.client.look();
    assert!(outcome.set_cookies.is_empty(), "{:?}", outcome.report.maintenance);
    // Fields are written: they keep nothing alive.
    assert_eq!(server.client.change(|shop| shop.note = "x".into()).error, None);
    assert!(matches!(server.renew().error, Some(SealError::Stale(_))));
    assert!(matches!(
        server.client.change(|shop| shop.role = Some("admin".into())).error,
        Some(SealError::Stale(_))
    ));
    // Who proves who they are is served, and so is who leaves.
    assert_eq!(server.authenticated().error, None);
    let outcome = server.client.end();
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.revocations.len(), 1);
    server.login("bob");

    server.confirmed = None;
    server.advance(3 * HOUR);
    assert!(!server.client.look().set_cookies.is_empty(), "touched again");
}

#[test]
fn routes_trust_an_old_view_as_they_are_told_to() {
    let staleness = Staleness::default();
    let (fresh, blind) = (
        u64::try_from(staleness.fresh.as_millis()).expect("is there"),
        u64::try_from(staleness.blind.as_millis()).expect("is there"),
    );
    let verified = |server: &Server| {
        [Scrutiny::None, Scrutiny::Standard, Scrutiny::Sensitive]
            .map(|scrutiny| server.client.open().verified(scrutiny).is_ok())
    };
    let mut server = Server::new();
    server.login("ada");
    server.cut_off();
    server.advance(fresh);
    assert_eq!(verified(&server), [true, true, true]);
    server.advance(1);
    assert_eq!(verified(&server), [true, true, false], "stale");
    server.advance(blind - fresh - 1);
    assert_eq!(verified(&server), [true, true, false]);
    // Blind: only who was here lately, which a server that is cut off cannot make look later.
    server.client.jar = Jar::default();
    server.login("bob");
    server.advance(MINUTE);
    assert_eq!(verified(&server), [true, true, false]);
    server.advance(blind);
    assert_eq!(verified(&server), [true, false, false]);
    // Anonymous sessions have nothing to protect.
    server.client.jar = Jar::default();
    server.client.change(|shop| shop.note = "x".into());
    server.advance(HOUR);
    assert_eq!(verified(&server), [true, true, true]);
}

#[test]
fn without_a_fleet_nothing_is_revoked_and_no_view_is_old() {
    let mut client = Client::<Shop>::new(policy());
    client.change(|shop| shop.user = Some("ada".into()));
    client.now += HOUR;
    assert_eq!(client.open().verified(Scrutiny::Sensitive), Ok(()));
    let outcome = client.end();
    assert!(outcome.revocations.is_empty());
}
