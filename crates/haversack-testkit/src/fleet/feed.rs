//! A feed of key rings that a test hands out.

use std::{
    collections::BTreeMap,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use haversack::{
    Feed, KeyRing, Listed, Publication, Revocation, SessionIndex, SubjectId, Timestamp,
    Unpublished, Version, View,
};

/// A feed of key rings whose view a test sets; clones are the same feed.
///
/// It goes where keys come from, such as `Haversack::builder(feed)`. Each server of a
/// [`Fleet`](crate::Fleet) has its own, so that a new ring reaches one before another.
///
/// Whoever asks for a newer ring gets what [`publish_when_asked`](Self::publish_when_asked) holds
/// ready, or learns at once that there is none, unless the feed [is slow](Self::set_slow).
#[derive(Clone)]
pub struct RingFeed(Arc<Mutex<Desk>>);

struct Desk {
    view: Arc<View>,
    when_asked: Option<KeyRing>,
    slow: bool,
    alone: bool,
    published: Vec<Revocation>,
    /// The list of sessions, if one is kept.
    listed: Option<Vec<Listed>>,
    waiting: Vec<Waker>,
}

impl Desk {
    fn change(&mut self, change: impl FnOnce(&mut View)) {
        let mut view = View::clone(&self.view);
        view.version = Version(view.version.0 + 1);
        change(&mut view);
        self.view = Arc::new(view);
        self.wake();
    }

    fn wake(&mut self) {
        for waiting in mem::take(&mut self.waiting) {
            waiting.wake();
        }
    }
}

impl RingFeed {
    /// A feed that hands out `ring`, unconfirmed as that of a static ring is.
    pub fn new(ring: KeyRing) -> Self {
        let view = Arc::new(View::from(ring));
        Self(Arc::new(Mutex::new(Desk {
            view,
            when_asked: None,
            slow: false,
            alone: false,
            published: Vec::new(),
            listed: None,
            waiting: Vec::new(),
        })))
    }

    /// The ring that is handed out now.
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.desk().view.ring)
    }

    /// From now on hands out `ring`.
    pub fn publish(&self, ring: KeyRing) {
        self.desk().change(|view| view.ring = Arc::new(ring));
    }

    /// Hands out `ring` once a server asks for a newer one, which it does when it meets a key that
    /// it does not have.
    pub fn publish_when_asked(&self, ring: KeyRing) {
        self.desk().when_asked = Some(ring);
    }

    /// Whether who asks for a newer ring waits until one is published. Servers wait for so long as
    /// they have patience; turning this off sends them on.
    pub fn set_slow(&self, slow: bool) {
        let mut desk = self.desk();
        desk.slow = slow;
        desk.wake();
    }

    /// Says that the ring was still the current one at `at`. A key that is missing in a ring
    /// confirmed a quarter of an hour after it was first met is given up by a server.
    pub fn confirm(&self, at: Timestamp) {
        self.desk().change(|view| view.confirmed = at);
    }

    /// From now on the view has revocations, none at first, confirmed at `at`. Servers then publish
    /// theirs, and mind how old the view is.
    pub fn can_revoke(&self, at: Timestamp) {
        self.desk().change(|view| {
            view.revocations.get_or_insert_default();
            view.confirmed = at;
        });
    }

    /// Whether what servers publish reaches nobody else: they learn that it did not.
    pub fn set_alone(&self, alone: bool) {
        self.desk().alone = alone;
    }

    /// From now on keeps a list of the sessions that somebody is signed in to.
    pub fn can_list(&self) {
        self.desk().listed.get_or_insert_default();
    }

    /// What servers have listed so far, in order.
    pub fn listed(&self) -> Vec<Listed> {
        self.desk().listed.clone().unwrap_or_default()
    }

    /// What servers have published so far, in order.
    pub fn published(&self) -> Vec<Revocation> {
        self.desk().published.clone()
    }

    /// Hands out further revocations, as a server does that learns of them from others.
    pub fn learn(&self, revocations: &[Revocation]) {
        self.desk().change(|view| view.revocations.get_or_insert_default().extend(revocations));
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed for RingFeed {
    fn view(&self) -> Arc<View> {
        Arc::clone(&self.desk().view)
    }

    fn publish(&self, revocations: Vec<Revocation>) -> Publication {
        self.learn(&revocations);
        let mut desk = self.desk();
        desk.published.extend(revocations);
        let alone = desk.alone;
        let why = || Unpublished { why: "this server is alone".to_owned() };
        Box::pin(std::future::ready(if alone { Err(why()) } else { Ok(()) }))
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.desk().listed.is_some().then_some(self)
    }

    fn poll_newer(&self, than: Version, cx: &mut Context<'_>) -> Poll<()> {
        let mut desk = self.desk();
        if let Some(ring) = desk.when_asked.take() {
            desk.change(|view| view.ring = Arc::new(ring));
        }
        if desk.slow && desk.view.version <= than {
            desk.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// Of each session what was told last; a label stays.
impl SessionIndex for RingFeed {
    fn list(&self, mut listed: Listed) {
        if let Some(all) = &mut self.desk().listed {
            let mut same = all.iter().rev().filter(|held| held.id == listed.id);
            let held = same.find_map(|held| held.label.clone());
            listed.label = listed.label.or(held);
            all.push(listed);
        }
    }

    fn of(&self, subject: SubjectId) -> Vec<Listed> {
        let mut all = self.listed();
        all.retain(|listed| listed.subject == subject);
        let last: BTreeMap<_, _> = all.into_iter().map(|listed| (listed.id, listed)).collect();
        last.into_values().collect()
    }
}

/// Shows the revision, never keys.
impl fmt::Debug for RingFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingFeed")
            .field("revision", &self.ring().revision())
            .finish_non_exhaustive()
    }
}
