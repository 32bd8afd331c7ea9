//! Errors, grouped by who must act: the client's parcels, a response, the program's settings.

mod config;
mod rejection;
mod seal;

pub use self::config::ConfigError;
pub use self::rejection::{Disposition, Rejection};
pub use self::seal::{SealError, StaleView};
