//! A set of ids, each with a value and an expiry, that is cheap to copy and to look into.

use alloc::sync::Arc;
use alloc::vec::Vec;

/// Entries by id, in shards that copies share until one of them changes.
///
/// Ids are keyed hashes, so they spread evenly over the shards. With a million entries a look-up
/// reads about ten words of one shard, and a change copies one shard and the list of shards.
#[derive(Clone, Debug, Default)]
pub(super) struct Expiring<V> {
    /// None before the first entry.
    shards: Option<Arc<[Arc<Shard<V>>; SHARDS]>>,
    len: usize,
}

const BITS: u32 = 10;
const SHARDS: usize = 1 << BITS;

#[derive(Clone, Debug)]
struct Shard<V> {
    /// Ascending. An id may come more than once, with other values.
    ids: Vec<u64>,
    /// For each id, until when (in seconds), and what.
    values: Vec<(u32, V)>,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { ids: Vec::new(), values: Vec::new() }
    }
}

impl<V: Copy + PartialEq> Expiring<V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that the entries take, roughly.
    pub(super) fn bytes(&self) -> usize {
        let Some(shards) = &self.shards else { return 0 };
        let shard = |shard: &Arc<Shard<V>>| {
            size_of::<Shard<V>>()
                + shard.ids.capacity() * size_of::<u64>()
                + shard.values.capacity() * size_of::<(u32, V)>()
        };
        shards.iter().map(|it| size_of::<Arc<Shard<V>>>() + shard(it)).sum()
    }

    /// All values of an id.
    pub(super) fn get(&self, id: u64) -> impl Iterator<Item = (u32, V)> + '_ {
        let shard = self.shards.as_ref().and_then(|shards| shards.get(home(id)));
        shard.into_iter().flat_map(move |shard| {
            let from = shard.ids.partition_point(|held| *held < id);
            let same = shard.ids.iter().skip(from).take_while(move |held| **held == id);
            same.zip(shard.values.iter().skip(from)).map(|(_, value)| *value)
        })
    }

    /// Whether there is such an entry that does not end before `until`.
    pub(super) fn has(&self, id: u64, until: u32, value: V) -> bool {
        self.get(id).any(|(held, it)| it == value && held >= until)
    }

    /// Adds an entry; one that is there already keeps the later expiry.
    pub(super) fn insert(&mut self, id: u64, until: u32, value: V)
    where
        V: Default,
    {
        let empty = || Arc::new(core::array::from_fn(|_| Arc::new(Shard::default())));
        let shards = Arc::make_mut(self.shards.get_or_insert_with(empty));
        let Some(shard) = shards.get_mut(home(id)).map(Arc::make_mut) else { return };
        let at = shard.ids.partition_point(|held| *held < id);
        let mut same = shard.ids.iter().zip(&mut shard.values).skip(at);
        if let Some((_, (held, _))) =
            same.by_ref().take_while(|(held, _)| **held == id).find(|(_, held)| held.1 == value)
        {
            *held = until.max(*held);
            return;
        }
        // A vector that doubles would waste more than it saves: shards are small.
        if shard.ids.len() == shard.ids.capacity() {
            let more = shard.ids.len() / 8 + 4;
            shard.ids.reserve_exact(more);
            shard.values.reserve_exact(more);
        }
        shard.ids.insert(at, id);
        shard.values.insert(at, (until, value));
        self.len += 1;
    }

    /// Removes what has expired before `now`, in seconds.
    pub(super) fn expire(&mut self, now: u32) {
        let Some(shards) = &mut self.shards else { return };
        let over = |shard: &Shard<V>| shard.values.iter().any(|(until, _)| *until < now);
        if !shards.iter().any(|shard| over(shard)) {
            return;
        }
        let mut len = 0;
        for shard in Arc::make_mut(shards) {
            if over(shard) {
                let stays =
                    shard.ids.iter().zip(&shard.values).filter(|(_, (until, _))| *until >= now);
                let (ids, values) = stays.map(|(id, value)| (*id, *value)).unzip();
                *shard = Arc::new(Shard { ids, values });
            }
            len += shard.ids.len();
        }
        self.len = len;
    }

    /// All entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u32, V)> + '_ {
        let shards = self.shards.iter().flat_map(|shards| shards.iter());
        shards.flat_map(|shard| {
            shard.ids.iter().zip(&shard.values).map(|(id, (until, value))| (*id, *until, *value))
        })
    }
}

/// The shard of an id: its first bits.
fn home(id: u64) -> usize {
    usize::try_from(id >> (u64::BITS - BITS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// Spreads like a keyed hash.
    fn id(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n << 7)
    }

    #[test]
    fn what_was_inserted_is_found_and_nothing_else() {
        let mut set = Expiring::<()>::default();
        assert_eq!((set.len(), set.get(0).count(), set.bytes()), (0, 0, 0));
        for n in 0..20_000 {
            set.insert(id(n), 100, ());
        }
        assert_eq!(set.len(), 20_000);
        for n in 0..20_000 {
            assert_eq!(set.get(id(n)).count(), 1);
            assert_eq!(set.get(id(n + 20_000)).count(), 0);
        }
        assert_eq!(set.iter().count(), 20_000);
    }

    #[test]
    fn an_entry_twice_is_one_with_the_later_expiry() {
        let mut set = Expiring::<u64>::default();
        set.insert(7, 10, 1);
        set.insert(7, 30, 1);
        set.insert(7, 20, 1);
        set.insert(7, 15, 2);
        let mut held: vec::Vec<_> = set.get(7).collect();
        held.sort_unstable();
        assert_eq!(held, [(15, 2), (30, 1)]);
        assert_eq!(set.len(), 2);
    }

    #[test]
    fn what_expired_goes_and_copies_keep_it() {
        let mut set = Expiring::<()>::default();
        for n in 0..100 {
            set.insert(id(n), u32::try_from(n).unwrap(), ());
        }
        let copy = set.clone();
        set.expire(50);
        assert_eq!((set.len(), set.iter().count()), (50, 50));
        assert_eq!(set.get(id(49)).count(), 0);
        assert_eq!(set.get(id(50)).count(), 1, "it holds through its last second");
        assert_eq!((copy.len(), copy.get(id(49)).count()), (100, 1));
        set.insert(id(49), 200, ());
        assert_eq!(copy.get(id(49)).next(), Some((49, ())));
    }
}
