//! Clean: which parcels on a request are dead.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::settled;
use crate::Disposition;
use crate::admit::Standing;
use crate::event::{Event, Situation};
use crate::jar::Opened;
use crate::join::owned;
use crate::lineage::Group;
use crate::parcel::{Marker, Root, Suffix};

impl Situation<'_> {
    /// What the event or its absence leaves to delete, in the order of the lines: fragments before
    /// roots, and of one lineage the head last.
    pub(crate) fn dead(&self, event: &Event) -> Vec<String> {
        let mut dead = if event.sweeps {
            self.everything_read()
        } else if self.partial() {
            let mut dead: Vec<String> = event.taken.iter().map(text).collect();
            dead.extend(self.covered(event));
            dead
        } else {
            let mut dead: Vec<String> = event.taken.iter().map(text).collect();
            dead.extend(self.rejected());
            dead.extend(self.jar.orphans.iter().map(text));
            dead.extend(self.covered(event));
            dead.extend(self.dead_lineages(event));
            dead.extend(self.settled_markers());
            dead
        };
        // A response never deletes a name that it sets.
        dead.retain(|suffix| event.drafts.iter().all(|draft| draft.suffix.as_str() != suffix));
        // A whole session is fragment and root in one.
        let mut seen = BTreeSet::new();
        dead.retain(|suffix| seen.insert(suffix.clone()));
        dead
    }

    /// Every parcel of ours read, readable or not, but end markers.
    fn everything_read(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.jar.refused.iter().map(|refused| refused.suffix.clone()).collect();
        all.sort_unstable();
        all.dedup();
        all.extend(self.jar.unread.iter().cloned());
        all.extend(self.jar.orphans.iter().map(text));
        all.extend(self.jar.unopened.iter().map(text));
        all.extend(self.jar.fragments.iter().map(|owned| text(&owned.suffix)));
        for (group, _) in &self.admitted.lineages {
            all.extend(self.roots_head_last(group).map(|root| text(&root.suffix)));
        }
        all
    }

    fn rejected(&self) -> Vec<String> {
        let deleted = |why: crate::Rejection| why.disposition() == Disposition::Delete;
        let mut names: Vec<String> = self
            .jar
            .refused
            .iter()
            .filter(|refused| deleted(refused.why))
            .map(|refused| refused.suffix.clone())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Fragments that own nothing, against what was read and what this response sets.
    fn covered(&self, event: &Event) -> Vec<String> {
        if self.jar.held().next().is_none() {
            return Vec::new();
        }
        let head_is_whole = self.head(event).is_some_and(|head| head.fields.is_some());
        let participants = self.participants(event);
        let owned = owned(&participants);
        let drafted = |suffix: Suffix| event.drafts.iter().any(|draft| draft.suffix == suffix);
        participants
            .iter()
            .zip(owned)
            .filter(|(holding, owned)| owned.is_empty() && !drafted(holding.suffix))
            .filter(|(holding, _)| !(holding.is_whole() && head_is_whole))
            .map(|(holding, _)| text(&holding.suffix))
            .collect()
    }

    fn dead_lineages(&self, event: &Event) -> Vec<String> {
        let now = self.now.as_millis();
        let head = self.head(event);
        let mut dead = Vec::new();
        for (group, standing) in &self.admitted.lineages {
            let renewed_settled =
                self.jar.roots.get(group.head).is_some_and(|r| settled(r.frame.renewed, now));
            match standing {
                Standing::Closed => {
                    dead.extend(self.fragments_of(group));
                    dead.extend(self.roots_head_last(group).map(|root| text(&root.suffix)));
                }
                Standing::Refused { long: true, .. } => {
                    dead.extend(self.roots_head_last(group).map(|root| text(&root.suffix)));
                }
                Standing::Losing if renewed_settled => {
                    dead.extend(self.roots_head_last(group).map(|root| text(&root.suffix)));
                }
                Standing::Adopted => {
                    let winner_settled = head.is_some_and(|head| settled(head.renewed, now));
                    let emptied = self.fragments_of(group).next().is_none();
                    if renewed_settled && winner_settled && emptied {
                        dead.extend(self.roots_head_last(group).map(|root| text(&root.suffix)));
                    }
                }
                Standing::Winner => {
                    let Some(head) = head else { continue };
                    // A whole session that is not the head goes when it is covered.
                    let others = self
                        .roots_head_last(group)
                        .filter(|root| root.frame != *head && root.frame.held().is_none());
                    dead.extend(
                        others
                            .filter(|root| self.is_superseded(&root.frame, head))
                            .map(|r| text(&r.suffix)),
                    );
                }
                Standing::Losing | Standing::Refused { .. } => {}
            }
        }
        dead
    }

    /// A root of the winner beside its head. One under another subject opens fragments that a
    /// login at the same moment wrote, so it stays until no such response can be under way.
    fn is_superseded(&self, root: &Root, head: &Root) -> bool {
        let another = root.subject.is_some() && root.subject != head.subject;
        !another || settled(root.renewed, self.now.as_millis())
    }

    fn settled_markers(&self) -> Vec<String> {
        let closes_something = |marker: &Marker| {
            let groups = || self.admitted.lineages.iter();
            groups().any(|(group, _)| {
                self.jar.roots.get(group.head).is_some_and(|head| marker.closes(&head.frame))
            })
        };
        self.jar
            .markers
            .iter()
            .filter(|marker| settled(marker.frame.stamp, self.now.as_millis()))
            .filter(|marker| !closes_something(&marker.frame))
            .map(|marker| text(&marker.suffix))
            .collect()
    }

    /// Where its fields are; of a whole session that is its root.
    fn fragments_of(&self, group: &Group) -> impl Iterator<Item = String> {
        let of = |owned: &&Opened<crate::jar::Owned>| owned.frame.lineage == group.lineage;
        let fragments = self.jar.fragments.iter().filter(of).map(|owned| text(&owned.suffix));
        let whole = |root: &&Opened<Root>| {
            root.frame.lineage == group.lineage && root.frame.held().is_some()
        };
        fragments.chain(self.jar.roots.iter().filter(whole).map(|root| text(&root.suffix)))
    }

    fn roots_head_last(&self, group: &Group) -> impl Iterator<Item = &Opened<Root>> {
        let others = group.roots.iter().filter(|at| **at != group.head);
        others.chain([&group.head]).filter_map(|at| self.jar.roots.get(*at))
    }
}

fn text(suffix: &Suffix) -> String {
    suffix.as_str().to_string()
}
