//! The root: whose session this is, and when. In layout Single its fields too.

use alloc::vec::Vec;

use super::bytes::{Reader, put_varint};
use super::entries::{Entries, Stamps};
use super::{Fragment, Lineage, Subject};
use crate::Rejection;
use crate::state::{Entry, Stamp};

const SUBJECT: u8 = 1 << 0;
const AUTH: u8 = 1 << 1;
const SEEN: u8 = 1 << 2;
const SALT: u8 = 1 << 3;
const ENTRIES: u8 = 1 << 4;
const SINGLE: u8 = 1 << 5;
const KNOWN: u8 = SUBJECT | AUTH | SEEN | SALT | ENTRIES | SINGLE;

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
    /// All other fields, if it is a whole session; these may be none.
    pub(crate) fields: Option<Fragment>,
}

impl Root {
    /// Parses an authentic frame with its padding; its name says whether it is a whole session.
    pub(crate) fn parse(frame: &[u8], single: bool) -> Result<Self, Rejection> {
        let mut reader = Reader::new(frame);
        let flags = reader.u8()?;
        if flags & !KNOWN != 0 {
            return Err(Rejection::UnknownVersion);
        }
        // A whole session has one name for all contents, so it has no use for a salt.
        if single != (flags & SINGLE != 0) || (single && flags & SALT != 0) {
            return Err(Rejection::Malformed);
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
        let stamps = Stamps::Shared(renewed);
        let len = match (flags & ENTRIES, single) {
            (0, true) => 0,
            (_, true) => Entries::parse_front(rest, stamps, false)?,
            (_, false) => Entries::parse(rest, stamps, false)?,
        };
        if (flags & ENTRIES == 0) != (len == 0) {
            return Err(Rejection::Malformed);
        }
        let (identity, part) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let fields = match (single, identity) {
            (false, _) => None,
            (true, []) => Some(Fragment::parse_within(part)?),
            // A byte of zero ends the identity fields.
            (true, _) => Some(Fragment::parse_within(part.get(1..).unwrap_or_default())?),
        };
        let identity = identity.to_vec();
        Ok(Self { lineage, born, renewed, auth, seen, subject, salt, identity, fields })
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
                | flag(ENTRIES, !self.identity.is_empty())
                | flag(SINGLE, self.fields.is_some()),
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
        if let Some(fields) = &self.fields {
            if !self.identity.is_empty() {
                out.push(0); // ends the identity fields
            }
            out.extend_from_slice(fields.frame());
        }
        out
    }

    /// The entries of a whole session that are not identity fields, if there are any.
    pub(crate) fn held(&self) -> Option<&Fragment> {
        self.fields.as_ref().filter(|fields| fields.entries().next().is_some())
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
    use alloc::string::String;
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
            proptest::option::of(fields()),
        )
            .prop_map(
                |(lineage, born, since, auth, seen, subject, salt, entries, fields)| Root {
                    lineage: Lineage(lineage),
                    born,
                    renewed: Stamp::from_millis(u64::from(born) * 1000 + since),
                    auth: u64::from(born) + auth,
                    seen: u64::from(born) + seen,
                    subject: subject.map(Subject),
                    salt: if fields.is_some() { 0 } else { salt },
                    fields,
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
                },
            )
    }

    /// The fields of a whole session, possibly none.
    fn fields() -> impl Strategy<Value = Fragment> {
        let content = proptest::option::of("[ -~]{0,12}");
        proptest::collection::btree_map("[a-z]{1,6}", (0u64..3, content), 0..4).prop_map(|fields| {
            let entry = |(name, (stamp, value)): (&'_ String, &'_ (u64, Option<String>))| {
                (name.clone(), Stamp::from_millis((1 << 40) + stamp), value.clone())
            };
            let fields: Vec<_> = fields.iter().map(entry).collect();
            let entries: Vec<Entry<'_>> = fields
                .iter()
                .map(|(name, stamp, value)| Entry {
                    name: name.as_bytes(),
                    stamp: *stamp,
                    content: value.as_ref().map_or(Content::Tombstone, |value| Content::Value {
                        encoding: 1,
                        bytes: value.as_bytes(),
                    }),
                })
                .collect();
            Fragment::new(0, 0, &entries)
        })
    }

    proptest! {
        #[test]
        fn decode_of_encode_is_identity(root in root(), padding in 0usize..20) {
            let mut frame = root.encode();
            frame.resize(frame.len() + padding, 0);
            prop_assert_eq!(Root::parse(&frame, root.fields.is_none()), Err(Rejection::Malformed));
            prop_assert_eq!(Root::parse(&frame, root.fields.is_some()), Ok(root));
        }

        #[test]
        fn what_parses_is_what_encode_writes(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            single in any::<bool>(),
        ) {
            if let Ok(root) = Root::parse(&bytes, single) {
                let frame = root.encode();
                prop_assert_eq!(&bytes[..frame.len()], &frame[..]);
                prop_assert!(bytes[frame.len()..].iter().all(|&byte| byte == 0));
            }
        }
    }
}
