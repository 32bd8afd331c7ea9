//! Somebody with a copy of the jar, in a world whose servers tell each other what is over.
//!
//! The copy is taken once, at any moment. From then on its holder asks whichever server, one request after
//! the other, and keeps what is answered. What became of that is judged at once, by what the servers
//! have told the owner, and the verdict is part of the state.

use haversack::Lifetime;

use crate::client::Jar;
use crate::oracle::{Identity, Oracle};
use crate::servers::{Millis, Request, Seen, Served, Server};
use crate::session::{Act, Number};
use crate::world::{ANSWER, Model, Step, World};

/// Five minutes, after which a renewal holds against older copies.
const GRACE: Millis = 5 * 60 * 1000;
/// What who has a copy writes; no request of the client's has the number.
const THIEF: Number = 31;
/// How old a view may be and still be taken for new.
const FRESH: Millis = 5 * 1000;

/// Who holds the copy, and what they came by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Thief {
    /// None before the theft.
    pub(crate) jar: Option<Jar>,
    /// The session that the jar held then.
    stolen: Seen,
    /// Requests so far.
    pub(crate) requests: usize,
    pub(crate) loot: Loot,
}

/// What must never happen, and whether it did.
#[expect(clippy::struct_excessive_bools, reason = "verdicts, each for itself")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Loot {
    /// A server that knew that the session had ended let them in.
    pub(crate) ended: bool,
    /// So did one that knew of a renewal from a grace before.
    pub(crate) renewed: bool,
    /// They renewed a session that its owner had renewed or ended.
    pub(crate) outran: bool,
    /// A session that had ended was let in on some server after its idle limit.
    pub(crate) undead: bool,
}

impl Thief {
    pub(crate) fn steals(&mut self, jar: &Jar, seen: &Seen) {
        self.jar = Some(jar.clone());
        self.stolen = seen.clone();
    }

    /// Whether the owner has renewed or ended the session since.
    pub(crate) fn is_late(&self, oracle: &Oracle) -> bool {
        oracle.identity(&self.stolen).is_some_and(|head| {
            oracle.closings.iter().any(|closing| closing.session == head.session)
                || oracle.identities.iter().any(|event| is_later(oracle, event, head))
        })
    }

    /// A server has answered the holder of the copy.
    pub(crate) fn answered(
        &mut self,
        request: &Request,
        served: &Served,
        oracle: &Oracle,
        idle: Millis,
    ) {
        self.requests += 1;
        let mut jar = request.jar.clone();
        served.lines.iter().for_each(|line| jar.apply(line));
        self.jar = Some(jar);
        let Some(head) = oracle.identity(&served.before).filter(|head| head.user.is_some()) else {
            return;
        };
        if served.refused.is_some() {
            return;
        }
        let knows = !request.server.deaf;
        let now = request.answered;
        let ended = oracle.closings.iter().filter(|it| it.session == head.session);
        let first_end = ended.map(|closing| closing.at).min();
        let renewals = oracle.identities.iter().filter(|event| is_later(oracle, event, head));
        let first_renewal = renewals.map(|event| event.at).min();
        self.loot.ended |= knows && first_end.is_some();
        self.loot.renewed |= knows && first_renewal.is_some_and(|at| now >= at + GRACE);
        self.loot.outran |=
            knows && request.act == Act::Renew && (first_end.is_some() || first_renewal.is_some());
        self.loot.undead |= first_end.is_some_and(|at| now > at + FRESH + idle);
    }
}

impl Model {
    /// What who has a copy can do next, or who wants one.
    pub(crate) fn replays(&self, world: &World, steps: &mut Vec<Step>) {
        let (acts, requests) = self.scenario.thief;
        if requests > 0 && world.thief.jar.is_none() {
            steps.push(Step::Steal);
        } else if world.thief.requests < requests {
            let servers = self.scenario.servers;
            let each =
                acts.iter().flat_map(|act| servers.iter().map(move |server| (*act, *server)));
            let may = each.filter(|(act, server)| world.may_replay(*act, *server));
            steps.extend(may.map(|(act, server)| Step::Replay { act, server }));
        }
    }

    /// The holder of the copy asks, is answered, and keeps it all, in one step.
    pub(crate) fn replay(&self, world: &mut World, act: Act, server: Server) {
        let Some(jar) = world.thief.jar.clone() else { return };
        if self.scenario.answer_takes_time {
            world.now += ANSWER;
        }
        let request = Request {
            number: THIEF,
            act,
            jar,
            sent: world.now,
            answered: world.now,
            server,
            known: world.log.clone(),
        };
        let served = self.servers.answer(&request);
        let Lifetime { idle, leeway, .. } = self.scenario.lifetime;
        let idle = idle.unwrap_or_default() + leeway;
        let idle = Millis::try_from(idle.as_millis()).unwrap_or(Millis::MAX);
        world.thief.answered(&request, &served, &world.oracle, idle);
        world.publish(&served.published);
    }
}

impl World {
    /// Who renews first has the session: nothing prevents a thief from that but a short life. So it is
    /// only tried where the owner was first and the server has heard of it.
    fn may_replay(&self, act: Act, server: Server) -> bool {
        act != Act::Renew || (!server.deaf && self.thief.is_late(&self.oracle))
    }
}

fn is_later(oracle: &Oracle, event: &Identity, head: &Identity) -> bool {
    event.session == head.session && event.renews && oracle.heads(event, head)
}
