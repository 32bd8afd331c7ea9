//! What was promised, what was seen, and whether they agree.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::Answer;
use super::fleet::Place;
use super::history::History;
use super::plan::{Terms, millis, now_ms};
use super::server::PARTIAL;

/// Times without a fault.
pub(super) const CALM: &str = "none";

#[derive(Clone)]
pub(super) struct Judge {
    state: Arc<Mutex<State>>,
    pub(super) terms: Terms,
}

#[derive(Default)]
struct State {
    phases: Vec<Phase>,
    now: usize,
    violations: BTreeMap<String, (u64, String)>,
    history: History,
    ending: bool,
}

/// What was seen during faults of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase {
    pub(super) name: String,
    pub(super) requests: u64,
    pub(super) unanswered: u64,
    /// 503: the view was too old for the route, or for an identity event.
    pub(super) stale: u64,
    /// 503, or read in part: a key is unknown.
    pub(super) unknown: u64,
    /// Milliseconds.
    pub(super) latency: Vec<u64>,
    /// Logouts and revocations that were acknowledged, and those of which the server said that the
    /// others do not know yet.
    pub(super) told: u64,
    pub(super) untold: u64,
    /// From the acknowledgement until a server refused, in milliseconds: each server, each session.
    pub(super) standard: Vec<u64>,
    pub(super) sensitive: Vec<u64>,
    pub(super) untold_until: Vec<u64>,
    /// Acceptances after the engine had lost what it acknowledged, before who knew it had put it back:
    /// how long after the engine was back.
    pub(super) forgotten: Vec<u64>,
}

/// What was asked of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Standard,
    Sensitive,
    /// An identity event that is no authentication.
    Renewal,
    /// Login and logout.
    Identity,
}

impl Judge {
    pub(super) fn new(terms: Terms) -> Self {
        Self { state: Arc::default(), terms }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on everything is counted under this name.
    pub(super) fn enter(&self, name: &str) {
        let mut state = self.lock();
        state.now = state.phases.iter().position(|it| it.name == name).unwrap_or_else(|| {
            state.phases.push(Phase { name: name.to_owned(), ..Phase::default() });
            state.phases.len() - 1
        });
        eprintln!("{}  {name}", now_ms() / 1000);
    }

    pub(super) fn phase(&self) -> usize {
        self.lock().now
    }

    pub(super) fn count(&self, phase: usize, count: impl FnOnce(&mut Phase)) {
        count(&mut self.lock().phases[phase]);
    }

    pub(super) fn end(&self) {
        self.lock().ending = true;
    }

    pub(super) fn is_ending(&self) -> bool {
        self.lock().ending
    }

    pub(super) fn violation(&self, what: &str, detail: impl FnOnce() -> String) {
        let mut state = self.lock();
        let phase = state.phases[state.now].name.clone();
        let first = || {
            let detail = detail();
            eprintln!("{}  VIOLATION {what}: {detail}", now_ms() / 1000);
            (0, format!("{detail}; during: {phase}"))
        };
        state.violations.entry(what.to_owned()).or_insert_with(first).0 += 1;
    }

    /// Half of the servers lose the engine.
    pub(super) fn cut(&self, half: usize) {
        self.lock().history.cut(half, now_ms());
    }

    pub(super) fn healed(&self) {
        self.lock().history.healed(now_ms());
    }

    /// The engine lost what it acknowledged after `kept`, or everything.
    pub(super) fn lost(&self, kept: Option<u64>) {
        self.lock().history.lost(kept, now_ms());
    }

    pub(super) fn history(&self) -> History {
        self.lock().history.clone()
    }

    /// A server that began to listen: it must have been able to learn what the fleet knows.
    pub(super) fn joined(&self, server: usize, half: usize, begun: u64, joined: u64) {
        if self.history().was_cut(half, begun, joined) {
            self.violation("a server listens that was never synchronised", || {
                format!("server {server}, started {begun}, listens since {joined}")
            });
        }
    }

    /// Counts an answer, and judges a refusal. Whether it is an answer that shows the session whole.
    pub(super) fn answered(
        &self,
        place: Place,
        phase: usize,
        route: Route,
        answer: Option<&Answer>,
    ) -> bool {
        let Some(answer) = answer else {
            self.count(phase, |it| {
                it.requests += 1;
                it.unanswered += 1;
            });
            return false;
        };
        let stale = answer.is("stale");
        let unknown = answer.is("unavailable") || answer.is(PARTIAL);
        self.count(phase, |it| {
            it.requests += 1;
            it.stale += u64::from(stale);
            it.unknown += u64::from(unknown);
            it.latency.push(answer.got.saturating_sub(answer.sent));
        });
        if answer.ok() && answer.why.is_none() {
            return true;
        }
        let Terms { fresh, blind, lead, .. } = self.terms;
        let may_be_older = match route {
            Route::Sensitive if stale => Some(millis(fresh)),
            Route::Standard if stale => Some(millis(blind)),
            Route::Renewal if stale || unknown => Some(millis(fresh.min(lead))),
            _ if unknown => Some(millis(lead)),
            Route::Identity if answer.is("unpublished") => Some(0),
            _ => None,
        };
        // Who starts on an engine that was set back has a ring, and not yet its newest key.
        if unknown && self.history().may_have_older_keys(place.joined, answer.sent) {
            return false;
        }
        if may_be_older.is_none_or(|limit| answer.age() <= limit) {
            self.violation("refused without a reason", || {
                let (status, why) = (answer.status, answer.why.as_deref().unwrap_or_default());
                format!("{route:?}: {status} {why}, view {} ms old", answer.age())
            });
        }
        false
    }

    pub(super) fn phases(&self) -> Vec<Phase> {
        self.lock().phases.clone()
    }

    pub(super) fn violations(&self) -> BTreeMap<String, (u64, String)> {
        self.lock().violations.clone()
    }
}
