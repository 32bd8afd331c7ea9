//! What a fleet promises while its engine misbehaves, measured: server processes on a real engine,
//! browsers that change servers with each request, and one fault after the other.
//!
//! ```text
//! browsers ─► any server that is ready ─► network, one for each half ─► the engine
//! thieves  ─► all servers                 (lost, reset)                 (killed, stopped, emptied)
//! ```
//!
//! It fails if a session or an acknowledged write is lost, if an ended session is accepted for longer
//! than `Staleness` says, if a server listens that knows nothing, and if there is more or less than one
//! key in a period.

mod browser;
mod client;
mod engine;
mod faults;
mod fleet;
mod ghost;
mod history;
mod judge;
mod keys;
mod network;
mod plan;
mod report;
mod server;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use haversack::{KeyRing, Timestamp};
use haversack_tower::fleet::RingStore;
use haversack_tower::fleet::wrap::Wraps;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::browser::{Browser, World};
use self::client::Http;
use self::engine::Engine;
use self::fleet::Fleet;
use self::judge::{CALM, Judge};
use self::keys::Keys;
use self::plan::{Plan, Terms, USAGE, now_ms};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|it| it == "server").is_some() {
        if let (Some(url), Some(name)) = (arguments.next(), arguments.next()) {
            server::run(&url, &name, &Terms::new(arguments.next().is_some()));
        }
        return ExitCode::FAILURE;
    }
    let Some(plan) = Plan::parse(arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let passed = runtime.expect("a runtime").block_on(run(&plan));
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(plan: &Plan) -> bool {
    let terms = Terms::new(plan.quick);
    let mut engine = Engine::start(plan).await.expect("the engine starts");
    let store = RingStore::open(&engine.direct(), Wraps::none()).await.expect("the engine");
    let now = Timestamp::from_millis(now_ms());
    let ring = KeyRing::generate("outage", now, plan.dice(1)).expect("a ring");
    store.create(&ring).await.expect("the first ring");

    let judge = Judge::new(terms);
    judge.enter(CALM);
    let fleet = Fleet::new(plan.servers, engine.urls(), plan.quick);
    let keys = Keys::default();
    let mut watchers = JoinSet::new();
    for server in 0..plan.servers {
        fleet.start(server);
        watchers.spawn(fleet.clone().watch(server));
    }
    watchers.spawn(joins(fleet.clone(), judge.clone()));
    watchers.spawn(keys.clone().watch(store));
    wait_for_all(&fleet).await;

    let world = World { fleet, http: Http::new(), judge };
    let mut browsers = JoinSet::new();
    for number in 0..plan.browsers {
        browsers.spawn(Browser::new(world.clone(), number, plan).run());
    }
    let begun = Instant::now();
    faults::run(plan, &world, &mut engine).await;
    wait_for_all(&world.fleet).await;
    world.judge.end();
    while let Some(done) = browsers.join_next().await {
        done.expect("a browser goes on");
    }
    tell(plan, &world.judge, &keys, begun.elapsed())
}

/// Notes when servers begin to listen.
async fn joins(fleet: Fleet, judge: Judge) {
    let mut met = std::collections::BTreeSet::new();
    loop {
        for place in fleet.listening() {
            if met.insert((place.server, place.life)) {
                judge.joined(place.server, fleet.half(place.server), place.begun, place.joined);
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn wait_for_all(fleet: &Fleet) {
    let begun = Instant::now();
    while fleet.ready().len() < fleet.len() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not all servers become ready");
        sleep(Duration::from_millis(50)).await;
    }
}

fn tell(plan: &Plan, judge: &Judge, keys: &Keys, took: Duration) -> bool {
    let (made, shortest, longest) = keys.judge(judge);
    let Terms { fresh, blind, .. } = judge.terms;
    println!(
        "{} servers, {} browsers, {} s; fresh {} s, blind {} s; seed {}\n",
        plan.servers,
        plan.browsers,
        took.as_secs(),
        fresh.as_secs(),
        blind.as_secs(),
        plan.seed
    );
    println!("{}", report::markdown(&judge.phases()));
    println!("{made} keys made, {shortest} to {longest} ms apart");
    let violations = judge.violations();
    for (what, (times, first)) in &violations {
        println!("VIOLATED {times} times: {what}; first: {first}");
    }
    violations.is_empty()
}
