//! The way back: all that was asked of the session, as a response or a refusal.

use alloc::vec::Vec;

use serde::{Serialize, de::DeserializeOwned};

use super::Exchange;
use crate::codec::Changes;
use crate::event::{Event, Situation};
use crate::intent::{Intent, Turn, fold_turns};
use crate::parcel::Lineage;
use crate::policy::GRACE_MS;
use crate::respond::{self, Outcome, Room};
use crate::snapshot::Rules;
use crate::state::Content;
use crate::{Entropy, SealError, Timestamp};

impl<T: Default + Serialize + DeserializeOwned> Exchange<T> {
    /// Writes the response's `Set-Cookie` lines, or the value of its header.
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
        let mut outcome = respond::write(&situation, &event, error, room, late, entropy);
        outcome.report.token = self.token;
        let event = if outcome.error.is_none() { event } else { Event::default() };
        outcome.revocations = situation.publication(&event);
        let label = self.label.as_deref();
        outcome.listed = situation.listing(&event, &outcome.report.maintenance, label);
        outcome
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
        let event = situation.event(intent, || {
            let mut lineage = [0; 16];
            entropy.fill(&mut lineage).map(|()| Lineage(lineage))
        })?;
        let young = || self.situation(self.received).may_be_adopted();
        if late && (event.head().is_some() || event.sweeps || young()) {
            return Err(SealError::Late);
        }
        if event.writes && !intent.end {
            self.refuse_busy()?;
        }
        Ok(event)
    }

    pub(super) fn refuse_partial(&self, identity_route: bool) -> Result<(), SealError> {
        if identity_route || !self.situation(self.received).partial() {
            return Ok(());
        }
        Err(SealError::Unavailable { unknown_key: self.jar.unknown_keys().next() })
    }

    /// What was adopted lately cannot be folded before it is settled, so that a burst of first
    /// visits counts for less.
    pub(super) fn refuse_busy(&self) -> Result<(), SealError> {
        let budget = &self.snapshot.rules.policy.budget;
        let size = self.jar.chars;
        if size <= budget.request {
            return Ok(());
        }
        let folds = size - self.situation(self.received).adopted_lately();
        if folds > budget.request {
            return Err(SealError::Busy { size: folds, limit: budget.request });
        }
        if size > budget.adopting() {
            return Err(SealError::Busy { size, limit: budget.adopting() });
        }
        Ok(())
    }

    /// What all that was handed back amounts to; with `more` as the last of it.
    pub(super) fn intent<'a>(&'a self, more: Option<&'a Changes>) -> Intent<'a> {
        let Rules { policy, schema, .. } = &*self.snapshot.rules;
        let end = self.log.iter().any(|turn| matches!(turn, Turn::End));
        let begins = end || self.admitted.head.is_none();
        let arrived = if end { self.arrived() } else { Vec::new() };
        let changed = fold_turns(policy, arrived, self.log.iter(), more);
        let changes: Vec<_> = changed
            .into_values()
            .map(|entry| match entry.content {
                Content::Value { bytes, .. } => (entry.name, Some(bytes)),
                Content::Tombstone => (entry.name, None),
            })
            // A new session begins with what is not the default anyway; a removed default is not.
            .filter(|(name, value)| !begins || *value != schema.default_bytes(name))
            .collect();
        let subject = changes.iter().find(|(name, _)| policy.is_subject(name));
        let subject =
            subject.map(|(_, value)| self.snapshot.rules.subject(&self.snapshot.keys, *value));
        Intent {
            changes,
            lineage: self.promised.filter(|_| begins || self.leaves(subject)),
            subject: if end { Some(subject.flatten()) } else { subject },
            end,
            renew: self.renew,
            authenticated: self.authenticated,
        }
    }
}
