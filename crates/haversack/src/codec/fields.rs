//! A session value as entries: one per field, or one per element of an `Each`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Range;

use minicbor::Decoder;
use serde::Serialize;

use super::error::{EncodeError, EncodeFault};
use super::ser::{Place, Writer};

/// A session value, encoded. Entries and fields ascend by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    /// Everything that the ranges point into.
    buf: Vec<u8>,
    items: Vec<Item>,
    spans: Vec<Span>,
}

#[derive(Clone, Debug)]
struct Item {
    name: Range<usize>,
    value: Range<usize>,
}

#[derive(Clone, Debug)]
struct Span {
    name: Range<usize>,
    /// How many of `items` are this field's.
    items: usize,
    shape: Option<Shape>,
}

/// What an `Each` holds: entries with values, or bare elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Map,
    Set,
}

/// A field of [`Fields`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    /// Set if the field is an `Each`.
    pub(super) shape: Option<Shape>,
    fields: &'a Fields,
    items: &'a [Item],
}

/// The field that an entry belongs to: its name up to the first zero byte.
pub(crate) fn field_of(entry_name: &[u8]) -> &[u8] {
    let mut parts = entry_name.split(|&byte| byte == 0);
    parts.next().unwrap_or_default()
}

/// Encodes every field of `value` on its own.
///
/// # Errors
///
/// See [`EncodeError`]: the type is not a struct or map, a name cannot be carried, or a value cannot
/// be encoded.
pub(crate) fn encode_fields<T: Serialize>(value: &T) -> Result<Fields, EncodeError> {
    encode(value, None)
}

/// The same, of the fields that are named; of the others [`Fields::fields`] knows the names only.
pub(super) fn encode_only<T: Serialize>(
    value: &T,
    named: &BTreeSet<Vec<u8>>,
) -> Result<Fields, EncodeError> {
    encode(value, Some(named.clone()))
}

fn encode<T: Serialize>(value: &T, only: Option<BTreeSet<Vec<u8>>>) -> Result<Fields, EncodeError> {
    let mut writer = Writer::new(Place::Top);
    writer.recorder.only = only;
    value.serialize(&mut writer)?;
    if !writer.recorder.is_top {
        return Err(EncodeFault::NotFields.into());
    }
    let Recorder { items, spans, .. } = writer.recorder;
    let mut encoded = Fields { buf: writer.out, items, spans };
    encoded.sort()?;
    Ok(encoded)
}

/// A value as a session's field holds it: deterministic CBOR (RFC 8949 section 4.2).
///
/// # Errors
///
/// See [`EncodeError`]: the value cannot be encoded.
pub fn encode_field<V: Serialize + ?Sized>(value: &V) -> Result<Vec<u8>, EncodeError> {
    let field = BTreeMap::from([("value", value)]);
    let fields = encode_fields(&field)?;
    Ok(fields.get(b"value").unwrap_or_default().to_vec())
}

/// Refuses names that no entry can have.
pub(super) fn check_name(name: &[u8]) -> Result<(), EncodeError> {
    let fault = match name.len() {
        0 => EncodeFault::NameEmpty,
        1..=255 if !name.contains(&0) => return Ok(()),
        1..=255 => EncodeFault::NameZero,
        len => EncodeFault::NameLong(len),
    };
    Err(EncodeError::from(fault).within(name))
}

impl Fields {
    /// Entries as they are, ascending by name; of fields it knows nothing.
    #[cfg(test)]
    pub(crate) fn of_entries(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let mut fields = Self::default();
        for (name, value) in entries {
            let mut written = |bytes: Vec<u8>| {
                let start = fields.buf.len();
                fields.buf.extend_from_slice(&bytes);
                start..fields.buf.len()
            };
            let (name, value) = (written(name), written(value));
            fields.items.push(Item { name, value });
        }
        fields
    }

    /// Entry names and encoded values, ascending by name.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.items.iter().map(|item| self.item(item))
    }

    /// The encoded value of one entry.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let at = self.items.binary_search_by(|item| self.slice(&item.name).cmp(name)).ok()?;
        self.items.get(at).map(|item| self.slice(&item.value))
    }

    /// The fields, those among them too that are an empty `Each` and so have no entries.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        let mut rest = self.items.as_slice();
        self.spans.iter().map(move |span| {
            let (items, after) = rest.split_at_checked(span.items).unwrap_or((rest, &[]));
            rest = after;
            Field { name: self.slice(&span.name), shape: span.shape, fields: self, items }
        })
    }

    fn item(&self, item: &Item) -> (&[u8], &[u8]) {
        (self.slice(&item.name), self.slice(&item.value))
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.buf.get(range.clone()).unwrap_or_default()
    }

    /// Both lists in the order of names; a field's entries are neighbours then, since nothing sorts
    /// between a name and the same name with a zero byte after it.
    fn sort(&mut self) -> Result<(), EncodeError> {
        let buf = self.buf.as_slice();
        let slice = |range: &Range<usize>| buf.get(range.clone()).unwrap_or_default();
        self.spans.sort_unstable_by(|a, b| slice(&a.name).cmp(slice(&b.name)));
        self.items.sort_unstable_by(|a, b| slice(&a.name).cmp(slice(&b.name)));
        for (a, b) in self.spans.iter().zip(self.spans.iter().skip(1)) {
            if slice(&a.name) == slice(&b.name) {
                return Err(EncodeError::from(EncodeFault::DuplicateField).within(slice(&a.name)));
            }
        }
        for (a, b) in self.items.iter().zip(self.items.iter().skip(1)) {
            if slice(&a.name) == slice(&b.name) {
                let field = field_of(slice(&a.name));
                return Err(EncodeError::from(EncodeFault::DuplicateKey).within(field));
            }
        }
        Ok(())
    }
}

impl<'a> Field<'a> {
    /// The field's entries, ascending by name.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.items.iter().map(move |item| self.fields.item(item))
    }
}

/// What a [`Writer`] notes about fields while it writes.
#[derive(Default)]
pub(super) struct Recorder {
    /// The session value was a struct or a map.
    pub(super) is_top: bool,
    /// The field being written is an `Each`, of this shape.
    pub(super) shape: Option<Shape>,
    /// The fields whose values are written; all, if it does not say.
    only: Option<BTreeSet<Vec<u8>>>,
    /// Its name.
    field: Range<usize>,
    /// The name of the `Each` entry being written.
    split: Range<usize>,
    items: Vec<Item>,
    spans: Vec<Span>,
}

impl Writer {
    pub(super) fn field_name(&mut self, name: &str) {
        let start = self.out.len();
        self.out.extend_from_slice(name.as_bytes());
        self.recorder.field = start..self.out.len();
    }

    /// A name that comes as the key of a map, and must be text.
    pub(super) fn field_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        let start = self.out.len();
        self.place = Place::Inside;
        key.serialize(&mut *self)?;
        let written = self.out.get(start..).unwrap_or_default();
        let text = Decoder::new(written).str();
        let Ok(len) = text.map(str::len) else {
            return Err(EncodeFault::NameNotText.into());
        };
        self.recorder.field = self.out.len() - len..self.out.len();
        Ok(())
    }

    pub(super) fn field_value<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), EncodeError> {
        let name = self.recorder.field.clone();
        let text = self.out.get(name.clone()).unwrap_or_default();
        check_name(text)?;
        if self.recorder.only.as_ref().is_some_and(|only| !only.contains(text)) {
            self.recorder.spans.push(Span { name, items: 0, shape: None });
            return Ok(());
        }
        let start = self.out.len();
        let first = self.recorder.items.len();
        self.recorder.shape = None;
        self.place = Place::Field;
        if let Err(error) = value.serialize(&mut *self) {
            return Err(error.within(self.out.get(name).unwrap_or_default()));
        }
        let shape = self.recorder.shape.take();
        if shape.is_none() {
            self.recorder.items.push(Item { name: name.clone(), value: start..self.out.len() });
        }
        self.recorder.spans.push(Span { name, items: self.recorder.items.len() - first, shape });
        Ok(())
    }

    /// The name of an `Each` entry: field, `0x00`, key.
    pub(super) fn split_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        let start = self.out.len();
        self.out.extend_from_within(self.recorder.field.clone());
        self.out.push(0);
        self.place = Place::Inside;
        key.serialize(&mut *self)?;
        let len = self.out.len() - start;
        if len > 255 {
            return Err(EncodeFault::NameLong(len).into());
        }
        self.recorder.split = start..self.out.len();
        Ok(())
    }

    pub(super) fn split_value<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), EncodeError> {
        let start = self.out.len();
        self.place = Place::Inside;
        value.serialize(&mut *self)?;
        self.recorder
            .items
            .push(Item { name: self.recorder.split.clone(), value: start..self.out.len() });
        Ok(())
    }
}
