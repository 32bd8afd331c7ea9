//! What every engine must do.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use haversack_fleet::engine::Engine;
use haversack_fleet::redis::RedisEngine;
use haversack_testkit::daemon::Daemon;
use haversack_testkit::engine::{self as must, Host, Place};

use super::{lock, url};

struct Redis(Mutex<Daemon>);

impl Redis {
    fn start(durable: bool) -> Self {
        Self(Mutex::new(Daemon::redis(durable).unwrap()))
    }
}

#[async_trait]
impl Host for Redis {
    async fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(RedisEngine::open(&url(&lock(&self.0))).unwrap())
    }

    async fn crash(&self) {
        lock(&self.0).restart().unwrap();
    }

    /// The engine cannot know: what it is pointed at may be another server tomorrow.
    fn durable(&self) -> bool {
        false
    }

    async fn garble(&self, place: Place, bytes: &[u8]) -> bool {
        let client = redis::Client::open(format!("redis://{}", lock(&self.0).address())).unwrap();
        let mut connection = client.get_connection().unwrap();
        let garbage = match place {
            Place::Log => {
                let mut add = redis::cmd("XADD");
                add.arg("haversack:{shop}:log").arg("*").arg(bytes).arg(bytes);
                add.arg("record").arg(bytes).to_owned()
            }
            // A field of the ring or all of it, by turns.
            Place::Ring if bytes.len().is_multiple_of(2) => {
                redis::cmd("SET").arg("haversack:{shop}:ring").arg(bytes).to_owned()
            }
            Place::Ring => {
                redis::cmd("DEL").arg("haversack:{shop}:ring").exec(&mut connection).unwrap();
                let mut set = redis::cmd("HSET");
                set.arg("haversack:{shop}:ring").arg("text").arg(bytes);
                set.arg("revision").arg(bytes).to_owned()
            }
        };
        garbage.exec(&mut connection).unwrap();
        true
    }
}

haversack_testkit::engine_tests!(Redis::start(false));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_on_a_server_that_keeps_all() {
    must::conforms(&Redis::start(true)).await;
}
