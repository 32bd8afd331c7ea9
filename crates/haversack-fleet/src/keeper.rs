//! Which rings are taken, and what becomes of those that are not.
//!
//! 1. A ring of another app, or with another index key, is refused and logged.
//! 2. So is one with a lower revision than the one in use. If the engine is one that forgets, the newer
//!    one is put back, after what is over.
//! 3. One with the same revision and other content is taken, with a warning.
//! 4. While what the engine holds is refused, nothing it says confirms the view.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use haversack::{KeyRing, Timestamp};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::clock::now;
use crate::document::{self, DocumentError};
use crate::engine::{Put, RingDocument};
use crate::entropy::jittered;
use crate::error::{EngineError, FleetErrorKind};
use crate::held::HeldRing;
use crate::shared::Shared;
use crate::telemetry;
use crate::trouble::Task;
use crate::wrap::WrapError;

/// What the engine delivered and nobody has judged yet.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    inbox: Mutex<Inbox>,
    woken: Notify,
    /// Rings are judged one at a time.
    judging: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Inbox {
    /// The last one that was delivered; one that was overtaken does not matter.
    delivered: Option<Delivered>,
    /// Whether one is being judged.
    busy: bool,
    /// Whether what the engine holds is refused.
    refused: bool,
    /// A confirmation that came while a ring was being judged.
    confirmed: Option<Timestamp>,
}

/// A ring document, or that there is none.
type Delivered = Option<RingDocument>;

/// Why a ring is not taken.
#[derive(Debug)]
pub(crate) enum Fault {
    Document(DocumentError),
    Engine(EngineError),
    /// There was one.
    Gone,
    Older {
        revision: u64,
        current: u64,
    },
    Other {
        expected: String,
        found: String,
    },
}

impl Keeper {
    /// The engine delivers a ring, or says that there is none.
    pub(crate) fn deliver(&self, document: Delivered) {
        let mut inbox = self.lock();
        inbox.delivered = Some(document);
        inbox.confirmed = None;
        drop(inbox);
        self.woken.notify_one();
    }

    /// What does not judge now begins anew.
    pub(crate) fn restart(&self) {
        self.lock().busy = false;
    }

    /// Whether a confirmation counts now. One that comes before a ring was judged is kept for then.
    fn counts(&self, at: Timestamp) -> bool {
        let mut inbox = self.lock();
        if inbox.busy || inbox.delivered.is_some() {
            inbox.confirmed = Some(at);
            self.woken.notify_one();
            return false;
        }
        !inbox.refused
    }

    fn begin(&self) -> Option<Delivered> {
        let mut inbox = self.lock();
        let delivered = inbox.delivered.take();
        inbox.busy = delivered.is_some();
        delivered
    }

    /// While a ring is judged: whether the log that came with it has been read, or another ring came.
    async fn is_read(&self) -> bool {
        loop {
            {
                let inbox = self.lock();
                if inbox.confirmed.is_some() || inbox.delivered.is_some() {
                    return inbox.delivered.is_none();
                }
            }
            self.woken.notified().await;
        }
    }

    fn is_overtaken(&self) -> bool {
        self.lock().delivered.is_some()
    }

    /// One has been judged; the confirmation that waited for it, if it counts.
    fn end(&self, refused: bool) -> Option<Timestamp> {
        let mut inbox = self.lock();
        inbox.busy = false;
        if inbox.delivered.is_some() {
            return None;
        }
        inbox.refused = refused;
        inbox.confirmed.take().filter(|_| !refused)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Judges what the engine delivers, for ever.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            let Some(delivered) = self.keeper.begin() else {
                self.keeper.woken.notified().await;
                continue;
            };
            let refused = self.judge_delivered(delivered).await;
            if let Some(at) = self.keeper.end(refused) {
                self.confirm(at);
            }
        }
    }

    /// The engine confirms that nothing from before `at` is missing.
    pub(crate) fn confirmed(&self, at: Timestamp) {
        if self.keeper.counts(at) {
            self.confirm(at);
        }
    }

    fn confirm(&self, at: Timestamp) {
        if self.held.confirm(at, now(), Instant::now()) {
            self.answer(|| Ok(()));
        }
        self.put_back_records();
    }

    /// Whether it is refused. Waits for a key-encryption key that cannot be had now.
    async fn judge_delivered(&self, delivered: Delivered) -> bool {
        let mut backoff = Backoff::default();
        loop {
            let Err(fault) = self.judge(delivered.clone(), true).await else {
                self.troubles.over(Task::Ring);
                return false;
            };
            self.complain(&fault);
            if !fault.is_temporary() {
                self.answer(|| Err(fault.into()));
                return true;
            }
            backoff.wait().await;
            if self.keeper.is_overtaken() {
                return true;
            }
        }
    }

    /// Takes a ring that the engine was asked for, if it is a newer one. It may have been overtaken by
    /// what was delivered meanwhile, so it is no reason to complain.
    pub(crate) async fn offer(&self, document: RingDocument) {
        if let Err(fault) = self.judge(Some(document), false).await {
            tracing::debug!(engine = self.name, "ring not taken: {fault}");
        }
    }

    async fn judge(&self, document: Delivered, delivered: bool) -> Result<(), Fault> {
        let _one = self.keeper.judging.lock().await;
        match self.take(document).await {
            Err(Fault::Gone | Fault::Older { .. }) if delivered => {}
            taken => return taken,
        }
        // It may have been on its way when a newer one was stored.
        let stored = self.ask().await?;
        let expect = revision(&stored);
        match self.take(stored).await {
            Err(Fault::Gone | Fault::Older { .. }) if self.may_put_back() => {}
            taken => return taken,
        }
        self.put_back(expect).await
    }

    /// Not a server that has yet to read all that is over: those that start would take what it has for
    /// everything.
    fn may_put_back(&self) -> bool {
        self.engine.forgets() && self.held.age(Instant::now()).is_some()
    }

    /// The engine has forgotten the ring in use.
    async fn put_back(&self, expect: u64) -> Result<(), Fault> {
        let Some(held) = self.held.ring() else { return Err(Fault::Gone) };
        // With the ring a server that starts can open sessions. All that is over must be there first, or
        // it would serve without. What is there already need not be written; if that cannot be said in
        // time, all is.
        let read = timeout(PATIENCE, self.keeper.is_read()).await.unwrap_or_default();
        // Of many servers some are first.
        sleep(jittered(PAUSE)).await;
        let stored = self.ask().await?;
        if revision(&stored) != expect {
            return self.take(stored).await;
        }
        self.append_held(read).await.map_err(Fault::Engine)?;
        let put = timeout(PATIENCE, self.engine.put_ring(expect, &held.document));
        match put.await.map_err(|_| self.silent())?.map_err(Fault::Engine)? {
            Put::Stored => {
                let revision = held.document.revision;
                tracing::warn!(
                    engine = self.name,
                    revision,
                    "the engine had lost key ring v{revision}; it has been put back"
                );
                Ok(())
            }
            // Another server was first, with this one or a newer one, which then is delivered.
            Put::Lost(_) => self.take(self.ask().await?).await,
        }
    }

    async fn ask(&self) -> Result<Delivered, Fault> {
        timeout(PATIENCE, self.engine.ring())
            .await
            .map_err(|_| self.silent())?
            .map_err(Fault::Engine)
    }

    fn silent(&self) -> Fault {
        Fault::Engine(EngineError::new(
            self.name.clone(),
            crate::EngineErrorKind::Unreachable("no answer within 5 seconds".to_owned()),
        ))
    }

    async fn take(&self, document: Delivered) -> Result<(), Fault> {
        let document = document.ok_or(Fault::Gone)?;
        let held = self.held.ring();
        if held.as_ref().is_some_and(|held| held.document == document) {
            return Ok(());
        }
        let opened = timeout(PATIENCE, document::open(&document, &self.wraps)).await;
        let ring = opened.unwrap_or_else(|_| {
            let silent = WrapError::Unreachable("no answer within 5 seconds".to_owned());
            Err(DocumentError::Wrap(silent))
        });
        let ring = ring.map_err(Fault::Document)?;
        self.compare(held.as_ref(), &ring)?;
        if document::is_clear(&document) && self.wraps.sealing().is_some() {
            tracing::warn!(
                engine = self.name,
                "the key ring is stored in the clear; it is sealed when it is next changed"
            );
        }
        if let Some(HeldRing { ring: held, .. }) =
            held.filter(|it| it.ring.to_json() == ring.to_json())
        {
            // Written or sealed in another way: its keys need not be expanded again.
            self.held.take_ring(HeldRing { ring: held, document });
            return Ok(());
        }
        self.use_ring(ring, document);
        Ok(())
    }

    fn compare(&self, held: Option<&HeldRing>, ring: &KeyRing) -> Result<(), Fault> {
        let Some(HeldRing { ring: held, .. }) = held else {
            return match &self.app {
                Some(expected) if expected != ring.app() => {
                    let (expected, found) = (expected.clone(), ring.app().to_owned());
                    Err(Fault::Other { expected, found })
                }
                _ => Ok(()),
            };
        };
        if !ring.is_revision_of(held) {
            let (expected, found) = (held.app().to_owned(), ring.app().to_owned());
            return Err(Fault::Other { expected, found });
        }
        let (revision, current) = (ring.revision(), held.revision());
        if revision < current {
            return Err(Fault::Older { revision, current });
        }
        if revision == current && ring.to_json() != held.to_json() {
            tracing::warn!(
                engine = self.name,
                revision,
                "key ring changed under the same revision: raise `revision` with each change, or \
                 servers cannot tell which of the two is newer"
            );
        }
        Ok(())
    }

    /// The ring is right: it is used from now on.
    pub(crate) fn use_ring(&self, ring: KeyRing, document: RingDocument) {
        self.uses.renew(&ring);
        telemetry::ring(&ring);
        tracing::info!(
            engine = self.name,
            revision = ring.revision(),
            "key ring v{}",
            ring.revision()
        );
        self.held.take_ring(HeldRing { ring: Arc::new(ring), document });
    }

    fn complain(&self, fault: &Fault) {
        let kind = fault.to_string();
        match self.held.ring() {
            Some(held) => {
                let stays = format!("key ring v{} stays in use", held.ring.revision());
                self.troubles.tell(Task::Ring, &kind, &stays, fault);
            }
            None => self.troubles.tell(Task::Ring, &kind, "there is no key ring", fault),
        }
    }
}

impl Fault {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Document(error) => error.is_temporary(),
            Self::Engine(error) => error.is_temporary(),
            _ => false,
        }
    }
}

impl From<Fault> for FleetErrorKind {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Document(error) => Self::Document(error),
            Fault::Engine(error) => Self::Engine(error),
            // Before there is a ring in use none can be older.
            Fault::Gone | Fault::Older { .. } => Self::NoRing { others: Vec::new() },
            Fault::Other { expected, found } => Self::OtherRing { expected, found },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::Engine(error) => error.fmt(f),
            Self::Gone => f.write_str(
                "the engine has no key ring: restore it, or make one with `haversack keys init`",
            ),
            Self::Older { revision, current } => write!(
                f,
                "the engine has revision {revision}, and revision {current} is in use: restore the \
                 newer one, or raise `revision` above {current} if the content is what you want"
            ),
            Self::Other { expected, found } if expected == found => f.write_str(
                "the engine has a ring with another index key: restore it, or restart to change \
                 rings and end all sessions",
            ),
            Self::Other { expected, found } => write!(
                f,
                "the engine has a ring of the app `{found}`, and this is `{expected}`: restore it, \
                 or correct the name or the address"
            ),
        }
    }
}

/// 0, if there is none.
fn revision(document: &Delivered) -> u64 {
    document.as_ref().map_or(0, |document| document.revision)
}

/// Before a ring that was lost is put back.
const PAUSE: Duration = Duration::from_millis(500);

/// For one answer of an engine or a key management service.
const PATIENCE: Duration = Duration::from_secs(5);
