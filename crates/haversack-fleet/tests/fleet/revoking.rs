//! What is revoked, where it holds, and what becomes of it when the engine fails.

use std::time::Instant;

use haversack::{Freshness, Staleness};
use haversack_fleet::EngineErrorKind;

use crate::*;

#[test]
fn what_one_server_revokes_holds_there_at_once_and_everywhere_soon() {
    let engine = engine();
    let (here, there) = (join(&engine), join(&engine));
    let publication = here.publish(vec![session(1), session(2)]);
    assert!(knows(&here, 1) && knows(&here, 2));
    block_on(publication).unwrap();
    assert_eq!(engine.state().log.len(), 2);
    eventually("the other one knows", || knows(&there, 1) && knows(&there, 2));
    eventually("its way is timed", || here.status().report.lag_ms.is_some());
}

#[test]
fn nobody_waits_longer_than_a_second_and_it_is_published_later() {
    let engine = engine();
    let (here, there) = (join(&engine), join(&engine));
    engine.state().fails = Some(EngineErrorKind::Unreachable);
    let begun = Instant::now();
    let late = block_on(here.publish(vec![session(1)])).unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(900));
    assert!(late.why.contains("as it was told"), "{late}");
    assert!(knows(&here, 1) && !knows(&there, 1));
    assert_eq!(here.status().report.queue, 1);
    engine.state().fails = None;
    eventually("the other one knows", || knows(&there, 1));
    eventually("nothing waits", || here.status().report.queue == 0);
    assert_eq!(engine.state().log.len(), 1);
}

#[test]
fn nobody_waits_for_an_engine_that_is_read_only() {
    let engine = engine();
    engine.state().read_only = true;
    let fleet = join(&engine);
    let report = || fleet.status().report;
    assert!(report().read_only && report().ready);
    engine.state().hangs = true;
    let mut published = fleet.publish(vec![session(1)]);
    assert!(knows(&fleet, 1));
    let ready = published.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()));
    assert_eq!(ready, Poll::Ready(Ok(())), "at once");
    engine.state().hangs = false;
    engine.state().read_only = false;
    block_on(fleet.publish(vec![session(2)])).unwrap();
    assert_eq!(engine.state().log, [session_text(&fleet, 2)], "the first one was never queued");
    assert!(!report().read_only);
    eventually("it reports now", || !block_on(fleet.servers()).unwrap().is_empty());
}

#[test]
fn an_engine_that_refuses_is_an_error_until_it_says_that_it_is_read_only() {
    let engine = engine();
    let fleet = join(&engine);
    engine.state().fails = Some(EngineErrorKind::Refused);
    let late = block_on(fleet.publish(vec![session(1)])).unwrap_err();
    assert!(late.why.contains("as it was told"), "{late}");
    assert_eq!(fleet.status().report.queue, 1);
    engine.state().read_only = true;
    eventually("it is not tried any more", || fleet.status().report.queue == 0);
    block_on(fleet.publish(vec![session(2)])).unwrap();
    assert!(knows(&fleet, 1) && knows(&fleet, 2));
}

#[test]
fn a_view_ages_while_the_engine_is_down_and_recovers() {
    let engine = engine();
    let fleet = join(&engine);
    let version = fleet.view().version;
    engine.state().fails = Some(EngineErrorKind::Unreachable);
    let strict = Staleness { fresh: Duration::from_millis(200), ..Staleness::default() };
    let freshness = || fleet.view().freshness(&strict, now());
    eventually("stale", || freshness() == Freshness::Stale);
    fleet.ready().expect("all servers would say so at once");
    engine.state().fails = None;
    eventually("fresh", || freshness() == Freshness::Fresh);
    assert!(fleet.view().version > version);
}

fn session_text(fleet: &Fleet, n: u64) -> String {
    let view = fleet.view();
    let known = view.revocations.as_ref().unwrap();
    let is = |it: &Revocation| matches!(it, Revocation::Session { id: it, .. } if *it == id(n));
    known.iter().find(is).unwrap().to_string()
}

#[test]
fn one_record_that_cannot_be_stored_does_not_hold_up_the_others() {
    let engine = engine();
    let fleet = join(&engine);
    let bad = session(1);
    engine.state().refuses = Some(bad.to_string());
    engine.state().hangs = true;
    let refused = fleet.publish(vec![bad]);
    let published = fleet.publish(vec![session(2), session(3)]);
    engine.state().hangs = false;
    assert!(block_on(refused).unwrap_err().why.contains("cannot do this"));
    block_on(published).unwrap();
}

#[test]
fn a_not_before_in_the_future_is_refused() {
    let fleet = join(&engine());
    let later = now().plus_millis(60_000);
    let record = Revocation::All { not_before: later, until: later.plus_millis(HOUR_MS) };
    let why = block_on(fleet.publish(vec![record])).unwrap_err().why;
    assert!(why.contains("lock everybody out"), "{why}");
    assert_eq!(fleet.view().revocations.as_ref().unwrap().not_before(None), None);
}

#[test]
fn lines_that_mean_nothing_here_are_skipped() {
    let engine = engine();
    let expired = Revocation::Session { id: id(9), until: before(1) };
    engine.state().log = vec![
        "device AAECAwQFBgc 1800000000".to_owned(),
        "session not-an-id 1800000000".to_owned(),
        String::new(),
        expired.to_string(),
        session(1).to_string(),
    ];
    let fleet = join(&engine);
    assert!(knows(&fleet, 1) && !knows(&fleet, 9));
    assert_eq!(fleet.status().report.entries, 1);
}

#[test]
fn what_a_forgetful_engine_lost_is_known_again_to_all() {
    let engine = engine();
    engine.state().forgets = true;
    let fleets = [join(&engine), join(&engine), join(&engine)];
    for n in 0..1_200 {
        drop(fleets[usize::try_from(n).unwrap() % 3].publish(vec![session(n)]));
    }
    eventually("all know all", || {
        fleets.iter().all(|fleet| fleet.view().revocations.as_ref().unwrap().len() == 1_200)
    });
    engine.lose(700);
    let lines = || {
        let mut lines = engine.state().log.clone();
        lines.sort_unstable();
        lines.dedup();
        lines.len()
    };
    eventually("the engine has all again", || lines() == 1_200);
    let newcomer = join(&engine);
    assert_eq!(newcomer.view().revocations.as_ref().unwrap().len(), 1_200);
    for fleet in &fleets {
        eventually("nothing waits", || fleet.status().report.queue == 0);
        assert_eq!(fleet.view().revocations.as_ref().unwrap().len(), 1_200);
    }
}

#[test]
fn of_an_engine_that_remembers_a_server_puts_back_its_own_alone() {
    let engine = engine();
    let (here, there) = (join(&engine), join(&engine));
    block_on(here.publish(vec![session(1)])).unwrap();
    engine.state().log.push(session(2).to_string());
    eventually("both know both", || {
        [&here, &there].iter().all(|fleet| knows(fleet, 1) && knows(fleet, 2))
    });
    engine.lose(0);
    eventually("it is back", || !engine.state().log.is_empty());
    thread::sleep(Duration::from_millis(1_500));
    let log = engine.state().log.clone();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with(&format!("session {}", id(1))));
    assert!(knows(&there, 2), "what is held stays");
}
