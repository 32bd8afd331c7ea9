//! What a schedule is made of: drawn once for each seed, so that every mixture comes up.

use haversack_testkit::SeededEntropy;
use haversack_testkit::fleet::Weather;

/// Clocks of servers differ by less than five minutes.
pub(crate) const MAX_SKEW_MS: u64 = 149_000;

/// How many requests are under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// A person: one to four.
    Light,
    /// A page that never stops: six to ten.
    Rolling,
    /// One burst of 60, and little before and after it.
    Burst,
    /// Beyond what is promised, so that the front door may refuse: twice the burst.
    Excessive,
}

/// The mixture of one schedule.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is drawn on its own, and all mixtures are meant"
)]
pub(crate) struct Plan {
    pub(crate) steps: u32,
    /// By how much the clock of each server is wrong.
    pub(crate) skews_ms: Vec<i64>,
    /// Which servers run the old program at first.
    pub(crate) old: Vec<bool>,
    /// Servers are deployed anew, with the other program.
    pub(crate) deploys: bool,
    pub(crate) crashes: bool,
    pub(crate) rotates: bool,
    /// Servers that lack a key wait for their feed.
    pub(crate) slow_feed: bool,
    pub(crate) weather: Weather,
    pub(crate) load: Load,
    /// How many requests leave with an empty jar at the start.
    pub(crate) first_visits: u32,
    /// Of so many identity events, one may begin; with 0 none.
    pub(crate) identity: u64,
    /// Two identity events at once.
    pub(crate) overlapping: bool,
    /// Cross-site POSTs.
    pub(crate) cross_site: bool,
    pub(crate) slow_handlers: bool,
    /// How long the steps are.
    pub(crate) pace: Pace,
    /// Gaps about the idle limit.
    pub(crate) gaps: bool,
    /// Uses the session until its absolute limit.
    pub(crate) old_age: bool,
    /// How long the text of an item may be.
    pub(crate) item: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    Mixed,
    Slow,
}

impl Pace {
    /// The next pause, in milliseconds.
    pub(crate) fn pause(self, dice: &mut SeededEntropy) -> u64 {
        let pauses: &[u64] = match self {
            Pace::Quick => &[0, 0, 1, 3, 40, 200],
            Pace::Mixed => &[0, 3, 40, 700, 4_000, 9_000, 31_000],
            Pace::Slow => &[40, 9_000, 31_000, 70_000, 140_000],
        };
        *pick(dice, pauses)
    }
}

impl Plan {
    pub(crate) fn draw(dice: &mut SeededEntropy) -> Self {
        let mut one_of = |n: u64| dice.below(n) == 0;
        let (skewed, mixed, crashes, rotates) = (!one_of(3), one_of(2), one_of(3), one_of(3));
        let (cross_site, slow_handlers, gaps) = (one_of(4), one_of(4), one_of(4));
        let (overlapping, old_age, slow_feed) = (one_of(4), one_of(10), one_of(2));
        let load = *pick(dice, &LOADS);
        let servers = 2 + dice.below(3);
        let mut skew = || dice.below(2 * MAX_SKEW_MS + 1).cast_signed() - MAX_SKEW_MS.cast_signed();
        let skews_ms = (0..servers).map(|_| if skewed { skew() } else { 0 }).collect();
        let old = (0..servers).map(|_| mixed && dice.below(2) == 0).collect();
        let burst = matches!(load, Load::Burst | Load::Excessive);
        let first_visits = match load {
            Load::Light => *pick(dice, &[0, 0, 0, 0, 3, 3, 8, 20]),
            Load::Rolling => *pick(dice, &[0, 0, 3, 8]),
            Load::Burst | Load::Excessive => 0,
        };
        Self {
            steps: 12 + u32::try_from(dice.below(50)).expect("few"),
            skews_ms,
            old,
            deploys: mixed,
            crashes,
            rotates,
            slow_feed,
            weather: *pick(dice, &WEATHERS),
            load,
            first_visits,
            identity: *pick(dice, &[0, 4, 8, 8, 14]),
            overlapping,
            cross_site: cross_site && !burst,
            slow_handlers,
            pace: *pick(dice, &[Pace::Quick, Pace::Mixed, Pace::Mixed, Pace::Slow]),
            gaps,
            old_age,
            item: match load {
                Load::Burst | Load::Excessive => 8,
                Load::Rolling => *pick(dice, &[6, 20, 60]),
                Load::Light if first_visits > 8 => 8,
                Load::Light => *pick(dice, &[6, 20, 60, 400]),
            },
        }
    }

    /// At most so many requests are under way.
    pub(crate) fn in_flight(&self, dice: &mut SeededEntropy) -> u64 {
        match self.load {
            Load::Light | Load::Burst => 1 + dice.below(4),
            Load::Rolling | Load::Excessive => 6 + dice.below(5),
        }
    }

    /// Whether what is promised to pass the front door is all there is.
    pub(crate) fn is_safe(&self) -> bool {
        self.load != Load::Excessive
    }
}

/// One of `all`.
pub(crate) fn pick<'a, T>(dice: &mut SeededEntropy, all: &'a [T]) -> &'a T {
    let sides = u64::try_from(all.len()).expect("a length");
    &all[usize::try_from(dice.below(sides)).expect("below a length")]
}

const LOADS: [Load; 24] = {
    let mut loads = [Load::Light; 24];
    loads[0] = Load::Burst;
    loads[1] = Load::Excessive;
    let mut at = 2;
    while at < 10 {
        loads[at] = Load::Rolling;
        at += 1;
    }
    loads
};

const WEATHERS: [Weather; 4] = [
    Weather { one_lost_of: 0, one_torn_of: 0 },
    Weather { one_lost_of: 20, one_torn_of: 8 },
    Weather { one_lost_of: 20, one_torn_of: 8 },
    Weather { one_lost_of: 6, one_torn_of: 3 },
];
