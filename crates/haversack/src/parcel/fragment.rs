//! The fragment: entries of the session's state.

use alloc::vec::Vec;

use super::bytes::{Reader, put_u48, put_varint};
use super::entries::{Entries, Stamps};
use crate::Rejection;
use crate::state::{Entry, Stamp};

const COUNT: u8 = 1 << 0;
const OWN_STAMPS: u8 = 1 << 1;
const SALT: u8 = 1 << 2;
const KNOWN: u8 = COUNT | OWN_STAMPS | SALT;

/// A fragment's content. The frame's bytes are kept and its entries read from them in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// The frame without padding.
    frame: Vec<u8>,
    /// Where the entries begin.
    start: usize,
    stamps: Stamps,
    /// 0 for a write; 1 + the highest of its inputs for a fold or a changed re-issue, so that a
    /// name once deleted never comes back with new content.
    pub(crate) count: u64,
}

impl Fragment {
    /// Parses an authentic frame with its padding.
    pub(crate) fn parse(mut frame: Vec<u8>) -> Result<Self, Rejection> {
        let mut reader = Reader::new(&frame);
        let flags = reader.u8()?;
        if flags & !KNOWN != 0 {
            return Err(Rejection::UnknownVersion);
        }
        let newest = Stamp::from_millis(reader.u48()?);
        let count = if flags & COUNT == 0 { 0 } else { reader.varint()? };
        let salt = if flags & SALT == 0 { 0 } else { reader.u8()? };
        if (flags & COUNT != 0 && count == 0) || (flags & SALT != 0 && salt == 0) {
            return Err(Rejection::Malformed);
        }
        let stamps =
            if flags & OWN_STAMPS == 0 { Stamps::Shared(newest) } else { Stamps::Own(newest) };
        let len = Entries::parse(reader.rest(), stamps, true)?;
        if len == 0 {
            return Err(Rejection::Malformed);
        }
        let start = frame.len() - reader.rest().len();
        frame.truncate(start + len);
        Ok(Self { frame, start, stamps, count })
    }

    /// Parses the fields of a whole session: a fragment within a root, which may be empty and has
    /// neither count nor salt.
    pub(crate) fn parse_within(part: &[u8]) -> Result<Self, Rejection> {
        let mut reader = Reader::new(part);
        let flags = reader.u8()?;
        if flags & !KNOWN != 0 {
            return Err(Rejection::UnknownVersion);
        }
        if flags & (COUNT | SALT) != 0 {
            return Err(Rejection::Malformed);
        }
        let newest = Stamp::from_millis(reader.u48()?);
        let own = flags & OWN_STAMPS != 0;
        let stamps = if own { Stamps::Own(newest) } else { Stamps::Shared(newest) };
        let len = Entries::parse(reader.rest(), stamps, true)?;
        if len == 0 && newest != Stamp::default() {
            return Err(Rejection::Malformed);
        }
        let start = part.len() - reader.rest().len();
        let frame = part.get(..start + len).unwrap_or_default().to_vec();
        Ok(Self { frame, start, stamps, count: 0 })
    }

    /// A fragment of `entries`, ascending by name. Only within a root may they be none.
    pub(crate) fn new(count: u64, salt: u8, entries: &[Entry<'_>]) -> Self {
        let newest = entries.iter().map(|entry| entry.stamp).max().unwrap_or_default();
        let own = entries.iter().any(|entry| entry.stamp != newest);
        let flag = |flag, set: bool| if set { flag } else { 0 };
        let mut frame = Vec::with_capacity(Self::len_of(count, entries) + 1);
        frame.push(flag(COUNT, count != 0) | flag(OWN_STAMPS, own) | flag(SALT, salt != 0));
        put_u48(&mut frame, newest.as_millis());
        if count != 0 {
            put_varint(&mut frame, count);
        }
        if salt != 0 {
            frame.push(salt);
        }
        let start = frame.len();
        Entries::write(&mut frame, entries, own.then_some(newest));
        let stamps = if own { Stamps::Own(newest) } else { Stamps::Shared(newest) };
        Self { frame, start, stamps, count }
    }

    /// Bytes of the unsalted frame that [`Fragment::new`] would make.
    pub(crate) fn len_of(count: u64, entries: &[Entry<'_>]) -> usize {
        let newest = entries.iter().map(|entry| entry.stamp).max().unwrap_or_default();
        let own = entries.iter().any(|entry| entry.stamp != newest);
        let head = 7 + if count == 0 { 0 } else { super::bytes::varint_len(count) };
        let entry = |entry| super::entry_len(entry, own.then_some(newest));
        head + entries.iter().map(entry).sum::<usize>()
    }

    /// The frame, unpadded.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// The stamp of its newest entry.
    pub(crate) fn newest(&self) -> Stamp {
        match self.stamps {
            Stamps::Shared(newest) | Stamps::Own(newest) => newest,
        }
    }

    /// Its entries, ascending by name.
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries::trusted(self.frame.get(self.start..).unwrap_or_default(), self.stamps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Content;
    use alloc::string::String;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decode_of_encode_is_identity(
            count in prop_oneof![Just(0u64), 1u64..300],
            salt in 0u8..3,
            padding in 0usize..20,
            entries in proptest::collection::btree_map(
                "[a-z]{1,9}", (0u64..3, proptest::option::of("[ -~]{0,40}")), 1..6),
        ) {
            let entries: Vec<Entry<'_>> = entries.iter().map(|(name, (stamp, value))| Entry {
                name: name.as_bytes(),
                stamp: Stamp::from_millis((1 << 40) + stamp * 1000),
                content: value.as_ref().map_or(Content::Tombstone, |value: &String| Content::Value {
                    encoding: 1,
                    bytes: value.as_bytes(),
                }),
            }).collect();
            let fragment = Fragment::new(count, salt, &entries);
            prop_assert_eq!(fragment.frame().len(), Fragment::len_of(count, &entries) + usize::from(salt != 0));
            let mut frame = fragment.frame().to_vec();
            frame.resize(frame.len() + padding, 0);
            let parsed = Fragment::parse(frame);
            prop_assert_eq!(parsed.as_ref(), Ok(&fragment));
            prop_assert_eq!(parsed.map(|parsed| parsed.entries().eq(entries.iter().copied())), Ok(true));
        }

        #[test]
        fn what_parses_is_what_new_writes(bytes in proptest::collection::vec(any::<u8>(), 8..40)) {
            let mut bytes = bytes;
            bytes[0] &= KNOWN;
            if let Ok(fragment) = Fragment::parse(bytes) {
                let entries: Vec<_> = fragment.entries().collect();
                let salt = if fragment.frame[0] & SALT == 0 { 0 } else { fragment.frame[fragment.start - 1] };
                let again = Fragment::new(fragment.count, salt, &entries);
                prop_assert_eq!(again.frame(), fragment.frame());
            }
        }
    }
}
