//! The tests of engines: a good engine passes them, and each defect is found by the one that it is
//! for.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use haversack_fleet::engine::Engine;
use haversack_testkit::engine::{self as must, Host, Place};

mod memory;

use self::memory::{Defect, Memory, Store};

struct InMemory {
    store: Arc<Store>,
    durable: bool,
    defect: Option<Defect>,
}

impl InMemory {
    fn new(durable: bool) -> Self {
        Self { store: Arc::default(), durable, defect: None }
    }

    fn with(defect: Defect) -> Self {
        Self { defect: Some(defect), ..Self::new(defect != Defect::ForgetsSilently) }
    }
}

#[async_trait]
impl Host for InMemory {
    async fn engine(&self) -> Arc<dyn Engine> {
        let store = Arc::clone(&self.store);
        Arc::new(Memory { store, durable: self.durable, defect: self.defect })
    }

    async fn crash(&self) {
        if !self.durable {
            self.store.forget(self.defect != Some(Defect::ForgetsSilently));
        }
    }

    fn durable(&self) -> bool {
        self.durable
    }

    async fn garble(&self, place: Place, bytes: &[u8]) -> bool {
        self.store.garble(place, &String::from_utf8_lossy(bytes));
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_engine_conforms() {
    must::conforms(&InMemory::new(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_forgets_and_says_so_conforms() {
    must::conforms(&InMemory::new(false)).await;
}

/// Waiting takes no time, so that giving up does not either.
#[tokio::test(start_paused = true)]
async fn every_defect_is_found() {
    type Property = for<'a> fn(&'a dyn Host) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;
    let found_by: &[(Defect, Property)] = &[
        (Defect::ConfirmsAhead, |host| Box::pin(must::confirms_in_time(host))),
        (Defect::ConfirmsNever, |host| Box::pin(must::confirms_in_time(host))),
        (Defect::ConfirmsTooMuch, |host| Box::pin(must::confirms_no_more_than_it_delivered(host))),
        (Defect::CountsWrong, |host| Box::pin(must::resumes_at_a_cursor(host))),
        (Defect::ElectsTwo, |host| Box::pin(must::elects_one_winner(host))),
        (Defect::FollowsFromNow, |host| Box::pin(must::delivers_everything_to_late_joiners(host))),
        (Defect::FollowsFromNow, |host| {
            Box::pin(must::leaves_no_gap_between_load_and_follow(host))
        }),
        (Defect::ForgetsEarly, |host| Box::pin(must::forgets_nothing_before_its_time(host))),
        (Defect::ForgetsEarly, |host| Box::pin(must::delivers_large_logs(host))),
        (Defect::ForgetsSilently, |host| Box::pin(must::keeps_or_says_reset(host))),
        (Defect::KeepsMarks, |host| Box::pin(must::tells_who_is_first(host))),
        (Defect::KeepsReports, |host| Box::pin(must::keeps_reports_for_their_time(host))),
        (Defect::MixesMarks, |host| Box::pin(must::tells_who_is_first(host))),
        (Defect::RingAhead, |host| Box::pin(must::confirms_a_ring_with_what_came_before_it(host))),
        (Defect::RingOnce, |host| Box::pin(must::delivers_ring_changes(host))),
        (Defect::SplitsLines, |host| Box::pin(must::takes_odd_texts(host))),
        (Defect::TellsTheAsked, |host| Box::pin(must::elects_one_winner(host))),
        (Defect::TrimsRings, |host| Box::pin(must::reads_back_what_was_put(host))),
        (Defect::TrustsCursors, |host| {
            Box::pin(must::answers_unknown_cursors_with_everything(host))
        }),
        (Defect::TruncatesRings, |host| Box::pin(must::stores_large_rings(host))),
        (Defect::WritesHalf, |host| Box::pin(must::survives_cancellation(host))),
        (Defect::StopsAtGarbage, |host| Box::pin(must::survives_garbage(host))),
    ];
    for (defect, property) in found_by {
        let host = InMemory::with(*defect);
        assert!(fails(property(&host)).await, "{defect:?} was not found");
    }
    // Those that are without it pass, in the same way.
    for (_, property) in found_by.iter().filter(|(defect, _)| *defect == Defect::ElectsTwo) {
        assert!(!fails(property(&InMemory::new(true))).await);
    }
}

/// Whether a property does not hold.
async fn fails(property: impl Future<Output = ()>) -> bool {
    let mut property = std::pin::pin!(property);
    std::future::poll_fn(move |cx| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| property.as_mut().poll(cx))) {
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Ok(std::task::Poll::Ready(())) => std::task::Poll::Ready(false),
            Err(_) => std::task::Poll::Ready(true),
        }
    })
    .await
}

const TICK: Duration = Duration::from_millis(10);
