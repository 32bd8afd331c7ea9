//! A fleet on NATS, with a real server: what every engine must do, and what becomes of it when the
//! server is ill-treated.

mod cluster;
mod conform;
mod follow;
mod refuse;
mod settings;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haversack::Timestamp;
use haversack_fleet::engine::{Cursor, Engine as _, Event, Put, Record, RingDocument};
use haversack_fleet::nats::NatsEngine;
use haversack_fleet::{EngineError, EngineErrorKind};
use haversack_testkit::daemon::Daemon;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// Far beyond anything that works: how long it takes is not what these tests are about.
const PATIENCE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

fn url(daemon: &Daemon) -> String {
    format!("nats://{}?app=shop", daemon.address())
}

fn open(daemon: &Daemon) -> NatsEngine {
    NatsEngine::open(&url(daemon)).unwrap()
}

/// A server with a configuration file of its own.
fn configured(config: &str) -> Daemon {
    Daemon::start("nats-server", |port, folder| {
        let file = folder.join("nats.conf");
        let config = config.replace("FOLDER", &folder.join("js").display().to_string());
        fs::write(&file, format!("listen: \"127.0.0.1:{port}\"\n{config}\n")).unwrap();
        vec!["-c".to_owned(), file.display().to_string()]
    })
    .unwrap()
}

/// Throws away what a server has stored.
fn wipe(daemon: &Daemon) {
    fs::remove_dir_all(daemon.folder().join("jetstream")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

fn record(text: &str, ttl: Duration) -> Record {
    let until = now().plus_millis(u64::try_from(ttl.as_millis()).unwrap());
    Record { text: text.to_owned(), until }
}

fn records<const N: usize>(texts: [&str; N]) -> Vec<Record> {
    texts.iter().map(|text| record(text, HOUR)).collect()
}

fn document(revision: u64, text: &str) -> RingDocument {
    RingDocument { revision, text: text.to_owned().into() }
}

/// A client of the tools of NATS: not this engine.
async fn stranger(daemon: &Daemon) -> async_nats::Client {
    async_nats::connect(format!("nats://{}", daemon.address())).await.unwrap()
}

async fn api(client: &async_nats::Client, question: &str, content: &str) -> serde_json::Value {
    let subject = format!("$JS.API.{question}");
    let answer = client.request(subject, content.to_owned().into()).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer.get("error").is_none(), "{question}: {answer}");
    answer
}

/// One that follows, and begins again at its last cursor when that ends.
struct Watcher {
    events: mpsc::UnboundedReceiver<Result<Event, EngineError>>,
    task: JoinHandle<()>,
    seen: Vec<Event>,
}

impl Watcher {
    fn start(engine: NatsEngine, from: Option<Cursor>) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut from = from;
            loop {
                let begun = from.clone();
                let mut take = |event: Event| {
                    if let Event::Records(_, cursor) = &event {
                        from = Some(cursor.clone());
                    }
                    if event == Event::Reset {
                        from = None;
                    }
                    let _ = sender.send(Ok(event));
                };
                let error = engine.follow(begun, &mut take).await;
                let _ = sender.send(Err(error));
                sleep(Duration::from_millis(20)).await;
            }
        });
        Self { events, task, seen: Vec::new() }
    }

    /// What comes next: an event, or why following ended.
    async fn next(&mut self) -> Result<Event, EngineError> {
        let next = timeout(PATIENCE, self.events.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("nothing comes; so far: {:?}", self.seen));
        let next = next.expect("it follows for ever");
        if let Ok(event) = &next {
            self.seen.push(event.clone());
        }
        next
    }

    /// Waits for an event; whatever else comes is let pass.
    async fn until(&mut self, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "never: {what}; seen: {:?}", self.seen);
            if let Ok(event) = self.next().await
                && is_it(&event)
            {
                return event;
            }
        }
    }

    async fn has(&mut self, text: &str) -> Cursor {
        let holds = |event: &Event| matches!(event, Event::Records(all, _) if all.iter().any(|it| it == text));
        match self.until(text, holds).await {
            Event::Records(_, cursor) => cursor,
            _ => unreachable!("checked above"),
        }
    }

    async fn is_confirmed(&mut self) {
        let asked = now();
        self.until("a confirmation", |it| matches!(it, Event::Confirmed(at) if *at > asked)).await;
    }

    async fn fails(&mut self) -> EngineError {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "it does not fail; seen: {:?}", self.seen);
            if let Err(error) = self.next().await {
                return error;
            }
        }
    }

    fn resets(&self) -> usize {
        self.seen.iter().filter(|event| **event == Event::Reset).count()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks until there is no error.
async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, EngineError>>,
{
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{what}: {error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn is_unreachable(error: &EngineError) -> bool {
    matches!(error.kind(), EngineErrorKind::Unreachable(_))
}

async fn put(engine: &NatsEngine, expect: u64, text: &str) {
    let put = engine.put_ring(expect, &document(expect + 1, text)).await.unwrap();
    assert_eq!(put, Put::Stored);
}
