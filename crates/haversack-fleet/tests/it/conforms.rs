//! The file engine is put to what every engine must do.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use haversack_fleet::engine::Engine;
use haversack_fleet::file::FileEngine;
use haversack_testkit::engine::{self as must, Host, Place};
use tempfile::TempDir;

/// One directory, of which any number of programs are the servers.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        crate::log::start();
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, after: &str) -> PathBuf {
        self.0.path().join(format!("haversack.keys{after}"))
    }
}

#[async_trait]
impl Host for Directory {
    async fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(FileEngine::open(self.path("")).unwrap())
    }

    /// What a writer leaves that is killed: half of a line, half of a ring, half of a mark.
    async fn crash(&self) {
        let log = OpenOptions::new().append(true).open(self.path(".log"));
        log.unwrap().write_all(b"session AAECAwQFBgc 18000").unwrap();
        let ring = self.0.path().join(".haversack.keys.new");
        fs::write(ring, "{\"revision\": 4").unwrap();
        let mark = self.path(".fleet");
        if mark.exists() {
            fs::write(mark.join(".once.00.new"), "{\"unt").unwrap();
        }
    }

    fn durable(&self) -> bool {
        true
    }

    async fn garble(&self, place: Place, bytes: &[u8]) -> bool {
        match place {
            Place::Log => {
                let log = OpenOptions::new().append(true).open(self.path(".log"));
                let mut log = log.unwrap();
                log.write_all(bytes).unwrap();
                // Half of them without an end.
                if bytes.len().is_multiple_of(2) {
                    log.write_all(b"\n").unwrap();
                }
            }
            Place::Ring => fs::write(self.path(""), bytes).unwrap(),
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_engine_conforms() {
    must::conforms(&Directory::new()).await;
}

haversack_testkit::engine_tests!(Directory::new());
