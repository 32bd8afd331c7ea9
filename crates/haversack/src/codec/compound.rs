//! Arrays, maps and structs while they are being written.
//!
//! Heads are written when the number of elements is known, at the end; map entries are put in order
//! there too, and only moved if they are out of it.

use alloc::vec::Vec;
use core::mem;

use minicbor::Encoder;
use serde::ser::{self, Serialize};

use super::error::{EncodeError, EncodeFault};
use super::fields::Shape;
use super::ser::{Done, Place, Writer};

const ARRAY: u8 = 0x80;
const MAP: u8 = 0xa0;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Array,
    Map,
    /// The fields of the session value.
    Fields,
    /// The entries of an `Each`.
    Splits(Shape),
}

/// Where an entry of a map begins, its value, and once all are written, its end.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    key: usize,
    value: usize,
    end: usize,
}

/// An array, a map or a struct whose elements are being written.
pub(super) struct Compound<'a> {
    writer: &'a mut Writer,
    kind: Kind,
    head: usize,
    base: usize,
    count: u64,
    /// The depth outside.
    depth: usize,
}

impl<'a> Compound<'a> {
    /// Begins at the end of the output; `depth` is that outside.
    pub(super) fn new(writer: &'a mut Writer, kind: Kind, depth: usize) -> Self {
        let head = writer.out.len();
        if matches!(kind, Kind::Array | Kind::Map) {
            writer.out.push(0);
        }
        Self { base: writer.marks.len(), count: 0, depth, head, kind, writer }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        if let Kind::Splits(_) = self.kind {
            self.writer.split_key(value)?;
            return self.writer.split_value(&());
        }
        self.count += 1;
        self.writer.place = Place::Inside;
        value.serialize(&mut *self.writer)
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        match self.kind {
            Kind::Fields => return self.writer.field_key(key),
            Kind::Splits(_) => return self.writer.split_key(key),
            Kind::Array | Kind::Map => {}
        }
        let start = self.writer.out.len();
        // Keys nest too: the mark is complete before a map inside the key or the value opens another.
        self.writer.place = Place::Inside;
        key.serialize(&mut *self.writer)?;
        let value = self.writer.out.len();
        self.writer.marks.push(Mark { key: start, value, end: value });
        self.count += 1;
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        match self.kind {
            Kind::Fields => self.writer.field_value(value),
            Kind::Splits(_) => self.writer.split_value(value),
            Kind::Array | Kind::Map => {
                self.writer.place = Place::Inside;
                value.serialize(&mut *self.writer)
            }
        }
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        if self.kind == Kind::Fields {
            self.writer.field_name(name);
            return self.writer.field_value(value);
        }
        self.key(name)?;
        self.value(value)
    }

    fn close(self) -> Done {
        let major = match self.kind {
            Kind::Fields | Kind::Splits(_) => return Ok(()),
            Kind::Array => ARRAY,
            Kind::Map => {
                self.writer.sort(self.base)?;
                self.writer.marks.truncate(self.base);
                MAP
            }
        };
        self.writer.depth = self.depth;
        let out = &mut self.writer.out;
        match (u8::try_from(self.count), out.get_mut(self.head)) {
            (Ok(count), Some(head)) if count < 24 => *head = major | count,
            _ => {
                let mut head = Encoder::new(Vec::with_capacity(9));
                match major {
                    ARRAY => head.array(self.count)?,
                    _ => head.map(self.count)?,
                };
                out.splice(self.head..=self.head, head.into_writer());
            }
        }
        Ok(())
    }
}

impl Writer {
    /// Puts the entries from `base` on in order.
    fn sort(&mut self, base: usize) -> Done {
        let Self { out, marks, .. } = self;
        let Some(marks) = marks.get_mut(base..) else {
            return Ok(());
        };
        let Some(start) = marks.first().map(|mark| mark.key) else {
            return Ok(());
        };
        let key = |mark: &Mark| out.get(mark.key..mark.value).unwrap_or_default();
        let is_sorted = |marks: &[Mark]| marks.is_sorted_by(|a, b| key(a) < key(b));
        if is_sorted(marks) {
            return Ok(());
        }
        let end = out.len();
        let mut next = end;
        for mark in marks.iter_mut().rev() {
            mark.end = mem::replace(&mut next, mark.key);
        }
        marks.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        if !is_sorted(marks) {
            return Err(EncodeFault::DuplicateKey.into());
        }
        // In order behind themselves, then to the front.
        for mark in marks {
            out.extend_from_within(mark.key..mark.end);
        }
        out.drain(start..end);
        Ok(())
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident;)*) => {$(
        impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.element(value)
            }

            fn end(self) -> Done {
                self.close()
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
                self.field(key, value)
            }

            fn end(self) -> Done {
                self.close()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.value(value)
    }

    fn end(self) -> Done {
        self.close()
    }
}
