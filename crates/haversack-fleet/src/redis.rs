//! Redis and Valkey: the engine for a fleet on several machines.
//!
//! ```no_run
//! use haversack_fleet::engine::Engine as _;
//! use haversack_fleet::redis::RedisEngine;
//!
//! # async fn example() -> Result<(), haversack_fleet::EngineError> {
//! let engine = RedisEngine::open("rediss://haversack:PASSWORD@redis.internal?app=shop.example")?;
//! for advice in engine.advice().await? {
//!     eprintln!("{advice}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Needs Redis 6.2 or later, or any Valkey, as one server, alone or with replicas; no Redis Cluster. Its methods
//! need a tokio runtime with time and I/O.
//!
//! # The URL
//!
//! `redis://[user[:password]@]host[:port][/database]`, `rediss://` the same through TLS, and
//! `redis+unix:///path/of/socket`. A character that has a meaning in URLs is written as `%` and two
//! digits. After `?`, joined by `&`:
//!
//! | parameter | means | without it |
//! |---|---|---|
//! | `app=NAME` | the app whose key ring this is | the only one there; an error if there are several |
//! | `replicas=N` | a write succeeds once N replicas have it too; an error if that takes over 500 ms | replicas are not waited for |
//! | `ca=PATH` | with `rediss:`, the CA that is trusted, in PEM | those that the system trusts |
//! | `cert=PATH`, `key=PATH` | with `rediss:`, who we are, in PEM | no certificate is sent |
//! | `db=N` | with `redis+unix:`, the database | 0 |
//!
//! # Its user
//!
//! All keys begin with `haversack:`. This line in Redis' ACL file allows what is needed and no more:
//!
//! ```text
//! user haversack on >PASSWORD ~haversack:* +@read +@write -@dangerous +eval +info +select +time +wait
//! ```
//!
//! For a user of a single app, write `~haversack:{NAME}:* ~haversack:apps` instead. Whoever may read
//! these keys has the key ring, unless the fleet seals it.
//!
//! # What it promises
//!
//! 1. Exactly one of several writers changes the ring: comparing and storing are one script.
//! 2. What is acknowledged is in the server's memory. What a restart leaves of it is a matter of its
//!    `appendonly`, what a failover leaves of it one of `?replicas`; [`advice`] says what is set.
//! 3. Who follows is told when something is missing after that: the log has a random name, which is
//!    lost with it, and who had read further than the log now reaches, or had written what is not
//!    there any more, notices that.
//! 4. That nothing is missing is only said of a server that may be written to: never of a replica,
//!    nor of a server that lost as many replicas as `min-replicas-to-write` asks for.
//! 5. Every answer is waited for 2 seconds at most; then the connection is given up.
//! 6. The log keeps every record for as long as any record was ever to be kept, and five minutes
//!    more, by the server's clock. What is older goes when something is appended.
//!
//! [`advice`]: crate::engine::Engine::advice

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ::redis::Value;
use haversack::Timestamp;

use self::connect::Connection;
use self::keys::{APPS, Keys};
use self::link::Link;
use self::script::{list, text};
use self::target::Target;
use crate::clock::now;
use crate::engine::RingDocument;
use crate::{EngineError, EngineErrorKind};

mod advice;
mod answer;
mod connect;
mod error;
mod follow;
mod keys;
mod link;
mod script;
mod target;

/// How long replicas may take to confirm.
const REPLICAS: Duration = Duration::from_millis(500);

/// The key ring and the revocations of one app, in a Redis or Valkey server. See the
/// [module](self).
pub struct RedisEngine {
    target: Arc<Target>,
    /// Known from the start if the URL says it.
    keys: OnceLock<Keys>,
    /// Whether the app was seen on the server, or could not be mistaken.
    met: AtomicBool,
    reads: Link,
    /// Of its own, as waiting for replicas keeps a connection waiting.
    writes: Link,
    acknowledged: Mutex<Option<Acknowledged>>,
    losses: AtomicU64,
}

/// The last thing that the server acknowledged to us. If it is there, so is all before it.
#[derive(Clone, PartialEq)]
struct Acknowledged {
    id: String,
    until: Timestamp,
}

impl fmt::Debug for RedisEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisEngine").field(&self.target).finish()
    }
}

impl RedisEngine {
    /// The engine that a URL names. Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// [`EngineErrorKind::Invalid`] if the URL is not one, or says something that means nothing.
    pub fn open(url: &str) -> Result<Self, EngineError> {
        let target = Arc::new(Target::parse(url)?);
        let keys = OnceLock::new();
        if let Some(app) = &target.app {
            let _ = keys.set(Keys::of(app));
        }
        Ok(Self {
            keys,
            met: AtomicBool::new(false),
            reads: Link::new(&target),
            writes: Link::new(&target),
            acknowledged: Mutex::new(None),
            losses: AtomicU64::new(0),
            target,
        })
    }

    fn invalid(&self, why: impl Into<String>) -> EngineError {
        self.target.error(EngineErrorKind::Invalid(why.into()))
    }

    fn unusable(&self, why: impl Into<String>) -> EngineError {
        self.target.error(EngineErrorKind::Unusable(why.into()))
    }

    /// The keys of our app, or of the only one that the server holds.
    async fn keys(&self) -> Result<&Keys, EngineError> {
        self.keys_if_any().await?.ok_or_else(|| {
            self.invalid("it holds no app yet; name the app with ?app=NAME in its URL")
        })
    }

    async fn keys_if_any(&self) -> Result<Option<&Keys>, EngineError> {
        if let Some(keys) = self.keys.get() {
            return Ok(Some(keys));
        }
        let apps = apps(&*self.reads.get().await?).await?;
        match apps.as_slice() {
            [] => Ok(None),
            [app] => Ok(Some(self.keys.get_or_init(|| Keys::of(app)))),
            _ => Err(self.invalid(format!(
                "it holds several apps ({}); say which one with ?app=NAME in its URL",
                apps.join(", ")
            ))),
        }
    }

    /// Whether our app is there, where others are: its name may be misspelt.
    async fn meet(&self, connection: &Connection, keys: &Keys) -> Result<(), EngineError> {
        if self.met.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut there = ::redis::cmd("EXISTS");
        there.arg(&keys.ring);
        if connection.ask_one(there).await? == Value::Int(0) {
            let apps = match apps(connection).await {
                // A user of one app need not see the others.
                Err(error) if matches!(error.kind(), EngineErrorKind::Refused(_)) => Vec::new(),
                apps => apps?,
            };
            if !apps.is_empty() && !apps.contains(&keys.app) {
                return Err(self.invalid(format!(
                    "it holds no app {}, but {}; put the right one into ?app=NAME in its URL",
                    keys.app,
                    apps.join(", ")
                )));
            }
        }
        self.met.store(true, Ordering::Release);
        Ok(())
    }

    /// The name of the log, which is lost with it; a new one, if there is none.
    async fn generation(&self, to: &Connection, keys: &Keys) -> Result<String, EngineError> {
        let mut get = ::redis::cmd("HGET");
        get.arg(&keys.state).arg("generation");
        if let Some(generation) = text(to.ask_one(get.clone()).await?) {
            return Ok(generation);
        }
        let mut set = ::redis::cmd("HSETNX");
        set.arg(&keys.state).arg("generation").arg(self.fresh_generation()?);
        to.ask_one(set).await?;
        text(to.ask_one(get).await?).ok_or_else(|| self.unusable("its log has no generation"))
    }

    fn fresh_generation(&self) -> Result<String, EngineError> {
        let mut bytes = [0; 16];
        let failed = |_| self.unusable("this system has no randomness to name a log with");
        getrandom::fill(&mut bytes).map_err(failed)?;
        Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
    }

    fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    fn acknowledged(&self) -> MutexGuard<'_, Option<Acknowledged>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether what was acknowledged last is still there, on a connection that may lead to
    /// another server than the one before it.
    async fn check(&self, connection: &Connection, keys: &Keys) -> Result<(), EngineError> {
        let last = self.acknowledged().clone();
        let Some(last) = last.filter(|last| last.until > now()) else { return Ok(()) };
        let mut ask = ::redis::cmd("XRANGE");
        ask.arg(&keys.log).arg(&last.id).arg(&last.id);
        if list(connection.ask_one(ask).await?).is_empty() {
            let mut held = self.acknowledged();
            if held.as_ref() == Some(&last) {
                *held = None;
                self.losses.fetch_add(1, Ordering::AcqRel);
                let engine = &self.target.name;
                tracing::warn!(engine, "the server lost what it had acknowledged");
            }
        }
        Ok(())
    }

    /// Runs a script that writes, and waits until it is safe.
    async fn write(
        &self,
        keys: &Keys,
        script: ::redis::Cmd,
        until: Timestamp,
        id: impl FnOnce(&Value) -> Option<String>,
    ) -> Result<Value, EngineError> {
        let connection = self.writes.get().await?;
        connection.checked.get_or_try_init(|| self.check(&connection, keys)).await?;
        let mut commands = ::redis::pipe();
        commands.add_command(script);
        let mut blocks = Duration::ZERO;
        if self.target.replicas > 0 {
            let limit = REPLICAS.as_millis().to_string();
            commands.cmd("WAIT").arg(self.target.replicas).arg(limit);
            blocks = REPLICAS;
        }
        let mut answers = connection.ask(commands, blocks).await?.into_iter();
        let answer = connection.fine(answers.next().unwrap_or(Value::Nil))?;
        let waited = connection.fine(answers.next().unwrap_or(Value::Nil))?;
        let Some(id) = id(&answer) else { return Ok(answer) };
        {
            let mut held = self.acknowledged();
            if connection.is_over() {
                let lost = "the connection ended before it was sure that this is stored";
                return Err(self.target.error(EngineErrorKind::Unreachable(lost.to_owned())));
            }
            if held.as_ref().is_none_or(|held| place(&held.id) < place(&id)) {
                *held = Some(Acknowledged { id, until });
            }
        }
        let (wanted, have) = (i64::from(self.target.replicas), waited);
        match have {
            Value::Int(have) if have < wanted => {
                Err(self.target.error(EngineErrorKind::Unreachable(format!(
                    "written, but not replicated: {have} of {wanted} replicas confirmed it within \
                     500 ms"
                ))))
            }
            _ => Ok(answer),
        }
    }

    /// 0, if there is none.
    fn revision(&self, value: Value) -> Result<u64, EngineError> {
        if value == Value::Nil {
            return Ok(0);
        }
        let revision = text(value).and_then(|it| it.parse().ok()).filter(|it| *it > 0);
        revision.ok_or_else(|| self.unusable("the revision of its ring is not a number"))
    }

    async fn read_ring(
        &self,
        connection: &Connection,
        keys: &Keys,
    ) -> Result<Option<RingDocument>, EngineError> {
        let mut ask = ::redis::pipe();
        ask.cmd("HMGET").arg(&keys.ring).arg("revision").arg("text");
        ask.cmd("DEL").arg(&keys.nothing);
        let mut answers = connection.ask(ask, Duration::ZERO).await?.into_iter();
        let ring = connection.fine(answers.next().unwrap_or(Value::Nil))?;
        connection.is_writable(answers.next().unwrap_or(Value::Nil))?;
        let mut fields = list(ring).into_iter();
        let (revision, document) = (fields.next(), fields.next());
        let revision = self.revision(revision.unwrap_or(Value::Nil))?;
        if revision == 0 {
            return Ok(None);
        }
        let document = document.and_then(text);
        let text = document.ok_or_else(|| self.unusable("its ring has no text in UTF-8"))?;
        Ok(Some(RingDocument { revision, text: text.into() }))
    }
}

/// The apps that a server holds, twenty at most, in order.
async fn apps(connection: &Connection) -> Result<Vec<String>, EngineError> {
    let mut ask = ::redis::cmd("SRANDMEMBER");
    ask.arg(APPS).arg(20);
    let apps = list(connection.ask_one(ask).await?);
    let mut apps: Vec<_> = apps.into_iter().filter_map(text).collect();
    apps.sort_unstable();
    Ok(apps)
}

/// The id of an entry as what it counts.
fn place(id: &str) -> Option<(u64, u64)> {
    let (ms, number) = id.split_once('-')?;
    Some((ms.parse().ok()?, number.parse().ok()?))
}
