//! Events: what a request changed, as parcels to set.
//!
//! Each function is one row of the table of events; together they decide who the session belongs
//! to after the response. Nothing here deletes: what is dead follows from what is set.

use alloc::vec::Vec;

use crate::admit::Admitted;
use crate::budget::{self, Limit, too_large};
use crate::codec::Fields;
use crate::draft::{Body, Draft};
use crate::intent::{Change, Intent};
use crate::jar::Jar;
use crate::join::{holdings, join, state};
use crate::keyring::Keys;
use crate::parcel::{Fragment, Lineage, Root, Subject, Suffix};
use crate::policy::{GRACE_MS, Policy};
use crate::revocation::Revoked;
use crate::state::{Content, Entry, OPEN, Stamp};
use crate::transport::{Carrier, Layout};
use crate::{NoEntropy, SealError, Timestamp, TooLarge};

/// What events and maintenance look at: the opened request, and the rules.
#[derive(Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) jar: &'a Jar,
    pub(crate) admitted: &'a Admitted,
    pub(crate) policy: &'a Policy,
    pub(crate) carrier: Carrier<'a>,
    pub(crate) keys: &'a Keys,
    pub(crate) revoked: Revoked<'a>,
    /// The session type's default, entry by entry.
    pub(crate) defaults: &'a Fields,
    /// When the request arrived: what landed later it has not read.
    pub(crate) received: Timestamp,
    pub(crate) now: Timestamp,
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
    /// Fields were written, beside those that decide who the user is.
    pub(crate) writes: bool,
    /// Fragments of adopted sessions that a whole session took in: deleted with it.
    pub(crate) taken: Vec<Suffix>,
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

impl<'a> Situation<'a> {
    /// The joined state of what arrived; `mislaid` gets the names of identity fields that fragments
    /// held.
    pub(crate) fn arrived_but(&self, mislaid: impl FnMut(&'a [u8])) -> Vec<Entry<'a>> {
        let Some(head) = self.admitted.winner(self.jar) else {
            return Vec::new();
        };
        let joined = join(&holdings(self.jar, self.admitted, &head.frame, |_| true));
        state(&head.frame, &joined, self.policy, mislaid)
    }

    /// Works out the event of an intent.
    pub(crate) fn event(
        &self,
        intent: &Intent<'_>,
        lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<Event, SealError> {
        let mut event = match self.admitted.winner(self.jar) {
            // Of a jar with duplicate names nothing was read: what it holds must not outlive `end()`.
            None if self.admitted.kept_head || (intent.end && !self.jar.unread.is_empty()) => {
                self.beside_kept_head(intent, lineage)?
            }
            None => self.without_session(intent, lineage)?,
            Some(head) => self.within_session(&head.frame, intent, lineage)?,
        };
        event.writes = event.drafts.iter().any(|draft| draft.holding(self.carrier).is_some());
        Ok(self.lay_out(event)?)
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
        let subject = intent.subject.flatten();
        let changes = self.going_on(&intent.changes, subject);
        if self.begin(&mut event, &changes, intent, self.stamp(), lineage)? && !intent.end {
            event.kind = EventKind::Create;
        }
        Ok(event)
    }

    fn within_session(
        &self,
        head: &Root,
        intent: &Intent<'_>,
        lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<Event, SealError> {
        let subject = intent.subject.unwrap_or(head.subject);
        let leaves = head.subject.is_some() && subject != head.subject;
        if intent.end || leaves {
            let kind = if intent.end { EventKind::End } else { EventKind::Switch };
            return self.close(head, kind, intent, lineage);
        }
        let stamp = self.stamp();
        let mut event = Event::default();
        let identity = self.identity_after(head, &intent.changes, subject)?;
        let logs_in = subject != head.subject;
        if logs_in || intent.renew || intent.authenticated || identity != head.identity {
            event.kind = if logs_in { EventKind::Login } else { EventKind::Renew };
            let now = self.now.as_secs().max(u64::from(head.born));
            let authenticates = logs_in || (intent.authenticated && subject.is_some());
            if !authenticates {
                self.may_renew(head)?;
            }
            let root = Root {
                renewed: stamp,
                auth: if authenticates {
                    now.max(self.revoked.not_before(subject))
                } else {
                    head.auth
                },
                seen: now,
                subject,
                salt: 0,
                identity,
                fields: head.fields.clone(),
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

    /// Without a proof of who it is, a session goes on as another only where it is known not to be
    /// revoked, and not to have gone on elsewhere.
    fn may_renew(&self, head: &Root) -> Result<(), SealError> {
        if self.revoked.is_outrun(head) {
            return Err(SealError::Late);
        }
        self.revoked.fresh().map_err(SealError::Stale)
    }

    /// `end()` and switch: an end marker of the old lineage, and a new one for what goes on.
    fn close(
        &self,
        head: &Root,
        kind: EventKind,
        intent: &Intent<'_>,
        lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<Event, SealError> {
        let mut event = Event { kind, sweeps: true, ..Event::default() };
        let mut goes_on = intent.changes.clone();
        if kind == EventKind::Switch {
            let arrived = self.arrived_but(|_| {});
            for entry in arrived.iter().filter(|entry| self.policy.is_kept(entry.name)) {
                let changed = intent.changes.iter().any(|(name, _)| *name == entry.name);
                if let (false, Content::Value { encoding: OPEN, bytes }) = (changed, entry.content)
                {
                    goes_on.push((entry.name, Some(bytes)));
                }
            }
            goes_on.sort_unstable_by_key(|(name, _)| *name);
        }
        let subject = intent.subject.flatten();
        let goes_on = self.going_on(&goes_on, subject);
        let mut stamp = self.stamp();
        if self.leaves_marker(intent.begins_with(&goes_on)) {
            event.drafts.push(Draft::marker(self.jar, self.keys, head.lineage, stamp));
            stamp = stamp.plus(1);
        }
        self.begin(&mut event, &goes_on, intent, stamp, lineage)?;
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
            // A field is no reason to overwrite a session that a neighbour may be able to read.
            if self.layout() == Layout::Single && self.jar.names(Suffix::SINGLE) {
                return Err(SealError::Unavailable { unknown_key: self.jar.unknown_keys().next() });
            }
            return self.without_session(intent, lineage);
        }
        let kind = if intent.end { EventKind::End } else { EventKind::Login };
        let mut event = Event { kind, sweeps: true, ..Event::default() };
        let changes = self.going_on(&intent.changes, subject);
        if !self.leaves_marker(intent.begins_with(&changes)) {
            self.begin(&mut event, &changes, intent, self.stamp(), lineage)?;
            return Ok(event);
        }
        let highest = self
            .jar
            .roots
            .iter()
            .map(|root| &root.frame)
            .max_by_key(|root| (root.head_rank(), root.encode()))
            .map(|root| root.lineage);
        let closed = match highest {
            Some(lineage) => lineage,
            None => lineage().map_err(|NoEntropy| SealError::NoEntropy)?,
        };
        let ahead = Stamp::from_millis(self.now.as_millis()).plus(GRACE_MS);
        let stamp = ahead.max(self.jar.highest_stamp().plus(1000));
        event.drafts.push(Draft::marker(self.jar, self.keys, closed, stamp));
        self.begin(&mut event, &changes, intent, stamp.plus(1), lineage)?;
        Ok(event)
    }

    /// What of `changes` a session of this subject can begin with: no removals but those of what
    /// is there by default.
    fn going_on<'c>(&self, changes: &[Change<'c>], subject: Option<Subject>) -> Vec<Change<'c>> {
        let begins = |(name, value): &Change<'c>| {
            let tells = value.is_some()
                || (self.defaults.get(name).is_some() && !self.is_identity(None, name));
            tells && (subject.is_some() || !self.policy.is_subject(name))
        };
        changes.iter().copied().filter(begins).collect()
    }

    /// A new lineage for `changes`; `false` if there is nothing to begin it for.
    fn begin(
        &self,
        event: &mut Event,
        changes: &[Change<'_>],
        intent: &Intent<'_>,
        stamp: Stamp,
        lineage: impl FnMut() -> Result<Lineage, NoEntropy>,
    ) -> Result<bool, SealError> {
        if !intent.begins_with(changes) {
            return Ok(false);
        }
        let lineage = intent.lineage.map_or_else(lineage, Ok);
        let lineage = lineage.map_err(|NoEntropy| SealError::NoEntropy)?;
        let subject = intent.subject.flatten();
        let (identity, fields): (Vec<Change<'_>>, Vec<Change<'_>>) =
            changes.iter().partition(|(name, _)| self.is_identity(None, name));
        let born = u32::try_from(self.now.as_secs()).unwrap_or(u32::MAX);
        let root = Root {
            lineage,
            born,
            renewed: stamp,
            auth: u64::from(born).max(self.revoked.not_before(subject)),
            seen: u64::from(born),
            subject,
            salt: 0,
            identity: encode_identity(&entries(&identity, stamp))?,
            fields: (self.layout() == Layout::Single).then(|| Fragment::new(0, 0, &[])),
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
