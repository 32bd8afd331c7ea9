//! An engine that comes back with less than it had, and servers that start just then.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use haversack_fleet::FleetErrorKind;

use crate::*;

const RECORDS: u64 = 700;
/// So many of them are in an older copy of the engine.
const KEPT: usize = 300;

/// Three servers that know all, the engine that has it, and the ring before its present one.
fn fleet() -> (Arc<Memory>, Vec<Fleet>, KeyRing) {
    let first = ring();
    let engine = Memory::with(Some(document(&next(&first))));
    engine.state().forgets = true;
    let fleets: Vec<_> = (0..3).map(|_| join(&engine)).collect();
    for n in 0..RECORDS {
        drop(fleets[usize::try_from(n).unwrap() % 3].publish(vec![session(n)]));
    }
    eventually("all know all", || fleets.iter().all(knows_all));
    all_is_well(&fleets);
    (engine, fleets, first)
}

fn knows_all(fleet: &Fleet) -> bool {
    fleet.view().revocations.as_ref().is_some_and(|it| it.len() as u64 == RECORDS)
}

/// At once, as when a server starts with an older copy of its disk.
fn set_back(engine: &Memory, ring: Option<&KeyRing>, kept: usize) {
    let mut state = engine.state();
    state.ring = ring.map(document);
    state.log.truncate(kept);
    state.generation += 1;
    state.log_at_puts.clear();
}

/// All have judged what the engine holds now, and nobody has anything left to write.
fn all_is_well(fleets: &[Fleet]) {
    let since = now();
    eventually("trust", || fleets.iter().all(|it| it.view().confirmed > since));
    eventually("nothing waits", || fleets.iter().all(|it| it.status().report.queue == 0));
}

#[test]
fn what_is_over_is_there_before_the_ring_that_servers_wait_for() {
    let (engine, fleets, first) = fleet();
    for (ring, kept) in [(None, 0), (Some(&first), KEPT), (Some(&first), 0)] {
        set_back(&engine, ring, kept);
        eventually("the ring is back", || !engine.state().log_at_puts.is_empty());
        let log = engine.state().log_at_puts[0].clone();
        let lines: BTreeSet<_> = log.iter().collect();
        assert_eq!(lines.len() as u64, RECORDS, "{kept} were kept");
        let newcomer = join(&engine);
        assert!(knows_all(&newcomer) && newcomer.view().ring.revision() == 2);
        // Of what was kept nothing came twice.
        let kept: BTreeSet<_> = log[..kept].iter().collect();
        assert_eq!(log.iter().filter(|line| kept.contains(line)).count(), kept.len());
        all_is_well(&fleets);
    }
}

/// It finds a ring, and cannot know that there was a newer one, nor what is missing in the log.
#[test]
fn who_starts_before_anybody_has_noticed_learns_it_with_the_others_help() {
    let (engine, _fleets, first) = fleet();
    set_back(&engine, Some(&first), KEPT);
    let newcomer = join(&engine);
    eventually("it knows all", || knows_all(&newcomer));
    eventually("it has the ring", || newcomer.view().ring.revision() == 2);
}

/// What it has read so far would be all that servers which start then know.
#[test]
fn who_has_not_read_all_yet_puts_nothing_back() {
    for older in [false, true] {
        let (engine, fleets, first) = fleet();
        drop(fleets);
        eventually("they end", || Arc::strong_count(&engine) == 1);
        engine.state().unconfirmed = true;
        let joins = thread::spawn({
            let engine = Arc::clone(&engine);
            move || builder().start_blocking(engine)
        });
        let asked = engine.followed.load(Ordering::SeqCst);
        eventually("it follows", || engine.followed.load(Ordering::SeqCst) > asked + 2);
        set_back(&engine, older.then_some(&first), 0);
        let error = joins.join().unwrap().unwrap_err();
        assert!(matches!(error.kind(), FleetErrorKind::NoRing { .. }), "{error}");
        assert_eq!(engine.puts.load(Ordering::SeqCst), 0);
        assert!(engine.state().log.is_empty());
    }
}

#[test]
fn a_log_that_lost_nothing_is_not_written_again() {
    let (engine, fleets, first) = fleet();
    engine.state().ring = Some(document(&first));
    eventually("the ring is back", || !engine.state().log_at_puts.is_empty());
    all_is_well(&fleets);
    assert_eq!(engine.state().log.len() as u64, RECORDS);
}
