//! A clock that stands still until a test moves it.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use haversack::Timestamp;

/// 2026-01-01T00:00:00Z, when a clock starts.
const START_MS: u64 = 1_767_225_600_000;

/// A clock that a test sets; clones are the same clock.
///
/// A [`Browser`](crate::Browser) has one, and the servers of a [`Fleet`](crate::Fleet) share
/// theirs with the browsers in front of it.
///
/// # Examples
///
/// A handler that takes three minutes, and a test that takes none:
///
/// ```
/// use std::time::Duration;
///
/// use haversack_testkit::Clock;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let clock = Clock::new();
/// let handler = tokio::spawn(clock.sleep(Duration::from_secs(180)));
/// tokio::task::yield_now().await;
/// clock.advance(Duration::from_secs(179));
/// tokio::task::yield_now().await;
/// assert!(!handler.is_finished());
/// clock.advance(Duration::from_secs(1));
/// handler.await.unwrap();
/// # });
/// ```
#[derive(Clone)]
pub struct Clock(Arc<Face>);

struct Face {
    now_ms: AtomicU64,
    sleeping: Mutex<Vec<Waker>>,
}

impl Clock {
    /// A clock that says that it is the start of 2026.
    pub fn new() -> Self {
        Self(Arc::new(Face { now_ms: AtomicU64::new(START_MS), sleeping: Mutex::default() }))
    }

    /// What the clock says.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms())
    }

    /// The same in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.0.now_ms.load(Ordering::SeqCst)
    }

    /// Sets the clock. It may go back.
    pub fn at(&self, now_ms: u64) {
        self.0.now_ms.store(now_ms, Ordering::SeqCst);
        for sleeper in mem::take(&mut *self.sleeping()) {
            sleeper.wake();
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.at(self.now_ms().saturating_add(ms));
    }

    /// Is ready once the clock has moved on by `time`, for handlers that are slow. Nothing else
    /// wakes it: a test that awaits such a handler moves the clock meanwhile, or lets
    /// [`Traffic`](crate::Traffic) hold the request.
    pub fn sleep(&self, time: Duration) -> Sleep {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Sleep { until_ms: self.now_ms().saturating_add(ms), clock: self.clone() }
    }

    fn sleeping(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.0.sleeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now_ms()).finish()
    }
}

/// The future of [`Clock::sleep`].
#[derive(Debug)]
#[must_use = "nobody sleeps until this is awaited"]
pub struct Sleep {
    clock: Clock,
    until_ms: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The waker is in place before the clock is read, so that no move of it is missed.
        self.clock.sleeping().push(cx.waker().clone());
        if self.clock.now_ms() >= self.until_ms { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
