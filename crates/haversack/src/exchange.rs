//! One request and its response.
//!
//! ```text
//! Cookie lines ─► collect ─► unseal ─► lineages ─► admit ─► join ─► decode ─► T
//!                                                                             │ changed
//! Set-Cookie   ◄─ seal ◄──── budget ◄─ maintain ◄─ event ◄─ intent ◄──────────┘
//! ```
//!
//! Straight down and straight back up: no stage calls an earlier one, none waits, none does I/O.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use crate::admit::Admitted;
use crate::arrival::Arrival;
use crate::codec::{Changes, Decoded, EncodeError, Schema};
use crate::event::{Event, Intent, Situation};
use crate::feed::View;
use crate::info::Info;
use crate::jar::Jar;
use crate::join::{holdings, join, state};
use crate::keyring::{Context, Found, Keys};
use crate::lineage::Lineages;
use crate::parcel::{Lineage, Subject};
use crate::policy::{GRACE_MS, Policy};
use crate::respond::{self, Outcome, Room};
use crate::state::{Content, Entry, OPEN, Stamp};
use crate::transport::cookie;
use crate::{ConfigError, Entropy, KeyId, SealError, Timestamp, TooLarge};

/// The rules of one kind of session: a policy that fits the session type `T`.
pub struct Rules<T> {
    pub(crate) policy: Policy,
    pub(crate) schema: Schema<T>,
    context: Context,
}

impl<T: Default + Serialize + DeserializeOwned> Rules<T> {
    /// Checks the policy, and that `T` can be a session.
    ///
    /// # Errors
    ///
    /// What is wrong with the policy or with `T`, and how to put it right.
    pub fn new(policy: Policy) -> Result<Self, ConfigError> {
        let schema = Schema::new()?;
        policy.validate(schema.names())?;
        let context = policy.context()?;
        Ok(Self { policy, schema, context })
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// All that a request is judged by: the rules, and the keys as they were when it arrived.
pub struct Snapshot<T> {
    pub(crate) rules: Arc<Rules<T>>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) view: Arc<View>,
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            keys: Arc::clone(&self.keys),
            view: Arc::clone(&self.view),
        }
    }
}

impl<T> Snapshot<T> {
    /// A snapshot of `view`. Expanding the keys of its ring is the costly part.
    pub fn new(rules: Arc<Rules<T>>, view: Arc<View>) -> Self {
        let keys = Arc::new(Keys::new(&view.ring, &rules.context));
        Self { rules, keys, view }
    }

    /// The same rules with a newer view; keys are expanded only if the ring is another one.
    #[must_use]
    pub fn with_view(&self, view: Arc<View>) -> Self {
        if Arc::ptr_eq(&self.view.ring, &view.ring) {
            return Self { view, ..self.clone() };
        }
        Self::new(Arc::clone(&self.rules), view)
    }

    /// The view.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Whether the ring has an answer to a key id, be it that the key is retired.
    pub fn knows(&self, id: KeyId, now: Timestamp) -> bool {
        !matches!(self.keys.find(&id, now), Found::Unknown)
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<Rules<T>> {
        &self.rules
    }
}

/// One request: what arrived, and what was changed since.
///
/// Consumed by its response. Holds the snapshot that it began with, so that nothing changes under
/// a request.
pub struct Exchange<T> {
    snapshot: Snapshot<T>,
    jar: Jar,
    admitted: Admitted,
    received: Timestamp,
    log: Vec<Turn>,
    renew: bool,
    authenticated: bool,
    session: PhantomData<fn() -> T>,
}

/// What was handed back, in order.
enum Turn {
    Changes(Changes),
    End,
}

/// Up to where in an exchange a value was read; hand it in with the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

impl<T: Default + Serialize + DeserializeOwned> Exchange<T> {
    /// Opens the session that the `Cookie` lines of a request carry.
    ///
    /// Never fails: what cannot be admitted is a fresh session, and [`arrival`](Self::arrival)
    /// says why.
    pub fn receive<'h>(
        snapshot: &Snapshot<T>,
        cookie_lines: impl IntoIterator<Item = &'h [u8]>,
        now: Timestamp,
    ) -> Self {
        let policy = &snapshot.rules.policy;
        let base = policy.cookie.base();
        let found = cookie::collect(base, cookie_lines);
        let (mut jar, sealed) = Jar::open(found, &snapshot.keys, &snapshot.view.dead, base, now);
        let lineages = Lineages::of(&jar.roots, &jar.markers);
        jar.open_fragments(sealed, &lineages, base, now);
        let admitted = Admitted::judge(lineages, &jar, &policy.lifetime, now);
        Self {
            snapshot: snapshot.clone(),
            jar,
            admitted,
            received: now,
            log: Vec::new(),
            renew: false,
            authenticated: false,
            session: PhantomData,
        }
    }

    /// The session as it is now: the join of what arrived and of what was handed back so far.
    pub fn value(&self) -> (Decoded<T>, Mark) {
        let mark = Mark(self.log.len());
        (self.snapshot.rules.schema.decode(&self.state(mark)), mark)
    }

    /// Takes a value back and notes what in it differs from what was read at `since`.
    ///
    /// # Errors
    ///
    /// When the value cannot be encoded; nothing of it is noted then.
    pub fn hand_back(&mut self, value: &T, since: Mark) -> Result<(), EncodeError> {
        let changes = self.snapshot.rules.schema.changes(value, &self.state(since))?;
        if !changes.is_empty() {
            self.log.push(Turn::Changes(changes));
        }
        Ok(())
    }

    /// Ends the session: what goes on are the fields that the policy keeps and those changed in
    /// this request.
    pub fn end(&mut self) {
        self.log.push(Turn::End);
    }

    /// Gives the session a new id, as after a change of privilege.
    pub fn renew(&mut self) {
        self.renew = true;
    }

    /// Notes that the subject has proved itself again: its absolute lifetime starts anew.
    pub fn authenticated(&mut self) {
        self.authenticated = true;
    }

    /// Forgets what was handed back: the response then carries maintenance only.
    pub fn discard(&mut self) {
        self.log.clear();
        self.renew = false;
        self.authenticated = false;
    }

    /// Whether nothing was asked of the session so far but to read it.
    pub fn is_untouched(&self) -> bool {
        self.log.is_empty() && !self.renew && !self.authenticated
    }

    /// The view that this exchange began with.
    pub fn view(&self) -> &Arc<View> {
        &self.snapshot.view
    }

    /// How the session arrived.
    pub fn arrival(&self) -> Arrival {
        Arrival::of(&self.jar, &self.admitted)
    }

    /// Whether a handler that means to write would act in vain, and why.
    ///
    /// # Errors
    ///
    /// [`SealError::Unavailable`] and [`SealError::Busy`], unless the route is marked `identity`.
    pub fn writable(&self, identity_route: bool) -> Result<(), SealError> {
        if identity_route {
            return Ok(());
        }
        self.refuse_partial(false)?;
        self.refuse_busy()
    }

    /// Whether `value`, read at `since`, would fit the response.
    ///
    /// # Errors
    ///
    /// Its size, the limit, and the largest fields.
    pub fn check(&self, value: &T, since: Mark) -> Result<(), TooLarge> {
        let Ok(changes) = self.snapshot.rules.schema.changes(value, &self.state(since)) else {
            return Ok(()); // what cannot be encoded will be said when it is handed back
        };
        let intent = self.intent(Some(&changes));
        let state = self.arrived();
        let lineage = || Ok(Lineage([0; 16]));
        match self.situation(self.received).event(&intent, &state, lineage) {
            Err(SealError::TooLarge(too_large)) => Err(too_large),
            _ => Ok(()),
        }
    }

    /// What can be told about the session: ids, times, sizes.
    pub fn info(&self, identity_route: bool) -> Info {
        let writable = self.writable(identity_route).is_ok();
        Info::of(&self.situation(self.received), self.arrival(), writable)
    }

    /// Writes the response's `Set-Cookie` lines.
    ///
    /// An error replaces the handler's response; its lines then carry maintenance only, so that a
    /// client whose writes are refused heals too.
    pub fn respond(self, room: Room, now: Timestamp, entropy: &mut impl Entropy) -> Outcome {
        let intent = self.intent(None);
        let situation = self.situation(now);
        let late = now.millis_since(self.received) > GRACE_MS;
        let (event, error) = match self.event(&intent, &situation, room.identity, late, entropy) {
            Ok(event) => (event, None),
            Err(error) => (Event::default(), Some(error)),
        };
        respond::write(&situation, &event, error, room, late, entropy)
    }

    fn event(
        &self,
        intent: &Intent<'_>,
        situation: &Situation<'_>,
        identity_route: bool,
        late: bool,
        entropy: &mut impl Entropy,
    ) -> Result<Event, SealError> {
        if intent.is_nothing() {
            return Ok(Event::default());
        }
        self.refuse_partial(identity_route)?;
        let event = situation.event(intent, &self.arrived(), || {
            let mut lineage = [0; 16];
            entropy.fill(&mut lineage).map(|()| Lineage(lineage))
        })?;
        if late && (event.head().is_some() || event.sweeps) {
            return Err(SealError::Late);
        }
        let writes_fields = event.drafts.iter().any(|draft| draft.holding("").is_some());
        if writes_fields && !intent.end {
            self.refuse_busy()?;
        }
        Ok(event)
    }

    fn refuse_partial(&self, identity_route: bool) -> Result<(), SealError> {
        if identity_route || !self.situation(self.received).partial() {
            return Ok(());
        }
        Err(SealError::Unavailable { unknown_key: self.jar.unknown_keys().next() })
    }

    fn refuse_busy(&self) -> Result<(), SealError> {
        let limit = self.snapshot.rules.policy.budget.request;
        if self.jar.chars > limit {
            return Err(SealError::Busy { size: self.jar.chars, limit });
        }
        Ok(())
    }

    fn situation(&self, now: Timestamp) -> Situation<'_> {
        Situation {
            jar: &self.jar,
            admitted: &self.admitted,
            policy: &self.snapshot.rules.policy,
            keys: &self.snapshot.keys,
            defaults: self.snapshot.rules.schema.default_fields(),
            now,
        }
    }

    /// The joined state of what arrived.
    fn arrived(&self) -> Vec<Entry<'_>> {
        let Some(head) = self.admitted.winner(&self.jar) else {
            return Vec::new();
        };
        let joined = join(&holdings(&self.jar, &self.admitted, &head.frame, |_| true));
        state(&head.frame, &joined, &self.snapshot.rules.policy, |_| {})
    }

    /// The state at `mark`: what arrived, and what was handed back until then.
    fn state(&self, mark: Mark) -> Vec<Entry<'_>> {
        let arrived = self.arrived();
        if mark.0 == 0 {
            return arrived;
        }
        let turns = self.log.iter().take(mark.0);
        fold_turns(&self.snapshot.rules.policy, arrived, turns, None).into_values().collect()
    }

    /// What all that was handed back amounts to; with `more` as the last of it.
    fn intent<'a>(&'a self, more: Option<&'a Changes>) -> Intent<'a> {
        let Rules { policy, schema, .. } = &*self.snapshot.rules;
        let end = self.log.iter().any(|turn| matches!(turn, Turn::End));
        let begins = end || self.admitted.head.is_none();
        let arrived = if end { self.arrived() } else { Vec::new() };
        let changed = fold_turns(policy, arrived, self.log.iter(), more);
        let changes: Vec<_> = changed
            .into_values()
            .filter_map(|entry| match entry.content {
                Content::Value { bytes, .. } => Some((entry.name, Some(bytes))),
                Content::Tombstone if begins => None,
                Content::Tombstone => Some((entry.name, None)),
            })
            // A new session begins with what is not the default anyway.
            .filter(|(name, value)| !begins || *value != schema.default_bytes(name))
            .collect();
        let subject = changes.iter().find(|(name, _)| policy.is_subject(name));
        let subject = subject.map(|(name, value)| self.subject(name, *value));
        Intent {
            changes,
            subject: if end { Some(subject.flatten()) } else { subject },
            end,
            renew: self.renew,
            authenticated: self.authenticated,
        }
    }

    /// Who a subject field's bytes name; nobody if they are absent, null or the default's.
    fn subject(&self, name: &[u8], value: Option<&[u8]>) -> Option<Subject> {
        const NULL: &[u8] = &[0xf6];
        let default = self.snapshot.rules.schema.default_bytes(name);
        let named = value.filter(|bytes| *bytes != NULL && Some(*bytes) != default)?;
        Some(Subject(self.snapshot.keys.subject(named)))
    }
}

/// Applies what was handed back to `entries`, by name.
fn fold_turns<'a>(
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
