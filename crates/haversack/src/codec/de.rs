//! CBOR to values: definite lengths only, every length checked against what is there.
//!
//! More is read than is written, so that programs in other languages need not sort or shorten: any
//! width of an integer or float, and map keys in any order. Tags other than those of big integers are
//! refused, because a value that is written back would lose them.

use alloc::vec::Vec;

use minicbor::Decoder;
use minicbor::data::Type;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::MAX_DEPTH;
use super::each::MAGIC;
use super::error::DecodeError;

/// One encoded value, being read.
pub(super) struct Reader<'de> {
    decoder: Decoder<'de>,
    depth: usize,
}

/// The first byte of an empty text; a short one adds its length.
const TEXT: u8 = 0x60;

/// The value of a set's element.
pub(super) const NULL: &[u8] = &[0xf6];

/// An encoded key and its encoded value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// The elements of a plain map, or of an array as a map to null, without decoding them.
pub(super) fn pairs(bytes: &[u8]) -> Result<Vec<Pair<'_>>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let is_map = reader.decoder.datatype()? == Type::Map;
    let len = reader.len(is_map)?;
    // Cannot be large: every element takes a byte at least, and `len` has looked.
    let mut pairs = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    for _ in 0..len {
        let key = reader.raw()?;
        pairs.push((key, if is_map { reader.raw()? } else { NULL }));
    }
    reader.end()?;
    Ok(pairs)
}

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { decoder: Decoder::new(bytes), depth: 0 }
    }

    /// Nothing may follow the value.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.left() > 0 {
            return Err(DecodeError::message("malformed: bytes after the end"));
        }
        Ok(())
    }

    fn left(&self) -> usize {
        self.decoder.input().len().saturating_sub(self.decoder.position())
    }

    /// Runs `read` one level deeper. Levels without bytes of their own count as well, or a type
    /// that contains itself through `Option` would recurse for ever.
    fn nested<R>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        if self.depth == MAX_DEPTH {
            return Err(DecodeError::message("nested too deeply"));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// A text of up to 23 bytes, as names and most values are; `None` leaves it to the decoder.
    fn short_text(&mut self) -> Option<&'de str> {
        let start = self.decoder.position();
        let (head, rest) = self.decoder.input().get(start..)?.split_first()?;
        let len = usize::from(head.checked_sub(TEXT).filter(|len| *len < 24)?);
        let text = core::str::from_utf8(rest.get(..len)?).ok()?;
        self.decoder.set_position(start + 1 + len);
        Some(text)
    }

    /// The length of the array or map that begins here.
    fn len(&mut self, is_map: bool) -> Result<u64, DecodeError> {
        let len = if is_map { self.decoder.map()? } else { self.decoder.array()? };
        let Some(len) = len else {
            return Err(DecodeError::message("malformed: indefinite length"));
        };
        if len > self.left() as u64 {
            return Err(DecodeError::message("malformed: length beyond the end"));
        }
        Ok(len)
    }

    /// The bytes of the next value.
    fn raw(&mut self) -> Result<&'de [u8], DecodeError> {
        let start = self.decoder.position();
        IgnoredAny::deserialize(&mut *self)?;
        let raw = self.decoder.input().get(start..self.decoder.position());
        Ok(raw.unwrap_or_default())
    }

    fn elements<V: Visitor<'de>>(
        &mut self,
        is_map: bool,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let len = self.len(is_map)?;
        self.nested(|reader| {
            let mut elements = Elements { reader, left: len };
            let value = if is_map {
                visitor.visit_map(&mut elements)?
            } else {
                visitor.visit_seq(&mut elements)?
            };
            if elements.left > 0 {
                return Err(DecodeError::message("more elements than expected"));
            }
            Ok(value)
        })
    }

    fn integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        let start = self.decoder.position();
        let Ok(value) = self.decoder.i128() else {
            self.decoder.set_position(start);
            return visitor.visit_u128(self.decoder.u128()?);
        };
        if let Ok(value) = u64::try_from(value) {
            visitor.visit_u64(value)
        } else if let Ok(value) = i64::try_from(value) {
            visitor.visit_i64(value)
        } else {
            visitor.visit_i128(value)
        }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if let Some(text) = self.short_text() {
            return visitor.visit_borrowed_str(text);
        }
        match self.decoder.datatype()? {
            Type::Bool => visitor.visit_bool(self.decoder.bool()?),
            Type::Null => {
                self.decoder.null()?;
                visitor.visit_unit()
            }
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => visitor.visit_u64(self.decoder.u64()?),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int | Type::Tag => {
                self.integer(visitor)
            }
            Type::F16 | Type::F32 | Type::F64 => visitor.visit_f64(self.decoder.f64()?),
            Type::Bytes => visitor.visit_borrowed_bytes(self.decoder.bytes()?),
            Type::String => visitor.visit_borrowed_str(self.decoder.str()?),
            Type::Array => self.elements(false, visitor),
            Type::Map => self.elements(true, visitor),
            _ => Err(DecodeError::message("malformed: indefinite length or unassigned code")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.decoder.datatype()? == Type::Null {
            self.decoder.null()?;
            return visitor.visit_none();
        }
        self.nested(|reader| visitor.visit_some(reader))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == MAGIC {
            return Err(DecodeError::message(
                "an `Each` must be a field of the session type itself",
            ));
        }
        self.nested(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if self.decoder.datatype()? == Type::Map {
            if self.len(true)? != 1 {
                return Err(DecodeError::message("a variant must be a map of one entry"));
            }
            return self.nested(|reader| visitor.visit_enum(Variant { reader }));
        }
        visitor.visit_enum(BorrowedStrDeserializer::new(self.decoder.str()?))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The rest of an array or map.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: u64,
}

impl Elements<'_, '_> {
    fn next(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        more
    }

    fn hint(&self) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX).min(self.reader.left())
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        if !self.next() {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        if !self.next() {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

/// A variant with data: the one entry of a map.
struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DecodeError> {
        let variant = seed.deserialize(&mut *self.reader)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        <()>::deserialize(self.reader)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.reader.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use alloc::vec;

    use proptest::prelude::*;
    use serde::de::DeserializeOwned;

    use super::*;

    fn from<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        let mut reader = Reader::new(bytes);
        T::deserialize(&mut reader)
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|error| alloc::string::ToString::to_string(&error))
    }

    #[test]
    fn reads_integers_and_floats_of_any_width() {
        assert_eq!(from::<u8>(&[0x1b, 0, 0, 0, 0, 0, 0, 0, 7]), Ok(7));
        assert_eq!(from::<i64>(&[0x38, 0x63]), Ok(-100));
        assert_eq!(from::<i64>(&[0x3b, 0x7f, 255, 255, 255, 255, 255, 255, 255]), Ok(i64::MIN));
        assert_eq!(from::<u16>(&[0xc2, 0x42, 1, 0]), Ok(256));
        assert_eq!(from::<f64>(&[0xf9, 0x3c, 0]), Ok(1.0));
        assert_eq!(from::<f32>(&[0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]), Ok(1.5));
        assert_eq!(from::<f64>(&[7]), Ok(7.0));
        assert!(from::<u8>(&[0x19, 1, 0]).is_err());
    }

    #[test]
    fn refuses_what_is_malformed() {
        for bytes in [
            &[0x9f, 1, 0xff][..],
            &[0xbf, 0xff],
            &[0x5f, 0x41, 1, 0xff],
            &[0x7f, 0x61, 0x61, 0xff],
            &[0x81],
            &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            &[0xbb, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            &[0x62, 0x61],
            &[0x61, 0xff],
            &[0x1c],
            &[0xf8, 0x20],
            &[0xf7],
            &[0xc0, 0x61, 0x61],
            &[1, 1],
            &[],
        ] {
            assert!(from::<IgnoredAny>(bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn bounds_recursion_even_where_nothing_is_read() {
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only its shape matters")]
        struct Endless(Option<Box<Endless>>);

        assert!(from::<Endless>(&[1]).is_err());
        assert!(from::<Endless>(&[0xf6]).is_ok());
        let mut nested = vec![0x81; MAX_DEPTH];
        nested.push(0);
        assert!(from::<IgnoredAny>(&nested).is_ok());
        nested.insert(0, 0x81);
        assert!(from::<IgnoredAny>(&nested).is_err());
    }

    #[test]
    fn reads_both_forms_of_a_variant_without_data() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        enum Theme {
            Dark,
        }
        assert_eq!(from::<Theme>(b"\x64Dark"), Ok(Theme::Dark));
        assert_eq!(from::<Theme>(b"\xa1\x64Dark\xf6"), Ok(Theme::Dark));
        assert!(from::<Theme>(b"\xa0").is_err());
        assert!(from::<Theme>(b"\xa2\x64Dark\xf6\x64Dark\xf6").is_err());
    }

    #[test]
    fn takes_pairs_apart_without_decoding_them() {
        assert_eq!(
            pairs(&[0xa2, 1, 0x81, 2, 0x61, 0x61, 3]).unwrap(),
            [(&[1][..], &[0x81, 2][..]), (&[0x61, 0x61], &[3])]
        );
        assert_eq!(pairs(&[0x81, 5]).unwrap(), [(&[5][..], NULL)]);
        assert!(pairs(&[0x05]).is_err());
        assert!(pairs(&[0xa1, 1]).is_err());
        assert!(pairs(&[0x80, 0]).is_err());
    }

    #[test]
    fn errors_do_not_quote_values() {
        let error = from::<u8>(b"\x66secret").unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = from::<IgnoredAny>(&bytes);
            let _ = from::<BTreeMap<String, Vec<Option<i128>>>>(&bytes);
            let _ = pairs(&bytes);
        }
    }
}
