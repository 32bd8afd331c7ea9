//! An engine that does what a test tells it, in orders that no real one can be made to show.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use haversack::Timestamp;
use haversack_fleet::engine::{Cursor, Engine, Event, Follower, Put, Record, RingDocument};
use haversack_fleet::{EngineError, EngineErrorKind};

use crate::now;

#[derive(Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
    pub(crate) asked: AtomicUsize,
    pub(crate) puts: AtomicUsize,
    /// How often a follower has looked.
    pub(crate) followed: AtomicUsize,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches, each for itself")]
pub(crate) struct State {
    pub(crate) ring: Option<RingDocument>,
    pub(crate) log: Vec<String>,
    /// The log as it was whenever a ring was stored.
    pub(crate) log_at_puts: Vec<Vec<String>>,
    /// Which log it is.
    pub(crate) generation: u64,
    pub(crate) forgets: bool,
    /// Every answer is this error.
    pub(crate) fails: Option<fn(String) -> EngineErrorKind>,
    /// That of `append` is.
    pub(crate) takes_nothing: Option<fn(String) -> EngineErrorKind>,
    /// Nothing is ever answered.
    pub(crate) hangs: bool,
    /// Followers hear nothing new.
    pub(crate) deaf: bool,
    /// Followers hear everything, and not that it is everything.
    pub(crate) unconfirmed: bool,
    pub(crate) panics: bool,
    pub(crate) read_only: bool,
    /// `append` refuses a record with this text.
    pub(crate) refuses: Option<String>,
    pub(crate) ahead_ms: Option<i64>,
    marks: Vec<String>,
    reports: BTreeMap<String, String>,
}

impl Memory {
    pub(crate) fn with(ring: Option<RingDocument>) -> Arc<Self> {
        let memory = Self::default();
        memory.state().ring = ring;
        Arc::new(memory)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Loses the log, but for its first lines.
    pub(crate) fn lose(&self, keep: usize) {
        let mut state = self.state();
        state.log.truncate(keep);
        state.generation += 1;
    }

    async fn answer(&self) -> Result<(), EngineError> {
        loop {
            // One at a time: the guard of a statement lives to its end.
            let hangs = self.state().hangs;
            let fails = self.state().fails;
            if let Some(kind) = fails {
                return Err(EngineError::new(self.name(), kind("as it was told".to_owned())));
            }
            if !hangs {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[async_trait]
impl Engine for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn ring(&self) -> Result<Option<RingDocument>, EngineError> {
        self.answer().await?;
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.state().ring.clone())
    }

    async fn put_ring(&self, expect: u64, document: &RingDocument) -> Result<Put, EngineError> {
        self.answer().await?;
        let mut state = self.state();
        let stored = state.ring.as_ref().map_or(0, |ring| ring.revision);
        if stored != expect {
            return Ok(Put::Lost(stored));
        }
        state.ring = Some(document.clone());
        let log = state.log.clone();
        state.log_at_puts.push(log);
        self.puts.fetch_add(1, Ordering::SeqCst);
        Ok(Put::Stored)
    }

    async fn append(&self, records: &[Record]) -> Result<(), EngineError> {
        self.answer().await?;
        let mut state = self.state();
        if let Some(kind) = state.takes_nothing {
            return Err(EngineError::new(self.name(), kind("as it was told".to_owned())));
        }
        if records.iter().any(|record| Some(&record.text) == state.refuses.as_ref()) {
            return Err(EngineError::new(self.name(), EngineErrorKind::Invalid("that".to_owned())));
        }
        state.log.extend(records.iter().map(|record| record.text.clone()));
        Ok(())
    }

    async fn follow(&self, from: Option<Cursor>, to: &mut dyn Follower) -> EngineError {
        let place = from.and_then(|from| {
            let (generation, place) = from.0.split_once(' ')?;
            Some((generation.parse::<u64>().ok()?, place.parse::<usize>().ok()?))
        });
        let (mut generation, mut place) = place.unwrap_or((self.state().generation, 0));
        let mut told: Option<Option<RingDocument>> = None;
        loop {
            if let Err(error) = self.answer().await {
                return error;
            }
            assert!(!self.state().panics, "as it was told");
            let at = now();
            if !self.state().deaf {
                let ring = self.state().ring.clone();
                if told.as_ref() != Some(&ring) {
                    to.take(ring.clone().map_or(Event::NoRing, Event::Ring));
                    told = Some(ring);
                }
                let log = self.state().log.clone();
                let is = self.state().generation;
                if is != generation {
                    (generation, place) = (is, 0);
                    to.take(Event::Reset);
                }
                if place < log.len() {
                    let cursor = Cursor(format!("{generation} {}", log.len()));
                    to.take(Event::Records(log[place..].to_vec(), cursor));
                    place = log.len();
                }
                if !self.state().unconfirmed {
                    to.take(Event::Confirmed(at));
                }
            }
            self.followed.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn clock(&self) -> Result<Option<Timestamp>, EngineError> {
        self.answer().await?;
        let ahead = self.state().ahead_ms;
        Ok(ahead.map(|ms| Timestamp::from_millis(now().as_millis().saturating_add_signed(ms))))
    }

    async fn once(&self, mark: &str, _ttl: Duration) -> Result<bool, EngineError> {
        self.answer().await?;
        let mut state = self.state();
        let first = !state.marks.iter().any(|it| it == mark);
        state.marks.push(mark.to_owned());
        Ok(first)
    }

    async fn report(&self, server: &str, report: &str, _: Duration) -> Result<(), EngineError> {
        self.answer().await?;
        self.state().reports.insert(server.to_owned(), report.to_owned());
        Ok(())
    }

    async fn reports(&self) -> Result<Vec<(String, String)>, EngineError> {
        self.answer().await?;
        Ok(self.state().reports.clone().into_iter().collect())
    }

    async fn advice(&self) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }

    fn forgets(&self) -> bool {
        self.state().forgets
    }

    fn read_only(&self) -> bool {
        self.state().read_only
    }
}
