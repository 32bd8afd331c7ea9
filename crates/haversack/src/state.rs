//! Entries and stamps: the elements that the join orders.

use core::cmp::Ordering;

/// A hybrid logical clock: `max(now, highest stamp seen + 1)` in milliseconds, 48 bits.
///
/// Stamps order writes; they are never judged as lifetimes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// The last stamp that the wire format can carry, in the year 10,889.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// A stamp of `ms` milliseconds since the Unix epoch, capped at [`Stamp::MAX`].
    pub const fn from_millis(ms: u64) -> Self {
        if ms > Self::MAX.0 { Self::MAX } else { Self(ms) }
    }

    /// Milliseconds since the Unix epoch, as the clock stood or as it was pushed forward.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The stamp `ms` milliseconds later.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }
}

/// What an entry holds: a value in some encoding, or the mark of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// An encoded value.
    Value {
        /// How `bytes` are encoded; [`OPEN`] is deterministic CBOR.
        encoding: u8,
        /// The encoded value.
        bytes: &'a [u8],
    },
    /// The entry was removed at its stamp.
    Tombstone,
}

/// The encoding byte of deterministic CBOR (RFC 8949 section 4.2).
pub const OPEN: u8 = 1;

impl Content<'_> {
    /// At equal stamps: tombstone over value, then encoding byte, then value bytes.
    fn rank(&self) -> (bool, u8, &[u8]) {
        match *self {
            Content::Tombstone => (true, 0, &[]),
            Content::Value { encoding, bytes } => (false, encoding, bytes),
        }
    }
}

impl PartialOrd for Content<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Content<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// One named piece of a session's state, as a fragment or a root carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The field's name, or for an entry of an [`Each`](crate::Each) field: field, `0x00`, key in CBOR.
    pub name: &'a [u8],
    /// When it was written. Entries of a root share the stamp of its last identity event.
    pub stamp: Stamp,
    /// The value or tombstone.
    pub content: Content<'a>,
}
