//! One person: a cookie jar, requests under way, and what both sides would have sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use haversack::{
    Exchange, Feed as _, Fetch, Fixed, KeyRing, Outcome, Policy, Room, Rules, Snapshot, Timestamp,
};
use haversack_testkit::SeededEntropy;

use crate::plan::{Departure, between};
use crate::rival::Rival;

/// Every top-level entry is a field of its own.
pub(crate) type Session = BTreeMap<String, String>;

/// 2026-01-01, well after every test key began to seal.
const START: u64 = 1_767_225_600_000;

/// What was measured when a request departed, and of its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: u64,
    /// Our cookies on the request.
    pub(crate) cookies: usize,
    /// Their characters in the `Cookie` line.
    pub(crate) chars: usize,
    /// Characters of our `Set-Cookie` lines on its response.
    pub(crate) set: usize,
    /// The same of a single cookie with the whole session, set only when the session was changed.
    pub(crate) rival: usize,
    pub(crate) refused: bool,
}

pub(crate) struct Person {
    dice: SeededEntropy,
    snapshot: Snapshot<Session>,
    jar: BTreeMap<String, String>,
    /// Names of fields, and how long their values are.
    fields: Vec<(String, usize)>,
    /// Responses under way, by when they land.
    landing: BTreeMap<(u64, usize), Vec<String>>,
    rival: Rival,
    samples: Vec<Sample>,
}

impl Person {
    /// A session of `bytes`, in entries of 8 to 60 bytes, name included.
    pub(crate) fn new(seed: u64, bytes: usize) -> Self {
        let mut dice = SeededEntropy::new(seed);
        let mut fields = Vec::new();
        let mut held = 0;
        while held < bytes {
            let len = usize::try_from(between(&mut dice, 8, 60)).expect("short");
            fields.push((format!("f{:02}", fields.len()), len - 5)); // name, and a head of CBOR
            held += len;
        }
        let policy = Policy { subject: Some("user".into()), ..Policy::default() };
        let rules = Arc::new(Rules::new(policy).expect("a policy that fits"));
        let view = Fixed::from(KeyRing::for_tests()).view();
        Self {
            dice,
            snapshot: Snapshot::new(rules, view),
            jar: BTreeMap::new(),
            fields,
            landing: BTreeMap::new(),
            rival: Rival::new(),
            samples: Vec::new(),
        }
    }

    /// Signs in, and fills the session.
    pub(crate) fn sign_in(&mut self) {
        let fields = self.fields.clone();
        let outcome = self.respond(0, Fetch::Navigation, |session, dice| {
            session.insert("user".into(), "ada".into());
            session.extend(fields.into_iter().map(|(name, len)| (name, text(dice, len))));
        });
        assert_eq!(outcome.error, None);
        self.apply(&outcome.set_cookies);
        self.samples.clear(); // both sides send the whole of it
    }

    /// A day of requests; `tells` if the client says which of them are navigations.
    pub(crate) fn live(mut self, day: &[Departure], tells: bool) -> Vec<Sample> {
        for departure in day {
            self.land_until(departure.at);
            let fetch = if tells { departure.fetch } else { Fetch::Unknown };
            let outcome = if departure.writes {
                let chosen = usize::try_from(self.dice.below(self.fields.len() as u64));
                let (name, len) = self.fields[chosen.expect("few")].clone();
                self.respond(departure.at, fetch, |session, dice| {
                    session.insert(name, text(dice, len));
                })
            } else {
                self.respond(departure.at, fetch, |_, _| {})
            };
            let lands = departure.at + between(&mut self.dice, 70, 450);
            self.landing.insert((lands, self.samples.len()), outcome.set_cookies);
        }
        self.samples
    }

    fn land_until(&mut self, at: u64) {
        while let Some(entry) = self.landing.first_entry() {
            if entry.key().0 > at {
                return;
            }
            let lines = entry.remove();
            self.apply(&lines);
        }
    }

    fn respond(
        &mut self,
        at: u64,
        fetch: Fetch,
        change: impl FnOnce(&mut Session, &mut SeededEntropy),
    ) -> Outcome {
        let pairs: Vec<String> =
            self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let now = Timestamp::from_millis(START + at + 40);
        let line = pairs.join("; ");
        let mut exchange = Exchange::receive(&self.snapshot, [line.as_bytes()], now);
        let (decoded, since) = exchange.value();
        let mut session = decoded.value;
        let before = session.clone();
        change(&mut session, &mut self.dice);
        exchange.hand_back(&session, since).expect("encodable");
        let room = Room { fetch, ..Room::default() };
        let outcome = exchange.respond(room, now, &mut self.dice);
        self.samples.push(Sample {
            at,
            cookies: pairs.len(),
            chars: pairs.iter().map(|pair| pair.len() + "; ".len()).sum(),
            set: outcome.report.chars,
            rival: if session == before { 0 } else { self.rival.set(&session) },
            refused: outcome.error.is_some(),
        });
        outcome
    }

    fn apply(&mut self, lines: &[String]) {
        for line in lines {
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0;") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn text(dice: &mut SeededEntropy, len: usize) -> String {
    const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
    (0..len).map(|_| char::from(LETTERS[usize::try_from(dice.below(26)).expect("few")])).collect()
}
