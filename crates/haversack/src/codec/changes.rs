//! What a program changed: the difference between a value and the state that it was decoded from.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::EncodeError;
use super::fields::{Fields, encode_fields, encode_only, field_of};
use super::overlay::{Overlay, Status};
use crate::state::{Content, Entry, OPEN};

/// Entries to be written, ascending by name: a value encoded as [`OPEN`], or `None` for a tombstone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Changes {
    /// Names and values, ascending by name.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_deref()))
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the change of one entry.
    pub(crate) fn insert(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.0.insert(name.to_vec(), value.map(<[u8]>::to_vec));
    }
}

/// The difference between `value` and `state`, over `default`.
pub(super) fn between<T>(
    value: &T,
    state: &[Entry<'_>],
    default: &Fields,
) -> Result<Changes, EncodeError>
where
    T: Default + Serialize + DeserializeOwned,
{
    let now = encode_fields(value)?;
    let in_doubt = in_doubt(&now, state, default);
    let is_in_doubt = |name: &[u8]| in_doubt.contains(field_of(name));
    let mut changes = Changes::default();
    // What did not arrive is written unless it is the default.
    for (name, value) in now.iter().filter(|(name, _)| !is_in_doubt(name)) {
        if default.get(name) != Some(value) && find(state, name).is_none() {
            changes.insert(name, Some(value));
        }
    }
    for (name, _) in default.iter().filter(|(name, _)| !is_in_doubt(name)) {
        if now.get(name).is_none() && find(state, name).is_none() {
            changes.insert(name, None);
        }
    }
    if in_doubt.is_empty() {
        return Ok(changes);
    }
    let mut overlay = Overlay::new(default, state);
    let decoded = overlay.decode_or_default::<T>();
    let arrived = encode_only(&decoded, &in_doubt)?;

    let diff = Diff {
        is_renamed: is_renamed(&overlay, state, &arrived),
        now: &now,
        arrived: &arrived,
        default,
        state,
        overlay,
    };
    let mut names: Vec<&[u8]> = state.iter().map(|entry| entry.name).collect();
    for fields in [&now, &arrived, default] {
        names.extend(fields.iter().map(|(name, _)| name));
    }
    names.retain(|name| is_in_doubt(name));
    names.sort_unstable();
    names.dedup();
    for name in names {
        if diff.is_changed(name) {
            changes.insert(name, now.get(name));
        }
    }
    Ok(changes)
}

/// The place of an entry in a state.
fn find(state: &[Entry<'_>], name: &[u8]) -> Option<usize> {
    state.binary_search_by(|entry| entry.name.cmp(name)).ok()
}

/// Fields that arrived as other bytes than they have now: whether they were changed only decoding
/// tells, since another program may have encoded them otherwise.
fn in_doubt(now: &Fields, state: &[Entry<'_>], default: &Fields) -> BTreeSet<Vec<u8>> {
    // Beside a plain entry, equal bytes of an element may not be those that were read.
    let is_beside_plain = |name: &&[u8]| {
        let field = field_of(name);
        field.len() < name.len() && find(state, field).is_some()
    };
    let is_other = |entry: &&Entry<'_>| match now.get(entry.name) {
        Some(value) => !is_value(entry, value),
        None => entry.content != Content::Tombstone,
    };
    let others = state.iter().filter(is_other).map(|entry| entry.name);
    let arrived = state.iter().map(|entry| entry.name);
    let named = now.iter().chain(default.iter()).map(|(name, _)| name);
    let beside_plain = arrived.chain(named).filter(is_beside_plain);
    others.chain(beside_plain).map(|name| field_of(name).to_vec()).collect()
}

fn is_value(entry: &Entry<'_>, value: &[u8]) -> bool {
    let content = Content::Value { encoding: OPEN, bytes: value };
    entry.content == content
}

/// Whether an entry was read into a field that is written under another name (`alias`): what arrived
/// must be written under the new name then, since the old one is removed.
fn is_renamed(overlay: &Overlay<'_>, state: &[Entry<'_>], arrived: &Fields) -> bool {
    let mut entries = state.iter().enumerate();
    entries.any(|(at, entry)| {
        let field = field_of(entry.name);
        matches!(overlay.status(at), Status::Read | Status::Superseded)
            && entry.content != Content::Tombstone
            && !overlay.is_spread(field)
            && arrived.fields().all(|written| written.name != field)
    })
}

struct Diff<'a> {
    /// The value, encoded.
    now: &'a Fields,
    /// What the state decodes to, encoded again where that matters.
    arrived: &'a Fields,
    default: &'a Fields,
    state: &'a [Entry<'a>],
    overlay: Overlay<'a>,
    is_renamed: bool,
}

impl Diff<'_> {
    fn is_changed(&self, name: &[u8]) -> bool {
        let (now, arrived) = (self.now.get(name), self.arrived.get(name));
        let field = field_of(name);
        if field.len() < name.len() && self.overlay.is_spread(field) {
            // What arrived is partly in the plain entry; only the two encodings compare.
            return now != arrived;
        }
        let found = find(self.state, name);
        let Some((at, entry)) = found.and_then(|at| Some((at, self.state.get(at)?))) else {
            return now != self.default.get(name);
        };
        let status = self.overlay.status(at);
        let Some(value) = now else {
            return match (entry.content, status) {
                (Content::Tombstone, _) | (_, Status::Carried | Status::Spread) => false,
                (_, Status::Read | Status::Superseded) => true,
                // Known only if it was written back; and a default that stood in was removed.
                (_, Status::Buffered | Status::Fallen) => arrived.is_some(),
            };
        };
        // A renamed field may have brought the value that stands here now.
        let is_own = match status {
            Status::Read => true,
            Status::Fallen => !self.is_renamed || self.default.get(name) == now,
            _ => !self.is_renamed,
        };
        !(is_value(entry, value) || is_own && arrived == now)
    }
}
