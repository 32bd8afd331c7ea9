//! What a list of sessions is told, and until when.

use std::sync::Arc;
use std::time::Duration;

use haversack::{
    Layout, Lifetime, Listed, Outcome, Policy, Revocation, Rules, Snapshot, Timestamp, Work,
};

use crate::client::START;
use crate::revocation::{HOUR, MINUTE, SECOND, Server, Shop};

/// A login with a label.
fn login_as(server: &mut Server, user: &str, label: &str) -> Outcome {
    let mut exchange = server.client.open();
    let (decoded, since) = exchange.value();
    let shop = Shop { user: Some(user.to_owned()), ..decoded.value };
    exchange.hand_back(&shop, since).expect("a value that encodes");
    exchange.label(label);
    server.finish(exchange)
}

fn read(server: &mut Server) -> Outcome {
    let exchange = server.client.open();
    server.finish(exchange)
}

fn write(server: &mut Server, note: &str) -> Outcome {
    let note = note.to_owned();
    server.client.change(|shop| shop.note = note)
}

fn listed(outcome: Outcome) -> Listed {
    assert_eq!(outcome.error, None);
    outcome.listed.expect("a session is listed")
}

/// The same server with other settings from now on.
fn set(server: &mut Server, change: impl FnOnce(Policy) -> Policy) {
    let policy = change(server.client.snapshot.rules().policy().clone());
    let rules = Arc::new(Rules::new(policy).expect("rules"));
    let view = Arc::clone(server.client.snapshot.view());
    server.client.snapshot = Snapshot::new(rules, view);
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_secs((START + ms) / 1000)
}

#[test]
fn a_login_is_listed_and_an_anonymous_session_is_not() {
    let mut server = Server::new();
    assert_eq!(write(&mut server, "anonymous").listed, None);
    server.advance(MINUTE);
    let login = listed(login_as(&mut server, "ada", "Firefox on Linux"));
    let info = server.client.open().info(false);
    assert_eq!(Some(login.id), info.revocation_id);
    assert_eq!(Ok(Some(login.subject)), server.client.snapshot.subject_id("ada"));
    assert_eq!((login.auth, login.seen), (at(MINUTE), at(MINUTE)));
    let label = server.client.snapshot.label(&login);
    assert_eq!(label.as_deref(), Some("Firefox on Linux"));
    assert_eq!(login.to_string().parse(), Ok(login));
    assert_eq!(write(&mut server, "more").listed, None, "each write is not told");
    assert_eq!(server.renew().listed, None, "nor is a renewal");
}

#[test]
fn activity_is_listed_once_in_a_tenth_of_the_idle_limit() {
    let mut server = Server::new();
    let login = listed(server.login("ada"));
    let mut told = Vec::new();
    for minute in 1..24 * 60 {
        server.advance(MINUTE);
        let outcome = if minute % 2 == 0 {
            write(&mut server, &minute.to_string())
        } else {
            read(&mut server)
        };
        told.extend(outcome.listed.map(|listed| (minute, listed)));
    }
    assert!((8..=10).contains(&told.len()), "{told:?}");
    for (minute, again) in &told {
        assert_eq!((again.id, again.subject), (login.id, login.subject));
        assert_eq!(again.auth, login.auth);
        let late = at(minute * MINUTE).millis_since(again.seen);
        assert!(late <= 36 * MINUTE, "seen {late} ms before, more than a step");
        assert!(again.until > login.until);
    }
}

#[test]
fn who_signs_in_again_is_the_same_session_and_who_else_does_is_another() {
    let mut server = Server::new();
    let login = listed(server.login("ada"));
    server.advance(HOUR);
    let again = listed(server.authenticated());
    assert_eq!((again.id, again.auth), (login.id, at(HOUR)));
    server.advance(SECOND);
    let other = server.login("bob");
    let ended = other.revocations.clone();
    let other = listed(other);
    assert_ne!((other.id, other.subject), (login.id, login.subject));
    assert!(matches!(ended[..], [Revocation::Session { id, .. }] if id == login.id));
    server.learn(&ended);
    assert!(again.has_ended(&server.known) && !other.has_ended(&server.known));
}

#[test]
fn what_has_ended_stays_unlisted_for_as_long_as_it_could_be_listed() {
    let mut server = Server::new();
    server.login("ada");
    for _ in 0..6 {
        server.advance(4 * HOUR);
        read(&mut server);
    }
    // The jar is copied. One browser signs out, while a request of the other is under way.
    let thief = server.client.jar.clone();
    server.advance(4 * HOUR);
    let mut exchange = server.client.open();
    exchange.end();
    let ended = server.finish(exchange).revocations;
    server.client.jar = thief;
    server.cut_off();
    server.advance(5 * SECOND);
    let late = listed(read(&mut server));
    assert!(ended[0].until() > late.until, "{} and {late}", ended[0]);
    // Beyond what a server still takes for fresh it is not listed again.
    server.advance(6 * SECOND);
    assert_eq!(read(&mut server).listed, None);
}

#[test]
fn it_is_listed_no_longer_than_it_could_be_used() {
    for (idle, last) in [(None, 10 * HOUR), (Some(HOUR), HOUR), (Some(10 * HOUR), 10 * HOUR)] {
        let mut server = Server::new();
        let lifetime = Lifetime {
            idle: idle.map(Duration::from_millis),
            absolute: Duration::from_millis(10 * HOUR),
            leeway: Duration::ZERO,
        };
        set(&mut server, |policy| Policy { lifetime, ..policy });
        let login = listed(server.login("ada"));
        assert_eq!(login.until, at(last + 5 * MINUTE + SECOND));
    }
}

#[test]
fn a_session_in_one_cookie_is_listed_as_any() {
    let mut server = Server::new();
    set(&mut server, |policy| Policy { layout: Layout::Single, ..policy });
    let login = listed(login_as(&mut server, "ada", "Firefox on Linux"));
    assert_eq!(write(&mut server, "soon").listed, None, "each write is not told");
    server.advance(3 * HOUR);
    let written = listed(write(&mut server, "later"));
    assert_eq!((written.id, written.auth), (login.id, login.auth));
    assert!(at(3 * HOUR).millis_since(written.seen) <= 36 * MINUTE && written.until > login.until);
    server.advance(3 * HOUR);
    assert!(listed(read(&mut server)).seen > written.seen);
    server.cut_off();
    server.advance(3 * HOUR);
    assert_eq!(write(&mut server, "cut off").listed, None, "its last activity stays");
}

#[test]
fn activity_is_listed_also_if_something_is_taken_in_with_it() {
    let mut server = Server::new();
    write(&mut server, "from before");
    let visit = std::mem::take(&mut server.client.jar);
    set(&mut server, |policy| Policy { layout: Layout::Single, ..policy });
    let login = listed(server.login("ada"));
    server.client.jar.0.extend(visit.0);
    server.advance(3 * HOUR);
    let outcome = read(&mut server);
    assert_eq!(outcome.report.maintenance, [Work::Fold]);
    assert!(listed(outcome).seen > login.seen);
    server.advance(SECOND);
    assert_eq!(read(&mut server).listed, None);
}

#[test]
fn without_a_fleet_nothing_is_listed() {
    let policy = Policy { subject: Some("user".into()), ..Policy::default() };
    let mut client = crate::client::Client::<Shop>::new(policy);
    let outcome = client.change(|shop| shop.user = Some("ada".into()));
    assert_eq!((outcome.error, outcome.listed), (None, None));
}
