//! When the engine was away, for whom, and what it lost.

/// For the engine to be found again, once it is back: backoffs, and a question that is still open.
const FINDS_MS: u64 = 10_000;
/// For a record that was acknowledged to reach every server that the engine reaches.
const SPREADS_MS: u64 = 2_000;
/// An acknowledgement may have been under way when the engine was killed.
const UNDER_WAY_MS: u64 = 1_000;

#[derive(Clone, Debug, Default)]
pub(super) struct History {
    outages: Vec<Outage>,
    losses: Vec<Loss>,
}

/// Half of the servers did not reach the engine.
#[derive(Clone, Copy, Debug)]
struct Outage {
    half: usize,
    from: u64,
    to: u64,
}

/// The engine lost what it had acknowledged, as it may.
#[derive(Clone, Copy, Debug)]
struct Loss {
    at: u64,
    /// What was there by then is still there. Of an engine that was emptied nothing is, nor is its
    /// ring.
    kept: Option<u64>,
}

impl History {
    pub(super) fn cut(&mut self, half: usize, now: u64) {
        self.outages.push(Outage { half, from: now, to: u64::MAX });
    }

    pub(super) fn healed(&mut self, now: u64) {
        self.outages.iter_mut().filter(|it| it.to == u64::MAX).for_each(|it| it.to = now);
    }

    pub(super) fn lost(&mut self, kept: Option<u64>, now: u64) {
        self.losses.push(Loss { at: now, kept });
    }

    /// Whether the half was cut off all the time.
    pub(super) fn was_cut(&self, half: usize, from: u64, to: u64) -> bool {
        self.outages.iter().any(|it| it.half == half && it.from < from && to < it.to)
    }

    /// Whether the engine has been there for everybody, for as long as it may take to be found.
    pub(super) fn was_found_by(&self, time: u64) -> bool {
        self.outages.iter().all(|it| it.to.saturating_add(FINDS_MS) < time)
    }

    /// Milliseconds in which nobody reached the engine, between two moments. While one half does, it
    /// rotates.
    pub(super) fn away_between(&self, from: u64, to: u64) -> u64 {
        let inside = |time: u64| time.clamp(from, to);
        let mut times: Vec<_> =
            self.outages.iter().flat_map(|it| [inside(it.from), inside(it.to)]).collect();
        times.sort_unstable();
        let cut = |half, pair: &[u64]| {
            let mut outages = self.outages.iter().filter(|it| it.half == half);
            outages.any(|it| it.from <= pair[0] && pair[1] <= it.to)
        };
        let away = times.windows(2).filter(|pair| (0..2).all(|half| cut(half, pair)));
        away.map(|pair| pair[1] - pair[0]).sum()
    }

    /// Whether nobody but who acknowledged it need know that a session has ended: the engine lost it
    /// before the others had it.
    pub(super) fn was_lost_at_once(&self, ended: u64) -> bool {
        self.losses.iter().any(|loss| loss.has(ended) && !is_known(ended, loss))
    }

    /// Whether a server that listens since `joined` may be without it for now, although its view was
    /// confirmed later: who knows it has not put it back yet. If so, the milliseconds since everybody
    /// could.
    ///
    /// Into an emptied engine it is put back before the ring, without which nobody joins. One that was
    /// set back has a ring, so who joins before the others have noticed cannot know.
    pub(super) fn may_be_missing(&self, ended: u64, joined: u64, sent: u64) -> Option<u64> {
        let mut losses = self.losses.iter().filter(|loss| {
            let without = !is_known(ended, loss) || loss.kept.is_some() && loss.at < joined;
            loss.has(ended) && without && sent < self.back(loss).saturating_add(FINDS_MS)
        });
        losses.next().map(|loss| sent.saturating_sub(self.back(loss)))
    }

    /// Whether a server that listens since `joined` may have the ring of an engine that was set back, and
    /// so be without a key for now.
    pub(super) fn may_have_older_keys(&self, joined: u64, sent: u64) -> bool {
        self.losses.iter().any(|loss| {
            loss.kept.is_some()
                && loss.at < joined
                && sent < self.back(loss).saturating_add(FINDS_MS)
        })
    }

    /// When everybody could reach the engine again that had lost something.
    fn back(&self, loss: &Loss) -> u64 {
        let during = self.outages.iter().filter(|it| it.from <= loss.at && loss.at <= it.to);
        during.map(|it| it.to).max().unwrap_or(loss.at)
    }
}

impl Loss {
    /// Whether what was acknowledged then is among it.
    fn has(&self, time: u64) -> bool {
        self.kept.is_none_or(|kept| kept <= time) && time < self.at + UNDER_WAY_MS
    }
}

/// Whether all servers had it when the engine lost it.
fn is_known(ended: u64, loss: &Loss) -> bool {
    ended + SPREADS_MS < loss.at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(outages: &[(usize, u64, u64)]) -> History {
        let outages = outages.iter().map(|&(half, from, to)| Outage { half, from, to });
        History { outages: outages.collect(), losses: Vec::new() }
    }

    #[test]
    fn time_without_an_engine_counts_once_and_only_if_it_is_away_for_all() {
        let both = history(&[(0, 100, 300), (1, 100, 300)]);
        assert_eq!(both.away_between(0, 1_000), 200);
        assert_eq!(both.away_between(150, 250), 100);
        assert_eq!(both.away_between(300, 900), 0);
        // One half after the other, with some time together.
        let apart = history(&[(0, 100, 300), (1, 250, 500), (0, 450, u64::MAX)]);
        assert_eq!(apart.away_between(0, 1_000), 50 + 50);
        // Outages that overlap, and one that lasts.
        let twice = history(&[(0, 100, 300), (0, 200, 400), (1, 0, u64::MAX)]);
        assert_eq!(twice.away_between(0, 1_000), 300);
        assert_eq!(history(&[(0, 100, 300)]).away_between(0, 1_000), 0, "the others rotate");
        assert_eq!(history(&[]).away_between(0, 1_000), 0);
    }

    #[test]
    fn who_joins_an_emptied_engine_knows_what_all_knew() {
        let mut emptied = history(&[(0, 9_000, 12_000), (1, 9_000, 12_000)]);
        emptied.lost(None, 9_001);
        for joined in [0, 13_000] {
            assert_eq!(emptied.may_be_missing(5_000, joined, 13_500), None, "{joined}");
            // It may have been on its way to the others.
            assert_eq!(emptied.may_be_missing(8_990, joined, 13_500), Some(1_500), "{joined}");
            assert_eq!(emptied.may_be_missing(8_990, joined, 22_000), None, "{joined}");
        }
        assert!(!emptied.may_have_older_keys(13_000, 13_500), "it has no ring");
        assert!(emptied.was_lost_at_once(8_990) && !emptied.was_lost_at_once(5_000));
        assert_eq!(emptied.may_be_missing(12_500, 13_000, 13_500), None, "it came later");
    }

    #[test]
    fn who_joins_an_engine_that_was_set_back_cannot_know_at_once() {
        let mut back = history(&[(0, 9_000, 9_100), (1, 9_000, 9_100)]);
        back.lost(Some(3_000), 9_001);
        assert_eq!(back.may_be_missing(5_000, 9_200, 9_300), Some(200));
        assert_eq!(back.may_be_missing(5_000, 8_000, 9_300), None, "it was there before");
        assert_eq!(back.may_be_missing(2_999, 9_200, 9_300), None, "that was not lost");
        assert_eq!(back.may_be_missing(5_000, 9_200, 19_100), None, "it was put back");
        assert!(back.may_have_older_keys(9_200, 9_300) && !back.may_have_older_keys(9_200, 19_100));
        assert!(!back.may_have_older_keys(8_000, 9_300), "it goes on with its own");
    }
}
