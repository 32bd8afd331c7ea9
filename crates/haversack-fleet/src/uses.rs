//! How often each key of the ring opened something: whether it can be dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use haversack::{KeyRing, ShortKeyId, Timestamp};

use crate::report::KeyUse;

/// A table that is made with each ring. Keys that are not in it are not counted: ids are cheap to make
/// up.
#[derive(Debug, Default)]
pub(crate) struct Uses(ArcSwap<Vec<(ShortKeyId, Arc<Use>)>>);

#[derive(Debug, Default)]
struct Use {
    opens: AtomicU64,
    last_s: AtomicU64,
}

impl Uses {
    /// There is a new ring: keys that stay keep their counts.
    pub(crate) fn renew(&self, ring: &KeyRing) {
        let old = self.0.load_full();
        let mut table: Vec<_> = ring
            .keys(Timestamp::default())
            .map(|key| {
                let known = old.iter().find(|(id, _)| *id == key.id);
                (key.id, known.map_or_else(Arc::default, |(_, uses)| Arc::clone(uses)))
            })
            .collect();
        table.sort_unstable_by_key(|(id, _)| *id);
        self.0.store(Arc::new(table));
    }

    /// A key opened a parcel.
    pub(crate) fn note(&self, key: ShortKeyId, now: Timestamp) {
        let table = self.0.load();
        let found = table.binary_search_by_key(&key, |(id, _)| *id).ok();
        if let Some((_, uses)) = found.and_then(|i| table.get(i)) {
            uses.opens.fetch_add(1, Ordering::Relaxed);
            uses.last_s.fetch_max(now.as_secs(), Ordering::Relaxed);
        }
    }

    pub(crate) fn report(&self) -> BTreeMap<String, KeyUse> {
        let table = self.0.load();
        let row = |(id, uses): &(ShortKeyId, Arc<Use>)| {
            let opens = uses.opens.load(Ordering::Relaxed);
            (id.to_string(), KeyUse { opens, last_s: uses.last_s.load(Ordering::Relaxed) })
        };
        table.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Os;

    #[test]
    fn counts_outlive_a_rotation_and_unknown_keys_have_none() {
        let now = Timestamp::from_secs(1_800_000_000);
        let ring = KeyRing::generate("shop", now, Os).unwrap();
        let key = ring.sealing(now).unwrap().id;
        let uses = Uses::default();
        uses.note(key, now);
        uses.renew(&ring);
        uses.note(key, now);
        uses.note(ShortKeyId::from_bytes([1; 6]), now);
        uses.renew(&ring.rotate(now, Os, 0, 3_600_000).unwrap());
        uses.note(key, Timestamp::from_secs(7));
        let report = uses.report();
        assert_eq!(report.len(), 2);
        assert_eq!(report[&key.to_string()], KeyUse { opens: 2, last_s: now.as_secs() });
    }
}
