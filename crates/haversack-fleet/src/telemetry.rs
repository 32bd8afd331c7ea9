//! What operators see of the fleet, as metrics. Documented in `docs/metrics.md`.

use std::time::Instant;

use haversack::{KeyRing, Timestamp};
use metrics::gauge;

use crate::shared::Shared;

/// A ring is in use.
pub(crate) fn ring(ring: &KeyRing) {
    gauge!("haversack_fleet_ring_revision").set(float(ring.revision()));
}

/// Once a second.
#[expect(clippy::cast_precision_loss, reason = "sizes and differences are far below 2^52")]
pub(crate) fn tick(shared: &Shared, now: Timestamp) {
    if let Some(age) = shared.held.age(Instant::now()) {
        gauge!("haversack_fleet_staleness_seconds").set(age.as_secs_f64());
    }
    if let Some(lag) = shared.measured.lag_ms() {
        gauge!("haversack_fleet_lag_seconds").set(float(lag) / 1000.0);
    }
    if let Some(clock) = shared.measured.clock_ms() {
        gauge!("haversack_fleet_clock_difference_seconds").set(clock as f64 / 1000.0);
    }
    let (entries, bytes) = shared.held.size();
    gauge!("haversack_fleet_view_entries").set(entries as f64);
    gauge!("haversack_fleet_view_bytes").set(bytes as f64);
    if let Some(index) = shared.held.index() {
        gauge!("haversack_fleet_sessions_listed").set(index.len() as f64);
    }
    gauge!("haversack_fleet_queue").set(shared.queue.len() as f64);
    gauge!("haversack_fleet_ready").set(if shared.ready().is_ok() { 1.0 } else { 0.0 });
    if let Some(held) = shared.held.ring() {
        let age = held.ring.sealing(now).map(|key| now.millis_since(key.seals_from));
        gauge!("haversack_fleet_ring_age_seconds").set(float(age.unwrap_or_default()) / 1000.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "times and revisions are far below 2^52")]
fn float(n: u64) -> f64 {
    n as f64
}
