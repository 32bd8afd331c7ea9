//! Client-carried sessions as a tower layer.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, routing::post, response::Redirect};
//! use haversack_tower::{Haversack, KeyRing, Session, SessionLayer};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Shop { user: Option<String>, visits: u32 }
//!
//! async fn visit(mut shop: Session<Shop>) -> Redirect {
//!     shop.visits += 1;
//!     Redirect::to("/")
//! }
//!
//! let sessions = Haversack::<Shop>::builder(KeyRing::for_tests()).subject("user").build()?;
//! let app: Router = Router::new().route("/visit", post(visit)).layer(SessionLayer::new(sessions));
//! # }
//! # Ok::<(), haversack_tower::ConfigError>(())
//! ```
//!
//! 1. The layer finds the session's cookies; nothing is opened until a handler asks.
//! 2. A handler asks with the extractor `Session<T>` (feature `axum`), elsewhere with
//!    [`Session::open`].
//! 3. The handle is a `T`: read it, change it. What was changed is written on the response, error
//!    responses included; what was only read writes nothing.
//! 4. API clients may carry their session in a header instead ([`Builder::header`]).
//! 5. Forms that change something carry a token ([`Session::csrf`]); `docs/csrf.md` in the
//!    repository says what comes before it.
//! 6. What does not fit is refused loudly: the handler's response is replaced ([`OnError`]), and
//!    the session stays as it was.
//!
//! # Deployment caveat
//!
//! Cookies are `Secure`: behind a proxy that ends TLS this just works; over plain http only on
//! localhost, and there not in Safari. The layer must see every `Cookie` line as the client sent
//! it, and its `Set-Cookie` lines must reach the client one by one and in order.

mod clock;
mod csrf;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod haversack;
mod head;
mod layer;
mod probe;
mod publish;
mod revoke;
mod route;
mod service;
mod session;
mod sessions;
mod slot;
mod telemetry;
mod unknown;

pub use ::haversack::{
    Arrival, ArrivalKind, Budget, ConfigError, CookieSpec, CsrfRejection, Each, Feed, Fixed, Info,
    IntoFeed, KeyId, KeyRing, Layout, Lifetime, Overridden, Padding, Rejection, RevocationId,
    SameSite, SealError, SessionId, Staleness, Timestamp, TooLarge, Transport, Unpublished,
    Version, View,
};

pub use self::clock::{Clock, SystemClock};
pub use self::csrf::CsrfError;
pub use self::error::{ErrorResponse, OnError, OpenError, SessionError};
pub use self::future::ResponseFuture;
pub use self::haversack::{Builder, Haversack, Minted};
pub use self::layer::SessionLayer;
pub use self::probe::Probe;
pub use self::revoke::RevokeError;
pub use self::route::{RouteService, SessionRoute};
pub use self::service::SessionService;
pub use self::session::{Session, SessionType};
pub use self::sessions::{ListError, ListedSession};

/// Keys and revocations that a fleet shares (feature `fleet`; `redis` and `nats` for its engines).
#[cfg(feature = "fleet")]
pub use haversack_fleet as fleet;
#[cfg(feature = "fleet")]
pub use haversack_fleet::Fleet;
/// Keys and revocations from a file that is watched (feature `file`).
#[cfg(feature = "file")]
pub use haversack_fleet::file;

#[cfg(doc)]
use self::telemetry as _;

/// The documents of the repository: their examples are tests.
#[cfg(all(doctest, feature = "axum", feature = "file", feature = "fleet"))]
mod _documentation {
    #[doc = include_str!("../../../README.md")]
    mod readme {}
    #[doc = include_str!("../../../docs/api-clients.md")]
    mod api_clients {}
    #[doc = include_str!("../../../docs/bursts.md")]
    mod bursts {}
    #[doc = include_str!("../../../docs/coming-from-tower-sessions.md")]
    mod coming_from_tower_sessions {}
    #[doc = include_str!("../../../docs/concurrent-requests.md")]
    mod concurrent_requests {}
    #[doc = include_str!("../../../docs/csrf.md")]
    mod csrf {}
    #[doc = include_str!("../../../docs/fleet.md")]
    mod fleet {}
    #[doc = include_str!("../../../docs/keys.md")]
    mod keys {}
    #[doc = include_str!("../../../docs/why-503-or-several-cookies.md")]
    mod why_503 {}
}
