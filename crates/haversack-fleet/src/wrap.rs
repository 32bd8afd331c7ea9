//! Envelope encryption of the key ring at rest: what the engine holds says nothing without a key of
//! its own, the *key-encryption key*.
//!
//! 1. Who reads the engine, its backups or its traffic learns the ring's revision and app, and no key.
//! 2. Which ring it is, is bound to the seal: an older ring cannot be passed off as a newer one, nor
//!    one app's for another's.
//! 3. To change the key-encryption key, give the servers the new one to open with, then have them
//!    wrap with it, then store the ring again (any change does), then take the old one away.

mod local;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use zeroize::Zeroizing;

pub use self::local::{LocalKey, LocalKeyError};

/// Seals and opens key rings at rest, with a key of this machine or of a key management service.
#[async_trait]
pub trait KeyWrap: Send + Sync + 'static {
    /// Names the key-encryption key. Not secret; it is stored beside what was sealed.
    fn id(&self) -> String;

    /// Seals `plaintext`, bound to `context`.
    async fn wrap(&self, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, WrapError>;

    /// Opens what was sealed under the key-encryption key `id` and bound to `context`.
    async fn unwrap(
        &self,
        id: &str,
        sealed: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, WrapError>;
}

/// A ring could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrapError {
    /// What was sealed, or what it was bound to, is not what this key sealed.
    NotAuthentic,
    /// Not to be had just now: trying again can help.
    Unreachable(String),
    /// Whoever holds the key does not let it be used.
    Refused(String),
}

impl fmt::Display for WrapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAuthentic => f.write_str(
                "this key-encryption key did not seal it, or it was changed: check which key it is, \
                 or restore the ring from a backup",
            ),
            Self::Unreachable(why) => write!(f, "the key-encryption key cannot be used now: {why}"),
            Self::Refused(why) => write!(f, "the key-encryption key may not be used: {why}"),
        }
    }
}

impl std::error::Error for WrapError {}

/// The key-encryption keys of a program: at most one to wrap with, and any number to unwrap with.
///
/// None at all means that the ring is stored in the clear, which is right where the engine already is
/// a place that only the servers read.
#[derive(Clone, Default)]
pub struct Wraps {
    wrap: Option<Arc<dyn KeyWrap>>,
    unwrap: Vec<Arc<dyn KeyWrap>>,
    only_sealed: bool,
}

impl Wraps {
    /// None: the ring is stored in the clear.
    pub fn none() -> Self {
        Self::default()
    }

    /// Wraps and unwraps with this one.
    pub fn with(wrap: impl KeyWrap) -> Self {
        Self { wrap: Some(Arc::new(wrap)), ..Self::default() }
    }

    /// Unwraps with this one too: one that was in use before, or will be.
    #[must_use]
    pub fn and_unwrap(mut self, wrap: impl KeyWrap) -> Self {
        self.unwrap.push(Arc::new(wrap));
        self
    }

    /// Refuses a ring that is stored in the clear. Without this one is read, so that an engine can be
    /// moved from the one to the other; and who may write to the engine could put a ring of their own
    /// there for servers that start later.
    #[must_use]
    pub fn only_sealed(mut self) -> Self {
        self.only_sealed = true;
        self
    }

    pub(crate) fn sealing(&self) -> Option<&dyn KeyWrap> {
        self.wrap.as_deref()
    }

    pub(crate) fn refuses_clear(&self) -> bool {
        self.only_sealed
    }

    /// Those with this id, the one that wraps first.
    pub(crate) fn opening<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a dyn KeyWrap> {
        self.all().filter(move |wrap| wrap.id() == id)
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.all().map(KeyWrap::id).collect()
    }

    fn all(&self) -> impl Iterator<Item = &dyn KeyWrap> {
        self.wrap.iter().chain(&self.unwrap).map(Arc::as_ref)
    }
}

impl fmt::Debug for Wraps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wraps")
            .field("ids", &self.ids())
            .field("only_sealed", &self.only_sealed)
            .finish_non_exhaustive()
    }
}
