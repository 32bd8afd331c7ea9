//! Haversack, as an adapter drives it: `Cookie` line in, `Set-Cookie` lines out.

use std::sync::Arc;

use haversack::{
    Entropy, Exchange, Feed as _, Fixed, KeyRing, NoEntropy, Policy, Room, Rules, Snapshot,
    Timestamp,
};

use crate::session::Shop;

/// A server with its rules and keys.
pub(crate) struct Ours {
    snapshot: Snapshot<Shop>,
    now: Timestamp,
}

/// The operating system's generator.
struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

impl Ours {
    pub(crate) fn new() -> Self {
        let policy = Policy {
            subject: Some("user".into()),
            identity: vec!["roles".into()],
            ..Policy::default()
        };
        let rules = Arc::new(Rules::new(policy).expect("a policy that fits"));
        let view = Fixed::from(KeyRing::for_tests()).view();
        Self { snapshot: Snapshot::new(rules, view), now: Timestamp::from_secs(1_767_225_600) }
    }

    /// The first response: everything is new and sealed.
    pub(crate) fn seal(&self, shop: &Shop) -> Vec<String> {
        let mut exchange = self.receive("");
        let (_, mark) = exchange.value();
        exchange.hand_back(shop, mark).expect("encodable");
        self.respond(exchange)
    }

    /// A request that only reads.
    pub(crate) fn open(&self, line: &str) -> Shop {
        self.receive(line).value().0.value
    }

    /// A request whose handler changes the session.
    pub(crate) fn request(&self, line: &str, change: impl FnOnce(&mut Shop)) -> Vec<String> {
        let mut exchange = self.receive(line);
        let (decoded, mark) = exchange.value();
        let mut shop = decoded.value;
        change(&mut shop);
        exchange.hand_back(&shop, mark).expect("encodable");
        self.respond(exchange)
    }

    fn receive(&self, line: &str) -> Exchange<Shop> {
        let lines = (!line.is_empty()).then_some(line.as_bytes());
        Exchange::receive(&self.snapshot, lines, self.now)
    }

    fn respond(&self, exchange: Exchange<Shop>) -> Vec<String> {
        let outcome = exchange.respond(Room::default(), self.now, &mut System);
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        outcome.set_cookies
    }
}
