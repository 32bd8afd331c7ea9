//! How a server joins its fleet.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use haversack::KeyId;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::address;
use crate::engine::Engine;
use crate::error::{FleetError, FleetErrorKind};
use crate::fleet::Fleet;
use crate::held::Held;
use crate::index::Index;
use crate::rotate::Rotation;
use crate::shared::Shared;
use crate::trouble::Task;
use crate::worker;
use crate::wrap::Wraps;
use crate::{rings, run};

/// What a server says before it joins its fleet.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `connect`"]
pub struct Builder {
    url: Option<String>,
    app: Option<String>,
    wraps: Wraps,
    rotation: Option<Rotation>,
    patience: Duration,
    server: Option<String>,
    dead: BTreeSet<KeyId>,
    index: bool,
}

impl Default for Builder {
    /// For an engine that is given to [`Builder::start`].
    fn default() -> Self {
        Self {
            url: None,
            app: None,
            wraps: Wraps::none(),
            rotation: Some(Rotation::default()),
            patience: Duration::from_secs(10),
            server: None,
            dead: BTreeSet::new(),
            index: false,
        }
    }
}

impl Builder {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: Some(url.to_owned()), ..Self::default() }
    }

    /// Takes no other app's ring. Default: that of the address, or any.
    pub fn app(mut self, app: impl Into<String>) -> Self {
        self.app = Some(app.into());
        self
    }

    /// The key-encryption keys that the ring is sealed with at rest. Default: none, it is stored in the
    /// clear.
    pub fn wraps(mut self, wraps: Wraps) -> Self {
        self.wraps = wraps;
        self
    }

    /// When keys are replaced; `None` to leave that to somebody else. Default: a key a day.
    ///
    /// Nothing is rotated before [`Feed::serves`](haversack::Feed::serves) has told how long sessions
    /// live, as `haversack-tower` does it.
    pub fn rotation(mut self, rotation: Option<Rotation>) -> Self {
        self.rotation = rotation;
        self
    }

    /// How long to wait for the engine to deliver everything. Default: 10 seconds.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What the others call this server. Of two with one name only the last report is seen. Default:
    /// the host's name and the process id.
    pub fn server(mut self, name: impl Into<String>) -> Self {
        self.server = Some(name.into());
        self
    }

    /// Key ids that are dead: cookies under them are deleted, not kept for a ring that knows them.
    pub fn dead(mut self, ids: impl IntoIterator<Item = KeyId>) -> Self {
        self.dead.extend(ids);
        self
    }

    /// Whether to keep a list of the sessions that somebody is signed in to, so that users can look at
    /// theirs and end one. Default: no.
    ///
    /// All servers of a fleet should say the same: what is signed in to on one that keeps no list is on
    /// no list until it is used on one that does. It takes a record in the log for each login, and
    /// for each session that is used about once in a tenth of the idle limit; and some 140 bytes of
    /// memory on each server for each session that has not ended. No request waits for it.
    pub fn session_index(mut self, keep: bool) -> Self {
        self.index = keep;
        self
    }

    /// Joins the fleet at the address. Ready when this server knows all that its fleet knows.
    ///
    /// Works in any asynchronous runtime. Dropping it leaves the fleet again.
    ///
    /// # Errors
    ///
    /// When the address names no engine; when it refuses, or does not deliver everything in time; when
    /// it holds no ring; when that is another app's, is sealed and cannot be opened, is of a newer
    /// version, or is corrupted. The error says what to do.
    pub fn connect(self) -> impl Future<Output = Result<Fleet, FleetError>> + Send {
        let engine = match &self.url {
            Some(url) => address::engine(url),
            None => Err(FleetError::new(
                "",
                FleetErrorKind::Address(
                    "no address was given: call `start` with an engine".to_owned(),
                ),
            )),
        };
        async move { self.start(engine?).await }
    }

    /// The same, holding up this thread. Not for a thread that serves requests.
    ///
    /// # Errors
    ///
    /// As [`Builder::connect`].
    pub fn connect_blocking(self) -> Result<Fleet, FleetError> {
        run::wait(self.connect())
    }

    /// Joins the fleet that an engine of one's own holds together.
    ///
    /// # Errors
    ///
    /// As [`Builder::connect`].
    pub async fn start(self, engine: Arc<dyn Engine>) -> Result<Fleet, FleetError> {
        let name = engine.name();
        let error = |kind| FleetError::new(name.clone(), kind);
        if let (Some(expected), Some(found)) = (&self.app, engine.app())
            && *expected != found
        {
            let expected = expected.clone();
            return Err(error(FleetErrorKind::OtherRing { expected, found }));
        }
        let server = self.server.map_or_else(default_name, |name| printable(&name));
        let (first, answer) = oneshot::channel();
        let held = Held::new(self.dead, self.index.then(Index::default));
        let shared = Shared::new(engine, server, self.app, self.wraps, self.rotation, held, first);
        let shared = Arc::new(shared);
        let thread = |cause| error(FleetErrorKind::Thread(cause));
        let ended = || thread(std::io::Error::other("it has ended"));

        let (alive, lives) = oneshot::channel();
        let (up, is_up) = oneshot::channel();
        worker::start(Arc::clone(&shared), lives, up).map_err(thread)?;
        let handle = is_up.await.map_err(|_| ended())?.map_err(thread)?;

        // On the fleet's thread: this one may have no timer.
        let patience = self.patience;
        let answer = handle.spawn(async move { timeout(patience, answer).await });
        let answer = answer.await.map_err(|_| ended())?;
        match answer {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(FleetErrorKind::NoRing { .. }))) => {
                let engine = Arc::clone(&shared.engine);
                let others = handle.spawn(async move { rings::others(engine.as_ref()).await });
                let others = others.await.unwrap_or_default();
                return Err(error(FleetErrorKind::NoRing { others }));
            }
            Ok(Ok(Err(kind))) => return Err(error(kind)),
            Ok(Err(_)) => return Err(ended()),
            Err(_) => {
                let why =
                    shared.troubles.of(Task::Ring).or_else(|| shared.troubles.of(Task::Follow));
                return Err(error(FleetErrorKind::Timeout(why)));
            }
        }
        // Who is answered has a view.
        let view = Arc::clone(shared.held.view().ok_or_else(ended)?);
        shared.note_read_only();
        Ok(Fleet::new(shared, view, handle, alive))
    }

    /// The same, holding up this thread.
    ///
    /// # Errors
    ///
    /// As [`Builder::connect`].
    pub fn start_blocking(self, engine: Arc<dyn Engine>) -> Result<Fleet, FleetError> {
        run::wait(self.start(engine))
    }
}

fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok());
    let host = host.as_deref().map(str::trim).filter(|host| !host.is_empty()).unwrap_or("server");
    format!("{}-{}", printable(host), std::process::id())
}

/// A name that every engine can keep, and a table can show.
fn printable(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-_.:".contains(c) { c } else { '_' };
    name.chars().take(100).map(kept).collect()
}
