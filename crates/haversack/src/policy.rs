//! What is accepted and issued: cookie, lifetime, budgets, and the fields with a meaning.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::field_of;
use crate::keyring::Context;
use crate::seal::Padding;
use crate::transport::{CookieSpec, HeaderSpec, Layout};
use crate::{Budget, ConfigError, Lifetime, Staleness};

/// The one assumption about the world: a response is applied by the client within this time of its
/// request's departure, and server clocks differ by less.
pub(crate) const GRACE_MS: u64 = 5 * 60 * 1000;

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
