//! A browser for tests of servers that keep their sessions in cookies.
//!
//! [`Browser`] drives any tower service in the same process, an axum router for one, and treats
//! its cookies as browsers do, refusals and evictions included. What a session in cookies fails
//! at is hard to reach with a real browser and one call here: requests that overlap, responses
//! that are late, torn or lost, a jar restored from a backup, a clock that jumps.
//!
//! What it is **not**: it runs no scripts, keeps no cache and loads no images; it opens no sockets;
//! and it is no HTTP client, since it stays with the one service it is given. [`CookieJar`] can be
//! used alone; its module lists the few points where it differs from a browser.
//!
//! [`Fleet`] is what it talks to when one server is not enough: several that crash and come back,
//! whose clocks differ and whose key rings change one after the other, on a network that loses,
//! tears and reorders. [`Clock`], [`RingFeed`] and [`SeededEntropy`] are its parts, for tests that
//! need only one of them; `KeyRing::for_tests()` of the core is a ring for all of them.
//!
//! With the feature `engine`, `engine::conforms` is what an engine of `haversack-fleet` must do, as
//! tests, and `daemon::Daemon` starts real servers to do it to.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use haversack_testkit::Browser;
//! use http::{Request, Response};
//! use tower::service_fn;
//!
//! /// Counts the visits in a cookie.
//! async fn visit<B>(request: Request<B>) -> Result<Response<String>, Infallible> {
//!     let sent = request.headers().get("cookie").and_then(|sent| sent.to_str().ok());
//!     let visits = sent.and_then(|sent| sent.strip_prefix("visits=")).unwrap_or("0");
//!     let visits = visits.parse().unwrap_or(0) + 1;
//!     let response = Response::builder().header("set-cookie", format!("visits={visits}; Max-Age=3600"));
//!     Ok(response.body(format!("visit {visits}")).unwrap())
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let browser = Browser::new(service_fn(visit));
//! assert_eq!(browser.get("/").await.text(), "visit 1");
//! assert_eq!(browser.get("/").await.text(), "visit 2");
//!
//! // Two tabs at once: both leave with the same cookie, and one visit is lost.
//! let (left, right) = (browser.get("/").depart(), browser.tab().get("/").depart());
//! left.serve().await.apply();
//! right.serve().await.apply();
//! assert_eq!(browser.cookie("visits").as_deref(), Some("3"));
//!
//! // A response that never arrives.
//! assert_eq!(browser.get("/").depart().serve().await.lose().text(), "visit 4");
//! assert_eq!(browser.cookie("visits").as_deref(), Some("3"));
//!
//! // An hour later.
//! browser.advance(std::time::Duration::from_secs(3600));
//! assert_eq!(browser.get("/").await.text(), "visit 1");
//! # });
//! ```

pub mod browser;
mod clock;
#[cfg(feature = "engine")]
pub mod daemon;
#[cfg(feature = "engine")]
pub mod engine;
mod entropy;
pub mod fleet;
pub mod jar;

pub use self::{
    browser::{Browser, Page},
    clock::{Clock, Sleep},
    entropy::SeededEntropy,
    fleet::{Fleet, RingFeed, Server, Traffic},
    jar::{Cookie, CookieJar, Dropped, Refusal, SameSite, Site, Snapshot},
};
