//! What a person does in a day: when which requests depart.

use haversack::Fetch;
use haversack_testkit::SeededEntropy;

/// A request that will depart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    /// Milliseconds since the day began.
    pub(crate) at: u64,
    /// Whether its handler writes a field.
    pub(crate) writes: bool,
    pub(crate) fetch: Fetch,
}

const VISITS: u64 = 4;
const PAGES: u64 = 20;
const HOUR: u64 = 3_600_000;

/// Four visits of twenty pages. A page is one navigation, then 5 to 20 requests in parallel, one in
/// eight of which writes; now and then 6 to 10 writes in parallel; and up to three clicks that
/// write, while the page is read for 4 to 80 seconds.
pub(crate) fn day(dice: &mut SeededEntropy) -> Vec<Departure> {
    let mut departures = Vec::new();
    let mut now = 0;
    for _ in 0..VISITS {
        for _ in 0..PAGES {
            let read_for = between(dice, 4_000, 80_000);
            page(dice, now, read_for, &mut departures);
            now += 2_500 + read_for;
        }
        now += between(dice, HOUR / 2, 3 * HOUR);
    }
    departures.sort_by_key(|departure| departure.at);
    departures
}

fn page(dice: &mut SeededEntropy, now: u64, read_for: u64, departures: &mut Vec<Departure>) {
    let mut depart = |at, writes, fetch| departures.push(Departure { at, writes, fetch });
    depart(now, false, Fetch::Navigation);
    // The navigation's response is there before the requests of its page depart.
    let loaded = now + between(dice, 550, 900);
    for _ in 0..between(dice, 5, 20) {
        let at = loaded + dice.below(400);
        depart(at, dice.below(8) == 0, Fetch::Subresource);
    }
    if dice.below(10) == 0 {
        let at = loaded + between(dice, 1_000, 4_000);
        for _ in 0..between(dice, 6, 10) {
            depart(at + dice.below(100), true, Fetch::Subresource);
        }
    }
    for _ in 0..dice.below(4) {
        depart(loaded + 1_500 + dice.below(read_for), true, Fetch::Subresource);
    }
}

/// From `low` to `high`, both included.
pub(crate) fn between(dice: &mut SeededEntropy, low: u64, high: u64) -> u64 {
    low + dice.below(high - low + 1)
}
