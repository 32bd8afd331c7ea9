//! `haversack fleet status`: the servers as a table.

use std::io::{IsTerminal as _, stdout};
use std::process::ExitCode;
use std::time::Duration;

use haversack::{Staleness, Timestamp};
use haversack_fleet::{Report, RingStore};
use serde::Serialize;
use tokio::time::sleep;

use crate::keys;
use crate::output::{Failure, say};
use crate::place::{FleetArgs, wait};
use crate::servers::clock_difference;
use crate::time;

/// Show the servers that report; exit code 1 if one is not ready or lags, and if there is none
///
/// Servers report every 5 seconds; one that has been silent for 20 is left out.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show it again every two seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let store = self.fleet.fleet()?.open()?;
        wait(async {
            loop {
                let table = Table::of(&store).await;
                if !self.watch {
                    let table = table?;
                    say(&if self.json { keys::json(&table) } else { table.show() });
                    return Ok(if table.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
                }
                // Who watches wants to see it come back as well.
                let text = match table {
                    Ok(table) if self.json => keys::json(&table),
                    Ok(table) => table.show(),
                    Err(failure) => format!("error: {failure}"),
                };
                let clear = if stdout().is_terminal() { "\x1b[H\x1b[2J" } else { "" };
                say(&format!("{clear}{text}"));
                sleep(Duration::from_secs(2)).await;
            }
        })
    }
}

#[derive(Serialize)]
struct Table {
    fleet: String,
    ok: bool,
    /// That of the stored ring.
    ring_revision: u64,
    servers: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    ok: bool,
    /// Why not.
    problems: Vec<String>,
    #[serde(flatten)]
    report: Report,
}

impl Table {
    async fn of(store: &RingStore) -> Result<Self, Failure> {
        let engine = store.engine();
        let ring_revision = match engine.ring().await? {
            Some(document) => document.revision,
            // The error that says how to make one.
            None => store.ring().await?.revision(),
        };
        let ahead = clock_difference(engine.as_ref()).await?.unwrap_or(0);
        let now = time::now();
        let now = Timestamp::from_millis(now.as_millis().saturating_add_signed(ahead));
        let row = |report: Report| {
            let problems = problems(&report, ring_revision, now);
            Row { ok: problems.is_empty(), problems, report }
        };
        let servers: Vec<Row> = store.servers().await?.into_iter().map(row).collect();
        let ok = !servers.is_empty() && servers.iter().all(|row| row.ok);
        Ok(Self { fleet: engine.name(), ok, ring_revision, servers })
    }

    fn show(&self) -> String {
        let Self { fleet, ring_revision, servers, .. } = self;
        let title = format!("{fleet}: ring revision {ring_revision}");
        if servers.is_empty() {
            return format!("{title}\n\nno server has reported within 20 seconds");
        }
        let heads = ["server", "ring", "entries", "bytes", "confirmed", "lag", "queue", "clock"];
        let mut rows = vec![heads.map(str::to_owned)];
        rows.extend(servers.iter().map(|row| cells(&row.report)));
        let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(String::len).max();
        let widths: Vec<usize> = (0..heads.len()).map(|at| width(at).unwrap_or(0)).collect();
        let states = servers.iter().map(|row| match row.problems.as_slice() {
            [] => "ready".to_owned(),
            problems => problems.join("; "),
        });
        let states = std::iter::once("state".to_owned()).chain(states);
        let lines = rows.iter().zip(states).map(|(row, state)| {
            let mut cells = row.iter().zip(&widths);
            let name = cells.next().map(|(name, width)| format!("{name:width$}"));
            let rest = cells.map(|(cell, width)| format!("{cell:>width$}"));
            name.into_iter().chain(rest).chain([state]).collect::<Vec<_>>().join("  ")
        });
        std::iter::once(format!("{title}\n")).chain(lines).collect::<Vec<_>>().join("\n")
    }
}

fn cells(report: &Report) -> [String; 8] {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    [
        report.server.clone(),
        report.ring_revision.to_string(),
        report.entries.to_string(),
        report.bytes.to_string(),
        ms(report.confirmed_age_ms),
        ms(report.lag_ms),
        report.queue.to_string(),
        report.clock_difference_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:+} ms")),
    ]
}

/// What is wrong with a server at `now`, by the engine's clock.
pub(super) fn problems(report: &Report, ring_revision: u64, now: Timestamp) -> Vec<String> {
    let mut problems = Vec::new();
    if !report.ready {
        problems.push(match &report.not_ready {
            Some(why) => format!("not ready: {why}"),
            None => "not ready".to_owned(),
        });
    }
    let fresh = Staleness::default().fresh;
    match report.confirmed_age_ms.map(Duration::from_millis) {
        Some(age) if age > fresh => {
            let age = time::span(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
            problems.push(format!("lags: last confirmed {age} before it reported"));
        }
        _ => {}
    }
    if report.ring_revision < ring_revision {
        problems.push(format!("has ring {}, not {ring_revision}", report.ring_revision));
    }
    let ahead = report.clock_difference_ms.unwrap_or(0);
    let at = Timestamp::from_millis(report.at_ms.saturating_add_signed(ahead));
    let silent = now.millis_since(at);
    if silent > SILENT_MS {
        problems.push(format!("silent: reported {} ago", time::span(silent)));
    }
    if let Some(trouble) = report.trouble.as_ref().filter(|_| !problems.is_empty()) {
        problems.push(trouble.clone());
    }
    problems
}

/// Two reports that did not come, and some.
const SILENT_MS: u64 = 14_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: serde_json::Value) -> Report {
        let mut all = serde_json::json!({
            "server": "web-1", "ready": true, "confirmed_age_ms": 40, "ring_revision": 3,
            "at_ms": 100_000, "clock_difference_ms": 0, "entries": 12, "bytes": 3456,
        });
        let (Some(all_of), serde_json::Value::Object(more)) = (all.as_object_mut(), json) else {
            panic!()
        };
        all_of.extend(more);
        serde_json::from_value(all).unwrap()
    }

    fn found(json: serde_json::Value) -> String {
        problems(&report(json), 3, Timestamp::from_millis(103_000)).join("; ")
    }

    #[test]
    fn a_server_is_ready_or_it_is_said_why_not() {
        use serde_json::json;
        assert_eq!(found(json!({})), "");
        assert_eq!(found(json!({ "confirmed_age_ms": 5_000, "trouble": "slow" })), "");
        assert_eq!(
            found(json!({ "confirmed_age_ms": 9_000, "trouble": "cannot reach it" })),
            "lags: last confirmed 9 s before it reported; cannot reach it"
        );
        assert_eq!(found(json!({ "ring_revision": 2 })), "has ring 2, not 3");
        assert_eq!(found(json!({ "ring_revision": 4 })), "", "it was faster than we");
        assert_eq!(found(json!({ "ready": false, "not_ready": "no view" })), "not ready: no view");
        assert_eq!(found(json!({ "at_ms": 80_000 })), "silent: reported 23 s ago");
        assert_eq!(found(json!({ "at_ms": 80_000, "clock_difference_ms": 20_000 })), "");
    }

    #[test]
    fn the_table_lines_up() {
        let row = |json, problems: &[&str]| Row {
            ok: problems.is_empty(),
            problems: problems.iter().map(|it| (*it).to_owned()).collect(),
            report: report(json),
        };
        let table = Table {
            fleet: "redis://h:1".to_owned(),
            ok: false,
            ring_revision: 3,
            servers: vec![
                row(serde_json::json!({ "lag_ms": 7 }), &[]),
                row(serde_json::json!({ "server": "web-10", "entries": 1 }), &["lags"]),
            ],
        };
        let expected = "\
redis://h:1: ring revision 3

server  ring  entries  bytes  confirmed   lag  queue  clock  state
web-1      3       12   3456      40 ms  7 ms      0  +0 ms  ready
web-10     3        1   3456      40 ms     -      0  +0 ms  lags";
        assert_eq!(table.show(), expected);
    }
}
