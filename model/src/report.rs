//! What is printed: a row for each scenario, which kinds met, and the path to a bad state.

use std::time::Duration;

use stateright::Path;

use crate::client::Line;
use crate::kinds::{KINDS, Meetings};
use crate::session::{Act, Number};
use crate::world::{Flight, Stage, Step, World};

/// What was explored of a scenario.
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) states: usize,
    pub(crate) unique: usize,
    pub(crate) depth: usize,
    pub(crate) properties: usize,
    pub(crate) violated: usize,
    pub(crate) took: Duration,
}

pub(crate) fn print_head() {
    println!(
        "{:<18} {:>11} {:>11} {:>6} {:>7}  properties",
        "scenario", "states", "unique", "depth", "seconds"
    );
}

impl Row {
    pub(crate) fn print(&self) {
        let verdict = match self.violated {
            0 => format!("{} hold", self.properties),
            n => format!("{n} VIOLATED"),
        };
        println!(
            "{:<18} {:>11} {:>11} {:>6} {:>7.1}  {verdict}",
            self.scenario,
            self.states,
            self.unique,
            self.depth,
            self.took.as_secs_f64()
        );
    }
}

/// Which kinds of responses were under way together, and how often. Whether all were.
pub(crate) fn print_meetings(meetings: &Meetings) -> bool {
    let name = |kind| format!("{kind:?}").to_lowercase();
    println!("\nunder way at once, in thousands of steps (at least one in each cell)");
    print!("{:<7}", "");
    for kind in KINDS {
        print!(" {:>7}", name(kind));
    }
    println!();
    let mut all = true;
    for (n, this) in KINDS.into_iter().enumerate() {
        print!("{:<7}", name(this));
        for that in KINDS.into_iter().take(n + 1) {
            let count = meetings.of(this, that);
            all &= count > 0;
            let cell =
                if count == 0 { "never".to_owned() } else { format!("{}", count.div_ceil(1000)) };
            print!(" {cell:>7}");
        }
        println!();
    }
    if !all {
        println!("some kinds never met: what was explored says nothing about them");
    }
    all
}

/// Tells how a bad state is reached.
pub(crate) fn print_path(property: &str, scenario: &str, path: Path<World, Step>) {
    let path = path.into_vec();
    println!("\nVIOLATED: {property}\nscenario {scenario}, {} steps", path.len() - 1);
    let states = path.iter().map(|(world, _)| world);
    for ((before, step), after) in path.iter().zip(states.skip(1)) {
        if let Some(step) = step {
            println!("  +{:>8} ms  {}", after.now, narrate(before, *step, after));
        }
    }
    if let Some((world, _)) = path.last() {
        println!("the jar holds: {}", world.jar.brief());
        println!("a read shows: {}", world.seen.brief());
        println!("quiet requests: {:?}", *world.upkeep);
    }
}

fn narrate(before: &World, step: Step, after: &World) -> String {
    match step {
        Step::Send(act) => format!("{} departs: {}", name(after.sent, act), act.brief()),
        Step::Answer { place, server } => {
            let flight = &before.flights[place];
            let lines: Vec<String> = match new_response(before, after) {
                Some(lines) => lines.iter().map(Line::brief).collect(),
                None => vec!["nothing".to_owned()],
            };
            let clock = match server.ahead {
                0 => String::new(),
                ahead => format!(" ({ahead} ms ahead)"),
            };
            let ring = match (server.old_ring, server.deaf) {
                (true, _) => " (with the old ring)",
                (_, true) => " (cut off)",
                _ => "",
            };
            let lines = lines.join(", ");
            format!("{} is answered{clock}{ring}: {lines}", name(flight.number, flight.act))
        }
        Step::Apply { place } => {
            let flight = &before.flights[place];
            let line = match &flight.stage {
                Stage::Response { lines, applied, .. } => lines[*applied].brief(),
                Stage::Request(_) => String::new(),
            };
            let name = name(flight.number, flight.act);
            format!("a line of {name} is applied: {line}; {}", after.seen.brief())
        }
        Step::Wait => "time passes".to_owned(),
        Step::Steal => "somebody copies the jar".to_owned(),
        Step::Replay { act, server } => {
            let deaf = if server.deaf { " a server that is cut off" } else { " a server" };
            format!("who has the copy asks{deaf}: {}; {:?}", act.brief(), after.thief.loot)
        }
    }
}

fn name(number: Number, act: Act) -> String {
    if act == Act::Read { "a read".to_owned() } else { format!("#{number}") }
}

/// The lines of a response that was not there before; none if it had none.
fn new_response<'a>(before: &World, after: &'a World) -> Option<&'a [Line]> {
    let is_new = |flight: &&Flight| {
        let same = |other: &&Flight| (other.number, &other.stage) == (flight.number, &flight.stage);
        let count = |world: &World| world.flights.iter().filter(same).count();
        count(after) > count(before)
    };
    after.flights.iter().filter(is_new).find_map(|flight| match &flight.stage {
        Stage::Response { lines, applied: 0, .. } => Some(&**lines),
        _ => None,
    })
}
