//! Random schedules of overlapping requests, judged by what the client was told.
//!
//! ```text
//! cargo run --release -p haversack-sim                      4,000 schedules
//! cargo run --release -p haversack-sim -- --seed 17         one of them, to be read
//! ```
//!
//! A schedule is a fleet of servers of [`haversack_testkit`], a browser in front of it, and
//! everything that goes wrong between them: clocks that are minutes apart, crashes, two versions of
//! the program, key rings that change and arrive late, requests that are lost, torn, slow and in
//! any order, bursts, first visits at once, cross-site posts without cookies, logins and logouts at
//! once, and pauses about the limits of a session's life. What it is made of is drawn for each
//! seed (`plan`), then which thing happens next (`schedule`). The [oracle](self#the-oracle) looks at
//! the jar after each response that changed it.
//!
//! Beside one in eight of them runs a schedule of the same seed in which sessions are ended, one or all
//! of somebody, and renewed everywhere, servers hear of it late, and older jars are restored (`revoked`).
//!
//! # Why there is a server of its own
//!
//! The servers are written against the core, by hand, as an adapter is (`app`): no router, no
//! middleware, no metrics. A schedule takes one or two milliseconds, so that a minute has room for
//! tens of thousands. And waiting for a key ring is a matter of the virtual clock here, where an
//! adapter waits in real time. The adapter has a simulation of its own, a slower one, in the tests
//! of `haversack-tower`.
//!
//! # The oracle
//!
//! It knows what pages show and what was answered, and it knows the guarantees of the design. It
//! knows nothing of stamps and parcels. See `oracle` for how it judges, and the list of counters
//! for how much of each thing a run contained: a run of 2,000 or more in which one of them never
//! happened fails.

mod app;
mod fleet;
mod oracle;
mod plan;
mod revoked;
mod schedule;
mod tally;

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use self::schedule::Outcome;
use self::tally::Tally;

/// Runs of so many schedules must have contained everything that is counted.
const TELLING: u64 = 2_000;

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// How many schedules there were.
    pub schedules: u64,
    /// Which of them failed, with the fewest requests first.
    pub failures: Vec<Failure>,
    tally: Tally,
}

/// A schedule that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its seed, to see it again.
    pub seed: u64,
    /// How many requests had left by then.
    pub requests: u32,
    /// What went wrong.
    pub what: String,
}

impl Summary {
    /// What should have happened in a run of this size, and never did.
    pub fn missing(&self) -> Vec<&'static str> {
        if self.schedules < TELLING { Vec::new() } else { self.never() }
    }

    /// What of that never happened, however small the run.
    pub fn never(&self) -> Vec<&'static str> {
        self.tally.missing()
    }

    /// Prints how often each thing happened.
    pub fn print(&self) {
        self.tally.print();
    }
}

/// Runs the schedules of `schedules` seeds from `first` on.
pub fn simulate(first: u64, schedules: u64, threads: usize) -> Summary {
    let next = AtomicU64::new(first);
    let sum = Mutex::new((Tally::default(), Vec::<Failure>::new()));
    // A failure is reported once, with what it takes to see it again.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - first >= schedules {
                        break;
                    }
                    let Outcome { mut tally, failure } = run_caught(|| schedule::run(seed, false));
                    let revoked = run_caught(|| revoked::run(seed));
                    tally.merge(&revoked.tally);
                    let failure = failure.or(revoked.failure);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.0.merge(&tally);
                    let failure = failure.map(|(requests, what)| Failure { seed, requests, what });
                    sum.1.extend(failure);
                }
            });
        }
    });
    panic::set_hook(hook);
    let (tally, mut failures) = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(|failure| (failure.requests, failure.seed));
    Summary { schedules, failures, tally }
}

fn run_caught(run: impl FnOnce() -> Outcome) -> Outcome {
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
        let what = format!("panic: {}", text.unwrap_or("without a message"));
        Outcome { tally: Tally::default(), failure: Some((0, what)) }
    })
}

/// Runs the schedule of one seed and prints it, step by step; `false` if it fails.
pub fn replay(seed: u64) -> bool {
    match schedule::run(seed, true).failure.or_else(|| revoked::run(seed).failure) {
        None => true,
        Some((_, what)) => {
            println!("FAILED: {what}");
            false
        }
    }
}
