//! Sizes: what fits, what is used, and what is refused loudly.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::ConfigError;
use crate::codec::field_of;
use crate::parcel::entry_len;
use crate::state::Entry;

/// Size limits in characters. The defaults pass the default settings of every browser and proxy
/// that was measured; `docs` tells what to raise where before raising one here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// One parcel, name and value. Default 3,072: nginx's default proxy buffers fail above 3,926.
    /// At most 4,096, where browsers drop a cookie.
    pub parcel: usize,
    /// The session's live state, as a full fold would write it. Default 2,700: leaves room for the
    /// parcels of a burst.
    pub state: usize,
    /// All `Set-Cookie` lines of one response. Default 3,400: nginx's default proxy buffer holds
    /// the whole response head.
    pub response: usize,
    /// All our parcels on a request: above it field writes are refused. Default 5,000: nginx and
    /// Apache refuse a Cookie line over 8,190, and no response can heal that.
    pub request: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { parcel: 3_072, state: 2_700, response: 3_400, request: 5_000 }
    }
}

/// Most parcels that are opened of one request: as many of the smallest as [`READ_CHARS`] hold.
pub(crate) const READ_PARCELS: usize = 128;
/// Most characters of parcels that are opened of one request.
pub(crate) const READ_CHARS: usize = 16_000;
/// What browsers take, name and value (RFC 6265bis section 5.6).
pub(crate) const COOKIE_MAX: usize = 4_096;
/// A whole response head that nginx's default buffer still holds, less its status line.
pub(crate) const HEAD: usize = 3_900;
/// Characters above the request's budget that folding may fill for a moment.
const FOLD_SPARE: usize = 1_000;
/// The same for what cannot be folded yet.
const ADOPTING_SPARE: usize = 1_700;
/// Bytes of identity fields in a root.
pub(crate) const IDENTITY: usize = 1_024;
/// Characters of entries that no fragment owns before a fold is due for them.
pub(crate) const WASTE: usize = 600;

impl Budget {
    /// Folding keeps the jar below this while both the inputs and their fold are in it. With the
    /// default, what is under way has some 2,000 characters left below the line of 8,190 that nginx
    /// and Apache take; a raised budget raises it.
    pub(crate) fn fold(&self) -> usize {
        self.request.max(Self::default().request) + FOLD_SPARE
    }

    /// The most of our parcels on a request that may be written, those of lineages adopted lately
    /// included.
    pub(crate) fn adopting(&self) -> usize {
        self.request + ADOPTING_SPARE
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bad = |what| Err(ConfigError::Budget { what });
        if self.parcel > COOKIE_MAX {
            return bad("parcel is over 4,096 characters, where browsers drop a cookie");
        }
        if self.parcel < 512 {
            return bad(
                "parcel is under 512 characters: a root with its identity fields would not fit",
            );
        }
        if self.response < self.parcel {
            return bad("response is smaller than parcel: a full parcel could never be set");
        }
        if self.state > self.parcel {
            return bad("state is larger than parcel: a full fold could never be written");
        }
        if self.request < self.parcel {
            return bad("request is smaller than parcel: a full session could never be written");
        }
        Ok(())
    }
}

/// What was measured against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The identity fields, in bytes.
    Identity,
    /// One parcel, name and value, in characters.
    Parcel,
    /// The `Set-Cookie` lines of this response, in characters.
    Response,
    /// The session's live state, in characters.
    State,
}

/// The session does not fit; the old one stays whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// What was measured.
    pub what: Limit,
    /// Its size.
    pub size: usize,
    /// The most that is allowed.
    pub limit: usize,
    /// The largest fields with their bytes, largest first, at most three.
    pub largest: Vec<(String, usize)>,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, unit) = match self.what {
            Limit::Identity => ("the identity fields", "bytes"),
            Limit::Parcel => ("one parcel of the session", "characters"),
            Limit::Response => ("the session's Set-Cookie lines", "characters"),
            Limit::State => ("the session", "characters"),
        };
        write!(f, "{what} would take {} of at most {} {unit}", self.size, self.limit)?;
        for (n, (field, bytes)) in self.largest.iter().enumerate() {
            let lead = if n == 0 { "; largest fields: " } else { ", " };
            write!(f, "{lead}{field} ({bytes} bytes)")?;
        }
        f.write_str("; keep large data on the server and an id in the session")
    }
}

impl core::error::Error for TooLarge {}

/// Bytes by field, largest first.
pub(crate) fn by_field<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<(String, usize)> {
    let mut fields: Vec<(&[u8], usize)> = Vec::new();
    for entry in entries {
        let name = field_of(entry.name);
        let len = entry_len(&entry, None);
        match fields.iter_mut().find(|(field, _)| *field == name) {
            Some((_, sum)) => *sum += len,
            None => fields.push((name, len)),
        }
    }
    fields.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    fields
        .into_iter()
        .map(|(name, len)| (String::from_utf8_lossy(name).into_owned(), len))
        .collect()
}

pub(crate) fn too_large<'a>(
    what: Limit,
    size: usize,
    limit: usize,
    entries: impl IntoIterator<Item = Entry<'a>>,
) -> TooLarge {
    let mut largest = by_field(entries);
    largest.truncate(3);
    TooLarge { what, size, limit, largest }
}
