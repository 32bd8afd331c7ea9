//! How old a server's view of the fleet's revocations may be, and what then.

use core::time::Duration;

use crate::ConfigError;

/// How old a server's view of the fleet's revocations may be, and what then (`SessionRoute` in
/// `haversack-tower` says it per route).
///
/// | the view was confirmed | routes are |
/// |---|---|
/// | within `fresh` | served |
/// | before that | served, except sensitive ones; nobody's idle time starts anew |
/// | before `blind` | served to anonymous sessions, and to those used within `blind` before |
///
/// So while a server is cut off from its fleet, a revoked session can be used there for about `fresh`
/// and `blind` together, and never on a sensitive route for longer than `fresh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staleness {
    /// Default: 5 seconds.
    pub fresh: Duration,
    /// Default: 5 minutes. `Duration::MAX` never refuses: everybody is served however long the outage
    /// lasts, and so is who was logged out by another server meanwhile.
    pub blind: Duration,
}

impl Default for Staleness {
    fn default() -> Self {
        Self { fresh: Duration::from_secs(5), blind: Duration::from_secs(5 * 60) }
    }
}

impl Staleness {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bad = |what| Err(ConfigError::Staleness { what });
        if self.fresh < Duration::from_secs(2) {
            return bad("fresh is under 2 seconds; engines confirm about once a second");
        }
        if self.blind < self.fresh {
            return bad("blind is shorter than fresh");
        }
        Ok(())
    }
}

/// How much a route depends on what the fleet has revoked: what [`Staleness`] means for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scrutiny {
    /// Served however old the view is: pages for everybody, login and logout.
    None,
    /// Served while the view is fresh or stale; while it is blind, to who was here lately.
    #[default]
    Standard,
    /// Served while the view is fresh: money, passwords, other people's data.
    Sensitive,
}
