//! Rotation: the ring with its next key, and without those that are over.

use alloc::vec::Vec;

use super::schedule::{End, KeyState, LAST, Schedule};
use super::secret::Secret;
use super::{KeyRing, KeyRingError, MAX_REMEMBERED, RingKey};
use crate::env::{Entropy, Timestamp};
use crate::wire::Suite;

impl KeyRing {
    /// How long before it seals a new key should be published, unless every server learns of a
    /// change sooner: 10 minutes.
    pub const LEAD_MS: u64 = 10 * 60 * 1000;

    /// How long a key should open after it stopped sealing, for sessions that live `idle_ms` unused
    /// (or, without an idle limit, that long at all): three times that, and 15 minutes.
    ///
    /// A session in use is sealed anew within its idle lifetime; the rest covers responses under
    /// way, clocks that differ, and parts of a session that are renewed after its head.
    pub const fn overlap_ms(idle_ms: u64) -> u64 {
        const THREE_TIMES_GRACE: u64 = 3 * 5 * 60 * 1000;
        idle_ms.saturating_mul(3).saturating_add(THREE_TIMES_GRACE)
    }

    /// The next revision: with a new key that seals `lead_ms` after `now`, with an end to those that
    /// seal until then, and without keys that open nothing any more.
    ///
    /// Keys with an end open for `overlap_ms` after they stopped sealing. If no key seals at `now`
    /// there is nothing to wait for, and the new one seals at once.
    ///
    /// Several servers may rotate at once: whichever stores its revision first by compare-and-swap
    /// has rotated.
    ///
    /// # Errors
    ///
    /// [`KeyRingError::Upcoming`] when the next key is already there, [`KeyRingError::TooMany`] when
    /// the ring is full of keys that still open, and when `entropy` fails.
    pub fn rotate(
        &self,
        now: Timestamp,
        mut entropy: impl Entropy,
        lead_ms: u64,
        overlap_ms: u64,
    ) -> Result<Self, KeyRingError> {
        if let Some(next) = self.keys(now).find(|key| key.state == KeyState::Upcoming) {
            return Err(KeyRingError::Upcoming { id: next.id, activates: next.seals_from });
        }
        let present = self.sealing(now).map(|key| key.id);
        let created = Timestamp::from_secs(now.as_secs());
        let seals_from =
            if present.is_some() { whole_seconds(now.plus_millis(lead_ms)) } else { created };
        let opens_until = whole_seconds(seals_from.plus_millis(overlap_ms));

        let mut next = self.without(|key| is_over(&key.schedule, now, overlap_ms));
        for key in &mut next.keys {
            if key.schedule.state(now) == KeyState::Sealing {
                // The present key seals until its successor does, even if it was to stop earlier.
                let seals_until = match key.schedule.end {
                    Some(end) if Some(key.id) != present => end.seals_until.min(seals_from),
                    _ => seals_from,
                };
                let opens_until =
                    key.schedule.end.map_or(opens_until, |end| end.opens_until.max(opens_until));
                key.schedule.end = Some(End { seals_until, opens_until });
            }
        }
        let root = Secret::random(&mut entropy).map_err(|_| KeyRingError::NoEntropy)?;
        next.keys.push(RingKey::new(Suite::A, root, Schedule::open_ended(created, seals_from)));
        next.checked()
    }

    /// The same ring under its next revision, without keys that open nothing any more by their own
    /// times: to have it stored anew, for example under another key-encryption key.
    #[must_use]
    pub fn successor(&self, now: Timestamp) -> Self {
        self.without(|key| key.schedule.state(now) == KeyState::Retired)
    }

    /// The next revision without keys that are over; of these the ids are remembered.
    fn without(&self, is_over: impl Fn(&RingKey) -> bool) -> Self {
        let (over, stay): (Vec<&RingKey>, Vec<&RingKey>) =
            self.keys.iter().partition(|key| is_over(key));
        // With room for one more: growth would leave copies behind.
        let mut keys = Vec::with_capacity(stay.len() + 1);
        keys.extend(stay.into_iter().cloned());
        let mut retired = self.retired.clone();
        retired.extend(over.iter().map(|key| key.id));
        retired.drain(..retired.len().saturating_sub(MAX_REMEMBERED));
        Self {
            revision: self.revision.saturating_add(1),
            app: self.app.clone(),
            index: self.index.clone(),
            replaced: self.replaced.clone(),
            keys,
            retired,
        }
    }
}

/// Whether a key can go, and only its id be remembered. A revoked one opens nothing either, but
/// stays as long as its parcels may come, so that they are counted as what they are.
fn is_over(schedule: &Schedule, now: Timestamp, overlap_ms: u64) -> bool {
    match schedule.revoked {
        Some(revoked) => now >= revoked.plus_millis(overlap_ms),
        None => schedule.state(now) == KeyState::Retired,
    }
}

/// Rounded up, since a lead and an overlap are the least that is needed.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_secs(time.plus_millis(999).as_secs()).min(LAST)
}
