//! A fleet of servers that keep nothing, and everything that goes wrong between them and a browser.
//!
//! ```
//! use std::convert::Infallible;
//! use std::time::Duration;
//!
//! use haversack_testkit::{Fleet, fleet};
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::service_fn;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! for seed in fleet::seeds(20) {
//!     // Three servers. A service with sessions takes `server.feed()`, `server.clock()` and
//!     // `server.entropy()` for its builder; this one only needs the time.
//!     let fleet = Fleet::new(seed, 3, |server| {
//!         let clock = server.clock();
//!         service_fn(move |_: Request<Full<_>>| {
//!             let now = clock().as_secs();
//!             let line = format!("visit-{now}=1; Path=/; Max-Age=3600");
//!             async move {
//!                 let response = Response::builder().header("set-cookie", line);
//!                 Ok::<_, Infallible>(response.body(now.to_string()).unwrap())
//!             }
//!         })
//!     });
//!     fleet.server(1).skew(-90_000); // its clock is slow
//!     let browser = fleet.browser();
//!     assert_eq!(browser.get("/").await.status, StatusCode::OK); // of any server
//!
//!     // A server crashes, and others answer.
//!     fleet.crash(2);
//!     assert!(browser.tab_on(fleet.only(2)).get("/").send().await.is_err());
//!     browser.get("/").await;
//!     fleet.restart(2);
//!
//!     // Overlapping requests on a bad network.
//!     let mut traffic = fleet.traffic();
//!     for visit in 0..4 {
//!         traffic.send(browser.get("/"), visit);
//!         fleet.clock().advance(Duration::from_secs(1));
//!     }
//!     while !traffic.is_empty() {
//!         if let Some(landed) = traffic.step().await {
//!             if let Some(page) = landed.page() {
//!                 let visit = format!("visit-{}", page.text());
//!                 assert!(browser.cookie(&visit).is_some(), "acknowledged and lost");
//!             }
//!         }
//!     }
//! }
//! # });
//! ```
//!
//! Rings reach servers one by one through [`Server::feed`]; a new one comes of `KeyRing::rotate`,
//! with [`SeededEntropy`] to repeat it. All begin with `KeyRing::for_tests()`.

mod door;
mod feed;
mod server;
mod traffic;

use std::{
    env, fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use haversack::KeyRing;
use http_body_util::Full;

pub(crate) use self::door::Origin;
pub use self::{
    door::{Door, Unanswered},
    feed::RingFeed,
    server::Server,
    traffic::{Fate, Landed, Traffic, Weather},
};
use crate::{Browser, Clock, SeededEntropy, browser::Serve};

/// Servers that share nothing but what a test gives to each of them; see the [module](self).
///
/// Everything random follows from the seed: which server gets a request, and what the servers take
/// for randomness. A test that fails says on standard error with which seed.
pub struct Fleet<S> {
    shared: Arc<Shared<S>>,
}

pub(crate) struct Shared<S> {
    seed: u64,
    clock: Clock,
    dice: Mutex<SeededEntropy>,
    make: Box<dyn Fn(&Server) -> S + Send + Sync>,
    seats: Vec<Seat<S>>,
    /// Longest `Cookie` line that the front door passes on.
    cookie_line: AtomicUsize,
}

struct Seat<S> {
    server: Server,
    running: Mutex<Option<Running<S>>>,
}

struct Running<S> {
    service: S,
    crashed: Arc<AtomicBool>,
}

impl<S> Seat<S> {
    fn running(&self) -> MutexGuard<'_, Option<Running<S>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Clone> Shared<S> {
    /// A server that is up: the one given, or else any.
    fn route(&self, only: Option<usize>) -> Option<(S, Origin)> {
        let mut up = Vec::new();
        for seat in &self.seats {
            let server = seat.server.index();
            if only.is_none_or(|only| only == server) {
                up.extend(seat.running().as_ref().map(|running| {
                    let crashed = Arc::clone(&running.crashed);
                    (running.service.clone(), Origin { server, crashed })
                }));
            }
        }
        if up.len() < 2 {
            return up.pop(); // nothing to roll for
        }
        let sides = u64::try_from(up.len()).ok()?;
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        Some(up.swap_remove(usize::try_from(dice.below(sides)).ok()?))
    }
}

impl<S: Clone + Send + 'static> Fleet<S> {
    /// A fleet of so many servers, each made by `make`. They are all up.
    ///
    /// `make` is called again for a server that starts again, so that nothing is left of what it
    /// had in memory.
    ///
    /// # Panics
    ///
    /// If there are no servers.
    pub fn new(
        seed: u64,
        servers: usize,
        make: impl Fn(&Server) -> S + Send + Sync + 'static,
    ) -> Self {
        assert!(servers > 0, "a fleet has a server");
        let clock = Clock::new();
        let mut dice = SeededEntropy::new(seed);
        let seat = |index| {
            let entropy = SeededEntropy::new(dice.below(u64::MAX));
            let server = Server::new(index, clock.clone(), entropy);
            Seat { server, running: Mutex::new(None) }
        };
        let seats = (0..servers).map(seat).collect();
        let make = Box::new(make);
        let (dice, cookie_line) = (Mutex::new(dice), AtomicUsize::new(usize::MAX));
        let shared = Shared { seed, clock, dice, make, seats, cookie_line };
        let fleet = Self { shared: Arc::new(shared) };
        for server in 0..servers {
            fleet.restart(server);
        }
        fleet
    }

    /// A new browser in front of the fleet, with the fleet's clock. Each of its requests reaches
    /// any one of the servers that are up.
    pub fn browser(&self) -> Browser<Door<S>>
    where
        S: Serve<Full<bytes::Bytes>>,
    {
        Browser::new(self.door()).clock(&self.shared.clock)
    }

    /// The front door, to be put behind something else, or for other bodies than the default.
    pub fn door(&self) -> Door<S> {
        Door::new(Arc::clone(&self.shared), None)
    }

    /// A door to one server, for [`Browser::tab_on`].
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn only(&self, server: usize) -> Door<S> {
        Door::new(Arc::clone(&self.shared), Some(self.server(server).index()))
    }

    /// A network between browsers and this fleet, by the fleet's seed.
    pub fn traffic<B, T>(&self) -> Traffic<Door<S>, B, T>
    where
        S: Serve<B>,
        B: From<String> + Send + 'static,
    {
        Traffic::new(self.shared.seed)
    }

    /// Starts a server, again if it is up.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn restart(&self, server: usize) {
        self.crash(server);
        let seat = &self.shared.seats[server];
        let service = (self.shared.make)(&seat.server);
        *seat.running() = Some(Running { service, crashed: Arc::default() });
    }
}

impl<S> Fleet<S> {
    /// The clock of the fleet and of its browsers.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// One of the servers.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn server(&self, server: usize) -> &Server {
        &self.shared.seats[server].server
    }

    /// All servers, up or not.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.shared.seats.iter().map(|seat| &seat.server)
    }

    /// Whether a server is up.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn is_up(&self, server: usize) -> bool {
        self.shared.seats[server].running().is_some()
    }

    /// Crashes a server. It answers nothing until it is started again, and of what it had not
    /// finished, and of what is still [under way](Traffic) from it, nothing arrives.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn crash(&self, server: usize) {
        if let Some(running) = self.shared.seats[server].running().take() {
            running.crashed.store(true, Ordering::SeqCst);
        }
    }

    /// Has the front door answer 400 to a request with a longer `Cookie` line than so many
    /// characters, the field's name included, as proxies do; no server sees it, and
    /// [`Page::server`](crate::Page::server) names none. nginx and Apache take 8,190 unless they are
    /// told otherwise. At first there is no limit.
    pub fn limit_cookie_line(&self, chars: usize) {
        self.shared.cookie_line.store(chars, Ordering::SeqCst);
    }

    /// Gives every server the same key ring at once; [`Server::feed`] is for one by one.
    pub fn publish(&self, ring: &KeyRing) {
        for server in self.servers() {
            server.feed().publish(ring.clone());
        }
    }
}

/// Tells how to repeat a test that fails.
impl<S> Drop for Fleet<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            let seed = self.shared.seed;
            eprintln!("this was the fleet of seed {seed}; HAVERSACK_SEED={seed} runs it alone");
        }
    }
}

impl<S> fmt::Debug for Fleet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let up = self.servers().map(Server::index).filter(|&server| self.is_up(server));
        f.debug_struct("Fleet")
            .field("seed", &self.shared.seed)
            .field("clock", &self.shared.clock)
            .field("up", &up.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The seeds for a test of many schedules: those below `schedules`.
///
/// `HAVERSACK_SCHEDULES=100000` in the environment runs that many instead, and `HAVERSACK_SEED=17`
/// the one of a failure.
pub fn seeds(schedules: u64) -> impl Iterator<Item = u64> {
    let number = |name| env::var(name).ok().and_then(|number| number.parse().ok());
    match number("HAVERSACK_SEED") {
        Some(seed) => seed..=seed,
        None => 0..=number("HAVERSACK_SCHEDULES").unwrap_or(schedules).saturating_sub(1),
    }
}
