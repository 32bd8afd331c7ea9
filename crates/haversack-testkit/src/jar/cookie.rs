//! One stored cookie.

/// A cookie as the jar stores it (RFC 6265bis section 5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cookie {
    /// The name; empty for a line without `=`.
    pub name: String,
    /// The value, exactly as it came.
    pub value: String,
    /// The host that set the cookie, or its `Domain`.
    pub domain: String,
    /// Only to be sent to `domain` itself: no `Domain` was given.
    pub host_only: bool,
    /// The path below which the cookie is sent.
    pub path: String,
    /// Only to be sent over secure connections.
    pub secure: bool,
    /// Hidden from scripts.
    pub http_only: bool,
    /// When to send the cookie with requests that another site initiated.
    pub same_site: SameSite,
    /// When the cookie was first set, in milliseconds since the Unix epoch; kept when it is
    /// overwritten.
    pub created_ms: u64,
    /// When the cookie was last set or sent.
    pub accessed_ms: u64,
    /// When the cookie ends; `None` with the browser session.
    pub expires_ms: Option<u64>,
    /// Breaks ties of `created_ms`: the lines of one response share a time, but have an order.
    pub(super) order: u64,
}

impl Cookie {
    /// Whether the cookie is over at `now_ms`.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|end| end <= now_ms)
    }

    /// Whether `other` would overwrite this cookie (RFC 6265bis section 5.7 step 23).
    pub(super) fn has_identity_of(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.host_only == other.host_only
            && self.path == other.path
    }
}

/// The `SameSite` attribute (RFC 6265bis section 5.6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Absent or unknown: treated as `Lax`.
    ///
    /// Chromium lets such a cookie pass on cross-site POST navigations in its first two minutes.
    /// This jar does not: a service that relied on it would fail in minute three.
    #[default]
    Default,
    /// Same-site requests, and navigations by a safe method.
    Lax,
    /// Every request; needs `Secure`.
    None,
    /// Same-site requests only.
    Strict,
}

/// Where a request comes from (RFC 6265bis section 5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Site {
    /// From the site itself, or typed into the address bar.
    #[default]
    Same,
    /// Another site's link or form navigates the whole tab.
    CrossNavigation,
    /// Another site's page embeds or fetches the resource (image, frame, script).
    CrossEmbedded,
}
