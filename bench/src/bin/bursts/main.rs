//! How many writes of one client may overlap behind a proxy with its default limits.
//!
//! ```text
//! client with a cookie jar ─► nginx, Debian's limits ─► three servers, processes of their own
//! ```
//!
//! Real time passes: folds wait for whole seconds of the wall clock. All runs go on at the same
//! time, each with a jar of its own. See `docs/bursts.md`.

mod client;
mod fleet;
mod mint;
mod quiet;
mod report;
mod runs;
mod texts;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use self::fleet::Fleet;
use self::report::Row;
use self::runs::Start;

const USAGE: &str = "usage: bursts HAVERSACK-BINARY [--json FILE] [--document FILE] [--quick]";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut binary, mut json, mut document, mut quick) = (None, None, None, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--json" => json = arguments.next().map(PathBuf::from),
            "--document" => document = arguments.next().map(PathBuf::from),
            _ => binary = Some(PathBuf::from(argument)),
        }
    }
    let Some(binary) = binary else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let fleet = Fleet::start(&binary);
    let rows = measure(&fleet, if quick { &QUICK } else { &FULL });
    drop(fleet);
    print!("{}", report::markdown(&rows));
    if let Some(path) = json {
        std::fs::write(&path, report::json(&rows)).expect("the JSON file can be written");
    }
    if let Some(path) = document {
        let old = std::fs::read_to_string(&path).expect("the document can be read");
        let new = report::between_marks(&old, &rows).expect("the document has marks for figures");
        std::fs::write(&path, new).expect("the document can be written");
    }
    // Losing is never a matter of size. What is refused is for the reader to judge.
    if rows.iter().any(|row| row.lost > Some(0)) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What is measured.
struct Plan {
    bursts: &'static [usize],
    first_visits: &'static [usize],
    rolling: &'static [usize],
    rolling_for: Duration,
    /// How long is waited afterwards until all is well.
    patience: Duration,
    /// Each run is repeated so often, evenly over ten seconds, which are several slots of folds; the
    /// worst counts.
    phases: u32,
}

const FULL: Plan = Plan {
    bursts: &[10, 20, 30, 40, 50, 60, 70, 80],
    first_visits: &[5, 10, 15, 20, 25, 30, 40, 60],
    rolling: &[4, 6, 8, 10, 16, 20],
    rolling_for: Duration::from_secs(70),
    patience: Duration::from_secs(40),
    phases: 3,
};
const QUICK: Plan = Plan {
    bursts: &[20],
    first_visits: &[10],
    rolling: &[4],
    rolling_for: Duration::from_secs(5),
    patience: Duration::from_secs(20),
    phases: 1,
};

fn measure(fleet: &Fleet, plan: &Plan) -> Vec<Row> {
    thread::scope(|scope| {
        let mut running = Vec::new();
        for phase in 0..plan.phases {
            let wait = Duration::from_secs(10) * phase / plan.phases;
            for &k in plan.rolling {
                running.push(scope.spawn(move || {
                    thread::sleep(wait);
                    runs::rolling(fleet, k, phase as usize, [plan.rolling_for, plan.patience])
                }));
            }
            for start in [Start::Small, Start::TwoKilobytes] {
                for &writes in plan.bursts {
                    running.push(scope.spawn(move || {
                        thread::sleep(wait);
                        runs::burst(fleet, start, writes, plan.patience)
                    }));
                }
            }
            for &writes in plan.first_visits {
                running.push(scope.spawn(move || {
                    thread::sleep(wait);
                    runs::burst(fleet, Start::Empty, writes, plan.patience)
                }));
            }
        }
        report::worst(running.into_iter().map(|run| run.join().expect("a run ends")).collect())
    })
}
