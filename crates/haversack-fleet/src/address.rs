//! Which engine an address names.
//!
//! | address | engine | feature |
//! |---|---|---|
//! | `file:PATH`, or a path alone | a directory of this machine | (always) |
//! | `redis://HOST:PORT/DB`, `rediss://...` with TLS | Redis or Valkey | `redis` |
//! | `nats://HOST:PORT`, `tls://...` | NATS with `JetStream` | `nats` |
//!
//! `?app=NAME` names the app where an engine holds several.

use std::sync::Arc;

use crate::engine::Engine;
use crate::error::{FleetError, FleetErrorKind};
use crate::file::{FileEngine, FileError};

/// The engine at an address.
///
/// # Errors
///
/// When the address is not one, or its engine is not built into this program.
pub fn engine(address: &str) -> Result<Arc<dyn Engine>, FleetError> {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme);
    match scheme.map(str::to_ascii_lowercase).as_deref() {
        Some("redis" | "rediss" | "valkey" | "valkeys") => redis(address),
        Some("nats" | "tls" | "nats+tls") => nats(address),
        Some("file") => file(address.split_once(':').map_or(address, |(_, path)| path)),
        // A path can hold a colon, but no scheme is followed by two slashes in one.
        Some(scheme) if address.contains("://") => {
            let why = format!("there is no engine for `{scheme}:`; there are file:, redis:, nats:");
            Err(FleetError::new(shown(address), FleetErrorKind::Address(why)))
        }
        _ => file(address),
    }
}

/// An address as it may be shown: credentials are left out, and so are parameters, which may be some.
pub(crate) fn shown(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    match address.split_once("://") {
        Some((scheme, rest)) => {
            // A password may hold an `@` or a `/` that should have been escaped.
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{host}")
        }
        None => address.to_owned(),
    }
}

#[cfg(feature = "redis")]
fn redis(address: &str) -> Result<Arc<dyn Engine>, FleetError> {
    Ok(Arc::new(crate::redis::RedisEngine::open(address)?))
}

#[cfg(not(feature = "redis"))]
fn redis(address: &str) -> Result<Arc<dyn Engine>, FleetError> {
    Err(unsupported(address, "redis"))
}

#[cfg(feature = "nats")]
fn nats(address: &str) -> Result<Arc<dyn Engine>, FleetError> {
    Ok(Arc::new(crate::nats::NatsEngine::open(address)?))
}

#[cfg(not(feature = "nats"))]
fn nats(address: &str) -> Result<Arc<dyn Engine>, FleetError> {
    Err(unsupported(address, "nats"))
}

fn file(path: &str) -> Result<Arc<dyn Engine>, FleetError> {
    let invalid =
        |error: FileError| FleetError::new(path, FleetErrorKind::Address(error.to_string()));
    Ok(Arc::new(FileEngine::open(path).map_err(invalid)?))
}

#[cfg(not(all(feature = "redis", feature = "nats")))]
fn unsupported(address: &str, feature: &str) -> FleetError {
    let why = format!("this program was built without it: build with the feature `{feature}`");
    FleetError::new(shown(address), FleetErrorKind::Address(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_credentials() {
        for (address, clean) in [
            ("redis://user:pass@host:6379/0?app=shop", "redis://host:6379/0"),
            ("rediss://:p@ss/w@host", "rediss://host"),
            ("nats://token@a:4222", "nats://a:4222"),
            ("/var/lib/haversack", "/var/lib/haversack"),
        ] {
            assert_eq!(shown(address), clean);
        }
    }

    #[test]
    fn an_unknown_scheme_is_refused_without_its_password() {
        let error = engine("etcd://me:hunter2@host").err().unwrap().to_string();
        assert!(error.contains("etcd:") && !error.contains("hunter2"), "{error}");
    }
}
