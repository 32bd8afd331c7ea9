//! What a fleet of stateless servers shares: its key ring and its revocations, without I/O on the
//! path of a request.

pub mod address;
mod backoff;
mod builder;
mod confirmed;
mod document;
pub mod engine;
mod entropy;
mod error;
pub mod file;
mod fleet;
mod follow;
mod held;
mod keeper;
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
