//! The joined state, entry by entry.

use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::field_of;
use crate::event::Situation;
use crate::join::{holdings, join, state};
use crate::parcel::entry_len;
use crate::state::{Content, Entry, Stamp};

/// One entry of the session's state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// For an element of an [`Each`](crate::Each) its key, in deterministic CBOR.
    pub key: Option<Vec<u8>>,
    /// When it was written; for an identity field the last identity event.
    pub stamp: Stamp,
    /// Written while somebody was signed in.
    pub under_subject: bool,
    /// An identity field, from the session's head.
    pub from_head: bool,
    /// Its value; `None` if it was removed.
    pub value: Option<Value>,
    /// Bytes that it takes, with its name.
    pub bytes: usize,
}

/// An encoded value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Value {
    /// How it is encoded; [`OPEN`](crate::OPEN) is deterministic CBOR.
    pub encoding: u8,
    /// The encoded value.
    pub bytes: Vec<u8>,
}

/// The state as a handler sees it, and the names that the join left out of it.
pub(super) fn describe(
    arrived: &[Entry<'_>],
    situation: &Situation<'_>,
) -> (Vec<Field>, Vec<String>) {
    let Some(head) = situation.admitted.winner(situation.jar) else {
        return (Vec::new(), Vec::new());
    };
    let head = &head.frame;
    let joined = join(&holdings(situation.jar, situation.admitted, head, |_| true));
    let mut mislaid = Vec::new();
    state(head, &joined, situation.policy, |name| {
        let name = String::from_utf8_lossy(field_of(name)).into_owned();
        if !mislaid.contains(&name) {
            mislaid.push(name);
        }
    });
    let describe = |entry: &Entry<'_>| {
        let from_head = head.identity().any(|held| held.name == entry.name);
        let joined = joined.iter().find(|joined| joined.entry.name == entry.name);
        Field {
            from_head,
            under_subject: match joined {
                Some(joined) if !from_head => joined.under_subject,
                _ => head.subject.is_some(),
            },
            ..field(entry)
        }
    };
    (arrived.iter().map(describe).collect(), mislaid)
}

fn field(entry: &Entry<'_>) -> Field {
    let name = field_of(entry.name);
    Field {
        name: String::from_utf8_lossy(name).into_owned(),
        key: entry.name.get(name.len() + 1..).map(<[u8]>::to_vec),
        stamp: entry.stamp,
        under_subject: false,
        from_head: false,
        value: match entry.content {
            Content::Value { encoding, bytes } => Some(Value { encoding, bytes: bytes.to_vec() }),
            Content::Tombstone => None,
        },
        bytes: entry_len(entry, None),
    }
}
