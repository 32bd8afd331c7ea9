//! What a fleet of stateless servers shares: its key ring and its revocations, without I/O on the
//! path of a request.
//!
//! ```
//! # use haversack::{Entropy, NoEntropy, Timestamp};
//! # struct Os;
//! # impl Entropy for Os {
//! #     fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
//! #         getrandom::fill(bytes).map_err(|_| NoEntropy)
//! #     }
//! # }
//! # let dir = tempfile::tempdir()?;
//! # let url = dir.path().join("haversack.keys").display().to_string();
//! # let now = Timestamp::from_secs(1_800_000_000);
//! use haversack::{Feed, KeyRing};
//! use haversack_fleet::wrap::Wraps;
//! use haversack_fleet::{Fleet, RingStore, run};
//!
//! // Once, as `haversack keys init --fleet URL` does it.
//! let ring = KeyRing::generate("shop.example", now, Os)?;
//! run(async { RingStore::open(&url, Wraps::none()).await?.create(&ring).await })??;
//!
//! // In each server: `Fleet::connect(&url).await`, or without a runtime:
//! let fleet = Fleet::connect_blocking(&url)?;
//! assert_eq!(fleet.view().ring.app(), "shop.example");
//! fleet.ready()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to learn | look at |
//! |---|---|
//! | how a server joins, and what it is told if it cannot | [`Fleet`], [`Builder`], [`FleetError`] |
//! | what addresses there are | [`address`] |
//! | how to make and change a ring | [`RingStore`] |
//! | how keys are replaced | [`Rotation`] |
//! | how to keep the ring sealed where it is stored | [`wrap`] |
//! | how users see their sessions | [`Builder::session_index`] |
//! | how the servers are | [`Status`], [`Report`], [`NotReady`] |
//! | how to bring an engine of one's own | [`engine`] |
//!
//! # Deployment caveat
//!
//! Readiness is for joining: an engine that fails later makes views old, not servers unready, since all
//! servers would be at once. What an old view means for each route is for the session's policy to say.

pub mod address;
mod backoff;
mod builder;
mod clock;
mod confirmed;
mod document;
pub mod engine;
mod entropy;
mod error;
pub mod file;
mod fleet;
mod follow;
mod held;
mod index;
mod keeper;
mod list;
#[cfg(feature = "nats")]
pub mod nats;
mod once;
mod publish;
mod queue;
#[cfg(feature = "redis")]
pub mod redis;
mod report;
mod rings;
mod rotate;
mod run;
mod shared;
mod signal;
mod status;
mod telemetry;
mod trouble;
mod uses;
mod worker;
pub mod wrap;

pub use self::builder::Builder;
pub use self::document::DocumentError;
pub use self::error::{EngineError, EngineErrorKind, FleetError, FleetErrorKind};
pub use self::fleet::Fleet;
pub use self::report::{KeyUse, Report};
pub use self::rings::RingStore;
pub use self::rotate::Rotation;
pub use self::run::run;
pub use self::status::{NotReady, Status};
