//! Whether the fleet makes exactly one key in each period.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use haversack::ShortKeyId;
use haversack_tower::fleet::RingStore;
use tokio::time::{sleep, timeout};

use super::judge::Judge;
use super::plan::{millis, now_ms};

/// All keys that were seen in the engine, and when they were to seal.
#[derive(Clone, Default)]
pub(super) struct Keys(Arc<Mutex<BTreeMap<u64, Vec<ShortKeyId>>>>);

impl Keys {
    /// Looks into the engine, for ever.
    pub(super) async fn watch(self, store: RingStore) {
        loop {
            if let Ok(Ok(ring)) = timeout(Duration::from_secs(1), store.ring()).await {
                let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                for key in ring.keys(haversack::Timestamp::from_millis(now_ms())) {
                    let ids = seen.entry(key.seals_from.as_millis()).or_default();
                    if !ids.contains(&key.id) {
                        ids.push(key.id);
                    }
                }
            }
            sleep(Duration::from_millis(400)).await;
        }
    }

    /// Keys that were made, and the shortest and longest time between two of them.
    pub(super) fn judge(&self, judge: &Judge) -> (usize, u64, u64) {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, _)) = seen.iter().find(|(_, ids)| ids.len() > 1) {
            judge.violation("two keys in one period", || format!("both seal from {at}"));
        }
        let times: Vec<u64> = seen.keys().copied().collect();
        let (mut shortest, mut longest) = (u64::MAX, 0);
        let period = millis(judge.terms.period());
        for pair in times.windows(2) {
            let apart = pair[1] - pair[0];
            (shortest, longest) = (shortest.min(apart), longest.max(apart));
            if apart < period {
                let what = || format!("{apart} ms apart, of {period}");
                judge.violation("two keys in one period", what);
            }
            // A server looks every second, give or take a half, and no engine takes a key while it
            // is away.
            let from = pair[0].saturating_sub(millis(judge.terms.lead));
            let away = judge.history().away_between(from, pair[1]);
            if apart > period + away + 10_000 {
                let what =
                    || format!("{apart} ms apart, of {period}, and the engine away for {away}");
                judge.violation("a key was late", what);
            }
        }
        (times.len() - usize::from(!times.is_empty()), shortest, longest)
    }
}
