//! The engine on Redis, against real servers that are killed, paused, emptied, replaced and misused.
#![cfg(unix)]

mod access;
mod conformance;
mod limits;
mod loss;
mod settings;
mod tls;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use haversack::Timestamp;
use haversack_fleet::engine::{Cursor, Engine as _, Event, Put, Record, RingDocument};
use haversack_fleet::redis::RedisEngine;
use haversack_fleet::{EngineError, EngineErrorKind};
use haversack_testkit::daemon::Daemon;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Far beyond anything that works: how long it takes is not what these tests are about.
const PATIENCE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

fn url(daemon: &Daemon) -> String {
    format!("redis://{}?app=shop", daemon.address())
}

fn engine(daemon: &Daemon) -> Arc<RedisEngine> {
    Arc::new(RedisEngine::open(&url(daemon)).unwrap())
}

/// Asks the server for something itself, as an operator does.
fn command(daemon: &Daemon, words: &[&str]) -> redis::Value {
    command_of(&format!("redis://{}", daemon.address()), words)
}

fn command_of(url: &str, words: &[&str]) -> redis::Value {
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query(&mut connection).unwrap()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

fn record(text: &str) -> Record {
    Record { text: text.to_owned(), until: now().plus_millis(3_600_000) }
}

fn ring(revision: u64, text: &str) -> RingDocument {
    RingDocument { revision, text: text.to_owned().into() }
}

/// Puts the first ring.
async fn init(engine: &RedisEngine) {
    assert_eq!(engine.put_ring(0, &ring(1, "one")).await.unwrap(), Put::Stored);
}

async fn append(engine: &RedisEngine, texts: &[&str]) {
    let records: Vec<_> = texts.iter().map(|text| record(text)).collect();
    engine.append(&records).await.unwrap();
}

/// Asks until it is answered, as a fleet does.
async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, EngineError>>,
{
    let begun = Instant::now();
    loop {
        match timeout(PATIENCE, ask()).await.expect("an answer, or an error") {
            Ok(answer) => return answer,
            Err(error) => {
                assert!(error.is_temporary(), "{what}: {error}");
                assert!(begun.elapsed() < PATIENCE, "{what}: {error}");
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// The kind of an error, in one word.
fn kind(error: &EngineError) -> &'static str {
    match error.kind() {
        EngineErrorKind::Unreachable(_) => "unreachable",
        EngineErrorKind::Refused(_) => "refused",
        EngineErrorKind::Unusable(_) => "unusable",
        EngineErrorKind::Full(_) => "full",
        EngineErrorKind::Invalid(_) => "invalid",
        _ => "another",
    }
}

/// A server of the fleet: follows, and begins again where it was.
struct Server {
    told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

#[derive(PartialEq)]
enum Ring {
    None,
    Text(String),
}

#[derive(Default)]
struct Told {
    records: Vec<String>,
    /// The last ring that was told, or that there is none.
    ring: Option<Ring>,
    cursor: Option<Cursor>,
    confirmed: Option<Timestamp>,
    resets: usize,
    errors: Vec<EngineError>,
}

impl Server {
    fn start(engine: &Arc<RedisEngine>) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let (engine, inside) = (Arc::clone(engine), Arc::clone(&told));
        let task = tokio::spawn(async move {
            loop {
                let from = lock(&inside).cursor.clone();
                let error = engine.follow(from, &mut |event| lock(&inside).take(event)).await;
                lock(&inside).errors.push(error);
                sleep(Duration::from_millis(20)).await;
            }
        });
        Self { told, task }
    }

    async fn until(&self, what: &str, check: impl Fn(&Told) -> bool) {
        let begun = Instant::now();
        while !check(&lock(&self.told)) {
            let last = || format!("{:?}", lock(&self.told).errors.last());
            assert!(begun.elapsed() < PATIENCE, "never: {what}; last error: {}", last());
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn has(&self, text: &str) {
        self.until(text, |told| told.records.iter().any(|it| it == text)).await;
    }

    async fn has_ring(&self, text: Option<&str>) {
        let wanted = Some(text.map_or(Ring::None, |text| Ring::Text(text.to_owned())));
        self.until("the ring", |told| told.ring == wanted).await;
    }

    /// Waits for a confirmation of what was acknowledged before now.
    async fn is_confirmed(&self) {
        let asked = now();
        self.until("a confirmation", |told| told.confirmed.is_some_and(|at| at > asked)).await;
    }

    fn resets(&self) -> usize {
        lock(&self.told).resets
    }

    fn confirmed(&self) -> Option<Timestamp> {
        lock(&self.told).confirmed
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Told {
    fn take(&mut self, event: Event) {
        match event {
            Event::Ring(ring) => self.ring = Some(Ring::Text(ring.text.to_string())),
            Event::NoRing => self.ring = Some(Ring::None),
            Event::Records(texts, cursor) => {
                self.records.extend(texts);
                self.cursor = Some(cursor);
            }
            Event::Confirmed(at) => self.confirmed = Some(at),
            Event::Reset => {
                self.resets += 1;
                self.cursor = None;
            }
        }
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
