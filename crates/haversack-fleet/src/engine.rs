//! Engines: what a fleet shares, and how its servers learn of it.
//!
//! An engine is two things under one name: a *register* that holds the key ring document and changes
//! by compare-and-swap, and a *log* of revocations that is followed from wherever one was. Both are
//! opaque text to it. A `Fleet` does everything else: it parses, judges, retries, keeps
//! the view, rotates.
//!
//! # Which errors are permissible
//!
//! | an engine may | an engine must never |
//! |---|---|
//! | be unreachable, and say so | say that something is stored before it would survive this program's death |
//! | deliver late | say [`Event::Confirmed`] for a moment from before which something acknowledged was not delivered |
//! | deliver twice, and in any order | lose a record before its `until`, unless it says [`Event::Reset`] |
//! | come back with less than it had, and say [`Event::Reset`] | let two writers win the same revision of the ring |
//! | keep records for longer than asked | deliver what nobody wrote |
//!
//! So an engine that fails costs freshness, which servers measure and act on, and never truth.
//!
//! `haversack_testkit::engine` holds the tests that every engine must pass.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use haversack::Timestamp;
use zeroize::Zeroizing;

use crate::EngineError;

/// Where a fleet keeps its key ring and its revocations.
///
/// Its methods need not try again: whoever calls them does. None may wait for ever: what is not
/// answered within a few seconds is an [`EngineError`]. Dropping a future must be harmless.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// What to call it in logs and errors, `redis://127.0.0.1:6379` for example. No credentials.
    fn name(&self) -> String;

    /// The app whose ring it holds, if it is known before the ring is read.
    fn app(&self) -> Option<String> {
        None
    }

    /// The apps whose rings it holds, twenty at most are enough; none if it cannot hold several, or if
    /// one may not ask. For who finds no ring: the name of the app may be misspelt.
    async fn apps(&self) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }

    /// The ring document; `None` if there is none yet.
    async fn ring(&self) -> Result<Option<RingDocument>, EngineError>;

    /// Stores a ring document if the stored one has revision `expect` (0: if there is none).
    async fn put_ring(&self, expect: u64, document: &RingDocument) -> Result<Put, EngineError>;

    /// Appends records to the log. Once this succeeds they survive the end of this program.
    async fn append(&self, records: &[Record]) -> Result<(), EngineError>;

    /// Delivers the ring and the log from `from` on (`None`: from the beginning), then every change,
    /// until it fails. At least once a second, while it can, it confirms that nothing is missing.
    ///
    /// The ring is delivered first, if there is one, and whenever it changes. What was in the log before
    /// that ring was stored is delivered before the next confirmation: who puts a lost ring back puts
    /// what is over back before it.
    async fn follow(&self, from: Option<Cursor>, to: &mut dyn Follower) -> EngineError;

    /// The engine's clock, to compare with one's own; `None` if it has none of its own.
    async fn clock(&self) -> Result<Option<Timestamp>, EngineError>;

    /// Takes a mark that nobody has taken within its time; whether this caller was the first.
    async fn once(&self, mark: &str, ttl: Duration) -> Result<bool, EngineError>;

    /// Tells the others how this server is. Forgotten after `ttl` unless told again.
    async fn report(&self, server: &str, report: &str, ttl: Duration) -> Result<(), EngineError>;

    /// What the servers reported, by name.
    async fn reports(&self) -> Result<Vec<(String, String)>, EngineError>;

    /// What about the engine's settings is unsafe, and how to put it right.
    async fn advice(&self) -> Result<Vec<String>, EngineError>;

    /// Whether the engine can come back with less than it acknowledged, after a failover for example.
    /// Servers then put back what they know.
    fn forgets(&self) -> bool;

    /// Whether what is appended here can only be refused, by design of the deployment: a key file that
    /// was handed out in a directory that this server may not write, for example. What such a server
    /// revokes holds on it alone, and nobody waits for more. May change while the engine is followed.
    ///
    /// Not for an engine that refuses what this server was meant to be allowed: that is an error.
    fn read_only(&self) -> bool {
        false
    }
}

/// A key ring document as it is stored: sealed or in the clear, it is for the fleet to say.
#[derive(Clone, PartialEq, Eq)]
pub struct RingDocument {
    /// Counts its changes.
    pub revision: u64,
    /// The text.
    pub text: Zeroizing<String>,
}

impl fmt::Debug for RingDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingDocument").field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// What became of a compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is stored.
    Stored,
    /// Somebody else was first: the stored revision is this.
    Lost(u64),
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// One line of printable text, at most 200 characters.
    pub text: String,
    /// When it may be forgotten.
    pub until: Timestamp,
}

/// A place in an engine's log, as its engine writes it. Another engine makes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// What a follower is told, in the order in which it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The ring document, at the beginning and after each change.
    Ring(RingDocument),
    /// The engine has no ring document.
    NoRing,
    /// Lines of the log, and where to go on after them.
    Records(Vec<String>, Cursor),
    /// All that was acknowledged before this moment has been delivered. By this machine's clock, from
    /// before the engine was asked.
    Confirmed(Timestamp),
    /// The log is another one, or lacks what it had: what follows is all of it, from its beginning.
    Reset,
}

/// Takes what an engine delivers. Quick, and never blocks.
pub trait Follower: Send {
    /// Takes one event.
    fn take(&mut self, event: Event);
}

impl<F: FnMut(Event) + Send> Follower for F {
    fn take(&mut self, event: Event) {
        self(event);
    }
}
