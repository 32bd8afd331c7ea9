//! A parcel's name: its kind, a hint of its lineage, and a tag of its content.

use core::fmt;
use core::str;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Lineage;
use crate::keyring::Keys;

/// What a parcel is; the first character of its name's suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `e`: closes a lineage.
    End,
    /// `r`: whose session, and when.
    Root,
    /// `a`: a fragment written while nobody was signed in.
    Anonymous,
    /// `u`: a fragment written under a subject.
    Subject,
    /// The base name alone: a whole session in one parcel (layout Single).
    Single,
}

impl Kind {
    fn letter(self) -> u8 {
        match self {
            Kind::End => b'e',
            Kind::Root => b'r',
            Kind::Anonymous => b'a',
            Kind::Subject => b'u',
            Kind::Single => 0, // the name is not made of the content, so nothing is hashed
        }
    }

    /// Whether it says whose session it is, or ends one.
    pub(crate) fn is_head(self) -> bool {
        matches!(self, Kind::End | Kind::Root | Kind::Single)
    }
}

/// What follows `<base>.` in the name of a parcel: kind, hint (2), tag (6). Nothing, and no dot,
/// in the name of a whole session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Suffix([u8; 9]);

impl Suffix {
    /// Of the one name that does not follow from its content.
    pub(crate) const SINGLE: Self = Self([0; 9]);
    /// Characters of any other name after its base, dot included.
    pub(crate) const CHARS: usize = 10;

    /// The suffix in a cookie's name, if it has the form of one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::SINGLE);
        }
        let bytes: [u8; 9] = text.as_bytes().try_into().ok()?;
        let well_formed =
            bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (well_formed && Self(bytes).kind_of().is_some()).then_some(Self(bytes))
    }

    /// The only name of this content: work that two servers do alike lands on one name.
    pub(crate) fn of(keys: &Keys, kind: Kind, lineage: Lineage, frame: &[u8]) -> Self {
        let digest = keys.name_tag(&[&[kind.letter()], &lineage.0, frame]);
        let mut tag = [0; 11];
        // Eight bytes are eleven characters; the first six are the tag.
        let _ = URL_SAFE_NO_PAD.encode_slice(digest, &mut tag);
        let [x, y] = hint(lineage);
        let mut text = [kind.letter(), x, y, 0, 0, 0, 0, 0, 0];
        for (to, from) in text.iter_mut().skip(3).zip(tag) {
            *to = from;
        }
        Self(text)
    }

    fn kind_of(self) -> Option<Kind> {
        match self.0[0] {
            b'e' => Some(Kind::End),
            b'r' => Some(Kind::Root),
            b'a' => Some(Kind::Anonymous),
            b'u' => Some(Kind::Subject),
            0 => Some(Kind::Single),
            _ => None,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        self.kind_of().unwrap_or(Kind::Root) // parse() lets no other letter in
    }

    /// Two characters of the lineage; several lineages may share them.
    pub(crate) fn hint(self) -> [u8; 2] {
        let [_, x, y, ..] = self.0;
        [x, y]
    }

    pub(crate) fn as_str(&self) -> &str {
        if *self == Self::SINGLE {
            return "";
        }
        str::from_utf8(&self.0).unwrap_or_default() // ASCII by construction
    }
}

impl fmt::Debug for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first two base64url characters of a lineage.
pub(crate) fn hint(lineage: Lineage) -> [u8; 2] {
    let [a, b, ..] = lineage.0;
    let mut text = [0; 4];
    let _ = URL_SAFE_NO_PAD.encode_slice([a, b, 0], &mut text);
    let [x, y, ..] = text;
    [x, y]
}
