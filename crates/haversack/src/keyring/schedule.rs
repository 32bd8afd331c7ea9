//! When a key does what: evaluated by each server for itself, from times in the document.

use crate::env::Timestamp;

/// What a key does at some time.
///
/// Times move it forward only: upcoming, sealing, opening, retired. Revocation ends it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyState {
    /// Published, so that every server has it before it seals. It opens, since another server's
    /// clock may be ahead.
    Upcoming,
    /// It seals and opens; of several such keys only the newest seals.
    Sealing,
    /// It opens what it sealed, which is then sealed anew by its successor.
    Opening,
    /// It opens nothing any more.
    Retired,
    /// Withdrawn by hand: it opens nothing, whatever its times say and whatever a clock says.
    Revoked,
}

/// The times of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) created: Timestamp,
    pub(super) seals_from: Timestamp,
    /// Open until a successor is there.
    pub(super) end: Option<End>,
    pub(super) revoked: Option<Timestamp>,
}

/// How a key ends. Both times are known together: a key that stopped sealing and opens for ever
/// would never leave the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) seals_until: Timestamp,
    pub(super) opens_until: Timestamp,
}

/// The last time that a document may name, the end of the year 9999: what is later was written in
/// milliseconds.
pub(super) const LAST: Timestamp = Timestamp::from_secs(253_402_300_799);

impl Schedule {
    /// A key that is made at `created` and seals from `seals_from` until it gets a successor.
    pub(super) fn open_ended(created: Timestamp, seals_from: Timestamp) -> Self {
        Self { created, seals_from, end: None, revoked: None }
    }

    pub(super) fn state(&self, now: Timestamp) -> KeyState {
        if self.revoked.is_some() {
            return KeyState::Revoked;
        }
        match self.end {
            Some(end) if now >= end.opens_until => KeyState::Retired,
            Some(end) if now >= end.seals_until => KeyState::Opening,
            _ if now >= self.seals_from => KeyState::Sealing,
            _ => KeyState::Upcoming,
        }
    }

    /// What is wrong with the order of the times, if anything is.
    pub(super) fn inconsistency(&self) -> Option<&'static str> {
        if self.seals_from < self.created {
            return Some("`seals_from` lies before `created`");
        }
        match self.end {
            Some(end) if end.seals_until <= self.seals_from => {
                Some("`seals_until` must be later than `seals_from`")
            }
            Some(end) if end.opens_until < end.seals_until => {
                Some("`opens_until` lies before `seals_until`")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    #[test]
    fn a_key_goes_through_its_states_at_its_times() {
        let mut schedule = Schedule::open_ended(at(10), at(100));
        assert_eq!(schedule.state(at(0)), KeyState::Upcoming);
        assert_eq!(schedule.state(Timestamp::from_millis(99_999)), KeyState::Upcoming);
        assert_eq!(schedule.state(at(100)), KeyState::Sealing);
        assert_eq!(schedule.state(at(u64::MAX)), KeyState::Sealing);
        schedule.end = Some(End { seals_until: at(200), opens_until: at(300) });
        assert_eq!(schedule.state(at(50)), KeyState::Upcoming);
        assert_eq!(schedule.state(at(199)), KeyState::Sealing);
        assert_eq!(schedule.state(at(200)), KeyState::Opening);
        assert_eq!(schedule.state(at(299)), KeyState::Opening);
        assert_eq!(schedule.state(at(300)), KeyState::Retired);
        schedule.revoked = Some(at(1_000_000));
        for now in [0, 150, 250, 350] {
            assert_eq!(
                schedule.state(at(now)),
                KeyState::Revoked,
                "a clock does not unrevoke a key"
            );
        }
    }
}
