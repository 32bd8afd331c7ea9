//! What is revoked, as one request asks it: the view, with the keys that its ids come from.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Revocation, RevocationId, Revocations, SubjectId};
use crate::event::{Event, EventKind, Situation};
use crate::feed::{Freshness, View};
use crate::keyring::Keys;
use crate::parcel::{Root, Subject};
use crate::staleness::{Scrutiny, Staleness};
use crate::state::Stamp;
use crate::{StaleView, Timestamp};

/// The revocations that a server knows. One without any asks nothing and publishes nothing.
#[derive(Clone, Copy)]
pub(crate) struct Revoked<'a> {
    pub(crate) view: &'a View,
    pub(crate) keys: &'a Keys,
    pub(crate) staleness: &'a Staleness,
    /// When the request arrived.
    pub(crate) received: Timestamp,
}

impl<'a> Revoked<'a> {
    fn known(&self) -> Option<&'a Revocations> {
        self.view.revocations.as_ref()
    }

    /// Whether nothing can have been missed.
    pub(crate) fn fresh(&self) -> Result<(), StaleView> {
        match self.view.freshness(self.staleness, self.received) {
            Freshness::Fresh => Ok(()),
            Freshness::Stale | Freshness::Blind => Err(self.stale()),
        }
    }

    /// Whether a route of this kind may act for the session that `head` heads, although something
    /// may have been missed. Nobody is protected by refusing anonymous ones.
    pub(crate) fn suffices(&self, head: &Root, scrutiny: Scrutiny) -> Result<(), StaleView> {
        let used = Timestamp::from_secs(head.seen);
        let lately =
            Duration::from_millis(self.received.millis_since(used)) <= self.staleness.blind;
        let suffices = match (scrutiny, self.view.freshness(self.staleness, self.received)) {
            (Scrutiny::None, _)
            | (_, Freshness::Fresh)
            | (Scrutiny::Standard, Freshness::Stale) => true,
            (Scrutiny::Standard, Freshness::Blind) => lately,
            (Scrutiny::Sensitive, Freshness::Stale | Freshness::Blind) => false,
        };
        if suffices || head.subject.is_none() {
            return Ok(());
        }
        Err(self.stale())
    }

    fn stale(&self) -> StaleView {
        StaleView { confirmed: self.view.confirmed, now: self.received }
    }

    /// Whether the lineage that `head` heads ended before its time.
    pub(crate) fn refuses(&self, head: &Root) -> bool {
        let Some(view) = self.known().filter(|view| !view.is_empty()) else { return false };
        if head.auth < self.not_before(head.subject) {
            return true;
        }
        if !view.names_sessions() {
            return false; // spares the keyed hash
        }
        let id = self.id(head);
        let below = |floor: Timestamp| head.renewed < Stamp::from_millis(floor.as_millis());
        view.is_closed(id) || view.floor(id, self.received).is_some_and(below)
    }

    /// Whether a later renewal of the session is known, be it that it does not bite yet. Who holds
    /// an older root may be a thief, and must not outrun it.
    pub(crate) fn is_outrun(&self, head: &Root) -> bool {
        let Some(view) = self.known().filter(|view| view.names_sessions()) else { return false };
        let floor = view.published_floor(self.id(head));
        floor.is_some_and(|floor| head.renewed < Stamp::from_millis(floor.as_millis()))
    }

    /// In seconds: sessions of the subject that were authenticated earlier are over.
    pub(crate) fn not_before(&self, subject: Option<Subject>) -> u64 {
        let subject = subject.map(|subject| SubjectId::from_bytes(subject.0));
        let not_before = self.known().and_then(|view| view.not_before(subject));
        not_before.map_or(0, Timestamp::as_secs)
    }

    pub(crate) fn id(&self, root: &Root) -> RevocationId {
        self.keys.revocation_id(&root.lineage.0, root.subject.map(|subject| subject.0).as_ref())
    }
}

impl Situation<'_> {
    /// What the other servers must know of an event: the signed-in sessions that it ends, and the
    /// renewal of one. Of anonymous sessions nothing is told: there is nothing to protect, and one
    /// that was planted must not end others.
    pub(crate) fn publication(self, event: &Event) -> Vec<Revocation> {
        if self.revoked.known().is_none() {
            return Vec::new();
        }
        let until = self.now.plus(self.policy.lifetime.tail()).next_second();
        let signed_in = |root: &&Root| root.subject.is_some();
        if event.sweeps {
            let roots = self.jar.roots.iter().map(|root| &root.frame).filter(signed_in);
            let ids: BTreeSet<RevocationId> = roots.map(|root| self.revoked.id(root)).collect();
            return ids.into_iter().map(|id| Revocation::Session { id, until }).collect();
        }
        match event.head().filter(signed_in) {
            Some(root) if event.kind == EventKind::Renew => Vec::from([Revocation::Floor {
                id: self.revoked.id(root),
                renewed: Timestamp::from_millis(root.renewed.as_millis()),
                published: self.now,
                until,
            }]),
            _ => Vec::new(),
        }
    }
}
