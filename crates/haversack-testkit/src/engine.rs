//! What every engine of a fleet must do, as tests: for those of `haversack-fleet`, and for yours.
//!
//! Say how a test gets at the engine, in a [`Host`], and call [`conforms`] or, to have a failure named
//! by its test, [`engine_tests!`](crate::engine_tests). Each property is stated by its function. They
//! panic, as tests do, and need a tokio runtime with its timer.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use async_trait::async_trait;
//! use haversack_fleet::engine::Engine;
//! use haversack_testkit::engine::{self, Host};
//! # mod mine {
//! #     pub use haversack_fleet::engine::Engine;
//! #     pub struct Store;
//! #     impl Store {
//! #         pub fn start() -> Self { Self }
//! #         pub fn connect(&self) -> std::sync::Arc<dyn Engine> {
//! #             std::sync::Arc::new(haversack_fleet::file::FileEngine::open("haversack.keys").unwrap())
//! #         }
//! #         pub fn kill_and_restart(&self) {}
//! #     }
//! # }
//!
//! struct MyHost(mine::Store);
//!
//! #[async_trait]
//! impl Host for MyHost {
//!     async fn engine(&self) -> Arc<dyn Engine> {
//!         self.0.connect()
//!     }
//!
//!     async fn crash(&self) {
//!         self.0.kill_and_restart();
//!     }
//!
//!     fn durable(&self) -> bool {
//!         true
//!     }
//! }
//!
//! # let _ = || {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! // In a test with `#[tokio::test]`:
//! engine::conforms(&MyHost(mine::Store::start())).await;
//! # });
//! # };
//! ```
//!
//! What is waited for is asked again and again, for 30 seconds at most; nothing is a matter of how fast
//! the machine is. All properties but [`begins_without_a_ring`] and [`survives_garbage`] may run on a
//! store that others have used, one after the other.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use haversack_fleet::engine::Engine;

mod confirm;
mod crash;
mod hostile;
mod log;
mod mark;
mod probe;
mod ring;

pub use self::confirm::{
    confirms_a_ring_with_what_came_before_it, confirms_in_time, confirms_no_more_than_it_delivered,
};
pub use self::crash::{keeps_or_says_reset, survives_cancellation};
pub use self::hostile::{
    answers_unknown_cursors_with_everything, survives_garbage, takes_odd_texts,
};
pub use self::log::{
    delivers_everything_to_late_joiners, delivers_large_logs, forgets_nothing_before_its_time,
    leaves_no_gap_between_load_and_follow, resumes_at_a_cursor, takes_duplicates,
};
pub use self::mark::{keeps_reports_for_their_time, tells_who_is_first};
pub use self::ring::{
    begins_without_a_ring, delivers_ring_changes, elects_one_winner, reads_back_what_was_put,
    stores_large_rings,
};

/// Where the engine under test is: one store, and any number of servers that share it.
#[async_trait]
pub trait Host: Send + Sync {
    /// Another server of the fleet: an engine with connections, files and threads of its own, on the
    /// same store as all others of this host.
    async fn engine(&self) -> Arc<dyn Engine>;

    /// Ends the store without warning and starts it again: `kill -9` for a server. An engine without a
    /// process drops whatever is half written.
    ///
    /// Engines that were opened before stay as they are: they must find their way back.
    async fn crash(&self);

    /// Whether everything acknowledged must be there after [`crash`](Self::crash). If not, it may be
    /// gone, and followers must be told.
    fn durable(&self) -> bool;

    /// How late the store may be: what is not there after this much time is not expected any more, and
    /// what was to expire is gone this much later.
    fn settles(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Writes bytes that no engine wrote to where the store keeps its ring or its log, beside or over
    /// what is there, as an operator could by mistake. `false` if this host cannot.
    async fn garble(&self, place: Place, bytes: &[u8]) -> bool {
        let _ = (place, bytes);
        false
    }
}

/// A part of a store, for [`Host::garble`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One more entry of the log.
    Log,
    /// Instead of the ring document.
    Ring,
}

/// Checks every property of this module, one after the other, on one store that is empty at first.
///
/// Takes about half a minute, most of it spent waiting for marks and records to expire.
///
/// # Panics
///
/// When one does not hold.
pub async fn conforms(host: &dyn Host) {
    macro_rules! in_turn {
        ($host:expr; $($property:ident)*) => { $($property($host).await;)* };
    }
    crate::engine_properties!(in_turn, host);
}

/// A test for each property of [`engine`](crate::engine), named after it: what stands in the
/// parentheses makes its [`Host`]. The tests run on `#[tokio::test]`.
#[macro_export]
macro_rules! engine_tests {
    ($host:expr) => { $crate::engine_properties!($crate::engine_tests, $host); };
    ($host:expr; $($property:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $property() {
            $crate::engine::$property(&$host).await;
        }
    )*};
}

/// The one list of them. [`survives_garbage`] leaves the ring broken, so it is the last.
#[doc(hidden)]
#[macro_export]
macro_rules! engine_properties {
    ($($then:tt)::+, $host:expr) => { $crate::engine_properties!(@ [$($then)::+] $host); };
    (@ [$($then:tt)*] $host:expr) => {
        $($then)* ! { $host;
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
            confirms_a_ring_with_what_came_before_it
            tells_who_is_first
            keeps_reports_for_their_time
            delivers_large_logs
            takes_odd_texts
            survives_cancellation
            keeps_or_says_reset
            survives_garbage
        }
    };
}
