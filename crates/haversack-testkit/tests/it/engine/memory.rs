//! An engine in memory, with defects to choose from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use haversack::Timestamp;
use haversack_fleet::engine::{Cursor, Engine, Event, Follower, Put, Record, RingDocument};
use haversack_fleet::{EngineError, EngineErrorKind};
use haversack_testkit::engine::Place;
use tokio::time::{Instant, sleep};

use super::TICK;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    ConfirmsAhead,
    ConfirmsNever,
    ConfirmsTooMuch,
    CountsWrong,
    ElectsTwo,
    FollowsFromNow,
    ForgetsEarly,
    ForgetsSilently,
    KeepsMarks,
    KeepsReports,
    MixesMarks,
    RingAhead,
    RingOnce,
    SplitsLines,
    StopsAtGarbage,
    TellsTheAsked,
    TrimsRings,
    TruncatesRings,
    TrustsCursors,
    WritesHalf,
}

/// What all its servers share.
#[derive(Default)]
pub(super) struct Store(Mutex<State>);

#[derive(Default)]
struct State {
    /// Another one for each time that it forgot.
    generation: usize,
    ring: Option<RingDocument>,
    log: Vec<String>,
    marks: HashMap<String, Instant>,
    reports: HashMap<String, (String, Instant)>,
}

impl Store {
    pub(super) fn forget(&self, tell: bool) {
        let mut state = self.state();
        let generation = state.generation + usize::from(tell);
        *state = State { generation, ..State::default() };
    }

    pub(super) fn garble(&self, place: Place, text: &str) {
        let mut state = self.state();
        match place {
            Place::Log => state.log.push(format!("\n{text}")),
            Place::Ring => {
                state.ring = Some(RingDocument { revision: 0, text: String::new().into() });
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// How far a follower is.
struct Follow {
    ring: Option<RingDocument>,
    begun: bool,
    from: Option<Cursor>,
    /// How much of the log there was when the follower began to look.
    upto: usize,
}

pub(super) struct Memory {
    pub(super) store: Arc<Store>,
    pub(super) durable: bool,
    pub(super) defect: Option<Defect>,
}

impl Memory {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn invalid(&self, why: &str) -> EngineError {
        EngineError::new(self.name(), EngineErrorKind::Invalid(why.to_owned()))
    }

    /// Tells what there is after what was told.
    fn deliver(&self, follow: &mut Follow, to: &mut dyn Follower) {
        let mut state = self.store.state();
        if !follow.begun || (follow.ring != state.ring && !self.has(Defect::RingOnce)) {
            follow.ring.clone_from(&state.ring);
            to.take(state.ring.clone().map_or(Event::NoRing, Event::Ring));
            follow.begun = true;
        }
        let place = self.place(&state, follow.from.as_ref()).unwrap_or_else(|| {
            if !self.has(Defect::TrustsCursors) {
                to.take(Event::Reset);
            }
            0
        });
        let upto = state.log.len().min(follow.upto);
        if place == upto {
            return;
        }
        let clean = |line: &&String| !line.starts_with('\n');
        let stop = |line: &&String| !self.has(Defect::StopsAtGarbage) || clean(line);
        let new = state.log.get(place..upto).unwrap_or_default().iter().take_while(stop);
        let new = new.filter(clean).cloned().collect();
        if self.has(Defect::CountsWrong) {
            state.log.push("\n".to_owned());
        }
        let end = upto + if self.has(Defect::CountsWrong) { 2 } else { 0 };
        let cursor = Cursor(format!("{}.{end}", state.generation));
        to.take(Event::Records(new, cursor.clone()));
        follow.from = Some(cursor);
    }

    /// Where a cursor points to; `None` if it is not of this log.
    fn place(&self, state: &State, cursor: Option<&Cursor>) -> Option<usize> {
        let Some(Cursor(text)) = cursor else { return Some(0) };
        let (generation, place) = text.split_once('.')?;
        let (generation, place): (usize, usize) = (generation.parse().ok()?, place.parse().ok()?);
        let known = generation == state.generation && place <= state.log.len();
        (known || self.has(Defect::ForgetsSilently)).then_some(place)
    }
}

#[async_trait]
impl Engine for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn ring(&self) -> Result<Option<RingDocument>, EngineError> {
        Ok(self.store.state().ring.clone())
    }

    async fn put_ring(&self, expect: u64, document: &RingDocument) -> Result<Put, EngineError> {
        let stored = || self.store.state().ring.as_ref().map_or(0, |ring| ring.revision);
        if stored() != expect {
            return Ok(Put::Lost(if self.has(Defect::TellsTheAsked) { expect } else { stored() }));
        }
        if self.has(Defect::ElectsTwo) {
            tokio::task::yield_now().await;
        }
        let mut document = document.clone();
        if self.has(Defect::TrimsRings) {
            document.text = document.text.trim().to_owned().into();
        }
        if self.has(Defect::TruncatesRings) {
            document.text = document.text.chars().take(32_000).collect::<String>().into();
        }
        if self.has(Defect::WritesHalf) {
            let half = document.text.chars().take(2000).collect::<String>().into();
            self.store.state().ring = Some(RingDocument { text: half, ..document });
            sleep(TICK).await;
        }
        let mut state = self.store.state();
        let revision = state.ring.as_ref().map_or(0, |ring| ring.revision);
        let careless = self.has(Defect::ElectsTwo) || self.has(Defect::WritesHalf);
        if revision != expect && !careless {
            let told = if self.has(Defect::TellsTheAsked) { expect } else { revision };
            return Ok(Put::Lost(told));
        }
        state.ring = Some(document);
        Ok(Put::Stored)
    }

    async fn append(&self, records: &[Record]) -> Result<(), EngineError> {
        for Record { text, .. } in records {
            let fine = !text.is_empty() && text.len() <= 200 && !text.contains(char::is_control);
            if !fine && !self.has(Defect::SplitsLines) {
                return Err(self.invalid("not one line of at most 200 characters"));
            }
        }
        let mut state = self.store.state();
        for Record { text, .. } in records {
            let lines = text.split(if self.has(Defect::SplitsLines) { '\n' } else { '\0' });
            state.log.extend(lines.map(str::to_owned));
        }
        if self.has(Defect::ForgetsEarly) {
            let old = state.log.len().saturating_sub(1000);
            state.log.iter_mut().take(old).for_each(|line| "\n".clone_into(line));
        }
        Ok(())
    }

    async fn follow(&self, from: Option<Cursor>, to: &mut dyn Follower) -> EngineError {
        let mut place = Follow { ring: None, begun: false, from, upto: usize::MAX };
        if place.from.is_none() && self.has(Defect::FollowsFromNow) {
            let state = self.store.state();
            place.from = Some(Cursor(format!("{}.{}", state.generation, state.log.len())));
        }
        loop {
            let asked = now();
            if self.has(Defect::RingAhead) {
                place.upto = self.store.state().log.len();
                sleep(TICK).await;
            }
            self.deliver(&mut place, to);
            sleep(TICK).await;
            match self.defect {
                Some(Defect::ConfirmsNever) => {}
                Some(Defect::ConfirmsAhead) => to.take(Event::Confirmed(asked.plus_millis(60_000))),
                Some(Defect::ConfirmsTooMuch) => {
                    std::thread::sleep(Duration::from_millis(3));
                    to.take(Event::Confirmed(now()));
                }
                _ => to.take(Event::Confirmed(asked)),
            }
        }
    }

    async fn clock(&self) -> Result<Option<Timestamp>, EngineError> {
        Ok(None)
    }

    async fn once(&self, mark: &str, ttl: Duration) -> Result<bool, EngineError> {
        let mut state = self.store.state();
        let mark = if self.has(Defect::MixesMarks) { mark.to_lowercase() } else { mark.to_owned() };
        let taken = state
            .marks
            .get(&mark)
            .is_some_and(|until| *until > Instant::now() || self.has(Defect::KeepsMarks));
        if !taken {
            state.marks.insert(mark, Instant::now() + ttl);
        }
        Ok(!taken)
    }

    async fn report(&self, server: &str, report: &str, ttl: Duration) -> Result<(), EngineError> {
        let until = Instant::now() + ttl;
        self.store.state().reports.insert(server.to_owned(), (report.to_owned(), until));
        Ok(())
    }

    async fn reports(&self) -> Result<Vec<(String, String)>, EngineError> {
        let state = self.store.state();
        let lasts = |until: &Instant| *until > Instant::now() || self.has(Defect::KeepsReports);
        let reports = state.reports.iter().filter(|(_, (_, until))| lasts(until));
        Ok(reports.map(|(server, (report, _))| (server.clone(), report.clone())).collect())
    }

    async fn advice(&self) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }

    fn forgets(&self) -> bool {
        !self.durable
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}
