//! Why a response cannot carry the session.

use core::fmt;

use crate::{KeyId, Timestamp, TooLarge};

/// Why a session cannot be written. What the client holds stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// So many of our cookies are on the request that proxies may refuse more; reads fold them
    /// down, so try again.
    Busy {
        /// Characters of our cookies on the request.
        size: usize,
        /// Above this, fields cannot be written.
        limit: usize,
    },
    /// What the request would set is out of date: it took more than five minutes, or the session was
    /// renewed meanwhile.
    Late,
    /// The source of randomness failed, and a new session needs it.
    NoEntropy,
    /// No key of the ring seals at this time.
    NoSealingKey,
    /// The fleet's revocations are not known as of now, and an old session must not be renewed
    /// without. Somebody who proves who they are can be signed in.
    Stale(StaleView),
    /// The session does not fit.
    TooLarge(TooLarge),
    /// The cipher refused; it takes all that fits the budgets, so this is a defect.
    Unsealable,
    /// A part of the session cannot be read here; a newer key ring or program may.
    Unavailable {
        /// The key that is missing, if it is one.
        unknown_key: Option<KeyId>,
    },
}

impl SealError {
    /// Whether the same request can succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            SealError::Busy { .. }
            | SealError::Late
            | SealError::Stale(_)
            | SealError::Unavailable { .. } => true,
            SealError::NoEntropy
            | SealError::NoSealingKey
            | SealError::TooLarge(_)
            | SealError::Unsealable => false,
        }
    }

    /// A stable label for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            SealError::Busy { .. } => "busy",
            SealError::Late => "late",
            SealError::NoEntropy => "no_entropy",
            SealError::NoSealingKey => "no_sealing_key",
            SealError::Stale(_) => "stale",
            SealError::TooLarge(_) => "too_large",
            SealError::Unavailable { .. } => "unavailable",
            SealError::Unsealable => "unsealable",
        }
    }
}

/// The fleet's revocations were last confirmed too long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleView {
    /// When they were confirmed.
    pub confirmed: Timestamp,
    /// When they were asked.
    pub now: Timestamp,
}

impl fmt::Display for StaleView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.now.millis_since(self.confirmed) / 1000;
        write!(
            f,
            "what the fleet has revoked was last known {secs} s ago; if this lasts, check that this \
             server reaches the engine that its keys come from"
        )
    }
}

impl core::error::Error for StaleView {}

impl From<TooLarge> for SealError {
    fn from(error: TooLarge) -> Self {
        SealError::TooLarge(error)
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::Busy { size, limit } => write!(
                f,
                "the request carries {size} characters of session cookies, and fields are written up to {limit}; \
                 the client should try again when its other requests are done"
            ),
            SealError::Late => f.write_str(
                "what it would set is out of date: the request took more than 5 minutes, or the session was renewed \
                 meanwhile",
            ),
            SealError::NoEntropy => f.write_str("the source of random bytes failed, so no session can be created"),
            SealError::NoSealingKey => {
                f.write_str("no key of the ring seals now; add one with `haversack keys rotate`")
            }
            SealError::Stale(error) => error.fmt(f),
            SealError::TooLarge(error) => error.fmt(f),
            SealError::Unsealable => f.write_str("the cipher refused a parcel within the budgets"),
            SealError::Unavailable { unknown_key: Some(key) } => {
                write!(f, "a part of it is sealed by key {key}, which this server does not have yet")
            }
            SealError::Unavailable { unknown_key: None } => {
                f.write_str("a part of it cannot be judged by this server")
            }
        }
    }
}

impl core::error::Error for SealError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            SealError::Stale(error) => Some(error),
            SealError::TooLarge(error) => Some(error),
            _ => None,
        }
    }
}
