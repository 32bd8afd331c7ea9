//! The view: all revocations that a server knows, as a request reads them.

use core::fmt;

use super::set::Expiring;
use super::{Revocation, RevocationId, SubjectId};
use crate::Timestamp;
use crate::policy::GRACE_MS;

/// All revocations that a server knows. A copy shares what both have, so that a feed can hand one
/// to each request and change its own.
#[derive(Clone, Default)]
pub struct Revocations {
    closed: Expiring<()>,
    floors: Expiring<Floor>,
    subjects: Expiring<u64>,
    /// Under one id, since it is for all.
    all: Expiring<u64>,
}

const ALL: u64 = 0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Floor {
    renewed: u64,
    published: u64,
}

impl Revocations {
    /// Nothing is revoked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record. One that is known changes nothing.
    pub fn insert(&mut self, revocation: &Revocation) {
        let until = secs(revocation.until());
        match *revocation {
            Revocation::Session { id, .. } => self.closed.insert(bits(*id.as_bytes()), until, ()),
            Revocation::Floor { id, renewed, published, .. } => {
                let floor =
                    Floor { renewed: renewed.as_millis(), published: published.as_millis() };
                self.floors.insert(bits(*id.as_bytes()), until, floor);
            }
            Revocation::Subject { id, not_before, .. } => {
                self.subjects.insert(bits(*id.as_bytes()), until, not_before.as_secs());
            }
            Revocation::All { not_before, .. } => {
                self.all.insert(ALL, until, not_before.as_secs());
            }
        }
    }

    /// Whether it has the record, or the same with a later end.
    pub fn contains(&self, revocation: &Revocation) -> bool {
        let until = secs(revocation.until());
        match *revocation {
            Revocation::Session { id, .. } => self.closed.has(bits(*id.as_bytes()), until, ()),
            Revocation::Floor { id, renewed, published, .. } => {
                let floor =
                    Floor { renewed: renewed.as_millis(), published: published.as_millis() };
                self.floors.has(bits(*id.as_bytes()), until, floor)
            }
            Revocation::Subject { id, not_before, .. } => {
                self.subjects.has(bits(*id.as_bytes()), until, not_before.as_secs())
            }
            Revocation::All { not_before, .. } => self.all.has(ALL, until, not_before.as_secs()),
        }
    }

    /// Forgets records whose time is over.
    pub fn expire(&mut self, now: Timestamp) {
        let now = secs(now);
        self.closed.expire(now);
        self.floors.expire(now);
        self.subjects.expire(now);
        self.all.expire(now);
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.closed.len() + self.floors.len() + self.subjects.len() + self.all.len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the records take.
    pub fn bytes(&self) -> usize {
        self.closed.bytes() + self.floors.bytes() + self.subjects.bytes() + self.all.bytes()
    }

    /// All records, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Revocation> + '_ {
        let until = |s: u32| Timestamp::from_secs(u64::from(s));
        let closed = self.closed.iter().map(move |(id, end, ())| Revocation::Session {
            id: RevocationId::from_bytes(id.to_be_bytes()),
            until: until(end),
        });
        let floors = self.floors.iter().map(move |(id, end, floor)| Revocation::Floor {
            id: RevocationId::from_bytes(id.to_be_bytes()),
            renewed: Timestamp::from_millis(floor.renewed),
            published: Timestamp::from_millis(floor.published),
            until: until(end),
        });
        let subjects = self.subjects.iter().map(move |(id, end, not_before)| Revocation::Subject {
            id: SubjectId::from_bytes(id.to_be_bytes()),
            not_before: Timestamp::from_secs(not_before),
            until: until(end),
        });
        let all = self.all.iter().map(move |(_, end, not_before)| Revocation::All {
            not_before: Timestamp::from_secs(not_before),
            until: until(end),
        });
        closed.chain(floors).chain(subjects).chain(all)
    }

    /// Whether any record names a session.
    pub(crate) fn names_sessions(&self) -> bool {
        self.closed.len() + self.floors.len() > 0
    }

    /// Whether the session is known to be over.
    pub fn is_closed(&self, id: RevocationId) -> bool {
        self.closed.get(bits(*id.as_bytes())).next().is_some()
    }

    /// The lowest renewal of a session that counts at `now`. A floor bites a grace after it was
    /// published, when the requests that were under way have arrived.
    pub(crate) fn floor(&self, id: RevocationId, now: Timestamp) -> Option<Timestamp> {
        let bites = |floor: &Floor| now.as_millis() >= floor.published.saturating_add(GRACE_MS);
        let floors = self.floors.get(bits(*id.as_bytes())).map(|(_, floor)| floor);
        floors.filter(bites).map(|floor| Timestamp::from_millis(floor.renewed)).max()
    }

    /// The highest renewal of a session that was published, whether or not it bites.
    pub(crate) fn published_floor(&self, id: RevocationId) -> Option<Timestamp> {
        let floors = self.floors.get(bits(*id.as_bytes())).map(|(_, floor)| floor);
        floors.map(|floor| Timestamp::from_millis(floor.renewed)).max()
    }

    /// Sessions created or authenticated earlier are over: all, and those of `subject`.
    pub fn not_before(&self, subject: Option<SubjectId>) -> Option<Timestamp> {
        let all = self.all.get(ALL).map(|(_, not_before)| not_before);
        let own = subject.into_iter().flat_map(|id| self.subjects.get(bits(*id.as_bytes())));
        all.chain(own.map(|(_, not_before)| not_before)).max().map(Timestamp::from_secs)
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("sessions", &self.closed.len())
            .field("floors", &self.floors.len())
            .field("subjects", &self.subjects.len())
            .field("not_before", &self.not_before(None))
            .finish_non_exhaustive()
    }
}

impl<'a> Extend<&'a Revocation> for Revocations {
    fn extend<I: IntoIterator<Item = &'a Revocation>>(&mut self, records: I) {
        for record in records {
            self.insert(record);
        }
    }
}

fn bits(id: [u8; 8]) -> u64 {
    u64::from_be_bytes(id)
}

fn secs(time: Timestamp) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;
    use std::vec::Vec;

    fn view(records: &[&str]) -> Revocations {
        let mut view = Revocations::new();
        for text in records {
            view.insert(&text.parse().unwrap());
        }
        view
    }

    fn at(s: u64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    const ID: RevocationId = RevocationId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7]);
    const SUBJECT: SubjectId = SubjectId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7]);

    #[test]
    fn the_view_is_its_records_in_any_order_and_any_number() {
        let records = [
            "all 50 900",
            "floor AAECAwQFBgc 1000 2000 900",
            "floor AAECAwQFBgc 3000 4000 900",
            "session AAECAwQFBgc 900",
            "subject AAECAwQFBgc 60 900",
        ];
        let mut twice = records.to_vec();
        twice.extend(records.iter().rev());
        let mut held: Vec<_> = view(&twice).iter().map(|it| it.to_string()).collect();
        held.sort_unstable();
        assert_eq!(held, records);
        assert_eq!(view(&twice).len(), 5);
        assert!(records.iter().all(|text| view(&twice).contains(&text.parse().unwrap())));
        for other in ["session AAECAwQFBgc 901", "all 51 900", "floor AAECAwQFBgc 1000 2001 900"] {
            assert!(!view(&twice).contains(&other.parse().unwrap()), "{other}");
        }
        let mut expired = view(&twice);
        expired.expire(at(901));
        assert!(expired.is_empty());
    }

    #[test]
    fn a_floor_bites_a_grace_after_its_publication() {
        let view = view(&["floor AAECAwQFBgc 1000 2000 900", "floor AAECAwQFBgc 9000 200000 900"]);
        let floor = |ms| view.floor(ID, Timestamp::from_millis(ms)).map(Timestamp::as_millis);
        assert_eq!(floor(2000 + GRACE_MS - 1), None);
        assert_eq!(floor(2000 + GRACE_MS), Some(1000), "the first one, not yet the second");
        assert_eq!(floor(200_000 + GRACE_MS), Some(9000));
        assert_eq!(view.published_floor(ID).map(Timestamp::as_millis), Some(9000));
        assert!(!view.is_closed(ID));
    }

    #[test]
    fn the_latest_not_before_holds() {
        let view =
            view(&["all 50 900", "subject AAECAwQFBgc 60 900", "subject AAECAwQFBgc 40 900"]);
        assert_eq!(view.not_before(None), Some(at(50)));
        assert_eq!(view.not_before(Some(SUBJECT)), Some(at(60)));
        assert_eq!(view.not_before(Some(SubjectId::from_bytes([9; 8]))), Some(at(50)));
        assert_eq!(Revocations::new().not_before(Some(SUBJECT)), None);
    }
}
