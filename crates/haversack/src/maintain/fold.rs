//! Fold: small fragments become one, and what lost is left behind.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::iter;

use super::{Step, Work};
use crate::budget::{FOLD_JAR, FOLD_JAR_MAX, FRAGMENTS, WASTE, parcel_chars};
use crate::codec::field_of;
use crate::draft::Draft;
use crate::event::Situation;
use crate::join::{Holding, owned};
use crate::parcel::{Root, Subject, entry_len};
use crate::policy::{GRACE_MS, Policy};
use crate::state::{Content, Entry, Stamp};

/// Overlapping requests see the same fragments older than the last whole ten seconds, and so fold
/// the same set to the same name.
const SLOT_MS: u64 = 10_000;

/// A removal is remembered this long, since a slow response may still re-issue an older value.
const TOMBSTONE_MS: u64 = 5 * GRACE_MS;

/// Two fragments at least, or there is nothing to fold but what is adopted.
const PAIR: usize = 2;

impl Situation<'_> {
    /// The folds that are due, one for each kind at most.
    pub(super) fn folds(
        &self,
        head: &Root,
        participants: &[Holding<'_>],
        mut room: usize,
    ) -> Vec<Step> {
        // What this response sets is not on the request, and never deleted by the same response.
        let read = |holding: &Holding<'_>| {
            self.jar.fragments.iter().any(|owned| owned.suffix == holding.suffix)
        };
        let foldable: Vec<Holding<'_>> = participants
            .iter()
            .copied()
            .filter(|holding| read(holding) && self.could_take(holding.fragment.newest()))
            .collect();
        let owned = owned(&foldable);
        // What owns nothing is deleted as covered, and would only make the fold larger or due.
        let judged: Vec<Judged<'_>> = foldable
            .iter()
            .zip(owned)
            .filter(|(_, owned)| !owned.is_empty())
            .map(|(&holding, owned)| Judged { holding, owned })
            .collect();
        let mut folds = Vec::new();
        for kind in iter::once(None).chain(head.subject.map(Some)) {
            if let Some(fold) = self.fold(head, kind, &judged, participants, room) {
                room = room.saturating_sub(self.step_len(&fold));
                folds.push(fold);
            }
        }
        folds
    }

    /// Older than the last whole slot; or so far ahead of the clock that its stamp says nothing.
    fn could_take(&self, newest: Stamp) -> bool {
        let now = self.now.as_millis();
        newest.as_millis() < now / SLOT_MS * SLOT_MS
            || newest.as_millis() > now.saturating_add(GRACE_MS)
    }

    fn fold(
        &self,
        head: &Root,
        kind: Option<Subject>,
        judged: &[Judged<'_>],
        all: &[Holding<'_>],
        room: usize,
    ) -> Option<Step> {
        let mut of_kind: Vec<&Judged<'_>> = judged
            .iter()
            .filter(|judged| judged.holding.subject.is_some() == kind.is_some())
            .collect();
        let adopted = |judged: &Judged<'_>| judged.holding.lineage != head.lineage;
        let waste: usize = of_kind.iter().map(|judged| judged.waste()).sum();
        let due = of_kind.len() > FRAGMENTS || of_kind.iter().any(|j| adopted(j)) || waste > WASTE;
        if !due {
            return None;
        }
        of_kind.sort_by_key(|judged| {
            (!adopted(judged), judged.holding.chars, judged.holding.lineage, judged.holding.suffix)
        });
        let fold = |inputs: &[&Judged<'_>]| self.fold_of(head, kind, inputs, all);
        let mut inputs: Vec<&Judged<'_>> = Vec::new();
        let mut best = None;
        for next in of_kind.iter().copied() {
            let sum: usize = inputs.iter().map(|input| input.holding.chars).sum();
            if inputs.len() >= PAIR && !adopted(next) && next.holding.chars > sum {
                break;
            }
            inputs.push(next);
            let step = fold(&inputs);
            if !self.fits(&step, inputs.len(), room) {
                break;
            }
            if inputs.len() >= PAIR || adopted(next) {
                best = Some(step);
            }
        }
        best.or_else(|| {
            let wasteful =
                of_kind.into_iter().max_by_key(|judged| (judged.waste(), judged.holding.suffix))?;
            (waste > WASTE).then(|| fold(&[wasteful]))
        })
    }

    /// One fragment with what the inputs own, which is something.
    fn fold_of(
        &self,
        head: &Root,
        kind: Option<Subject>,
        inputs: &[&Judged<'_>],
        all: &[Holding<'_>],
    ) -> Step {
        let mut entries: Vec<Entry<'_>> =
            inputs.iter().flat_map(|input| input.owned.iter().copied()).collect();
        entries.sort_unstable_by_key(|entry| entry.name);
        entries.dedup(); // equal entries of two lineages have two owners
        let live: Vec<Entry<'_>> =
            entries.iter().copied().filter(|entry| !self.forgets(entry, all)).collect();
        let entries = if live.is_empty() { entries } else { live };
        let count =
            inputs.iter().map(|input| input.holding.fragment.count).max().unwrap_or_default() + 1;
        let set = Draft::fragment(self.jar, self.keys, head.lineage, kind, count, &entries);
        let delete = inputs.iter().map(|input| input.holding.suffix.as_str().to_string()).collect();
        Step { work: Work::Fold, set, delete }
    }

    /// Whether a fold may drop this tombstone: it is old, and nothing is left for it to hide, be it
    /// another entry of its name, a whole map that its field was before it was split, or a default.
    fn forgets(&self, entry: &Entry<'_>, all: &[Holding<'_>]) -> bool {
        let slot = self.now.as_millis() / SLOT_MS * SLOT_MS;
        let old = entry.stamp.as_millis().saturating_add(TOMBSTONE_MS) < slot;
        if entry.content != Content::Tombstone || !old || self.partial() {
            return false;
        }
        if self.defaults.get(entry.name).is_some() {
            return false;
        }
        let hidden = |held: Entry<'_>| {
            let same = held.name == entry.name && held != *entry;
            let whole = held.name == field_of(entry.name) && held.name != entry.name;
            same || whole
        };
        let read = self.jar.fragments.iter().map(|owned| &owned.frame.fragment);
        let set = all.iter().map(|holding| holding.fragment);
        !read.chain(set).any(|fragment| fragment.entries().any(hidden))
    }

    fn fits(&self, step: &Step, inputs: usize, room: usize) -> bool {
        let Policy { budget, cookie, padding, .. } = self.policy;
        let padded = padding.padded_len(step.set.body.frame().len());
        let chars = parcel_chars(cookie.base(), padded);
        let jar = if inputs <= PAIR { FOLD_JAR_MAX } else { FOLD_JAR };
        chars <= budget.parcel
            && self.step_len(step) <= room
            && self.jar.chars + chars + "=; ".len() <= jar
    }

    /// Characters of a step's lines.
    pub(crate) fn step_len(&self, step: &Step) -> usize {
        let cookie = &self.policy.cookie;
        let padded = self.policy.padding.padded_len(step.set.body.frame().len());
        let set = if step.set.present {
            0
        } else {
            cookie.set_len(crate::wire::text_len(padded), u64::from(u32::MAX))
        };
        set + step.delete.iter().map(|suffix| cookie.delete_len(suffix)).sum::<usize>()
    }
}

/// A fragment that a fold could take, with what it owns among those.
struct Judged<'a> {
    holding: Holding<'a>,
    owned: Vec<Entry<'a>>,
}

impl Judged<'_> {
    /// Characters of its entries that it does not own.
    fn waste(&self) -> usize {
        let bytes = |entries: &mut dyn Iterator<Item = Entry<'_>>| -> usize {
            entries.map(|entry| entry_len(&entry, None)).sum()
        };
        let held = bytes(&mut self.holding.fragment.entries());
        let owned = bytes(&mut self.owned.iter().copied());
        held.saturating_sub(owned) * 4 / 3
    }
}
