//! Key ring files as servers and operators meet them: through the public API, on a real disk.
#![cfg(unix)] // modes and symbolic links

mod conforms;
mod errors;
mod full;
mod killed;
mod log;
mod readonly;
mod store;
mod together;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use haversack::{Entropy, Feed, KeyRing, KeyRingError, NoEntropy, Timestamp, View};
use haversack_fleet::file::{self, FileError, Watched};
use tempfile::TempDir;

/// Far beyond anything that works: how long it takes is not what these tests are about.
const PATIENCE: Duration = Duration::from_secs(30);

const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOUR_MS: u64 = 3600 * 1000;

#[derive(Clone, Copy)]
struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// A directory with a key ring in it.
struct Keys {
    dir: TempDir,
}

impl Keys {
    fn new() -> Self {
        log::start();
        let keys = Self { dir: tempfile::tempdir().unwrap() };
        file::create(keys.path(), &ring("shop")).unwrap();
        keys
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("haversack.keys")
    }

    fn watch(&self) -> Watched {
        self.try_watch().unwrap()
    }

    fn try_watch(&self) -> Result<Watched, FileError> {
        file::watch(self.path())
    }

    fn rotate(&self) -> KeyRing {
        file::update(self.path(), next).unwrap()
    }

    /// Replaces the file in one step, keeping its mode if it is there.
    fn put(&self, content: impl AsRef<[u8]>) {
        let new = self.dir.path().join("put");
        fs::write(&new, content).unwrap();
        set_mode(&new, if self.path().exists() { mode(self.path()) } else { 0o600 });
        fs::rename(new, self.path()).unwrap();
    }
}

fn ring(app: &str) -> KeyRing {
    KeyRing::generate(app, T0, Os).unwrap()
}

/// The next revision; each an hour after the one before, so that rotation has no reason to wait.
fn next(ring: &KeyRing) -> Result<KeyRing, KeyRingError> {
    ring.rotate(T0.plus_millis(ring.revision() * HOUR_MS), Os, 1000, 20 * HOUR_MS)
}

fn set_mode(path: impl AsRef<Path>, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: impl AsRef<Path>) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;

    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Asks for a newer view, as a request does that meets an unknown key.
///
/// Twice: the first question may be answered by a reading that was under way. What was written
/// before the call is seen by the second.
fn ask(feed: &impl Feed) -> Arc<View> {
    for _ in 0..2 {
        let than = feed.view().version;
        block_on(|cx| feed.poll_newer(than, cx));
    }
    feed.view()
}

fn block_on(mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let begun = Instant::now();
    while poll(&mut Context::from_waker(&waker)).is_pending() {
        assert!(begun.elapsed() < PATIENCE, "never ready");
        thread::park_timeout(PATIENCE);
    }
}

/// Waits without asking the feed for anything.
fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !check() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
