//! The key ring: which keys there are, and what each of them does when.
//!
//! 1. A ring is one document that every server has. Servers evaluate it for themselves, by their
//!    own clocks; nothing is coordinated but the document.
//! 2. One key seals at a time: the newest whose time has come. All that have not ended open.
//! 3. A ring is never edited in place: each operation returns the next revision, and storing that by
//!    compare-and-swap makes exactly one server rotate.
//! 4. The *index key* never rotates: what must survive rotation (subjects, session ids, names) comes
//!    from it. Only a leak replaces it.
//! 5. Keys are 32 random bytes. There are no keys from passphrases.

mod derive;
mod document;
mod error;
mod json;
mod keys;
mod revoke;
mod rotate;
mod schedule;
mod secret;
mod test_ring;
mod weak;

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use derive::{Extracted, Scope, first};
#[cfg(test)]
use schedule::End;
use schedule::Schedule;
use secret::Secret;

use crate::env::{Entropy, Timestamp};
use crate::key_id::{RingMark, ShortKeyId};
use crate::revocation::SubjectId;
use crate::wire::Suite;

pub(crate) use derive::Context;
pub use error::KeyRingError;
pub(crate) use keys::{Found, Key, Keys};
pub use schedule::KeyState;
pub use weak::Weakness;

/// The keys that an app's servers share.
///
/// Make one with [`KeyRing::generate`], store its [`KeyRing::to_json`] where only the servers read
/// it, and hand that to [`KeyRing::parse`]. Its keys leave memory with it, and no `Debug` shows them.
///
/// ```
/// use haversack::{KeyRing, KeyRingError};
///
/// let error = KeyRing::parse(r#"{"version": 1, "revision": 1, "app": "shop.example",
///     "index_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "keys": []}"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`index_key` repeats a shorter sequence: draw 32 random bytes, there are no keys from passphrases"
/// );
/// ```
#[derive(Clone)]
pub struct KeyRing {
    revision: u64,
    app: String,
    index: Secret,
    /// Marks of index keys that this ring's replaced.
    replaced: Vec<RingMark>,
    keys: Vec<RingKey>,
    /// Ids of keys that are gone.
    retired: Vec<ShortKeyId>,
}

/// One key of the ring.
#[derive(Clone)]
struct RingKey {
    id: ShortKeyId,
    suite: Suite,
    root: Secret,
    schedule: Schedule,
}

impl RingKey {
    fn new(suite: Suite, root: Secret, schedule: Schedule) -> Self {
        Self { id: Extracted::root(&root, suite).short_id(), suite, root, schedule }
    }
}

/// What may be told about a key of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its id, with which the ids in parcels begin.
    pub id: ShortKeyId,
    /// What it does now.
    pub state: KeyState,
    /// When it was made.
    pub created: Timestamp,
    /// When it begins to seal.
    pub seals_from: Timestamp,
    /// When it stops sealing; none while it has no successor.
    pub seals_until: Option<Timestamp>,
    /// When it stops opening; none while it has no successor.
    pub opens_until: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
}

/// Keys in a ring, at most.
const MAX_KEYS: usize = 64;
/// Ids of retired keys and marks of replaced index keys that a ring remembers, at most.
const MAX_REMEMBERED: usize = 64;

impl KeyRing {
    /// A new ring for `app`, with one key that seals from `now` until it is rotated.
    ///
    /// The name of the app goes into every key: apps that share a ring cannot read each other's
    /// sessions, and an app that changes its name loses its sessions.
    ///
    /// # Errors
    ///
    /// When `app` is empty or longer than 255 bytes, and when `entropy` fails.
    pub fn generate(
        app: &str,
        now: Timestamp,
        mut entropy: impl Entropy,
    ) -> Result<Self, KeyRingError> {
        let now = Timestamp::from_secs(now.as_secs());
        let root = Secret::random(&mut entropy).map_err(|_| KeyRingError::NoEntropy)?;
        let index = Secret::random(&mut entropy).map_err(|_| KeyRingError::NoEntropy)?;
        let keys = Vec::from([RingKey::new(Suite::A, root, Schedule::open_ended(now, now))]);
        let app = app.to_owned();
        Self { revision: 1, app, index, replaced: Vec::new(), keys, retired: Vec::new() }.checked()
    }

    /// A ring for tests, always the same. **Its keys are public**: who knows this project can forge
    /// any session of a server that runs with it. [`KeyRing::parse`] refuses them.
    pub fn for_tests() -> Self {
        Self::fixed("tests.example", *test_ring::INDEX, &[*test_ring::ROOT])
    }

    /// A ring of given keys that all seal from the beginning of time, unchecked.
    fn fixed(app: &str, index: [u8; 32], roots: &[[u8; 32]]) -> Self {
        let always = Schedule::open_ended(Timestamp::default(), Timestamp::default());
        let key = |root: &[u8; 32]| RingKey::new(Suite::A, Secret::new(*root), always);
        Self {
            revision: 1,
            app: app.to_owned(),
            index: Secret::new(index),
            replaced: Vec::new(),
            keys: roots.iter().map(key).collect(),
            retired: Vec::new(),
        }
    }

    /// The app that the keys belong to.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// Counts the changes of the ring; of two rings the one with the higher revision is newer.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether the two are revisions of one ring: the same app and the same index key. What one of
    /// two different rings sealed means nothing to the other.
    pub fn is_revision_of(&self, other: &Self) -> bool {
        self.app == other.app && self.index == other.index
    }

    /// The keys and what each of them does at `now`, in the order of the document.
    pub fn keys(&self, now: Timestamp) -> impl Iterator<Item = KeyInfo> + '_ {
        self.keys.iter().map(move |key| {
            let Schedule { created, seals_from, end, revoked } = key.schedule;
            KeyInfo {
                id: key.id,
                state: key.schedule.state(now),
                created,
                seals_from,
                seals_until: end.map(|end| end.seals_until),
                opens_until: end.map(|end| end.opens_until),
                revoked,
            }
        })
    }

    /// The key that seals at `now`: of those in [`KeyState::Sealing`] the newest. None while no
    /// key's time has come or all have ended; no session can be written then.
    pub fn sealing(&self, now: Timestamp) -> Option<KeyInfo> {
        self.keys(now)
            .filter(|key| key.state == KeyState::Sealing)
            .max_by_key(|key| (key.seals_from, key.id))
    }

    /// The id of the subject whose field has these encoded bytes (see
    /// [`encode_field`](crate::encode_field)), for a tenant and purpose; `None` if one of these is
    /// longer than 255 bytes. It outlives the rotation of keys.
    pub fn subject_id(&self, tenant: &str, purpose: &str, encoded: &[u8]) -> Option<SubjectId> {
        let scope = Scope::new(&self.app, &Context::new(tenant, purpose)?);
        let subject = Extracted::index(&self.index).prf("subject", &scope);
        Some(SubjectId::from_bytes(first(&subject.of(&[encoded]))))
    }

    /// A keyed hash of `text`, under which an engine can note it without learning it. The same for all
    /// revisions of the ring.
    pub fn once_mark(&self, text: &[u8]) -> [u8; 16] {
        let scope = Scope::new(&self.app, &Context::default());
        first(&Extracted::index(&self.index).prf("once", &scope).of(&[text]))
    }

    /// Judges what no single field shows.
    fn checked(self) -> Result<Self, KeyRingError> {
        if self.app.is_empty() || self.app.len() > 255 {
            return Err(KeyRingError::App { bytes: self.app.len() });
        }
        if self.keys.is_empty() {
            return Err(KeyRingError::NoKeys);
        }
        if self.keys.len() > MAX_KEYS {
            return Err(KeyRingError::TooMany { place: "keys".to_owned(), limit: MAX_KEYS });
        }
        for (i, key) in self.keys.iter().enumerate() {
            if key.root == self.index {
                let place = format!("keys[{i}].root");
                return Err(KeyRingError::DuplicateKey { place, first: "index_key".to_owned() });
            }
            for (j, earlier) in self.keys.iter().take(i).enumerate() {
                if key.root == earlier.root {
                    let (place, first) = (format!("keys[{i}].root"), format!("keys[{j}].root"));
                    return Err(KeyRingError::DuplicateKey { place, first });
                }
                if key.id == earlier.id {
                    let (place, first) = (format!("keys[{i}].id"), format!("keys[{j}].id"));
                    return Err(KeyRingError::DuplicateId { place, first });
                }
            }
            if let Some(j) = self.retired.iter().position(|id| *id == key.id) {
                let (place, first) = (format!("retired[{j}]"), format!("keys[{i}].id"));
                return Err(KeyRingError::DuplicateId { place, first });
            }
        }
        Ok(self)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("app", &self.app)
            .field("revision", &self.revision)
            .field("keys", &self.keys.iter().map(|key| key.id).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A ring of keys that are given and not judged: test vectors use roots that anybody can guess.
///
/// Never for anything that is served.
pub fn ring_for_vectors(app: &str, index_key: [u8; 32], roots: &[[u8; 32]]) -> KeyRing {
    KeyRing::fixed(app, index_key, roots)
}

/// The same with the times of each key: from when it seals, and until when it seals and opens.
#[cfg(test)]
pub(crate) fn timed_ring_for_vectors(
    app: &str,
    index_key: [u8; 32],
    roots: &[[u8; 32]],
    times: &[(Timestamp, Option<(Timestamp, Timestamp)>)],
) -> KeyRing {
    let mut ring = ring_for_vectors(app, index_key, roots);
    assert_eq!(roots.len(), times.len());
    for (key, (seals_from, end)) in ring.keys.iter_mut().zip(times) {
        let end = end.map(|(seals_until, opens_until)| End { seals_until, opens_until });
        key.schedule = Schedule { seals_from: *seals_from, end, ..key.schedule };
    }
    ring
}

#[cfg(test)]
mod tests;
