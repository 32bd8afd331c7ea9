//! The world that the core takes as arguments: the system's clock and its random bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haversack::{Entropy, NoEntropy, Timestamp};

/// The operating system's generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// This machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(millis(since))
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time between half of `about` and one and a half of it, so that many servers do not act at once.
pub(crate) fn jittered(about: Duration) -> Duration {
    let mut byte = [128];
    let _ = getrandom::fill(&mut byte); // without it all act alike, which is slower and not wrong
    about / 2 + about * u32::from(byte[0]) / 255
}
