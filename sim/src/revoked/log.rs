//! The shared log, and what each server has of it at a moment.

use haversack::{Revocation, Revocations, Timestamp, Version, View};
use haversack_testkit::SeededEntropy;

use crate::plan::{MAX_SKEW_MS, pick};

pub(super) struct Log {
    lines: Vec<Line>,
    servers: Vec<Server>,
}

struct Line {
    record: Revocation,
    appended_ms: u64,
    /// When each server has it.
    due_ms: Vec<u64>,
}

struct Server {
    skew_ms: i64,
    /// From when until when it hears nothing.
    cut: (u64, u64),
}

impl Log {
    pub(super) fn new(dice: &mut SeededEntropy, now_ms: u64) -> Self {
        let count = 2 + dice.below(3);
        let skewed = dice.below(3) > 0;
        let mut skew = || {
            let any = dice.below(2 * MAX_SKEW_MS + 1).cast_signed() - MAX_SKEW_MS.cast_signed();
            if skewed { any } else { 0 }
        };
        let servers = (0..count).map(|_| Server { skew_ms: skew(), cut: (now_ms, now_ms) });
        Self { lines: Vec::new(), servers: servers.collect() }
    }

    pub(super) fn servers(&self) -> usize {
        self.servers.len()
    }

    pub(super) fn any(&self, dice: &mut SeededEntropy) -> usize {
        let all: Vec<usize> = (0..self.servers.len()).collect();
        *pick(dice, &all)
    }

    pub(super) fn clock(&self, server: usize, now_ms: u64) -> Timestamp {
        Timestamp::from_millis(now_ms.saturating_add_signed(self.servers[server].skew_ms))
    }

    /// What a server knows now: what has reached it and is not forgotten.
    pub(super) fn view(&self, like: &View, server: usize, now_ms: u64) -> View {
        let clock = self.clock(server, now_ms);
        let mut known = Revocations::new();
        let mut confirmed_ms = now_ms;
        for line in &self.lines {
            if line.due_ms[server] <= now_ms {
                // Whoever forgets as soon as it may is as right as any.
                if line.record.until() > clock {
                    known.insert(&line.record);
                }
            } else if line.appended_ms <= now_ms {
                confirmed_ms = confirmed_ms.min(line.appended_ms);
            }
        }
        let (from, until) = self.servers[server].cut;
        if (from..until).contains(&now_ms) {
            confirmed_ms = confirmed_ms.min(from);
        }
        View {
            revocations: Some(known),
            confirmed: self.clock(server, confirmed_ms),
            version: Version(now_ms),
            ..like.clone()
        }
    }

    /// When each server has the last record.
    pub(super) fn due_ms(&self) -> &[u64] {
        self.lines.last().map_or(&[], |line| &line.due_ms)
    }

    /// A server publishes: it knows at once, the others when they hear of it. When the log has it.
    pub(super) fn publish(
        &mut self,
        dice: &mut SeededEntropy,
        server: usize,
        record: Revocation,
        now_ms: u64,
    ) -> u64 {
        let reaches = |server: &Server, at_ms: u64| match server.cut {
            (from, until) if (from..until).contains(&at_ms) => until,
            _ => at_ms,
        };
        let appended_ms = reaches(&self.servers[server], now_ms + dice.below(50));
        let due_ms = self.servers.iter().enumerate().map(|(other, it)| {
            let lag = *pick(dice, &[1, 5, 80, 1_200, 4_000]);
            if other == server { now_ms } else { reaches(it, appended_ms + lag) }
        });
        let due_ms = due_ms.collect();
        self.lines.push(Line { record, appended_ms, due_ms });
        appended_ms
    }

    /// Some server hears nothing for a while.
    pub(super) fn cut_off(&mut self, dice: &mut SeededEntropy, now_ms: u64) {
        let server = self.any(dice);
        let ms = *pick(dice, &[3_000, 20_000, 200_000, 900_000]);
        self.cut_off_for(server, now_ms, ms);
    }

    pub(super) fn cut_off_for(&mut self, server: usize, now_ms: u64, ms: u64) {
        let held = &mut self.servers[server];
        if now_ms < held.cut.1 {
            return; // it is already
        }
        held.cut = (now_ms, now_ms + ms);
    }

    /// Until when there is something that somebody has not heard; `None` if there is nothing.
    pub(super) fn settles_ms(&self, now_ms: u64) -> Option<u64> {
        let due = self.lines.iter().flat_map(|line| &line.due_ms).copied();
        let cuts = self.servers.iter().map(|server| server.cut.1);
        due.chain(cuts).max().filter(|until| *until > now_ms)
    }
}
