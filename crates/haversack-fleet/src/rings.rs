//! The key ring in an engine, for those who make it, change it and look at it: the command line, and
//! the fleet when it rotates.

use std::sync::Arc;

use haversack::{KeyRing, KeyRingError};

use crate::document;
use crate::engine::{Engine, Put, RingDocument};
use crate::error::{FleetError, FleetErrorKind};
use crate::report::{self, Report};
use crate::wrap::Wraps;

/// The key ring in an engine, read and written by compare-and-swap.
///
/// Unlike a `Fleet` it follows nothing and has no thread: each call asks the engine. Its futures need
/// a tokio runtime, with whatever the engine needs of it ([`run`](crate::run) brings one).
#[derive(Clone)]
pub struct RingStore {
    engine: Arc<dyn Engine>,
    wraps: Wraps,
}

impl RingStore {
    /// The ring in the engine at `url`.
    ///
    /// # Errors
    ///
    /// When the address is not one, or its engine does not answer or refuses.
    pub async fn open(url: &str, wraps: Wraps) -> Result<Self, FleetError> {
        let store = Self::new(crate::address::engine(url)?, wraps);
        store.engine.ring().await?;
        Ok(store)
    }

    /// The ring in an engine that is there already. Does not ask it.
    pub fn new(engine: Arc<dyn Engine>, wraps: Wraps) -> Self {
        Self { engine, wraps }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// The ring.
    ///
    /// # Errors
    ///
    /// When there is none, when it is not one or cannot be opened, and when the engine fails.
    pub async fn ring(&self) -> Result<KeyRing, FleetError> {
        if let Some(document) = self.engine.ring().await? {
            return self.parse(&document).await;
        }
        let others = others(self.engine.as_ref()).await;
        Err(self.error(FleetErrorKind::NoRing { others }))
    }

    /// Whether the ring is stored in the clear; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When the engine fails.
    pub async fn is_clear(&self) -> Result<Option<bool>, FleetError> {
        Ok(self.engine.ring().await?.as_ref().map(document::is_clear))
    }

    /// Stores the first ring.
    ///
    /// # Errors
    ///
    /// When there is one already, which is never overwritten; and when the engine fails.
    pub async fn create(&self, ring: &KeyRing) -> Result<(), FleetError> {
        self.expect_app(ring)?;
        match self.put(0, ring).await? {
            Put::Stored => Ok(()),
            Put::Lost(_) => {
                let app = self.ring().await.ok().map(|ring| ring.app().to_owned());
                Err(self.error(FleetErrorKind::Exists { app }))
            }
        }
    }

    /// Replaces the ring by what `next` makes of it, and returns that. If somebody else is faster,
    /// `next` is asked again with theirs.
    ///
    /// # Errors
    ///
    /// When `next` fails, or returns something else than a later revision of the ring; when the ring
    /// cannot be read; when the engine fails. What is stored is then as it was, except that an engine
    /// that did not answer in time may have stored it nevertheless.
    pub async fn update(
        &self,
        next: impl FnMut(&KeyRing) -> Result<KeyRing, KeyRingError>,
    ) -> Result<KeyRing, FleetError> {
        self.change(next, KeyRing::is_revision_of).await
    }

    /// The same where `next` may have another index key, as [`KeyRing::replaced_index`] makes one: it
    /// ends every session, and servers take it only when they start.
    ///
    /// # Errors
    ///
    /// As [`RingStore::update`]; the app must stay the same.
    pub async fn replace(
        &self,
        next: impl FnMut(&KeyRing) -> Result<KeyRing, KeyRingError>,
    ) -> Result<KeyRing, FleetError> {
        self.change(next, |next, held| next.app() == held.app()).await
    }

    /// How the servers of the fleet are, by name.
    ///
    /// # Errors
    ///
    /// When the engine fails.
    pub async fn servers(&self) -> Result<Vec<Report>, FleetError> {
        Ok(report::parse(self.engine.reports().await?))
    }

    /// Stores `ring` if the stored one has revision `expect`.
    pub(crate) async fn put(&self, expect: u64, ring: &KeyRing) -> Result<Put, FleetError> {
        let document = document::store(ring, &self.wraps).await;
        let document = document.map_err(|error| self.error(FleetErrorKind::Document(error)))?;
        Ok(self.engine.put_ring(expect, &document).await?)
    }

    async fn change(
        &self,
        mut next: impl FnMut(&KeyRing) -> Result<KeyRing, KeyRingError>,
        may_follow: impl Fn(&KeyRing, &KeyRing) -> bool,
    ) -> Result<KeyRing, FleetError> {
        for _ in 0..ATTEMPTS {
            let held = self.ring().await?;
            let ring =
                next(&held).map_err(|error| self.error(FleetErrorKind::Document(error.into())))?;
            if !may_follow(&ring, &held) {
                let (expected, found) = (held.app().to_owned(), ring.app().to_owned());
                return Err(self.error(FleetErrorKind::OtherRing { expected, found }));
            }
            if ring.revision() <= held.revision() {
                let mismatch = document::DocumentError::Mismatch { what: "revision" };
                return Err(self.error(FleetErrorKind::Document(mismatch)));
            }
            if self.put(held.revision(), &ring).await? == Put::Stored {
                return Ok(ring);
            }
        }
        Err(self.error(FleetErrorKind::Contended))
    }

    async fn parse(&self, stored: &RingDocument) -> Result<KeyRing, FleetError> {
        let ring = document::open(stored, &self.wraps).await;
        let ring = ring.map_err(|error| self.error(FleetErrorKind::Document(error)))?;
        self.expect_app(&ring)?;
        Ok(ring)
    }

    fn expect_app(&self, ring: &KeyRing) -> Result<(), FleetError> {
        match self.engine.app() {
            Some(expected) if expected != ring.app() => {
                let found = ring.app().to_owned();
                Err(self.error(FleetErrorKind::OtherRing { expected, found }))
            }
            _ => Ok(()),
        }
    }

    fn error(&self, kind: FleetErrorKind) -> FleetError {
        FleetError::new(self.engine.name(), kind)
    }
}

/// The other apps that an engine holds, for who finds no ring of theirs.
pub(crate) async fn others(engine: &dyn Engine) -> Vec<String> {
    // That there is no ring is worse than not to know who else has one.
    let mut apps = engine.apps().await.unwrap_or_default();
    apps.retain(|app| engine.app().as_ref() != Some(app));
    apps.sort_unstable();
    apps.truncate(20);
    apps
}

/// Somebody else is faster now and then, not ten times in a row.
const ATTEMPTS: usize = 10;
