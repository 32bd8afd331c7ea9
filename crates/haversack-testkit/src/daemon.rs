//! Servers that a test starts, stops and ill-treats: real ones, on a port and in a folder of their
//! own.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A server process on 127.0.0.1. It is killed, by its process id, when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    program: PathBuf,
    args: Vec<String>,
    port: u16,
    folder: PathBuf,
    child: Option<Child>,
    /// Its folder goes with it.
    _folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts a program with the arguments that `args` makes of a free port and a fresh folder, and
    /// waits until it listens.
    ///
    /// # Errors
    ///
    /// When the program is not there, and when it does not listen within ten seconds. What it had to
    /// say is then part of the error.
    pub fn start(program: &str, args: impl FnOnce(u16, &Path) -> Vec<String>) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("haversack-").tempdir()?;
        let port = free_port()?;
        let path = folder.path().to_owned();
        let args = args(port, &path);
        let program = find(program)?;
        let mut daemon = Self { program, args, port, folder: path, child: None, _folder: folder };
        daemon.restart()?;
        Ok(daemon)
    }

    /// A Redis server that keeps nothing on disk, or everything (`appendonly`, synced always).
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    pub fn redis(durable: bool) -> io::Result<Self> {
        Self::redis_with(durable, &[])
    }

    /// The same with further arguments.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    pub fn redis_with(durable: bool, more: &[&str]) -> io::Result<Self> {
        Self::start("redis-server", |port, folder| {
            let port = port.to_string();
            let folder = folder.display().to_string();
            let keeps = if durable { "yes" } else { "no" };
            let mut args = vec!["--bind", "127.0.0.1", "--port", &port, "--dir", &folder];
            args.extend(["--save", "", "--appendonly", keeps, "--appendfsync", "always"]);
            args.extend(more);
            args.into_iter().map(str::to_owned).collect()
        })
    }

    /// A NATS server with its persistence, `JetStream`.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    pub fn nats() -> io::Result<Self> {
        Self::start("nats-server", |port, folder| {
            let (port, folder) = (port.to_string(), folder.display().to_string());
            ["-a", "127.0.0.1", "-p", &port, "-js", "-sd", &folder].map(str::to_owned).to_vec()
        })
    }

    /// Where it listens, and will again after a restart.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its folder, which a restart keeps.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it again, with what its folder holds, and waits until it listens.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let log = self.folder.join("output");
        let output = std::fs::File::create(&log)?;
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let begun = Instant::now();
        while TcpStream::connect(self.address()).is_err() {
            let over = child.try_wait()?.is_some() || begun.elapsed() > Duration::from_secs(10);
            if over {
                let _ = child.kill();
                let _ = child.wait();
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let program = self.program.display();
                return Err(io::Error::other(format!("{program} does not listen: {said}")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
        Ok(())
    }

    /// Kills it: it gets no chance to tidy up.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it where it stands: connections stay open and nothing answers.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args([signal, &pid.to_string()]).status();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port on 127.0.0.1 that nobody uses just now, and that no other call gives away as long as this
/// process lives: two tests that start servers at once must not meet on one.
///
/// It is none of those that the system gives to clients: while a server is down, somebody who connects to
/// it could be given its port, be connected to itself, and keep the server from coming back.
///
/// # Errors
///
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    // The port of UDP with the same number stands for it: bound, it is taken in every process.
    static TAKEN: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let begin = time ^ std::process::id().wrapping_mul(7919) ^ call.wrapping_mul(104_729);
    let ports = (0..1000).map(|step| 20_000 + begin.wrapping_add(step) % 12_000);
    for port in ports.filter_map(|port| u16::try_from(port).ok()) {
        if let Ok(taken) = UdpSocket::bind(("127.0.0.1", port))
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
        {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "a thousand ports are in use"))
}

/// Debian keeps some servers where users do not look.
fn find(program: &str) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = places.into_iter().map(|place| place.join(program)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let missing = format!("{program} is not installed; scripts/setup installs it");
        io::Error::new(io::ErrorKind::NotFound, missing)
    })
}
