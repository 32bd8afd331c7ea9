//! Keys from a file that is watched: the ring of one machine, or one that a deployment hands out.
//!
//! ```
//! # use haversack::{Entropy, NoEntropy, Timestamp};
//! # struct Os;
//! # impl Entropy for Os {
//! #     fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
//! #         getrandom::fill(bytes).map_err(|_| NoEntropy)
//! #     }
//! # }
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("haversack.keys");
//! # let now = Timestamp::from_secs(1_800_000_000);
//! use haversack::{Feed, KeyRing};
//! use haversack_fleet::file;
//!
//! // Once, as `haversack keys init` does it.
//! file::create(&path, &KeyRing::generate("shop.example", now, Os)?)?;
//!
//! // In each server.
//! let keys = file::watch(&path)?;
//! assert_eq!(keys.view().ring.app(), "shop.example");
//!
//! // Now and then, as `haversack keys rotate` does it. No server is restarted.
//! file::update(&path, |ring| {
//!     ring.rotate(now, Os, KeyRing::LEAD_MS, KeyRing::overlap_ms(24 * 3600 * 1000))
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! 1. [`watch`] reads the file now, and once a second after that. The operating system's word that
//!    something changed only hastens the next reading, as does a request that meets an unknown key.
//! 2. Each reading that succeeds confirms the view: that the keys are current is known to be true as
//!    of then. Requests take the view as it is, without a lock and without I/O.
//! 3. What cannot be used is logged once and not taken: the last good ring stays in use.
//! 4. Writers replace the file as a whole, under a lock. There is no moment at which a reader sees
//!    half a ring.
//!
//! | what happens to the file | `watch` says | later, while a server runs |
//! |---|---|---|
//! | it is missing | an error that names `haversack keys init` | old ring, not confirmed, logged |
//! | everyone may read or write it, or its group may write it | an error with the fix | the same |
//! | the server may not read it | an error with the fix | the same |
//! | it is cut short, or not a key ring, or has weak keys | an error with line or field | the same |
//! | its app or index key is another | (takes it) | the same; a restart takes it |
//! | its revision is lower | (takes it) | the same; raise `revision` to go back |
//! | its revision is equal, its content not | (takes it) | new ring, with a warning |
//! | nothing in it seals now | (takes it) | new ring; sessions are read but not written |
//!
//! [`watch`] is for keys alone. To have a logout hold on all servers of the machine, join a
//! [`Fleet`](crate::Fleet) at the same path: its engine is [`FileEngine`], which keeps revocations
//! beside the ring.
//!
//! # Deployment caveat
//!
//! - In a container mount the *directory* that holds the file. A mount of the file alone keeps
//!   showing the old one after it was replaced; in Kubernetes that means no `subPath`.
//! - Everyone may read a Kubernetes secret by default: set `defaultMode: 0400`, or 0440 and an
//!   `fsGroup`.
//! - Writers lock a file beside it, `haversack.keys.lock`, which is empty and stays. Readers need none,
//!   so the directory may be read-only for them.
//! - Locks hold between programs of one machine. Several machines that rotate a file on a network
//!   drive need a file system that locks across them.
//! - Permissions are checked on Unix only.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haversack::Timestamp;

mod batch;
mod disk;
mod engine;
mod error;
mod fault;
mod line;
mod log;
mod mode;
mod read;
mod register;
mod shelf;
mod signal;
mod store;
mod tail;
mod wake;
mod watch;

pub(crate) use self::mode::check as check_mode;

pub use self::engine::FileEngine;
pub use self::error::{FileError, FileErrorKind};
pub use self::read::read;
pub use self::store::{create, update};
pub use self::watch::{Watched, watch};

/// How long to wait for a lock that another program holds.
const PATIENCE: Duration = Duration::from_secs(5);

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
