//! The root: whose session this is, and when.

use alloc::vec::Vec;

use super::bytes::{Reader, put_varint};
use super::entries::{Entries, Stamps};
use super::{Lineage, Subject};
use crate::Rejection;
use crate::state::{Entry, Stamp};

const SUBJECT: u8 = 1 << 0;
const AUTH: u8 = 1 << 1;
const SEEN: u8 = 1 << 2;
const SALT: u8 = 1 << 3;
const ENTRIES: u8 = 1 << 4;
const KNOWN: u8 = SUBJECT | AUTH | SEEN | SALT | ENTRIES;

/// A root's content. Times are whole seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) lineage: Lineage,
    /// Creation.
    pub(crate) born: u32,
    /// The stamp of the last identity event; at first that of the creation.
    pub(crate) renewed: Stamp,
    /// Creation or last authentication; the absolute limit runs from it.
    pub(crate) auth: u64,
    /// Last activity, rounded down by a touch; the idle limit runs from it.
    pub(crate) seen: u64,
    pub(crate) subject: Option<Subject>,
    pub(crate) salt: u8,
    /// The identity fields, as the frame encodes them.
    pub(crate) identity: Vec<u8>,
}

impl Root {
    /// Parses an authentic frame with its padding.
    pub(crate) fn parse(frame: &[u8]) -> Result<Self, Rejection> {
        let mut reader = Reader::new(frame);
        let flags = reader.u8()?;
        if flags & !KNOWN != 0 {
            return Err(Rejection::UnknownVersion);
        }
        let lineage = Lineage(reader.array()?);
        let born = reader.u32()?;
        let since = reader.varint()?;
        let renewed = (u64::from(born) * 1000).checked_add(since).ok_or(Rejection::Malformed)?;
        if renewed > Stamp::MAX.as_millis() {
            return Err(Rejection::Malformed);
        }
        let mut time = |flag| {
            let implied = renewed / 1000;
            if flags & flag == 0 {
                return Ok(implied);
            }
            let time = u64::from(born).checked_add(reader.varint()?).ok_or(Rejection::Malformed)?;
            if time == implied || time > Stamp::MAX.as_millis() / 1000 {
                Err(Rejection::Malformed)
            } else {
                Ok(time)
            }
        };
        let auth = time(AUTH)?;
        let seen = time(SEEN)?;
        let subject = if flags & SUBJECT == 0 { None } else { Some(Subject(reader.array()?)) };
        let salt = if flags & SALT == 0 { 0 } else { reader.u8()? };
        if flags & SALT != 0 && salt == 0 {
            return Err(Rejection::Malformed);
        }
        let rest = reader.rest();
        let renewed = Stamp::from_millis(renewed);
        let len = Entries::parse(rest, Stamps::Shared(renewed), false)?;
        if (flags & ENTRIES == 0) != (len == 0) {
            return Err(Rejection::Malformed);
        }
        let identity = rest.get(..len).unwrap_or_default().to_vec();
        Ok(Self { lineage, born, renewed, auth, seen, subject, salt, identity })
    }

    /// The frame, unpadded.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let born = u64::from(self.born);
        let implied = self.renewed.as_millis() / 1000;
        let flag = |flag, set: bool| if set { flag } else { 0 };
        let mut out = Vec::with_capacity(48 + self.identity.len());
        out.push(
            flag(SUBJECT, self.subject.is_some())
                | flag(AUTH, self.auth != implied)
                | flag(SEEN, self.seen != implied)
                | flag(SALT, self.salt != 0)
                | flag(ENTRIES, !self.identity.is_empty()),
        );
        out.extend_from_slice(&self.lineage.0);
        out.extend_from_slice(&self.born.to_be_bytes());
        put_varint(&mut out, self.renewed.as_millis().saturating_sub(born * 1000));
        for time in [self.auth, self.seen] {
            if time != implied {
                put_varint(&mut out, time.saturating_sub(born));
            }
        }
        if let Some(subject) = self.subject {
            out.extend_from_slice(&subject.0);
        }
        if self.salt != 0 {
            out.push(self.salt);
        }
        out.extend_from_slice(&self.identity);
        out
    }

    /// The identity fields; all at the stamp of the last identity event.
    pub(crate) fn identity(&self) -> Entries<'_> {
        Entries::trusted(&self.identity, Stamps::Shared(self.renewed))
    }

    /// Identity fields (ascending by name) as [`Root::identity`] holds them.
    pub(crate) fn encode_identity(entries: &[Entry<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        Entries::write(&mut out, entries, None);
        out
    }

    /// Of one lineage the highest is the head.
    pub(crate) fn head_rank(&self) -> (bool, Stamp, &[u8], u64) {
        (self.subject.is_some(), self.renewed, &self.identity, self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Content;
    use proptest::prelude::*;

    fn root() -> impl Strategy<Value = Root> {
        let entries = proptest::collection::btree_map("[a-z]{1,6}", "[ -~]{0,12}", 0..3);
        (
            any::<[u8; 16]>(),
            1_000_000u32..,
            0..10_000_000u64,
            0..1_000_000u64,
            0..1_000_000u64,
            proptest::option::of(any::<[u8; 8]>()),
            0u8..3,
            entries,
        )
            .prop_map(|(lineage, born, since, auth, seen, subject, salt, entries)| Root {
                lineage: Lineage(lineage),
                born,
                renewed: Stamp::from_millis(u64::from(born) * 1000 + since),
                auth: u64::from(born) + auth,
                seen: u64::from(born) + seen,
                subject: subject.map(Subject),
                salt,
                identity: Root::encode_identity(
                    &entries
                        .iter()
                        .map(|(name, value)| Entry {
                            name: name.as_bytes(),
                            stamp: Stamp::default(),
                            content: Content::Value { encoding: 1, bytes: value.as_bytes() },
                        })
                        .collect::<Vec<_>>(),
                ),
            })
    }

    proptest! {
        #[test]
        fn decode_of_encode_is_identity(root in root(), padding in 0usize..20) {
            let mut frame = root.encode();
            frame.resize(frame.len() + padding, 0);
            prop_assert_eq!(Root::parse(&frame), Ok(root));
        }

        #[test]
        fn what_parses_is_what_encode_writes(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(root) = Root::parse(&bytes) {
                let frame = root.encode();
                prop_assert_eq!(&bytes[..frame.len()], &frame[..]);
                prop_assert!(bytes[frame.len()..].iter().all(|&byte| byte == 0));
            }
        }
    }
}
