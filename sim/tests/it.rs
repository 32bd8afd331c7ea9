//! The simulation itself: it holds, it repeats, and it is no empty run. Unoptimized code runs a few
//! schedules a second; `scripts/test` runs thousands of them in release.

use haversack_sim::simulate;

#[test]
fn a_few_schedules_hold_and_contain_most_of_what_is_counted() {
    let summary = simulate(0, 50, 2);
    assert_eq!(summary.failures, []);
    assert!(summary.never().len() < 12, "{:?}", summary.never());
    assert_eq!(summary.missing(), Vec::<&str>::new(), "a small run is not asked for everything");
}

#[test]
fn a_seed_repeats_its_schedule_whatever_the_threads() {
    let run = |threads| format!("{:?}", simulate(1_000, 5, threads));
    assert_eq!(run(1), run(3));
}
