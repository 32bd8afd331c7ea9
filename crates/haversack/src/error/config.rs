//! What is wrong with a program's settings.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::SchemaError;

/// A setting that cannot work, found when the sessions are built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A size limit does not fit the others, or the world.
    Budget {
        /// What is wrong.
        what: &'static str,
    },
    /// The tenant or the purpose is longer than 255 bytes.
    Context,
    /// The cookie's name cannot be.
    Cookie {
        /// The base name.
        base: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The header's name cannot be.
    Header {
        /// The name that was given.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A field is to outlive a logout although it decides who the user is.
    KeptIdentity {
        /// The field.
        name: String,
    },
    /// A lifetime cannot be kept.
    Lifetime {
        /// What is wrong.
        what: &'static str,
    },
    /// Limits for the age of a view that cannot be kept.
    Staleness {
        /// What is wrong.
        what: &'static str,
    },
    /// The session type cannot be one.
    Schema(SchemaError),
    /// The session type has no field of this name.
    UnknownField {
        /// The name that was given.
        name: String,
        /// The fields that there are.
        known: Vec<String>,
    },
}

impl From<SchemaError> for ConfigError {
    fn from(error: SchemaError) -> Self {
        ConfigError::Schema(error)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Budget { what } => write!(f, "budget: {what}"),
            ConfigError::Context => {
                f.write_str("tenant and purpose may have at most 255 bytes each")
            }
            ConfigError::Cookie { base, what } => write!(f, "the cookie name `{base}` {what}"),
            ConfigError::Header { name, what } => write!(f, "the header name `{name}` {what}"),
            ConfigError::KeptIdentity { name } => write!(
                f,
                "keep([{name:?}]): an identity field cannot outlive a logout; leave it out of `keep`"
            ),
            ConfigError::Lifetime { what } => write!(f, "lifetime: {what}"),
            ConfigError::Staleness { what } => write!(f, "staleness: {what}"),
            ConfigError::Schema(error) => error.fmt(f),
            ConfigError::UnknownField { name, known } => {
                write!(f, "the session type has no field `{name}`; it has: {}", known.join(", "))
            }
        }
    }
}

impl core::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            ConfigError::Schema(error) => Some(error),
            _ => None,
        }
    }
}
