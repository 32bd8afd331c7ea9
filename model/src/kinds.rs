//! What a response did, in the words of the specification's tables; and which of them met.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Write,
    Remove,
    Touch,
    Fold,
    Rekey,
    Login,
    Renew,
    Switch,
    End,
}

pub(crate) const KINDS: [Kind; 10] = [
    Kind::Create,
    Kind::Write,
    Kind::Remove,
    Kind::Touch,
    Kind::Fold,
    Kind::Rekey,
    Kind::Login,
    Kind::Renew,
    Kind::Switch,
    Kind::End,
];

/// What one response did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Kinds(u16);

impl Kinds {
    pub(crate) fn iter(self) -> impl Iterator<Item = Kind> {
        KINDS.into_iter().filter(move |kind| self.0 & (1 << *kind as u16) != 0)
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind as u16))
    }
}

/// How often two kinds were under way at once: a model in which nothing races proves nothing.
#[derive(Default)]
pub(crate) struct Meetings([[AtomicU64; KINDS.len()]; KINDS.len()]);

impl Meetings {
    /// Notes that a response doing `these` was made while one doing `those` was under way.
    pub(crate) fn note(&self, these: Kinds, those: Kinds) {
        for this in these.iter() {
            for that in those.iter() {
                let (low, high) = order(this, that);
                self.0[low][high].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn of(&self, this: Kind, that: Kind) -> u64 {
        let (low, high) = order(this, that);
        self.0[low][high].load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, other: &Self) {
        for (row, theirs) in self.0.iter().zip(&other.0) {
            for (cell, their) in row.iter().zip(theirs) {
                cell.fetch_add(their.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }
}

fn order(this: Kind, that: Kind) -> (usize, usize) {
    let (this, that) = (this as usize, that as usize);
    (this.min(that), this.max(that))
}
