//! When a view was last known to be current, told so that no jump of the clock makes it look younger.
//!
//! Requests judge a view's age by the wall clock alone. So the time that they are shown is corrected
//! against the monotonic clock: it may say that the view is older than it is, and never younger.

use std::time::{Duration, Instant};

use haversack::Timestamp;

use crate::clock::millis;

/// The last confirmation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confirmed {
    /// By the wall clock, as requests are shown it.
    at: Timestamp,
    /// How old it was when it was taken, and when that was.
    age: Duration,
    taken: Instant,
}

impl Confirmed {
    /// Confirmed for the moment `at`, of which one hears now.
    pub(crate) fn new(at: Timestamp, wall: Timestamp, taken: Instant) -> Self {
        let at = at.min(wall);
        Self { at, age: Duration::from_millis(wall.millis_since(at)), taken }
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Its true age.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.age + now.saturating_duration_since(self.taken)
    }

    /// Takes a further confirmation. What is shown goes back only if the wall clock did.
    pub(crate) fn take(&mut self, other: Self, wall: Timestamp, now: Instant) {
        let shown = if self.at > wall { other.at } else { self.at.max(other.at) };
        if other.age(now) < self.age(now) {
            *self = other;
        }
        self.at = shown;
        self.tick(wall, now);
    }

    /// Corrects what is shown if the wall clock was set back; whether it was.
    pub(crate) fn tick(&mut self, wall: Timestamp, now: Instant) -> bool {
        let true_time = wall.as_millis().saturating_sub(millis(self.age(now)));
        // Below that the two clocks only run a little differently.
        if self.at.as_millis() <= true_time.saturating_add(TOLERANCE_MS) {
            return false;
        }
        self.at = Timestamp::from_millis(true_time);
        true
    }
}

const TOLERANCE_MS: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_800_000_000_000;

    fn wall(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn shown(confirmed: &Confirmed) -> u64 {
        confirmed.at().as_millis()
    }

    #[test]
    fn time_that_passes_changes_nothing() {
        let start = Instant::now();
        let mut confirmed = Confirmed::new(wall(T), wall(T + 5), start);
        assert!(!confirmed.tick(wall(T + 5 + 60_000), start + Duration::from_secs(60)));
        assert_eq!(shown(&confirmed), T);
        assert_eq!(confirmed.age(start + Duration::from_secs(60)), Duration::from_millis(60_005));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_make_the_view_younger() {
        let start = Instant::now();
        let mut confirmed = Confirmed::new(wall(T), wall(T), start);
        // Ten minutes later the clock says that one has passed.
        assert!(confirmed.tick(wall(T + 60_000), start + Duration::from_secs(600)));
        assert_eq!(shown(&confirmed), T + 60_000 - 600_000);
        // And then it goes back by an hour.
        assert!(confirmed.tick(wall(T - 3_600_000), start + Duration::from_secs(601)));
        assert_eq!(shown(&confirmed), T - 3_600_000 - 601_000);
        // A confirmation by the new clock holds.
        let now = start + Duration::from_secs(602);
        let fresh = Confirmed::new(wall(T - 3_599_000), wall(T - 3_599_000), now);
        confirmed.take(fresh, wall(T - 3_599_000), now);
        assert_eq!(shown(&confirmed), T - 3_599_000);
    }

    #[test]
    fn a_clock_that_is_set_forward_makes_it_older_until_it_is_confirmed() {
        let start = Instant::now();
        let mut confirmed = Confirmed::new(wall(T), wall(T), start);
        assert!(!confirmed.tick(wall(T + 3_600_000), start + Duration::from_secs(1)));
        assert_eq!(shown(&confirmed), T);
    }

    #[test]
    fn an_older_confirmation_takes_nothing_back() {
        let start = Instant::now();
        let mut confirmed = Confirmed::new(wall(T), wall(T), start);
        let old = Confirmed::new(wall(T - 9_000), wall(T + 10), start);
        confirmed.take(old, wall(T + 10), start + Duration::from_millis(10));
        assert_eq!(shown(&confirmed), T);
    }

    #[test]
    fn what_claims_to_be_from_the_future_is_from_now() {
        let start = Instant::now();
        assert_eq!(shown(&Confirmed::new(wall(T + 9_000), wall(T), start)), T);
    }
}
