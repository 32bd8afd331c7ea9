//! Why a jar did not take a `Set-Cookie` line.

use std::{error, fmt};

/// Why a browser ignores a `Set-Cookie` line as a whole.
///
/// A browser says so in its developer tools at most: the server never learns it, and the cookie is
/// simply not there on the next request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The line contains a control character (section 5.6 step 1).
    ControlCharacter,
    /// A cookie with a `SameSite` other than `None` came with a resource that a page of another
    /// site embeds (section 5.7 step 18).
    CrossSite,
    /// `Domain` names neither the host nor a parent of it (section 5.7 step 10).
    Domain(String),
    /// Neither a name nor a value (section 5.7 step 2).
    Empty,
    /// `Secure`, over a connection that is not (section 5.7 step 13).
    InsecureConnection,
    /// `SameSite=None` without `Secure` (section 5.7 step 19).
    NoneWithoutSecure,
    /// Not UTF-8. Browsers would store the octets; this jar keeps text only.
    NotText,
    /// The name's prefix promises what the attributes do not keep (section 5.7 steps 20 to 22).
    Prefix {
        /// The prefix, as the specification spells it.
        prefix: &'static str,
        /// What it asks for.
        needs: &'static str,
    },
    /// `Domain` is a public suffix: the cookie would be everybody's (section 5.7 step 9).
    PublicSuffix(String),
    /// An insecure connection may not overlay a secure cookie (section 5.7 step 16).
    ShadowsSecure,
    /// Name and value have more than 4,096 octets together (section 5.6 step 5).
    TooLarge {
        /// Octets of the name and the value.
        octets: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlCharacter => f.write_str("the line contains a control character"),
            Self::CrossSite => f.write_str("SameSite cookie from an embedded cross-site resource"),
            Self::Domain(domain) => write!(f, "Domain={domain} does not cover this host"),
            Self::Empty => f.write_str("neither a name nor a value"),
            Self::InsecureConnection => f.write_str("Secure cookie over an insecure connection"),
            Self::NoneWithoutSecure => f.write_str("SameSite=None needs Secure"),
            Self::NotText => f.write_str("the line is not UTF-8"),
            Self::Prefix { prefix, needs } => write!(f, "the prefix {prefix} needs {needs}"),
            Self::PublicSuffix(domain) => write!(f, "Domain={domain} is a public suffix"),
            Self::ShadowsSecure => f.write_str("a Secure cookie of this name is in the way"),
            Self::TooLarge { octets } => {
                write!(f, "name and value have {octets} octets, over 4096")
            }
        }
    }
}

impl error::Error for Refusal {}

/// A `Set-Cookie` line that the jar did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The line; octets that are not UTF-8 are replaced.
    pub line: String,
    /// Why.
    pub reason: Refusal,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}
