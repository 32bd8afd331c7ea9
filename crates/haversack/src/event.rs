//! Events: what a request changed, as parcels to set.
//!
//! Each function is one row of the table of events; together they decide who the session belongs
//! to after the response. Nothing here deletes: what is dead follows from what is set.

use alloc::vec::Vec;

use crate::admit::Admitted;
use crate::budget::{self, Limit, state_chars, too_large};
use crate::codec::Fields;
use crate::draft::{Body, Draft};
use crate::jar::Jar;
use crate::join::{Holding, holdings, join};
use crate::keyring::Keys;
use crate::parcel::{Lineage, Root, Subject};
use crate::policy::{GRACE_MS, Policy};
use crate::state::{Content, Entry, OPEN, Stamp};
use crate::{NoEntropy, SealError, Timestamp, TooLarge};

/// What events and maintenance look at: the opened request, and the rules.
#[derive(Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) jar: &'a Jar,
    pub(crate) admitted: &'a Admitted,
    pub(crate) policy: &'a Policy,
    pub(crate) keys: &'a Keys,
    /// The session type's default, entry by entry.
    pub(crate) defaults: &'a Fields,
    pub(crate) now: Timestamp,
}

/// A changed entry: its new value, or `None` for a removal.
pub(crate) type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// What the request asked for.
pub(crate) struct Intent<'a> {
    /// Ascending by name. With `end`: all that goes on into a new session.
    pub(crate) changes: Vec<Change<'a>>,
    /// Who is signed in after the changes; `None` if they do not touch it.
    pub(crate) subject: Option<Option<Subject>>,
    pub(crate) end: bool,
    pub(crate) renew: bool,
    pub(crate) authenticated: bool,
}

/// Which row of the table of events it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The first write to a fresh session.
    Create,
    /// `end()`: the session was closed.
    End,
    /// Somebody signed in to the session.
    Login,
    /// Nothing to write.
    #[default]
    None,
    /// `renew()`, `authenticated()`, or a changed identity field.
    Renew,
    /// Somebody else signed in, or the one who was signed in left.
    Switch,
    /// Fields were written.
    Write,
}

impl EventKind {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Create => "create",
            EventKind::End => "end",
            EventKind::Login => "login",
            EventKind::None => "none",
            EventKind::Renew => "renew",
            EventKind::Switch => "switch",
            EventKind::Write => "write",
        }
    }
}

/// What the response sets.
#[derive(Default)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    /// Marker before root before fragments.
    pub(crate) drafts: Vec<Draft>,
    /// Deletes every other parcel of ours read, but end markers.
    pub(crate) sweeps: bool,
    /// Characters of the live state afterwards, if fields were written.
    pub(crate) state: Option<usize>,
}

impl Event {
    /// The head after this response, if the event sets one.
    pub(crate) fn head(&self) -> Option<&Root> {
        self.drafts.iter().find_map(|draft| match &draft.body {
            Body::Root(root) => Some(root),
            Body::Fragment { .. } | Body::Marker(_) => None,
        })
    }
}

impl Intent<'_> {
    pub(crate) fn is_nothing(&self) -> bool {
        self.changes.is_empty() && !self.end && !self.renew && !self.authenticated
    }
}

impl<'a> Situation<'a> {
    /// Works out the event of an intent. `state` is what the handler saw.
    pub(crate) fn event(
        &self,
        intent: &Intent<'_>,
        state: &[Entry<'_>],
        lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<Event, SealError> {
        let mut event = match self.admitted.winner(self.jar) {
            None if self.admitted.kept_head => self.beside_kept_head(intent, lineage)?,
            None => self.without_session(intent, lineage)?,
            Some(head) => self.within_session(&head.frame, intent, state, lineage)?,
        };
        event.state = self.check_sizes(&event)?;
        Ok(event)
    }

    /// A field is an identity field if it is declared so, or if the head holds it.
    fn is_identity(&self, head: Option<&Root>, entry: &[u8]) -> bool {
        let field = crate::codec::field_of;
        self.policy.is_identity(entry)
            || head.is_some_and(|head| head.identity().any(|held| field(held.name) == field(entry)))
    }

    /// `max(now, highest stamp seen + 1)`.
    fn stamp(&self) -> Stamp {
        Stamp::from_millis(self.now.as_millis()).max(self.jar.highest_stamp().plus(1))
    }

    fn without_session(
        &self,
        intent: &Intent<'_>,
        lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<Event, SealError> {
        let mut event = Event { sweeps: intent.end, ..Event::default() };
        if intent.end {
            event.kind = EventKind::End;
        }
        let changes = without_removals(&intent.changes);
        if self.begin(&mut event, &changes, intent.subject.flatten(), self.stamp(), lineage)?
            && !intent.end
        {
            event.kind = EventKind::Create;
        }
        Ok(event)
    }

    fn within_session(
        &self,
        head: &Root,
        intent: &Intent<'_>,
        state: &[Entry<'_>],
        lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<Event, SealError> {
        let subject = intent.subject.unwrap_or(head.subject);
        let leaves = head.subject.is_some() && subject != head.subject;
        if intent.end || leaves {
            let kind = if intent.end { EventKind::End } else { EventKind::Switch };
            return self.close(head, kind, intent, state, lineage);
        }
        let stamp = self.stamp();
        let mut event = Event::default();
        let identity = self.identity_after(head, &intent.changes, subject)?;
        let logs_in = subject != head.subject;
        if logs_in || intent.renew || intent.authenticated || identity != head.identity {
            event.kind = if logs_in { EventKind::Login } else { EventKind::Renew };
            let now = self.now.as_secs().max(u64::from(head.born));
            let root = Root {
                renewed: stamp,
                auth: if logs_in || (intent.authenticated && subject.is_some()) {
                    now
                } else {
                    head.auth
                },
                seen: now,
                subject,
                salt: 0,
                identity,
                ..*head
            };
            event.drafts.push(Draft::root(self.jar, self.keys, &root));
        }
        let fields: Vec<Change<'_>> = intent
            .changes
            .iter()
            .copied()
            .filter(|(name, _)| !self.is_identity(Some(head), name))
            .collect();
        if !fields.is_empty() {
            if event.kind == EventKind::None {
                event.kind = EventKind::Write;
            }
            event.drafts.push(self.fragment(head.lineage, subject, &fields, stamp));
        }
        Ok(event)
    }

    /// `end()` and switch: an end marker of the old lineage, and a new one for what goes on.
    fn close(
        &self,
        head: &Root,
        kind: EventKind,
        intent: &Intent<'_>,
        state: &[Entry<'_>],
        lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<Event, SealError> {
        let stamp = self.stamp();
        let marker = Draft::marker(self.jar, self.keys, head.lineage, stamp);
        let mut event = Event { kind, drafts: [marker].into(), sweeps: true, state: None };
        let mut goes_on = without_removals(&intent.changes);
        if kind == EventKind::Switch {
            for entry in state.iter().filter(|entry| self.policy.is_kept(entry.name)) {
                let changed = intent.changes.iter().any(|(name, _)| *name == entry.name);
                if let (false, Content::Value { encoding: OPEN, bytes }) = (changed, entry.content)
                {
                    goes_on.push((entry.name, Some(bytes)));
                }
            }
            goes_on.sort_unstable_by_key(|(name, _)| *name);
        }
        self.begin(&mut event, &goes_on, intent.subject.flatten(), stamp.plus(1), lineage)?;
        Ok(event)
    }

    /// On a route that may: the newest root or an end marker cannot be read here, so nothing of
    /// the old session goes on, and what would end it is stamped beyond what may have been missed.
    fn beside_kept_head(
        &self,
        intent: &Intent<'_>,
        mut lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<Event, SealError> {
        let subject = intent.subject.flatten();
        if !intent.end && subject.is_none() {
            return self.without_session(intent, lineage);
        }
        let highest = self
            .jar
            .roots
            .iter()
            .map(|root| &root.frame)
            .max_by(|a, b| a.head_rank().cmp(&b.head_rank()))
            .map(|root| root.lineage);
        let closed = match highest {
            Some(lineage) => lineage,
            None => lineage().map_err(|NoEntropy| SealError::NoEntropy)?,
        };
        let ahead = Stamp::from_millis(self.now.as_millis()).plus(GRACE_MS);
        let stamp = ahead.max(self.jar.highest_stamp().plus(1000));
        let marker = Draft::marker(self.jar, self.keys, closed, stamp);
        let kind = if intent.end { EventKind::End } else { EventKind::Login };
        let mut event = Event { kind, drafts: [marker].into(), sweeps: true, state: None };
        let changes = without_removals(&intent.changes);
        self.begin(&mut event, &changes, subject, stamp.plus(1), lineage)?;
        Ok(event)
    }

    /// A new lineage for `changes`; `false` if there is nothing to begin it for.
    fn begin(
        &self,
        event: &mut Event,
        changes: &[Change<'_>],
        subject: Option<Subject>,
        stamp: Stamp,
        mut lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<bool, SealError> {
        let drops = |name: &[u8]| subject.is_none() && self.policy.is_subject(name);
        let changes: Vec<Change<'_>> =
            changes.iter().copied().filter(|(name, _)| !drops(name)).collect();
        if changes.is_empty() {
            return Ok(false);
        }
        let lineage = lineage().map_err(|NoEntropy| SealError::NoEntropy)?;
        let (identity, fields): (Vec<Change<'_>>, Vec<Change<'_>>) =
            changes.iter().partition(|(name, _)| self.is_identity(None, name));
        let born = u32::try_from(self.now.as_secs()).unwrap_or(u32::MAX);
        let root = Root {
            lineage,
            born,
            renewed: stamp,
            auth: u64::from(born),
            seen: u64::from(born),
            subject,
            salt: 0,
            identity: encode_identity(&entries(&identity, stamp))?,
        };
        event.drafts.push(Draft::root(self.jar, self.keys, &root));
        if !fields.is_empty() {
            event.drafts.push(self.fragment(lineage, subject, &fields, stamp));
        }
        Ok(true)
    }

    fn fragment(
        &self,
        lineage: Lineage,
        subject: Option<Subject>,
        fields: &[Change<'_>],
        stamp: Stamp,
    ) -> Draft {
        Draft::fragment(self.jar, self.keys, lineage, subject, 0, &entries(fields, stamp))
    }

    fn identity_after(
        &self,
        head: &Root,
        changes: &[Change<'_>],
        subject: Option<Subject>,
    ) -> Result<Vec<u8>, SealError> {
        let changed = |name: &[u8]| changes.iter().any(|(changed, _)| *changed == name);
        let mut after: Vec<Entry<'_>> =
            head.identity().filter(|held| !changed(held.name)).collect();
        let set = changes
            .iter()
            .filter(|(name, value)| value.is_some() && self.is_identity(Some(head), name));
        after.extend(entries(&set.copied().collect::<Vec<_>>(), head.renewed));
        if subject.is_none() {
            after.retain(|entry| !self.policy.is_subject(entry.name));
        }
        after.sort_unstable_by_key(|entry| entry.name);
        Ok(encode_identity(&after)?)
    }

    /// What the budgets say to the event; the old session stays whole if they refuse it.
    fn check_sizes(&self, event: &Event) -> Result<Option<usize>, TooLarge> {
        let Policy { budget, cookie, .. } = self.policy;
        let mut lines = 0;
        for draft in &event.drafts {
            let frame = draft.body.frame().len();
            let padded = self.policy.padding.padded_len(frame);
            let chars = budget::parcel_chars(cookie.base(), padded);
            if chars > budget.parcel {
                return Err(too_large(Limit::Parcel, chars, budget.parcel, draft_entries(draft)));
            }
            lines += cookie.set_len(crate::wire::text_len(padded), u64::from(u32::MAX));
        }
        let all = || event.drafts.iter().flat_map(draft_entries);
        if lines > budget.response {
            return Err(too_large(Limit::Response, lines, budget.response, all()));
        }
        self.check_state(event)
    }

    /// The live state may not grow beyond its budget. A change that makes it smaller always passes.
    fn check_state(&self, event: &Event) -> Result<Option<usize>, TooLarge> {
        let base = self.policy.cookie.base();
        let drafts: Vec<Holding<'_>> =
            event.drafts.iter().filter_map(|draft| draft.holding(base)).collect();
        if drafts.is_empty() {
            return Ok(None);
        }
        let mut after = Vec::new();
        if let (Some(head), false) = (self.admitted.winner(self.jar), event.sweeps) {
            after = holdings(self.jar, self.admitted, &head.frame, |_| true);
        }
        let before = state_size(base, &after).0;
        after.extend(drafts);
        let (size, entries) = state_size(base, &after);
        let limit = self.policy.budget.state;
        if size > limit && size > before {
            return Err(too_large(Limit::State, size, limit, entries));
        }
        Ok(Some(size))
    }
}

/// What a full fold of these would take, and its entries.
pub(crate) fn state_size<'a>(base: &str, holdings: &[Holding<'a>]) -> (usize, Vec<Entry<'a>>) {
    let joined = join(holdings);
    let of = |kind: bool| -> Vec<Entry<'a>> {
        joined
            .iter()
            .filter(|joined| joined.under_subject == kind)
            .map(|joined| joined.entry)
            .collect()
    };
    let size = state_chars(base, [&of(false), &of(true)]);
    (size, joined.into_iter().map(|joined| joined.entry).collect())
}

fn without_removals<'a>(changes: &[Change<'a>]) -> Vec<Change<'a>> {
    changes.iter().copied().filter(|(_, value)| value.is_some()).collect()
}

fn entries<'a>(changes: &[Change<'a>], stamp: Stamp) -> Vec<Entry<'a>> {
    changes
        .iter()
        .map(|&(name, value)| Entry {
            name,
            stamp,
            content: match value {
                Some(bytes) => Content::Value { encoding: OPEN, bytes },
                None => Content::Tombstone,
            },
        })
        .collect()
}

fn draft_entries(draft: &Draft) -> Vec<Entry<'_>> {
    match &draft.body {
        Body::Root(root) => root.identity().collect(),
        Body::Fragment { fragment, .. } => fragment.entries().collect(),
        Body::Marker(_) => Vec::new(),
    }
}

fn encode_identity(entries: &[Entry<'_>]) -> Result<Vec<u8>, TooLarge> {
    let bytes = Root::encode_identity(entries);
    if bytes.len() > budget::IDENTITY {
        return Err(too_large(
            Limit::Identity,
            bytes.len(),
            budget::IDENTITY,
            entries.iter().copied(),
        ));
    }
    Ok(bytes)
}
