//! The servers, as processes, and what a load balancer knows of them.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Method;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::client::Http;
use super::plan::now_ms;

/// All servers.
#[derive(Clone)]
pub(super) struct Fleet(Arc<Inner>);

struct Inner {
    http: Http,
    /// By half.
    urls: Vec<String>,
    quick: bool,
    slots: Mutex<Vec<Slot>>,
}

#[derive(Default)]
struct Slot {
    child: Option<Child>,
    /// How many processes there were before this one.
    life: u64,
    begun: u64,
    /// Where it listens, and since when.
    listens: Option<(SocketAddr, u64)>,
    ready: bool,
}

/// One process of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) server: usize,
    pub(super) life: u64,
    pub(super) address: SocketAddr,
    /// When the process was started, and when it began to listen.
    pub(super) begun: u64,
    pub(super) joined: u64,
}

impl Fleet {
    /// Servers reach the engine at the addresses in turn.
    pub(super) fn new(servers: usize, urls: Vec<String>, quick: bool) -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(servers).collect();
        Self(Arc::new(Inner { http: Http::new(), urls, quick, slots: Mutex::new(slots) }))
    }

    pub(super) fn len(&self) -> usize {
        self.slots().len()
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which network a server is on.
    pub(super) fn half(&self, server: usize) -> usize {
        server % self.0.urls.len()
    }

    /// Starts a server. It listens once it knows what the fleet knows.
    pub(super) fn start(&self, server: usize) {
        let program = std::env::current_exe().expect("our own path");
        let mut command = Command::new(program);
        command.args(["server", &self.0.urls[self.half(server)], &format!("server-{server}")]);
        if self.0.quick {
            command.arg("--quick");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        if std::env::var_os("OUTAGE_LOG").is_none() {
            command.stderr(Stdio::null());
        }
        let mut child = command.spawn().expect("our own program");
        let output = child.stdout.take();
        let life = {
            let mut slots = self.slots();
            let slot = &mut slots[server];
            slot.life += 1;
            (slot.child, slot.listens, slot.ready) = (Some(child), None, false);
            slot.begun = now_ms();
            slot.life
        };
        let fleet = self.clone();
        tokio::spawn(async move {
            let mut line = String::new();
            if let Some(output) = output {
                let _ = BufReader::new(output).read_line(&mut line).await;
            }
            let Ok(address) = line.trim().parse() else { return };
            let mut slots = fleet.slots();
            if slots[server].life == life {
                slots[server].listens = Some((address, now_ms()));
            }
        });
    }

    /// Kills a server as it stands.
    pub(super) async fn kill(&self, server: usize) {
        let child = {
            let mut slots = self.slots();
            let slot = &mut slots[server];
            (slot.listens, slot.ready) = (None, false);
            slot.life += 1;
            slot.child.take()
        };
        if let Some(mut child) = child {
            let _ = child.kill().await;
        }
    }

    /// Stops a process where it stands, or lets it go on.
    pub(super) fn signal(&self, server: usize, signal: &str) {
        let pid = self.slots()[server].child.as_ref().and_then(Child::id);
        if let Some(pid) = pid {
            let _ = std::process::Command::new("kill").args([signal, &pid.to_string()]).status();
        }
    }

    /// Those that listen, ready or not.
    pub(super) fn listening(&self) -> Vec<Place> {
        self.places(|_| true)
    }

    /// Those that get requests.
    pub(super) fn ready(&self) -> Vec<Place> {
        self.places(|slot| slot.ready)
    }

    /// Whether a process still runs.
    pub(super) fn lives(&self, place: Place) -> bool {
        self.slots()[place.server].life == place.life
    }

    fn places(&self, which: impl Fn(&Slot) -> bool) -> Vec<Place> {
        let slots = self.slots();
        let there = slots.iter().enumerate().filter(|(_, slot)| which(slot));
        there
            .filter_map(|(server, slot)| {
                let (address, joined) = slot.listens?;
                Some(Place { server, life: slot.life, address, begun: slot.begun, joined })
            })
            .collect()
    }

    /// Asks each server whether it is ready, as a load balancer does, for ever.
    pub(super) async fn watch(self, server: usize) {
        loop {
            sleep(Duration::from_millis(250)).await;
            let Some(place) = self.listening().into_iter().find(|it| it.server == server) else {
                continue;
            };
            let asked = self.0.http.send(place.address, Method::GET, "/ready", None);
            let ready = timeout(Duration::from_secs(1), asked).await;
            let ready = matches!(ready, Ok(Some(answer)) if answer.ok());
            let mut slots = self.slots();
            if slots[server].life == place.life {
                slots[server].ready = ready;
            }
        }
    }
}
