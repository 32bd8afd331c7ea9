//! The operating system's random bytes.

use std::time::Duration;

use haversack::{Entropy, NoEntropy};

/// The operating system's generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// A time between half of `about` and one and a half of it, so that many servers do not act at once.
pub(crate) fn jittered(about: Duration) -> Duration {
    let mut byte = [128];
    let _ = getrandom::fill(&mut byte); // without it all act alike, which is slower and not wrong
    about / 2 + about * u32::from(byte[0]) / 255
}
