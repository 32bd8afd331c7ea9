//! All that there is of one field: the default's entries, the state's, and which of them are read.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::cell::Cell;
use core::ops::Range;

use super::de::pairs;
use super::error::FieldFault;
use super::fields::{Field, Shape};
use crate::state::{Content, Entry, OPEN};

/// A value to be read, and the entry of the state that it comes from; none: from the default.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    /// The encoded key of an element of an `Each`.
    pub(super) key: &'a [u8],
    pub(super) bytes: &'a [u8],
    pub(super) source: Option<usize>,
}

/// How the type read a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Through a buffer: whether it is known shows only when it is written.
    Buffered,
    Each,
    Ignored,
    No,
    Plain,
    /// Passed over for another entry that the type reads into the same field.
    Superseded,
}

/// One field.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) default: Option<Field<'a>>,
    /// The state's entries.
    pub(super) entries: Range<usize>,
    /// The one of them that is the field as a whole.
    pub(super) plain_entry: Option<usize>,
    /// Set once the field is known to be an `Each`.
    pub(super) each: Option<Shape>,

    /// What a plain field reads.
    pub(super) plain: Option<Piece<'a>>,
    /// What an `Each` reads, ascending by key.
    pub(super) splits: Vec<Piece<'a>>,
    /// A plain entry of the state is read as elements of the `Each`.
    pub(super) is_spread: bool,
    pub(super) seen: Cell<Seen>,

    /// The state's entries are not to be read.
    pub(super) is_held: bool,
    pub(super) out: bool,
}

impl<'a> Group<'a> {
    pub(super) fn new(name: &'a str, default: Option<Field<'a>>, entries: Range<usize>) -> Self {
        Self {
            name,
            default,
            entries,
            plain_entry: None,
            each: default.and_then(|field| field.shape),
            plain: None,
            splits: Vec::new(),
            is_spread: false,
            seen: Cell::new(Seen::No),
            is_held: false,
            out: false,
        }
    }

    /// A field whose default is an `Each` is there even if it is empty.
    pub(super) fn is_present(&self) -> bool {
        !self.out && (self.each.is_some() || self.plain.is_some() || !self.splits.is_empty())
    }

    pub(super) fn is_default_only(&self) -> bool {
        let mut pieces = self.plain.iter().chain(&self.splits);
        pieces.all(|piece| piece.source.is_none())
    }

    /// Works out what there is to read. Per entry the state goes before the default.
    pub(super) fn fill(&mut self, state: &'a [Entry<'a>], falls: &mut Falls) {
        let mut statement = None;
        let mut elements = Vec::new();
        for at in self.entries.clone() {
            let Some(entry) = state.get(at) else { continue };
            let is_plain = entry.name.len() == self.name.len();
            if is_plain {
                self.plain_entry = Some(at);
            }
            match entry.content {
                _ if self.is_held => {}
                Content::Value { encoding, .. } if encoding != OPEN => {
                    falls.push(at, FieldFault::UnknownEncoding(encoding));
                }
                _ if is_plain => statement = Some((at, entry)),
                _ => elements.push((at, entry)),
            }
        }
        self.plain = match statement {
            None => self.default.and_then(default_plain),
            Some((at, entry)) => piece(&[], at, entry),
        };
        self.is_spread = false;
        self.splits = match (self.each, statement) {
            (Some(_), Some((at, entry))) => self.spread(at, entry, falls),
            _ => self.default_splits(),
        };
        let statement = statement.map(|(_, entry)| entry).filter(|_| self.is_spread);
        for (at, entry) in elements {
            self.put(at, entry, statement);
        }
    }

    /// A plain entry of an `Each`, as an older program wrote it, element by element. It speaks for
    /// the whole field, so the default has no say.
    fn spread(&mut self, at: usize, entry: &'a Entry<'a>, falls: &mut Falls) -> Vec<Piece<'a>> {
        self.plain = None;
        let found = match entry.content {
            Content::Value { bytes, .. } => pairs(bytes),
            Content::Tombstone => Ok(Vec::new()),
        };
        let mut pairs = match found {
            Ok(pairs) => pairs,
            Err(error) => {
                falls.undecodable(at, &error.to_string());
                return self.default_splits();
            }
        };
        self.is_spread = true;
        pairs.sort_by_key(|pair| pair.0);
        pairs.dedup_by_key(|pair| pair.0);
        let piece = |(key, bytes)| Piece { key, bytes, source: Some(at) };
        pairs.into_iter().map(piece).collect()
    }

    fn default_splits(&self) -> Vec<Piece<'a>> {
        let Some(field) = self.default.filter(|field| field.shape.is_some()) else {
            return Vec::new();
        };
        let piece = |(name, bytes)| Piece { key: key_of(name, self.name), bytes, source: None };
        field.iter().map(piece).collect()
    }

    /// Lays one of the state's elements over what is there. What a plain entry says about it goes
    /// first only if the join would put it first, were it an entry of the same name.
    fn put(&mut self, at: usize, entry: &'a Entry<'a>, statement: Option<&Entry<'a>>) {
        let key = key_of(entry.name, self.name);
        let found = self.splits.binary_search_by_key(&key, |piece| piece.key);
        if let Some(statement) = statement {
            let said = match (found, statement.content) {
                (Ok(at), _) => self
                    .splits
                    .get(at)
                    .map(|piece| Content::Value { encoding: OPEN, bytes: piece.bytes }),
                (Err(_), Content::Tombstone) => Some(Content::Tombstone),
                (Err(_), Content::Value { .. }) => None,
            };
            let is_later = |said| (entry.stamp, entry.content) < (statement.stamp, said);
            if said.is_some_and(is_later) {
                return;
            }
        }
        match (found, piece(key, at, entry)) {
            (Ok(at), Some(piece)) => {
                if let Some(slot) = self.splits.get_mut(at) {
                    *slot = piece;
                }
            }
            (Ok(at), None) => drop(self.splits.remove(at)),
            (Err(at), Some(piece)) => self.splits.insert(at, piece),
            (Err(_), None) => {}
        }
    }
}

/// The default's value of a plain field.
pub(super) fn default_plain(field: Field<'_>) -> Option<Piece<'_>> {
    let (_, bytes) = field.iter().next().filter(|_| field.shape.is_none())?;
    Some(Piece { key: &[], bytes, source: None })
}

fn piece<'a>(key: &'a [u8], at: usize, entry: &Entry<'a>) -> Option<Piece<'a>> {
    match entry.content {
        Content::Value { bytes, .. } => Some(Piece { key, bytes, source: Some(at) }),
        Content::Tombstone => None,
    }
}

fn key_of<'a>(entry_name: &'a [u8], field: &str) -> &'a [u8] {
    entry_name.get(field.len() + 1..).unwrap_or_default()
}

/// Entries of the state that could not be read, and why.
#[derive(Default)]
pub(super) struct Falls(Vec<(usize, FieldFault)>);

impl Falls {
    /// The first fault found stays.
    pub(super) fn push(&mut self, entry: usize, fault: FieldFault) {
        if self.of(entry).is_none() {
            self.0.push((entry, fault));
        }
    }

    pub(super) fn undecodable(&mut self, entry: usize, message: &str) {
        let message = message.to_string();
        self.push(entry, FieldFault::Undecodable { message });
    }

    pub(super) fn of(&self, entry: usize) -> Option<&FieldFault> {
        let found = self.0.iter().find(|fall| fall.0 == entry);
        found.map(|(_, fault)| fault)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, FieldFault)> + '_ {
        self.0.iter().cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
