//! Intent: what a request asked for, from all that was handed back.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::codec::Changes;
use crate::parcel::{Lineage, Subject};
use crate::policy::Policy;
use crate::state::{Content, Entry, OPEN, Stamp};

/// A changed entry: its new value, or `None` for a removal.
pub(crate) type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// What the request asked for.
pub(crate) struct Intent<'a> {
    /// Ascending by name. With `end`: all that goes on into a new session.
    pub(crate) changes: Vec<Change<'a>>,
    /// The lineage of the session that begins, if a form token was issued for it.
    pub(crate) lineage: Option<Lineage>,
    /// Who is signed in after the changes; `None` if they do not touch it.
    #[expect(clippy::option_option, reason = "untouched, nobody, or somebody")]
    pub(crate) subject: Option<Option<Subject>>,
    pub(crate) end: bool,
    pub(crate) renew: bool,
    pub(crate) authenticated: bool,
}

impl Intent<'_> {
    pub(crate) fn is_nothing(&self) -> bool {
        let acts = self.end || self.renew || self.authenticated;
        !acts && !self.begins_with(&self.changes)
    }

    /// Whether there is something to begin a session for, if these are its changes.
    pub(crate) fn begins_with(&self, changes: &[Change<'_>]) -> bool {
        !changes.is_empty() || self.lineage.is_some()
    }
}

/// What was handed back, in order.
pub(crate) enum Turn {
    Changes(Changes),
    End,
}

/// Applies what was handed back to `entries`, by name.
pub(crate) fn fold_turns<'a>(
    policy: &Policy,
    entries: Vec<Entry<'a>>,
    turns: impl Iterator<Item = &'a Turn>,
    more: Option<&'a Changes>,
) -> BTreeMap<&'a [u8], Entry<'a>> {
    let mut state: BTreeMap<&[u8], Entry<'_>> =
        entries.into_iter().map(|entry| (entry.name, entry)).collect();
    let mut changed: Vec<&[u8]> = Vec::new();
    let apply = |changes: &'a Changes,
                 state: &mut BTreeMap<&'a [u8], Entry<'a>>,
                 changed: &mut Vec<&'a [u8]>| {
        for (name, value) in changes.iter() {
            let content = match value {
                Some(bytes) => Content::Value { encoding: OPEN, bytes },
                None => Content::Tombstone,
            };
            state.insert(name, Entry { name, stamp: Stamp::MAX, content });
            changed.push(name);
        }
    };
    for turn in turns {
        match turn {
            Turn::Changes(changes) => apply(changes, &mut state, &mut changed),
            Turn::End => state.retain(|name, entry| {
                let goes_on = policy.is_kept(name) || changed.contains(name);
                goes_on && matches!(entry.content, Content::Value { encoding: OPEN, .. })
            }),
        }
    }
    if let Some(changes) = more {
        apply(changes, &mut state, &mut changed);
    }
    state
}
