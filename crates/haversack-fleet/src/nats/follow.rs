//! Following: the ring and the log as they change, and how old what one knows may be.
//!
//! Twice a second and more it *looks*: it reads the ring, and asks the stream of the log for its last
//! number. When everything up to that number has been delivered, the moment before it looked is
//! confirmed. The log is pushed by the server, for speed alone: if that fails in whatever way, the
//! number is not reached, nothing is confirmed, and it is begun anew.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use haversack::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::link::Link;
use super::log;
use super::place::Place;
use super::ring;
use super::state::Info;
use super::stream::{HOUR_NS, Kind, Streams};
use super::tail::{Line, Tail};
use crate::EngineError;
use crate::clock::now;
use crate::engine::{Cursor, Event, Follower};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(400);
/// A change of the ring is announced before it can be read, by this at most on a quiet machine.
const SOON: Duration = Duration::from_millis(20);
/// If nothing is pushed for this long although there is something, the pushing has failed.
const STALL: Duration = Duration::from_secs(1);
/// Clocks of this machine and of the server differ by less.
const SKEW_NS: u64 = 10 * 60 * 1_000_000_000;

/// Delivers until it fails.
pub(super) async fn follow(
    link: Arc<Link>,
    streams: Arc<Streams>,
    from: Option<Cursor>,
    to: &mut dyn Follower,
) -> EngineError {
    let mut following = Following {
        link,
        streams,
        to,
        ring: None,
        place: None,
        reached: 0,
        tail: None,
        waiting: None,
        confirmed: None,
        moved: Instant::now(),
        keeps: 0,
        may_raise: true,
        strangers: false,
    };
    match following.run(from).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

struct Following<'a> {
    link: Arc<Link>,
    streams: Arc<Streams>,
    to: &'a mut dyn Follower,
    /// What was last told of the ring.
    ring: Option<Event>,
    /// Just after the last message that was delivered. `None` as long as there is no stream.
    place: Option<Place>,
    /// Up to this number nothing is missing: it was delivered, or is not there any more.
    reached: u64,
    tail: Option<Tail>,
    waiting: Option<Waiting>,
    confirmed: Option<Timestamp>,
    /// When something was last delivered, or the tail last begun.
    moved: Instant,
    /// The most hours that a delivered record is to be kept for.
    keeps: u64,
    /// Until it turns out that this server may not.
    may_raise: bool,
    /// Whether messages were met that hold no record.
    strangers: bool,
}

/// A moment that is confirmed once the log has been delivered up to a number.
struct Waiting {
    at: Timestamp,
    number: u64,
}

/// What was seen by looking.
struct Look {
    /// Before it was asked for. Answers may be of that moment or later.
    at: Timestamp,
    ring: Result<ring::Held, EngineError>,
    log: Option<Info>,
    /// What had been delivered when it was asked for.
    delivered: u64,
    /// How much older than `at` the answers may be; `None` if that cannot be said.
    lag: Option<u64>,
}

type Looking = Pin<Box<dyn Future<Output = Result<Look, EngineError>> + Send>>;

async fn look(link: Arc<Link>, streams: Arc<Streams>, delivered: u64) -> Result<Look, EngineError> {
    let at = now();
    // The log after the ring: who finds a ring that was put back finds what was put back before it.
    let bucket = streams.info(&link, Kind::Ring).await?;
    let ring = ring::read_from(&link, &streams, bucket.as_ref()).await?;
    let log = streams.info(&link, Kind::Log).await?;
    let lag = |info: &Option<Info>| info.as_ref().map_or(Some(0), Info::lag);
    let lag = lag(&log).zip(lag(&bucket)).map(|(log, bucket)| log.max(bucket));
    Ok(Look { at, ring, log, delivered, lag })
}

impl Following<'_> {
    async fn run(&mut self, from: Option<Cursor>) -> Result<Infallible, EngineError> {
        let (link, streams) = (Arc::clone(&self.link), Arc::clone(&self.streams));
        // Before the first look, so that no change falls in between.
        let mut announced = link.subscribe(streams.key(Kind::Ring, ring::KEY)).await?;
        let first = look(Arc::clone(&link), Arc::clone(&streams), 0).await?;
        self.begin(from, &first).await?;
        self.take(first).await?;

        let mut looking: Option<Looking> = None;
        let mut next_look = Instant::now() + PAUSE;
        let mut again = false;
        loop {
            tokio::select! {
                error = link.end() => return Err(error),
                lines = next(&mut self.tail, &link) => match lines {
                    Some(lines) => self.deliver(&lines),
                    None => self.tail = self.open().await?,
                },
                Some(_) = announced.next() => {
                    again = true;
                    next_look = Instant::now();
                }
                seen = seen(&mut looking) => {
                    looking = None;
                    self.take(seen?).await?;
                    next_look = Instant::now() + if again { SOON } else { PAUSE };
                    again = false;
                }
                () = sleep_until(next_look), if looking.is_none() => {
                    let delivered = self.place.map_or(0, |place| place.sequence);
                    let look = look(Arc::clone(&link), Arc::clone(&streams), delivered);
                    looking = Some(Box::pin(look));
                }
            }
        }
    }

    /// Goes to where the cursor says, if there is still such a place.
    async fn begin(&mut self, from: Option<Cursor>, look: &Look) -> Result<(), EngineError> {
        self.tell_ring(look);
        let Some(cursor) = from else { return Ok(()) };
        let place = Place::read(&cursor).zip(look.log.as_ref());
        if let Some((place, info)) = place.filter(|(place, info)| place.may_be_in(info)) {
            let which = json!({ "seq": place.sequence });
            let message = self.streams.get(&self.link, (Kind::Log, info), &which).await?;
            // One that is gone cannot be compared, and may well be gone.
            if message.is_none_or(|message| message.time() == Some(place.stored)) {
                self.place = Some(place);
                self.reached = place.sequence;
                return Ok(());
            }
        }
        self.to.take(Event::Reset);
        Ok(())
    }

    async fn take(&mut self, look: Look) -> Result<(), EngineError> {
        if self.tell_ring(&look) {
            // What was in the log when this ring was found comes before it is confirmed.
            self.waiting = None;
        }
        let number = match &look.log {
            None => {
                if self.place.take().is_some() {
                    self.reset();
                }
                0
            }
            Some(info) => {
                self.take_log(info, &look).await?;
                info.state.last_seq
            }
        };
        let Some(lag) = look.lag else { return Ok(()) };
        let at = Timestamp::from_millis(look.at.as_millis().saturating_sub(lag));
        self.waiting.get_or_insert(Waiting { at, number });
        if let Err(error) = look.ring {
            // What can be delivered is, and the rest is not to be relied on.
            return if self.is_complete() { Err(error) } else { Ok(()) };
        }
        self.confirm();
        if self.waiting.is_some() && self.moved.elapsed() > STALL {
            self.get_going(look.log.as_ref()).await?;
        }
        Ok(())
    }

    async fn take_log(&mut self, info: &Info, look: &Look) -> Result<(), EngineError> {
        let generation = info.generation();
        let start = Place { generation, sequence: 0, stored: 0 };
        if let Some(place) = self.place {
            let went_back = info.state.last_seq < look.delivered;
            if place.generation != generation || went_back || self.is_emptied(info, look) {
                self.reset();
                self.place = Some(start);
            }
        } else {
            self.place = Some(start);
        }
        self.reached = self.reached.max(info.state.first_seq.saturating_sub(1));
        let hours = self.keeps.max(self.streams.promised(info));
        if self.may_raise && hours.saturating_mul(HOUR_NS) > info.keeps() {
            let kept = self.streams.ensure(&self.link, Kind::Log, self.keeps).await;
            if let Err(error) = kept {
                self.may_raise = false;
                tracing::warn!(%error, "the log forgets records too early");
            }
        }
        if self.tail.is_none() {
            self.tail = self.open().await?;
        }
        Ok(())
    }

    /// Whether somebody has thrown away what should be there: time alone has not emptied the log.
    fn is_emptied(&self, info: &Info, look: &Look) -> bool {
        let had = self.place.is_some_and(|place| place.sequence > 0);
        let now = look.at.as_millis().saturating_mul(1_000_000);
        let young = info.last_stored().is_some_and(|stored| {
            stored.saturating_add(info.keeps()) > now.saturating_add(SKEW_NS)
        });
        had && info.state.messages == 0 && young
    }

    fn reset(&mut self) {
        self.to.take(Event::Reset);
        self.tail = None;
        self.waiting = None;
        self.reached = 0;
    }

    async fn open(&mut self) -> Result<Option<Tail>, EngineError> {
        self.moved = Instant::now();
        let Some(place) = self.place else { return Ok(None) };
        Tail::open(&self.link, &self.streams, place.sequence + 1).await
    }

    fn deliver(&mut self, lines: &[Line]) {
        let Some(mut place) = self.place else { return };
        let mut texts = Vec::with_capacity(lines.len());
        for line in lines {
            place = Place { sequence: line.sequence, stored: line.stored, ..place };
            match log::read(&line.subject, &line.content.payload) {
                Some(text) => {
                    self.keeps = self.keeps.max(self.streams.class_of(&line.subject).unwrap_or(0));
                    texts.push(text.to_owned());
                }
                None if !self.strangers => {
                    self.strangers = true;
                    let stream = self.streams.name(Kind::Log);
                    let number = line.sequence;
                    tracing::warn!(stream, number, "the log holds something that is no record");
                }
                None => {}
            }
        }
        self.place = Some(place);
        self.reached = self.reached.max(place.sequence);
        self.moved = Instant::now();
        if !texts.is_empty() {
            self.to.take(Event::Records(texts, place.cursor()));
        }
        // A ring that cannot be read keeps everything unconfirmed; the next look says so.
        if self.ring.is_some() {
            self.confirm();
        }
    }

    fn is_complete(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| self.reached >= waiting.number)
    }

    fn confirm(&mut self) {
        if self.is_complete()
            && let Some(Waiting { at, .. }) = self.waiting.take()
        {
            // Answers of replicas may be as old as the ones before. A clock may have been set back.
            if self.confirmed.is_none_or(|before| at > before || before > now()) {
                self.confirmed = Some(at);
                self.to.take(Event::Confirmed(at));
            }
        }
    }

    /// Finds out why what should come does not.
    async fn get_going(&mut self, log: Option<&Info>) -> Result<(), EngineError> {
        let Some((waiting, info)) = self.waiting.as_ref().zip(log) else { return Ok(()) };
        let which =
            json!({ "seq": self.reached + 1, "next_by_subj": self.streams.key(Kind::Log, ">") });
        let next = self.streams.get(&self.link, (Kind::Log, info), &which).await?;
        if next.is_none_or(|message| message.sequence > waiting.number) {
            // The last ones were deleted one by one: there is nothing to wait for.
            self.reached = waiting.number;
        } else {
            self.tail = self.open().await?;
        }
        Ok(())
    }

    /// Whether it is another one than before.
    fn tell_ring(&mut self, look: &Look) -> bool {
        let Ok(held) = &look.ring else {
            self.ring = None;
            return false;
        };
        let event = held.document.clone().map_or(Event::NoRing, Event::Ring);
        let changed = self.ring.as_ref() != Some(&event);
        if changed {
            self.ring = Some(event.clone());
            self.to.take(event);
        }
        changed
    }
}

/// What is pushed next; never, if nothing is.
async fn next(tail: &mut Option<Tail>, link: &Link) -> Option<Vec<Line>> {
    match tail {
        Some(tail) => tail.next(link).await,
        None => pending().await,
    }
}

async fn seen<F: Future + Unpin>(looking: &mut Option<F>) -> F::Output {
    match looking {
        Some(looking) => looking.await,
        None => pending().await,
    }
}
