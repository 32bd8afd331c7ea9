//! Fold: small fragments become one, and what lost is left behind.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::iter;

use super::{Step, Work};
use crate::admit::Standing;
use crate::budget::WASTE;
use crate::codec::field_of;
use crate::draft::Draft;
use crate::event::Situation;
use crate::join::{Holding, holdings, owned};
use crate::parcel::{Lineage, Root, Subject, entry_len};
use crate::policy::GRACE_MS;
use crate::respond::Fetch;
use crate::state::{Content, Entry, Stamp};

/// Overlapping requests see the same fragments older than a whole two seconds, and so fold the
/// same set to the same name.
const SLOT_MS: u64 = 2_000;

/// A fragment has its stamp before it is with the client. So long after the border of a slot all
/// that are older than it have mostly landed, and overlapping requests do not differ in them.
const LAG_MS: u64 = 1_000;

/// The same for what a request that may be one of many takes as a reason to fold: so coarse that
/// the border rarely falls between requests that overlap, which would all do the same work.
const COARSE_MS: u64 = 60_000;

/// A removal is remembered this long, since a slow response may still re-issue an older value.
const TOMBSTONE_MS: u64 = 5 * GRACE_MS;

/// Two fragments at least, or there is nothing to fold but what is adopted.
const PAIR: usize = 2;

/// A fragment that takes more than so many times what the smaller ones take waits until they have
/// grown: it would be rewritten for little.
const GROWTH: usize = 2;

impl Situation<'_> {
    /// The folds that are due, one for each kind at most, and one of lineages adopted lately.
    pub(super) fn folds(
        &self,
        head: &Root,
        participants: &[Holding<'_>],
        fetch: Fetch,
        mut room: usize,
    ) -> Vec<Step> {
        // What this response sets is not on the request, and never deleted by the same response.
        let read = |holding: &Holding<'_>| {
            holding.is_whole()
                || self.jar.fragments.iter().any(|owned| owned.suffix == holding.suffix)
        };
        let judged = self.judged(participants.iter().copied().filter(read));
        let kinds = iter::once(None).chain(head.subject.map(Some));
        let mut groups: Vec<Inputs<'_>> = kinds
            .map(|kind: Option<Subject>| Inputs {
                // What owns nothing is deleted as covered, and would make the fold larger or due.
                of_kind: judged
                    .iter()
                    .filter(|judged| !judged.owned.is_empty())
                    .filter(|judged| judged.holding.subject.is_some() == kind.is_some())
                    .collect(),
                into: head.lineage,
                kind,
                settled: true,
            })
            .collect();
        let early = self.judged(self.adopted_lately(head));
        if let Some(into) = self.first_renewed(head) {
            let of_kind = early.iter().collect();
            groups.push(Inputs { of_kind, into, kind: None, settled: false });
        }
        let (mut folds, mut jar) = (Vec::new(), self.jar.chars);
        for mut group in groups {
            // Near the limit of a line only few fit at once: then there are several folds.
            while let Some(fold) = self.fold(&group, participants, fetch, room, jar) {
                room = room.saturating_sub(self.step_len(&fold));
                let goes = group.without(&fold);
                jar = (jar + self.cookie_chars(&fold)).saturating_sub(goes);
                folds.push(fold);
            }
        }
        folds
    }

    /// Those that a fold could take, with what they own among themselves.
    fn judged<'a>(&self, holdings: impl Iterator<Item = Holding<'a>>) -> Vec<Judged<'a>> {
        let foldable: Vec<Holding<'a>> =
            holdings.filter(|holding| self.could_take(holding.fragment.newest())).collect();
        let owned = owned(&foldable);
        foldable.into_iter().zip(owned).map(|(holding, owned)| Judged { holding, owned }).collect()
    }

    /// The end of the last slot, a moment ago.
    fn border(&self) -> u64 {
        self.now.as_millis().saturating_sub(LAG_MS) / SLOT_MS * SLOT_MS
    }

    /// Older than the last whole slot; or so far ahead of the clock that its stamp says nothing.
    fn could_take(&self, newest: Stamp) -> bool {
        newest.as_millis() < self.border()
            || newest.as_millis() > self.now.as_millis().saturating_add(GRACE_MS)
    }

    /// Fragments of adopted lineages that are not settled. They must not move into the winner's
    /// yet: what is under way may close their lineage, and not the winner's.
    fn adopted_lately<'s>(&'s self, head: &'s Root) -> impl Iterator<Item = Holding<'s>> + use<'s> {
        holdings(self.jar, self.admitted, head, |lineage| !self.settled_adopted(lineage))
            .into_iter()
            .filter(|holding| holding.lineage != head.lineage && !holding.is_whole())
    }

    /// The lineage that they may move into: of theirs and the winner's the one that was renewed
    /// first. An end marker closes all that was not renewed after it, and a marker of a lineage is
    /// stamped after its renewal; so whatever closes any of them closes this one too.
    fn first_renewed(&self, head: &Root) -> Option<Lineage> {
        let lately = self.admitted.lineages.iter().filter(|(group, standing)| {
            *standing == Standing::Adopted && !self.settled_adopted(group.lineage)
        });
        let roots = lately.filter_map(|(group, _)| self.jar.roots.get(group.head));
        // A whole session has no fragments.
        let several = roots.map(|root| &root.frame).filter(|root| root.fields.is_none());
        let heads = several.chain([head]);
        heads.min_by_key(|head| (head.renewed, head.lineage)).map(|head| head.lineage)
    }

    /// Whether so many fragments are reason enough. A navigation is mostly alone, so it tidies up
    /// before the requests of its page depart, which would all do the same.
    fn is_crowded(&self, of_kind: &[&Judged<'_>], fetch: Fetch) -> bool {
        let border = self.now.as_millis() / COARSE_MS * COARSE_MS;
        let before = |judged: &&&Judged<'_>| judged.holding.fragment.newest().as_millis() < border;
        match fetch {
            Fetch::Navigation => of_kind.len() > 4,
            Fetch::Subresource => of_kind.len() > 6,
            Fetch::Unknown => of_kind.len() > 7 || of_kind.iter().filter(before).count() > 3,
        }
    }

    fn fold(
        &self,
        group: &Inputs<'_>,
        all: &[Holding<'_>],
        fetch: Fetch,
        room: usize,
        jar: usize,
    ) -> Option<Step> {
        let Inputs { ref of_kind, into, kind, settled } = *group;
        let mut of_kind = of_kind.clone();
        // Of a lineage that is to go, its fragments move as soon as possible.
        let adopted = |judged: &Judged<'_>| settled && judged.holding.lineage != into;
        let waste: usize = of_kind.iter().map(|judged| judged.waste()).sum();
        let due = self.is_crowded(&of_kind, fetch)
            || of_kind.iter().any(|judged| adopted(judged))
            || waste > WASTE;
        if !due {
            return None;
        }
        of_kind.sort_by_key(|judged| {
            (!adopted(judged), judged.holding.chars, judged.holding.lineage, judged.holding.suffix)
        });
        let fold = |inputs: &[&Judged<'_>]| self.fold_of(into, kind, inputs, all);
        let mut inputs: Vec<&Judged<'_>> = Vec::new();
        let mut best = None;
        for next in of_kind.iter().copied() {
            let sum: usize = inputs.iter().map(|input| input.holding.chars).sum();
            if inputs.len() >= PAIR && !adopted(next) && next.holding.chars > GROWTH * sum {
                break;
            }
            inputs.push(next);
            let Some(step) = fold(&inputs) else { continue };
            if !self.fits(&step, inputs.len(), room, jar) {
                break;
            }
            if inputs.len() >= PAIR || adopted(next) {
                best = Some(step);
            }
        }
        best.or_else(|| {
            let wasteful =
                of_kind.into_iter().max_by_key(|judged| (judged.waste(), judged.holding.suffix))?;
            if waste > WASTE && wasteful.waste() > 0 { fold(&[wasteful]) } else { None }
        })
    }

    /// One fragment with what the inputs own; `None` if that is nothing, so that they are covered.
    fn fold_of(
        &self,
        into: Lineage,
        kind: Option<Subject>,
        inputs: &[&Judged<'_>],
        all: &[Holding<'_>],
    ) -> Option<Step> {
        let mut entries: Vec<Entry<'_>> =
            inputs.iter().flat_map(|input| input.owned.iter().copied()).collect();
        entries.sort_unstable_by_key(|entry| entry.name);
        entries.dedup(); // equal entries of two lineages have two owners
        let live: Vec<Entry<'_>> =
            entries.iter().copied().filter(|entry| !self.forgets(entry, all)).collect();
        let entries = if live.is_empty() { entries } else { live };
        if entries.is_empty() {
            return None;
        }
        let count =
            inputs.iter().map(|input| input.holding.fragment.count).max().unwrap_or_default() + 1;
        let set = Draft::fragment(self.jar, self.keys, into, kind, count, &entries);
        let delete = inputs.iter().map(|input| input.holding.suffix.as_str().to_string()).collect();
        Some(Step { work: Work::Fold, set, delete })
    }

    /// Whether a fold may drop this tombstone: it is old, and nothing is left for it to hide, be it
    /// another entry of its name, a whole map that its field was before it was split, or a default.
    pub(crate) fn forgets(&self, entry: &Entry<'_>, all: &[Holding<'_>]) -> bool {
        let old = entry.stamp.as_millis().saturating_add(TOMBSTONE_MS) < self.border();
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
        let set = all.iter().map(|holding| holding.fragment);
        !self.jar.held().chain(set).any(|fragment| fragment.entries().any(hidden))
    }

    fn fits(&self, step: &Step, inputs: usize, room: usize, jar: usize) -> bool {
        let budget = &self.policy.budget;
        let chars = self.cookie_chars(step);
        // Both the inputs and their fold are in the jar if the response is torn, and others may be
        // about to add to it: half of what the line still takes is for them. The smallest fold is
        // always done, or a jar that came through so far would stay as it is.
        let left = budget.line().saturating_sub(jar) / 2;
        let fits_jar = inputs <= PAIR || chars <= left;
        chars - "=; ".len() <= budget.parcel && self.step_len(step) <= room && fits_jar
    }

    /// Characters of the parcel that a step sets, in the `Cookie` line.
    pub(super) fn cookie_chars(&self, step: &Step) -> usize {
        let padded = self.policy.padding.padded_len(step.set.body.frame().len());
        self.carrier.parcel_len(step.set.suffix.as_str(), padded) + "=; ".len()
    }

    /// Characters of a step's lines.
    pub(crate) fn step_len(&self, step: &Step) -> usize {
        let set = if step.set.present { 0 } else { self.set_len(&step.set) };
        set + step.delete.iter().map(|suffix| self.carrier.delete_len(suffix)).sum::<usize>()
    }
}

/// What one fold chooses from.
struct Inputs<'a> {
    of_kind: Vec<&'a Judged<'a>>,
    into: Lineage,
    kind: Option<Subject>,
    /// Of the winner and of settled lineages only.
    settled: bool,
}

impl Inputs<'_> {
    /// Takes the inputs of a fold out; their characters in the `Cookie` line.
    fn without(&mut self, fold: &Step) -> usize {
        let before: usize = self.of_kind.iter().map(|judged| judged.holding.chars).sum();
        let goes = |judged: &Judged<'_>| {
            fold.delete.iter().any(|suffix| suffix == judged.holding.suffix.as_str())
        };
        self.of_kind.retain(|judged| !goes(judged));
        before - self.of_kind.iter().map(|judged| judged.holding.chars).sum::<usize>()
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
