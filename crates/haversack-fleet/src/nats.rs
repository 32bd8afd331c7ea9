//! A fleet on NATS `JetStream`.
//!
//! ```
//! use haversack_fleet::engine::Engine;
//! use haversack_fleet::nats::NatsEngine;
//!
//! let engine = NatsEngine::open("nats://fleet:s3cret@nats.internal?app=shop.example&replicas=3")?;
//! assert_eq!(engine.name(), "nats://nats.internal:4222");
//! # Ok::<(), haversack_fleet::EngineError>(())
//! ```
//!
//! # The server
//!
//! `nats-server` from 2.9 on, with its storage: `nats-server -js -sd FOLDER`. The engine makes four
//! streams for each app and needs nothing set up:
//!
//! | stream | holds |
//! |---|---|
//! | `KV_haversack-ring-APP` | the key ring, as key `ring` of a key-value bucket |
//! | `haversack-log-APP` | revocations, each until its time is over |
//! | `KV_haversack-marks-APP` | marks of [`Engine::once`] |
//! | `KV_haversack-reports-APP` | what servers report |
//!
//! In `APP` every byte but lower-case letters, digits and `-` is written as `_` and two hexadecimal
//! digits. A user with limited permissions may publish to `$JS.API.>`, `$KV.haversack-*-APP.>` (one
//! line for each bucket), `haversack.log.APP.>` and `$JS.FC.>`, and subscribe to `_INBOX.>` and
//! `$KV.haversack-ring-APP.ring`.
//!
//! # The URL
//!
//! `nats://[user:password@]host[:port][,host...][?app=NAME&replicas=N&creds=PATH]`
//!
//! - `tls://` or `nats+tls://` for TLS, with the certificates that the operating system trusts, or those
//!   of the file that the environment variable `SSL_CERT_FILE` names.
//! - `app` says whose ring it is. Without it, the only one there is.
//! - `replicas` (1) is on how many servers of a cluster new streams are kept. Use 3.
//! - `creds` is a credentials file (`.creds`), which is read whenever a connection is made.
//!
//! # What it promises
//!
//! - A record is acknowledged when the server has stored it, with `replicas=3` on most of them. The
//!   server writes to disk without waiting for the disk (`sync_interval` in its configuration): what
//!   it acknowledged survives its own end, and not that of a machine that loses power.
//! - So a server may come back with less, and its disk may be lost: servers put back what they know.
//!   A stream that was deleted, made anew, emptied, or put back to an earlier state is
//!   [`Event::Reset`](crate::engine::Event::Reset). Records that an operator deletes one by one are not
//!   noticed.
//! - A full stream or account is [`EngineErrorKind::Full`]: nothing makes room before its time.
//! - In a cluster a confirmation is as old as the last answer that the leader had from a majority: one
//!   that is cut off confirms nothing.
//!
//! It needs a tokio runtime with its timer and I/O.

mod address;
mod advice;
mod escape;
mod fault;
mod follow;
mod link;
mod log;
mod mark;
mod place;
mod report;
mod ring;
mod state;
mod stream;
mod tail;
mod time;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use haversack::Timestamp;
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::address::Address;
use self::link::{Link, PATIENCE};
use self::stream::Streams;
use crate::engine::{Cursor, Engine, Follower, Put, Record, RingDocument};
use crate::{EngineError, EngineErrorKind};

/// A key ring and revocations in NATS `JetStream`. See the [module](self).
pub struct NatsEngine {
    name: String,
    address: Address,
    /// Known once the app is.
    streams: OnceLock<Arc<Streams>>,
    link: Mutex<Option<Arc<Link>>>,
}

impl NatsEngine {
    /// Reads a URL: see the [module](self). It connects when it is first used.
    ///
    /// # Errors
    ///
    /// [`EngineErrorKind::Invalid`], which says what is wrong with the URL without repeating it.
    pub fn open(url: &str) -> Result<Self, EngineError> {
        let invalid = |why| EngineError::new("the NATS URL", EngineErrorKind::Invalid(why));
        let address = Address::parse(url).map_err(invalid)?;
        let engine = Self {
            name: address.to_string(),
            streams: OnceLock::new(),
            link: Mutex::new(None),
            address,
        };
        if let Some(app) = &engine.address.app {
            engine.adopt(app)?;
        }
        Ok(engine)
    }

    fn adopt(&self, app: &str) -> Result<Arc<Streams>, EngineError> {
        let streams = Streams::of(app, self.address.replicas).ok_or_else(|| {
            let why = "the name of the app is too long for the name of a stream: 200 lower-case \
                       letters, digits and `-` fit, other characters count as three";
            EngineError::new(&self.name, EngineErrorKind::Invalid(why.to_owned()))
        })?;
        Ok(Arc::clone(self.streams.get_or_init(|| Arc::new(streams))))
    }

    /// The connection, made anew if it has ended, and the streams of the app.
    async fn reach(&self) -> Result<(Arc<Link>, Arc<Streams>), EngineError> {
        let link = self.connect().await?;
        if let Some(streams) = self.streams.get() {
            return Ok((link, Arc::clone(streams)));
        }
        let apps = stream::apps(&link).await?;
        let why = match apps.as_slice() {
            [app] => return Ok((link, self.adopt(app)?)),
            [] => {
                "there is no key ring yet; say whose it will be, with `?app=NAME` in the URL".into()
            }
            _ => format!(
                "there are key rings of several apps ({}); choose one, with `?app=NAME` in the URL",
                apps.join(", ")
            ),
        };
        Err(EngineError::new(&self.name, EngineErrorKind::Invalid(why)))
    }

    async fn connect(&self) -> Result<Arc<Link>, EngineError> {
        let Ok(mut held) = timeout(PATIENCE, self.link.lock()).await else {
            let why = "no answer".to_owned();
            return Err(EngineError::new(&self.name, EngineErrorKind::Unreachable(why)));
        };
        if let Some(link) = held.as_ref().filter(|link| !link.has_ended()) {
            return Ok(Arc::clone(link));
        }
        *held = None;
        let link = Arc::new(Link::open(&self.address, &self.name).await?);
        *held = Some(Arc::clone(&link));
        Ok(link)
    }
}

impl fmt::Debug for NatsEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let app = self.streams.get().map(|streams| &streams.app);
        f.debug_struct("NatsEngine")
            .field("name", &self.name)
            .field("app", &app)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for NatsEngine {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn app(&self) -> Option<String> {
        self.streams.get().map(|streams| streams.app.clone())
    }

    async fn apps(&self) -> Result<Vec<String>, EngineError> {
        stream::apps(&*self.connect().await?).await
    }

    async fn ring(&self) -> Result<Option<RingDocument>, EngineError> {
        let (link, streams) = self.reach().await?;
        Ok(ring::read(&link, &streams).await??.document)
    }

    async fn put_ring(&self, expect: u64, document: &RingDocument) -> Result<Put, EngineError> {
        let (link, streams) = self.reach().await?;
        ring::put(&link, &streams, expect, document).await
    }

    async fn append(&self, records: &[Record]) -> Result<(), EngineError> {
        let (link, streams) = self.reach().await?;
        log::append(&link, &streams, records).await
    }

    async fn follow(&self, from: Option<Cursor>, to: &mut dyn Follower) -> EngineError {
        match self.reach().await {
            Ok((link, streams)) => follow::follow(link, streams, from, to).await,
            Err(error) => error,
        }
    }

    async fn clock(&self) -> Result<Option<Timestamp>, EngineError> {
        let (link, streams) = self.reach().await?;
        Ok(streams.server_time(&link).await?.map(time::millis))
    }

    async fn once(&self, mark: &str, ttl: Duration) -> Result<bool, EngineError> {
        let (link, streams) = self.reach().await?;
        mark::once(&link, &streams, mark, ttl).await
    }

    async fn report(&self, server: &str, report: &str, ttl: Duration) -> Result<(), EngineError> {
        let (link, streams) = self.reach().await?;
        report::report(&link, &streams, server, report, ttl).await
    }

    async fn reports(&self) -> Result<Vec<(String, String)>, EngineError> {
        let (link, streams) = self.reach().await?;
        report::reports(&link, &streams).await
    }

    async fn advice(&self) -> Result<Vec<String>, EngineError> {
        let (link, streams) = self.reach().await?;
        advice::advice(&link, &self.address, &streams).await
    }

    fn forgets(&self) -> bool {
        true
    }
}
