//! The schedule: one fault after the other, with time to recover between them.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::browser::World;
use super::engine::Engine;
use super::judge::CALM;
use super::network::Weather;
use super::plan::{Kind, Plan, now_ms};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A server is killed and started again.
    Server,
    /// A server stands still for so many seconds, as a machine does that is moved.
    Frozen(u64),
    /// All servers are started anew, one after the other, as when a new version is rolled out.
    Deploy,
    /// The engine is killed, and started again after so many seconds.
    Killed(u64),
    /// The same, and two servers with it: one starts before the engine and one just after it, so that
    /// they find what it holds before anybody has had time to put right what it lost.
    KilledWithServers(u64),
    /// The engine stands still for so many seconds.
    Paused(u64),
    /// Half of the servers do not reach it.
    Lost(u64),
    Reset(u64),
    /// What they say arrives, and what they are answered does not.
    Deaf(u64),
    /// The engine answers for half a second, and then not for a second and a half.
    Flaps(u64),
    /// The engine is killed and its disk is lost, and two servers start with it.
    Emptied(u64),
    /// Its disk is lost, while half of the servers do not reach it.
    EmptiedForHalf(u64),
    /// The engine comes back with what it had so many seconds earlier, and two servers start with it.
    RolledBack(u64),
}

impl Fault {
    fn name(self) -> String {
        match self {
            Self::Server => "a server killed and restarted".to_owned(),
            Self::Frozen(s) => format!("a server stopped for {s} s"),
            Self::Deploy => "all servers restarted, one by one".to_owned(),
            Self::Killed(s) => format!("engine killed, back after {s} s"),
            Self::KilledWithServers(s) => format!("engine killed for {s} s, and two servers too"),
            Self::Paused(s) => format!("engine stopped for {s} s"),
            Self::Lost(s) => format!("half of the servers cut off for {s} s"),
            Self::Reset(s) => format!("connections of half reset for {s} s"),
            Self::Deaf(s) => format!("answers to half lost for {s} s"),
            Self::Flaps(s) => format!("engine stops again and again for {s} s"),
            Self::Emptied(s) => format!("engine back empty after {s} s, two servers too"),
            Self::EmptiedForHalf(s) => format!("engine back empty, half cut off for {s} s"),
            Self::RolledBack(s) => format!("engine set back by {s} s, two servers too"),
        }
    }
}

/// Long enough to reach every limit of `Terms`.
const FULL: &[Fault] = &[
    Fault::Server,
    Fault::Killed(2),
    Fault::Paused(3),
    Fault::Paused(12),
    Fault::Lost(28),
    Fault::Emptied(2),
    Fault::Frozen(8),
    Fault::Reset(12),
    Fault::Deaf(12),
    Fault::RolledBack(6),
    Fault::Deploy,
    Fault::EmptiedForHalf(10),
    Fault::Flaps(14),
    Fault::KilledWithServers(28),
    Fault::Paused(28),
    Fault::Emptied(10),
];

const QUICK: &[Fault] = &[
    Fault::Killed(1),
    Fault::Lost(4),
    Fault::KilledWithServers(3),
    Fault::RolledBack(2),
    Fault::Emptied(1),
];

/// A file has no server of its own that could fail.
const FILE: &[Fault] = &[Fault::Server, Fault::Frozen(8), Fault::Deploy, Fault::Frozen(28)];

const FILE_QUICK: &[Fault] = &[Fault::Server, Fault::Frozen(4), Fault::Deploy];

/// Goes through the schedule, as often as the time allows and at least once.
pub(super) async fn run(plan: &Plan, world: &World, engine: &mut Engine) {
    let begun = Instant::now();
    let faults = match (plan.kind, plan.quick) {
        (Kind::File, false) => FILE,
        (Kind::File, true) => FILE_QUICK,
        (_, false) => FULL,
        (_, true) => QUICK,
    };
    let [calm, recovers] = if plan.quick { [2, 2] } else { [6, 6] }.map(Duration::from_secs);
    let mut dice = plan.dice(0);
    let mut victim = || usize::try_from(dice.below(plan.servers as u64)).unwrap_or_default();
    let limit = Duration::from_secs(plan.minutes * 60);
    loop {
        for &fault in faults {
            world.judge.enter(CALM);
            sleep(calm).await;
            world.judge.enter(&fault.name());
            occur(fault, plan, world, engine, victim()).await;
            world.judge.healed();
            sleep(recovers).await;
        }
        if begun.elapsed() >= limit {
            break;
        }
    }
    world.judge.enter(CALM);
    sleep(Duration::from_secs(4)).await;
}

async fn occur(fault: Fault, plan: &Plan, world: &World, engine: &mut Engine, victim: usize) {
    let seconds = |s| sleep(Duration::from_secs(s));
    let all = |world: &World| (0..2).for_each(|half| world.judge.cut(half));
    match fault {
        Fault::Server => {
            world.fleet.kill(victim).await;
            seconds(1).await;
            world.fleet.start(victim);
        }
        Fault::Killed(s) | Fault::KilledWithServers(s) | Fault::Emptied(s) => {
            let forgets = matches!(fault, Fault::Emptied(_)) || !plan.durable;
            all(world);
            engine.kill();
            if forgets {
                world.judge.lost(None);
                engine.empty();
            }
            let anew = if matches!(fault, Fault::Killed(_)) { None } else { Some(victim) };
            restart(engine, world, anew, seconds(s)).await;
        }
        Fault::Paused(s) => {
            all(world);
            engine.pause();
            seconds(s).await;
            world.judge.healed();
            engine.resume();
        }
        Fault::Frozen(s) => {
            world.judge.cut(world.fleet.half(victim));
            world.fleet.signal(victim, "-STOP");
            seconds(s).await;
            world.judge.healed();
            world.fleet.signal(victim, "-CONT");
        }
        Fault::Deploy => {
            for server in 0..plan.servers {
                world.fleet.kill(server).await;
                world.fleet.start(server);
                sleep(Duration::from_millis(500)).await;
            }
        }
        Fault::Lost(s) | Fault::Reset(s) | Fault::Deaf(s) => {
            let half = victim % engine.halves().max(1);
            world.judge.cut(half);
            engine.set(
                half,
                match fault {
                    Fault::Lost(_) => Weather::Lost,
                    Fault::Deaf(_) => Weather::Deaf,
                    _ => Weather::Reset,
                },
            );
            seconds(s).await;
            world.judge.healed();
            engine.set(half, Weather::Fine);
        }
        Fault::EmptiedForHalf(s) => {
            let half = victim % engine.halves().max(1);
            world.judge.cut(half);
            engine.set(half, Weather::Lost);
            seconds(2).await;
            world.judge.cut(1 - half);
            engine.kill();
            world.judge.lost(None);
            engine.empty();
            engine.restart();
            seconds(s).await;
            world.judge.healed();
            engine.set(half, Weather::Fine);
        }
        Fault::RolledBack(s) => {
            let kept = now_ms();
            let copy = engine.copy();
            seconds(s).await;
            all(world);
            engine.kill();
            // What keeps nothing on disk has nothing to be set back to.
            world.judge.lost(plan.durable.then_some(kept));
            engine.restore(&copy);
            restart(engine, world, Some(victim), sleep(Duration::ZERO)).await;
        }
        Fault::Flaps(s) => {
            all(world);
            for _ in 0..s / 2 {
                engine.pause();
                sleep(Duration::from_millis(1_500)).await;
                engine.resume();
                sleep(Duration::from_millis(500)).await;
            }
            world.judge.healed();
        }
    }
}

/// Starts an engine again that was killed, and two servers with it, one of which waits for it.
async fn restart(
    engine: &mut Engine,
    world: &World,
    anew: Option<usize>,
    pause: impl Future<Output = ()>,
) {
    let anew = anew.map(|victim| [victim, (victim + 1) % world.fleet.len()]);
    if let Some([first, second]) = anew {
        world.fleet.kill(first).await;
        world.fleet.kill(second).await;
        world.fleet.start(first);
    }
    pause.await;
    // Whoever joins from here on may have found it.
    world.judge.healed();
    engine.restart();
    if let Some([_, second]) = anew {
        world.fleet.start(second);
    }
}
