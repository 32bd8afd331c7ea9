//! Parcels: the sealed cookies that together are the session.
//!
//! A *root* says whose session this is and when, a *fragment* holds fields, an *end marker* closes
//! a lineage. The kind comes from the name, which the associated data authenticates, so a frame
//! carries none. Frames are deterministic: one content, one sequence of bytes; every other
//! spelling of it is [`Malformed`](Rejection::Malformed).

mod bytes;
mod entries;
mod fragment;
mod marker;
mod name;
mod root;

pub(crate) use self::entries::entry_len;
pub(crate) use self::fragment::Fragment;
pub(crate) use self::marker::Marker;
pub use self::name::Kind;
pub(crate) use self::name::{Suffix, hint};
pub(crate) use self::root::Root;

use core::fmt;

#[cfg(doc)]
use crate::Rejection;

/// The identity of a session from its creation to its end: 16 random bytes.
///
/// Applications and logs see the session id that is derived from it, never the lineage itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lineage(pub(crate) [u8; 16]);

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = hint(*self);
        write!(f, "Lineage({}{}…)", char::from(hint[0]), char::from(hint[1]))
    }
}

/// Who is signed in: a keyed hash of the subject field's encoded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Subject(pub(crate) [u8; 8]);

/// The associated data's scope: what a parcel is bound to beside its name.
///
/// Empty for roots and markers; the lineage for an `a` fragment; lineage and subject for a `u`
/// fragment. Neither is transmitted: a fragment opens only beside its root.
pub(crate) fn scope(lineage: Lineage, subject: Option<Subject>) -> ([u8; 24], usize) {
    let mut out = [0; 24];
    let (head, tail) = out.split_at_mut(16);
    head.copy_from_slice(&lineage.0);
    match subject {
        Some(subject) => {
            tail.copy_from_slice(&subject.0);
            (out, 24)
        }
        None => (out, 16),
    }
}
