//! Automatic rotation: each server looks whether it is time, and compare-and-swap lets one of them do
//! it.
//!
//! A server rotates only while it is ready: one whose clock is wrong would retire keys that the others
//! still need.

use std::sync::Arc;
use std::time::Duration;

use haversack::{KeyRing, KeyRingError, KeyState, Timestamp};
use metrics::counter;
use tokio::time::{sleep, timeout};

use crate::clock::{millis, now};
use crate::document;
use crate::engine::Put;
use crate::entropy::{Os, jittered};
use crate::error::{EngineError, EngineErrorKind};
use crate::shared::Shared;
use crate::trouble::Task;

/// When keys are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// How long a key seals. Stretched if the ring would otherwise hold more than about 50 keys.
    /// Default: 24 hours.
    pub every: Duration,
    /// How long before it seals a key is published. Default: [`KeyRing::LEAD_MS`], 10 minutes.
    pub lead: Duration,
    /// How often each server looks whether it is time, give or take a half. Default: 30 seconds.
    pub check: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(24 * 3600),
            lead: Duration::from_millis(KeyRing::LEAD_MS),
            check: Duration::from_secs(30),
        }
    }
}

impl Rotation {
    /// Whether the next key is to be made, if keys open for `overlap_ms` after they stopped sealing.
    fn is_due(&self, ring: &KeyRing, overlap_ms: u64, now: Timestamp) -> bool {
        if ring.keys(now).any(|key| key.state == KeyState::Upcoming) {
            return false;
        }
        let Some(sealing) = ring.sealing(now) else { return true };
        let lead = millis(self.lead);
        let every = millis(self.every).max(overlap_ms / KEYS).max(lead.saturating_mul(2));
        now.millis_since(sealing.seals_from) >= every.saturating_sub(lead)
    }
}

/// Keys in the ring, at most, beside the ones that seal and will: a ring holds 64, and some are made
/// by hand.
const KEYS: u64 = 47;

impl Shared {
    /// Rotates when it is time, for ever.
    pub(crate) async fn rotate(self: Arc<Self>) {
        let Some(rotation) = self.rotation else {
            return std::future::pending().await;
        };
        let mut was_ready = false;
        loop {
            sleep(jittered(rotation.check)).await;
            // Not the first time: an engine that was set back may hold an older ring than servers that
            // have yet to find it again. A key that is made from that one would stand against theirs.
            let is_ready = self.ready().is_ok();
            let judges = std::mem::replace(&mut was_ready, is_ready) && is_ready;
            // Nobody has told for how long keys must open, or this server should not judge.
            let (Some(overlap_ms), true) = (self.overlap_ms(), judges) else { continue };
            self.rotate_if_due(rotation, overlap_ms).await;
        }
    }

    async fn rotate_if_due(&self, rotation: Rotation, overlap_ms: u64) {
        let Some(held) = self.held.ring() else { return };
        let now = now();
        if !rotation.is_due(&held.ring, overlap_ms, now) {
            self.troubles.over(Task::Rotate);
            return;
        }
        let ring = match held.ring.rotate(now, Os, millis(rotation.lead), overlap_ms) {
            Ok(ring) => ring,
            Err(KeyRingError::Upcoming { .. }) => return,
            Err(error) => return self.not_rotated("ring", &error),
        };
        let document = match document::store(&ring, &self.wraps).await {
            Ok(document) => document,
            Err(error) => return self.not_rotated("seal", &error),
        };
        let put = timeout(PATIENCE, self.engine.put_ring(held.document.revision, &document)).await;
        let put = put.unwrap_or_else(|_| {
            let why = "no answer within 5 seconds".to_owned();
            Err(EngineError::new(self.name.clone(), EngineErrorKind::Unreachable(why)))
        });
        match put {
            Ok(Put::Stored) => {
                counter!("haversack_fleet_rotations_total", "outcome" => "done").increment(1);
                self.troubles.over(Task::Rotate);
                tracing::info!(engine = self.name, "key ring rotated");
                self.offer(document).await;
            }
            Ok(Put::Lost(_)) => {
                counter!("haversack_fleet_rotations_total", "outcome" => "lost").increment(1);
                if let Ok(Ok(Some(document))) = timeout(PATIENCE, self.engine.ring()).await {
                    self.offer(document).await;
                }
            }
            Err(error) => {
                counter!("haversack_fleet_rotations_total", "outcome" => "failed").increment(1);
                self.troubles.engine(Task::Rotate, NOT_ROTATED, &error);
            }
        }
    }

    fn not_rotated(&self, kind: &str, error: &dyn std::fmt::Display) {
        counter!("haversack_fleet_rotations_total", "outcome" => "failed").increment(1);
        self.troubles.tell(Task::Rotate, kind, NOT_ROTATED, error);
    }
}

const NOT_ROTATED: &str = "the key ring is due for rotation and was not rotated by this server, which \
                           tries again";

const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOUR: u64 = 3_600_000;

    /// The largest ring in two years of rotation, looked at every few minutes, and the number of keys
    /// that were made.
    fn keys(rotation: Rotation, overlap_ms: u64) -> (usize, u64) {
        let mut ring = KeyRing::generate("shop", T0, Os).unwrap();
        let mut largest = 0;
        let mut now = T0;
        while now.millis_since(T0) < 2 * 365 * 24 * HOUR {
            if rotation.is_due(&ring, overlap_ms, now) {
                ring = ring.rotate(now, Os, millis(rotation.lead), overlap_ms).unwrap();
            }
            assert!(ring.sealing(now).is_some());
            largest = largest.max(ring.keys(now).count());
            now = now.plus_millis(HOUR / 4);
        }
        (largest, ring.revision() - 1)
    }

    #[test]
    fn a_key_a_day_by_default() {
        let (largest, made) = keys(Rotation::default(), KeyRing::overlap_ms(24 * HOUR));
        assert!(largest <= 6, "{largest}");
        assert!((715..=730).contains(&made), "{made}");
    }

    #[test]
    fn the_ring_stays_small_however_long_keys_open() {
        let (largest, _) = keys(Rotation::default(), KeyRing::overlap_ms(400 * 24 * HOUR));
        assert!(largest <= 50, "{largest}");
        let often = Rotation { every: Duration::from_secs(60), ..Rotation::default() };
        let (largest, made) = keys(often, KeyRing::overlap_ms(30 * 24 * HOUR));
        assert!(largest <= 50 && made > 300, "{largest} {made}");
    }

    #[test]
    fn a_ring_that_cannot_seal_is_due() {
        let rotation = Rotation::default();
        let ring = KeyRing::generate("shop", T0, Os).unwrap();
        assert!(!rotation.is_due(&ring, HOUR, T0));
        let id = ring.sealing(T0).unwrap().id;
        let revoked = ring.revoke(id, T0, Os).unwrap();
        assert!(!rotation.is_due(&revoked, HOUR, T0), "it has a new key");
        let rotated = ring.rotate(T0, Os, HOUR, HOUR).unwrap();
        assert!(!rotation.is_due(&rotated, HOUR, T0.plus_millis(30 * 24)), "the next is there");
    }
}
