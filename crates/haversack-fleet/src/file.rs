//! Keys from a file that is watched, and revocations beside it: the fleet of one machine, or a ring
//! that a deployment hands out.
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
//! keys.fleet().ready()?;
//!
//! // Now and then, as `haversack keys rotate` does it. No server is restarted.
//! file::update(&path, |ring| {
//!     ring.rotate(now, Os, KeyRing::LEAD_MS, KeyRing::overlap_ms(24 * 3600 * 1000))
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! 1. [`watch`] reads the file and the revocations beside it now, and once a second after that. The
//!    operating system's word that something changed only hastens the next reading. A request that
//!    meets an unknown key has the ring read at once.
//! 2. Each reading of both that succeeds confirms the view: that keys and revocations are current is
//!    known to be true as of then. Requests take the view as it is, without a lock and without I/O.
//! 3. What cannot be used is logged once and not taken: the last good ring stays in use.
//! 4. Writers replace the file as a whole, under a lock. There is no moment at which a reader sees
//!    half a ring.
//! 5. What a server revokes, a logout above all, is written into `haversack.keys.log` before the
//!    response: it holds on every server of this machine that watches the same path. [`FileEngine`]
//!    says which files stand beside the ring.
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
//! "Not confirmed" means that the view ages until the file is put right, and that sessions are served
//! as the session's policy says of a view of that age.
//!
//! | what happens to what stands beside it | `watch` says | later, while a server runs |
//! |---|---|---|
//! | there is no log of revocations | (makes it) | nothing that was revoked is forgotten by servers that run |
//! | others may read or write the log | an error with the fix | not confirmed, logged |
//! | the server may not read the log | an error with the fix | not confirmed, logged |
//! | the server may not write the directory or the log | a warning | a warning |
//!
//! With that warning the server is *read-only*: it learns what others revoke, and what it revokes
//! itself holds in the response's jar and on this server, not on the others. Nobody waits, and
//! `publish` succeeds. [`Report::read_only`](crate::Report::read_only) says so as long as it lasts,
//! and the metric `haversack_fleet_publications_total{outcome="read_only"}` counts what went no
//! further. Once the directory can be written, what is revoked from then on is published.
//!
//! [`watch`] is a [`Fleet`](crate::Fleet) that does not rotate its keys: [`Watched::fleet`] has
//! `ready`, `status` and `once`. To have keys rotated, and the ring sealed where it is stored, join a
//! fleet at the same path with a [`Builder`](crate::Builder).
//!
//! # Deployment caveat
//!
//! - In a container mount the *directory* that holds the file. A mount of the file alone keeps
//!   showing the old one after it was replaced; in Kubernetes that means no `subPath`.
//! - Everyone may read a Kubernetes secret by default: set `defaultMode: 0400`, or 0440 and an
//!   `fsGroup`.
//! - Writers lock a file beside it, `haversack.keys.lock`, which is empty and stays. Readers need none,
//!   so the directory may be read-only for them; their logouts then hold on one server only. That is
//!   so for every Kubernetes secret: to end sessions on all servers, give them a fleet.
//! - Servers on several machines do not learn of each other's revocations from files that were handed
//!   out: give them a fleet.
//! - Locks hold between programs of one machine. Several machines that rotate a file on a network
//!   drive need a file system that locks across them.
//! - Permissions are checked on Unix only.

use std::time::Duration;

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
