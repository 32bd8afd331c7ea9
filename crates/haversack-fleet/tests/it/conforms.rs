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

/// Each property from an empty directory on.
macro_rules! properties {
    ($($property:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $property() {
            must::$property(&Directory::new()).await;
        }
    )+};
}

properties!(
    begins_without_a_ring,
    reads_back_what_was_put,
    elects_one_winner,
    delivers_ring_changes,
    stores_large_rings,
    leaves_no_gap_between_load_and_follow,
    delivers_everything_to_late_joiners,
    resumes_at_a_cursor,
    answers_unknown_cursors_with_everything,
    takes_duplicates,
    forgets_nothing_before_its_time,
    confirms_in_time,
    confirms_no_more_than_it_delivered,
    tells_who_is_first,
    keeps_reports_for_their_time,
    delivers_large_logs,
    takes_odd_texts,
    survives_cancellation,
    keeps_or_says_reset,
    survives_garbage,
);
