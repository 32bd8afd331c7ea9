//! The built-in client's other side: it copies a jar before its owner signs out, and shows the copy
//! to every replica from then on. None may take it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use tokio::time::sleep;

use super::front::Shared;

/// From the answer to a sign-out until every replica must refuse: servers hear of it within
/// milliseconds, on a machine that starts processes all the time a little later.
pub(super) const HOLDS_WITHIN: Duration = Duration::from_secs(2);
/// Longest wait for a replica to show it to.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Thief {
    front: Shared,
    /// Those that were refused, for the second look.
    jars: Mutex<Vec<HeaderValue>>,
    /// Looks that are under way.
    looking: AtomicU64,
    loot: Mutex<Loot>,
}

/// What came of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Loot {
    /// Jars that were copied before a sign-out.
    pub(super) jars: u64,
    /// Of these, taken by a replica later than [`HOLDS_WITHIN`] after the sign-out was answered.
    pub(super) taken: u64,
    /// From the answer to a sign-out until all replicas refused the jar, at most.
    pub(super) slowest: Duration,
}

impl Thief {
    pub(super) fn new(front: Shared) -> Self {
        Self { front, jars: Mutex::default(), looking: AtomicU64::new(0), loot: Mutex::default() }
    }

    fn loot(&self) -> MutexGuard<'_, Loot> {
        self.loot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jars(&self) -> MutexGuard<'_, Vec<HeaderValue>> {
        self.jars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a jar whose owner has just been told that they are signed out.
    pub(super) fn show(self: &Arc<Self>, jar: &str) {
        let (Ok(jar), ended) = (HeaderValue::from_str(jar), Instant::now()) else { return };
        self.loot().jars += 1;
        self.looking.fetch_add(1, Ordering::Relaxed);
        let thief = Arc::clone(self);
        tokio::spawn(async move {
            thief.look(&jar, ended).await;
            thief.looking.fetch_sub(1, Ordering::Relaxed);
        });
    }

    async fn look(&self, jar: &HeaderValue, ended: Instant) {
        loop {
            let after = ended.elapsed();
            match self.is_taken(jar).await {
                Some(false) => {
                    self.jars().push(jar.clone());
                    let mut loot = self.loot();
                    loot.slowest = loot.slowest.max(after);
                    return;
                }
                Some(true) if after > HOLDS_WITHIN => {
                    self.loot().taken += 1;
                    return;
                }
                // Nobody is left to refuse it, which is no refusal.
                None if after > PATIENCE => {
                    self.loot().taken += 1;
                    return;
                }
                Some(true) | None => sleep(PAUSE).await,
            }
        }
    }

    /// Whether any of the live replicas serves the jar's session; none if nobody answers.
    async fn is_taken(&self, jar: &HeaderValue) -> Option<bool> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, jar.clone());
        let told = self.front.peek_at_each(&headers).await;
        (!told.is_empty()).then(|| told.iter().any(|(_, summary)| summary.signed_in))
    }

    /// Shows all jars once more: to replicas that have been started since, and under a newer key.
    pub(super) async fn look_again(&self) -> Loot {
        while self.looking.load(Ordering::Relaxed) > 0 {
            sleep(PAUSE).await;
        }
        sleep(HOLDS_WITHIN).await;
        let jars = std::mem::take(&mut *self.jars());
        for jar in jars {
            if self.is_taken(&jar).await != Some(false) {
                self.loot().taken += 1;
            }
        }
        *self.loot()
    }
}
