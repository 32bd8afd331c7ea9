//! What a server of a fleet has of its own: a clock that is wrong, randomness, and a key ring.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use haversack::{Entropy as _, KeyRing, NoEntropy, Timestamp};

use super::RingFeed;
use crate::{Clock, SeededEntropy, Sleep};

/// One server of a [`Fleet`](crate::Fleet): what it is made with, and what a test does to it.
///
/// It outlives crashes: who starts a server again passes it the same clock and the same feed.
#[derive(Clone, Debug)]
pub struct Server {
    index: usize,
    clock: Clock,
    skew_ms: Arc<AtomicI64>,
    entropy: Arc<Mutex<SeededEntropy>>,
    feed: RingFeed,
}

impl Server {
    pub(super) fn new(index: usize, clock: Clock, entropy: SeededEntropy) -> Self {
        Self {
            index,
            clock,
            skew_ms: Arc::default(),
            entropy: Arc::new(Mutex::new(entropy)),
            feed: RingFeed::new(KeyRing::for_tests()),
        }
    }

    /// Which server this is, counted from zero.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The server's clock: the fleet's, and its [skew](Self::skew). Fits `Builder::clock`.
    pub fn clock(&self) -> impl Fn() -> Timestamp + Clone + Send + Sync + 'static + use<> {
        let (clock, skew_ms) = (self.clock.clone(), Arc::clone(&self.skew_ms));
        move || {
            let skew_ms = skew_ms.load(Ordering::SeqCst);
            Timestamp::from_millis(clock.now_ms().saturating_add_signed(skew_ms))
        }
    }

    /// Takes so much of the fleet's time, for handlers that are slow; see [`Clock::sleep`].
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.clock.sleep(time)
    }

    /// The server's randomness, which follows from the fleet's seed. Fits `Builder::entropy`.
    pub fn entropy(
        &self,
    ) -> impl Fn(&mut [u8]) -> Result<(), NoEntropy> + Clone + Send + Sync + 'static + use<> {
        let entropy = Arc::clone(&self.entropy);
        move |bytes| entropy.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes)
    }

    /// Where the server's keys come from; at first, `KeyRing::for_tests()`. Fits
    /// `Haversack::builder`.
    pub fn feed(&self) -> RingFeed {
        self.feed.clone()
    }

    /// Lets the server's clock be ahead of the fleet's by so many milliseconds, or behind.
    ///
    /// Sessions may rely on the clocks of two servers differing by less than five minutes.
    pub fn skew(&self, ms: i64) {
        self.skew_ms.store(ms, Ordering::SeqCst);
    }
}
