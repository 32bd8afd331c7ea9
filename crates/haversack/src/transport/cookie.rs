//! Cookies (RFC 6265bis): finding our parcels in `Cookie` lines, writing `Set-Cookie` lines.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::Found;
use super::carrier::{push_suffix, suffix_len};
use crate::ConfigError;
use crate::wire;

/// The `SameSite` attribute (RFC 6265bis section 5.6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Sent on same-site requests and on top-level navigations with safe methods.
    #[default]
    Lax,
    /// Sent on cross-site requests too. Needs another defence against request forgery.
    None,
    /// Sent on same-site requests only.
    Strict,
}

/// The name and the attributes of our cookies.
///
/// All are `HttpOnly; Path=/` and carry no `Domain`; all are `Secure` but those of
/// [`CookieSpec::insecure_dev`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    base: String,
    same_site: SameSite,
    persistent: bool,
    secure: bool,
}

impl Default for CookieSpec {
    fn default() -> Self {
        Self {
            base: String::from("__Host-Http-hv"),
            same_site: SameSite::default(),
            persistent: true,
            secure: true,
        }
    }
}

impl CookieSpec {
    /// Cookies named `<base>.<suffix>`. The base must be unique per app and tenant on an origin.
    ///
    /// With the prefix `__Host-Http-` or `__Host-` browsers hold the cookie to its attributes;
    /// prefer them.
    #[must_use]
    pub fn named(base: impl Into<String>) -> Self {
        Self { base: base.into(), ..Self::default() }
    }

    /// Cookies named `hv.<suffix>` without `Secure`, for development over plain http on a host
    /// other than `localhost` and `127.0.0.1` (there, Chromium and Firefox take the default).
    ///
    /// Never for production: neighbours on the domain and on the network can plant such cookies.
    #[must_use]
    pub fn insecure_dev() -> Self {
        Self { base: String::from("hv"), secure: false, ..Self::default() }
    }

    /// Sets the `SameSite` attribute. Default: [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Makes the session end with the browser's own session: no `Max-Age`.
    #[must_use]
    pub fn browser_session(mut self) -> Self {
        self.persistent = false;
        self
    }

    /// The part of the names before the dot.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bad = |what| Err(ConfigError::Cookie { base: self.base.clone(), what });
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-^_`|~.".contains(b);
        let starts = |prefix: &str| {
            self.base.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if self.base.is_empty() || self.base.len() > 64 {
            return bad("must have 1 to 64 characters");
        }
        if !self.base.as_bytes().iter().all(token) {
            return bad("has a character that RFC 9110 does not allow in a token");
        }
        if !self.secure && (starts("__Host-") || starts("__Secure-") || starts("__Http-")) {
            return bad("has a prefix that demands `Secure`, which insecure_dev leaves out");
        }
        if self.same_site == SameSite::None && !self.secure {
            return bad("is SameSite=None, which browsers take only with `Secure`");
        }
        Ok(())
    }

    /// A `Set-Cookie` value for a parcel that lives `max_age` seconds.
    pub(crate) fn set(&self, suffix: &str, value: &str, max_age: u64) -> String {
        let mut line = String::with_capacity(self.set_len(suffix, value.len(), max_age));
        line.push_str(&self.base);
        push_suffix(&mut line, suffix);
        line.push('=');
        line.push_str(value);
        if self.persistent {
            let _ = write!(line, "; Max-Age={max_age}");
        }
        self.scope(&mut line);
        line.push_str(self.same_site_text());
        line
    }

    /// A `Set-Cookie` value that makes the client forget a parcel: no time left, and what the prefix
    /// of the name demands. `SameSite` guards what is stored, and here nothing is; only a
    /// cross-site frame takes no line without `SameSite=None`.
    pub(crate) fn delete(&self, suffix: &str) -> String {
        let mut line = String::with_capacity(self.delete_len(suffix));
        line.push_str(&self.base);
        push_suffix(&mut line, suffix);
        line.push_str("=; Max-Age=0");
        self.scope(&mut line);
        if self.same_site == SameSite::None {
            line.push_str(self.same_site_text());
        }
        line
    }

    /// Characters that [`set`](Self::set) costs on the wire, with the field's name and line end.
    pub(crate) fn set_len(&self, suffix: &str, value_len: usize, max_age: u64) -> usize {
        let age = if self.persistent { "; Max-Age=".len() + decimal_len(max_age) } else { 0 };
        let name = self.base.len() + suffix_len(suffix);
        let attributes = self.scope_len() + self.same_site_text().len();
        LINE + name + "=".len() + value_len + age + attributes
    }

    /// Characters that [`delete`](Self::delete) costs on the wire.
    pub(crate) fn delete_len(&self, suffix: &str) -> usize {
        let name = self.base.len() + suffix_len(suffix);
        let none = self.same_site == SameSite::None;
        let same_site = if none { self.same_site_text().len() } else { 0 };
        LINE + name + "=; Max-Age=0".len() + self.scope_len() + same_site
    }

    fn scope(&self, line: &mut String) {
        line.push_str("; Path=/");
        if self.secure {
            line.push_str("; Secure");
        }
        line.push_str("; HttpOnly");
    }

    fn scope_len(&self) -> usize {
        let secure = if self.secure { "; Secure".len() } else { 0 };
        "; Path=/; HttpOnly".len() + secure
    }

    fn same_site_text(&self) -> &'static str {
        match self.same_site {
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
            SameSite::Strict => "; SameSite=Strict",
        }
    }
}

/// `Set-Cookie: ` and the line end.
const LINE: usize = 14;

fn decimal_len(n: u64) -> usize {
    n.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Collects our cookies from all `Cookie` lines, in order.
///
/// RFC 6265bis has one line, HTTP/2 may split it (RFC 9113 section 8.2.3). A name whose suffix is
/// not of base64url characters, and a value that does not begin with `hv`, are not ours.
pub(crate) fn collect<'h>(base: &str, lines: impl IntoIterator<Item = &'h [u8]>) -> Vec<Found<'h>> {
    let mut found = Vec::new();
    for line in lines {
        for pair in line.split(|&byte| byte == b';') {
            let pair = pair.trim_ascii();
            let Some(rest) = pair.strip_prefix(base.as_bytes()) else { continue };
            let Some(equals) = rest.iter().position(|&byte| byte == b'=') else { continue };
            let (name, value) = rest.split_at(equals);
            let value = value.strip_prefix(b"=").unwrap_or_default();
            let suffix = match name {
                [] => name,
                [b'.', suffix @ ..] if is_suffix(suffix) => suffix,
                _ => continue,
            };
            let Ok(suffix) = core::str::from_utf8(suffix) else { continue };
            if wire::is_ours(value) {
                found.push(Found { suffix, value, chars: pair.len() + "; ".len() });
            }
        }
    }
    found
}

fn is_suffix(text: &[u8]) -> bool {
    let base64url = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.iter().all(base64url)
}

/// Whether a `Cookie` line may hold one of our cookies; all that an untouched session costs.
pub fn mentions(base: &str, line: &[u8]) -> bool {
    line.split(|&byte| byte == b';').any(|pair| {
        pair.trim_ascii_start()
            .strip_prefix(base.as_bytes())
            .is_some_and(|rest| matches!(rest.first(), Some(b'.' | b'=')))
    })
}
