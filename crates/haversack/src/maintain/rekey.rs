//! Re-key and touch: the same content under the sealing key, and the root's last activity.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::{Step, Work};
use crate::admit::Standing;
use crate::draft::{Body, Draft};
use crate::event::{Event, Situation};
use crate::join::{Holding, owned};
use crate::parcel::Root;

impl Situation<'_> {
    /// Fragments under a key that has stopped sealing, re-issued with what they own.
    pub(super) fn rekey_fragments(&self, head: &Root, participants: &[Holding<'_>]) -> Vec<Step> {
        let mut steps = Vec::new();
        // A whole session is re-keyed as a root.
        let stale = |holding: &Holding<'_>| holding.stale && !holding.is_whole();
        if participants.iter().any(stale) {
            for (holding, owned) in participants.iter().zip(owned(participants)) {
                // What owns nothing is covered and will be deleted.
                if stale(holding) && !owned.is_empty() {
                    steps.push(self.rekey_fragment(holding, &owned));
                }
            }
        }
        steps.extend(self.rekey_unsettled(head));
        steps
    }

    fn rekey_fragment(&self, holding: &Holding<'_>, owned: &[crate::Entry<'_>]) -> Step {
        let (lineage, subject) = (holding.lineage, holding.subject);
        if holding.fragment.entries().count() == owned.len() {
            let body = Body::Fragment { lineage, subject, fragment: holding.fragment.clone() };
            return Step {
                work: Work::Rekey,
                set: Draft::reissue(holding.suffix, body),
                delete: Vec::new(),
            };
        }
        let count = holding.fragment.count + 1;
        let set = Draft::fragment(self.jar, self.keys, lineage, subject, count, owned);
        Step { work: Work::Rekey, set, delete: [holding.suffix.as_str().to_string()].into() }
    }

    /// An adopted lineage that is not settled takes no other part in maintenance: whole, as it is.
    fn rekey_unsettled<'s>(&'s self, head: &'s Root) -> impl Iterator<Item = Step> + use<'s> {
        let adopted = |owned: &&crate::jar::Opened<crate::jar::Owned>| {
            let lineage = owned.frame.lineage;
            owned.stale
                && lineage != head.lineage
                && self.admitted.standing(lineage) == Some(Standing::Adopted)
                && !self.settled_adopted(lineage)
        };
        self.jar.fragments.iter().filter(adopted).map(|owned| {
            let of = &owned.frame;
            let body = Body::Fragment {
                lineage: of.lineage,
                subject: of.subject,
                fragment: of.fragment.clone(),
            };
            Step { work: Work::Rekey, set: Draft::reissue(owned.suffix, body), delete: Vec::new() }
        })
    }

    /// Adopted heads under an old key, as they are.
    pub(super) fn rekey_adopted(&self) -> impl Iterator<Item = Step> {
        self.admitted.lineages.iter().filter_map(|(group, standing)| {
            let root = self.jar.roots.get(group.head)?;
            if *standing != Standing::Adopted || !root.stale {
                return None;
            }
            let set = Draft::reissue(root.suffix, Body::Root(root.frame.clone()));
            Some(Step { work: Work::Rekey, set, delete: Vec::new() })
        })
    }

    /// The winner's head: re-keyed, touched, or both.
    pub(super) fn refresh_head(&self, event: &Event, head: &Root) -> Option<Step> {
        // A head that the event sets is new in both respects.
        let held = self.admitted.winner(self.jar).filter(|_| event.head().is_none())?;
        if let Some(seen) = self.touched(head) {
            let root = Root { seen, salt: 0, ..head.clone() };
            let set = Draft::root(self.jar, self.keys, &root);
            let delete = [held.suffix.as_str().to_string()].into();
            return Some(Step { work: Work::Touch, set, delete });
        }
        let set = Draft::reissue(held.suffix, Body::Root(head.clone()));
        held.stale.then(|| Step { work: Work::Rekey, set, delete: Vec::new() })
    }

    /// The new `seen`, if a touch is due: rounded down in steps counted from `born`, so that
    /// parallel touches write the same bytes.
    ///
    /// Not while this server may have missed a revocation: it would keep alive what is over.
    pub(crate) fn touched(&self, head: &Root) -> Option<u64> {
        if self.revoked.fresh().is_err() {
            return None;
        }
        let idle = self.policy.lifetime.idle_secs()?;
        let step = self.policy.lifetime.touch_step()?;
        let now = self.now.as_secs();
        if now.saturating_sub(head.seen) <= idle / 10 {
            return None;
        }
        let born = u64::from(head.born);
        let seen = born + now.saturating_sub(born) / step * step;
        (seen > head.seen).then_some(seen)
    }
}
