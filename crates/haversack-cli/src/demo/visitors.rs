//! What the demo remembers about a browser, so that a jar can be put back: it stands in for a
//! thief, or for a backup. No replica knows any of it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use super::jar::{Fate, Parcel};
use super::summary::Summary;

const NAME: &str = "demo-id";
/// Browsers that are remembered; the oldest is forgotten first.
const CAPACITY: usize = 64;

#[derive(Default)]
pub(super) struct Visitors {
    known: Mutex<VecDeque<Visitor>>,
}

#[derive(Default)]
struct Visitor {
    id: String,
    saved: Option<Saved>,
    outcome: Option<String>,
    ended_by: Option<EndedBy>,
    /// Answers that set parcels, while none has ever come back.
    unreturned: u32,
    returned: bool,
}

/// A jar of an earlier moment.
#[derive(Clone)]
pub(super) struct Saved {
    pub(super) cookies: Vec<(String, String)>,
    pub(super) summary: Summary,
    pub(super) at: Instant,
}

/// The replica at which somebody signed out last.
#[derive(Clone, Copy)]
pub(super) struct EndedBy {
    pub(super) number: usize,
    pub(super) pid: u32,
}

/// What the page says about the browser.
#[derive(Default)]
pub(super) struct Told {
    /// Parcels of the saved jar, and its age.
    pub(super) saved: Option<(usize, Duration)>,
    /// What came of putting it back.
    pub(super) outcome: Option<String>,
    /// The browser does not send the session's cookies back.
    pub(super) mute: bool,
}

impl Visitors {
    fn known(&self) -> MutexGuard<'_, VecDeque<Visitor>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The browser's id, and whether it is to be set.
    pub(super) fn of(headers: &HeaderMap) -> (String, bool) {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs =
            lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let id = pairs.find(|(name, _)| name.trim() == NAME).map(|(_, id)| id.trim().to_owned());
        match id.filter(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(id) => (id, false),
            None => (fresh(), true),
        }
    }

    fn with<R>(&self, id: &str, act: impl FnOnce(&mut Visitor) -> R) -> R {
        let mut known = self.known();
        let at = known.iter().position(|visitor| visitor.id == id);
        let mut visitor = at
            .and_then(|at| known.remove(at))
            .unwrap_or_else(|| Visitor { id: id.to_owned(), ..Visitor::default() });
        let result = act(&mut visitor);
        known.push_back(visitor);
        let excess = known.len().saturating_sub(CAPACITY);
        known.drain(..excess);
        result
    }

    /// Notices a browser that keeps plain cookies but not `Secure` ones on plain http.
    pub(super) fn saw(&self, id: &str, sent: &[(String, String)], parcels: &[Parcel]) {
        self.with(id, |visitor| {
            visitor.returned |= !sent.is_empty();
            if parcels.iter().any(|parcel| matches!(parcel.fate, Fate::New | Fate::Resealed)) {
                visitor.unreturned += 1;
            }
        });
    }

    pub(super) fn save(&self, id: &str, cookies: Vec<(String, String)>, summary: Summary) {
        let saved = Saved { cookies, summary, at: Instant::now() };
        self.with(id, |visitor| {
            visitor.saved = Some(saved);
            visitor.outcome = None;
        });
    }

    pub(super) fn saved(&self, id: &str) -> Option<Saved> {
        self.with(id, |visitor| visitor.saved.clone())
    }

    pub(super) fn ended(&self, id: &str, by: EndedBy) {
        self.with(id, |visitor| visitor.ended_by = Some(by));
    }

    pub(super) fn ended_by(&self, id: &str) -> Option<EndedBy> {
        self.with(id, |visitor| visitor.ended_by)
    }

    pub(super) fn came_of_it(&self, id: &str, outcome: String) {
        self.with(id, |visitor| visitor.outcome = Some(outcome));
    }

    pub(super) fn tell(&self, id: &str) -> Told {
        self.with(id, |visitor| Told {
            saved: visitor.saved.as_ref().map(|it| (it.cookies.len(), it.at.elapsed())),
            outcome: visitor.outcome.clone(),
            mute: !visitor.returned && visitor.unreturned > 1,
        })
    }
}

/// A line that gives the browser its id: no secret, and without `Secure`, so that every browser
/// keeps it.
pub(super) fn cookie(id: &str) -> String {
    format!("{NAME}={id}; Path=/; HttpOnly; SameSite=Lax")
}

fn fresh() -> String {
    let mut bytes = [0; 8];
    // Without randomness two browsers would share a saved jar, which a demo survives.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_ne_bytes(bytes))
}
