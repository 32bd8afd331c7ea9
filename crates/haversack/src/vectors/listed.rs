//! The session index: its records, their labels, and what a response lists.

use std::prelude::v1::*;

use serde_json::{Value, json};

use super::revocation::view;
use super::{cases, keys, text};
use crate::testing::hex;
use crate::{KeyRing, Listed, SealedLabel, Timestamp, index};

/// What a response of a fleet's server lists is told of in `described`; without a fleet nothing is.
pub(super) fn tell(case: &Value, listed: Option<&Listed>, described: &mut Value) {
    if case.get("revocations").is_some() {
        described["listed"] = listed.map(ToString::to_string).into();
    } else {
        assert_eq!(listed, None, "{}", case["description"]);
    }
}

/// Why a line that is no revocation is not listed either.
pub(super) fn judged(line: &str) -> &'static str {
    match line.parse::<Listed>() {
        Ok(_) => "ok",
        Err(error) if error.unknown_kind => "unknown_kind",
        Err(_) => "malformed",
    }
}

/// A record as it is told of in `fields`.
fn record_json(listed: &Listed) -> Value {
    json!({
        "subject": hex(listed.subject.as_bytes()),
        "id": hex(listed.id.as_bytes()),
        "auth": listed.auth.as_secs(),
        "seen": listed.seen.as_secs(),
        "until": listed.until.as_secs(),
        "label": listed.label.as_ref().map(SealedLabel::as_str),
    })
}

#[test]
fn records_are_read_and_written_as_the_vectors_say() {
    for (path, case) in cases("listed") {
        let line = text(&case["text"]);
        assert_eq!(judged(line), case["expect"], "{path:?}");
        if case["expect"] == "ok" {
            let listed: Listed = line.parse().unwrap();
            assert_eq!(record_json(&listed), case["fields"], "{path:?}");
            assert_eq!(listed.to_string(), line, "{path:?}");
        }
    }
}

#[test]
fn labels_are_sealed_and_opened_as_the_vectors_say() {
    let mut labels = 0;
    for (path, case) in cases("listed") {
        let Some(opened) = case.get("opened") else { continue };
        labels += 1;
        let (keys, listed) = (keys(&case), text(&case["text"]).parse::<Listed>().unwrap());
        let label = listed.label.as_ref().and_then(|label| keys.open_label(listed.id, label));
        assert_eq!(json!(label), *opened, "{path:?}");
        if let Some(said) = case.get("said") {
            let label = index::label(text(said));
            assert_eq!(json!(label), *opened, "{path:?}");
            let sealed = label.and_then(|label| keys.seal_label(listed.id, &label));
            assert_eq!(sealed, listed.label, "{path:?}");
        }
    }
    assert!(labels > 5, "{labels} labels");
}

#[test]
fn what_has_ended_is_known_as_the_vectors_say() {
    let mut views = 0;
    for (path, case) in cases("listed") {
        if case.get("revocations").is_some() {
            views += 1;
            let listed: Listed = text(&case["text"]).parse().unwrap();
            let view = view(&case, KeyRing::for_tests(), Timestamp::default());
            let ended = listed.has_ended(view.revocations.as_ref().unwrap());
            assert_eq!(json!(ended), case["ended"], "{path:?}");
        }
    }
    assert!(views > 5, "{views} views");
}
