//! What is accepted and issued: cookie, lifetimes, budgets, and the fields with a meaning.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::codec::field_of;
use crate::keyring::Context;
use crate::seal::Padding;
use crate::transport::{CookieSpec, HeaderSpec, Layout};
use crate::{Budget, ConfigError, Staleness};

/// The one assumption about the world: a response is applied by the client within this time of its
/// request's departure, and server clocks differ by less.
pub(crate) const GRACE_MS: u64 = 5 * 60 * 1000;

/// When a session ends by itself (OWASP Session Management: idle and absolute timeout).
///
/// The limits are enforced from times inside the seal; a cookie's own expiry is never trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Longest time between two requests that use the session; `None` for no idle limit.
    /// Default: 24 hours.
    pub idle: Option<Duration>,
    /// Longest time from creation or the last authentication. At most 400 days, the longest that
    /// browsers keep a cookie (RFC 6265bis). Default: 14 days.
    pub absolute: Duration,
    /// Allowance for clocks that differ, added to both limits. Default: 60 seconds.
    pub leeway: Duration,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self {
            idle: Some(Duration::from_secs(24 * 3600)),
            absolute: Duration::from_secs(14 * 24 * 3600),
            leeway: Duration::from_secs(60),
        }
    }
}

impl Lifetime {
    /// The longest absolute lifetime: 400 days.
    pub const MAX: Duration = Duration::from_secs(400 * 24 * 3600);

    /// For how long after an event a session that it did not reach could still be used: a revocation
    /// must be kept for that long. The idle lifetime (without one, the absolute), the leeway, and 15
    /// minutes for responses under way and clocks that differ.
    pub fn tail(&self) -> Duration {
        let unused = self.idle.unwrap_or(self.absolute);
        unused.saturating_add(self.leeway).saturating_add(Duration::from_millis(3 * GRACE_MS))
    }

    pub(crate) fn idle_secs(&self) -> Option<u64> {
        self.idle.map(|idle| idle.as_secs())
    }

    /// Steps in which a touch advances `seen`, so that parallel touches write the same bytes.
    pub(crate) fn touch_step(&self) -> Option<u64> {
        self.idle_secs().map(|idle| (idle / 40).max(1))
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let bad = |what| Err(ConfigError::Lifetime { what });
        if self.absolute > Self::MAX {
            return bad("absolute is over 400 days, the longest that browsers keep a cookie");
        }
        if self.absolute < Duration::from_secs(60) {
            return bad("absolute is under 60 seconds");
        }
        if self.idle.is_some_and(|idle| idle > self.absolute) {
            return bad("idle is longer than absolute");
        }
        if self.idle.is_some_and(|idle| idle < Duration::from_secs(60)) {
            return bad("idle is under 60 seconds");
        }
        if self.leeway > Duration::from_millis(GRACE_MS) {
            return bad("leeway is over 5 minutes");
        }
        Ok(())
    }
}

/// Everything that stays the same from request to request.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The cookie's base name and attributes.
    pub cookie: CookieSpec,
    /// The header that API clients may use instead of cookies; none unless set.
    pub header: Option<HeaderSpec>,
    /// How new sessions in cookies are laid out. Both layouts are always read.
    pub layout: Layout,
    /// When a session ends by itself.
    pub lifetime: Lifetime,
    /// How old the view of revocations may be.
    pub staleness: Staleness,
    /// Size limits.
    pub budget: Budget,
    /// Whether lengths are padded.
    pub padding: Padding,
    /// The tenant that the keys are derived for; sessions of one mean nothing to another.
    pub tenant: String,
    /// The purpose that the keys are derived for; `session` unless set.
    pub purpose: Option<String>,
    /// The field that says who is signed in.
    pub subject: Option<String>,
    /// Further fields that decide what the user may do; they live in the root, together.
    pub identity: Vec<String>,
    /// Fields that outlive `end()` and a change of user.
    pub keep: Vec<String>,
}

impl Policy {
    /// Checks the settings against each other, and the names in them against the session type's
    /// fields (`None` if the type does not say).
    ///
    /// # Errors
    ///
    /// What is wrong, and what to write instead.
    pub fn validate(&self, fields: Option<&[&str]>) -> Result<(), ConfigError> {
        self.cookie.validate()?;
        self.header.as_ref().map_or(Ok(()), HeaderSpec::validate)?;
        self.lifetime.validate()?;
        self.staleness.validate()?;
        self.budget.validate()?;
        let named = self.subject.iter().chain(&self.identity).chain(&self.keep);
        for name in named {
            let unknown = fields.is_some_and(|fields| !fields.contains(&name.as_str()));
            if name.is_empty() || unknown {
                let known =
                    fields.unwrap_or_default().iter().map(|&field| field.to_owned()).collect();
                return Err(ConfigError::UnknownField { name: name.clone(), known });
            }
        }
        if let Some(name) = self.keep.iter().find(|name| self.is_identity(name.as_bytes())) {
            return Err(ConfigError::KeptIdentity { name: name.clone() });
        }
        Ok(())
    }

    /// Whether an entry's field is declared to decide who the user is or what they may do.
    pub(crate) fn is_identity(&self, entry: &[u8]) -> bool {
        let field = field_of(entry);
        self.is_subject(field) || self.identity.iter().any(|name| name.as_bytes() == field)
    }

    pub(crate) fn context(&self) -> Result<Context, ConfigError> {
        let purpose = self.purpose.as_deref().unwrap_or("session");
        Context::new(&self.tenant, purpose).ok_or(ConfigError::Context)
    }

    pub(crate) fn is_subject(&self, entry: &[u8]) -> bool {
        self.subject.as_ref().is_some_and(|name| name.as_bytes() == entry)
    }

    pub(crate) fn is_kept(&self, entry: &[u8]) -> bool {
        let field = field_of(entry);
        self.keep.iter().any(|name| name.as_bytes() == field)
    }
}
