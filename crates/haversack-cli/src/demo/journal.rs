//! What happened lately, for the page: requests, and events worth a sentence.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests that are shown.
pub(super) const REQUESTS: usize = 40;
const EVENTS: usize = 5;

#[derive(Default)]
pub(super) struct Journal {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    count: u64,
    requests: VecDeque<Served>,
    events: VecDeque<Happened>,
}

/// A request and who answered it.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) number: u64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: u16,
    /// The replica that answered; none if nobody did.
    pub(super) replica: Option<usize>,
    /// How often it was sent.
    pub(super) attempts: usize,
    pub(super) took: Duration,
}

#[derive(Clone)]
pub(super) struct Happened {
    pub(super) at: Instant,
    pub(super) what: String,
}

impl Journal {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn served(&self, mut served: Served) {
        let mut entries = self.entries();
        entries.count += 1;
        served.number = entries.count;
        entries.requests.push_back(served);
        let excess = entries.requests.len().saturating_sub(REQUESTS);
        entries.requests.drain(..excess);
    }

    pub(super) fn happened(&self, what: impl Into<String>) {
        let mut entries = self.entries();
        entries.events.push_front(Happened { at: Instant::now(), what: what.into() });
        entries.events.truncate(EVENTS);
    }

    /// Oldest first.
    pub(super) fn requests(&self) -> Vec<Served> {
        self.entries().requests.iter().cloned().collect()
    }

    /// Newest first.
    pub(super) fn events(&self) -> Vec<Happened> {
        self.entries().events.iter().cloned().collect()
    }
}
