//! Lineages: the roots of each session in the jar, its head, and whether it is closed.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::jar::Opened;
use crate::parcel::{Lineage, Marker, Root};

/// All roots of one lineage on the request.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) lineage: Lineage,
    /// Their positions in the jar.
    pub(crate) roots: Vec<usize>,
    /// The position of the highest.
    pub(crate) head: usize,
    /// An end marker on the request closes it.
    pub(crate) closed: bool,
}

#[derive(Debug)]
pub(crate) struct Lineages {
    pub(crate) groups: Vec<Group>,
}

impl Lineages {
    /// Per lineage, the head is the root with the highest rank. Only the head will be judged, so
    /// that an older root never becomes the head because a newer one was refused.
    pub(crate) fn of(roots: &[Opened<Root>], markers: &[Opened<Marker>]) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (at, root) in roots.iter().enumerate() {
            let lineage = root.frame.lineage;
            match groups.iter_mut().find(|group| group.lineage == lineage) {
                Some(group) => {
                    group.roots.push(at);
                    if roots.get(group.head).is_some_and(|head| is_higher(&root.frame, &head.frame))
                    {
                        group.head = at;
                    }
                }
                None => groups.push(Group { lineage, roots: [at].into(), head: at, closed: false }),
            }
        }
        for group in &mut groups {
            group.closed = roots
                .get(group.head)
                .is_some_and(|head| markers.iter().any(|marker| marker.frame.closes(&head.frame)));
        }
        Self { groups }
    }

    /// The roots that fragments are tried under: heads first, the signed-in and newest first.
    pub(crate) fn likeliest_first(roots: &[Opened<Root>]) -> Vec<&Root> {
        let mut order: Vec<&Root> = roots.iter().map(|root| &root.frame).collect();
        order.sort_by(|a, b| b.head_rank().cmp(&a.head_rank()));
        order
    }
}

/// By rank; equal ranks differ in nothing that decides, but every server must choose the same.
fn is_higher(root: &Root, than: &Root) -> bool {
    match root.head_rank().cmp(&than.head_rank()) {
        Ordering::Equal => root.encode() > than.encode(),
        order => order.is_gt(),
    }
}
