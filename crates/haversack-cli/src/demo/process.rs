//! Replicas as processes: started, killed, started again.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::keys::Place;
use super::replica;
use crate::output::Failure;

/// How many replicas there are.
pub(super) const REPLICAS: usize = 3;
const START_PATIENCE: Duration = Duration::from_secs(20);

/// The replicas, numbered from 1.
pub(super) struct Replicas {
    place: Place,
    slots: Mutex<Vec<Slot>>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct Slot {
    running: Option<Running>,
    starting: bool,
    served: u64,
    killed: u64,
}

struct Running {
    /// Killed when dropped. Its standard input stays open as long as we live: a replica whose
    /// input ends exits, so none survives us, whatever we die of.
    child: Child,
    address: SocketAddr,
    since: Instant,
}

/// What is told about a replica.
pub(super) struct Replica {
    pub(super) number: usize,
    pub(super) pid: Option<u32>,
    pub(super) starting: bool,
    pub(super) up: Option<Duration>,
    pub(super) served: u64,
    pub(super) killed: u64,
}

impl Replicas {
    /// Starts all replicas; they join the fleet at `place`.
    pub(super) async fn start_all(place: Place) -> Result<Self, Failure> {
        let slots = std::iter::repeat_with(Slot::default).take(REPLICAS).collect();
        let replicas = Self { place, slots: Mutex::new(slots), stopped: AtomicBool::new(false) };
        let (one, two, three) =
            tokio::join!(replicas.start(1), replicas.start(2), replicas.start(3));
        one.and(two).and(three)?;
        Ok(replicas)
    }

    /// The slots as they are now: whoever was killed from outside is noticed here.
    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in &mut *slots {
            if slot.running.as_mut().is_some_and(|it| !matches!(it.child.try_wait(), Ok(None))) {
                slot.running = None;
            }
        }
        slots
    }

    /// Starts a replica, unless it runs, and waits until it answers.
    pub(super) async fn start(&self, number: usize) -> Result<(), Failure> {
        {
            let mut slots = self.slots();
            let Some(slot) = number.checked_sub(1).and_then(|at| slots.get_mut(at)) else {
                return Err(Failure::new(format!("there is no replica {number}")));
            };
            if slot.starting || slot.running.is_some() || self.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            slot.starting = true;
        }
        let spawned = self.spawn(number).await;
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(number - 1) else { return Ok(()) };
        slot.starting = false;
        let (child, address) = spawned?;
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(()); // dropping it kills it
        }
        slot.running = Some(Running { child, address, since: Instant::now() });
        Ok(())
    }

    async fn spawn(&self, number: usize) -> Result<(Child, SocketAddr), Failure> {
        let fail = |error: &dyn std::fmt::Display| {
            Failure::new(format!("cannot start replica {number}: {error}"))
        };
        let program = std::env::current_exe().map_err(|error| fail(&error))?;
        let mut child = Command::new(program)
            .arg("demo-replica")
            .args(["--number", &number.to_string()])
            .env(replica::FLEET, &self.place.address) // it may hold a password
            .args(self.place.app.iter().flat_map(|app| ["--app", app]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| fail(&error))?;
        let mut first = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut lines = BufReader::new(stdout);
            timeout(START_PATIENCE, lines.read_line(&mut first))
                .await
                .map_err(|_| fail(&"it says nothing"))?
                .map_err(|error| fail(&error))?;
        }
        let said = Some(first.trim()).filter(|said| !said.is_empty());
        let said = said.unwrap_or("it ended before it could listen");
        let address = said.parse().map_err(|_| fail(&said))?;
        Ok((child, address))
    }

    /// Kills a replica with SIGKILL: it gets no chance to tidy up. Tells its process id.
    pub(super) async fn kill(&self, number: usize) -> Option<u32> {
        let mut running = {
            let mut slots = self.slots();
            let slot = slots.get_mut(number.checked_sub(1)?)?;
            let running = slot.running.take()?;
            slot.killed += 1;
            running
        };
        let pid = running.child.id();
        // Sends the signal and waits until the process is gone.
        let _ = running.child.kill().await;
        pid
    }

    /// Kills all, for good, and waits for those that are on their way up.
    pub(super) async fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        for number in 1..=REPLICAS {
            self.kill(number).await;
        }
        let begun = Instant::now();
        while self.slots().iter().any(|slot| slot.starting) && begun.elapsed() < START_PATIENCE {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Where a replica listens, if it runs.
    pub(super) fn address(&self, number: usize) -> Option<SocketAddr> {
        let slots = self.slots();
        Some(slots.get(number.checked_sub(1)?)?.running.as_ref()?.address)
    }

    /// Counts an answer of a replica.
    pub(super) fn served(&self, number: usize) {
        let mut slots = self.slots();
        if let Some(slot) = number.checked_sub(1).and_then(|at| slots.get_mut(at)) {
            slot.served += 1;
        }
    }

    /// Whether a replica runs or is about to.
    pub(super) fn has_hope(&self) -> bool {
        self.slots().iter().any(|slot| slot.starting || slot.running.is_some())
    }

    pub(super) fn live(&self) -> Vec<usize> {
        let slots = self.slots();
        let live = slots.iter().enumerate().filter(|(_, slot)| slot.running.is_some());
        live.map(|(at, _)| at + 1).collect()
    }

    pub(super) fn tell(&self) -> Vec<Replica> {
        let slots = self.slots();
        let tell = |(at, slot): (usize, &Slot)| Replica {
            number: at + 1,
            pid: slot.running.as_ref().and_then(|running| running.child.id()),
            starting: slot.starting,
            up: slot.running.as_ref().map(|running| running.since.elapsed()),
            served: slot.served,
            killed: slot.killed,
        };
        slots.iter().enumerate().map(tell).collect()
    }
}
