//! What can go wrong between a value and its entries, grouped by who must act.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::convert::Infallible;
use core::fmt;

/// A session value cannot be encoded: the program must change the value or its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    field: Option<Box<str>>,
    fault: EncodeFault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EncodeFault {
    DuplicateField,
    DuplicateKey,
    EachNested,
    EachShape,
    Message(Box<str>),
    NameEmpty,
    NameLong(usize),
    NameNotText,
    NameZero,
    NotFields,
    TooDeep,
}

impl EncodeError {
    /// The field that cannot be encoded, if the fault lies in one.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The same error, of `field` unless it is already known whose it is.
    pub(super) fn within(mut self, field: &[u8]) -> Self {
        if self.field.is_none() {
            self.field = Some(String::from_utf8_lossy(field).into_owned().into());
        }
        self
    }

    #[cfg(test)]
    pub(super) fn fault(&self) -> &EncodeFault {
        &self.fault
    }
}

impl From<EncodeFault> for EncodeError {
    fn from(fault: EncodeFault) -> Self {
        Self { field: None, fault }
    }
}

impl From<minicbor::encode::Error<Infallible>> for EncodeError {
    fn from(error: minicbor::encode::Error<Infallible>) -> Self {
        EncodeFault::Message(error.to_string().into()).into()
    }
}

impl serde::ser::Error for EncodeError {
    fn custom<M: fmt::Display>(message: M) -> Self {
        EncodeFault::Message(message.to_string().into()).into()
    }
}

impl core::error::Error for EncodeError {}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "session field `{field}`: ")?,
            None => f.write_str("session value: ")?,
        }
        match &self.fault {
            EncodeFault::DuplicateField => {
                f.write_str("the name is used twice; rename one of the fields")
            }
            EncodeFault::DuplicateKey => f.write_str(
                "a map has two entries with the same encoded key; use keys that stay distinct",
            ),
            EncodeFault::EachNested => f.write_str(
                "an `Each` must be a field of the session type itself; use the plain map in other places",
            ),
            EncodeFault::EachShape => {
                f.write_str("an `Each` must hold a map or a set; drop the `Each` for other types")
            }
            EncodeFault::Message(message) => f.write_str(message),
            EncodeFault::NameEmpty => f.write_str("the name is empty; give the field a name"),
            EncodeFault::NameLong(len) => write!(
                f,
                "the name, with the key of an `Each` entry, takes {len} bytes of at most 255; shorten it"
            ),
            EncodeFault::NameNotText => {
                f.write_str("a name is not text; use a map with text keys as session type")
            }
            EncodeFault::NameZero => {
                f.write_str("the name contains a zero byte; rename the field")
            }
            EncodeFault::NotFields => {
                f.write_str("it is not a struct or a map; use a struct with named fields")
            }
            EncodeFault::TooDeep => f.write_str("it is nested too deeply; flatten it"),
        }
    }
}

/// A type cannot be a session type: the program must change it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaError {
    /// `T::default()` was encoded, but does not decode again.
    Default {
        /// The field that does not decode, if the fault lies in one.
        field: Option<String>,
        /// What the type's `Deserialize` said.
        message: String,
    },
    /// `T::default()` cannot be encoded.
    Encode(EncodeError),
}

impl From<EncodeError> for SchemaError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl core::error::Error for SchemaError {}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default { field: Some(field), message } => write!(
                f,
                "session field `{field}`: its default does not decode again ({message}); \
                 make `Serialize` and `Deserialize` agree"
            ),
            Self::Default { field: None, message } => write!(
                f,
                "the default session value does not decode again ({message}); \
                 make `Serialize` and `Deserialize` agree, or add `#[serde(default)]`"
            ),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

/// A field that arrived and could not be read. Its default stands in for it, and what arrived is
/// carried until the field is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldReport {
    /// The field's name.
    pub field: String,
    /// Why it could not be read.
    pub fault: FieldFault,
}

/// Why a field could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldFault {
    /// It does not decode as the type that the program has for it now.
    Undecodable {
        /// What the type's `Deserialize` said; our own words never quote the value.
        message: String,
    },
    /// It decides who the user is or what they may do, but was written as an ordinary field, so it
    /// is not taken: a program of the fleet declares the identity fields otherwise.
    Misplaced,
    /// It is encoded in a way that this version does not know.
    UnknownEncoding(u8),
}

impl FieldReport {
    pub(crate) fn misplaced(entry: &[u8]) -> Self {
        let field = String::from_utf8_lossy(super::field_of(entry)).into_owned();
        Self { field, fault: FieldFault::Misplaced }
    }
}

impl fmt::Display for FieldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session field `{}`: {}", self.field, self.fault)
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable { message } => write!(f, "does not decode ({message})"),
            Self::Misplaced => {
                f.write_str("is an identity field that was written as an ordinary one")
            }
            Self::UnknownEncoding(byte) => write!(f, "has the unknown encoding {byte}"),
        }
    }
}

/// Why decoding stopped. Some kinds are requests to the overlay, see there.
#[derive(Debug)]
pub(super) enum DecodeError {
    /// Two names of one field (`alias`) are present; this is the field's own name, usually.
    Duplicate(&'static str),
    /// An `Each` was asked of a field that has a plain entry: it must be read as split.
    Expand,
    /// A field is missing that the type cannot do without.
    Missing(&'static str),
    /// Something other than an `Each` was asked of a field that has only split entries.
    NotEach,
    Message(String),
}

impl serde::de::Error for DecodeError {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::Message(message.to_string())
    }

    // Reports go to logs and values do not: serde's own words for these three quote the value.
    fn invalid_type(
        unexpected: serde::de::Unexpected<'_>,
        expected: &dyn serde::de::Expected,
    ) -> Self {
        Self::Message(alloc::format!("found {}, expected {expected}", kind_of(unexpected)))
    }

    fn invalid_value(
        unexpected: serde::de::Unexpected<'_>,
        expected: &dyn serde::de::Expected,
    ) -> Self {
        Self::Message(alloc::format!(
            "found {} out of range, expected {expected}",
            kind_of(unexpected)
        ))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::Message(alloc::format!("unknown variant, expected one of {expected:?}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Duplicate(field)
    }
}

fn kind_of(unexpected: serde::de::Unexpected<'_>) -> &'static str {
    use serde::de::Unexpected;
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "a map",
        _ => "something else",
    }
}

impl From<minicbor::decode::Error> for DecodeError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Message(error.to_string())
    }
}

impl core::error::Error for DecodeError {}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(field) => write!(f, "duplicate field `{field}`"),
            Self::Expand => f.write_str("a plain entry of an `Each`"),
            Self::Missing(field) => write!(f, "missing field `{field}`"),
            Self::NotEach => f.write_str("written as `Each`"),
            Self::Message(message) => f.write_str(message),
        }
    }
}

impl DecodeError {
    pub(super) fn message(text: &str) -> Self {
        Self::Message(text.to_owned())
    }
}
