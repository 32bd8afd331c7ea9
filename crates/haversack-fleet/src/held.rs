//! All that this server knows: the ring and the revocations, and the view of them that requests read.
//!
//! Whoever changes something takes the lock, and shows a new view. Requests never take it, except to
//! publish.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use haversack::{KeyId, KeyRing, Listed, Revocation, Revocations, Timestamp, Version, View};

use crate::confirmed::Confirmed;
use crate::engine::RingDocument;
use crate::index::Index;

#[derive(Debug, Default)]
pub(crate) struct Held {
    known: Mutex<Known>,
    /// From the first ring on.
    view: OnceLock<Arc<ArcSwap<View>>>,
    /// If this server keeps one.
    index: Option<Index>,
}

#[derive(Debug, Default)]
struct Known {
    ring: Option<HeldRing>,
    revocations: Revocations,
    confirmed: Option<Confirmed>,
    version: u64,
    dead: BTreeSet<KeyId>,
    /// Since the log was reset.
    returned: Option<Returned>,
}

/// What a log that was reset has been seen to hold since.
#[derive(Debug, Default)]
struct Returned {
    records: Revocations,
    /// Whether all of it was delivered, and what it lacks was told.
    told: bool,
}

/// The ring in use, and the document that it came in.
#[derive(Clone, Debug)]
pub(crate) struct HeldRing {
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) document: RingDocument,
}

/// What became of lines of the log.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) records: Vec<Revocation>,
    /// Of a later version, perhaps.
    pub(crate) unknown: usize,
    pub(crate) malformed: usize,
}

impl Held {
    pub(crate) fn new(dead: BTreeSet<KeyId>, index: Option<Index>) -> Self {
        let known = Mutex::new(Known { dead, ..Known::default() });
        Self { known, view: OnceLock::new(), index }
    }

    /// The sessions that somebody is signed in to, if this server keeps a list.
    pub(crate) fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// The view, once there is a ring.
    pub(crate) fn view(&self) -> Option<&Arc<ArcSwap<View>>> {
        self.view.get()
    }

    pub(crate) fn version(&self) -> Version {
        self.view.get().map_or_else(Version::default, |view| view.load().version)
    }

    pub(crate) fn ring(&self) -> Option<HeldRing> {
        self.lock().ring.clone()
    }

    /// Takes a ring that was found to be right.
    pub(crate) fn take_ring(&self, ring: HeldRing) {
        let mut known = self.lock();
        known.ring = Some(ring);
        self.show(&mut known);
    }

    /// Takes lines of the log.
    pub(crate) fn take_lines(&self, lines: &[String], now: Timestamp) -> Taken {
        let mut taken = Taken::default();
        for line in lines {
            match line.parse::<Revocation>() {
                Ok(record) => taken.records.push(record),
                Err(error) if error.unknown_kind => match line.parse::<Listed>() {
                    Ok(listed) => self.index().into_iter().for_each(|it| it.take(&listed, now)),
                    Err(error) if error.unknown_kind => taken.unknown += 1,
                    Err(_) => taken.malformed += 1,
                },
                Err(_) => taken.malformed += 1,
            }
        }
        taken.records.retain(|record| record.until() > now);
        let mut known = self.lock();
        if let Some(returned) = &mut known.returned {
            returned.records.extend(&taken.records);
        }
        if taken.records.iter().any(|record| !known.revocations.contains(record)) {
            known.revocations.extend(&taken.records);
            // Until all of it was delivered nobody looks, and each view costs copies.
            if known.confirmed.is_some() {
                self.show(&mut known);
            }
        }
        taken
    }

    /// Takes this server's own records, before anybody else has them.
    pub(crate) fn insert(&self, records: &[Revocation]) {
        let mut known = self.lock();
        known.revocations.extend(records);
        self.show(&mut known);
    }

    /// The log begins anew. What is held stays: it goes when its time is over.
    pub(crate) fn reset(&self) {
        self.lock().returned = Some(Returned::default());
        if let Some(index) = &self.index {
            index.reset();
        }
    }

    /// Once after a reset, when the whole log has been delivered: what it lacks of `recent`, or of all
    /// that is held if that is `None`.
    pub(crate) fn lacking(
        &self,
        recent: impl FnOnce() -> Option<Vec<Revocation>>,
        now: Timestamp,
    ) -> Option<Vec<Revocation>> {
        let mut known = self.lock();
        let returned = known.returned.as_mut().filter(|returned| !returned.told)?;
        returned.told = true;
        // Copies share what they hold, so the rest needs no lock.
        let returned = returned.records.clone();
        let held = known.revocations.clone();
        drop(known);
        let lacks = lacks(returned, now);
        Some(match recent() {
            Some(recent) => recent.into_iter().filter(lacks).collect(),
            None => held.iter().filter(lacks).collect(),
        })
    }

    /// All that is held and not over, but for what came back since a reset. If there was none, the log
    /// lacks nothing once it has been `read`.
    pub(crate) fn not_returned(&self, read: bool, now: Timestamp) -> Vec<Revocation> {
        let known = self.lock();
        let returned = known.returned.as_ref().map(|returned| returned.records.clone());
        let held = known.revocations.clone();
        drop(known);
        match returned {
            None if read => Vec::new(),
            returned => held.iter().filter(lacks(returned.unwrap_or_default(), now)).collect(),
        }
    }

    /// Whether somebody has put the record back since the reset.
    pub(crate) fn has_returned(&self, record: &Revocation) -> bool {
        let known = self.lock();
        known.returned.as_ref().is_some_and(|returned| returned.records.contains(record))
    }

    /// The reset is over, unless there was another: what comes back need not be noted any more.
    pub(crate) fn settle(&self) {
        self.lock().returned.take_if(|returned| returned.told);
    }

    /// All that was acknowledged before `at` is here; whether there is a view that says so.
    pub(crate) fn confirm(&self, at: Timestamp, wall: Timestamp, now: Instant) -> bool {
        let mut known = self.lock();
        let new = Confirmed::new(at, wall, now);
        match &mut known.confirmed {
            Some(confirmed) => confirmed.take(new, wall, now),
            none => *none = Some(new),
        }
        self.show(&mut known)
    }

    /// Notices a wall clock that was set back.
    pub(crate) fn tick(&self, wall: Timestamp, now: Instant) {
        let mut known = self.lock();
        if known.confirmed.as_mut().is_some_and(|confirmed| confirmed.tick(wall, now)) {
            self.show(&mut known);
        }
    }

    /// Forgets what is over.
    pub(crate) fn expire(&self, now: Timestamp) {
        let mut known = self.lock();
        let before = known.revocations.len();
        known.revocations.expire(now);
        if known.revocations.len() != before {
            self.show(&mut known);
        }
    }

    /// How long ago the last confirmation was true, by the monotonic clock.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.lock().confirmed.map(|confirmed| confirmed.age(now))
    }

    /// Records in the view, and the bytes that they take.
    pub(crate) fn size(&self) -> (usize, usize) {
        let revocations = self.lock().revocations.clone();
        (revocations.len(), revocations.bytes())
    }

    fn show(&self, known: &mut Known) -> bool {
        let Some(HeldRing { ring, .. }) = &known.ring else { return false };
        known.version += 1;
        let view = Arc::new(View {
            ring: Arc::clone(ring),
            revocations: Some(known.revocations.clone()),
            dead: known.dead.clone(),
            confirmed: known.confirmed.map(|confirmed| confirmed.at()).unwrap_or_default(),
            version: Version(known.version),
        });
        self.view.get_or_init(|| Arc::new(ArcSwap::new(Arc::clone(&view)))).store(view);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is not over, and not among what came back. Copies share what they hold, so it needs no lock.
fn lacks(returned: Revocations, now: Timestamp) -> impl Fn(&Revocation) -> bool {
    move |record| record.until() > now && !returned.contains(record)
}
