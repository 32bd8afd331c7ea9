//! Revocation: what ended before its time, as records that a fleet shares and a view that requests
//! read.
//!
//! 1. A [`Revocation`] is one fact. It is published once, and every server learns of it; it never
//!    changes, and goes when no session could break it any more.
//! 2. [`Revocations`] is all that a server knows: a set that only grows until entries expire. So
//!    records may arrive twice and in any order.
//! 3. Ids are keyed hashes: who reads the log learns neither sessions nor subjects.
//! 4. Only the head of a lineage is asked about, and a refused head takes its lineage with it.

mod record;
mod revoked;
mod set;
mod view;

pub(crate) use self::record::Fields;
pub use self::record::{InvalidRecord, Revocation, RevocationId, SubjectId};
pub(crate) use self::revoked::Revoked;
pub use self::view::Revocations;
