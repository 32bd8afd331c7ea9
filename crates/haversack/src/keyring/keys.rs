//! A ring expanded for one tenant and purpose: what a request works with.
//!
//! Everything that depends only on the ring is computed here, once per revision.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher as _;

use siphasher::sip::SipHasher24;
use zeroize::Zeroizing;

use super::KeyRing;
use super::derive::{Context, Extracted, Prf, Scope, first};
use super::schedule::{KeyState, Schedule};
use crate::csrf::Tag;
use crate::env::Timestamp;
use crate::index::SealedLabel;
use crate::key_id::{KeyId, RingMark, ShortKeyId};
use crate::revocation::RevocationId;
use crate::seal::{self, Cipher};
use crate::wire::Suite;

/// The keys of a ring for one [`Context`].
pub(crate) struct Keys {
    mark: RingMark,
    replaced: Vec<RingMark>,
    /// Ascending by id, without revoked ones: those leave memory.
    expanded: Vec<Key>,
    /// Ascending.
    retired: Vec<ShortKeyId>,
    /// Ascending.
    revoked: Vec<ShortKeyId>,
    name: Zeroizing<[u8; 16]>,
    sid: Prf,
    subject: Prf,
    csrf: Prf,
    revoke: Prf,
    label: Cipher,
}

/// One expanded key.
pub(crate) struct Key {
    id: KeyId,
    suite: Suite,
    schedule: Schedule,
    cipher: Cipher,
}

/// What a key id means to a ring.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// A key that opens.
    Key(&'a Key),
    /// Of another ring on the same origin: not ours to judge or delete.
    Foreign,
    /// Of a ring whose index key this ring replaced.
    ReplacedRing,
    /// A key that opened once.
    Retired,
    /// A key that was revoked.
    Revoked,
    /// Of this ring, but not in it: perhaps a newer revision has it.
    Unknown,
}

impl Keys {
    /// Derives and expands every key of `ring`.
    pub(crate) fn new(ring: &KeyRing, context: &Context) -> Self {
        let scope = Scope::new(&ring.app, context);
        let index = Extracted::index(&ring.index);
        let mark = index.mark(&scope);

        let is_revoked = |schedule: &Schedule| schedule.revoked.is_some();
        let mut expanded: Vec<Key> = ring
            .keys
            .iter()
            .filter(|key| !is_revoked(&key.schedule))
            .map(|key| Key {
                id: KeyId::new(key.id, mark),
                suite: key.suite,
                schedule: key.schedule,
                cipher: Cipher::new(&Extracted::root(&key.root, key.suite).key("seal", &scope)),
            })
            .collect();
        expanded.sort_unstable_by_key(Key::id);
        let mut revoked: Vec<ShortKeyId> =
            ring.keys.iter().filter(|key| is_revoked(&key.schedule)).map(|key| key.id).collect();
        revoked.sort_unstable();
        let mut retired = ring.retired.clone();
        retired.sort_unstable();

        Self {
            mark,
            replaced: ring.replaced.clone(),
            expanded,
            retired,
            revoked,
            name: index.key("name", &scope),
            sid: index.prf("sid", &scope),
            subject: index.prf("subject", &scope),
            csrf: index.prf("csrf", &scope),
            revoke: index.prf("revoke", &scope),
            label: Cipher::new(&index.key("label", &scope)),
        }
    }

    /// What `id` means at `now`. A look-up: no key is tried.
    pub(crate) fn find(&self, id: &KeyId, now: Timestamp) -> Found<'_> {
        if id.mark() != self.mark {
            return if self.replaced.contains(&id.mark()) {
                Found::ReplacedRing
            } else {
                Found::Foreign
            };
        }
        let key =
            self.expanded.binary_search_by_key(id, Key::id).ok().and_then(|i| self.expanded.get(i));
        match key {
            Some(key) if key.schedule.state(now) == KeyState::Retired => Found::Retired,
            Some(key) => Found::Key(key),
            None if self.revoked.binary_search(&id.short()).is_ok() => Found::Revoked,
            None if self.retired.binary_search(&id.short()).is_ok() => Found::Retired,
            None => Found::Unknown,
        }
    }

    /// The key that seals at `now`: of those that may the newest.
    pub(crate) fn sealing(&self, now: Timestamp) -> Option<&Key> {
        self.expanded
            .iter()
            .filter(|key| key.is_sealing(now))
            .max_by_key(|key| (key.schedule.seals_from, key.id))
    }

    /// The mark in the key ids of this ring.
    pub(crate) fn mark(&self) -> RingMark {
        self.mark
    }

    /// Tags the concatenation of `parts`: the end of a parcel's name. SipHash-2-4.
    pub(crate) fn name_tag(&self, parts: &[&[u8]]) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_key(&self.name);
        for part in parts {
            hasher.write(part);
        }
        hasher.finish().to_le_bytes()
    }

    /// The id under which applications and logs know a session between two renewals.
    ///
    /// `renewed_ms` counts with 48 bits, as stamps do.
    pub(crate) fn session_id(&self, lineage: &[u8; 16], renewed_ms: u64) -> [u8; 16] {
        let [_, _, renewed @ ..] = renewed_ms.to_be_bytes();
        first(&self.sid.of(&[lineage, &renewed]))
    }

    /// The subject that a field's encoded bytes stand for.
    pub(crate) fn subject(&self, encoded: &[u8]) -> [u8; 8] {
        first(&self.subject.of(&[encoded]))
    }

    /// What the form tokens of a session hold, while this subject is signed in to it.
    pub(crate) fn csrf_tag(&self, lineage: &[u8; 16], subject: Option<&[u8; 8]>) -> Tag {
        Tag(first(&self.csrf.of(&[lineage, or_nothing(subject)])))
    }

    /// Whether a form token holds that, in constant time.
    pub(crate) fn is_csrf_tag(
        &self,
        tag: Tag,
        lineage: &[u8; 16],
        subject: Option<&[u8; 8]>,
    ) -> bool {
        self.csrf.begins_with(&tag.0, &[lineage, or_nothing(subject)])
    }

    /// The id under which a session's end is published.
    pub(crate) fn revocation_id(
        &self,
        lineage: &[u8; 16],
        subject: Option<&[u8; 8]>,
    ) -> RevocationId {
        RevocationId::from_bytes(first(&self.revoke.of(&[lineage, or_nothing(subject)])))
    }

    /// What the session index says about a session, as only servers with this ring can read it.
    pub(crate) fn seal_label(&self, id: RevocationId, label: &str) -> Option<SealedLabel> {
        seal::seal_label(&self.label, *id.as_bytes(), label).map(SealedLabel::new)
    }

    /// Reads that; `None` if it is of another session or another ring.
    pub(crate) fn open_label(&self, id: RevocationId, label: &SealedLabel) -> Option<String> {
        seal::open_label(&self.label, *id.as_bytes(), label.as_str())
    }
}

/// A subject where nobody is signed in takes no bytes.
fn or_nothing(subject: Option<&[u8; 8]>) -> &[u8] {
    subject.map_or(&[], <[u8; 8]>::as_slice)
}

impl Key {
    /// Its id in parcels.
    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// Its suite.
    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    /// Whether it sealed once and only opens now.
    pub(crate) fn has_stopped_sealing(&self, now: Timestamp) -> bool {
        self.schedule.state(now) == KeyState::Opening
    }

    /// Whether it may seal at `now`, even if a newer key does: what it sealed need not be sealed anew.
    pub(crate) fn is_sealing(&self, now: Timestamp) -> bool {
        self.schedule.state(now) == KeyState::Sealing
    }

    /// When it stops opening, if that is known: no cookie that it sealed needs to live longer.
    pub(crate) fn opens_until(&self) -> Option<Timestamp> {
        self.schedule.end.map(|end| end.opens_until)
    }

    /// For the module that seals.
    pub(crate) fn cipher(&self) -> &Cipher {
        &self.cipher
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("mark", &self.mark)
            .field("keys", &self.expanded)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}
