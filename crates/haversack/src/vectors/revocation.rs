//! What a server of a fleet knows: records, the view that they make, and the routes that its age
//! leaves.

use std::prelude::v1::*;

use serde_json::{Value, json};

use super::listed::judged;
use super::{cases, text};
use crate::parcel::Root;
use crate::revocation::Revoked;
use crate::staleness::Scrutiny;
use crate::testing::hex;
use crate::{KeyRing, Revocation, Revocations, Timestamp, View};

/// What a server knows that a request reaches at `arrival`: of a fleet, or of none.
pub(super) fn view(case: &Value, ring: KeyRing, arrival: Timestamp) -> View {
    let mut view = View::from(ring);
    if let Some(lines) = case.get("revocations") {
        view.revocations = Some(Revocations::new());
        view.confirmed = case.get("confirmed").map_or(arrival, millis);
        learn(&mut view, lines);
    }
    view
}

pub(super) fn learn(view: &mut View, lines: &Value) {
    let records = lines.as_array().unwrap().iter().filter_map(|line| text(line).parse().ok());
    let records: Vec<Revocation> = records.collect();
    view.revocations.as_mut().unwrap().extend(&records);
}

pub(super) fn millis(value: &Value) -> Timestamp {
    Timestamp::from_millis(value.as_u64().unwrap())
}

/// Which kinds of routes are served to a session with this head.
pub(super) fn served(revoked: &Revoked<'_>, head: Option<&Root>) -> Value {
    let served = |scrutiny| head.is_none_or(|head| revoked.suffices(head, scrutiny).is_ok());
    json!({
        "public": served(Scrutiny::None),
        "standard": served(Scrutiny::Standard),
        "sensitive": served(Scrutiny::Sensitive),
    })
}

/// A record as it is told of in `fields`.
fn record_json(record: &Revocation) -> Value {
    let mut json = match *record {
        Revocation::Session { id, .. } => json!({"id": hex(id.as_bytes())}),
        Revocation::Floor { id, renewed, published, .. } => json!({
            "id": hex(id.as_bytes()),
            "renewed": renewed.as_millis(),
            "published": published.as_millis(),
        }),
        Revocation::Subject { id, not_before, .. } => {
            json!({"id": hex(id.as_bytes()), "not_before": not_before.as_secs()})
        }
        Revocation::All { not_before, .. } => json!({"not_before": not_before.as_secs()}),
    };
    json["kind"] = record.name().into();
    json["until"] = record.until().as_secs().into();
    json
}

#[test]
fn records_are_read_and_written_as_the_vectors_say() {
    for (path, case) in cases("revocation") {
        match text(&case["text"]).parse::<Revocation>() {
            Ok(record) => {
                assert_eq!(case["expect"], "ok", "{path:?}");
                assert_eq!(record_json(&record), case["fields"], "{path:?}");
                assert_eq!(record.to_string(), text(&case["text"]), "{path:?}");
            }
            Err(error) => {
                let line = text(&case["text"]);
                let why = if error.unknown_kind { judged(line) } else { "malformed" };
                assert_eq!(case["expect"], why, "{path:?}");
            }
        }
    }
}
