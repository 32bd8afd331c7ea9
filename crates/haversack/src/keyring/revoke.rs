//! Withdrawing what leaked: one key, or the whole ring.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeSet;

use super::derive::{Context, Extracted, Scope};
use super::schedule::Schedule;
use super::secret::Secret;
use super::{KeyRing, KeyRingError, MAX_REMEMBERED, RingKey};
use crate::env::{Entropy, Timestamp};
use crate::key_id::{RingMark, ShortKeyId};
use crate::wire::Suite;

impl KeyRing {
    /// The next revision, in which the key `id` opens nothing any more. If it was the one that seals,
    /// there is a new key that seals at once; if it was the next one, the present one goes on.
    ///
    /// Whoever had the key may have had parcels sealed anew by others meanwhile: also publish
    /// [`Revocation::All`](crate::Revocation::All), or those stay valid.
    ///
    /// # Errors
    ///
    /// When the ring has no such key, when it is revoked already, when the ring is full, and when
    /// `entropy` fails.
    pub fn revoke(
        &self,
        id: ShortKeyId,
        now: Timestamp,
        mut entropy: impl Entropy,
    ) -> Result<Self, KeyRingError> {
        let present = self.sealing(now).map(|key| key.id);
        let mut next = self.successor(now);
        let key =
            next.keys.iter_mut().find(|key| key.id == id).ok_or(KeyRingError::UnknownKey { id })?;
        if let Some(since) = key.schedule.revoked {
            return Err(KeyRingError::AlreadyRevoked { id, since });
        }
        key.schedule.revoked = Some(Timestamp::from_secs(now.as_secs()));

        let goes_on = |key: &RingKey| key.schedule.revoked.is_none() && key.schedule.end.is_none();
        if present.is_none_or(|present| present == id) {
            next.keys.push(fresh(now, &mut entropy)?);
        } else if !next.keys.iter().any(goes_on) {
            // Its successor is gone: without this nothing would seal from then on.
            if let Some(key) = next.keys.iter_mut().find(|key| Some(key.id) == present) {
                key.schedule.end = None;
            }
        }
        next.checked()
    }

    /// The next revision after the whole ring has leaked: with another index key, all keys revoked,
    /// and a new one that seals at once. It ends every session, and servers take it only when they
    /// start.
    ///
    /// It remembers the marks of the old ring, so that its cookies are deleted and not taken for those
    /// of another app. There is a mark for each tenant and purpose, of which a ring knows none: those
    /// that `scopes` names, as tenant and purpose, and no tenant with the purpose `session`. Cookies of
    /// others mean nothing to anybody either, but stay in the jar until the client drops them.
    ///
    /// # Errors
    ///
    /// When the ring is full, when there are more than 64 such marks, and when `entropy` fails.
    pub fn replaced_index(
        &self,
        scopes: &[(&str, &str)],
        now: Timestamp,
        mut entropy: impl Entropy,
    ) -> Result<Self, KeyRingError> {
        let mut next = self.successor(now);
        let index = Extracted::index(&self.index);
        // Nothing is sealed for names that are too long.
        let named = scopes.iter().filter_map(|(tenant, purpose)| Context::new(tenant, purpose));
        let marks: BTreeSet<RingMark> = core::iter::once(Context::default())
            .chain(named)
            .map(|context| index.mark(&Scope::new(&self.app, &context)))
            .collect();
        if marks.len() > MAX_REMEMBERED {
            let place = "replaced_marks".to_owned();
            return Err(KeyRingError::TooMany { place, limit: MAX_REMEMBERED });
        }
        next.replaced.extend(marks);
        next.replaced.drain(..next.replaced.len().saturating_sub(MAX_REMEMBERED));
        next.index = Secret::random(&mut entropy).map_err(|_| KeyRingError::NoEntropy)?;
        let revoked = Timestamp::from_secs(now.as_secs());
        for key in &mut next.keys {
            key.schedule.revoked.get_or_insert(revoked);
        }
        next.keys.push(fresh(now, &mut entropy)?);
        next.checked()
    }
}

/// A key that seals from now on.
fn fresh(now: Timestamp, entropy: &mut impl Entropy) -> Result<RingKey, KeyRingError> {
    let root = Secret::random(entropy).map_err(|_| KeyRingError::NoEntropy)?;
    let now = Timestamp::from_secs(now.as_secs());
    Ok(RingKey::new(Suite::A, root, Schedule::open_ended(now, now)))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::{Found, KeyState, Keys};
    use super::*;
    use crate::key_id::KeyId;
    use crate::testing::Seeded;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
    const OVERLAP: u64 = KeyRing::overlap_ms(3_600_000);

    fn ring() -> KeyRing {
        KeyRing::generate("shop.example", T0, Seeded(1)).unwrap()
    }

    fn later(s: u64) -> Timestamp {
        T0.plus_millis(s * 1000)
    }

    fn states(ring: &KeyRing, now: Timestamp) -> Vec<KeyState> {
        ring.keys(now).map(|key| key.state).collect()
    }

    #[test]
    fn a_revoked_sealing_key_has_a_successor_at_once() {
        let id = ring().sealing(T0).unwrap().id;
        let next = ring().revoke(id, later(5), Seeded(2)).unwrap();
        assert_eq!(next.revision(), 2);
        assert!(next.is_revision_of(&ring()));
        assert_eq!(states(&next, later(5)), [KeyState::Revoked, KeyState::Sealing]);
        assert_eq!(KeyRing::parse(&next.to_json()).unwrap().to_json(), next.to_json());
        let again = next.revoke(id, later(6), Seeded(3)).unwrap_err();
        assert_eq!(again, KeyRingError::AlreadyRevoked { id, since: later(5) });
        let keys = Keys::new(&next, &Context::default());
        let found = KeyId::new(id, keys.mark());
        assert!(matches!(keys.find(&found, later(5)), Found::Revoked));
    }

    #[test]
    fn the_present_key_goes_on_when_the_next_one_is_revoked() {
        let rotated = ring().rotate(later(10), Seeded(2), 600_000, OVERLAP).unwrap();
        let upcoming = rotated.keys(later(10)).last().unwrap();
        assert_eq!(upcoming.state, KeyState::Upcoming);
        let next = rotated.revoke(upcoming.id, later(20), Seeded(3)).unwrap();
        assert_eq!(states(&next, later(20)), [KeyState::Sealing, KeyState::Revoked]);
        assert!(next.sealing(later(100_000_000)).is_some(), "it has no end any more");
    }

    #[test]
    fn an_old_key_is_revoked_without_a_new_one() {
        let rotated = ring().rotate(later(10), Seeded(2), 600_000, OVERLAP).unwrap();
        let old = rotated.keys(T0).next().unwrap().id;
        let next = rotated.revoke(old, later(700), Seeded(3)).unwrap();
        assert_eq!(states(&next, later(700)), [KeyState::Revoked, KeyState::Sealing]);
    }

    #[test]
    fn what_is_over_leaves_with_a_revocation() {
        let rotated = ring().rotate(later(10), Seeded(2), 0, 1000).unwrap();
        let sealing = rotated.sealing(later(20)).unwrap().id;
        let next = rotated.revoke(sealing, later(20), Seeded(3)).unwrap();
        assert_eq!(states(&next, later(20)), [KeyState::Revoked, KeyState::Sealing]);
        let keys = Keys::new(&next, &Context::default());
        let gone = KeyId::new(ring().sealing(T0).unwrap().id, keys.mark());
        assert!(matches!(keys.find(&gone, later(20)), Found::Retired));
    }

    #[test]
    fn a_successor_has_the_same_keys_but_those_that_are_over() {
        let next = ring().successor(later(5));
        assert_eq!(next.revision(), 2);
        assert!(next.is_revision_of(&ring()));
        assert_eq!(states(&next, later(5)), [KeyState::Sealing]);
        let rotated = ring().rotate(later(10), Seeded(2), 0, 1000).unwrap();
        let next = rotated.successor(later(20));
        assert_eq!(states(&next, later(20)), [KeyState::Sealing]);
        assert_eq!(next.sealing(later(20)), rotated.sealing(later(20)));
        assert_eq!(KeyRing::parse(&next.to_json()).unwrap().to_json(), next.to_json());
    }

    #[test]
    fn an_unknown_key_cannot_be_revoked() {
        let id = ShortKeyId::from_bytes([7; 6]);
        assert_eq!(ring().revoke(id, T0, Seeded(2)).unwrap_err(), KeyRingError::UnknownKey { id });
    }

    #[test]
    fn a_ring_with_another_index_key_knows_the_old_ones_parcels() {
        let old = Keys::new(&ring(), &Context::default());
        let next = ring().replaced_index(&[], later(5), Seeded(2)).unwrap();
        assert_eq!((next.revision(), next.app()), (2, "shop.example"));
        assert!(!next.is_revision_of(&ring()));
        assert_eq!(states(&next, later(5)), [KeyState::Revoked, KeyState::Sealing]);
        let keys = Keys::new(&KeyRing::parse(&next.to_json()).unwrap(), &Context::default());
        assert_ne!(keys.mark(), old.mark());
        let parcel = KeyId::new(ring().sealing(T0).unwrap().id, old.mark());
        assert!(matches!(keys.find(&parcel, later(5)), Found::ReplacedRing));
    }

    #[test]
    fn it_knows_those_of_tenants_and_purposes_that_were_named() {
        let scopes = [("acme", "session"), ("", "admin"), ("acme", "admin"), ("", "session")];
        let next = ring().replaced_index(&scopes, later(5), Seeded(2)).unwrap();
        let next = KeyRing::parse(&next.to_json()).unwrap();
        let found = |tenant: &str, purpose: &str| {
            let context = Context::new(tenant, purpose).unwrap();
            let old = Keys::new(&ring(), &context);
            let parcel = KeyId::new(ring().sealing(T0).unwrap().id, old.mark());
            let keys = Keys::new(&next, &context);
            matches!(keys.find(&parcel, later(5)), Found::ReplacedRing)
        };
        for (tenant, purpose) in scopes {
            assert!(found(tenant, purpose), "{tenant:?} {purpose:?}");
        }
        assert!(!found("other", "session"), "nobody knew of it");
        assert_eq!(next.replaced.len(), 4, "none of them twice");

        let many: Vec<_> = (0..64).map(|n| std::format!("t{n}")).collect();
        let many: Vec<_> = many.iter().map(|tenant| (tenant.as_str(), "session")).collect();
        let error = next.replaced_index(&many, later(6), Seeded(3)).unwrap_err();
        let place = "replaced_marks".to_owned();
        assert_eq!(error, KeyRingError::TooMany { place, limit: 64 });
        let last = next.replaced_index(&many[1..], later(6), Seeded(3)).unwrap();
        assert_eq!(last.replaced.len(), 64, "the older ones go");
    }

    #[test]
    fn a_mark_survives_rotation_and_says_nothing_across_rings() {
        let rotated = ring().rotate(later(10), Seeded(2), 0, 1000).unwrap();
        assert_eq!(ring().once_mark(b"order 7"), rotated.once_mark(b"order 7"));
        assert_ne!(ring().once_mark(b"order 7"), ring().once_mark(b"order 8"));
        let other = KeyRing::generate("shop.example", T0, Seeded(9)).unwrap();
        assert_ne!(ring().once_mark(b"order 7"), other.once_mark(b"order 7"));
    }
}
