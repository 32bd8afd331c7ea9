//! Maintenance: work that carries no new information and is the same bytes whoever does it.
//!
//! 1. *Re-key*: a parcel whose key has stopped sealing is re-issued under the one that seals.
//! 2. *Fold*: small fragments become one.
//! 3. *Touch*: the root's last activity moves on.
//! 4. *Clean*: what is dead is deleted.
//!
//! A whole session (layout Single) is one parcel, so for it the first three are one step.
//!
//! Each step is its parcel and the deletions that follow from it, done whole or not at all; what
//! does not fit a response waits for the next one.

mod clean;
mod fold;
mod rekey;
mod whole;

use alloc::string::String;
use alloc::vec::Vec;

use crate::admit::Standing;
use crate::draft::Draft;
use crate::event::{Event, Situation};
use crate::join::{Holding, holdings};
use crate::parcel::{Lineage, Root};
use crate::policy::GRACE_MS;
use crate::respond::Fetch;
use crate::state::Stamp;

/// One step: parcels to set, then names to delete.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) set: Draft,
    /// What follows `<base>.` in the names.
    pub(crate) delete: Vec<String>,
}

/// What maintenance did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Work {
    /// Fragments became one.
    Fold,
    /// A parcel moved to the sealing key.
    Rekey,
    /// The root's last activity moved on.
    Touch,
}

impl Work {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Work::Fold => "fold",
            Work::Rekey => "rekey",
            Work::Touch => "touch",
        }
    }
}

/// Whether a response still under way may change what this stamp belongs to: three graces, since a
/// request's snapshot can be taken just before a line lands, and clocks differ.
pub(crate) fn settled(stamp: Stamp, now_ms: u64) -> bool {
    stamp.as_millis().saturating_add(3 * GRACE_MS) < now_ms
}

impl Situation<'_> {
    /// The head after the event.
    pub(crate) fn head<'e>(&'e self, event: &'e Event) -> Option<&'e Root> {
        if event.sweeps {
            return event.head();
        }
        event.head().or_else(|| self.admitted.winner(self.jar).map(|head| &head.frame))
    }

    /// Whether what an adopted lineage holds may go over into the session. Not while this server may
    /// have missed that the session has ended: it would take along what then goes on without it.
    pub(crate) fn settled_adopted(&self, lineage: Lineage) -> bool {
        if self.revoked.fresh().is_err() {
            return false;
        }
        self.admitted.lineages.iter().any(|(group, standing)| {
            group.lineage == lineage
                && *standing == Standing::Adopted
                && self
                    .jar
                    .roots
                    .get(group.head)
                    .is_some_and(|head| settled(head.frame.renewed, self.now.as_millis()))
        })
    }

    /// Characters of adopted lineages that are not settled: they cannot be folded yet. Beside a head
    /// that could not be judged nothing is adopted.
    pub(crate) fn adopted_lately(&self) -> usize {
        if self.admitted.kept_head {
            return 0;
        }
        let lately = |lineage: Lineage| {
            self.admitted.standing(lineage) == Some(Standing::Adopted)
                && !self.settled_adopted(lineage)
        };
        let roots = self.jar.roots.iter().filter(|root| lately(root.frame.lineage));
        let fragments = self.jar.fragments.iter().filter(|owned| lately(owned.frame.lineage));
        roots.map(|root| root.chars).chain(fragments.map(|owned| owned.chars)).sum()
    }

    /// Whether the session may turn out to be one of several that began at the same time, and go
    /// into another before an answer lands that is later than a grace.
    pub(crate) fn may_be_adopted(&self) -> bool {
        self.admitted.winner(self.jar).is_some_and(|head| {
            let head = &head.frame;
            head.subject.is_none() && !settled(head.renewed, self.received.as_millis())
        })
    }

    /// The fragments that take part in maintenance: the winner's, those of settled adopted
    /// lineages, and those that the event sets. Beside a head that could not be judged these alone:
    /// the session on the request may be another one, and nothing of it goes on in a new lineage.
    pub(crate) fn participants<'e>(&'e self, event: &'e Event) -> Vec<Holding<'e>> {
        let mut participants = match self.head(event) {
            Some(head) if !self.admitted.kept_head => {
                holdings(self.jar, self.admitted, head, |lineage| self.settled_adopted(lineage))
            }
            _ => Vec::new(),
        };
        let drafts = event.drafts.iter();
        participants.extend(drafts.filter_map(|draft| draft.holding(self.carrier)));
        participants
    }

    /// Whether some parcel of ours on the request could not be judged or was not opened.
    pub(crate) fn partial(&self) -> bool {
        self.admitted.kept_head || self.jar.has_kept()
    }

    /// The steps that are due, in the order in which they are to be done. Folds are chosen to fit
    /// `room`, the characters left in the response.
    pub(crate) fn steps(&self, event: &Event, fetch: Fetch, room: usize) -> Vec<Step> {
        let nothing = event.sweeps || self.admitted.kept_head;
        let (Some(head), false) = (self.head(event), nothing) else {
            return Vec::new();
        };
        let participants = self.participants(event);
        let mut steps = self.rekey_fragments(head, &participants);
        let fragments_wait = !steps.is_empty();
        steps.extend(self.rekey_adopted());
        let left = |steps: &[Step]| {
            room.saturating_sub(steps.iter().map(|step| self.step_len(step)).sum())
        };
        if head.fields.is_some() {
            let take_in = !fragments_wait;
            steps.extend(self.refresh_whole(event, head, take_in, left(&steps)));
        } else {
            steps.extend(self.refresh_head(event, head));
            if !fragments_wait {
                let left = left(&steps);
                steps.extend(self.folds(head, &participants, fetch, left));
            }
        }
        steps.retain(|step| !step.set.present || !step.delete.is_empty());
        steps
    }
}
