//! A server of the fleet that writes down what its engine tells it, and what all properties ask.

use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haversack::Timestamp;
use haversack_fleet::EngineError;
use haversack_fleet::engine::{Cursor, Engine, Event, Put, Record, RingDocument};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::Host;

/// Far beyond anything that works: how long it takes is not what these tests are about.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks: short at first, longer when it takes longer.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// What a follower saw.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// It began to follow.
    Began,
    /// It was told this, at that time.
    Told(Event, Timestamp),
    /// The engine gave up, for this reason.
    Ended(String),
}

/// Follows, and begins again where it was when the engine gives up, as a fleet does.
pub(super) struct Probe {
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Probe {
    /// One more server of this host.
    pub(super) async fn join(host: &dyn Host) -> Self {
        Self::start(host.engine().await, None)
    }

    pub(super) fn start(engine: Arc<dyn Engine>, from: Option<Cursor>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut from = from;
            loop {
                let begun = from.clone();
                lock(&told).push(Seen::Began);
                let mut take = |event: Event| {
                    match &event {
                        Event::Records(_, cursor) => from = Some(cursor.clone()),
                        Event::Reset => from = None,
                        _ => {}
                    }
                    lock(&told).push(Seen::Told(event, now()));
                };
                let error = engine.follow(begun, &mut take).await;
                lock(&told).push(Seen::Ended(error.to_string()));
                sleep(Duration::from_millis(20)).await;
            }
        });
        Self { seen, task }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// Waits until what was seen satisfies `check`.
    pub(super) async fn until(&mut self, what: &str, check: impl Fn(&[Seen]) -> bool) {
        let (begun, mut pause) = (Instant::now(), PAUSES.0);
        while !check(&lock(&self.seen)) {
            if self.task.is_finished() {
                match (&mut self.task).await {
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    ended => panic!("the follower ended: {ended:?}"),
                }
            }
            if begun.elapsed() > PATIENCE {
                let seen = self.seen();
                let last = &seen[seen.len().saturating_sub(5)..];
                let error = seen.iter().rev().find_map(|it| match it {
                    Seen::Ended(error) => Some(error.as_str()),
                    _ => None,
                });
                let error = error.unwrap_or("none");
                panic!(
                    "never: {what}; last error: {error}; last of {} things seen: {last:?}",
                    seen.len()
                );
            }
            sleep(pause).await;
            pause = (pause * 5 / 4).min(PAUSES.1);
        }
    }

    /// Waits until all these records were delivered.
    pub(super) async fn has(&mut self, what: &str, records: &[Record]) {
        self.until(what, |seen| missing(seen, records) == 0).await;
    }

    /// Waits for a confirmation of everything that was acknowledged before now.
    pub(super) async fn is_confirmed(&mut self) {
        let asked = now();
        let later = |it: &Seen| matches!(it, Seen::Told(Event::Confirmed(at), _) if *at > asked);
        self.until("a confirmation", |seen| seen.iter().any(later)).await;
    }

    /// The cursors that it was given, in order.
    pub(super) fn cursors(&self) -> Vec<Cursor> {
        let cursor = |it: Seen| match it {
            Seen::Told(Event::Records(_, cursor), _) => Some(cursor),
            _ => None,
        };
        self.seen().into_iter().filter_map(cursor).collect()
    }

    /// How often it was told that the log is another one.
    pub(super) fn resets(&self) -> usize {
        lock(&self.seen).iter().filter(|it| matches!(it, Seen::Told(Event::Reset, _))).count()
    }

    /// Ends it, and checks what holds for whatever a follower sees.
    pub(super) fn leave(self) {
        self.task.abort();
        let (mut ring, mut headless) = (false, false);
        for it in self.seen() {
            match it {
                Seen::Began => (ring, headless) = (false, false),
                Seen::Told(Event::Ring(_) | Event::NoRing, _) => {
                    assert!(!headless, "records came before the ring: {:?}", self.seen());
                    ring = true;
                }
                // Where no ring can be read this ends with an error, and records may still come.
                Seen::Told(Event::Records(..), _) => headless |= !ring,
                Seen::Told(Event::Confirmed(at), told) => {
                    assert!(ring, "confirmed, and the ring did not come: {:?}", self.seen());
                    assert!(at <= told, "confirmed {at:?}, which is later than {told:?}");
                }
                Seen::Told(Event::Reset, _) | Seen::Ended(_) => {}
            }
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How many of the records were not delivered.
pub(super) fn missing(seen: &[Seen], records: &[Record]) -> usize {
    let delivered: HashSet<&str> = delivered(seen).collect();
    records.iter().filter(|record| !delivered.contains(record.text.as_str())).count()
}

pub(super) fn delivered(seen: &[Seen]) -> impl Iterator<Item = &str> {
    let texts = |it| match it {
        &Seen::Told(Event::Records(ref texts, _), _) => texts.as_slice(),
        _ => &[],
    };
    seen.iter().flat_map(texts).map(String::as_str)
}

fn lock(seen: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an engine answers; it must, in time.
pub(super) async fn answer<T>(
    what: &str,
    asked: impl Future<Output = Result<T, EngineError>>,
) -> T {
    either(what, asked).await.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Whether it takes it or not, an engine must answer in time.
pub(super) async fn either<T>(
    what: &str,
    asked: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{what}: no answer"))
}

/// Asks until the answer is what it should be. Errors are asked again, as a fleet does.
pub(super) async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<Option<T>, EngineError>>,
{
    let (begun, mut pause) = (Instant::now(), PAUSES.0);
    loop {
        let answer = either(what, ask()).await;
        match answer {
            Ok(Some(answer)) => return answer,
            Ok(None) => assert!(begun.elapsed() < PATIENCE, "never: {what}"),
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{what}: {error}"),
        }
        sleep(pause).await;
        pause = (pause * 5 / 4).min(PAUSES.1);
    }
}

/// Records that were never written before, which may be forgotten after `ttl`.
pub(super) fn records(of: &str, number: usize, ttl: Duration) -> Vec<Record> {
    let until = now().plus_millis(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    let series = unique();
    (0..number).map(|n| Record { text: format!("test {of} {series} {n}"), until }).collect()
}

/// A word that no other test uses on the same store.
pub(super) fn unique() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{:x}-{number}", now().as_millis(), std::process::id())
}

/// The revision of the stored ring, 0 if there is none.
pub(super) async fn revision(engine: &dyn Engine) -> u64 {
    answer("reading the ring", engine.ring()).await.map_or(0, |ring| ring.revision)
}

/// Puts a text as the next ring, against nobody.
pub(super) async fn put(engine: &dyn Engine, text: &str) -> RingDocument {
    let held = revision(engine).await;
    let document = document(held + 1, text);
    let put = answer("putting a ring", engine.put_ring(held, &document)).await;
    assert_eq!(put, Put::Stored, "nobody else writes, and revision {held} was stored");
    document
}

pub(super) fn document(revision: u64, text: &str) -> RingDocument {
    RingDocument { revision, text: text.to_owned().into() }
}

pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

pub(super) const HOUR: Duration = Duration::from_secs(3600);
