//! Values to deterministic CBOR (RFC 8949 section 4.2.1).
//!
//! > Preferred serialization MUST be used [...] Indefinite-length items MUST NOT appear.
//! > The keys in every map MUST be sorted in the bytewise lexicographic order of their deterministic
//! > encodings. — <https://www.rfc-editor.org/rfc/rfc8949.html#section-4.2.1>
//!
//! One serializer serves all depths: [`Place`] says whether the next thing is the session value, a
//! field or anything deeper, and what differs at the top is in `fields`.

use alloc::vec::Vec;
use core::mem;

use minicbor::Encoder;
use serde::ser::{Serialize, Serializer};

use super::MAX_DEPTH;
use super::compound::{Compound, Kind, Mark};
use super::each::MAGIC;
use super::error::{EncodeError, EncodeFault};
use super::fields::{Recorder, Shape};

pub(super) type Done = Result<(), EncodeError>;

/// What the next value that is serialized is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The session value itself.
    Top,
    /// A field of the session value.
    Field,
    /// What the `Each` of a field holds.
    Each,
    /// Anything deeper.
    Inside,
}

/// The output, and how far it is.
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    pub(super) place: Place,
    pub(super) recorder: Recorder,
    /// Where the entries of the maps that are open begin, innermost last.
    pub(super) marks: Vec<Mark>,
    pub(super) depth: usize,
}

impl Writer {
    pub(super) fn new(place: Place) -> Self {
        Self {
            out: Vec::with_capacity(512),
            place,
            recorder: Recorder::default(),
            marks: Vec::new(),
            depth: 0,
        }
    }

    fn encoder(&mut self) -> Encoder<&mut Vec<u8>> {
        Encoder::new(&mut self.out)
    }

    /// Goes one level down; the caller restores `depth`.
    fn enter(&mut self) -> Done {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(EncodeFault::TooDeep.into());
        }
        Ok(())
    }

    fn open(&mut self, array: bool) -> Result<Compound<'_>, EncodeError> {
        let depth = self.depth;
        let kind = match (mem::replace(&mut self.place, Place::Inside), array) {
            (Place::Top, false) => Kind::Fields,
            (Place::Top, true) => return Err(EncodeFault::NotFields.into()),
            (Place::Each, false) => Kind::Splits(Shape::Map),
            (Place::Each, true) => Kind::Splits(Shape::Set),
            (Place::Field | Place::Inside, false) => Kind::Map,
            (Place::Field | Place::Inside, true) => Kind::Array,
        };
        match kind {
            Kind::Fields => self.recorder.is_top = true,
            Kind::Splits(shape) => self.recorder.shape = Some(shape),
            Kind::Map | Kind::Array => self.enter()?,
        }
        Ok(Compound::new(self, kind, depth))
    }

    /// Opens the map of one entry that holds a variant with data.
    fn variant(&mut self, name: &str) -> Done {
        match mem::replace(&mut self.place, Place::Inside) {
            Place::Top => return Err(EncodeFault::NotFields.into()),
            Place::Each => return Err(EncodeFault::EachShape.into()),
            Place::Field | Place::Inside => {}
        }
        self.enter()?;
        self.encoder().map(1)?.str(name)?;
        Ok(())
    }
}

macro_rules! scalars {
    ($($method:ident $encode:ident $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Done {
            self.encoder().$encode(value)?;
            Ok(())
        }
    )*};
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    scalars! {
        serialize_bool bool bool;
        serialize_i8 i8 i8;
        serialize_i16 i16 i16;
        serialize_i32 i32 i32;
        serialize_i64 i64 i64;
        serialize_i128 i128 i128;
        serialize_u8 u8 u8;
        serialize_u16 u16 u16;
        serialize_u32 u32 u32;
        serialize_u64 u64 u64;
        serialize_u128 u128 u128;
        serialize_str str &str;
        serialize_bytes bytes &[u8];
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.serialize_f64(value.into())
    }

    /// The shortest of the three widths that keeps the value, and one NaN for all.
    fn serialize_f64(self, value: f64) -> Done {
        #[expect(clippy::cast_possible_truncation, reason = "compared right below")]
        let single = value as f32;
        if value.is_nan() {
            self.encoder().f16(f32::NAN)?;
        } else if f64::from(single).to_bits() != value.to_bits() {
            self.encoder().f64(value)?;
        } else if half::f16::from_f32(single).to_f32().to_bits() == single.to_bits() {
            self.encoder().f16(single)?;
        } else {
            self.encoder().f32(single)?;
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        let depth = self.depth;
        self.enter()?;
        self.place = Place::Inside;
        value.serialize(&mut *self)?;
        self.depth = depth;
        Ok(())
    }

    fn serialize_unit(self) -> Done {
        self.encoder().null()?;
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Done {
        let depth = self.depth;
        self.enter()?;
        if name == MAGIC {
            if self.place != Place::Field {
                return Err(EncodeFault::EachNested.into());
            }
            self.place = Place::Each;
            value.serialize(&mut *self)?;
            if self.recorder.shape.is_none() {
                return Err(EncodeFault::EachShape.into());
            }
        } else {
            value.serialize(&mut *self)?;
        }
        self.depth = depth;
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        let depth = self.depth;
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.depth = depth;
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, EncodeError> {
        self.open(true)
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, EncodeError> {
        self.open(true)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, EncodeError> {
        self.open(true)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, EncodeError> {
        let depth = self.depth;
        self.variant(variant)?;
        self.enter()?;
        Ok(Compound::new(self, Kind::Array, depth))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, EncodeError> {
        self.open(false)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, EncodeError> {
        // A struct has fields that belong together; removing one of them could not be decoded.
        if self.place == Place::Each {
            return Err(EncodeFault::EachShape.into());
        }
        self.open(false)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, EncodeError> {
        let depth = self.depth;
        self.variant(variant)?;
        self.enter()?;
        Ok(Compound::new(self, Kind::Map, depth))
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use alloc::vec;

    use serde::Serialize;

    use super::*;

    fn hex<T: Serialize + ?Sized>(value: &T) -> String {
        let mut writer = Writer::new(Place::Inside);
        value.serialize(&mut writer).unwrap();
        let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap();
        let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
        writer.out.iter().flat_map(digits).collect()
    }

    /// RFC 8949 appendix A, what of it is deterministic and has a place in serde's data model.
    #[test]
    fn writes_the_examples_of_the_rfc() {
        let unsigned = [
            (0_u64, "00"),
            (1, "01"),
            (10, "0a"),
            (23, "17"),
            (24, "1818"),
            (25, "1819"),
            (100, "1864"),
            (1000, "1903e8"),
            (1_000_000, "1a000f4240"),
            (1_000_000_000_000, "1b000000e8d4a51000"),
            (u64::MAX, "1bffffffffffffffff"),
        ];
        for (value, expected) in unsigned {
            assert_eq!(hex(&value), expected);
            assert_eq!(hex(&i128::from(value)), expected);
        }
        for (value, expected) in [(-1_i64, "20"), (-10, "29"), (-100, "3863"), (-1000, "3903e7")] {
            assert_eq!(hex(&value), expected);
            assert_eq!(hex(&i128::from(value)), expected);
        }
        assert_eq!(hex(&18_446_744_073_709_551_616_u128), "c249010000000000000000");
        assert_eq!(hex(&-18_446_744_073_709_551_616_i128), "3bffffffffffffffff");
        assert_eq!(hex(&-18_446_744_073_709_551_617_i128), "c349010000000000000000");
        let floats = [
            (0.0, "f90000"),
            (-0.0, "f98000"),
            (1.0, "f93c00"),
            (1.1, "fb3ff199999999999a"),
            (1.5, "f93e00"),
            (65504.0, "f97bff"),
            (100_000.0, "fa47c35000"),
            (3.402_823_466_385_288_6e38, "fa7f7fffff"),
            (1.0e300, "fb7e37e43c8800759c"),
            (5.960_464_477_539_063e-8, "f90001"),
            (0.000_061_035_156_25, "f90400"),
            (-4.0, "f9c400"),
            (-4.1, "fbc010666666666666"),
            (f64::INFINITY, "f97c00"),
            (f64::NAN, "f97e00"),
            (-f64::NAN, "f97e00"),
            (f64::NEG_INFINITY, "f9fc00"),
        ];
        for (value, expected) in floats {
            assert_eq!(hex(&value), expected);
        }
        assert_eq!(hex(&1.5_f32), "f93e00");
        assert_eq!(hex(&false), "f4");
        assert_eq!(hex(&true), "f5");
        assert_eq!(hex(&()), "f6");
        assert_eq!(hex(""), "60");
        assert_eq!(hex("IETF"), "6449455446");
        assert_eq!(hex("\"\\"), "62225c");
        assert_eq!(hex(&'\u{6c34}'), "63e6b0b4");
        assert_eq!(hex(&[0_u8; 0]), "80");
        assert_eq!(hex(&(1, (2, 3), [4, 5])), "8301820203820405");
        assert_eq!(
            hex(&(1..=25).collect::<Vec<u8>>()),
            "98190102030405060708090a0b0c0d0e0f101112131415161718181819"
        );
        assert_eq!(hex(&BTreeMap::from([(1, 2), (3, 4)])), "a201020304");
        assert_eq!(hex(&("a", BTreeMap::from([("b", "c")]))), "826161a161626163");
    }

    /// The example of RFC 8949 section 4.2.1: 10, 100, -1, "z", "aa", [100], [-1], false.
    #[test]
    fn sorts_map_keys_by_their_encoding() {
        #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
        #[serde(untagged)]
        enum Key {
            Bool(bool),
            List([i8; 1]),
            Text(&'static str),
            Int(i8),
        }
        let keys = [
            Key::Bool(false),
            Key::List([100]),
            Key::List([-1]),
            Key::Text("z"),
            Key::Text("aa"),
            Key::Int(10),
            Key::Int(100),
            Key::Int(-1),
        ];
        let map: BTreeMap<Key, u8> = keys.into_iter().map(|key| (key, 0)).collect();
        assert_eq!(
            hex(&map),
            ["a8", "0a00", "186400", "2000", "617a00", "62616100", "81186400", "812000", "f400"]
                .concat()
        );
    }

    #[test]
    fn sorts_nested_maps_and_counts_long_ones() {
        let inner: BTreeMap<i16, &str> = (-30..30).map(|key| (key, "x")).collect();
        let text = hex(&BTreeMap::from([(1, inner.clone()), (-1, inner)]));
        assert!(text.starts_with("a201b83c006178"), "{text}");
        assert_eq!(text.matches("b83c00").count(), 2);
    }

    #[test]
    fn refuses_equal_keys_and_endless_nesting() {
        struct Twice;
        impl Serialize for Twice {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([(1, 1), (2, 2), (1, 3)])
            }
        }
        #[derive(Serialize)]
        struct Deep(Option<alloc::boxed::Box<Deep>>);

        let mut writer = Writer::new(Place::Inside);
        let error = Twice.serialize(&mut writer).unwrap_err();
        assert_eq!(error.fault(), &EncodeFault::DuplicateKey);

        let mut deep = Deep(None);
        for _ in 0..MAX_DEPTH {
            deep = Deep(Some(deep.into()));
        }
        let mut writer = Writer::new(Place::Inside);
        let error = deep.serialize(&mut writer).unwrap_err();
        assert_eq!(error.fault(), &EncodeFault::TooDeep);
        assert_eq!(hex(&vec![Some(1)]), "8101");
    }
}
