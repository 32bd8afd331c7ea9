//! The handle: what a server asks of its fleet, and what requests read.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use haversack::{
    Feed, Lifetime, Publication, Revocation, SessionIndex, ShortKeyId, Timestamp, Version, View,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::builder::Builder;
use crate::engine::Engine;
use crate::error::{EngineError, EngineErrorKind, FleetError};
use crate::report::{self, Report};
use crate::rings::RingStore;
use crate::shared::Shared;
use crate::status::{NotReady, Status};

/// A server's place in its fleet: the current key ring and all revocations, at hand without I/O.
///
/// Cheap to clone. The fleet runs one thread of its own, `haversack-fleet`, which ends with the last
/// clone; what is not yet published then is tried for one more second. Its futures are polled by any
/// runtime.
///
/// 1. When it is there, this server knows all that the fleet knew. It never serves without.
/// 2. When the engine fails, requests go on with what is known, and [`View::freshness`] says how old
///    that is.
/// 3. What this server revokes holds here at once, and everywhere once the engine has it.
///    Where the engine is [read-only](Engine::read_only), it holds here alone: a warning says so once,
///    [`Report::read_only`] as long as it is true, and nobody waits.
/// 4. Keys are replaced without anybody's help: see [`Rotation`](crate::Rotation).
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    view: Arc<ArcSwap<View>>,
    /// The thread's runtime.
    handle: Handle,
    /// The thread ends when this goes. It is not joined: whoever drops the last clone may be a request.
    _alive: oneshot::Sender<()>,
}

impl Fleet {
    /// Joins the fleet at an address: see [`address`](crate::address) for which there are, and
    /// [`Builder`] for more to say.
    ///
    /// # Errors
    ///
    /// As [`Builder::connect`].
    pub fn connect(url: &str) -> impl Future<Output = Result<Self, FleetError>> + Send + use<> {
        Self::builder(url).connect()
    }

    /// The same, holding up this thread.
    ///
    /// # Errors
    ///
    /// As [`Builder::connect`].
    pub fn connect_blocking(url: &str) -> Result<Self, FleetError> {
        Self::builder(url).connect_blocking()
    }

    /// What to say before joining.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        view: Arc<ArcSwap<View>>,
        handle: Handle,
        alive: oneshot::Sender<()>,
    ) -> Self {
        Self(Arc::new(Inner { shared, view, handle, _alive: alive }))
    }

    /// How this server is.
    pub fn status(&self) -> Status {
        let shared = &self.0.shared;
        Status { engine: shared.name.clone(), report: shared.report() }
    }

    /// Whether this server should get requests. An engine that fails later is no reason against: all
    /// servers would say so at once.
    ///
    /// # Errors
    ///
    /// Why it should not.
    pub fn ready(&self) -> Result<(), NotReady> {
        self.0.shared.ready()
    }

    /// How the servers of the fleet are, by name; one that has just started may be missing.
    ///
    /// # Errors
    ///
    /// When the engine fails.
    pub fn servers(&self) -> impl Future<Output = Result<Vec<Report>, FleetError>> + Send + use<> {
        let shared = Arc::clone(&self.0.shared);
        let reports = self.ask(async move { shared.engine.reports().await });
        async move { Ok(report::parse(reports.await?)) }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.0.shared.engine
    }

    /// The ring as the engine holds it, to change it. Its futures need a tokio runtime.
    pub fn rings(&self) -> RingStore {
        RingStore::new(Arc::clone(&self.0.shared.engine), self.0.shared.wraps.clone())
    }

    /// Whether `key` was not used before within `ttl`: of all who ask, one hears `true`. For one-time
    /// codes, nonces and idempotency keys, which a client-carried session cannot remember.
    ///
    /// **This waits for the engine**, and is the one place where a request should. The engine learns a
    /// keyed hash of `key`. If it [forgets](Engine::forgets), it can hear `true` twice after a failover.
    ///
    /// # Errors
    ///
    /// When the engine fails, or does not answer within 5 seconds: it may have taken the key
    /// nevertheless. [`EngineErrorKind::Invalid`] if `key` is not 1 to 1,024 bytes long, or `ttl` not 1
    /// second to 400 days.
    pub fn once(
        &self,
        key: &str,
        ttl: Duration,
    ) -> impl Future<Output = Result<bool, EngineError>> + Send + use<> {
        let (shared, key) = (Arc::clone(&self.0.shared), key.to_owned());
        self.ask(async move { shared.once(&key, ttl).await })
    }

    /// Runs what talks to the engine on the fleet's thread, which has the runtime that it needs.
    fn ask<T, Q>(
        &self,
        question: Q,
    ) -> impl Future<Output = Result<T, EngineError>> + Send + use<T, Q>
    where
        T: Send + 'static,
        Q: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        let name = self.0.shared.name.clone();
        let answer = self.0.handle.spawn(question);
        // Nobody ends the thread while somebody waits.
        let fleet = self.clone();
        async move {
            let answer = answer.await;
            drop(fleet);
            answer.unwrap_or_else(|_| {
                let why = "the fleet's thread has ended".to_owned();
                Err(EngineError::new(name, EngineErrorKind::Unreachable(why)))
            })
        }
    }
}

impl Feed for Fleet {
    fn view(&self) -> Arc<View> {
        self.0.view.load_full()
    }

    /// Has the engine asked for the ring at once, unless a newer view is there already. Ready when an
    /// answer to a question that was put after this call is there, whether or not it brought one.
    fn poll_newer(&self, than: Version, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.view.load().version > than {
            return Poll::Ready(());
        }
        self.0.shared.signal.poll(than, cx)
    }

    fn publish(&self, revocations: Vec<Revocation>) -> Publication {
        self.0.shared.publish(&revocations, &self.0.handle)
    }

    fn serves(&self, lifetime: &Lifetime) {
        self.0.shared.serves(lifetime);
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.0.shared.held.index().map(|index| index as &dyn SessionIndex)
    }

    fn opened(&self, key: ShortKeyId, now: Timestamp) {
        self.0.shared.uses.note(key, now);
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view();
        f.debug_struct("Fleet")
            .field("engine", &self.0.shared.name)
            .field("server", &self.0.shared.server)
            .field("ring", &view.ring)
            .field("revocations", &view.revocations)
            .field("confirmed", &view.confirmed)
            .finish_non_exhaustive()
    }
}
