//! The engine, and what is done to it.

use std::io;
use std::path::{Path, PathBuf};

use haversack_testkit::daemon::Daemon;
use tempfile::TempDir;

use super::network::{Network, Weather};
use super::plan::{Kind, Plan};

/// A real engine, with a network before each half of the servers.
pub(super) struct Engine {
    daemon: Option<Daemon>,
    folder: Option<TempDir>,
    kind: Kind,
    networks: Vec<Network>,
}

impl Engine {
    pub(super) async fn start(plan: &Plan) -> io::Result<Self> {
        let daemon = match plan.kind {
            Kind::Redis => Some(Daemon::redis(plan.durable)?),
            Kind::Nats => Some(Daemon::nats()?),
            Kind::File => None,
        };
        let mut networks = Vec::new();
        if let Some(daemon) = &daemon {
            for _ in 0..2 {
                networks.push(Network::to(daemon.address()).await?);
            }
        }
        let folder = if daemon.is_none() { Some(TempDir::new()?) } else { None };
        Ok(Self { daemon, folder, kind: plan.kind, networks })
    }

    fn url(&self, address: impl std::fmt::Display) -> String {
        match self.kind {
            Kind::Redis => format!("redis://{address}?app=outage"),
            Kind::Nats => format!("nats://{address}?app=outage"),
            Kind::File => {
                let folder = self.folder.as_ref().map(|it| it.path().join("fleet"));
                format!("file:{}", folder.unwrap_or_default().display())
            }
        }
    }

    /// Where it is, past all networks.
    pub(super) fn direct(&self) -> String {
        self.daemon.as_ref().map_or_else(|| self.url(""), |it| self.url(it.address()))
    }

    /// Where each half of the servers finds it.
    pub(super) fn urls(&self) -> Vec<String> {
        match self.networks.as_slice() {
            [] => vec![self.url("")],
            networks => networks.iter().map(|it| self.url(it.address)).collect(),
        }
    }

    pub(super) fn halves(&self) -> usize {
        self.networks.len()
    }

    pub(super) fn set(&self, half: usize, weather: Weather) {
        if let Some(network) = self.networks.get(half) {
            network.set(weather);
        }
    }

    pub(super) fn kill(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            tokio::task::block_in_place(|| daemon.kill());
        }
    }

    pub(super) fn restart(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            tokio::task::block_in_place(|| daemon.restart()).expect("it starts again");
        }
    }

    pub(super) fn pause(&self) {
        self.daemon.iter().for_each(Daemon::pause);
    }

    pub(super) fn resume(&self) {
        self.daemon.iter().for_each(Daemon::resume);
    }

    /// Its disk is lost. It must not run.
    pub(super) fn empty(&self) {
        for folder in self.folders() {
            std::fs::remove_dir_all(folder).expect("a folder of ours");
        }
    }

    /// A copy of its disk as it is now. What is appended to meanwhile is a beginning of the same.
    pub(super) fn copy(&self) -> TempDir {
        let copy = TempDir::new().expect("a folder");
        for folder in self.folders() {
            let name = folder.file_name().expect("a name").to_owned();
            copy_folder(&folder, &copy.path().join(name)).expect("a folder that can be copied");
        }
        copy
    }

    /// Its disk is an older one. It must not run.
    pub(super) fn restore(&self, copy: &TempDir) {
        self.empty();
        let Some(daemon) = &self.daemon else { return };
        copy_folder(copy.path(), daemon.folder()).expect("a folder that can be copied");
    }

    fn folders(&self) -> Vec<PathBuf> {
        let Some(daemon) = &self.daemon else { return Vec::new() };
        let entries = std::fs::read_dir(daemon.folder()).into_iter().flatten().flatten();
        entries.map(|it| it.path()).filter(|it| it.is_dir()).collect()
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
