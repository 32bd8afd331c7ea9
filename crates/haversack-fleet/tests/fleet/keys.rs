//! Which rings are taken, and how they are rotated.

use std::sync::atomic::Ordering;

use haversack::{KeyState, Lifetime};
use haversack_fleet::{EngineErrorKind, Rotation};

use crate::*;

fn set(engine: &Memory, ring: &KeyRing) {
    engine.state().ring = Some(document(ring));
}

/// The engine goes on, and nothing that it says confirms the view.
fn is_unconfirmed(fleet: &Fleet) -> bool {
    let since = fleet.view().confirmed;
    thread::sleep(Duration::from_millis(60));
    fleet.view().confirmed == since
}

fn trouble(fleet: &Fleet, what: &str) -> bool {
    fleet.status().report.trouble.is_some_and(|trouble| trouble.contains(what))
}

#[test]
fn a_newer_ring_is_taken_at_once() {
    let first = ring();
    let engine = Memory::with(Some(document(&first)));
    let fleet = join(&engine);
    set(&engine, &next(&first));
    eventually("the newer ring", || fleet.view().ring.revision() == 2);
}

#[test]
fn an_older_ring_and_another_one_are_refused_until_the_right_one_is_back() {
    let first = ring();
    let second = next(&first);
    let engine = Memory::with(Some(document(&second)));
    let fleet = join(&engine);

    set(&engine, &first);
    eventually("complaint", || trouble(&fleet, "revision 1, and revision 2 is in use"));
    eventually("doubt", || is_unconfirmed(&fleet));
    assert_eq!(engine.puts.load(Ordering::SeqCst), 0);

    set(&engine, &KeyRing::generate("shop", before(1), Os).unwrap());
    eventually("complaint", || trouble(&fleet, "another index key"));
    set(&engine, &KeyRing::generate("shed", before(1), Os).unwrap());
    eventually("complaint", || trouble(&fleet, "the app `shed`"));
    engine.state().ring = None;
    eventually("complaint", || trouble(&fleet, "no key ring"));
    assert_eq!(fleet.view().ring.to_json(), second.to_json());

    set(&engine, &second);
    eventually("trust", || !is_unconfirmed(&fleet));
    assert_eq!(fleet.status().report.trouble, None);
}

#[test]
fn another_content_under_the_same_revision_is_taken() {
    let first = ring();
    let engine = Memory::with(Some(document(&next(&first))));
    let fleet = join(&engine);
    let other = next(&first);
    set(&engine, &other);
    eventually("the other ring", || fleet.view().ring.to_json() == other.to_json());
    eventually("trust", || !is_unconfirmed(&fleet));
}

#[test]
fn what_a_forgetful_engine_lost_is_put_back_once() {
    let first = ring();
    let second = next(&first);
    let engine = Memory::with(Some(document(&second)));
    engine.state().forgets = true;
    let fleets = [join(&engine), join(&engine), join(&engine)];
    for lost in [Some(document(&first)), None] {
        let before = engine.puts.load(Ordering::SeqCst);
        engine.state().ring = lost;
        eventually("it is back", || engine.state().ring == Some(document(&second)));
        for fleet in &fleets {
            eventually("trust", || !is_unconfirmed(fleet));
            assert_eq!(fleet.view().ring.revision(), 2);
        }
        assert_eq!(engine.puts.load(Ordering::SeqCst), before + 1);
    }
}

#[test]
fn whoever_asks_for_a_newer_ring_gets_it_and_many_share_one_question() {
    let first = ring();
    let engine = Memory::with(Some(document(&first)));
    let fleet = join(&engine);
    engine.state().deaf = true;
    // Whatever was under way is over.
    eventually("silence", || is_unconfirmed(&fleet));
    set(&engine, &next(&first));
    assert_eq!(fleet.view().ring.revision(), 1);

    let asked = engine.asked.load(Ordering::SeqCst);
    engine.state().hangs = true;
    let than = fleet.view().version;
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let fleet = fleet.clone();
            thread::spawn(move || {
                poll_until(|cx| fleet.poll_newer(than, cx));
                fleet.view().ring.revision()
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(100));
    engine.state().hangs = false;
    for request in requests {
        assert_eq!(request.join().unwrap(), 2);
    }
    let questions = engine.asked.load(Ordering::SeqCst) - asked;
    assert!((1..=3).contains(&questions), "{questions}");
}

#[test]
fn an_engine_that_does_not_answer_keeps_nobody_waiting() {
    let engine = engine();
    let fleet = join(&engine);
    engine.state().fails = Some(EngineErrorKind::Unreachable);
    let than = fleet.view().version;
    poll_until(|cx| fleet.poll_newer(than, cx));
    assert_eq!(fleet.view().ring.revision(), 1);
}

fn rotating(engine: &Arc<Memory>, lead: Duration) -> Fleet {
    let check = Duration::from_millis(20);
    let rotation = Rotation { lead, check, ..Rotation::default() };
    let builder = builder().rotation(Some(rotation));
    builder.start_blocking(Arc::<Memory>::clone(engine)).unwrap()
}

#[test]
fn however_many_servers_there_are_one_makes_the_next_key() {
    let old = KeyRing::generate("shop", before(25), Os).unwrap();
    let engine = Memory::with(Some(document(&old)));
    let lead = Rotation::default().lead;
    let fleets: Vec<_> = (0..8).map(|_| rotating(&engine, lead)).collect();
    thread::sleep(Duration::from_millis(100));
    assert!(fleets.iter().all(|it| it.view().ring.revision() == 1), "how long do sessions live?");

    for fleet in &fleets {
        fleet.serves(&Lifetime::default());
    }
    eventually("all have it", || fleets.iter().all(|it| it.view().ring.revision() == 2));
    thread::sleep(Duration::from_millis(200));
    let ring = fleets[0].view().ring.clone();
    assert_eq!((ring.revision(), engine.puts.load(Ordering::SeqCst)), (2, 1));
    let keys: Vec<_> = ring.keys(now()).collect();
    assert_eq!(
        keys.iter().map(|key| key.state).collect::<Vec<_>>(),
        [KeyState::Sealing, KeyState::Upcoming]
    );
    let ends = keys[0].seals_until.unwrap();
    let overlap = KeyRing::overlap_ms(24 * HOUR_MS);
    assert_eq!(keys[0].opens_until.unwrap().millis_since(ends), overlap);
}

#[test]
fn a_young_key_is_left_alone_and_so_is_everything_without_rotation() {
    let engine = engine();
    let fleet = rotating(&engine, Duration::ZERO);
    let old = Memory::with(Some(document(&KeyRing::generate("shop", before(99), Os).unwrap())));
    let manual = builder().rotation(None).start_blocking(Arc::<Memory>::clone(&old)).unwrap();
    for fleet in [&fleet, &manual] {
        fleet.serves(&Lifetime::default());
    }
    thread::sleep(Duration::from_millis(200));
    assert_eq!((fleet.view().ring.revision(), manual.view().ring.revision()), (1, 1));
}

#[test]
fn a_server_whose_clock_differs_does_not_rotate_and_is_not_ready() {
    let engine = Memory::with(Some(document(&KeyRing::generate("shop", before(25), Os).unwrap())));
    engine.state().ahead_ms = Some(-160_000);
    let fleet = rotating(&engine, Duration::ZERO);
    eventually("clocks compared", || fleet.ready().is_err());
    fleet.serves(&Lifetime::default());
    thread::sleep(Duration::from_millis(200));
    assert_eq!(fleet.view().ring.revision(), 1);
    let why = fleet.ready().unwrap_err().to_string();
    assert!(why.contains("behind this server's, and 150 s are allowed"), "{why}");
}
