//! Why a key ring document is not accepted: what, where, and how to put it right.

use alloc::string::String;
use core::fmt;

use super::weak::Weakness;
use crate::env::Timestamp;
use crate::key_id::ShortKeyId;

/// A key ring could not be read, made or rotated.
///
/// `place` is where in the document, such as `keys[2].root`. Nothing of the document's content is
/// in it, so it may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The key was revoked before.
    AlreadyRevoked {
        /// Which.
        id: ShortKeyId,
        /// When.
        since: Timestamp,
    },
    /// The name of the app is empty or longer than 255 bytes.
    App {
        /// Its length in bytes.
        bytes: usize,
    },
    /// A field is there twice.
    DuplicateField {
        /// Which.
        place: String,
    },
    /// An id is there twice.
    DuplicateId {
        /// The second of the two.
        place: String,
        /// The first.
        first: String,
    },
    /// The same secret serves twice.
    DuplicateKey {
        /// The second of the two.
        place: String,
        /// The first.
        first: String,
    },
    /// A key is not the one that its `id` says.
    IdMismatch {
        /// The id in the document.
        place: String,
        /// The id that belongs to the key's `root`.
        derived: ShortKeyId,
    },
    /// Not an id, or not a ring mark.
    InvalidId {
        /// Which.
        place: String,
        /// How many characters it should have.
        chars: usize,
    },
    /// Not JSON.
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A secret is not canonical base64url.
    KeyEncoding {
        /// Which.
        place: String,
    },
    /// A secret is not 32 bytes.
    KeyLength {
        /// Which.
        place: String,
        /// How many characters of base64url it has.
        chars: usize,
    },
    /// A field that must be there is not.
    MissingField {
        /// Which.
        place: String,
    },
    /// The source of random bytes failed, or returned what is not random.
    NoEntropy,
    /// The ring holds no key at all.
    NoKeys,
    /// The suite is one that a later version will support.
    ReservedSuite {
        /// Which.
        place: String,
    },
    /// The times of a key contradict each other.
    Times {
        /// Which key.
        place: String,
        /// How.
        problem: &'static str,
    },
    /// A list is longer than it may be.
    TooMany {
        /// Which.
        place: String,
        /// How long it may be.
        limit: usize,
    },
    /// A field that this version does not know, or a typing error.
    UnknownField {
        /// Which.
        place: String,
    },
    /// No key of that id.
    UnknownKey {
        /// Which.
        id: ShortKeyId,
    },
    /// No suite of that name.
    UnknownSuite {
        /// Which.
        place: String,
    },
    /// Nothing to rotate: the next key is already there.
    Upcoming {
        /// The next key.
        id: ShortKeyId,
        /// When it begins to seal.
        activates: Timestamp,
    },
    /// The document is in a format that this version does not know.
    Version {
        /// The document's `version`.
        found: u64,
    },
    /// A secret can be guessed.
    WeakKey {
        /// Which.
        place: String,
        /// Why.
        weakness: Weakness,
    },
    /// A value is not of the kind that belongs there.
    WrongType {
        /// Which.
        place: String,
        /// The kind that belongs there.
        expected: &'static str,
    },
}

impl fmt::Display for KeyRingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRevoked { id, since } => {
                write!(f, "key {id} was revoked at {} (Unix time) already", since.as_secs())
            }
            Self::App { bytes: 0 } => {
                f.write_str("`app` is empty: give the app a name, and never change it")
            }
            Self::App { bytes } => write!(f, "`app` is {bytes} bytes long: use at most 255"),
            Self::DuplicateField { place } => write!(f, "`{place}` is there twice: remove one"),
            Self::DuplicateId { place, first } => {
                write!(f, "`{place}` is the same id as `{first}`: remove one")
            }
            Self::DuplicateKey { place, first } => {
                write!(f, "`{place}` is the same secret as `{first}`: every secret must be its own")
            }
            Self::IdMismatch { place, derived } => write!(
                f,
                "`{place}` does not belong to this key, whose id is {derived}: if the root was \
                 mistyped, restore it; otherwise correct or remove the id"
            ),
            Self::InvalidId { place, chars } => {
                write!(
                    f,
                    "`{place}` is not {chars} characters of base64url: copy it from where it is shown"
                )
            }
            Self::Json { line, column } => {
                write!(f, "not JSON at line {line}, column {column}: is the file complete?")
            }
            Self::KeyEncoding { place } => write!(
                f,
                "`{place}` is not canonical base64url: `-` for `+`, `_` for `/`, no `=`, no bits left over"
            ),
            Self::KeyLength { place, chars: 64 } => write!(
                f,
                "`{place}` has 64 characters: if it is hex, write it as 43 characters of base64url"
            ),
            Self::KeyLength { place, chars } => write!(
                f,
                "`{place}` has {chars} characters: a secret is 32 random bytes, 43 characters of base64url"
            ),
            Self::MissingField { place } => write!(f, "`{place}` is missing"),
            Self::NoEntropy => {
                f.write_str("the source of random bytes failed or does not return random bytes")
            }
            Self::NoKeys => f.write_str("`keys` is empty: a ring needs a key to seal with"),
            Self::ReservedSuite { place } => {
                write!(f, "`{place}`: F is reserved and not supported by this version: use A")
            }
            Self::Times { place, problem } => write!(f, "`{place}`: {problem}"),
            Self::TooMany { place, limit } => {
                write!(f, "`{place}` has more than {limit} entries: remove the oldest")
            }
            Self::UnknownField { place } => {
                write!(
                    f,
                    "`{place}` is not a field that this version knows: correct its name or remove it"
                )
            }
            Self::UnknownKey { id } => {
                write!(f, "the ring has no key {id}: look its keys up with `haversack keys list`")
            }
            Self::UnknownSuite { place } => write!(f, "`{place}` is not a suite: use A"),
            Self::Upcoming { id, activates } => write!(
                f,
                "key {id} is already there and begins to seal at {} (Unix time): rotate after that",
                activates.as_secs()
            ),
            Self::Version { found } => {
                write!(f, "`version` is {found}: this program reads key rings of version 1")
            }
            Self::WeakKey { place, weakness } => write!(
                f,
                "`{place}` {weakness}: draw 32 random bytes, there are no keys from passphrases"
            ),
            Self::WrongType { place, expected } => write!(f, "`{place}` must be {expected}"),
        }
    }
}

impl core::error::Error for KeyRingError {}
