//! Values to entries and back: what a session type looks like in the jar.
//!
//! 1. A session type is a struct or a map with text keys. Its top-level entries are the *fields*;
//!    each is encoded on its own as deterministic CBOR (RFC 8949 section 4.2.1), so that equal values
//!    have equal bytes in every language. Serde's usual data model applies, not human-readable:
//!    `None` and `()` are null, a unit variant is its name, another variant a map of one entry.
//! 2. A field is one *entry* of the state, under its name. An [`Each`] is one entry per element, named
//!    by field, `0x00` and the encoded key; an element of a set has the value null.
//! 3. Decoding lays the state over `T::default()`, entry by entry: a value replaces the default's
//!    entry, a tombstone removes it. A removed field that the type cannot do without has its default.
//! 4. What the type ignores (`deserialize_ignored_any`), or refuses by name (`deny_unknown_fields`),
//!    is unknown: it is carried, never changed. Types with `flatten` buffer what they do not know;
//!    there it counts as known only if it is written back.
//! 5. What does not decode falls back to its default alone, is reported and carried. In an `Each` that
//!    is a single element. What is encoded in an unknown way falls back as well.
//! 6. A plain entry of an `Each` field, as a program wrote it before the field was an `Each`, is read
//!    as one entry per element at its stamp, and split entries beside it win or lose element by
//!    element. It is never rewritten as a whole. Where the type reads something else than an `Each`,
//!    split entries are carried and the field counts as absent.
//! 7. *Changes* are entries that differ from what arrived: neither the same bytes, nor the bytes that
//!    what was decoded encodes to (another program may encode otherwise). An entry that did not arrive
//!    is compared with the default's. Known and no longer written = removed.
//! 8. Names that a type reads into one field (`alias`) are one register: the later stamp wins, and the
//!    next change moves what was read to the name that is written.
//!
//! Caveat: serde's buffers (`flatten`, `untagged`, `tag`) call themselves human-readable when they are
//! read, and hold no 128-bit integers. Types that look different in the two worlds, such as IP
//! addresses, do not survive in them; with a value in the default the schema finds out.

mod access;
mod changes;
mod compound;
mod de;
mod each;
mod error;
mod fields;
mod group;
mod overlay;
mod ser;
#[cfg(test)]
mod tests;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use changes::Changes;
pub use each::Each;
pub use error::{EncodeError, FieldFault, FieldReport, SchemaError};
pub use fields::encode_field;
pub(crate) use fields::field_of;
pub(crate) use fields::{Fields, encode_fields};

use crate::state::Entry;
use overlay::Overlay;

/// How deep a field's value may be nested, in both directions: `Some`, newtypes and variants count.
/// Bounds the stack, which a small value could exhaust otherwise.
const MAX_DEPTH: usize = 64;

/// A session type that has passed its checks, with the encoded default.
pub(crate) struct Schema<T> {
    default: Fields,
    names: Option<&'static [&'static str]>,
    session: PhantomData<fn() -> T>,
}

/// A session value, and what could not be read of it.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The value; fields that could not be read have their defaults.
    pub value: T,
    /// The fields that could not be read.
    pub reports: Vec<FieldReport>,
}

impl<T> Schema<T> {
    /// The default's entries.
    pub(crate) fn default_fields(&self) -> &Fields {
        &self.default
    }
}

impl<T: Default + Serialize + DeserializeOwned> Schema<T> {
    /// Checks a session type.
    ///
    /// # Errors
    ///
    /// `T` is not a struct or a map, a field has a name that cannot be carried, or `T::default()` does
    /// not encode or does not decode again. An `Each` in a place where it cannot be is found here only
    /// if the default has a value for it; the first write finds it in any case.
    pub(crate) fn new() -> Result<Self, SchemaError> {
        let default = encode_fields(&T::default())?;
        let mut overlay = Overlay::new(&default, &[]);
        if let Err((place, error)) = overlay.attempt::<T>() {
            return Err(SchemaError::Default {
                field: overlay.name_at(place).map(ToString::to_string),
                message: error.to_string(),
            });
        }
        let names = overlay.names();
        for name in names.unwrap_or_default() {
            fields::check_name(name.as_bytes())?;
        }
        Ok(Self { default, names, session: PhantomData })
    }

    /// The field list that `deserialize_struct` received; none for maps and with `flatten`.
    pub(crate) fn names(&self) -> Option<&'static [&'static str]> {
        self.names
    }

    /// The encoded value of the default's entry of this name.
    pub(crate) fn default_bytes(&self, name: &[u8]) -> Option<&[u8]> {
        self.default.get(name)
    }

    /// Lays `state`, ascending by name, over the default. Never fails: in the worst case the value is
    /// `T::default()` and everything is reported.
    pub(crate) fn decode(&self, state: &[Entry<'_>]) -> Decoded<T> {
        let mut overlay = Overlay::new(&self.default, state);
        let value = overlay.decode_or_default();
        let reports = overlay.reports();
        Decoded { value, reports }
    }

    /// What differs between `value` and `state`, ascending by name.
    ///
    /// # Errors
    ///
    /// `value` cannot be encoded.
    pub(crate) fn changes(&self, value: &T, state: &[Entry<'_>]) -> Result<Changes, EncodeError> {
        changes::between(value, state, &self.default)
    }
}

impl<T> fmt::Debug for Schema<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("names", &self.names).finish_non_exhaustive()
    }
}
