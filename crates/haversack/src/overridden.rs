//! What was overridden: of two writes of one entry that overlapped, the value that lost.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::field_of;
use crate::event::{Event, Situation};
use crate::join::{join, owned};
use crate::state::Content;

/// Of two writes of one entry that overlapped, the one that lost.
///
/// Reported by the response that removes what lost, once everything that was written with it has
/// lost too. A write that had seen the other removes it by itself and is no case of this.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overridden {
    /// The entry's name: the field, and for an entry of an [`Each`](crate::Each) also `0x00` and
    /// its key in CBOR.
    pub entry: Vec<u8>,
    /// What was written and lost, in CBOR; `None` for a removal.
    pub lost: Option<Vec<u8>>,
    /// What the session holds instead, in CBOR; `None` if it was removed.
    pub kept: Option<Vec<u8>>,
    /// Milliseconds between the two writes.
    pub apart_ms: u64,
}

impl Overridden {
    /// The field's name.
    pub fn field(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(field_of(&self.entry))
    }
}

impl Situation<'_> {
    /// What the parcels that were `deleted` held, if they had lost before this request: whoever
    /// overrode them had not seen them, or would have deleted them.
    pub(crate) fn overridden(&self, deleted: &[String]) -> Vec<Overridden> {
        let gone = |suffix: &str| deleted.iter().any(|deleted| deleted == suffix);
        if !self.jar.fragments.iter().any(|owned| gone(owned.suffix.as_str())) {
            return Vec::new();
        }
        let nothing = Event::default();
        let read = self.participants(&nothing);
        let state = join(&read);
        let mut overridden = Vec::new();
        for (holding, owned) in read.iter().zip(owned(&read)) {
            // A fold is no write of its own.
            let written = holding.fragment.count == 0;
            if !written || !owned.is_empty() || !gone(holding.suffix.as_str()) {
                continue;
            }
            for entry in holding.fragment.entries() {
                let kept = state.binary_search_by(|joined| joined.entry.name.cmp(entry.name));
                let Some(kept) = kept.ok().and_then(|at| state.get(at)) else { continue };
                if bytes(kept.entry.content) != bytes(entry.content) {
                    overridden.push(Overridden {
                        entry: entry.name.to_vec(),
                        lost: bytes(entry.content).map(<[u8]>::to_vec),
                        kept: bytes(kept.entry.content).map(<[u8]>::to_vec),
                        apart_ms: kept.entry.stamp.as_millis().abs_diff(entry.stamp.as_millis()),
                    });
                }
            }
        }
        overridden
    }
}

fn bytes(content: Content<'_>) -> Option<&[u8]> {
    match content {
        Content::Value { bytes, .. } => Some(bytes),
        Content::Tombstone => None,
    }
}
