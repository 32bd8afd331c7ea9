//! What a fleet of stateless servers shares: its key ring and its revocations, without I/O on the
//! path of a request.

pub mod engine;
mod error;
pub mod file;
#[cfg(feature = "nats")]
pub mod nats;

pub use self::error::{EngineError, EngineErrorKind};
