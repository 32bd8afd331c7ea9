//! What the fleet's thread and its handles share.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haversack::{KeyRing, Lifetime, Timestamp};
use tokio::sync::{Notify, oneshot};

use crate::clock::millis;
use crate::engine::Engine;
use crate::error::FleetErrorKind;
use crate::held::Held;
use crate::keeper::Keeper;
use crate::queue::Queue;
use crate::rotate::Rotation;
use crate::signal::Signal;
use crate::trouble::{Task, Troubles};
use crate::uses::Uses;
use crate::wrap::Wraps;

pub(crate) struct Shared {
    pub(crate) engine: Arc<dyn Engine>,
    /// The engine's name.
    pub(crate) name: String,
    pub(crate) server: String,
    /// The app that the ring must belong to, if that was said.
    pub(crate) app: Option<String>,
    pub(crate) wraps: Wraps,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) held: Held,
    pub(crate) keeper: Keeper,
    pub(crate) queue: Queue,
    pub(crate) signal: Signal,
    /// The engine answers: whoever waits before following it again need not.
    pub(crate) answers: Notify,
    pub(crate) troubles: Troubles,
    pub(crate) uses: Uses,
    pub(crate) measured: Measured,
    /// How long a key opens after it stopped sealing, in milliseconds; zero until that was told.
    overlap: AtomicU64,
    /// How long a revocation is needed, in milliseconds; zero until that was told.
    tail: AtomicU64,
    /// Whoever waits for the first confirmation.
    first: Mutex<Option<First>>,
    started: Instant,
}

/// The first confirmation, or why there will be none.
pub(crate) type First = oneshot::Sender<Result<(), FleetErrorKind>>;

/// What was measured last.
#[derive(Debug)]
pub(crate) struct Measured {
    /// When the engine was last heard, in milliseconds since the start.
    heard: AtomicU64,
    /// How long the last change took, in milliseconds; the maximum for never.
    lag: AtomicU64,
    /// By how much the engine's clock is ahead, in milliseconds; the minimum for unknown.
    clock: AtomicI64,
    /// Whether it was told that the engine is read-only.
    read_only: AtomicBool,
    /// Whether records of an unknown kind were met.
    pub(crate) unknown: AtomicBool,
    /// Whether the thread has ended.
    pub(crate) stopped: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        server: String,
        app: Option<String>,
        wraps: Wraps,
        rotation: Option<Rotation>,
        held: Held,
        first: First,
    ) -> Self {
        let name = engine.name();
        Self {
            app: app.or_else(|| engine.app()),
            server,
            wraps,
            rotation,
            held,
            keeper: Keeper::default(),
            queue: Queue::default(),
            signal: Signal::default(),
            answers: Notify::new(),
            troubles: Troubles::new(name.clone()),
            uses: Uses::default(),
            measured: Measured::default(),
            overlap: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            first: Mutex::new(Some(first)),
            started: Instant::now(),
            name,
            engine,
        }
    }

    /// Answers whoever waits for the first confirmation, once.
    pub(crate) fn answer(&self, answer: impl FnOnce() -> Result<(), FleetErrorKind>) {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(first) = first {
            let _ = first.send(answer()); // who no longer waits does not care
        }
    }

    /// Tells once that the engine is read-only, and once that it no longer is.
    pub(crate) fn note_read_only(&self) {
        let read_only = self.engine.read_only();
        if self.measured.read_only.swap(read_only, Ordering::Relaxed) == read_only {
            return;
        }
        if read_only {
            self.troubles.drop(Task::List);
            self.troubles.drop(Task::Publish);
            self.troubles.drop(Task::Report);
            tracing::warn!(
                engine = self.name,
                "this server can read what is revoked but not publish: a logout ends the session in \
                 the jar and on this server; give the user that it runs as write access to the log of \
                 `{0}` (its directory, if that is a file) to end it everywhere",
                self.name
            );
        } else {
            tracing::info!(
                engine = self.name,
                "this server can publish now: what is revoked from now on is revoked everywhere"
            );
        }
    }

    /// The engine was heard.
    pub(crate) fn heard(&self) {
        self.measured.heard.store(millis(self.started.elapsed()), Ordering::Relaxed);
    }

    /// For how long the engine has been silent.
    pub(crate) fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.measured.heard.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(heard)
    }

    /// Sessions of such a lifetime are served: their keys must open for as long.
    pub(crate) fn serves(&self, lifetime: &Lifetime) {
        let unused = lifetime.idle.unwrap_or(lifetime.absolute);
        self.overlap.fetch_max(KeyRing::overlap_ms(millis(unused)), Ordering::Relaxed);
        self.tail.fetch_max(millis(lifetime.tail()), Ordering::Relaxed);
    }

    pub(crate) fn tail_ms(&self) -> Option<u64> {
        Some(self.tail.load(Ordering::Relaxed)).filter(|ms| *ms > 0)
    }

    pub(crate) fn overlap_ms(&self) -> Option<u64> {
        Some(self.overlap.load(Ordering::Relaxed)).filter(|ms| *ms > 0)
    }
}

impl Measured {
    pub(crate) fn set_lag(&self, ms: u64) {
        self.lag.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn lag_ms(&self) -> Option<u64> {
        Some(self.lag.load(Ordering::Relaxed)).filter(|ms| *ms != u64::MAX)
    }

    /// The engine's clock said `theirs` between the two.
    pub(crate) fn set_clock(&self, before: Timestamp, theirs: Timestamp, after: Timestamp) {
        let signed = |time: Timestamp| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let ours = i64::midpoint(signed(before), signed(after));
        self.clock.store(signed(theirs).saturating_sub(ours), Ordering::Relaxed);
    }

    pub(crate) fn clock_ms(&self) -> Option<i64> {
        Some(self.clock.load(Ordering::Relaxed)).filter(|ms| *ms != i64::MIN)
    }
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            heard: AtomicU64::new(0),
            lag: AtomicU64::new(u64::MAX),
            clock: AtomicI64::new(i64::MIN),
            read_only: AtomicBool::new(false),
            unknown: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        }
    }
}
