//! Records that wait to be published, and who waits for them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use haversack::{Revocation, Timestamp, Unpublished};
use tokio::sync::{Notify, oneshot};

#[derive(Debug, Default)]
pub(crate) struct Queue {
    lines: Mutex<Lines>,
    pub(crate) woken: Notify,
}

#[derive(Debug, Default)]
struct Lines {
    /// The number of the last one that was queued.
    last: u64,
    waiting: VecDeque<Waiting>,
    /// What an engine that was reset has lost.
    again: VecDeque<Revocation>,
    /// Published lately, should the engine be reset.
    recent: VecDeque<(Instant, Revocation)>,
    /// On their way to the engine and back.
    away: HashMap<Revocation, Instant>,
    /// Records that had to go since somebody asked.
    dropped: usize,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    record: Revocation,
    publication: Arc<Publication>,
}

/// Some records that somebody waits for.
#[derive(Debug)]
struct Publication {
    left: AtomicUsize,
    told: Mutex<Option<oneshot::Sender<Result<(), Unpublished>>>>,
}

impl Publication {
    fn one_done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.tell(Ok(()));
        }
    }

    fn tell(&self, result: Result<(), Unpublished>) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(told) = told {
            let _ = told.send(result); // who no longer waits does not care
        }
    }
}

/// What to append next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// New records, up to the one with this number.
    New(Vec<Revocation>, u64),
    /// Records that the engine has lost; how many of the queue that is.
    Again(Vec<Revocation>, usize),
}

impl Batch {
    pub(crate) fn records(&self) -> &[Revocation] {
        match self {
            Self::New(records, _) | Self::Again(records, _) => records,
        }
    }
}

impl Queue {
    /// Queues records; the receiver hears when all of them are published.
    pub(crate) fn push(
        &self,
        records: &[Revocation],
    ) -> oneshot::Receiver<Result<(), Unpublished>> {
        let (told, hears) = oneshot::channel();
        let publication = Arc::new(Publication {
            left: AtomicUsize::new(records.len()),
            told: Mutex::new(Some(told)),
        });
        if records.is_empty() {
            publication.tell(Ok(()));
            return hears;
        }
        let now = Instant::now();
        let mut lines = self.lock();
        for record in records {
            lines.last += 1;
            let number = lines.last;
            let publication = Arc::clone(&publication);
            lines.waiting.push_back(Waiting { number, record: *record, publication });
            if lines.away.len() < AWAY {
                lines.away.insert(*record, now);
            }
        }
        let gone = lines.bound();
        drop(lines);
        for waiting in gone {
            let why = "too many publications wait for the engine".to_owned();
            waiting.publication.tell(Err(Unpublished { why }));
        }
        self.woken.notify_one();
        hears
    }

    /// The engine has lost these.
    pub(crate) fn push_again(&self, records: Vec<Revocation>) {
        self.lock().again = records.into();
        self.woken.notify_one();
    }

    /// At most `limit` records to append next, new ones first. They stay queued until they are
    /// [done](Self::done). What has expired is over.
    pub(crate) fn batch(&self, limit: usize, now: Timestamp) -> Option<Batch> {
        let mut lines = self.lock();
        while lines.waiting.front().is_some_and(|it| it.record.until() <= now) {
            if let Some(over) = lines.waiting.pop_front() {
                over.publication.one_done();
            }
        }
        let records: Vec<Revocation> =
            lines.waiting.iter().take(limit).map(|it| it.record).collect();
        if let Some(last) = lines.waiting.iter().take(limit).next_back() {
            return Some(Batch::New(records, last.number));
        }
        let again: Vec<Revocation> = lines.again.iter().take(limit).copied().collect();
        let count = again.len();
        (count > 0).then_some(Batch::Again(again, count))
    }

    /// A batch is published.
    pub(crate) fn done(&self, batch: &Batch) {
        let mut lines = self.lock();
        match *batch {
            Batch::New(_, last) => {
                let now = Instant::now();
                while let Some(it) = lines.next_until(last) {
                    it.publication.one_done();
                    lines.recent.push_back((now, it.record));
                }
                let over = lines.recent.len().saturating_sub(LIMIT);
                lines.recent.drain(..over);
            }
            Batch::Again(_, count) => {
                let count = count.min(lines.again.len());
                lines.again.drain(..count);
            }
        }
    }

    /// The engine will never take this batch.
    pub(crate) fn refuse(&self, batch: &Batch, why: &str) {
        if let Batch::New(_, last) = *batch {
            let mut lines = self.lock();
            while let Some(it) = lines.next_until(last) {
                it.publication.tell(Err(Unpublished { why: why.to_owned() }));
            }
        } else {
            self.done(batch);
        }
    }

    /// Records that wait to be published.
    pub(crate) fn len(&self) -> usize {
        let lines = self.lock();
        lines.waiting.len() + lines.again.len()
    }

    /// What this server published lately, or wanted to.
    pub(crate) fn recent(&self) -> Vec<Revocation> {
        self.lock().recent.iter().map(|(_, record)| *record).collect()
    }

    /// One of our own records came back; how long that took.
    pub(crate) fn came_back(&self, record: &Revocation) -> Option<Duration> {
        let mut lines = self.lock();
        if lines.away.is_empty() {
            return None;
        }
        lines.away.remove(record).map(|since| since.elapsed())
    }

    /// Forgets what is no longer recent. How many records had to go since this was last called.
    pub(crate) fn tidy(&self) -> usize {
        let mut lines = self.lock();
        let over = lines.recent.partition_point(|(since, _)| since.elapsed() > RECENT);
        lines.recent.drain(..over);
        lines.away.retain(|_, since| since.elapsed() < RECENT);
        std::mem::take(&mut lines.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Takes the first one out if its number is at most `last`.
    fn next_until(&mut self, last: u64) -> Option<Waiting> {
        self.waiting.front().filter(|it| it.number <= last)?;
        self.waiting.pop_front()
    }

    /// Takes out what is too much: floors before what ends sessions, old ones first.
    fn bound(&mut self) -> Vec<Waiting> {
        let mut gone = Vec::new();
        let mut over = self.waiting.len().saturating_sub(LIMIT);
        if over == 0 {
            return gone;
        }
        // Some more, so that a queue that stays full is not gone through for each record.
        over += LIMIT / 100;
        self.dropped += over;
        for floors in [true, false] {
            let mut stay = VecDeque::with_capacity(self.waiting.len());
            for waiting in self.waiting.drain(..) {
                let goes = matches!(waiting.record, Revocation::Floor { .. }) || !floors;
                if goes && over > 0 {
                    over -= 1;
                    gone.push(waiting);
                } else {
                    stay.push_back(waiting);
                }
            }
            self.waiting = stay;
        }
        gone
    }
}

/// Records that wait, at most.
pub(crate) const LIMIT: usize = 100_000;

/// How long the engine may take to notice that it lost something.
const RECENT: Duration = Duration::from_secs(10 * 60);

/// Records whose way is timed, at most.
const AWAY: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use haversack::RevocationId;

    const T: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn id(n: u64) -> RevocationId {
        RevocationId::from_bytes(n.to_be_bytes())
    }

    fn session(n: u64) -> Revocation {
        Revocation::Session { id: id(n), until: T }
    }

    fn floor(n: u64) -> Revocation {
        Revocation::Floor { id: id(n), renewed: T, published: T, until: T }
    }

    fn heard(hears: &mut oneshot::Receiver<Result<(), Unpublished>>) -> Option<bool> {
        hears.try_recv().ok().map(|result| result.is_ok())
    }

    #[test]
    fn whoever_publishes_hears_when_the_last_record_is_there() {
        let queue = Queue::default();
        let mut one = queue.push(&[session(1)]);
        let mut three = queue.push(&[session(2), session(3), session(4)]);
        let batch = queue.batch(2, Timestamp::default()).unwrap();
        assert_eq!(batch, Batch::New(vec![session(1), session(2)], 2));
        assert_eq!(heard(&mut one), None);
        queue.done(&batch);
        assert_eq!((heard(&mut one), heard(&mut three)), (Some(true), None));
        queue.done(&queue.batch(9, Timestamp::default()).unwrap());
        assert_eq!(heard(&mut three), Some(true));
        assert_eq!((queue.len(), queue.recent().len()), (0, 4));
        assert_eq!(heard(&mut queue.push(&[])), Some(true), "nothing is published at once");
    }

    #[test]
    fn what_came_while_a_batch_was_under_way_stays() {
        let queue = Queue::default();
        let _one = queue.push(&[session(1)]);
        let batch = queue.batch(9, Timestamp::default()).unwrap();
        let _two = queue.push(&[session(2)]);
        queue.done(&batch);
        let next = queue.batch(9, Timestamp::default()).unwrap();
        assert_eq!(next.records(), [session(2)]);
    }

    #[test]
    fn a_full_queue_drops_old_floors_first() {
        let queue = Queue::default();
        let mut ends = queue.push(&[session(0)]);
        let mut floors = queue.push(&(0..1_000).map(floor).collect::<Vec<_>>());
        let rest: Vec<_> = (1..=LIMIT as u64 - 1_001).map(session).collect();
        let mut rest = queue.push(&rest);
        assert_eq!((queue.len(), queue.tidy()), (LIMIT, 0));
        let _more = queue.push(&[session(u64::MAX)]);
        assert_eq!(queue.tidy(), LIMIT / 100 + 1);
        assert_eq!(queue.len(), LIMIT - LIMIT / 100);
        assert_eq!(heard(&mut floors), Some(false));
        // That is one less than had to go, and this was the oldest of the others.
        assert_eq!((heard(&mut ends), heard(&mut rest)), (Some(false), None));
        let first = queue.batch(1, Timestamp::default()).unwrap();
        assert_eq!(first.records(), [session(1)]);
    }

    #[test]
    fn what_has_expired_is_over() {
        let queue = Queue::default();
        let mut one = queue.push(&[session(1)]);
        assert_eq!(queue.batch(9, T), None);
        assert_eq!(heard(&mut one), Some(true));
    }

    #[test]
    fn new_records_go_before_those_that_were_lost() {
        let queue = Queue::default();
        queue.push_again(vec![session(1), session(2), session(3)]);
        let _new = queue.push(&[session(9)]);
        let batch = queue.batch(2, Timestamp::default()).unwrap();
        assert_eq!(batch.records(), [session(9)]);
        queue.done(&batch);
        let batch = queue.batch(2, Timestamp::default()).unwrap();
        assert_eq!(batch, Batch::Again(vec![session(1), session(2)], 2));
        queue.done(&batch);
        assert_eq!(queue.batch(2, Timestamp::default()).unwrap().records(), [session(3)]);
    }

    #[test]
    fn a_refused_batch_goes_and_says_why() {
        let queue = Queue::default();
        let mut one = queue.push(&[session(1)]);
        queue.refuse(&queue.batch(1, Timestamp::default()).unwrap(), "no");
        assert_eq!(heard(&mut one), Some(false));
        assert_eq!(queue.batch(1, Timestamp::default()), None);
    }
}
