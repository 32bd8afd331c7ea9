//! A clock that stands still until a test moves it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use haversack::Timestamp;

/// 2026-01-01T00:00:00Z, when a clock starts.
const START_MS: u64 = 1_767_225_600_000;

/// A clock that a test sets; clones are the same clock.
///
/// A [`Browser`](crate::Browser) has one, and the servers of a [`Fleet`](crate::Fleet) share
/// theirs with the browsers in front of it.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// A clock that says that it is the start of 2026.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START_MS)))
    }

    /// What the clock says.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms())
    }

    /// The same in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Sets the clock. It may go back.
    pub fn at(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    /// Moves the clock on.
    pub fn advance(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.at(self.now_ms().saturating_add(ms));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
