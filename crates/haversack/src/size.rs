//! Sizes of an event: what the budgets say to it before anything is sealed.

use alloc::vec::Vec;

use crate::budget::{Limit, too_large};
use crate::draft::{Body, Draft};
use crate::event::{Event, Situation};
use crate::join::{Holding, Joined, holdings, join};
use crate::parcel::{Fragment, Root, Suffix, entry_len};
use crate::policy::Policy;
use crate::state::Entry;
use crate::{TooLarge, wire};

impl Situation<'_> {
    /// What the budgets say to the event; the old session stays whole if they refuse it.
    pub(crate) fn check_sizes(&self, event: &Event) -> Result<Option<usize>, TooLarge> {
        let Policy { budget, padding, .. } = self.policy;
        let mut lines = 0;
        for draft in &event.drafts {
            let padded = padding.padded_len(draft.body.frame().len());
            let chars = self.carrier.parcel_len(draft.suffix.as_str(), padded);
            if chars > budget.parcel {
                return Err(too_large(Limit::Parcel, chars, budget.parcel, draft_entries(draft)));
            }
            lines += self.set_len(draft);
        }
        let all = || event.drafts.iter().flat_map(draft_entries);
        if lines > budget.response {
            return Err(too_large(Limit::Response, lines, budget.response, all()));
        }
        self.check_state(event)
    }

    /// Characters of the line that sets a draft, with the longest lifetime that it may have.
    pub(crate) fn set_len(&self, draft: &Draft) -> usize {
        let padded = self.policy.padding.padded_len(draft.body.frame().len());
        let value = wire::text_len(padded);
        self.carrier.set_len(draft.suffix.as_str(), value, u64::from(u32::MAX))
    }

    /// The live state may not grow beyond its budget. A change that makes it no larger always
    /// passes, although entries that were written apart take a few bytes more for their stamps.
    fn check_state(&self, event: &Event) -> Result<Option<usize>, TooLarge> {
        let drafts: Vec<Holding<'_>> =
            event.drafts.iter().filter_map(|draft| draft.holding(self.carrier)).collect();
        if drafts.is_empty() {
            return Ok(None);
        }
        let whole = event.head().filter(|head| head.fields.is_some());
        let held = self.admitted.winner(self.jar).filter(|_| !event.sweeps);
        let arrived = held
            .map_or_else(Vec::new, |held| holdings(self.jar, self.admitted, &held.frame, |_| true));
        let (size, after) = if let Some(whole) = whole {
            (self.whole_len(whole), join(&drafts))
        } else {
            let after = join(&[&*arrived, &*drafts].concat());
            (self.folded_len(&after), after)
        };
        let content = |joined: &[Joined<'_>]| -> usize {
            joined.iter().map(|joined| entry_len(&joined.entry, None)).sum()
        };
        let limit = self.policy.budget.state;
        if size > limit && content(&after) > content(&join(&arrived)) {
            let entries = after.into_iter().map(|joined| joined.entry);
            return Err(too_large(Limit::State, size, limit, entries));
        }
        Ok(Some(size))
    }

    /// Characters of the live state of a session with this head: what a full fold would take, or
    /// its one parcel.
    pub(crate) fn state_len(&self, head: &Root, joined: &[Joined<'_>]) -> usize {
        if head.fields.is_some() { self.whole_len(head) } else { self.folded_len(joined) }
    }

    fn whole_len(&self, root: &Root) -> usize {
        self.carrier.parcel_len(Suffix::SINGLE.as_str(), root.encode().len())
    }

    /// One fragment for each kind.
    fn folded_len(&self, joined: &[Joined<'_>]) -> usize {
        let fold = |under_subject: bool| {
            let of_kind = joined.iter().filter(|joined| joined.under_subject == under_subject);
            let entries: Vec<Entry<'_>> = of_kind.map(|joined| joined.entry).collect();
            let name = self.policy.cookie.base().len() + Suffix::CHARS;
            let frame = Fragment::len_of(1, &entries);
            if entries.is_empty() { 0 } else { name + wire::text_len(frame) }
        };
        fold(false) + fold(true)
    }
}

fn draft_entries(draft: &Draft) -> Vec<Entry<'_>> {
    match &draft.body {
        Body::Root(root) => {
            let fields = root.fields.iter().flat_map(Fragment::entries);
            root.identity().chain(fields).collect()
        }
        Body::Fragment { fragment, .. } => fragment.entries().collect(),
        Body::Marker(_) => Vec::new(),
    }
}
