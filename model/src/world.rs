//! The state of the world, and every step that it can take.
//!
//! One client, up to three requests under way, servers that keep nothing. A response arrives line
//! by line, or in part, or never (a response that no step moves on is a lost one); requests and
//! responses overtake each other as they like. The one assumption: what has not arrived five
//! minutes after its request departed never does.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use haversack::Revocation;
use stateright::Property;

use crate::client::{Jar, Line};
use crate::kinds::{Kind, Kinds, Meetings};
use crate::oracle::{Oracle, Past};
use crate::properties;
use crate::scenarios::Scenario;
use crate::servers::{Known, Millis, Request, Seen, Server, Servers, Upkeep};
use crate::session::{Act, Number};
use crate::thief::Thief;

/// The one assumption about the world.
const GRACE: Millis = 5 * 60 * 1000;
/// How long it takes a server to answer; so two answers are not of the same instant.
pub(crate) const ANSWER: Millis = 10;

/// What there is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) now: Millis,
    /// Steps of the clock that are over.
    ticks: usize,
    /// Requests that were sent, those of the preparation included.
    pub(crate) sent: Number,
    pub(crate) jar: Jar,
    /// In an order that depends on nothing but what they are.
    pub(crate) flights: Vec<Flight>,
    /// Requests may depart next whose act is not before this one in the scenario.
    departs_from: usize,
    pub(crate) oracle: Oracle,
    /// What servers have told each other is over.
    pub(crate) log: Known,
    pub(crate) thief: Thief,
    /// What a read of the jar shows.
    pub(crate) seen: Derived<Seen>,
    /// What quiet requests would make of the jar.
    pub(crate) upkeep: Derived<Upkeep>,
}

/// A request, later its response.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Flight {
    /// Zero for one that only reads: which of several such it is makes no difference.
    pub(crate) number: Number,
    pub(crate) act: Act,
    sent: Millis,
    past: Past,
    /// Not answered now, since it could have been before the last line was applied.
    held: bool,
    pub(crate) stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    /// Not answered yet; it carries the cookies that the jar held at its departure.
    Request(Jar),
    /// Answered, and partly applied.
    Response { lines: Arc<[Line]>, applied: usize, kinds: Kinds },
}

/// One step. Places are those in [`World::flights`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Act),
    Answer {
        place: usize,
        server: Server,
    },
    /// The client applies the next line of a response.
    Apply {
        place: usize,
    },
    /// Time passes, as the scenario says.
    Wait,
    /// Somebody copies the jar.
    Steal,
    /// Who has the copy is answered, and keeps all that is sent.
    Replay {
        act: Act,
        server: Server,
    },
}

/// In which order steps are taken that commute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// In one.
    One,
    /// In one, but requests that depart at once do so, and are numbered, in every order.
    Departures,
    /// In every order.
    Every,
}

/// The world under the bounds of one scenario.
pub(crate) struct Model {
    pub(crate) scenario: Scenario,
    pub(crate) servers: Servers,
    pub(crate) meetings: Meetings,
    order: Order,
    start: World,
}

impl Model {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let setup: Millis = scenario.setup.iter().map(|(_, pause)| pause).sum();
        let rekey = scenario.rekey.map_or(300 * 24 * 3_600_000, |after| setup + after);
        let start = World {
            now: 0,
            ticks: 0,
            sent: 0,
            jar: Jar::default(),
            flights: Vec::new(),
            departs_from: 0,
            oracle: Oracle::new(scenario.ordered, scenario.fleet),
            log: scenario.fleet.then(Arc::default),
            thief: Thief::default(),
            seen: Derived::default(),
            upkeep: Derived::default(),
        };
        let servers = Servers::new(scenario.lifetime, rekey, setup);
        let mut model =
            Self { scenario, servers, meetings: Meetings::default(), order: Order::One, start };
        model.start = model.prepare();
        model
    }

    /// What the scenario begins with: some requests, one after the other.
    fn prepare(&self) -> World {
        let mut world = self.start.clone();
        for (act, pause) in self.scenario.setup {
            self.send(&mut world, *act);
            self.answer(&mut world, 0, Server::PLAIN);
            while !world.flights.is_empty() {
                self.apply(&mut world, 0);
            }
            world.now += pause;
        }
        self.look(&mut world);
        world
    }

    fn requests_left(&self, world: &World) -> usize {
        self.scenario.setup.len() + self.scenario.requests - usize::from(world.sent)
    }

    fn send(&self, world: &mut World, act: Act) {
        world.sent += 1;
        world.departs_from = self.scenario.acts.iter().position(|a| *a == act).unwrap_or(0);
        let (past, jar) = match act {
            Act::Visit => (Past::default(), Jar::default()),
            _ => (world.oracle.past(), world.jar.clone()),
        };
        world.flights.push(Flight {
            number: if act == Act::Read { 0 } else { world.sent },
            act,
            sent: world.now,
            past,
            held: false,
            stage: Stage::Request(jar),
        });
    }

    fn answer(&self, world: &mut World, place: usize, server: Server) {
        if self.scenario.answer_takes_time {
            world.now += ANSWER;
        }
        world.departs_from = usize::MAX;
        world.flights.iter_mut().for_each(|flight| flight.held = false);
        let others: Vec<Kinds> = world.flights.iter().filter_map(Flight::kinds).collect();
        let flight = &mut world.flights[place];
        let Stage::Request(jar) = &flight.stage else { return };
        let served = self.servers.answer(&Request {
            number: flight.number,
            act: flight.act,
            jar: jar.clone(),
            sent: flight.sent,
            answered: world.now,
            server,
            known: world.log.clone(),
        });
        let kinds = served.kinds;
        for those in others {
            self.meetings.note(kinds, those);
        }
        flight.stage = Stage::Response { lines: Arc::clone(&served.lines), applied: 0, kinds };
        world.oracle.answered(flight.number, flight.act, flight.past, &served, world.now);
        world.publish(&served.published);
        world.land(place);
        if !served.published.is_empty() {
            self.look(world);
        }
    }

    fn apply(&self, world: &mut World, place: usize) {
        let flight = &mut world.flights[place];
        let Stage::Response { lines, applied, .. } = &mut flight.stage else { return };
        world.jar.apply(&lines[*applied]);
        *applied += 1;
        world.oracle.begun(flight.number);
        world.land(place);
        world.departs_from = 0;
        world.flights.iter_mut().for_each(|flight| flight.held = flight.is_request());
        self.look(world);
    }

    fn wait(&self, world: &mut World) {
        world.now += self.scenario.clock[world.ticks];
        world.ticks += 1;
        world.oracle.expired |= world.ticks >= self.scenario.expires;
        world.departs_from = 0;
        let now = world.now;
        // A renewal that its client never hears of costs the session (DESIGN.md).
        let lost = |flight: &Flight| now - flight.sent > GRACE;
        let renews = |flight: &Flight| {
            flight.kinds().is_some_and(|kinds| kinds.iter().any(|kind| kind == Kind::Renew))
        };
        let costs = world.flights.iter().any(|flight| lost(flight) && renews(flight));
        world.oracle.expired |= self.scenario.fleet && costs;
        world.flights.retain(|flight| !lost(flight));
        world.flights.iter_mut().for_each(|flight| flight.held = false);
        self.look(world);
    }

    /// Takes back what `apply` and the others said about the order of the next steps.
    fn loosen(&self, world: &mut World) {
        if self.order == Order::Every {
            world.flights.iter_mut().for_each(|flight| flight.held = false);
        }
        let after_answer = world.departs_from == usize::MAX;
        if self.order == Order::Every || (self.order == Order::Departures && !after_answer) {
            world.departs_from = 0;
        }
    }

    /// What the jar is worth now.
    fn look(&self, world: &mut World) {
        world.seen = Derived(self.servers.see(&world.jar, &world.log, world.now));
        world.upkeep = Derived(self.servers.keep_up(&world.jar, &world.log, world.now));
        world.oracle.saw(&world.seen);
    }
}

impl World {
    pub(crate) fn publish(&mut self, records: &[Revocation]) {
        if let Some(log) = self.log.as_mut().filter(|_| !records.is_empty()) {
            Arc::make_mut(log).extend(records);
        }
    }

    /// A response of which nothing is left to apply has arrived.
    fn land(&mut self, place: usize) {
        if self.flights[place].has_arrived() {
            let landed = self.flights.remove(place);
            self.oracle.told(landed.number);
        }
    }
}

impl Flight {
    fn is_request(&self) -> bool {
        matches!(self.stage, Stage::Request(_))
    }

    fn has_arrived(&self) -> bool {
        match &self.stage {
            Stage::Response { lines, applied, .. } => *applied == lines.len(),
            Stage::Request(_) => false,
        }
    }

    /// What the response did, once there is one.
    fn kinds(&self) -> Option<Kinds> {
        match self.stage {
            Stage::Response { kinds, .. } => Some(kinds),
            Stage::Request(_) => None,
        }
    }
}

/// Steps that commute are taken in one order only. An answer depends on no jar but that of its
/// request's departure, so it is given before lines are applied rather than after; a departure
/// depends on no answer, so it comes before answers; and of requests that depart at once, those
/// come first whose act comes first in the scenario. Every state can be reached by such a path.
impl stateright::Model for Model {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![self.start.clone()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if self.requests_left(world) > 0 {
            let may_depart = self.scenario.acts.iter().skip(world.departs_from);
            steps.extend(may_depart.map(|act| Step::Send(*act)));
        }
        for (place, flight) in world.flights.iter().enumerate() {
            if !flight.is_request() {
                steps.push(Step::Apply { place });
            } else if !flight.held {
                let servers = self.scenario.servers.iter();
                steps.extend(servers.map(|server| Step::Answer { place, server: *server }));
            }
        }
        if world.ticks < self.scenario.clock.len() {
            steps.push(Step::Wait);
        }
        self.replays(world, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut world = world.clone();
        match step {
            Step::Send(act) => self.send(&mut world, act),
            Step::Answer { place, server } => self.answer(&mut world, place, server),
            Step::Apply { place } => self.apply(&mut world, place),
            Step::Wait => self.wait(&mut world),
            Step::Steal => world.thief.steals(&world.jar, &world.seen),
            Step::Replay { act, server } => self.replay(&mut world, act, server),
        }
        self.loosen(&mut world);
        world.flights.sort_unstable();
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// What follows from the rest of a state, and so does not tell states apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Derived<T>(T);

impl<T> Deref for Derived<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Derived<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Derived<T> {}

impl<T> Hash for Derived<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
mod tests {
    use stateright::{Checker as _, Model as _};

    use super::*;
    use crate::scenarios::ALL;

    #[test]
    fn taking_steps_that_commute_in_one_order_leaves_no_jar_out() {
        for name in ["first visits", "writes"] {
            let scenario = ALL.iter().find(|scenario| scenario.name == name).expect("a scenario");
            let explored = |order| {
                let scenario = Scenario { requests: 2, ..*scenario };
                let checker = Model { order, ..Model::new(scenario) }.checker().spawn_bfs().join();
                (checker.model().servers.jars(), checker.unique_state_count())
            };
            let (in_one_order, few) = explored(Order::Departures);
            let (in_every_order, many) = explored(Order::Every);
            assert!(few < many, "{name}: nothing was saved");
            assert!(in_one_order.len() > 100, "{name}: only {} jars", in_one_order.len());
            assert!(in_one_order == in_every_order, "{name}: other jars");
        }
    }
}
