//! Explores every state that the scenarios can reach, and checks the properties in each.
//!
//! ```text
//! haversack-model                 all scenarios, by all processors
//! haversack-model SCENARIO...     some, by one: the path to a bad state is then a shortest one
//! ```
//!
//! | to learn | look at |
//! |---|---|
//! | what is there, and what can happen | `world.rs`; the jar: `client.rs`; the core is called in `servers.rs` |
//! | what the requests do | `session.rs` |
//! | what the client was told | `oracle.rs` |
//! | who has a copy of the jar | `thief.rs` |
//! | what must hold | `properties.rs` |
//! | the bounds | `scenarios.rs` |

mod client;
mod kinds;
mod oracle;
mod properties;
mod report;
mod scenarios;
mod servers;
mod session;
mod thief;
mod world;

use std::process::ExitCode;
use std::time::Instant;
use std::{env, thread};

use stateright::{Checker as _, HasDiscoveries, Model as _};

use crate::kinds::Meetings;
use crate::report::{Row, print_head, print_meetings, print_path};
use crate::scenarios::{ALL, Scenario};
use crate::world::Model;

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    if let Some(name) = wanted.iter().find(|name| ALL.iter().all(|s| s.name != **name)) {
        eprintln!("error: there is no scenario `{name}`");
        return ExitCode::FAILURE;
    }
    let meetings = Meetings::default();
    print_head();
    let threads = match wanted[..] {
        [] => thread::available_parallelism().map_or(1, usize::from),
        _ => 1,
    };
    for scenario in ALL.iter().filter(|s| wanted.is_empty() || wanted.iter().any(|w| w == s.name)) {
        if !explore(*scenario, threads, &meetings) {
            return ExitCode::FAILURE;
        }
    }
    let all_met = print_meetings(&meetings);
    if wanted.is_empty() && !all_met { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Whether all properties hold.
fn explore(scenario: Scenario, threads: usize, meetings: &Meetings) -> bool {
    let began = Instant::now();
    let checker = Model::new(scenario)
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    meetings.add(&checker.model().meetings);
    let violated = checker.discoveries();
    Row {
        scenario: scenario.name,
        states: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth(),
        properties: checker.model().properties().len(),
        violated: violated.len(),
        took: began.elapsed(),
    }
    .print();
    for property in checker.model().properties() {
        if let Some(path) = violated.get(property.name) {
            print_path(property.name, scenario.name, path.clone());
        }
    }
    violated.is_empty()
}
