//! What a response sets and deletes, and what waits: names, frames and lines, exactly.

use std::collections::BTreeSet;
use std::format;
use std::prelude::v1::*;

use serde_json::{Value, json};

use super::listed::tell;
use super::revocation::{millis, view};
use super::{array, bytes, check_responses, cookie_line, policy, text};
use crate::admit::{Admitted, Law};
use crate::codec::Fields;
use crate::event::{Event, Situation};
use crate::jar::Jar;
use crate::keyring::{Context, Found, Keys, timed_ring_for_vectors};
use crate::lineage::Lineages;
use crate::policy::GRACE_MS;
use crate::respond::{self, Fetch, Outcome, Room};
use crate::revocation::Revoked;
use crate::seal::{self, Padding};
use crate::testing::{Seeded, hex};
use crate::transport::{Carrier, cookie};
use crate::wire::Envelope;
use crate::{Budget, KeyRing, Policy, Timestamp};

#[test]
fn a_response_maintains_as_the_vectors_say() {
    check_responses("maintain", response);
}

fn response(case: &Value) -> Value {
    let (keys, policy) = (timed_keys(case), policy_and_budget(case));
    let now = Timestamp::from_millis(case["now"].as_u64().unwrap());
    let received = case.get("received").map_or(now, millis);
    let late = now.millis_since(received) > GRACE_MS;
    let carrier = Carrier::Cookies(&policy.cookie);
    let cookies = cookie_line(case);
    let found = cookie::collect(policy.cookie.base(), [cookies.as_bytes()]);
    let (mut jar, sealed) = Jar::open(found, &keys, &BTreeSet::new(), carrier, received);
    let lineages = Lineages::of(&jar.roots, &jar.markers);
    jar.open_fragments(&sealed, carrier, received);
    let view = view(case, timed_ring(case), received);
    let revoked = Revoked { view: &view, keys: &keys, staleness: &policy.staleness, received };
    let admitted = Admitted::judge(lineages, &jar, Law { lifetime: &policy.lifetime, revoked });
    let defaults = defaults(case);
    let situation = Situation {
        jar: &jar,
        admitted: &admitted,
        policy: &policy,
        carrier,
        keys: &keys,
        revoked,
        defaults: &defaults,
        received,
        now,
    };
    let mut entropy = Seeded(case["now"].as_u64().unwrap());
    let nothing = Event::default();
    let outcome = respond::write(&situation, &nothing, None, room(case), late, &mut entropy);
    let mut described = written(case, &outcome, &keys);
    let listed = situation.listing(&nothing, &outcome.report.maintenance, None);
    tell(case, listed.as_ref(), &mut described);
    described
}

/// A response as the vectors describe it. What does not open as expected is not the expected line.
pub(super) fn written(case: &Value, outcome: &Outcome, keys: &Keys) -> Value {
    let now = Timestamp::from_millis(case["now"].as_u64().unwrap());
    let base = text(&case["base"]);
    let expected = case["expect"]["lines"].as_array().unwrap();
    let member = |name: &str, member: &str| {
        let line = expected.iter().find(|line| line["set"] == name);
        line.map_or_else(Vec::new, |line| bytes(&line[member]))
    };
    let lines = outcome.set_cookies.iter().map(|line| {
        let (pair, attributes) = line.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if value.is_empty() {
            assert_eq!(attributes, " Max-Age=0; Path=/; Secure; HttpOnly", "{line}");
            return json!({ "delete": name });
        }
        let max_age = max_age(attributes);
        let scope = member(name, "scope");
        let mut frame = unsealed(keys, name, value, &scope, now);
        let (expected, padded) = padded(member(name, "frame"));
        if frame == padded {
            frame = expected; // a frame may itself end in zeros
        }
        let kind = &name[base.len() + 1..][..1];
        json!({"set": name, "kind": kind, "scope": hex(&scope), "frame": hex(&frame), "max_age": max_age})
    });
    let lines: Vec<Value> = lines.collect();
    json!({"lines": lines, "waiting": outcome.report.waiting, "chars": outcome.report.chars})
}

fn unsealed(keys: &Keys, name: &str, value: &str, scope: &[u8], now: Timestamp) -> Vec<u8> {
    let envelope = Envelope::parse(value.as_bytes()).unwrap();
    let Found::Key(key) = keys.find(&envelope.key_id(), now) else { std::panic!("{name}") };
    assert!(key.is_sealing(now), "{name}");
    let mut plain = Vec::new();
    let _ = seal::unseal(key, &envelope, &format!("c:{name}"), scope, &mut plain);
    plain
}

/// A frame as it is and as it is sealed.
fn padded(frame: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let mut sealed = frame.clone();
    sealed.resize(Padding::Padme.padded_len(frame.len()), 0);
    (frame, sealed)
}

/// The attributes are the same on every line that sets but for the age.
fn max_age(attributes: &str) -> u64 {
    let (age, rest) = attributes.strip_prefix(" Max-Age=").unwrap().split_once(';').unwrap();
    assert_eq!(rest, " Path=/; Secure; HttpOnly; SameSite=Lax");
    age.parse().unwrap()
}

fn timed_keys(case: &Value) -> Keys {
    let context = Context::new(text(&case["tenant"]), text(&case["purpose"])).unwrap();
    Keys::new(&timed_ring(case), &context)
}

pub(super) fn timed_ring(case: &Value) -> KeyRing {
    let roots: Vec<[u8; 32]> = case["ring"]["keys"].as_array().unwrap().iter().map(array).collect();
    let times = case["ring"]["times"].as_array().unwrap().iter();
    let times: Vec<_> = times
        .map(|times| {
            let at = |n: usize| times[n].as_u64().map(Timestamp::from_secs);
            (at(0).unwrap(), at(1).zip(at(2)))
        })
        .collect();
    let index_key = array(&case["ring"]["index_key"]);
    timed_ring_for_vectors(text(&case["app"]), index_key, &roots, &times)
}

pub(super) fn policy_and_budget(case: &Value) -> Policy {
    let size = |name: &str| usize::try_from(case["budget"][name].as_u64().unwrap()).unwrap();
    let keep = case["policy"]["keep"].as_array().unwrap();
    Policy {
        budget: Budget {
            parcel: size("parcel"),
            state: size("state"),
            request: size("request"),
            response: size("response"),
        },
        keep: keep.iter().map(|name| text(name).to_owned()).collect(),
        ..policy(case)
    }
}

fn defaults(case: &Value) -> Fields {
    let entries = case["policy"]["defaults"].as_object().unwrap();
    Fields::of_entries(entries.iter().map(|(name, value)| (bytes(&json!(name)), bytes(value))))
}

pub(super) fn room(case: &Value) -> Room {
    Room {
        other_headers: usize::try_from(case["room"]["other_headers"].as_u64().unwrap()).unwrap(),
        maintenance: case["room"]["maintenance"].as_bool().unwrap(),
        fetch: match case["room"].get("fetch").map(text) {
            Some("navigation") => Fetch::Navigation,
            Some("subresource") => Fetch::Subresource,
            None => Fetch::Unknown,
            Some(other) => std::panic!("{other}"),
        },
        ..Room::default()
    }
}
