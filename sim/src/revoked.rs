//! Sessions that end before their time: servers whose views of a shared log lag, are cut off from it
//! for a while, and differ in their clocks; one browser; and a thief who has copies of its jar.
//!
//! What must hold ([`judge`]) is said of what servers show, against a look at the same cookies by a
//! server that knows no revocations and no clock:
//!
//! 1. A server that has learnt of an end, or for a grace of a renewal, never admits what it ended.
//! 2. What nobody ended, and nobody renewed elsewhere, is never refused as revoked.
//! 3. Sensitive routes are closed to a session five seconds after the log has its end, everywhere.
//! 4. When everybody has learnt, no copy of an older jar is admitted anywhere, nor ever after, though
//!    records are forgotten in time.
//! 5. Whoever ends or renews a session tells of it.
//! 6. Who signs in where it is known that all earlier sessions are over is not signed out by that.
//! 7. An older root is not renewed by a server that has learnt of a later renewal, however recent.

mod age;
mod judge;
mod log;

use std::collections::BTreeMap;
use std::sync::Arc;

use haversack::{
    EventKind, Exchange, Policy, Rejection, Room, Rules, Scrutiny, SealError, Snapshot, Timestamp,
    View as Known,
};
use haversack_testkit::SeededEntropy;
use serde::{Deserialize, Serialize};

use self::judge::Judge;
use self::log::Log;
use crate::app::{IDLE_MS, LIFETIME, USERS};
use crate::plan::pick;
use crate::schedule::Outcome;
use crate::tally::{Happening, Tally};

/// The five minutes that a response may take.
const GRACE_MS: u64 = 300_000;

/// What is in the session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Visit {
    user: Option<String>,
    role: u32,
    note: u32,
}

fn rules(lifetime: haversack::Lifetime) -> Arc<Rules<Visit>> {
    let policy = Policy {
        lifetime,
        subject: Some("user".into()),
        identity: vec!["role".into()],
        ..Policy::default()
    };
    Arc::new(Rules::new(policy).expect("settings that fit"))
}

/// The cookies of a client, by name. They do not expire: a thief would not let them.
type Jar = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Login(&'static str),
    Logout,
    Look,
    Note(u32),
    Promote(u32),
    Renew,
}

/// A request under way.
struct Flight {
    /// When the next thing happens to it.
    at_ms: u64,
    /// Of the jar with this number: the browser's is the first.
    jar: usize,
    server: usize,
    act: Act,
    scrutiny: Scrutiny,
    stage: Stage,
}

enum Stage {
    Departed(String),
    Served(Box<Exchange<Visit>>, judge::Seen),
    Answered(Vec<String>),
}

/// One schedule.
struct World {
    dice: SeededEntropy,
    entropy: SeededEntropy,
    now_ms: u64,
    snapshot: Snapshot<Visit>,
    log: Log,
    judge: Judge,
    /// The browser's jar, then those of the thief, who acts with them too.
    jars: Vec<Jar>,
    /// What the jars once were.
    copies: Vec<Jar>,
    flights: Vec<Flight>,
    requests: u32,
    tally: Tally,
}

/// Of so many seeds one has such a schedule: it takes longer than the others.
const ONE_OF: u64 = 8;

/// Runs the schedule of a seed.
pub(crate) fn run(seed: u64) -> Outcome {
    if !seed.is_multiple_of(ONE_OF) {
        return Outcome { tally: Tally::default(), failure: None };
    }
    let mut world = World::new(seed);
    let result = world.run();
    let failure = result.err().map(|what| (world.requests, format!("revocation: {what}")));
    Outcome { tally: world.tally, failure }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = SeededEntropy::new(seed ^ 0x7265_766f_6b65_6421);
        let now_ms = 1_800_000_000_000;
        let ring = haversack::KeyRing::for_tests();
        let snapshot = Snapshot::new(rules(LIFETIME), Arc::new(Known::from(ring)));
        let log = Log::new(&mut dice, now_ms);
        Self {
            entropy: SeededEntropy::new(dice.below(u64::MAX)),
            judge: Judge::new(log.servers()),
            dice,
            now_ms,
            snapshot,
            log,
            jars: vec![Jar::new()],
            copies: Vec::new(),
            flights: Vec::new(),
            requests: 0,
            tally: Tally::default(),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..20 + self.dice.below(60) {
            let pause = *pick(&mut self.dice, &[0, 5, 300, 2_000, 9_000, 70_000, 310_000]);
            self.advance(pause)?;
            match self.dice.below(12) {
                0 => self.log.cut_off(&mut self.dice, self.now_ms),
                1 if self.copies.last() != Some(&self.jars[0]) => {
                    self.copies.push(self.jars[0].clone());
                }
                2 if !self.copies.is_empty() && self.jars.len() < 4 => {
                    self.tally.add(Happening::Restored);
                    let copy = pick(&mut self.dice, &self.copies).clone();
                    self.jars.push(copy);
                }
                3 if self.dice.below(3) == 0 => self.end_by_time(),
                _ => self.send(),
            }
        }
        self.advance(GRACE_MS)?;
        self.siege()?;
        self.quiet()
    }

    /// Time passes, and what is under way goes on.
    fn advance(&mut self, ms: u64) -> Result<(), String> {
        let until = self.now_ms + ms;
        loop {
            let next = self.flights.iter().enumerate().min_by_key(|(at, it)| (it.at_ms, *at));
            let Some((at, _)) = next.filter(|(_, flight)| flight.at_ms <= until) else { break };
            let flight = self.flights.remove(at);
            self.now_ms = flight.at_ms;
            self.happen(flight)?;
        }
        self.now_ms = until;
        Ok(())
    }

    fn send(&mut self) {
        let jar = usize::try_from(self.dice.below(2 * self.jars.len() as u64)).expect("few");
        // The browser acts as often as all thieves together, and a thief cannot sign in.
        let jar = if jar < self.jars.len() { jar } else { 0 };
        let act = match self.dice.below(14) {
            0..=2 if jar == 0 => Act::Login(USERS[usize::from(self.dice.below(3) == 0)]),
            3 if jar == 0 => Act::Logout,
            4 | 5 => Act::Renew,
            6 => Act::Promote(self.requests),
            7 | 8 => Act::Note(self.requests),
            _ => Act::Look,
        };
        let kinds = [Scrutiny::Standard, Scrutiny::Standard, Scrutiny::Sensitive, Scrutiny::None];
        let scrutiny = match act {
            Act::Login(_) | Act::Logout => Scrutiny::None,
            _ => *pick(&mut self.dice, &kinds),
        };
        let server = self.log.any(&mut self.dice);
        self.send_act(jar, server, act, scrutiny);
    }

    fn send_act(&mut self, jar: usize, server: usize, act: Act, scrutiny: Scrutiny) {
        self.requests += 1;
        let at_ms = self.now_ms + *pick(&mut self.dice, &[1, 20, 400, 20_000]);
        let stage = Stage::Departed(line(&self.jars[jar]));
        self.flights.push(Flight { at_ms, jar, server, act, scrutiny, stage });
    }

    fn happen(&mut self, flight: Flight) -> Result<(), String> {
        match flight.stage {
            Stage::Departed(ref cookies) => {
                let (exchange, seen) = self.receive(cookies, flight.server, flight.scrutiny)?;
                let took = *pick(&mut self.dice, &[1, 1, 30, 900, 40_000]);
                let stage = Stage::Served(Box::new(exchange), seen);
                self.flights.push(Flight { at_ms: self.now_ms + took, stage, ..flight });
            }
            Stage::Served(exchange, seen) => {
                let Flight { jar, server, act, scrutiny, .. } = flight;
                let (lines, told_ms) = self.respond(*exchange, &seen, server, act, scrutiny)?;
                if self.dice.below(10) > 0 {
                    let at_ms = told_ms + *pick(&mut self.dice, &[1, 30, 600, 100_000]);
                    let stage = Stage::Answered(lines);
                    self.flights.push(Flight { at_ms, jar, server, act, scrutiny, stage });
                }
            }
            Stage::Answered(lines) => apply(&mut self.jars[flight.jar], &lines),
        }
        Ok(())
    }

    /// A request arrives, and what the server makes of it is judged.
    fn receive(
        &mut self,
        cookies: &str,
        server: usize,
        scrutiny: Scrutiny,
    ) -> Result<(Exchange<Visit>, judge::Seen), String> {
        let view = self.log.view(self.snapshot.view(), server, self.now_ms);
        let snapshot = self.snapshot.with_view(Arc::new(view));
        let clock = self.log.clock(server, self.now_ms);
        let exchange = Exchange::receive(&snapshot, [cookies.as_bytes()], clock);
        let seen = self.judge.look(cookies, Timestamp::from_millis(self.now_ms));
        let info = exchange.info(false);
        if info.arrival.rejections.contains(&Rejection::Revoked) {
            self.tally.add(Happening::Revoked);
            self.judge.refused(&seen, server, self.now_ms, clock)?;
        }
        if info.signed_in {
            let verified = exchange.verified(scrutiny).is_ok();
            let sensitive = verified && scrutiny == Scrutiny::Sensitive;
            let user = exchange.value().0.value.user;
            let session = judge::session(&info, user).ok_or("a signed-in session has no id")?;
            self.judge.admitted(&session, server, self.now_ms, clock, sensitive)?;
            let happening = if verified { Happening::Verified } else { Happening::Unverified };
            self.tally.add(happening);
        }
        Ok((exchange, seen))
    }

    /// The lines of the response, and when it departs.
    fn respond(
        &mut self,
        mut exchange: Exchange<Visit>,
        seen: &judge::Seen,
        server: usize,
        act: Act,
        scrutiny: Scrutiny,
    ) -> Result<(Vec<String>, u64), String> {
        if exchange.verified(scrutiny).is_ok() {
            let (decoded, since) = exchange.value();
            let mut visit = decoded.value;
            match act {
                Act::Login(user) => {
                    if visit.user.as_deref() == Some(user) {
                        exchange.authenticated();
                    }
                    visit.user = Some(user.into());
                }
                Act::Logout => exchange.end(),
                Act::Note(note) => visit.note = note,
                Act::Promote(role) if visit.user.is_some() => visit.role = role,
                Act::Renew => exchange.renew(),
                Act::Look | Act::Promote(_) => {}
            }
            if !matches!(act, Act::Look | Act::Logout | Act::Renew) {
                exchange.hand_back(&visit, since).expect("a visit can be encoded");
            }
        }
        let was = exchange.info(false);
        exchange.update(Arc::new(self.log.view(self.snapshot.view(), server, self.now_ms)));
        let room = Room { identity: scrutiny == Scrutiny::None, ..Room::default() };
        let clock = self.log.clock(server, self.now_ms);
        let outcome = exchange.respond(room, clock, &mut self.entropy);
        match outcome.error {
            Some(SealError::Stale(_)) => self.tally.add(Happening::StaleRefused),
            Some(SealError::Late) => self.tally.add(Happening::Outrun),
            _ => {}
        }
        if outcome.error.is_none() && was.signed_in {
            let told = &outcome.revocations;
            match outcome.report.event {
                EventKind::End | EventKind::Switch => judge::tells_of_end(&was, seen, told)?,
                EventKind::Renew => {
                    judge::tells_of_renewal(&was, told)?;
                    if !matches!(act, Act::Login(_)) {
                        self.judge.goes_on(&was, server, self.now_ms)?;
                    }
                }
                _ => {}
            }
        }
        if outcome.error.is_none() && matches!(act, Act::Login(_)) {
            let mut jar = Jar::new();
            apply(&mut jar, &outcome.set_cookies);
            let seen = self.judge.look(&line(&jar), Timestamp::from_millis(self.now_ms));
            let raised = self.judge.signs_in(&seen, server, self.now_ms, clock)?;
            self.tally.add_many(Happening::Raised, usize::from(raised));
        }
        self.tally.add_many(Happening::Published, outcome.revocations.len());
        let mut departs = self.now_ms;
        for record in outcome.revocations {
            let appended = self.log.publish(&mut self.dice, server, record, self.now_ms);
            self.judge.published(record, appended, &self.log);
            // A second at the most is waited for.
            departs = departs.max(appended.min(self.now_ms + 1_000));
        }
        Ok((outcome.set_cookies, departs))
    }

    /// One server is cut off for longer than sessions live, and thieves use it all the time, while
    /// the session that they have ends elsewhere.
    fn siege(&mut self) -> Result<(), String> {
        if self.dice.below(2) > 0 {
            return Ok(());
        }
        self.tally.add(Happening::Siege);
        let server = self.log.any(&mut self.dice);
        let other = (server + 1) % self.log.servers();
        self.send_act(0, other, Act::Login(USERS[0]), Scrutiny::None);
        self.advance(GRACE_MS)?;
        self.jars.push(self.jars[0].clone());
        self.log.cut_off_for(server, self.now_ms, 2 * IDLE_MS);
        self.send_act(0, other, Act::Logout, Scrutiny::None);
        for turn in 0..24 {
            for jar in 1..self.jars.len() {
                let act = if turn % 3 == 0 { Act::Renew } else { Act::Look };
                self.send_act(jar, server, act, Scrutiny::None);
            }
            self.advance(GRACE_MS)?;
        }
        Ok(())
    }

    /// Everybody learns everything, and copies are tried everywhere: then, and when records have
    /// been forgotten.
    fn quiet(&mut self) -> Result<(), String> {
        while let Some(until) = self.log.settles_ms(self.now_ms) {
            self.advance(until - self.now_ms)?;
        }
        self.advance(3 * GRACE_MS)?;
        for pause in [0, IDLE_MS, 2 * IDLE_MS] {
            self.advance(pause)?;
            let jars: Vec<String> = self.copies.iter().chain(&self.jars).map(line).collect();
            for cookies in jars {
                self.tally.add(Happening::CopyTried);
                let server = self.log.any(&mut self.dice);
                let (exchange, seen) = self.receive(&cookies, server, Scrutiny::None)?;
                if exchange.info(false).signed_in {
                    self.judge.in_the_end(&seen)?;
                }
            }
        }
        Ok(())
    }
}

fn line(jar: &Jar) -> String {
    let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("; ")
}

fn apply(jar: &mut Jar, lines: &[String]) {
    for line in lines {
        let pair = line.split(';').next().unwrap_or_default();
        match pair.split_once('=') {
            Some((name, "")) => drop(jar.remove(name)),
            Some((name, value)) => drop(jar.insert(name.to_owned(), value.to_owned())),
            None => {}
        }
    }
}
