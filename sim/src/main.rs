//! Runs schedules, or one to read it.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use haversack_sim::{Summary, replay, simulate};

/// Random schedules of overlapping requests, judged by what the client was told.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many schedules to run.
    #[arg(long, default_value_t = 4_000)]
    schedules: u64,
    /// The seed of the first of them; the others follow.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Runs the schedule of this seed alone, and prints what happens in it.
    #[arg(long, conflicts_with_all = ["schedules", "first"])]
    seed: Option<u64>,
    /// How many run at the same time; as many as there are processors, if not given.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

fn main() -> ExitCode {
    let Arguments { schedules, first, seed, threads } = Arguments::parse();
    if let Some(seed) = seed {
        return if replay(seed) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let threads = threads.or_else(|| thread::available_parallelism().ok());
    let threads = threads.map_or(1, NonZeroUsize::get);
    let began = Instant::now();
    let summary = simulate(first, schedules, threads);
    summary.print();
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read")]
    let rate = schedules as f64 / seconds;
    println!("seeds {first} to {}", first.saturating_add(schedules).saturating_sub(1));
    println!("{schedules} schedules in {seconds:.1} s on {threads} threads: {rate:.0} a second");
    if report(&summary) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says what failed; whether nothing did.
fn report(summary: &Summary) -> bool {
    const SHOWN: usize = 20;
    for failure in summary.failures.iter().take(SHOWN) {
        println!("seed {}, {} requests: {}", failure.seed, failure.requests, failure.what);
    }
    let missing = summary.missing();
    for never in &missing {
        println!("never happened: {never}");
    }
    if let Some(shortest) = summary.failures.first() {
        println!(
            "{} schedules FAILED; to see the shortest: cargo run --release -p haversack-sim -- --seed {}",
            summary.failures.len(),
            shortest.seed
        );
    }
    summary.failures.is_empty() && missing.is_empty()
}
