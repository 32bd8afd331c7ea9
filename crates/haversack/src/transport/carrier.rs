//! What carries a session: cookies, or one header. Everything else asks here for names and lengths.

use alloc::string::String;

use super::{CookieSpec, HeaderSpec};
use crate::wire;

/// What carries a session from its client and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Cookies, which a browser keeps.
    #[default]
    Cookies,
    /// A header field, whose value an API client keeps.
    Header,
}

impl Transport {
    /// The name in metrics and traces.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Cookies => "cookies",
            Transport::Header => "header",
        }
    }
}

/// How a session is laid out over parcels. A session keeps the layout that it began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Several cookies that merge: requests that overlap lose nothing of each other.
    #[default]
    Merging,
    /// One cookie, named by the base alone. Of responses that overlap the last one wins, whole.
    /// Sessions that travel in a header are always laid out so.
    Single,
}

/// One of our parcels on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'h> {
    /// What follows `<base>.` in the name; empty for the base itself and for a header.
    pub(crate) suffix: &'h str,
    pub(crate) value: &'h [u8],
    /// What it takes in the `Cookie` line; of a header, what it would take there.
    pub(crate) chars: usize,
}

/// What carries the session of one exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carrier<'p> {
    Cookies(&'p CookieSpec),
    Header(&'p HeaderSpec),
}

impl Carrier<'_> {
    pub(crate) fn transport(self) -> Transport {
        match self {
            Carrier::Cookies(_) => Transport::Cookies,
            Carrier::Header(_) => Transport::Header,
        }
    }

    /// The associated data's channel: what a parcel is bound to beside its scope.
    pub(crate) fn channel(self, suffix: &str) -> String {
        let (prefix, name) = match self {
            Carrier::Cookies(cookie) => ("c:", cookie.base()),
            Carrier::Header(header) => ("h:", header.name()),
        };
        let mut channel = String::with_capacity(prefix.len() + self.name_len(suffix));
        channel.push_str(prefix);
        channel.push_str(name);
        push_suffix(&mut channel, suffix);
        channel
    }

    /// Characters of a parcel's name.
    pub(crate) fn name_len(self, suffix: &str) -> usize {
        let base = match self {
            Carrier::Cookies(cookie) => cookie.base(),
            Carrier::Header(header) => header.name(),
        };
        base.len() + suffix_len(suffix)
    }

    /// Characters of a parcel, name and value, with a frame of `frame` bytes.
    pub(crate) fn parcel_len(self, suffix: &str, frame: usize) -> usize {
        self.name_len(suffix) + wire::text_len(frame)
    }

    /// Characters that setting it costs on the wire, with the field's name and line end.
    pub(crate) fn set_len(self, suffix: &str, value_len: usize, max_age: u64) -> usize {
        match self {
            Carrier::Cookies(cookie) => cookie.set_len(suffix, value_len, max_age),
            Carrier::Header(header) => header.line_len(value_len),
        }
    }

    /// The same of deleting it.
    pub(crate) fn delete_len(self, suffix: &str) -> usize {
        match self {
            Carrier::Cookies(cookie) => cookie.delete_len(suffix),
            Carrier::Header(header) => header.line_len(0),
        }
    }
}

/// Appends what follows the base in a name; nothing for a whole session.
pub(super) fn push_suffix(name: &mut String, suffix: &str) {
    if !suffix.is_empty() {
        name.push('.');
        name.push_str(suffix);
    }
}

pub(super) fn suffix_len(suffix: &str) -> usize {
    if suffix.is_empty() { 0 } else { ".".len() + suffix.len() }
}
