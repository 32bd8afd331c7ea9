//! The report for scripts. Times are milliseconds since 1970.

use haversack::inspect::{Contents, Field, Fragment, Lineage, Name, Outcome, Parcel};
use haversack::{OPEN, Timestamp};
use serde_json::{Value, json};

use super::advice::advice;
use super::cbor::{diagnostic, digits};
use super::{Case, Opened, words};

/// What can be told with keys.
pub(super) fn jar(case: &Case<'_>, opened: &Opened<'_>) -> String {
    let found = opened.found;
    let info = &found.info;
    let advice: Vec<Value> = advice(case, opened)
        .into_iter()
        .map(|advice| json!({
            "id": advice.id, "what": advice.what, "remedy": advice.remedy, "parcels": advice.parcels,
        }))
        .collect();
    let dead = found.due.dead.iter().map(|dead| {
        json!({
            "name": dead.suffix, "why": words::reason_id(dead.why), "now": dead.now,
        })
    });
    let steps = found.due.steps.iter().map(|step| {
        json!({
            "work": step.work.name(), "sets": step.set, "kind": words::kind_id(step.kind),
            "chars": step.chars, "deletes": step.delete, "now": step.now,
        })
    });
    let times = info.times.zip(found.ends).map(|(times, ends)| json!({
        "born": ms(times.born), "renewed": ms(times.renewed), "auth": ms(times.auth),
        "seen": ms(times.seen), "idle_end": ends.idle.map(ms), "absolute_end": ms(ends.absolute),
    }));
    print(&json!({
        "input": input(case, found.parcels.len()),
        "ring": {
            "app": opened.ring.app(), "revision": opened.ring.revision(),
            "mark": found.mark.to_string(),
        },
        "session": {
            "arrival": info.arrival.kind.name(),
            "id": info.id.map(|id| id.to_string()),
            "revocation_id": info.revocation_id.map(|id| id.to_string()),
            "signed_in": info.signed_in,
            "partial": info.arrival.partial,
            "writable": info.writable,
            "refusal": found.refusal.as_ref().map(ToString::to_string),
            "times": times,
            "state_chars": info.usage.state, "state_limit": info.usage.state_limit,
            "request_chars": info.usage.request, "request_limit": info.usage.request_limit,
        },
        "lineages": found.lineages.iter().map(lineage).collect::<Vec<_>>(),
        "parcels": found.parcels.iter().map(parcel).collect::<Vec<_>>(),
        "fields": found.fields.iter().map(|of| field(of, case.values)).collect::<Vec<_>>(),
        "mislaid": found.mislaid,
        "due": {
            "dead": dead.collect::<Vec<_>>(), "steps": steps.collect::<Vec<_>>(),
            "chars": found.due.chars, "waiting": found.due.waiting,
        },
        "problems": advice,
    }))
}

/// What can be told without keys.
pub(super) fn names(case: &Case<'_>, names: &[Name]) -> String {
    let name = |name: &Name| {
        let claim = name.claim.as_ref();
        json!({
            "name": name.suffix,
            "kind": name.kind.map(words::kind_id),
            "lineage_hint": name.hint,
            "chars": name.chars,
            "value_chars": name.value_chars,
            "suite": claim.ok().map(|claim| claim.suite.to_string()),
            "key_id": claim.ok().map(|claim| claim.key_id.to_string()),
            "ring_mark": claim.ok().map(|claim| claim.key_id.mark().to_string()),
            "sealed_bytes": claim.ok().map(|claim| [*claim.content.start(), *claim.content.end()]),
            "rejected": claim.err().map(|why| why.name()),
        })
    };
    let parcels: Vec<Value> = names.iter().map(name).collect();
    print(&json!({ "input": input(case, names.len()), "parcels": parcels }))
}

fn print(value: &Value) -> String {
    format!("{value:#}\n")
}

fn ms(time: Timestamp) -> u64 {
    time.as_millis()
}

fn input(case: &Case<'_>, ours: usize) -> Value {
    json!({
        "format": case.input.format.id(),
        "name": case.base,
        "transport": if case.in_header { "header" } else { "cookies" },
        "now": ms(case.now),
        "cookies": case.input.cookies.len(),
        "ours": ours,
        "deleted": case.input.deleted,
        "expired": case.input.expired,
    })
}

fn lineage(lineage: &Lineage) -> Value {
    json!({
        "hint": lineage.hint,
        "standing": words::standing_id(lineage.standing),
        "why": match lineage.standing {
            Some(haversack::inspect::Standing::Refused { why, .. }) => Some(why.name()),
            _ => None,
        },
    })
}

fn parcel(parcel: &Parcel) -> Value {
    let mut value = json!({
        "name": parcel.suffix,
        "kind": parcel.kind.map(words::kind_id),
        "chars": parcel.chars,
        "value_chars": parcel.value_chars,
        "key_id": parcel.key_id.map(|id| id.to_string()),
        "key": parcel.key.map(words::key),
    });
    let (outcome, more) = match &parcel.outcome {
        Outcome::Opened(contents) => ("opened", contents_of(contents)),
        Outcome::Rejected(why) => ("rejected", json!({ "why": why.name() })),
        Outcome::Orphan => ("orphan", json!({})),
        Outcome::Unopened => ("unopened", json!({})),
        Outcome::Foreign => ("foreign", json!({})),
        _ => ("unread", json!({})),
    };
    value["outcome"] = json!(outcome);
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn contents_of(contents: &Contents) -> Value {
    match contents {
        Contents::Root(root) => json!({
            "lineage": root.lineage,
            "head": root.head,
            "session_id": root.id.to_string(),
            "revocation_id": root.revocation_id.to_string(),
            "subject": root.subject,
            "born": ms(root.born),
            "renewed": root.renewed.as_millis(),
            "auth": ms(root.auth),
            "seen": ms(root.seen),
            "identity_bytes": root.identity,
            "fields": root.whole.as_ref().map(fragment),
        }),
        Contents::Marker(marker) => json!({
            "lineage": marker.lineage,
            "closed": marker.stamp.as_millis(),
        }),
        Contents::Fragment(of) => fragment(of),
        _ => json!({}),
    }
}

fn fragment(fragment: &Fragment) -> Value {
    json!({
        "lineage": fragment.lineage,
        "under_subject": fragment.under_subject,
        "count": fragment.count,
        "newest": fragment.newest.as_millis(),
        "entries": fragment.entries,
        "tombstones": fragment.tombstones,
        "bytes": fragment.bytes,
        "owned_bytes": fragment.owns.map(|owns| owns.bytes),
        "covered": fragment.owns.map(|owns| owns.entries == 0),
    })
}

fn field(field: &Field, values: bool) -> Value {
    let mut out = json!({
        "name": field.name,
        "key": field.key.as_deref().filter(|_| values).map(diagnostic),
        "stamp": field.stamp.as_millis(),
        "under_subject": field.under_subject,
        "from_head": field.from_head,
        "removed": field.value.is_none(),
        "bytes": field.bytes,
    });
    if let (true, Some(value)) = (values, &field.value) {
        out["encoding"] = json!(value.encoding);
        out["cbor"] = json!(digits(&value.bytes));
        if value.encoding == OPEN {
            out["value"] = json!(diagnostic(&value.bytes));
        }
    }
    out
}
