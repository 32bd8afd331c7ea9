//! The world that the core asks for as arguments: the time, and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use haversack::{Entropy, NoEntropy, Timestamp};

/// Tells the time. Any `Fn() -> Timestamp` is one, so that tests can turn it.
pub trait Clock: Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// The operating system's clock. Keep it synchronised: servers of a fleet may differ by less than
/// five minutes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's random generator, asked anew for each nonce.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// A source of randomness that requests share.
pub(crate) type SharedEntropy =
    std::sync::Arc<dyn Fn(&mut [u8]) -> Result<(), NoEntropy> + Send + Sync>;

pub(crate) struct Shared<'a>(pub(crate) &'a SharedEntropy);

impl Entropy for Shared<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        (self.0)(bytes)
    }
}
