//! Layout: what an event sets, as the parcels of the session that it belongs to.
//!
//! Events are worked out as roots and fragments. In layout Merging that is what is set. In layout
//! Single all of it is put into one parcel together with what the session held before, and that one
//! is overwritten: of responses that overlap the last one wins.

use alloc::vec::Vec;

use crate::TooLarge;
use crate::codec::field_of;
use crate::draft::{Body, Draft};
use crate::event::{Event, Situation};
use crate::join::{Holding, holdings, join};
use crate::parcel::{Fragment, Root};
use crate::state::{Content, Entry};
use crate::transport::{Carrier, Layout};

impl Situation<'_> {
    /// The layout of a session that begins now.
    pub(crate) fn layout(&self) -> Layout {
        match self.carrier {
            Carrier::Cookies(_) => self.policy.layout,
            Carrier::Header(_) => Layout::Single,
        }
    }

    /// Whether a session that ends leaves an end marker. One cookie alone is deleted or overwritten
    /// and leaves none, unless what follows it is of several cookies.
    pub(crate) fn leaves_marker(&self, another_begins: bool) -> bool {
        self.jar.merges() || (another_begins && self.layout() == Layout::Merging)
    }

    /// Gives an event the layout of its session, and asks the budgets.
    pub(crate) fn lay_out(&self, mut event: Event) -> Result<Event, TooLarge> {
        let whole = self.head(&event).filter(|head| head.fields.is_some()).cloned();
        let (Some(head), Some(_)) = (whole, event.drafts.first()) else {
            event.state = self.check_sizes(&event)?;
            return Ok(event);
        };
        let taken = if event.sweeps { Vec::new() } else { self.adopted_fragments(&head) };
        if !taken.is_empty() {
            let mut full = self.in_one(&event, &head, &taken);
            if let Ok(state) = self.check_sizes(&full) {
                full.state = state;
                return Ok(full);
            }
        }
        let mut event = self.in_one(&event, &head, &[]);
        event.state = self.check_sizes(&event)?;
        Ok(event)
    }

    /// The fragments that a whole session takes in: those of settled adopted lineages.
    pub(crate) fn adopted_fragments(&self, head: &Root) -> Vec<Holding<'_>> {
        let mut all =
            holdings(self.jar, self.admitted, head, |lineage| self.settled_adopted(lineage));
        all.retain(|holding| !holding.is_whole());
        all
    }

    /// What the session's own parcel holds, as it was read.
    fn held_whole(&self, head: &Root) -> Vec<Holding<'_>> {
        let mut all = holdings(self.jar, self.admitted, head, |_| false);
        all.retain(Holding::is_whole);
        all
    }

    /// The event with one parcel for root and fragments.
    fn in_one(&self, event: &Event, head: &Root, taken: &[Holding<'_>]) -> Event {
        let mut root = head.clone();
        if event.head().is_none() {
            root.seen = self.touched(head).unwrap_or(head.seen);
        }
        let mut held = self.held_whole(head); // nothing, of a session that begins
        held.extend(taken);
        held.extend(event.drafts.iter().filter_map(|draft| draft.holding(self.carrier)));
        let marker = event.drafts.iter().filter(|draft| matches!(draft.body, Body::Marker(_)));
        let mut drafts: Vec<Draft> = marker.cloned().collect();
        drafts.push(self.joined_in(root, &held));
        Event {
            kind: event.kind,
            drafts,
            sweeps: event.sweeps,
            writes: event.writes,
            taken: taken.iter().map(|holding| holding.suffix).collect(),
            state: None,
        }
    }

    /// A whole session as maintenance re-issues it, with `taken` in it.
    pub(crate) fn whole(&self, root: Root, taken: &[Holding<'_>]) -> Draft {
        let mut held = self.held_whole(&root);
        held.extend(taken);
        self.joined_in(root, &held)
    }

    fn joined_in(&self, root: Root, held: &[Holding<'_>]) -> Draft {
        let joined: Vec<Entry<'_>> = join(held).into_iter().map(|joined| joined.entry).collect();
        let live: Vec<Entry<'_>> =
            joined.iter().copied().filter(|entry| !self.is_spent(entry, &joined)).collect();
        let fields = Some(Fragment::new(0, 0, &live));
        Draft::root(self.jar, self.keys, &Root { fields, ..root })
    }

    /// Whether a removal has nothing left to hide: what it removed was overwritten with it, so only
    /// a default, a whole map around it, or other cookies could bring that back.
    fn is_spent(&self, entry: &Entry<'_>, all: &[Entry<'_>]) -> bool {
        let field = field_of(entry.name);
        let around = |other: &Entry<'_>| other.name == field && other.name != entry.name;
        entry.content == Content::Tombstone
            && self.defaults.get(entry.name).is_none()
            && !all.iter().any(around)
            && (!self.jar.merges() || self.forgets(entry, &[]))
    }
}
