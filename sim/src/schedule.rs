//! One schedule: everything that goes wrong, in an order that follows from the seed.

mod ending;
mod landing;
mod send;

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use haversack_testkit::fleet::{Door, Traffic};
use haversack_testkit::{Page, SeededEntropy};
use http::StatusCode;
use http_body_util::Full;

use crate::app::{IDLE_MS, Ledger, View};
use crate::fleet::{Either, Fleet};
use crate::oracle::Oracle;
use crate::plan::{Load, Plan};
use crate::tally::{Happening, Tally};

use self::send::Sent;

/// What became of a schedule.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    /// Requests until then, and what went wrong.
    pub(crate) failure: Option<(u32, String)>,
}

/// Runs the schedule of a seed; prints it, if it is to be read.
pub(crate) fn run(seed: u64, aloud: bool) -> Outcome {
    let mut schedule = Schedule::new(seed, aloud);
    let result = block_on(schedule.run());
    let failure = result.err().map(|what| {
        let what = format!("{what}; {}", schedule.jar().1);
        (schedule.requests, what)
    });
    let tally = schedule.ledger().tally.clone();
    Outcome { tally, failure }
}

/// Nothing here waits for the world outside, so what is pending is polled again.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

struct Schedule {
    plan: Plan,
    fleet: Fleet,
    traffic: Traffic<Door<Either>, Full<Bytes>, Sent>,
    dice: SeededEntropy,
    oracle: Oracle,
    ledger: Arc<Mutex<Ledger>>,
    aloud: bool,
    started_ms: u64,
    requests: u32,
    /// The next value of a field.
    value: u32,
    burst_to_come: bool,
    gaps_to_come: u32,
    /// When a response last came that moved the session's last activity on.
    active_ms: u64,
    /// No session is older.
    epoch_ms: u64,
    /// The front door has refused the jar, so nothing can heal it.
    refused: bool,
}

impl Schedule {
    fn new(seed: u64, aloud: bool) -> Self {
        let mut dice = SeededEntropy::new(!seed);
        let plan = Plan::draw(&mut dice);
        if aloud {
            println!("{plan:#?}");
        }
        let notes = aloud.then(Vec::new);
        let ledger = Arc::new(Mutex::new(Ledger { tally: Tally::default(), notes }));
        let fleet = Fleet::new(seed, &plan, &ledger);
        let traffic = fleet.servers.traffic().weather(plan.weather);
        let oracle = Oracle::new(fleet.clocks());
        let now = fleet.now_ms();
        let burst_to_come = matches!(plan.load, Load::Burst | Load::Excessive);
        Self {
            gaps_to_come: if plan.gaps { 2 } else { 0 },
            plan,
            fleet,
            traffic,
            dice,
            oracle,
            ledger,
            aloud,
            started_ms: now,
            requests: 0,
            value: 10,
            burst_to_come,
            active_ms: now,
            epoch_ms: now,
            refused: false,
        }
    }

    async fn run(&mut self) -> Result<(), String> {
        if self.plan.first_visits > 0 {
            self.first_visits().await?;
        }
        for _ in 0..self.plan.steps {
            self.step().await?;
            if self.refused {
                return Ok(());
            }
        }
        self.end().await
    }

    async fn step(&mut self) -> Result<(), String> {
        self.count(Happening::Step);
        let pause = self.plan.pace.pause(&mut self.dice);
        self.advance(pause);
        if self.fleet.now_ms() - self.active_ms > IDLE_MS * 3 / 10 {
            self.stay_alive().await?;
        }
        match self.roll(40) {
            0 if self.plan.crashes => self.crash_or_restart(),
            1 if self.plan.deploys => {
                let server = self.any_server();
                self.say(|| format!("server {server} is deployed anew"));
                self.fleet.deploy(server);
            }
            2 | 3 if self.plan.rotates => self.rotate(),
            4 if self.plan.rotates => {
                let server = self.any_server();
                self.say(|| format!("server {server} gets the newest ring"));
                self.fleet.catch_up(server);
            }
            5 if self.plan.rotates => {
                let server = self.any_server();
                self.fleet.hold_ready(server);
            }
            6 if self.gaps_to_come > 0 => {
                self.gaps_to_come -= 1;
                self.gap().await?;
            }
            7 | 8 if self.burst_to_come => {
                self.burst_to_come = false;
                self.burst().await?;
            }
            _ => {
                let under_way = u64::try_from(self.traffic.len()).expect("few");
                self.ledger().tally.add_many(Happening::Rolling, usize::from(under_way >= 6));
                if under_way < self.plan.in_flight(&mut self.dice) {
                    self.send();
                } else {
                    self.travel(true).await?;
                }
            }
        }
        Ok(())
    }

    fn crash_or_restart(&mut self) {
        let server = self.any_server();
        if !self.fleet.servers.is_up(server) {
            self.say(|| format!("server {server} starts again"));
            self.fleet.servers.restart(server);
        } else if self.fleet.up().len() > 1 {
            self.say(|| format!("server {server} crashes"));
            self.fleet.servers.crash(server);
        }
    }

    fn rotate(&mut self) {
        if self.fleet.rotate(&mut self.dice, self.plan.slow_feed) {
            self.count(Happening::Rotation);
            self.say(|| "the ring is rotated; nobody has it yet".into());
        }
    }

    /// One thing happens to a request under way.
    async fn travel(&mut self, look: bool) -> Result<(), String> {
        let landed = self.traffic.step().await;
        self.read_notes();
        match landed {
            Some(landed) => self.landed(landed, look).await,
            None => Ok(()),
        }
    }

    async fn drain(&mut self) -> Result<(), String> {
        while !self.traffic.is_empty() && !self.refused {
            let pause = [50, 900, 4_000, 15_000][self.below(4)];
            self.advance(pause);
            self.travel(true).await?;
        }
        Ok(())
    }

    /// What a server that knows all keys would show now; the client does not see it.
    async fn look(&mut self) -> Result<(), String> {
        let Some(view) = self.peek().await? else { return Ok(()) };
        self.say(|| format!("visible: {}", shown(&view)));
        self.say(|| format!("possible: {}", self.oracle.worlds()));
        self.say(|| format!("in the jar: {}", self.names().join(" ")));
        let exact = self.oracle.is_sure();
        let sure = self.oracle.world().items.values().filter(|sure| **sure).count();
        let mut ledger = self.ledger();
        ledger.tally.add(Happening::Observed);
        ledger.tally.add_many(Happening::Exact, usize::from(exact));
        ledger.tally.add_many(Happening::Sure, sure);
        drop(ledger);
        self.oracle.observe(&view)
    }

    async fn peek(&mut self) -> Result<Option<View>, String> {
        let another = if self.roll(4) == 0 { Some(self.any_up()) } else { None };
        let another = another.filter(|&server| self.fleet.has_newest(server));
        let tab = another.map_or(self.fleet.observer(), |server| self.fleet.tab(server));
        let page = tab.get("/").depart().serve().await.lose();
        self.read_notes();
        self.view_of(&page)
    }

    /// What a page shows; `None` if the front door refused.
    fn view_of(&mut self, page: &Page) -> Result<Option<View>, String> {
        if page.status == StatusCode::BAD_REQUEST && page.server().is_none() {
            self.count(Happening::BadRequest);
            self.refused = true;
            if self.plan.is_safe() {
                return Err("the front door refuses the Cookie line".into());
            }
            return Ok(None);
        }
        serde_json::from_slice(&page.body).map(Some).map_err(|error| format!("no page: {error}"))
    }

    /// How many cookies there are, how many characters they take on the request, and their kinds.
    fn jar(&self) -> (usize, String) {
        let now_ms = self.fleet.now_ms();
        self.fleet.observer().with_jar(|jar| {
            let cookies = || jar.iter().filter(|cookie| !cookie.is_expired(now_ms));
            let chars: usize = cookies().map(|c| c.name.len() + c.value.len() + 3).sum();
            let count = cookies().count();
            let mut kinds: Vec<char> =
                cookies().filter_map(|c| c.name.rsplit_once('.')?.1.chars().next()).collect();
            kinds.sort_unstable();
            let kinds: String = kinds.into_iter().collect();
            (chars, format!("{count} cookies ({kinds}), {chars} characters"))
        })
    }

    /// Of each cookie what follows the base: its kind, two characters of its session, and its tag.
    fn names(&self) -> Vec<String> {
        let suffix =
            |name: &str| name.rsplit_once('.').map_or("?", |(_, suffix)| suffix).to_owned();
        let tab = self.fleet.observer();
        let mut names: Vec<String> =
            tab.with_jar(|jar| jar.iter().map(|cookie| suffix(&cookie.name)).collect());
        names.sort_unstable();
        names
    }

    fn advance(&self, ms: u64) {
        self.fleet.servers.clock().advance(Duration::from_millis(ms));
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.below(sides)
    }

    fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.roll(u64::try_from(sides).expect("small"))).expect("small")
    }

    fn any_server(&mut self) -> usize {
        let servers = self.fleet.count();
        self.below(servers)
    }

    fn any_up(&mut self) -> usize {
        let up = self.fleet.up();
        up[self.below(up.len())]
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, happening: Happening) {
        self.ledger().tally.add(happening);
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.aloud {
            let ms = self.fleet.now_ms() - self.started_ms;
            println!("{:>7}.{:03} s  {}", ms / 1000, ms % 1000, what());
        }
    }

    fn read_notes(&self) {
        if self.aloud {
            let notes = self.ledger().notes.replace(Vec::new()).unwrap_or_default();
            for note in notes {
                self.say(|| format!("  {note}"));
            }
        }
    }
}

fn shown(view: &View) -> String {
    let mut text = view.user.clone().unwrap_or("nobody".into());
    for id in view.cart.keys().chain(view.wishes.keys()) {
        let _ = write!(text, " {id}");
    }
    for (name, value) in
        [("role", view.role), ("note", view.note), ("theme", view.theme), ("coupon", view.coupon)]
    {
        if value != 0 {
            let _ = write!(text, ", {name} {value}");
        }
    }
    if view.partial {
        text.push_str(" (not all of it)");
    }
    text
}
