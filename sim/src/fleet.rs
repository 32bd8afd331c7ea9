//! The fleet of one schedule: its servers in two versions, their clocks, and their key rings.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use haversack::KeyRing;
use haversack_testkit::fleet::Door;
use haversack_testkit::{Browser, Fleet as Servers, SeededEntropy};
use http::{Request, Response};
use http_body_util::Full;
use tower_service::Service;

use crate::app::{IDLE_MS, Ledger, New, Old, Server};
use crate::oracle::Clocks;
use crate::plan::{Plan, pick};

/// nginx and Apache, as they come.
pub(crate) const COOKIE_LINE: usize = 8_190;

/// A server of either version.
#[derive(Clone)]
pub(crate) enum Either {
    New(Server<New>),
    Old(Server<Old>),
}

impl Service<Request<Full<Bytes>>> for Either {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        match self {
            Either::New(server) => server.call(request),
            Either::Old(server) => server.call(request),
        }
    }
}

pub(crate) type Tab = Browser<Door<Either>>;

pub(crate) struct Fleet {
    pub(crate) servers: Servers<Either>,
    /// One tab for each server, all of one browser.
    tabs: Vec<Tab>,
    /// Servers that run the old program the next time they start.
    old: Arc<Vec<AtomicBool>>,
    skews_ms: Vec<i64>,
    /// All revisions of the ring, and when each began to matter: its new key seals.
    rings: Vec<(KeyRing, u64)>,
}

impl Fleet {
    /// The servers of the plan, and one more that only looks: its clock is right, its ring the
    /// newest, and no request of the schedule reaches it.
    pub(crate) fn new(seed: u64, plan: &Plan, ledger: &Arc<Mutex<Ledger>>) -> Self {
        let count = plan.old.len();
        let old: Vec<_> =
            plan.old.iter().chain([&false]).map(|&old| AtomicBool::new(old)).collect();
        let old = Arc::new(old);
        let (versions, ledger) = (Arc::clone(&old), Arc::clone(ledger));
        let servers = Servers::new(seed, count + 1, move |server| {
            if versions[server.index()].load(Ordering::Relaxed) {
                Either::Old(Server::new(server, &ledger))
            } else {
                Either::New(Server::new(server, &ledger))
            }
        });
        servers.limit_cookie_line(COOKIE_LINE);
        for (server, skew) in plan.skews_ms.iter().enumerate() {
            servers.server(server).skew(*skew);
        }
        let first = servers.browser();
        let tabs = (0..=count).map(|server| first.tab_on(servers.only(server))).collect();
        let rings = vec![(KeyRing::for_tests(), 0)];
        Self { servers, tabs, old, skews_ms: plan.skews_ms.clone(), rings }
    }

    pub(crate) fn count(&self) -> usize {
        self.skews_ms.len()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.servers.clock().now_ms()
    }

    pub(crate) fn tab(&self, server: usize) -> &Tab {
        &self.tabs[server]
    }

    /// The tab that only looks.
    pub(crate) fn observer(&self) -> &Tab {
        &self.tabs[self.count()]
    }

    pub(crate) fn clocks(&self) -> Clocks {
        let skews = || self.skews_ms.iter().copied().chain([0]);
        Clocks {
            slowest_ms: skews().min().unwrap_or_default(),
            fastest_ms: skews().max().unwrap_or_default(),
        }
    }

    /// How far the clocks are apart.
    pub(crate) fn spread_ms(&self) -> u64 {
        let Clocks { slowest_ms, fastest_ms } = self.clocks();
        fastest_ms.abs_diff(slowest_ms)
    }

    /// The true time of what a server's clock said.
    pub(crate) fn true_ms(&self, server: usize, said_ms: u64) -> u64 {
        let skew = self.skews_ms.get(server).copied().unwrap_or_default();
        said_ms.saturating_add_signed(-skew)
    }

    pub(crate) fn up(&self) -> Vec<usize> {
        (0..self.count()).filter(|&server| self.servers.is_up(server)).collect()
    }

    /// Starts a server again, with the other program.
    pub(crate) fn deploy(&self, server: usize) {
        self.old[server].fetch_xor(true, Ordering::Relaxed);
        self.servers.restart(server);
    }

    pub(crate) fn newest(&self) -> &KeyRing {
        &self.rings.last().expect("the first at least").0
    }

    /// Whether a ring of this revision lacks a key that some server may have sealed with.
    pub(crate) fn is_behind(&self, revision: u64) -> bool {
        let latest = self.now_ms() + self.spread_ms();
        let matters =
            |(ring, seals_ms): &(KeyRing, u64)| ring.revision() > revision && *seals_ms <= latest;
        self.rings.iter().any(matters)
    }

    /// Whether a server has the newest ring.
    pub(crate) fn has_newest(&self, server: usize) -> bool {
        self.servers.server(server).feed().ring().revision() == self.newest().revision()
    }

    pub(crate) fn catch_up(&self, server: usize) {
        if !self.has_newest(server) {
            let feed = self.servers.server(server).feed();
            feed.publish(self.newest().clone());
            feed.set_slow(false);
        }
    }

    /// Everybody has the newest ring, and is up.
    pub(crate) fn mend(&self) {
        for server in 0..self.count() {
            self.catch_up(server);
            if !self.servers.is_up(server) {
                self.servers.restart(server);
            }
        }
    }

    /// The next ring. Whoever only looks has it, and perhaps one server; none may be more than one
    /// behind.
    pub(crate) fn rotate(&mut self, dice: &mut SeededEntropy, slow: bool) -> bool {
        let now = self.servers.clock().now();
        let entropy = SeededEntropy::new(dice.below(u64::MAX));
        let overlap = KeyRing::overlap_ms(IDLE_MS);
        // As it should be, or in such a hurry that servers learn of the key from cookies.
        let lead_ms = *pick(dice, &[KeyRing::LEAD_MS, 60_000, 0]);
        let Ok(ring) = self.newest().rotate(now, entropy, lead_ms, overlap) else {
            return false; // the next key is still waiting
        };
        for server in 0..self.count() {
            self.catch_up(server);
            self.servers.server(server).feed().set_slow(slow && dice.below(2) == 0);
        }
        self.servers.server(self.count()).feed().publish(ring.clone());
        if lead_ms == 0 || dice.below(2) == 0 {
            // One server has it at once, and seals with it as soon as it may.
            let first = usize::try_from(dice.below(self.count() as u64)).expect("few");
            self.servers.server(first).feed().publish(ring.clone());
        }
        self.rings.push((ring, now.as_millis() + lead_ms));
        true
    }

    /// The newest ring comes as soon as a server asks for it.
    pub(crate) fn hold_ready(&self, server: usize) {
        if !self.has_newest(server) {
            self.servers.server(server).feed().publish_when_asked(self.newest().clone());
        }
    }
}
