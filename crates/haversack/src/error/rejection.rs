//! Why something that a client sent is not admitted, and what becomes of it.

use core::fmt;

use crate::key_id::KeyId;

/// Why a parcel, or the session that it heads, was not admitted.
///
/// Not an error to the program: its session is then a fresh one. The client learns nothing;
/// operators see [`Rejection::name`] as a metric label. No variant holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The session is older than its absolute lifetime, counted from its last authentication.
    AbsoluteExpired,
    /// One name came twice, so which one the browser means is not known.
    DuplicateName,
    /// The session was not used for longer than its idle lifetime.
    IdleExpired,
    /// Not sealed by the key it names for this cookie, app, tenant, purpose and session. One
    /// value for all causes: telling them apart would help only a forger.
    Inauthentic,
    /// Not the text or the frame of any parcel.
    Malformed,
    /// Made further in the future than clocks may differ.
    NotYetValid,
    /// Longer than a parcel may be.
    Oversized,
    /// Of a ring whose index key this ring replaced.
    ReplacedRing,
    /// Its key no longer opens anything.
    RetiredKey,
    /// The session was ended before its time: by a logout, a renewal, or an operator.
    Revoked,
    /// Its key was revoked.
    RevokedKey,
    /// Of this ring, but a key that this server does not have; perhaps not yet.
    UnknownKey(KeyId),
    /// Of a later version of the format.
    UnknownVersion,
}

/// What becomes of a cookie that was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Left alone: a neighbour in a rolling deploy may be ahead of this server and able to read it.
    Keep,
    /// Deleted by the next response that may.
    Delete,
    /// The head of a session is refused, and its session with it; what becomes of its roots is
    /// decided over time, since a clock may be wrong.
    Head,
}

impl Rejection {
    /// What becomes of the cookie. The one place that decides it.
    pub const fn disposition(self) -> Disposition {
        match self {
            Self::NotYetValid | Self::UnknownKey(_) | Self::UnknownVersion => Disposition::Keep,
            Self::AbsoluteExpired | Self::IdleExpired | Self::Revoked => Disposition::Head,
            Self::DuplicateName
            | Self::Inauthentic
            | Self::Malformed
            | Self::Oversized
            | Self::ReplacedRing
            | Self::RetiredKey
            | Self::RevokedKey => Disposition::Delete,
        }
    }

    /// A stable label for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AbsoluteExpired => "absolute_expired",
            Self::DuplicateName => "duplicate_name",
            Self::IdleExpired => "idle_expired",
            Self::Inauthentic => "inauthentic",
            Self::Malformed => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::Oversized => "oversized",
            Self::ReplacedRing => "replaced_ring",
            Self::RetiredKey => "retired_key",
            Self::Revoked => "revoked",
            Self::RevokedKey => "revoked_key",
            Self::UnknownKey(_) => "unknown_key",
            Self::UnknownVersion => "unknown_version",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AbsoluteExpired => "the session is older than its absolute lifetime",
            Self::DuplicateName => "the same cookie name came more than once",
            Self::IdleExpired => "the session was idle for too long",
            Self::Inauthentic => "not sealed by the key it names for this place",
            Self::Malformed => "not well formed",
            Self::NotYetValid => "made further in the future than clocks may differ",
            Self::Oversized => "longer than a parcel may be",
            Self::ReplacedRing => "sealed under a key ring that this one replaced",
            Self::RetiredKey => "sealed by a key that is retired",
            Self::Revoked => "the session was ended before its time",
            Self::RevokedKey => "sealed by a key that is revoked",
            Self::UnknownKey(id) => {
                return write!(f, "sealed by key {id}, which this server does not have");
            }
            Self::UnknownVersion => "of a version of the format that this server does not know",
        })
    }
}

impl core::error::Error for Rejection {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    const ALL: [Rejection; 13] = [
        Rejection::AbsoluteExpired,
        Rejection::DuplicateName,
        Rejection::IdleExpired,
        Rejection::Inauthentic,
        Rejection::Malformed,
        Rejection::NotYetValid,
        Rejection::Oversized,
        Rejection::ReplacedRing,
        Rejection::RetiredKey,
        Rejection::Revoked,
        Rejection::RevokedKey,
        Rejection::UnknownKey(KeyId::from_bytes([7; 9])),
        Rejection::UnknownVersion,
    ];

    #[test]
    fn a_name_is_its_variant_in_snake_case() {
        for rejection in ALL {
            let variant = format!("{rejection:?}");
            let variant = variant.split('(').next().unwrap();
            assert_eq!(rejection.name().replace('_', ""), variant.to_lowercase());
        }
    }

    #[test]
    fn only_what_a_newer_neighbour_may_read_is_kept() {
        let kept = ALL.iter().filter(|r| r.disposition() == Disposition::Keep).map(|r| r.name());
        assert!(kept.eq(["not_yet_valid", "unknown_key", "unknown_version"]));
    }
}
