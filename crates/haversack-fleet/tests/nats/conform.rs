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

haversack_testkit::engine_tests!(Nats::new(true));

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
