//! The session index of this server: what it was told of sessions, and what it has to tell.
//!
//! In memory sessions are apart from the view, since no request is judged by them: a page that shows
//! somebody's sessions reads them here.

#[cfg(test)]
mod vectors;

use std::collections::{BTreeMap, VecDeque, btree_map};
use std::sync::{Mutex, MutexGuard, PoisonError};

use haversack::{Listed, RevocationId, SealedLabel, SessionIndex, SubjectId, Timestamp};
use metrics::counter;
use tokio::sync::Notify;

/// All that is known, in parts so that whoever goes through one does not hold up the others.
#[derive(Debug)]
pub(crate) struct Index {
    parts: Vec<Mutex<Part>>,
    queue: Mutex<Queue>,
    pub(crate) woken: Notify,
}

type Part = BTreeMap<(SubjectId, RevocationId), Entry>;

/// A session, but for its ids. Times in seconds, since there may be many.
#[derive(Clone, Debug)]
struct Entry {
    seen: u32,
    auth: u32,
    until: u32,
    /// Whether the log has it, as far as is known.
    stored: bool,
    label: Option<SealedLabel>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The number of the last one that was queued.
    last: u64,
    waiting: VecDeque<Waiting>,
    /// Whether it was told that there were too many.
    full: bool,
}

/// A session that the log is to have.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    number: u64,
    pub(crate) listed: Listed,
    /// Whether the log had it once and has lost it.
    pub(crate) again: bool,
}

impl Entry {
    fn new(listed: &Listed, stored: bool) -> Self {
        let secs = |time: Timestamp| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        Self {
            seen: secs(listed.seen),
            auth: secs(listed.auth),
            until: secs(listed.until),
            stored,
            label: listed.label.clone(),
        }
    }

    /// The later time counts, of each of the times, and a label until there is another: a touch of an
    /// older root does not take back that its user has proved again who they are.
    fn merge(&mut self, other: Self) {
        let rank = |it: &Self| (it.seen, it.auth, it.until);
        let held = self.label.take();
        self.label =
            if rank(&other) > rank(self) { other.label.or(held) } else { held.or(other.label) };
        let seen = self.seen.max(other.seen);
        let auth = self.auth.max(other.auth);
        let until = self.until.max(other.until);
        // The log has the times of both if it has both, or one that has all of them.
        let has_all = |stored, times| stored && times == (seen, auth, until);
        self.stored = (self.stored && other.stored)
            || has_all(self.stored, rank(self))
            || has_all(other.stored, (other.seen, other.auth, other.until));
        (self.seen, self.auth, self.until) = (seen, auth, until);
    }

    fn listed(&self, (subject, id): (SubjectId, RevocationId)) -> Listed {
        let [auth, seen, until] =
            [self.auth, self.seen, self.until].map(|secs| Timestamp::from_secs(u64::from(secs)));
        Listed { subject, id, auth, seen, until, label: self.label.clone() }
    }
}

impl Default for Index {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { parts, queue: Mutex::default(), woken: Notify::new() }
    }
}

impl Index {
    /// Takes what the log has.
    pub(crate) fn take(&self, listed: &Listed, now: Timestamp) {
        if listed.until > now {
            self.insert(listed, true);
        }
    }

    /// What is held after that.
    fn insert(&self, listed: &Listed, stored: bool) -> Listed {
        let key = (listed.subject, listed.id);
        let new = Entry::new(listed, stored);
        let mut part = self.part(listed.subject);
        match part.entry(key) {
            btree_map::Entry::Vacant(place) => place.insert(new).listed(key),
            btree_map::Entry::Occupied(mut held) => {
                held.get_mut().merge(new);
                held.get().listed(key)
            }
        }
    }

    /// The log begins anew.
    pub(crate) fn reset(&self) {
        for part in &self.parts {
            lock(part).values_mut().for_each(|entry| entry.stored = false);
        }
    }

    /// Queues what the log does not have any more.
    pub(crate) fn put_back(&self) {
        // One part after the other: requests list sessions meanwhile, and wait for neither.
        for part in &self.parts {
            let part = lock(part);
            let lacking = part.iter().filter(|(_, entry)| !entry.stored);
            let lacking: Vec<Listed> = lacking.map(|(key, entry)| entry.listed(*key)).collect();
            drop(part);
            let mut queue = self.queue();
            let room = LIMIT.saturating_sub(queue.waiting.len());
            lacking.into_iter().take(room).for_each(|listed| queue.push(listed, true));
        }
        self.woken.notify_one();
    }

    /// Forgets what is over in one of the parts: another one each time, so that it never takes long.
    pub(crate) fn expire(&self, round: u64, now: Timestamp) {
        let at = usize::try_from(round).unwrap_or_default() % PARTS;
        if let Some(part) = self.parts.get(at) {
            lock(part).retain(|_, entry| u64::from(entry.until) > now.as_secs());
        }
    }

    /// How many sessions are held.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| lock(part).len()).sum()
    }

    /// At most `limit` that the log is to have next. They stay queued until they are
    /// [done](Self::done).
    pub(crate) fn batch(&self, limit: usize) -> Vec<Waiting> {
        self.queue().waiting.iter().take(limit).cloned().collect()
    }

    /// The log has a batch, or never will.
    pub(crate) fn done(&self, batch: &[Waiting]) {
        let last = batch.last().map_or(0, |waiting| waiting.number);
        let mut queue = self.queue();
        let done = queue.waiting.partition_point(|waiting| waiting.number <= last);
        queue.waiting.drain(..done);
        queue.full &= !queue.waiting.is_empty();
        drop(queue);
        for waiting in batch {
            self.insert(&waiting.listed, true);
        }
    }

    /// Whether the log has this, or later activity of the session.
    pub(crate) fn is_stored(&self, listed: &Listed) -> bool {
        let part = self.part(listed.subject);
        part.get(&(listed.subject, listed.id)).is_some_and(|entry| entry.stored)
    }

    fn part(&self, subject: SubjectId) -> MutexGuard<'_, Part> {
        // Ids are keyed hashes, so that each part gets its share.
        let [first, ..] = *subject.as_bytes();
        lock(&self.parts[usize::from(first) % PARTS])
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

impl Queue {
    fn push(&mut self, listed: Listed, again: bool) {
        self.last += 1;
        self.waiting.push_back(Waiting { number: self.last, listed, again });
    }
}

impl SessionIndex for Index {
    fn list(&self, listed: Listed) {
        // With the label that it had, or it would be forgotten with the record that held it.
        let listed = self.insert(&listed, false);
        let mut queue = self.queue();
        queue.push(listed, false);
        let over = queue.waiting.len() > LIMIT;
        if over {
            queue.waiting.pop_front();
            counter!("haversack_fleet_listings_dropped_total").increment(1);
        }
        let tell = over && !std::mem::replace(&mut queue.full, true);
        drop(queue);
        if tell {
            tracing::warn!(
                "more than {LIMIT} sessions wait to be listed, and the oldest are left out: other \
                 servers list them when they are next used"
            );
        }
        self.woken.notify_one();
    }

    fn of(&self, subject: SubjectId) -> Vec<Listed> {
        let [first, last] = [[0; 8], [0xff; 8]].map(RevocationId::from_bytes);
        let part = self.part(subject);
        let all = part.range((subject, first)..=(subject, last));
        all.map(|(key, entry)| entry.listed(*key)).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Parts of the index.
const PARTS: usize = 64;

/// Sessions that wait to be told, at most.
const LIMIT: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const LABEL: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn listed(id: &str, seen: u64, label: &str) -> Listed {
        let (seen, until) = (NOW.as_secs() + seen, NOW.as_secs() + seen + 100);
        format!("listed AAECAwQFBgc {id} 1800000000 {seen} {until}{label}").parse().unwrap()
    }

    fn texts(index: &Index) -> Vec<String> {
        let subject = "AAECAwQFBgc".parse().unwrap();
        index.of(subject).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn of_a_session_the_last_activity_and_the_last_label_are_held() {
        let index = Index::default();
        let label = format!(" {LABEL}");
        let (one, two) = ("CAkKCwwNDg8", "EBESExQVFhc");
        let told = [listed(one, 0, &label), listed(one, 9, ""), listed(two, 3, "")];
        let wanted = [listed(one, 9, &label).to_string(), listed(two, 3, "").to_string()];
        for order in [[0, 1, 2, 0], [2, 1, 0, 1], [1, 0, 2, 2]] {
            let index = Index::default();
            for at in order {
                index.take(&told[at], NOW);
            }
            assert_eq!(texts(&index), wanted);
        }
        index.list(told[0].clone());
        index.list(told[1].clone());
        let queued: Vec<_> = index.batch(9).iter().map(|it| it.listed.to_string()).collect();
        assert_eq!(queued[1], wanted[0], "a label is told again, or it would be forgotten");
        let others = index.of("EBESExQVFhc".parse().unwrap());
        assert!(others.is_empty(), "a session is no subject");
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let index = Index::default();
        index.take(&listed("CAkKCwwNDg8", 0, ""), NOW);
        index.take(&listed("EBESExQVFhc", 50, ""), NOW);
        index.take(&listed("GBkaGxwdHh8", 0, ""), NOW.plus_millis(100_000));
        assert_eq!(index.len(), 2, "what is over is not taken");
        let later = NOW.plus_millis(100_000);
        (0..64).for_each(|round| index.expire(round, later));
        assert_eq!(texts(&index), [listed("EBESExQVFhc", 50, "").to_string()]);
    }

    #[test]
    fn what_the_log_lost_is_queued_again_and_what_came_back_is_not() {
        let index = Index::default();
        for id in ["CAkKCwwNDg8", "EBESExQVFhc"] {
            index.list(listed(id, 0, ""));
        }
        let batch = index.batch(9);
        assert!(batch.iter().all(|it| !it.again && !index.is_stored(&it.listed)));
        index.list(listed("GBkaGxwdHh8", 0, ""));
        index.done(&batch);
        assert!(batch.iter().all(|it| index.is_stored(&it.listed)));
        assert_eq!(index.batch(9).len(), 1, "what came meanwhile stays");
        index.done(&index.batch(9));
        index.reset();
        index.take(&listed("CAkKCwwNDg8", 0, ""), NOW);
        index.put_back();
        let again: Vec<_> = index.batch(9).into_iter().map(|it| (it.again, it.listed.id)).collect();
        let lost = ["EBESExQVFhc", "GBkaGxwdHh8"].map(|id| (true, id.parse().unwrap()));
        assert_eq!(again, lost);
    }

    #[test]
    fn of_too_many_the_oldest_are_left_out() {
        let index = Index::default();
        let ids = (0..=LIMIT as u64).map(|n| RevocationId::from_bytes(n.to_be_bytes()));
        ids.for_each(|id| index.list(Listed { id, ..listed("CAkKCwwNDg8", 0, "") }));
        let first = index.batch(1);
        assert_eq!(first[0].listed.id, RevocationId::from_bytes(1_u64.to_be_bytes()));
        assert_eq!(index.batch(usize::MAX).len(), LIMIT);
        assert_eq!(index.len(), LIMIT + 1, "here it is held all the same");
    }
}
