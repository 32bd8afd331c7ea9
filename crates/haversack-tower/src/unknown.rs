//! Key ids that no key of the ring answers to: when to ask for a newer ring, and when to give up.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use haversack::{KeyId, Timestamp};

/// Longest wait of a request for a newer ring.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// Between two questions to the feed that no new key came of.
const PAUSE_MS: u64 = 1_000;

/// An id that is still absent from a ring confirmed this long after it was first met is dead.
const DEAD_MS: u64 = 15 * 60 * 1000;

/// Ids that are remembered; further ones are kept like those that have just been met.
const CAPACITY: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct UnknownKeys {
    met: Mutex<Met>,
}

#[derive(Debug, Default)]
struct Met {
    first: BTreeMap<KeyId, Timestamp>,
    asked: Option<Timestamp>,
}

impl UnknownKeys {
    /// Notes the id; whether the feed should be asked for a newer ring. Requests that meet it
    /// while one asks wait with it; after that there is a pause, since ids are cheap to make up.
    pub(crate) fn should_ask(&self, id: KeyId, now: Timestamp) -> bool {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        if met.first.len() < CAPACITY {
            met.first.entry(id).or_insert(now);
        }
        let since = met.asked.map(|asked| now.millis_since(asked));
        match since {
            Some(ms) if u128::from(ms) < PATIENCE.as_millis() => true,
            Some(ms) if ms < PAUSE_MS => false,
            _ => {
                met.asked = Some(now);
                true
            }
        }
    }

    /// Whether a ring confirmed at `confirmed` proves that no server of the fleet has the key.
    pub(crate) fn is_dead(&self, id: KeyId, confirmed: Timestamp) -> bool {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.first.get(&id).is_some_and(|first| confirmed >= first.plus_millis(DEAD_MS))
    }

    /// Forgets ids that the ring knows by now.
    pub(crate) fn forget(&self, mut known: impl FnMut(KeyId) -> bool) {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.first.retain(|id, _| !known(*id));
    }
}
