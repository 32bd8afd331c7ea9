//! Re-key, touch and fold of a session that is one parcel: a single step.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::{Step, Work};
use crate::event::{Event, Situation};
use crate::join::Holding;
use crate::parcel::Root;

impl Situation<'_> {
    /// The winner's one parcel, if anything of it is due: under the key that seals, with its last
    /// activity, and with what settled adopted sessions hold, which is then deleted there.
    pub(super) fn refresh_whole(
        &self,
        event: &Event,
        head: &Root,
        take_in: bool,
        room: usize,
    ) -> Option<Step> {
        // What the event sets is new in every respect.
        let held = self.admitted.winner(self.jar).filter(|_| event.head().is_none())?;
        let seen = self.touched(head);
        let root = Root { seen: seen.unwrap_or(head.seen), ..head.clone() };
        let step = |work, taken: &[Holding<'_>]| Step {
            work,
            set: self.whole(root.clone(), taken),
            delete: taken.iter().map(|holding| holding.suffix.as_str().to_string()).collect(),
        };
        let taken = if take_in { self.adopted_fragments(head) } else { Vec::new() };
        if !taken.is_empty() {
            let step = step(Work::Fold, &taken);
            let fits = self.cookie_chars(&step) - "=; ".len() <= self.policy.budget.parcel;
            if fits && self.step_len(&step) <= room {
                return Some(step);
            }
        }
        match seen {
            Some(_) => Some(step(Work::Touch, &[])),
            None => held.stale.then(|| step(Work::Rekey, &[])),
        }
    }
}
