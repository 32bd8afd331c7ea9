//! The engine of one machine: a file for the ring, one for the log, a directory for the rest.

use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fmt, fs};

use async_trait::async_trait;
use haversack::Timestamp;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::batch::Batch;
use super::disk;
use super::fault::Fault;
use super::log::Log;
use super::shelf::Shelf;
use super::tail::Tail;
use super::{FileError, FileErrorKind, line, register, wake};
use crate::EngineError;
use crate::clock::now;
use crate::engine::{Cursor, Engine, Event, Follower, Put, Record, RingDocument};

/// The fleet of one machine: a key ring file, and its revocations beside it.
///
/// | file | holds | written |
/// |---|---|---|
/// | `haversack.keys` | the ring | as a whole, under a lock |
/// | `haversack.keys.log` | revocations, one a line | lines are added, under a lock |
/// | `haversack.keys.fleet/` | who took which mark, and what servers report | file by file, under a lock |
/// | `haversack.keys.lock` and other locks | nothing | never; they stay |
///
/// What was acknowledged is on the disk. A program that is killed at any moment leaves nothing that
/// others take for a record, and the next writer tidies up. Locks hold between programs of one
/// machine; all of them must name the ring by the same path.
///
/// Where the directory may only be read, as with a Kubernetes secret, ring and log are followed,
/// writing is [refused](crate::EngineErrorKind::Refused), and [`Engine::read_only`] says so: that is
/// found out when following begins and when a write is refused, and looked at again once a second
/// until the directory can be written. The log has the ring's owner and group as far as
/// the operating system allows, and is refused like the ring if others may write it.
///
/// Needs a tokio runtime with its timer. The work with files is done beside it.
pub struct FileEngine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    log: Log,
    shelf: Shelf,
    batch: Arc<Batch>,
    /// Whether this program may only read here, as far as is known.
    read_only: AtomicBool,
}

impl FileEngine {
    /// The engine whose ring is, or will be, the file at `path`. Nothing is read or written yet.
    ///
    /// # Errors
    ///
    /// When the path is empty, or relative and there is no current directory.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        // A program may change its directory later.
        let path = path::absolute(path)
            .map_err(|error| FileError::new(path, FileErrorKind::Unreadable(error)))?;
        let (log, shelf) = (Log::new(&path), Shelf::new(&path));
        let (batch, read_only) = (Arc::default(), AtomicBool::new(false));
        Ok(Self(Arc::new(Shared { path, log, shelf, batch, read_only })))
    }

    /// The file that holds the ring.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Has work done where it may wait for the disk. It goes on if nobody waits for it any more.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, EngineError> {
        let shared = Arc::clone(&self.0);
        let done = spawn_blocking(move || work(&shared));
        let done = timeout(ANSWER, done).await.map_err(|_| self.error(slow()))?;
        done.map_err(|_| self.error(ended()))?.map_err(|fault| self.error(fault))
    }

    fn error(&self, fault: Fault) -> EngineError {
        fault.of(&self.name())
    }

    /// Removes what has expired, if it is time, and lets nobody wait for it.
    fn tidy(&self) {
        if self.0.shelf.is_dusty() {
            let shared = Arc::clone(&self.0);
            spawn_blocking(move || {
                if let Err(fault) = shared.shelf.sweep(now()) {
                    tracing::debug!(path = %shared.path.display(), "cannot tidy up: {fault:?}");
                }
            });
        }
    }
}

#[async_trait]
impl Engine for FileEngine {
    fn name(&self) -> String {
        format!("file:{}", self.0.path.display())
    }

    async fn ring(&self) -> Result<Option<RingDocument>, EngineError> {
        self.beside(|shared| register::get(&shared.path)).await
    }

    async fn put_ring(&self, expect: u64, document: &RingDocument) -> Result<Put, EngineError> {
        let document = document.clone();
        self.beside(move |shared| register::put(&shared.path, expect, &document)).await
    }

    async fn append(&self, records: &[Record]) -> Result<(), EngineError> {
        let mut lines = Vec::new();
        for record in records {
            line::encode(record, &mut lines)
                .map_err(|why| self.error(Fault::Invalid(why.to_owned())))?;
        }
        if lines.is_empty() {
            return Ok(());
        }
        let (written, leader) = self.0.batch.join(lines);
        if let Some(leader) = leader {
            let shared = Arc::clone(&self.0);
            spawn_blocking(move || leader.lead(|lines| shared.append(lines)));
        }
        let written = timeout(ANSWER, written).await.map_err(|_| self.error(slow()))?;
        written.map_err(|_| self.error(ended()))?.map_err(|fault| self.error(fault))
    }

    async fn follow(&self, from: Option<Cursor>, to: &mut dyn Follower) -> EngineError {
        let woken = Arc::new(Notify::new());
        // Before the first reading, so that no change falls between the two.
        let _watcher = wake::when_changed(&self.0.path, {
            let woken = Arc::clone(&woken);
            move || woken.notify_one()
        });
        let mut reading = Reading::new(&self.0, from.as_ref());
        let mut begins = true;
        loop {
            // The time before, since what is read may be changed right after.
            let asked = now();
            let read = self.beside(move |shared| {
                if begins || shared.read_only.load(Ordering::Relaxed) {
                    shared.probe();
                }
                let outcome = reading.pass(shared);
                Ok((reading, outcome))
            });
            let (again, Outcome { events, more, fault }) = match read.await {
                Ok(read) => read,
                Err(error) => return error,
            };
            (reading, begins) = (again, false);
            for event in events {
                to.take(event);
            }
            if more {
                continue;
            }
            if let Some(fault) = fault {
                return self.error(fault);
            }
            to.take(Event::Confirmed(asked));
            if timeout(EVERY, woken.notified()).await.is_ok() {
                // A program that writes much into the directory must not keep us busy.
                sleep(SETTLE).await;
            }
        }
    }

    async fn clock(&self) -> Result<Option<Timestamp>, EngineError> {
        Ok(None)
    }

    async fn once(&self, mark: &str, ttl: Duration) -> Result<bool, EngineError> {
        let mark = mark.to_owned();
        let first = self.beside(move |shared| shared.shelf.once(&mark, ttl, now())).await;
        self.tidy();
        first
    }

    async fn report(&self, server: &str, report: &str, ttl: Duration) -> Result<(), EngineError> {
        let (server, report) = (server.to_owned(), report.to_owned());
        let told =
            self.beside(move |shared| shared.shelf.report(&server, &report, ttl, now())).await;
        self.tidy();
        told
    }

    async fn reports(&self) -> Result<Vec<(String, String)>, EngineError> {
        self.beside(|shared| shared.shelf.reports(now())).await
    }

    async fn advice(&self) -> Result<Vec<String>, EngineError> {
        self.beside(|shared| Ok(shared.advice())).await
    }

    fn forgets(&self) -> bool {
        false
    }

    fn read_only(&self) -> bool {
        self.0.read_only.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for FileEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileEngine").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl Shared {
    fn append(&self, lines: &[u8]) -> Result<(), Fault> {
        let written = self.log.append(lines, now());
        self.note(&written);
        written
    }

    fn probe(&self) {
        self.note(&self.log.probe(now()));
    }

    /// What a write, or an attempt at one, says about the directory.
    fn note(&self, written: &Result<(), Fault>) {
        self.read_only.store(matches!(written, Err(Fault::ReadOnly(_))), Ordering::Relaxed);
    }

    fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if let Err(Fault::ReadOnly(why)) = self.log.probe(now()) {
            advice.push(format!("{why}; until then a logout here is not told to other servers"));
        }
        advice.extend(open_directory(disk::directory(&self.path)));
        advice
    }
}

/// Who may write the directory can replace the ring, whatever the ring's own mode is.
#[cfg(unix)]
fn open_directory(directory: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(directory).ok()?.permissions().mode() & 0o7777;
    let sticky = mode & 0o1000 != 0;
    (mode & 0o022 != 0 && !sticky).then(|| {
        let directory = directory.display();
        format!(
            "others than its owner may write `{directory}` (mode {mode:04o}), and so replace the key \
             ring: run `chmod go-w {directory}`"
        )
    })
}

#[cfg(not(unix))]
fn open_directory(_: &Path) -> Option<String> {
    None
}

/// What a follower knows from pass to pass.
#[derive(Debug)]
struct Reading {
    tail: Tail,
    /// What was told of the ring last.
    ring: Option<Event>,
    /// Lines that are no records were told of.
    complained: bool,
}

struct Outcome {
    events: Vec<Event>,
    more: bool,
    fault: Option<Fault>,
}

impl Reading {
    fn new(shared: &Shared, from: Option<&Cursor>) -> Self {
        Self { tail: Tail::new(shared.log.path(), from), ring: None, complained: false }
    }

    fn pass(&mut self, shared: &Shared) -> Outcome {
        let mut events = Vec::new();
        // A ring that cannot be read does not keep revocations from being told.
        let mut fault = None;
        match register::get(&shared.path) {
            Ok(ring) => {
                let ring = ring.map_or(Event::NoRing, Event::Ring);
                if self.ring.as_ref() != Some(&ring) {
                    events.push(ring.clone());
                    self.ring = Some(ring);
                }
            }
            Err(error) => fault = Some(error),
        }
        let mut more = false;
        match self.tail.pass() {
            Ok(pass) => {
                if pass.reset {
                    events.push(Event::Reset);
                }
                if let Some(cursor) = pass.cursor.filter(|_| !pass.records.is_empty()) {
                    events.push(Event::Records(pass.records, cursor));
                }
                more = pass.more;
                if pass.skipped > 0 && !std::mem::replace(&mut self.complained, true) {
                    tracing::warn!(
                        path = %shared.log.path().display(),
                        lines = pass.skipped,
                        "the log of revocations has lines that are none of ours, or were changed: \
                         they are skipped"
                    );
                }
            }
            Err(error) => fault = fault.or(Some(error)),
        }
        Outcome { events, more, fault }
    }
}

fn slow() -> Fault {
    Fault::Unreachable(format!("the disk does not answer within {} s", ANSWER.as_secs()))
}

fn ended() -> Fault {
    Fault::Unreachable("the program is ending".to_owned())
}

/// How long the disk may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Between two readings when nothing wakes us.
const EVERY: Duration = Duration::from_secs(1);

/// From a change in the directory to the reading.
const SETTLE: Duration = Duration::from_millis(5);
