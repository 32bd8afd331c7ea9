//! Sizes of an event: what the budgets say to it before anything is sealed.

use alloc::vec::Vec;

use crate::TooLarge;
use crate::budget::{self, Limit, state_chars, too_large};
use crate::draft::{Body, Draft};
use crate::event::{Event, Situation};
use crate::join::{Holding, holdings, join};
use crate::parcel::entry_len;
use crate::policy::Policy;
use crate::state::Entry;

impl Situation<'_> {
    /// What the budgets say to the event; the old session stays whole if they refuse it.
    pub(crate) fn check_sizes(&self, event: &Event) -> Result<Option<usize>, TooLarge> {
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

    /// The live state may not grow beyond its budget. A change that makes it no larger always
    /// passes, although entries that were written apart take a few bytes more for their stamps.
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
        let arrived = after.len();
        after.extend(drafts);
        let (size, entries) = state_size(base, &after);
        let content = |entries: &[Entry<'_>]| -> usize {
            entries.iter().map(|entry| entry_len(entry, None)).sum()
        };
        let before = || state_size(base, after.get(..arrived).unwrap_or_default()).1;
        let limit = self.policy.budget.state;
        if size > limit && content(&entries) > content(&before()) {
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

fn draft_entries(draft: &Draft) -> Vec<Entry<'_>> {
    match &draft.body {
        Body::Root(root) => root.identity().collect(),
        Body::Fragment { fragment, .. } => fragment.entries().collect(),
        Body::Marker(_) => Vec::new(),
    }
}
