//! The table.

use std::fmt::Write as _;

use super::judge::Phase;

pub(super) fn markdown(phases: &[Phase]) -> String {
    let mut table = String::from(
        "| fault | requests, p99 | no answer | 503: view too old | key unknown | ended: told, untold \
         | first refused after: p50, p99, worst | on sensitive routes | untold: worst \
         |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for phase in phases {
        let Phase { name, requests, unanswered, stale, unknown, told, untold, .. } = phase;
        let name = match phase.forgotten.iter().max() {
            None => name.clone(),
            Some(last) => {
                let (times, last) = (phase.forgotten.len(), seconds(*last));
                format!("{name} ({times} accepted until {last} after it was back)")
            }
        };
        let _ = writeln!(
            table,
            "| {name} | {requests}, {} ms | {unanswered} | {stale} | {unknown} | {told}, {untold} | {} \
             | {} | {} |",
            at(&phase.latency, 99),
            spread(&phase.standard),
            spread(&phase.sensitive),
            worst(&phase.untold_until),
        );
    }
    table
}

fn spread(times: &[u64]) -> String {
    if times.is_empty() {
        return "–".to_owned();
    }
    let seconds = |percent| seconds(at(times, percent));
    format!("{}, {}, {}", seconds(50), seconds(99), seconds(100))
}

fn worst(times: &[u64]) -> String {
    if times.is_empty() { "–".to_owned() } else { seconds(at(times, 100)) }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}

fn at(times: &[u64], percent: usize) -> u64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}
