//! Following the engine: from where one was, for ever, whatever happens to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use haversack::Revocation;
use metrics::counter;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::clock::{millis, now};
use crate::engine::{Cursor, Event, Follower};
use crate::error::{EngineError, EngineErrorKind, FleetErrorKind};
use crate::shared::Shared;
use crate::trouble::Task;

impl Shared {
    /// Follows the engine, and begins again where it was when that fails.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut backoff = Backoff::default();
        let mut cursor = None;
        loop {
            self.heard();
            let mut sink = Sink { shared: &self, cursor: cursor.clone(), confirmed: false };
            let error = tokio::select! {
                error = self.engine.follow(cursor, &mut sink) => error,
                () = self.is_silent() => {
                    let why = format!("silent for {} seconds", SILENCE.as_secs());
                    EngineError::new(self.name.clone(), EngineErrorKind::Unreachable(why))
                }
            };
            if sink.confirmed {
                backoff.reset();
            }
            cursor = sink.cursor;
            self.troubles.engine(
                Task::Follow,
                "what other servers revoke is not learnt, and a newer key ring neither",
                &error,
            );
            if !error.is_temporary() {
                self.answer(|| Err(FleetErrorKind::Engine(error)));
            }
            tokio::select! {
                () = backoff.wait() => {}
                () = self.answers.notified() => {}
            }
        }
    }

    /// Returns when the engine says nothing although it should confirm every second.
    async fn is_silent(&self) {
        while self.silence() < SILENCE {
            sleep(SILENCE.saturating_sub(self.silence()).max(Duration::from_millis(100))).await;
        }
    }

    /// Asks for the ring whenever a request wants a newer one.
    pub(crate) async fn answer_requests(self: Arc<Self>) {
        loop {
            let number = self.signal.next().await;
            if let Ok(Ok(Some(document))) = timeout(ANSWER, self.engine.ring()).await {
                self.offer(document).await;
                self.answers.notify_waiters();
            }
            self.signal.over(number, self.held.version());
        }
    }

    fn records(&self, lines: &[String]) {
        let now = now();
        for lines in lines.chunks(AT_ONCE) {
            let taken = self.held.take_lines(lines, now);
            self.measure(&taken.records);
            for (kind, count) in [("unknown", taken.unknown), ("malformed", taken.malformed)] {
                if count > 0 {
                    counter!("haversack_fleet_records_skipped_total", "why" => kind)
                        .increment(count as u64);
                }
            }
            if taken.unknown > 0 && !self.measured.unknown.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    engine = self.name,
                    "the log has records of a kind that this program does not know: a newer one \
                     writes them, and what they revoke is not revoked here; update this program"
                );
            }
            if taken.malformed > 0 {
                tracing::error!(
                    engine = self.name,
                    count = taken.malformed,
                    "the log has records that are not well formed; somebody else writes to it"
                );
            }
        }
    }

    /// How long the last of our own records took to come back, or, by the clocks of two servers, a
    /// floor of another.
    fn measure(&self, records: &[Revocation]) {
        // What was there before this server is not news.
        if records.is_empty() || self.held.age(Instant::now()).is_none() {
            return;
        }
        for record in records {
            let published = match record {
                Revocation::Floor { published, .. } => Some(*published),
                _ => None,
            };
            if let Some(took) = self.queue.came_back(record) {
                self.measured.set_lag(millis(took));
            } else if let Some(published) = published {
                self.measured.set_lag(now().millis_since(published));
            }
        }
    }
}

/// Takes what the engine delivers.
struct Sink<'a> {
    shared: &'a Shared,
    cursor: Option<Cursor>,
    confirmed: bool,
}

impl Follower for Sink<'_> {
    fn take(&mut self, event: Event) {
        self.shared.heard();
        match event {
            Event::Ring(document) => self.shared.keeper.deliver(Some(document)),
            Event::NoRing => self.shared.keeper.deliver(None),
            Event::Records(lines, cursor) => {
                self.shared.records(&lines);
                self.cursor = Some(cursor);
            }
            Event::Confirmed(at) => {
                self.confirmed = true;
                self.shared.troubles.over(Task::Follow);
                self.shared.confirmed(at);
            }
            Event::Reset => {
                if self.shared.held.age(Instant::now()).is_some() {
                    counter!("haversack_fleet_resyncs_total").increment(1);
                    tracing::warn!(
                        engine = self.shared.name,
                        "the engine's log is another one, or lacks what it had; it is read anew"
                    );
                }
                self.shared.held.reset();
                self.cursor = None;
            }
        }
    }
}

/// An engine that says nothing for so long is asked anew.
const SILENCE: Duration = Duration::from_secs(15);

/// For the answer to a request's question; requests wait for a quarter of that.
const ANSWER: Duration = Duration::from_secs(1);

/// Lines of the log between two views.
const AT_ONCE: usize = 20_000;
