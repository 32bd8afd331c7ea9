//! The world, as arguments: the core reads no clock and rolls no dice.

use core::fmt;
use core::time::Duration;

/// A point in time, in milliseconds since the Unix epoch.
///
/// The core never asks for the time; every judgement takes `now` as an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time that is `ms` milliseconds after the Unix epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// The time that is `s` seconds after the Unix epoch.
    pub const fn from_secs(s: u64) -> Self {
        Self(s.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This time and `ms` milliseconds more; stops at the end of time.
    #[must_use]
    pub const fn plus_millis(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// This time and `duration` more; stops at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    /// The first whole second after this time.
    #[must_use]
    pub const fn next_second(self) -> Self {
        Self::from_secs(self.as_secs() + 1)
    }

    /// Milliseconds from `earlier` to this time; zero if `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A source of random bytes for nonces and lineages.
///
/// Use the operating system's generator. When it fails, sealing goes on (suite `hv1A` degrades to
/// showing that two parcels are equal, RFC 8452 section 9), but no new session can be made.
pub trait Entropy {
    /// Fills `bytes` with random bytes that nobody can predict.
    ///
    /// # Errors
    ///
    /// When the source cannot deliver; `bytes` is then not used.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        (**self).fill(bytes)
    }
}

/// The source of randomness could not deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source of random bytes failed")
    }
}

impl core::error::Error for NoEntropy {}
