//! `haversack keys list`: the ring as a table.

use haversack::{KeyInfo, KeyRing, KeyState, Timestamp};
use serde::Serialize;

use crate::time;

pub(super) fn show(place: &str, ring: &KeyRing, now: Timestamp, json: bool) -> String {
    if json { as_json(ring, now) } else { as_table(place, ring, now) }
}

fn as_table(place: &str, ring: &KeyRing, now: Timestamp) -> String {
    let mut lines =
        vec![format!("{place}: app {}, revision {}", ring.app(), ring.revision()), String::new()];
    let row = |cells: [&str; 5]| {
        let [key, does, from, until, end] = cells;
        format!("{key:8}  {does:26}  {from:20}  {until:20}  {end}")
    };
    lines.push(row(["key", "now", "seals from", "seals until", "opens until"]));
    for key in ring.keys(now) {
        let time = |time: Option<Timestamp>| time.map_or("-".to_owned(), time::rfc3339);
        lines.push(row([
            &key.id.to_string(),
            &does(&key, ring, now),
            &time::rfc3339(key.seals_from),
            &time(key.seals_until),
            &time(key.opens_until),
        ]));
    }
    lines.join("\n")
}

/// What a key does now, in a few words.
pub(super) fn does(key: &KeyInfo, ring: &KeyRing, now: Timestamp) -> String {
    let until = |time: Timestamp| time::span(time.millis_since(now));
    let since = |time: Timestamp| time::span(now.millis_since(time));
    match key.state {
        KeyState::Upcoming => format!("seals in {}", until(key.seals_from)),
        KeyState::Sealing if ring.sealing(now).is_some_and(|newest| newest.id == key.id) => {
            format!("seals since {}", since(key.seals_from))
        }
        KeyState::Sealing => "opens, a newer one seals".to_owned(),
        KeyState::Opening => format!("opens for {}", until(key.opens_until.unwrap_or(now))),
        KeyState::Retired => format!("over since {}", since(key.opens_until.unwrap_or(now))),
        KeyState::Revoked => format!("revoked since {}", since(key.revoked.unwrap_or(now))),
    }
}

/// A stable label.
pub(super) fn state(key: &KeyInfo, seals: bool) -> &'static str {
    match key.state {
        KeyState::Upcoming => "upcoming",
        KeyState::Sealing if seals => "sealing",
        KeyState::Sealing | KeyState::Opening => "opening",
        KeyState::Retired => "retired",
        KeyState::Revoked => "revoked",
    }
}

fn as_json(ring: &KeyRing, now: Timestamp) -> String {
    let sealing = ring.sealing(now).map(|key| key.id);
    let keys = ring.keys(now).map(|key| Key {
        id: key.id.to_string(),
        state: state(&key, sealing == Some(key.id)),
        created: time::rfc3339(key.created),
        seals_from: time::rfc3339(key.seals_from),
        seals_until: key.seals_until.map(time::rfc3339),
        opens_until: key.opens_until.map(time::rfc3339),
        revoked: key.revoked.map(time::rfc3339),
    });
    super::json(&Ring { app: ring.app(), revision: ring.revision(), keys: keys.collect() })
}

#[derive(Serialize)]
struct Ring<'a> {
    app: &'a str,
    revision: u64,
    keys: Vec<Key>,
}

/// Times are RFC 3339.
#[derive(Serialize)]
struct Key {
    id: String,
    state: &'static str,
    created: String,
    seals_from: String,
    seals_until: Option<String>,
    opens_until: Option<String>,
    revoked: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::super::Os;
    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOUR: u64 = 3_600_000;

    #[test]
    fn a_key_is_described_by_what_it_does() {
        let first = KeyRing::generate("shop", T0, Os).unwrap();
        let ring = first.rotate(T0, Os, HOUR, 100 * HOUR).unwrap();
        let words = |now: Timestamp| -> Vec<String> {
            ring.keys(now).map(|key| does(&key, &ring, now)).collect()
        };
        assert_eq!(words(T0), ["seals since 0 s", "seals in 60 min"]);
        assert_eq!(words(T0.plus_millis(4 * HOUR)), ["opens for 4 d", "seals since 3 h"]);
        assert_eq!(words(T0.plus_millis(111 * HOUR)), ["over since 10 h", "seals since 5 d"]);
    }
}
