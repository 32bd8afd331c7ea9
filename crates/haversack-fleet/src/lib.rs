//! What a fleet of stateless servers shares: its key ring and its revocations, without I/O on the
//! path of a request.

pub mod address;
mod document;
pub mod engine;
mod entropy;
mod error;
pub mod file;
mod report;
mod rings;
mod run;
pub mod wrap;

pub use self::document::DocumentError;
pub use self::error::{EngineError, EngineErrorKind, FleetError, FleetErrorKind};
pub use self::report::{KeyUse, Report};
pub use self::rings::RingStore;
pub use self::run::run;
