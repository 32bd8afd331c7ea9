//! A client with a jar, a clock, and a server that forgets everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use haversack::{
    Entropy, Exchange, Feed as _, Fixed, KeyRing, NoEntropy, Outcome, Policy, Room, Rules,
    Snapshot, Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};

/// 2026-01-01, well after every test key began to seal.
pub(crate) const START: u64 = 1_767_225_600_000;

/// A generator for tests: no secret, no two outputs alike.
pub(crate) struct Seeded(pub(crate) u64);

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in bytes {
            // SplitMix64 (Steele, Lea and Flood, 2014).
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (z ^ (z >> 31)) as u8;
        }
        Ok(())
    }
}

pub(crate) fn snapshot<T: Default + Serialize + DeserializeOwned>(policy: Policy) -> Snapshot<T> {
    let rules = Arc::new(Rules::new(policy).expect("a policy that fits"));
    Snapshot::new(rules, Fixed::from(KeyRing::for_tests()).view())
}

/// What a browser does with the lines of one response, and nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar(pub(crate) BTreeMap<String, String>);

impl Jar {
    pub(crate) fn header(&self) -> String {
        let pairs: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    pub(crate) fn apply(&mut self, lines: &[String]) {
        for line in lines {
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0;") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub(crate) fn kinds(&self) -> String {
        self.0
            .keys()
            .map(|name| name.split_once('.').expect("a suffix").1.chars().next().expect("a kind"))
            .collect()
    }
}

pub(crate) struct Client<T> {
    pub(crate) snapshot: Snapshot<T>,
    pub(crate) jar: Jar,
    pub(crate) now: u64,
    pub(crate) entropy: Seeded,
}

impl<T: Default + Serialize + DeserializeOwned> Client<T> {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { snapshot: snapshot(policy), jar: Jar::default(), now: START, entropy: Seeded(1) }
    }

    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    pub(crate) fn open(&self) -> Exchange<T> {
        let header = self.jar.header();
        Exchange::receive(&self.snapshot, [header.as_bytes()], self.at())
    }

    pub(crate) fn read(&self) -> T {
        self.open().value().0.value
    }

    /// One request whose handler changes the session; the response is applied.
    pub(crate) fn change(&mut self, act: impl FnOnce(&mut T)) -> Outcome {
        let exchange = self.open();
        let outcome = self.respond(exchange, act);
        self.jar.apply(&outcome.set_cookies);
        outcome
    }

    /// The response to a request that departed earlier.
    pub(crate) fn respond(
        &mut self,
        mut exchange: Exchange<T>,
        act: impl FnOnce(&mut T),
    ) -> Outcome {
        let (decoded, since) = exchange.value();
        let mut value = decoded.value;
        act(&mut value);
        exchange.hand_back(&value, since).expect("encodable");
        exchange.respond(Room::default(), self.at(), &mut self.entropy)
    }

    /// One request whose handler only looks.
    pub(crate) fn look(&mut self) -> Outcome {
        self.change(|_| {})
    }

    pub(crate) fn end(&mut self) -> Outcome {
        let mut exchange = self.open();
        exchange.end();
        let outcome = exchange.respond(Room::default(), self.at(), &mut self.entropy);
        self.jar.apply(&outcome.set_cookies);
        outcome
    }
}
