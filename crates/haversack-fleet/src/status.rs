//! How this server is: for its operators, for a load balancer, and for the other servers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::clock::{millis, now};
use crate::report::Report;
use crate::shared::Shared;
use crate::telemetry;
use crate::trouble::Task;

/// How this server is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The engine, without credentials.
    pub engine: String,
    /// What the other servers are told.
    pub report: Report,
}

/// Why a server should not get requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotReady {
    /// Its clock or the engine's is wrong.
    Clock {
        /// By how much the engine's is ahead, in milliseconds.
        difference_ms: i64,
    },
    /// The fleet's thread has ended.
    Stopped,
    /// It does not know yet what was revoked.
    Unsynced,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock { difference_ms } => {
                let (seconds, where_) = (
                    difference_ms.unsigned_abs() / 1000,
                    if *difference_ms > 0 { "ahead of" } else { "behind" },
                );
                write!(
                    f,
                    "the engine's clock is {seconds} s {where_} this server's, and {} s are allowed: \
                     synchronise both (NTP)",
                    CLOCK_MS / 1000
                )
            }
            Self::Stopped => f.write_str("the fleet's thread has ended: restart this server"),
            Self::Unsynced => f.write_str("the engine has not delivered everything yet"),
        }
    }
}

impl std::error::Error for NotReady {}

/// Half the grace: two servers that differ so from the engine differ by less than the grace.
const CLOCK_MS: u64 = 150_000;

impl Shared {
    pub(crate) fn ready(&self) -> Result<(), NotReady> {
        if self.measured.stopped.load(Ordering::Relaxed) {
            return Err(NotReady::Stopped);
        }
        if self.held.age(Instant::now()).is_none() || self.held.view().is_none() {
            return Err(NotReady::Unsynced);
        }
        match self.measured.clock_ms() {
            Some(difference_ms) if difference_ms.unsigned_abs() > CLOCK_MS => {
                Err(NotReady::Clock { difference_ms })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn report(&self) -> Report {
        let now = now();
        let ring = self.held.ring().map(|held| held.ring);
        let sealing = ring.as_ref().and_then(|ring| ring.sealing(now));
        let (entries, bytes) = self.held.size();
        let ready = self.ready();
        Report {
            server: self.server.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at_ms: now.as_millis(),
            app: ring.as_ref().map(|ring| ring.app().to_owned()).unwrap_or_default(),
            ring_revision: ring.as_ref().map_or(0, |ring| ring.revision()),
            sealing: sealing.map(|key| key.id.to_string()),
            sealing_age_s: sealing.map_or(0, |key| now.millis_since(key.seals_from) / 1000),
            confirmed_age_ms: self.held.age(Instant::now()).map(millis),
            lag_ms: self.measured.lag_ms(),
            entries,
            bytes,
            queue: self.queue.len(),
            revocations_kept_s: self.tail_ms().map(|ms| ms.div_ceil(1000)),
            read_only: self.engine.read_only(),
            clock_difference_ms: self.measured.clock_ms(),
            errors: self.troubles.errors(),
            trouble: self.troubles.any(),
            ready: ready.is_ok(),
            not_ready: ready.err().map(|why| why.to_string()),
            keys: self.uses.report(),
        }
    }

    /// Once a second: what depends on time alone.
    pub(crate) async fn tick(self: Arc<Self>) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 1_u64.. {
            ticks.tick().await;
            let now = now();
            self.held.tick(now, Instant::now());
            if count.is_multiple_of(60) {
                self.held.expire(now);
            }
            if let Some(index) = self.held.index() {
                index.expire(count, now);
            }
            let dropped = self.queue.tidy();
            if dropped > 0 {
                tracing::error!(
                    engine = self.name,
                    dropped,
                    "more revocations wait for the engine than can; {dropped} were dropped, and hold \
                     on this server only"
                );
            }
            self.note_read_only();
            telemetry::tick(&self, now);
        }
    }

    /// Tells the others how this server is, and compares clocks, every few seconds.
    pub(crate) async fn tell(self: Arc<Self>) {
        let mut pause = Duration::ZERO;
        loop {
            sleep(pause).await;
            // Until it has joined there is news at any moment.
            pause = if self.held.age(Instant::now()).is_some() { EVERY } else { EARLY };
            self.compare_clocks().await;
            if self.engine.read_only() {
                continue;
            }
            let Ok(report) = serde_json::to_string(&self.report()) else { continue };
            match timeout(EVERY, self.engine.report(&self.server, &report, TTL)).await {
                Ok(Ok(())) => self.troubles.over(Task::Report),
                // Only now it turned out to be so by design, which is told otherwise.
                Ok(Err(_)) if self.engine.read_only() => {}
                Ok(Err(error)) => {
                    self.troubles.engine(Task::Report, "others do not see this server", &error);
                }
                Err(_) => tracing::debug!(engine = self.name, "no answer to a report"),
            }
        }
    }

    async fn compare_clocks(&self) {
        let (before, begun) = (now(), Instant::now());
        match timeout(EVERY, self.engine.clock()).await {
            // An answer that took long says little.
            Ok(Ok(Some(theirs))) if begun.elapsed() < PROMPT => {
                self.measured.set_clock(before, theirs, now());
                match self.ready() {
                    Err(why @ NotReady::Clock { .. }) => {
                        self.troubles.tell(Task::Clock, "clock", "this server is not ready", &why);
                    }
                    _ => self.troubles.over(Task::Clock),
                }
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => {
                self.troubles.engine(Task::Clock, "clocks cannot be compared", &error);
            }
        }
    }
}

/// Between two reports, until it has joined.
const EARLY: Duration = Duration::from_millis(250);

/// Between two reports.
const EVERY: Duration = Duration::from_secs(5);

/// How long a report counts.
const TTL: Duration = Duration::from_secs(20);

/// Within that a clock's answer can be used.
const PROMPT: Duration = Duration::from_secs(2);
