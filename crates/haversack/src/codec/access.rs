//! How a session type sees the overlay: as one map from field names to values.
//!
//! What the type asks for decides what a field is: an `Each` asks for its newtype, a type that does
//! not know the field asks to ignore it, everything else reads the plain entry.

use core::cell::Cell;
use core::iter::Enumerate;
use core::slice;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::de::Reader;
use super::each::MAGIC;
use super::error::DecodeError;
use super::fields::Shape;
use super::group::{Group, Piece, Seen};

/// How far decoding got; after an error, where the fault is.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) place: Cell<Place>,
    /// The field list of the session type, if it has one.
    pub(super) names: Cell<Option<&'static [&'static str]>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Place {
    /// At the name of this group.
    Name(usize),
    /// In the value of this group; if in one element of an `Each`, in which one.
    Value(usize, Option<usize>),
    /// Before the first or after the last group.
    #[default]
    Outside,
}

/// The session value.
pub(super) struct Top<'t, 'de> {
    pub(super) groups: &'t [Group<'de>],
    pub(super) trace: &'t Trace,
}

impl<'de> Deserializer<'de> for Top<'_, 'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_map(Groups {
            rest: self.groups.iter().enumerate(),
            current: None,
            trace: self.trace,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.trace.names.set(Some(names));
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Groups<'t, 'de> {
    rest: Enumerate<slice::Iter<'t, Group<'de>>>,
    current: Option<(usize, &'t Group<'de>)>,
    trace: &'t Trace,
}

impl<'de> MapAccess<'de> for Groups<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        self.current = self.rest.find(|(_, group)| group.is_present());
        let Some((at, group)) = self.current else {
            self.trace.place.set(Place::Outside);
            return Ok(None);
        };
        self.trace.place.set(Place::Name(at));
        seed.deserialize(Name(group.name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        let Some((at, group)) = self.current else {
            return Err(DecodeError::message("a value was asked for before its name"));
        };
        self.trace.place.set(Place::Value(at, None));
        let value = seed.deserialize(Value { at, group, trace: self.trace })?;
        self.trace.place.set(Place::Outside);
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A field's name; keys of a map may also be newtypes and unit variants.
struct Name<'de>(&'de str);

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let variant: BorrowedStrDeserializer<'de, DecodeError> =
            BorrowedStrDeserializer::new(self.0);
        visitor.visit_enum(variant.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A field's value.
struct Value<'t, 'de> {
    at: usize,
    group: &'t Group<'de>,
    trace: &'t Trace,
}

impl<'t, 'de> Value<'t, 'de> {
    fn plain<R>(
        self,
        seen: Seen,
        read: impl FnOnce(&mut Reader<'de>) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        let Some(plain) = &self.group.plain else {
            return Err(DecodeError::NotEach);
        };
        self.group.seen.set(seen);
        let mut reader = Reader::new(plain.bytes);
        let value = read(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    fn splits(self) -> Splits<'t, 'de> {
        Splits {
            at: self.at,
            pieces: self.group.splits.iter().enumerate(),
            current: None,
            trace: self.trace,
        }
    }
}

macro_rules! plain {
    ($($method:ident($($arg:ident: $type:ty)?, $($arg2:ident: $type2:ty)?);)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($arg: $type,)?
            $($arg2: $type2,)?
            visitor: V,
        ) -> Result<V::Value, DecodeError> {
            self.plain(Seen::Plain, |reader| reader.$method($($arg,)? $($arg2,)? visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_, 'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    /// Types that buffer (`flatten`, `untagged`) read this way, also what they do not know.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let seen = Seen::Buffered;
        match self.group.each {
            None => self.plain(seen, |reader| reader.deserialize_any(visitor)),
            Some(shape) => {
                self.group.seen.set(seen);
                match shape {
                    Shape::Map => visitor.visit_map(self.splits()),
                    Shape::Set => visitor.visit_seq(self.splits()),
                }
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.group.seen.set(Seen::Ignored);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name != MAGIC {
            return visitor.visit_newtype_struct(self);
        }
        if self.group.each.is_none() && self.group.plain_entry.is_some() {
            return Err(DecodeError::Expand);
        }
        self.group.seen.set(Seen::Each);
        visitor.visit_newtype_struct(self.splits())
    }

    plain! {
        deserialize_bool(,);
        deserialize_i8(,);
        deserialize_i16(,);
        deserialize_i32(,);
        deserialize_i64(,);
        deserialize_i128(,);
        deserialize_u8(,);
        deserialize_u16(,);
        deserialize_u32(,);
        deserialize_u64(,);
        deserialize_u128(,);
        deserialize_f32(,);
        deserialize_f64(,);
        deserialize_char(,);
        deserialize_str(,);
        deserialize_string(,);
        deserialize_bytes(,);
        deserialize_byte_buf(,);
        deserialize_option(,);
        deserialize_unit(,);
        deserialize_unit_struct(name: &'static str,);
        deserialize_seq(,);
        deserialize_tuple(len: usize,);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map(,);
        deserialize_struct(name: &'static str, names: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier(,);
    }
}

/// What an `Each` holds.
struct Splits<'t, 'de> {
    at: usize,
    pieces: Enumerate<slice::Iter<'t, Piece<'de>>>,
    current: Option<&'t Piece<'de>>,
    trace: &'t Trace,
}

impl<'de> Splits<'_, 'de> {
    fn key<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some((element, piece)) = self.pieces.next() else {
            self.trace.place.set(Place::Value(self.at, None));
            return Ok(None);
        };
        self.current = Some(piece);
        self.trace.place.set(Place::Value(self.at, Some(element)));
        read(piece.key, seed).map(Some)
    }
}

fn read<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> Result<S::Value, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

impl<'de> Deserializer<'de> for Splits<'_, 'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_map(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == MAGIC {
            return Err(DecodeError::message("an `Each` inside an `Each`"));
        }
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Splits<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        self.key(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        match self.current {
            Some(piece) => read(piece.bytes, seed),
            None => Err(DecodeError::message("a value was asked for before its key")),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.pieces.len())
    }
}

impl<'de> SeqAccess<'de> for Splits<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        self.key(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.pieces.len())
    }
}
