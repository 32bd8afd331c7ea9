//! The entries of a root or a fragment, in the bytes of its frame.

use alloc::vec::Vec;

use super::bytes::{Reader, put_varint, varint_len};
use crate::Rejection;
use crate::state::{Content, Entry, Stamp};

const TOMBSTONE: u64 = 0;
const ENCODED: u64 = 1;

/// Longest name of an entry, in bytes.
pub(crate) const MAX_NAME: usize = 255;

/// How entries come by their stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// All were written at once.
    Shared(Stamp),
    /// Each carries how far before the newest it was written.
    Own(Stamp),
}

/// Entries in frame bytes that [`Entries::parse`] has found well-formed; cheap to walk again.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
    stamps: Stamps,
}

impl<'a> Entries<'a> {
    /// Over bytes that passed [`Entries::parse`] before.
    pub(super) fn trusted(rest: &'a [u8], stamps: Stamps) -> Self {
        Self { rest, stamps }
    }

    /// Checks that `bytes` are entries in their only form, then zeros; returns the entries' length.
    pub(super) fn parse(
        bytes: &'a [u8],
        stamps: Stamps,
        tombstones: bool,
    ) -> Result<usize, Rejection> {
        let len = Self::parse_front(bytes, stamps, tombstones)?;
        if bytes.iter().skip(len).any(|&byte| byte != 0) {
            return Err(Rejection::Malformed);
        }
        Ok(len)
    }

    /// The same up to the end or a byte of zero, whatever follows it.
    pub(super) fn parse_front(
        bytes: &'a [u8],
        stamps: Stamps,
        tombstones: bool,
    ) -> Result<usize, Rejection> {
        let mut reader = Reader::new(bytes);
        let mut previous: &[u8] = &[];
        let (mut newest, mut equal) = (false, true);
        let mut first = None;
        loop {
            let before = reader;
            let Some((name, delta, content)) = next(&mut reader, matches!(stamps, Stamps::Own(_)))?
            else {
                let own = matches!(stamps, Stamps::Own(_));
                if own && (!newest || equal) {
                    return Err(Rejection::Malformed);
                }
                return Ok(bytes.len() - before.rest().len());
            };
            let ascending = previous < name; // also refuses an empty first name
            if !ascending || (!tombstones && content == Content::Tombstone) {
                return Err(Rejection::Malformed);
            }
            if let Stamps::Own(stamp) = stamps {
                if delta > stamp.as_millis() {
                    return Err(Rejection::Malformed);
                }
                newest |= delta == 0;
                equal &= *first.get_or_insert(delta) == delta;
            }
            previous = name;
        }
    }

    /// Appends `entries` (ascending by name); `own` is the newest stamp if each carries its own.
    pub(super) fn write(out: &mut Vec<u8>, entries: &[Entry<'_>], own: Option<Stamp>) {
        for entry in entries {
            let form = if entry.content == Content::Tombstone { TOMBSTONE } else { ENCODED };
            put_varint(out, (entry.name.len() as u64) << 2 | form);
            out.extend_from_slice(entry.name);
            if let Content::Value { encoding, .. } = entry.content {
                out.push(encoding);
            }
            if let Some(newest) = own {
                put_varint(out, newest.as_millis().saturating_sub(entry.stamp.as_millis()));
            }
            if let Content::Value { bytes, .. } = entry.content {
                put_varint(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let mut reader = Reader::new(self.rest);
        let own = matches!(self.stamps, Stamps::Own(_));
        let (name, delta, content) = next(&mut reader, own).ok()??;
        self.rest = reader.rest();
        let stamp = match self.stamps {
            Stamps::Shared(stamp) => stamp,
            Stamps::Own(newest) => Stamp::from_millis(newest.as_millis().saturating_sub(delta)),
        };
        Some(Entry { name, stamp, content })
    }
}

type Parsed<'a> = (&'a [u8], u64, Content<'a>);

/// One entry: `v(name length << 2 | form) · name · [encoding] · [stamp delta] · [v(length) · bytes]`.
fn next<'a>(reader: &mut Reader<'a>, own: bool) -> Result<Option<Parsed<'a>>, Rejection> {
    if matches!(reader.rest(), [] | [0, ..]) {
        return Ok(None);
    }
    let head = reader.varint()?;
    let form = head & 3;
    if form > ENCODED {
        return Err(Rejection::UnknownVersion); // nothing is known of what follows
    }
    let len = usize::try_from(head >> 2).map_err(|_| Rejection::Malformed)?;
    if len == 0 || len > MAX_NAME {
        return Err(Rejection::Malformed);
    }
    let name = reader.take(len)?;
    let encoding = if form == TOMBSTONE { None } else { Some(reader.u8()?) };
    let delta = if own { reader.varint()? } else { 0 };
    let content = match encoding {
        None => Content::Tombstone,
        Some(encoding) => {
            let len = usize::try_from(reader.varint()?).map_err(|_| Rejection::Malformed)?;
            Content::Value { encoding, bytes: reader.take(len)? }
        }
    };
    Ok(Some((name, delta, content)))
}

/// Bytes that an entry takes in a frame, with its own stamp as a delta to `newest` if given.
pub(crate) fn entry_len(entry: &Entry<'_>, newest: Option<Stamp>) -> usize {
    let head = varint_len((entry.name.len() as u64) << 2) + entry.name.len();
    let stamp = newest
        .map_or(0, |newest| varint_len(newest.as_millis().saturating_sub(entry.stamp.as_millis())));
    let value = match entry.content {
        Content::Tombstone => 0,
        Content::Value { bytes, .. } => 1 + varint_len(bytes.len() as u64) + bytes.len(),
    };
    head + stamp + value
}
