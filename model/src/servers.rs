//! The servers: functions from a request to a response, which call the core and nothing else.
//!
//! A server keeps nothing, so what it answers depends on its arguments alone, and an answer that
//! was worked out once is remembered for all other paths that lead to the same question.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haversack::{
    Entropy, EventKind, Exchange, Fetch, KeyRing, Lifetime, NoEntropy, Policy, Revocation,
    Revocations, Room, Rules, Scrutiny, SealError, SessionId, Snapshot, Timestamp, View, Work,
};

use crate::client::{Jar, Line};
use crate::kinds::{Kind, Kinds};
use crate::session::{Act, Number, Session};

/// Milliseconds since the model's epoch.
pub(crate) type Millis = u64;

/// 2026-01-01, a whole ten seconds.
const EPOCH: Millis = 1_767_225_600_000;

/// What servers have told each other is over; none where they tell each other nothing.
pub(crate) type Known = Option<Arc<BTreeSet<Revocation>>>;

/// How one server differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    /// Milliseconds by which its clock is ahead.
    pub(crate) ahead: Millis,
    /// It has not heard of the key that follows the first.
    pub(crate) old_ring: bool,
    /// It has heard nothing of the others since the preparation.
    pub(crate) deaf: bool,
}

impl Server {
    /// The clock is right and the ring is the newest.
    pub(crate) const PLAIN: Self = Self { ahead: 0, old_ring: false, deaf: false };
}

/// A request as a server meets it: what was sent when, and when the response is made.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) number: Number,
    pub(crate) act: Act,
    pub(crate) jar: Jar,
    pub(crate) sent: Millis,
    pub(crate) answered: Millis,
    pub(crate) server: Server,
    pub(crate) known: Known,
}

/// What a handler sees of its session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// The id; none without a session.
    pub(crate) id: Option<SessionId>,
    pub(crate) session: Session,
}

impl Seen {
    pub(crate) fn brief(&self) -> String {
        if self.id.is_none() { "no session".to_owned() } else { self.session.brief() }
    }
}

/// A response, and what is known about it on the server.
pub(crate) struct Served {
    pub(crate) lines: Arc<[Line]>,
    pub(crate) refused: Option<SealError>,
    /// What the handler was given.
    pub(crate) before: Seen,
    /// What a client sees that applies the response and does nothing else.
    pub(crate) after: Seen,
    pub(crate) kinds: Kinds,
    /// What the others are told.
    pub(crate) published: Vec<Revocation>,
}

/// What quiet requests make of a jar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upkeep {
    /// After a few of them nothing is left to do.
    pub(crate) ends: bool,
    /// None of them changed what a handler sees.
    pub(crate) keeps: bool,
    /// Parcels that are left when all is settled.
    pub(crate) left: usize,
}

/// Quiet requests after which nothing may be left to do.
const UPKEEP: usize = 6;
/// When all is settled: three graces, and what rounding takes.
const SETTLED: Millis = 16 * 60 * 1000;
/// Several of the slots in which folds are decided.
const SLOT: Millis = 10_000;

pub(crate) struct Servers {
    new: Snapshot<Session>,
    old: Snapshot<Session>,
    served: Memo<Request, Arc<Served>>,
    /// When the preparation was over: since then a deaf server has heard nothing.
    prepared: Millis,
    seen: Memo<(Jar, Known, Millis), Seen>,
    kept_up: Memo<(Jar, Known, Millis), Upkeep>,
}

impl Servers {
    /// Servers with a key that stops sealing at `rekey`, and its successor.
    pub(crate) fn new(lifetime: Lifetime, rekey: Millis, prepared: Millis) -> Self {
        let policy = Policy {
            subject: Some("user".to_owned()),
            identity: vec!["role".to_owned()],
            lifetime,
            ..Policy::default()
        };
        let rules = Arc::new(Rules::new(policy).expect("a policy that fits the session"));
        let first = KeyRing::generate("model.example", at(0), Keys(1)).expect("a ring");
        let overlap = KeyRing::overlap_ms(24 * 3_600_000);
        let both = first.rotate(at(0), Keys(2), rekey, overlap).expect("a second key");
        Self {
            new: Snapshot::new(Arc::clone(&rules), Arc::new(View::from(both))),
            old: Snapshot::new(rules, Arc::new(View::from(first))),
            prepared,
            served: Memo::default(),
            seen: Memo::default(),
            kept_up: Memo::default(),
        }
    }

    /// Every jar that was read so far, with the time.
    #[cfg(test)]
    pub(crate) fn jars(&self) -> std::collections::HashSet<(Jar, Known, Millis)> {
        self.seen.known().keys().cloned().collect()
    }

    /// Answers a request.
    pub(crate) fn answer(&self, request: &Request) -> Arc<Served> {
        self.served.of(request, || Arc::new(self.serve(request)))
    }

    fn serve(&self, request: &Request) -> Served {
        let Request { number, act, ref jar, sent, answered, server, ref known } = *request;
        let snapshot = &self.snapshot(server, known, answered + server.ahead);
        let mut exchange = open(snapshot, jar, sent + server.ahead);
        let before = see(&exchange);
        let identity = act.is_identity();
        let scrutiny = if identity { Scrutiny::None } else { Scrutiny::Standard };
        let stale = exchange.verified(scrutiny).err().map(SealError::Stale);
        if stale.is_none() {
            let (decoded, since) = exchange.value();
            let mut session = decoded.value;
            act.change(number, &mut session);
            exchange.hand_back(&session, since).expect("a `Session` can be encoded");
            match act {
                Act::End => exchange.end(),
                Act::Renew => exchange.renew(),
                _ => {}
            }
        }
        let room = Room { identity, fetch: Fetch::Navigation, ..Room::default() };
        let outcome = exchange.respond(room, at(answered + server.ahead), &mut Lineages(number));
        let lines: Arc<[Line]> = outcome.set_cookies.iter().map(|line| Line::parse(line)).collect();
        let mut applied = jar.clone();
        lines.iter().for_each(|line| applied.apply(line));
        Served {
            lines,
            refused: stale.or(outcome.error),
            after: see(&open(snapshot, &applied, answered + server.ahead)),
            kinds: kinds(act, outcome.report.event, &outcome.report.maintenance),
            before,
            published: outcome.revocations,
        }
    }

    /// What a server judges by that answers now.
    fn snapshot(&self, server: Server, known: &Known, now: Millis) -> Snapshot<Session> {
        let snapshot = if server.old_ring { &self.old } else { &self.new };
        let Some(known) = known else { return snapshot.clone() };
        let heard = known.iter().filter(|_| !server.deaf);
        let mut revocations = Revocations::new();
        revocations.extend(heard);
        let confirmed = if server.deaf { self.prepared.min(now) } else { now };
        let view = View::clone(snapshot.view());
        let (revocations, confirmed) = (Some(revocations), at(confirmed));
        snapshot.with_view(Arc::new(View { revocations, confirmed, ..view }))
    }

    /// What a request would see that departs now.
    pub(crate) fn see(&self, jar: &Jar, known: &Known, now: Millis) -> Seen {
        let now = end_of_slot(now);
        self.seen.of(&(jar.clone(), known.clone(), now), || {
            see(&open(&self.snapshot(Server::PLAIN, known, now), jar, now))
        })
    }

    /// What quiet requests make of the jar, in the next slot and when everything is settled.
    pub(crate) fn keep_up(&self, jar: &Jar, known: &Known, now: Millis) -> Upkeep {
        let soon = end_of_slot(now) + SLOT;
        self.kept_up.of(&(jar.clone(), known.clone(), soon), || {
            let early = self.quiet(jar, known, soon);
            let settled = self.quiet(jar, known, soon + SETTLED);
            Upkeep {
                ends: early.ends && settled.ends,
                keeps: early.keeps && settled.keeps,
                left: settled.left,
            }
        })
    }

    /// One quiet request after the other, all at one time, each response applied.
    fn quiet(&self, jar: &Jar, known: &Known, now: Millis) -> Upkeep {
        let snapshot = self.snapshot(Server::PLAIN, known, now);
        let mut jar = jar.clone();
        let mut upkeep = Upkeep { ends: false, keeps: true, left: 0 };
        let mut first = None;
        for _ in 0..=UPKEEP {
            let exchange = open(&snapshot, &jar, now);
            let seen = see(&exchange);
            upkeep.keeps &= *first.get_or_insert_with(|| seen.clone()) == seen;
            let room = Room { fetch: Fetch::Navigation, ..Room::default() };
            let lines = exchange.respond(room, at(now), &mut Lineages(0)).set_cookies;
            if lines.is_empty() {
                upkeep.ends = true;
                break;
            }
            for line in &lines {
                jar.apply(&Line::parse(line));
            }
        }
        upkeep.left = jar.len();
        upkeep
    }
}

fn at(time: Millis) -> Timestamp {
    Timestamp::from_millis(EPOCH + time)
}

fn end_of_slot(now: Millis) -> Millis {
    now.next_multiple_of(SLOT)
}

fn open(snapshot: &Snapshot<Session>, jar: &Jar, now: Millis) -> Exchange<Session> {
    Exchange::receive(snapshot, [jar.cookie_line().as_bytes()], at(now))
}

fn see(exchange: &Exchange<Session>) -> Seen {
    Seen { id: exchange.info(false).id, session: exchange.value().0.value }
}

fn kinds(act: Act, event: EventKind, maintenance: &[Work]) -> Kinds {
    let event = match event {
        EventKind::Create => Some(Kind::Create),
        EventKind::End => Some(Kind::End),
        EventKind::Login => Some(Kind::Login),
        EventKind::Renew => Some(Kind::Renew),
        EventKind::Switch => Some(Kind::Switch),
        EventKind::Write if matches!(act, Act::Remove(_)) => Some(Kind::Remove),
        EventKind::Write => Some(Kind::Write),
        _ => None,
    };
    let work = maintenance.iter().filter_map(|work| match work {
        Work::Fold => Some(Kind::Fold),
        Work::Rekey => Some(Kind::Rekey),
        Work::Touch => Some(Kind::Touch),
        _ => None,
    });
    event.into_iter().chain(work).collect()
}

/// The lineage that a request begins follows from its number. Nonces fail, and are zero then
/// (DESIGN.md, section 6): equal content is equal bytes, and equal states are equal.
struct Lineages(Number);

impl Entropy for Lineages {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        if bytes.len() != 16 {
            return Err(NoEntropy);
        }
        // All names hint at the same lineage, so that every root is tried for every fragment.
        bytes.fill(0x5a);
        *bytes.last_mut().ok_or(NoEntropy)? = self.0;
        Ok(())
    }
}

/// Keys that are the same in every run.
struct Keys(u64);

impl Entropy for Keys {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in bytes {
            // Knuth's MMIX generator; these keys protect nothing.
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            *byte = self.0.to_be_bytes()[0];
        }
        Ok(())
    }
}

/// Answers that are known already.
struct Memo<Q, A>(Mutex<HashMap<Q, A>>);

impl<Q, A> Default for Memo<Q, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Q: Clone + Eq + Hash, A: Clone> Memo<Q, A> {
    fn of(&self, question: &Q, work_out: impl FnOnce() -> A) -> A {
        if let Some(answer) = self.known().get(question) {
            return answer.clone();
        }
        let answer = work_out();
        self.known().insert(question.clone(), answer.clone());
        answer
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Q, A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
