//! The join: per entry the highest wins, and who owns an entry.

use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use crate::admit::{Admitted, Standing};
use crate::codec::field_of;
use crate::jar::{Jar, Opened};
use crate::parcel::{Fragment, Lineage, Root, Subject, Suffix};
use crate::policy::Policy;
use crate::state::Entry;

/// A fragment, or the fields of a whole session, as the join sees them: from the request, or about
/// to be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding<'a> {
    pub(crate) suffix: Suffix,
    pub(crate) lineage: Lineage,
    /// Written under a subject.
    pub(crate) subject: Option<Subject>,
    pub(crate) fragment: &'a Fragment,
    /// What it takes, or will take, in the `Cookie` line.
    pub(crate) chars: usize,
    /// Its key has stopped sealing.
    pub(crate) stale: bool,
}

impl<'a> Holding<'a> {
    /// What a whole session holds, as a fragment that its own root opens.
    fn within(root: &'a Opened<Root>) -> Option<Self> {
        Some(Self {
            suffix: root.suffix,
            lineage: root.frame.lineage,
            subject: root.frame.subject,
            fragment: root.frame.held()?,
            chars: root.chars,
            stale: root.stale,
        })
    }

    /// Whether it is all of a session and not a cookie beside its root.
    pub(crate) fn is_whole(&self) -> bool {
        self.suffix == Suffix::SINGLE
    }

    fn kin(&self) -> (Lineage, bool) {
        (self.lineage, self.subject.is_some())
    }

    /// Among equal entries of one lineage and kind, the holder with the highest owns them.
    fn seniority(&self) -> (u64, Suffix) {
        (self.fragment.count, self.suffix)
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.fragment.entries()
    }
}

/// What the winner holds, under its present subject, and the lineages that `adopted` lets in.
pub(crate) fn holdings<'j>(
    jar: &'j Jar,
    admitted: &Admitted,
    head: &Root,
    adopted: impl Fn(Lineage) -> bool,
) -> Vec<Holding<'j>> {
    let fragments = jar.fragments.iter().map(|owned| Holding {
        suffix: owned.suffix,
        lineage: owned.frame.lineage,
        subject: owned.frame.subject,
        fragment: &owned.frame.fragment,
        chars: owned.chars,
        stale: owned.stale,
    });
    fragments
        .chain(jar.roots.iter().filter_map(Holding::within))
        .filter(|of| {
            if of.lineage == head.lineage {
                of.subject.is_none() || of.subject == head.subject
            } else {
                of.subject.is_none()
                    && admitted.standing(of.lineage) == Some(Standing::Adopted)
                    && adopted(of.lineage)
            }
        })
        .collect()
}

/// What a signed-in user wrote is never overridden by what an anonymous visit wrote; then the
/// stamp decides, then the content.
fn rank<'a>(under_subject: bool, entry: &Entry<'a>) -> impl Ord + use<'a> {
    (under_subject, entry.stamp, entry.content)
}

/// One of a session's entries with who wrote it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joined<'a> {
    pub(crate) entry: Entry<'a>,
    pub(crate) under_subject: bool,
}

/// Per entry the highest of all holdings, ascending by name.
pub(crate) fn join<'a>(holdings: &[Holding<'a>]) -> Vec<Joined<'a>> {
    let mut all: Vec<Joined<'a>> = holdings
        .iter()
        .flat_map(|holding| {
            let under_subject = holding.subject.is_some();
            holding.entries().map(move |entry| Joined { entry, under_subject })
        })
        .collect();
    let by_name_then_highest = |a: &Joined<'a>, b: &Joined<'a>| -> Ordering {
        let rank = |joined: &Joined<'a>| Reverse(rank(joined.under_subject, &joined.entry));
        a.entry.name.cmp(b.entry.name).then_with(|| rank(a).cmp(&rank(b)))
    };
    all.sort_unstable_by(by_name_then_highest);
    all.dedup_by(|later, first| later.entry.name == first.entry.name);
    all
}

/// The session's state: identity fields from the head, whole, and the join of the rest.
///
/// A fragment's entry that is an identity field, by the head or by declaration, is never taken;
/// `mislaid` gets its name.
pub(crate) fn state<'a>(
    head: &'a Root,
    joined: &[Joined<'a>],
    policy: &Policy,
    mut mislaid: impl FnMut(&'a [u8]),
) -> Vec<Entry<'a>> {
    let mut state: Vec<Entry<'a>> = head.identity().collect();
    let in_head = state.len();
    for Joined { entry, .. } in joined {
        let identity = state.get(..in_head).unwrap_or_default();
        let in_head = |identity: &Entry<'_>| field_of(identity.name) == field_of(entry.name);
        if identity.iter().any(in_head) || policy.is_identity(entry.name) {
            mislaid(entry.name);
            continue;
        }
        state.push(*entry);
    }
    state.sort_unstable_by(|a, b| a.name.cmp(b.name));
    state
}

/// What each holding owns: those of its winning entries that no holding of its lineage and kind
/// with higher seniority holds as well. What owns nothing is covered.
pub(crate) fn owned<'a>(holdings: &[Holding<'a>]) -> Vec<Vec<Entry<'a>>> {
    let winning = join(holdings);
    let wins = |holding: &Holding<'_>, entry: &Entry<'_>| {
        winning
            .binary_search_by(|joined| joined.entry.name.cmp(entry.name))
            .ok()
            .and_then(|at| winning.get(at))
            .is_some_and(|joined| {
                joined.under_subject == holding.subject.is_some() && joined.entry == *entry
            })
    };
    holdings
        .iter()
        .map(|holding| {
            holding
                .entries()
                .filter(|entry| {
                    let senior = |other: &Holding<'_>| {
                        other.kin() == holding.kin()
                            && other.seniority() > holding.seniority()
                            && other.entries().any(|held| held == *entry)
                    };
                    wins(holding, entry) && !holdings.iter().any(senior)
                })
                .collect()
        })
        .collect()
}
