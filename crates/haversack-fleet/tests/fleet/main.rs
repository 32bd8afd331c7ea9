//! Fleets as servers meet them: through the public API, with threads and clocks as they are.

mod joining;
mod keys;
mod listing;
mod lost;
mod memory;
mod operating;
mod revoking;
mod servers;

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use haversack::{Entropy, Feed, KeyRing, NoEntropy, Revocation, RevocationId, Timestamp, View};
use haversack_fleet::engine::RingDocument;
use haversack_fleet::{Builder, Fleet};

use memory::Memory;

/// Far beyond anything that works: how long it takes is not what these tests are about.
const PATIENCE: Duration = Duration::from_secs(30);

const HOUR_MS: u64 = 3600 * 1000;

#[derive(Clone, Copy)]
struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

fn before(hours: u64) -> Timestamp {
    Timestamp::from_millis(now().as_millis() - hours * HOUR_MS)
}

/// A ring whose key has been sealing for an hour.
fn ring() -> KeyRing {
    KeyRing::generate("shop", before(1), Os).unwrap()
}

fn next(ring: &KeyRing) -> KeyRing {
    ring.rotate(now(), Os, 0, HOUR_MS).unwrap()
}

fn document(ring: &KeyRing) -> RingDocument {
    RingDocument { revision: ring.revision(), text: ring.to_json() }
}

fn engine() -> Arc<Memory> {
    Memory::with(Some(document(&ring())))
}

fn join(engine: &Arc<Memory>) -> Fleet {
    builder().start_blocking(Arc::<Memory>::clone(engine)).unwrap()
}

fn builder() -> Builder {
    Builder::default().patience(PATIENCE)
}

fn session(n: u64) -> Revocation {
    Revocation::Session { id: id(n), until: now().plus_millis(HOUR_MS) }
}

fn id(n: u64) -> RevocationId {
    RevocationId::from_bytes(n.to_be_bytes())
}

fn knows(fleet: &Fleet, n: u64) -> bool {
    fleet.view().revocations.as_ref().unwrap().is_closed(id(n))
}

fn age_ms(view: &View) -> u64 {
    now().millis_since(view.confirmed)
}

fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !check() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Without a runtime, as the fleet promises.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut output = None;
    poll_until(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => {
            output = Some(value);
            Poll::Ready(())
        }
        Poll::Pending => Poll::Pending,
    });
    output.unwrap()
}

fn poll_until(mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>) {
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
