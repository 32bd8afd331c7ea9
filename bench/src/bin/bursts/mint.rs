//! A session as it is at rest: one root and one fragment, older than what folds wait for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haversack::{
    Each, Entropy, Exchange, Feed as _, Fixed, KeyRing, NoEntropy, Policy, Room, Rules, Snapshot,
    Timestamp,
};
use serde::{Deserialize, Serialize};

/// The one field of the demo's session that is written here.
#[derive(Default, Serialize, Deserialize)]
struct Store {
    notes: Each<BTreeMap<u64, String>>,
}

struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// Keys that have sealed for an hour.
pub(crate) fn ring() -> KeyRing {
    KeyRing::generate("bursts", before(Duration::from_secs(3_600)), System).expect("randomness")
}

/// `Set-Cookie` lines of a session with these notes that was written a minute ago.
pub(crate) fn session(ring: &KeyRing, notes: BTreeMap<u64, String>) -> Vec<String> {
    let rules = Arc::new(Rules::<Store>::new(Policy::default()).expect("a policy that fits"));
    let snapshot = Snapshot::new(rules, Fixed::from(ring.clone()).view());
    let then = before(Duration::from_secs(60));
    let mut exchange: Exchange<Store> = Exchange::receive(&snapshot, None, then);
    let (mut decoded, mark) = exchange.value();
    decoded.value.notes = Each(notes);
    exchange.hand_back(&decoded.value, mark).expect("encodable");
    let outcome = exchange.respond(Room::default(), then, &mut System);
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    outcome.set_cookies
}

fn before(time: Duration) -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that was set");
    Timestamp::from_secs(now.as_secs() - time.as_secs())
}
