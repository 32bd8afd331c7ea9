//! The session index: which sessions somebody is signed in to, so that users can look at theirs and
//! end one (OWASP ASVS 5.0, 7.5.2). Optional: a feed keeps one, or does not.
//!
//! 1. A [`Listed`] says that a session is there, who is signed in to it, and until when it can be used
//!    if nobody uses it again. It is told when somebody signs in, and again whenever its last activity
//!    moves on, which is once in a tenth of the idle limit at most.
//! 2. Each is forgotten before the revocation of its session could be: so what has ended is listed on no
//!    server that knows of the end.
//! 3. Ids are keyed hashes and labels are sealed: who reads the list learns neither sessions nor users.
//!
//! It protects nothing and decides nothing. What it lacks is a line on a page.

mod label;
mod listed;

use alloc::vec::Vec;

pub(crate) use self::label::label;
pub use self::listed::{Listed, SealedLabel};
use crate::SubjectId;

/// A list of the sessions that somebody is signed in to.
///
/// It may lack some, and it may still have some that have ended: who shows it asks the newest
/// [`Revocations`](crate::Revocations).
pub trait SessionIndex: Send + Sync {
    /// Takes a session, and tells the other servers, in its own time. Must not block.
    fn list(&self, listed: Listed);

    /// What is known of a subject's sessions, in no particular order. Must not block.
    fn of(&self, subject: SubjectId) -> Vec<Listed>;
}
