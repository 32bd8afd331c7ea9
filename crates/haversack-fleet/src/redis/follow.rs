//! Following: everything from a cursor on, then what changes, with proof that nothing is missing.
//!
//! One round trip asks for all of it: is the entry where we are still there, what came after it, which
//! revision has the ring, is it still the same log, and is this a server that may be written to. The
//! last one is what tells a replica that lags, and a server that was replaced, from the one that counts.

use std::time::Duration;

use haversack::Timestamp;
use redis::Value;

use super::RedisEngine;
use super::connect::Connection;
use super::keys::Keys;
use super::script::{Entry, entries, list, text};
use crate::clock::now;
use crate::engine::{Cursor, Event, Follower};
use crate::{EngineError, EngineErrorKind};

/// Entries of one reading.
const PAGE: usize = 1000;
/// How long the server waits for news before it says that there are none.
const BLOCK: Duration = Duration::from_millis(500);
/// Before all entries.
const BEGINNING: &str = "0-0";

/// One follower, while its connection lasts.
pub(super) struct Following<'a> {
    engine: &'a RedisEngine,
    keys: &'a Keys,
    connection: Connection,
    /// Which log.
    generation: String,
    /// How often this engine found that the log lost what was acknowledged.
    losses: u64,
    /// The last entry that was read.
    at: String,
    /// The revision that was delivered last; 0: that there is none.
    ring: Option<u64>,
    /// Why the ring cannot be read. Records are delivered all the same.
    unreadable: Option<EngineError>,
    /// Whether all was read after the ring, so that the server may wait for news.
    live: bool,
}

/// What one round trip brought.
struct Poll {
    sent: Timestamp,
    /// Whether the log is the one that was followed, and has what it had.
    same: bool,
    revision: Result<u64, EngineError>,
    entries: Vec<Entry>,
}

impl<'a> Following<'a> {
    /// Connects and finds out where to go on.
    pub(super) async fn start(
        engine: &'a RedisEngine,
        from: Option<Cursor>,
        to: &mut dyn Follower,
    ) -> Result<Self, EngineError> {
        let keys = engine.keys().await?;
        let connection = Connection::open(&engine.target).await?;
        engine.meet(&connection, keys).await?;
        engine.check(&connection, keys).await?;
        let losses = engine.losses();
        let generation = engine.generation(&connection, keys).await?;
        let mut following = Self {
            engine,
            keys,
            connection,
            generation,
            losses,
            at: BEGINNING.to_owned(),
            ring: None,
            unreadable: None,
            live: false,
        };
        match from {
            None if losses == 0 => {}
            None => to.take(Event::Reset),
            Some(cursor) => match following.place(&cursor) {
                Some(at) => following.at = at,
                None => to.take(Event::Reset),
            },
        }
        Ok(following)
    }

    /// Until it fails.
    pub(super) async fn run(mut self, to: &mut dyn Follower) -> EngineError {
        loop {
            if let Err(error) = self.step(to).await {
                return error;
            }
        }
    }

    async fn step(&mut self, to: &mut dyn Follower) -> Result<(), EngineError> {
        let poll = self.poll().await?;
        if !poll.same || self.losses != self.engine.losses() {
            return self.reset(to).await;
        }
        let told = self.ring;
        self.deliver_ring(poll.revision, to).await?;
        // The log was read before this ring was. What was put back before it comes with the next reading.
        let all = poll.entries.len() < PAGE && self.ring == told;
        self.deliver(poll.entries, to);
        self.live = all;
        if all {
            if let Some(error) = self.unreadable.take() {
                return Err(error);
            }
            to.take(Event::Confirmed(poll.sent));
        }
        Ok(())
    }

    async fn poll(&self) -> Result<Poll, EngineError> {
        let Self { keys, at, .. } = self;
        let blocks = if self.live { BLOCK } else { Duration::ZERO };
        let mut ask = redis::pipe();
        ask.cmd("XRANGE").arg(&keys.log).arg(at).arg(at).arg("COUNT").arg(1);
        ask.cmd("XREAD").arg("COUNT").arg(PAGE);
        if self.live {
            ask.arg("BLOCK").arg(BLOCK.as_millis().to_string());
        }
        ask.arg("STREAMS").arg(&keys.log).arg(at);
        ask.cmd("HGET").arg(&keys.ring).arg("revision");
        ask.cmd("HGET").arg(&keys.state).arg("generation");
        ask.cmd("DEL").arg(&keys.nothing);
        let sent = now();
        let answers = self.connection.ask(ask, blocks).await?;
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let (place, read, revision, generation, master) = (next(), next(), next(), next(), next());
        self.connection.is_writable(master)?;
        let place = list(self.connection.fine(place)?);
        let read = self.connection.fine(read)?;
        let generation = text(self.connection.fine(generation)?);
        let same =
            generation.as_ref() == Some(&self.generation) && (at == BEGINNING || !place.is_empty());
        let revision = self.connection.fine(revision);
        let revision = revision.and_then(|it| self.engine.revision(it));
        Ok(Poll { sent, same, revision, entries: entries(read) })
    }

    /// Begins again with what may be another log.
    async fn reset(&mut self, to: &mut dyn Follower) -> Result<(), EngineError> {
        self.losses = self.engine.losses();
        self.generation = self.engine.generation(&self.connection, self.keys).await?;
        BEGINNING.clone_into(&mut self.at);
        (self.ring, self.unreadable, self.live) = (None, None, false);
        to.take(Event::Reset);
        Ok(())
    }

    async fn deliver_ring(
        &mut self,
        revision: Result<u64, EngineError>,
        to: &mut dyn Follower,
    ) -> Result<(), EngineError> {
        if let (Ok(revision), Some(told)) = (&revision, self.ring)
            && *revision == told
        {
            return Ok(());
        }
        let read = match revision {
            Ok(0) => Ok(None),
            Ok(_) => self.engine.read_ring(&self.connection, self.keys).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(ring) => {
                self.ring = Some(ring.as_ref().map_or(0, |ring| ring.revision));
                to.take(ring.map_or(Event::NoRing, Event::Ring));
                Ok(())
            }
            Err(error) if matches!(error.kind(), EngineErrorKind::Unusable(_)) => {
                self.unreadable = Some(error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn deliver(&mut self, entries: Vec<Entry>, to: &mut dyn Follower) {
        let Some(last) = entries.last() else { return };
        self.at.clone_from(&last.id);
        let strange = entries.iter().filter(|it| it.record.is_none() && !it.announces).count();
        if strange > 0 {
            let (engine, key) = (&self.engine.target.name, &self.keys.log);
            tracing::warn!(
                engine,
                key,
                strange,
                "entries in the log that are not of ours: skipped"
            );
        }
        let records: Vec<_> = entries.into_iter().filter_map(|it| it.record).collect();
        if !records.is_empty() {
            to.take(Event::Records(records, self.cursor()));
        }
    }

    fn cursor(&self) -> Cursor {
        Cursor(format!("{} {} {}", self.generation, self.at, self.losses))
    }

    /// Where a cursor points to, if it is of this log and nothing was lost since.
    fn place(&self, cursor: &Cursor) -> Option<String> {
        let mut parts = cursor.0.split(' ');
        let (generation, at, losses) = (parts.next()?, parts.next()?, parts.next()?);
        // A cursor from before a restart of this program may count more losses, and means none.
        let lost = losses.parse::<u64>().ok()? < self.losses;
        let (ms, number) = at.split_once('-')?;
        let is_id = ms.parse::<u64>().is_ok() && number.parse::<u64>().is_ok();
        let here = parts.next().is_none() && generation == self.generation && is_id && !lost;
        here.then(|| at.to_owned())
    }
}
