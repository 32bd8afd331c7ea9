//! Records: one fact each, with a text of one line.

use core::fmt;
use core::str::FromStr;

use crate::Timestamp;
use crate::key_id::{InvalidId, text_is_base64url};

/// Names a session in the fleet's revocations: the same from login to logout, another one for each
/// subject. A keyed hash, 11 characters; it says nothing about the session's secrets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevocationId([u8; 8]);

/// Names who is signed in: a keyed hash of the subject field, 11 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId([u8; 8]);

text_is_base64url!(RevocationId, 8);
text_is_base64url!(SubjectId, 8);

/// One fact that ends sessions before their time. `until` is when no session could break it any
/// more, so that it may be forgotten.
///
/// Its text is one line of fields between single spaces, times in seconds unless it says otherwise:
///
/// | text | means |
/// |---|---|
/// | `session ID UNTIL` | the session is over |
/// | `floor ID RENEWED_MS PUBLISHED_MS UNTIL` | its roots from before `RENEWED_MS` count no more, five minutes after `PUBLISHED_MS` |
/// | `subject ID NOT_BEFORE UNTIL` | sessions of the subject authenticated before `NOT_BEFORE` are over |
/// | `all NOT_BEFORE UNTIL` | all sessions created or authenticated before `NOT_BEFORE` are over |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Revocation {
    /// The session is over.
    Session {
        /// Which.
        id: RevocationId,
        /// When this may be forgotten.
        until: Timestamp,
    },
    /// The session was renewed: an older root of it counts no more once those that were under way
    /// have arrived.
    Floor {
        /// Which.
        id: RevocationId,
        /// The lowest renewal that counts.
        renewed: Timestamp,
        /// When it was published; it bites five minutes later.
        published: Timestamp,
        /// When this may be forgotten.
        until: Timestamp,
    },
    /// The subject's sessions are over, but for those authenticated since.
    Subject {
        /// Whose.
        id: SubjectId,
        /// Sessions authenticated earlier are over; a whole second.
        not_before: Timestamp,
        /// When this may be forgotten.
        until: Timestamp,
    },
    /// All sessions are over, but for those created or authenticated since.
    All {
        /// Sessions created or authenticated earlier are over; a whole second.
        not_before: Timestamp,
        /// When this may be forgotten.
        until: Timestamp,
    },
}

impl Revocation {
    /// When it may be forgotten.
    pub const fn until(&self) -> Timestamp {
        match *self {
            Self::Session { until, .. }
            | Self::Floor { until, .. }
            | Self::Subject { until, .. }
            | Self::All { until, .. } => until,
        }
    }

    /// A stable label for metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Session { .. } => "session",
            Self::Floor { .. } => "floor",
            Self::Subject { .. } => "subject",
            Self::All { .. } => "all",
        }
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        let until = self.until().as_secs();
        match self {
            Self::Session { id, .. } => write!(f, "{name} {id} {until}"),
            Self::Floor { id, renewed, published, .. } => {
                write!(f, "{name} {id} {} {} {until}", renewed.as_millis(), published.as_millis())
            }
            Self::Subject { id, not_before, .. } => {
                write!(f, "{name} {id} {} {until}", not_before.as_secs())
            }
            Self::All { not_before, .. } => write!(f, "{name} {} {until}", not_before.as_secs()),
        }
    }
}

/// A text that should have been a [`Revocation`] or a [`Listed`](crate::Listed) is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRecord {
    /// It may be of a later version: it begins with a word that this one does not know.
    pub unknown_kind: bool,
}

impl fmt::Display for InvalidRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.unknown_kind {
            "a record of a kind that this version does not know"
        } else {
            "a record whose fields are not well formed"
        })
    }
}

impl core::error::Error for InvalidRecord {}

impl FromStr for Revocation {
    type Err = InvalidRecord;

    fn from_str(text: &str) -> Result<Self, InvalidRecord> {
        let mut fields = Fields::new(text);
        let record = match fields.next() {
            Some("session") => Self::Session { id: fields.id()?, until: fields.secs()? },
            Some("floor") => Self::Floor {
                id: fields.id()?,
                renewed: fields.millis()?,
                published: fields.millis()?,
                until: fields.secs()?,
            },
            Some("subject") => Self::Subject {
                id: fields.id()?,
                not_before: fields.secs()?,
                until: fields.secs()?,
            },
            Some("all") => Self::All { not_before: fields.secs()?, until: fields.secs()? },
            _ => return Err(InvalidRecord { unknown_kind: true }),
        };
        match fields.next() {
            None => Ok(record),
            Some(_) => Err(InvalidRecord { unknown_kind: false }),
        }
    }
}

/// The fields of a record's text, one after the other.
pub(crate) struct Fields<'a>(core::str::Split<'a, char>);

impl<'a> Fields<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text.split(' '))
    }

    pub(crate) fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    pub(crate) fn id<I: FromStr<Err = InvalidId>>(&mut self) -> Result<I, InvalidRecord> {
        let malformed = InvalidRecord { unknown_kind: false };
        self.next().ok_or(malformed)?.parse().map_err(|_| malformed)
    }

    /// Only the digits that would be written: one text for one record.
    fn number(&mut self) -> Result<u64, InvalidRecord> {
        let malformed = InvalidRecord { unknown_kind: false };
        let digits = self.next().ok_or(malformed)?;
        let canonical = digits.bytes().all(|b| b.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        if !canonical {
            return Err(malformed);
        }
        digits.parse().map_err(|_| malformed)
    }

    pub(crate) fn secs(&mut self) -> Result<Timestamp, InvalidRecord> {
        match self.number()? {
            secs if u32::try_from(secs).is_ok() => Ok(Timestamp::from_secs(secs)),
            _ => Err(InvalidRecord { unknown_kind: false }),
        }
    }

    fn millis(&mut self) -> Result<Timestamp, InvalidRecord> {
        match self.number()? {
            ms if ms >> 48 == 0 => Ok(Timestamp::from_millis(ms)),
            _ => Err(InvalidRecord { unknown_kind: false }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    const ID: &str = "AAECAwQFBgc";

    #[test]
    fn a_record_is_its_text() {
        for text in [
            "session AAECAwQFBgc 1800000000",
            "floor AAECAwQFBgc 1800000000123 1800000000456 1800086400",
            "subject AAECAwQFBgc 1800000000 1800086400",
            "all 1800000000 1800086400",
        ] {
            assert_eq!(text.parse::<Revocation>().unwrap().to_string(), text);
        }
        assert_eq!(ID.parse::<RevocationId>().unwrap().as_bytes(), &[0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn what_is_not_the_text_of_a_record_is_refused() {
        for text in [
            "session AAECAwQFBgc",
            "session AAECAwQFBgc 1800000000 ",
            "session AAECAwQFBgc  1800000000",
            "session AAECAwQFBg 1800000000",
            "session AAECAwQFBgd 1800000000", // not canonical
            "session AAECAwQFBgc 01800000000",
            "session AAECAwQFBgc +1800000000",
            "session AAECAwQFBgc 1800000000000", // milliseconds
            "session AAECAwQFBgc 4294967296",
            "floor AAECAwQFBgc 281474976710656 1 1",
            "all 1 2 3",
            "all ",
        ] {
            let error = text.parse::<Revocation>().unwrap_err();
            assert!(!error.unknown_kind, "{text}");
        }
        for text in ["", "device AAECAwQFBgc 1800000000", "Session AAECAwQFBgc 1", "\u{0}"] {
            assert!(text.parse::<Revocation>().unwrap_err().unknown_kind, "{text}");
        }
    }
}
