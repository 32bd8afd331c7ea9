//! What every engine must do.

use std::sync::Arc;

use async_trait::async_trait;
use haversack_fleet::engine::Engine;
use haversack_testkit::engine::{self as must, Host, Place};
use tokio::sync::Mutex;

use super::{Daemon, open, stranger, wipe};

struct Nats {
    daemon: Mutex<Daemon>,
    keeps: bool,
}

impl Nats {
    fn new(keeps: bool) -> Self {
        Self { daemon: Mutex::new(Daemon::nats().unwrap()), keeps }
    }
}

#[async_trait]
impl Host for Nats {
    async fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(open(&*self.daemon.lock().await))
    }

    async fn crash(&self) {
        let mut daemon = self.daemon.lock().await;
        daemon.kill();
        if !self.keeps {
            wipe(&daemon);
        }
        daemon.restart().unwrap();
    }

    /// The engine cannot know that this one's disk does not get lost.
    fn durable(&self) -> bool {
        false
    }

    async fn garble(&self, place: Place, bytes: &[u8]) -> bool {
        let subject = match place {
            Place::Log => "haversack.log.shop.1.garbage",
            Place::Ring => "$KV.haversack-ring-shop.ring",
        };
        let client = stranger(&*self.daemon.lock().await).await;
        client.request(subject, bytes.to_vec().into()).await.unwrap();
        true
    }
}

macro_rules! conforms {
    ($($property:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $property() {
                must::$property(&Nats::new(true)).await;
            }
        )*
    };
}

conforms! {
    begins_without_a_ring
    reads_back_what_was_put
    elects_one_winner
    delivers_ring_changes
    stores_large_rings
    leaves_no_gap_between_load_and_follow
    delivers_everything_to_late_joiners
    resumes_at_a_cursor
    answers_unknown_cursors_with_everything
    takes_duplicates
    forgets_nothing_before_its_time
    confirms_in_time
    confirms_no_more_than_it_delivered
    tells_who_is_first
    keeps_reports_for_their_time
    delivers_large_logs
    takes_odd_texts
    survives_cancellation
    keeps_or_says_reset
    survives_garbage
}

/// With a disk that is lost each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_reset_when_it_lost_everything() {
    must::keeps_or_says_reset(&Nats::new(false)).await;
}

/// All of them on one store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    must::conforms(&Nats::new(true)).await;
}
