//! The servers of a fleet, as they report themselves: which of them know of a change, and for how
//! long their sessions live.

use std::time::Duration;

use haversack::{Lifetime, Timestamp};
use haversack_fleet::engine::Engine;
use haversack_fleet::{EngineError, FleetError, Report, RingStore};
use tokio::time::{Instant, sleep};

use crate::time;

/// By how much the engine's clock is ahead of ours, in milliseconds; 0 for an engine that has none, as
/// that is on this machine.
pub(crate) async fn clock_difference(engine: &dyn Engine) -> Result<Option<i64>, EngineError> {
    let before = time::now();
    let Some(theirs) = engine.clock().await? else { return Ok(None) };
    let ours = i64::midpoint(millis(before), millis(time::now()));
    Ok(Some(millis(theirs).saturating_sub(ours)))
}

fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A moment by the engine's clock, after which servers that were confirmed know of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    engine_ms: i64,
    has_clock: bool,
}

impl Moment {
    /// Now: what was acknowledged is older.
    pub(crate) async fn now(engine: &dyn Engine) -> Result<Self, EngineError> {
        let difference = clock_difference(engine).await?;
        Ok(Self {
            engine_ms: millis(time::now()).saturating_add(difference.unwrap_or(0)),
            has_clock: difference.is_some(),
        })
    }

    /// Whether the report proves that the server had everything that was there at this moment. The
    /// engine confirms moments by the server's clock; how far that is from the engine's is measured,
    /// with an error that the margin covers.
    pub(crate) fn is_known_to(self, report: &Report) -> bool {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let Some(age) = report.confirmed_age_ms else { return false };
        let confirmed = signed(report.at_ms).saturating_sub(signed(age));
        match report.clock_difference_ms {
            _ if !self.has_clock => confirmed >= self.engine_ms,
            Some(difference) => confirmed.saturating_add(difference) >= self.engine_ms + MARGIN_MS,
            None => false,
        }
    }
}

/// Clocks are compared over an exchange of at most two seconds, so to one second; and some.
const MARGIN_MS: i64 = 1_500;

/// How far a change has come.
pub(crate) struct Reach {
    know: usize,
    /// Names of servers that are not known to know.
    lack: Vec<String>,
    waited: Duration,
}

/// Waits until every server that reports knows, or as long as that.
pub(crate) async fn reach(
    store: &RingStore,
    patience_ms: u64,
    knows: impl Fn(&Report) -> bool,
) -> Result<Reach, FleetError> {
    let (begun, patience) = (Instant::now(), Duration::from_millis(patience_ms));
    loop {
        let servers = store.servers().await?;
        let (know, lack): (Vec<_>, Vec<_>) = servers.into_iter().partition(&knows);
        if lack.is_empty() || begun.elapsed() >= patience {
            let lack = lack.into_iter().map(|report| report.server).collect();
            return Ok(Reach { know: know.len(), lack, waited: begun.elapsed() });
        }
        sleep(Duration::from_millis(250)).await;
    }
}

impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.know + self.lack.len();
        match (all, self.lack.as_slice()) {
            (0, _) => f.write_str("published; no server reports, so nothing tells who has it"),
            (1, []) => f.write_str("published; the one server that reports has it"),
            (_, []) => write!(f, "published; all {all} servers have it"),
            (_, lack) => write!(
                f,
                "published; {} of {all} servers say after {} that they have it, not yet {}",
                self.know,
                time::span(u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX)),
                lack.join(", ")
            ),
        }
    }
}

/// Until when a revocation of now is needed: by the lifetimes that servers report and by the one that was
/// said, whichever is longer; without either, by the usual one.
pub(crate) async fn until(
    store: &RingStore,
    said: Option<Lifetime>,
) -> Result<Timestamp, FleetError> {
    let reported = store.servers().await?.iter().filter_map(|it| it.revocations_kept_s).max();
    let reported = reported.map(Duration::from_secs);
    let said = said.map(|lifetime| lifetime.tail());
    let tail = said.max(reported).unwrap_or_else(|| Lifetime::default().tail());
    Ok(time::now().plus(tail).next_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(at: u64, age: Option<u64>, difference: Option<i64>) -> Report {
        let mut report = Report::default();
        (report.at_ms, report.confirmed_age_ms, report.clock_difference_ms) = (at, age, difference);
        report
    }

    #[test]
    fn only_a_later_confirmation_proves_that_a_server_knows() {
        let moment = Moment { engine_ms: 100_000, has_clock: true };
        assert!(moment.is_known_to(&report(102_000, Some(500), Some(0))));
        assert!(!moment.is_known_to(&report(102_000, Some(501), Some(0))), "within the margin");
        assert!(moment.is_known_to(&report(42_000, Some(500), Some(60_000))), "clocks differ");
        assert!(!moment.is_known_to(&report(102_000, Some(500), Some(-60_000))));
        assert!(!moment.is_known_to(&report(900_000, None, Some(0))));
        assert!(!moment.is_known_to(&report(900_000, Some(0), None)), "nobody compared clocks");

        let here = Moment { engine_ms: 100_000, has_clock: false };
        assert!(here.is_known_to(&report(100_500, Some(500), None)));
        assert!(!here.is_known_to(&report(100_499, Some(500), None)));
    }

    #[test]
    fn it_says_who_has_a_change() {
        let said = |know, lack: &[&str]| {
            let lack = lack.iter().map(|it| (*it).to_owned()).collect();
            Reach { know, lack, waited: Duration::from_secs(10) }.to_string()
        };
        assert_eq!(said(0, &[]), "published; no server reports, so nothing tells who has it");
        assert_eq!(said(1, &[]), "published; the one server that reports has it");
        assert_eq!(said(3, &[]), "published; all 3 servers have it");
        assert_eq!(
            said(1, &["b", "c"]),
            "published; 1 of 3 servers say after 10 s that they have it, not yet b, c"
        );
    }
}
