//! `haversack keys status`: what each key is still used for, and whether it can go.

use std::process::ExitCode;

use haversack::{KeyInfo, KeyRing, KeyState, Timestamp};
use haversack_fleet::Report;
use serde::Serialize;

use super::{list, revoke::key_id};
use crate::output::{Failure, say};
use crate::place::{PlaceArgs, wait};
use crate::time;

/// Show how much each key is used on the servers, and whether it can be dropped
///
/// A key goes by itself once it is over. This is for those who want one gone sooner: a key can go when no
/// server has opened anything with it for as long as a session lives unused.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only this key; exit code 1 if it cannot be dropped
    #[arg(long, value_name = "KEY-ID", allow_hyphen_values = true)]
    key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let only = self.key.as_deref().map(key_id).transpose()?;
        let store = self.place.fleet()?.open()?;
        let (ring, servers) = wait(async { Ok((store.ring().await?, store.servers().await?)) })?;
        let now = time::now();
        if let Some(id) = only.filter(|id| !ring.keys(now).any(|key| key.id == *id)) {
            return Err(haversack::KeyRingError::UnknownKey { id }.into());
        }
        let keys = ring.keys(now).filter(|key| only.is_none_or(|only| only == key.id));
        let keys: Vec<Row> = keys.map(|key| Row::of(&key, &ring, &servers, now)).collect();
        let all_can_go = keys.iter().all(|row| row.droppable);
        let name = store.engine().name();
        say(&if self.json {
            super::json(&Status { app: ring.app(), servers: servers.len(), keys })
        } else {
            table(&name, &ring, servers.len(), &keys)
        });
        Ok(if only.is_some() && !all_can_go { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

#[derive(Serialize)]
struct Status<'a> {
    app: &'a str,
    servers: usize,
    keys: Vec<Row>,
}

/// Times are RFC 3339.
#[derive(Serialize)]
struct Row {
    id: String,
    state: &'static str,
    #[serde(skip)]
    does: String,
    /// By the servers that report, since each of them started.
    opens: u64,
    last_opened: Option<String>,
    last_server: Option<String>,
    #[serde(skip)]
    ago: String,
    droppable: bool,
    why: String,
}

impl Row {
    fn of(key: &KeyInfo, ring: &KeyRing, servers: &[Report], now: Timestamp) -> Self {
        let id = key.id.to_string();
        let uses = servers.iter().filter_map(|it| Some((it.server.as_str(), it.keys.get(&id)?)));
        let opens = uses.clone().map(|(_, uses)| uses.opens).sum();
        let last = uses.max_by_key(|(_, uses)| uses.last_s).filter(|(_, uses)| uses.last_s > 0);
        let when = last.map(|(_, uses)| Timestamp::from_secs(uses.last_s));
        let (droppable, why) = verdict(key, ring, servers, when, now);
        Self {
            state: list::state(key, ring.sealing(now).is_some_and(|newest| newest.id == key.id)),
            does: list::does(key, ring, now),
            opens,
            last_opened: when.map(time::rfc3339),
            last_server: last.map(|(server, _)| server.to_owned()),
            ago: when.map_or_else(|| "-".to_owned(), |when| time::relative(when, now)),
            droppable,
            why,
            id,
        }
    }
}

/// Whether a key can be dropped, and why.
fn verdict(
    key: &KeyInfo,
    ring: &KeyRing,
    servers: &[Report],
    last: Option<Timestamp>,
    now: Timestamp,
) -> (bool, String) {
    match key.state {
        KeyState::Retired | KeyState::Revoked => return (true, "it opens nothing".to_owned()),
        KeyState::Upcoming => return (false, "it will seal".to_owned()),
        KeyState::Sealing if ring.sealing(now).is_some_and(|newest| newest.id == key.id) => {
            return (false, "it seals".to_owned());
        }
        KeyState::Sealing | KeyState::Opening => {}
    }
    let end = key.opens_until.map(|end| format!(", it is over {}", time::relative(end, now)));
    let end = end.unwrap_or_default();
    if servers.is_empty() {
        return (false, format!("no server reports whether it is used{end}"));
    }
    if let Some(old) = servers.iter().find(|it| !it.keys.contains_key(&key.id.to_string())) {
        return (false, format!("{} does not report whether it uses it{end}", old.server));
    }
    // Sessions may be unused for so long and come back. What was sealed by this key was last touched
    // when it stopped sealing, or when it was last opened.
    let Some(kept) = servers.iter().filter_map(|it| it.revocations_kept_s).max() else {
        return (false, format!("no server reports how long sessions live{end}"));
    };
    let since = last.max(key.seals_until).unwrap_or(now);
    let unused_ms = now.millis_since(since);
    if unused_ms > kept.saturating_mul(1000) {
        let unused = time::span(unused_ms);
        return (true, format!("unused for {unused}, longer than a session lives unused"));
    }
    match last {
        Some(_) => (false, format!("sessions that it sealed are in use, or may come back{end}")),
        None => (false, format!("not used since the servers started, but may be{end}")),
    }
}

fn table(place: &str, ring: &KeyRing, servers: usize, keys: &[Row]) -> String {
    let heard = match servers {
        0 => "no server reports".to_owned(),
        1 => "1 server reports".to_owned(),
        n => format!("{n} servers report"),
    };
    let title = format!("{place}: app {}, revision {}, {heard}", ring.app(), ring.revision());
    let row = |cells: [&str; 5]| {
        let [key, does, opens, last, drop] = cells;
        format!("{key:8}  {does:26}  {opens:>9}  {last:12}  {drop}")
    };
    let mut lines = vec![
        title,
        String::new(),
        row(["key", "now", "opens", "last opened", "can it be dropped?"]),
    ];
    for key in keys {
        let drop = format!("{}: {}", if key.droppable { "yes" } else { "no" }, key.why);
        lines.push(row([&key.id, &key.does, &key.opens.to_string(), &key.ago, &drop]));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::Os;
    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOUR: u64 = 3_600_000;

    /// A server whose sessions live unused for an hour.
    fn server(name: &str, ring: &KeyRing, opened: &[(usize, u64, u64)]) -> Report {
        let mut keys = serde_json::Map::new();
        for (at, key) in ring.keys(T0).enumerate() {
            let (_, opens, last_s) = opened.iter().find(|it| it.0 == at).unwrap_or(&(0, 0, 0));
            keys.insert(
                key.id.to_string(),
                serde_json::json!({ "opens": opens, "last_s": last_s }),
            );
        }
        serde_json::from_value(
            serde_json::json!({ "server": name, "revocations_kept_s": 3_600, "keys": keys }),
        )
        .unwrap()
    }

    #[test]
    fn a_key_can_go_when_no_session_can_come_back_to_it() {
        let ring = KeyRing::generate("shop", T0, Os).unwrap();
        let ring = ring.rotate(T0, Os, HOUR, 100 * HOUR).unwrap();
        let first = ring.keys(T0).next().unwrap();
        let judged = |hours: u64, servers: &[Report]| {
            let now = T0.plus_millis(hours * HOUR);
            let key = ring.keys(now).find(|key| key.id == first.id).unwrap();
            let row = Row::of(&key, &ring, servers, now);
            (row.droppable, row.opens, row.why)
        };
        let quiet = [server("a", &ring, &[]), server("b", &ring, &[])];
        assert_eq!(judged(0, &quiet), (false, 0, "it seals".to_owned()));
        let (droppable, _, why) = judged(2, &quiet);
        assert!(!droppable && why.starts_with("not used since the servers started"), "{why}");
        let (droppable, _, why) = judged(3, &quiet);
        assert!(droppable && why.starts_with("unused for 2 h"), "{why}");

        // Opened by one of them half an hour ago.
        let at = T0.as_secs() + 4 * 3600 - 1800;
        let used = [server("a", &ring, &[]), server("b", &ring, &[(0, 7, at)])];
        let (droppable, opens, why) = judged(4, &used);
        assert!(!droppable && opens == 7 && why.contains("are in use"), "{why}");

        let unknown = [server("a", &ring, &[]), Report::default()];
        assert!(!judged(90, &[]).0 && !judged(90, &unknown).0);
        assert_eq!(judged(111, &[]), (true, 0, "it opens nothing".to_owned()));
    }
}
