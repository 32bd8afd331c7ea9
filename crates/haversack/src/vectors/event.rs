//! What a request changes: the parcels that its response sets, and what it deletes.

use std::collections::BTreeMap;
use std::prelude::v1::*;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::listed::tell;
use super::maintain::{policy_and_budget, room, timed_ring, written};
use super::revocation::{learn, view};
use super::{bytes, check_responses, cookie_line, text};
use crate::codec::Changes;
use crate::testing::{Seeded, hex};
use crate::{Entropy, Exchange, NoEntropy, Room, Rules, SealError, Snapshot, Timestamp, View};

#[test]
fn a_response_writes_events_as_the_vectors_say() {
    check_responses("event", response);
}

fn response(case: &Value) -> Value {
    let asked = &case["request"];
    let is = |member: &str| asked[member].as_bool().unwrap();
    let now = Timestamp::from_millis(case["now"].as_u64().unwrap());
    let received = Timestamp::from_millis(now.as_millis() - asked["took"].as_u64().unwrap());
    let snapshot = snapshot(case, received);
    let cookies = cookie_line(case);
    let mut exchange = Exchange::receive(&snapshot, [cookies.as_bytes()], received);
    let mut changes = Changes::default();
    for (name, value) in asked["changes"].as_object().unwrap() {
        let value = (!value.is_null()).then(|| bytes(value));
        changes.insert(&bytes(&json!(name)), value.as_deref());
    }
    if !changes.is_empty() {
        exchange.changed(changes);
    }
    if is("end") {
        exchange.end();
    }
    if is("renew") {
        exchange.renew();
    }
    if is("authenticated") {
        exchange.authenticated();
    }
    if let Some(label) = asked.get("label") {
        exchange.label(text(label));
    }
    let mut entropy = Lineages {
        left: asked["lineages"].as_array().unwrap().iter().map(bytes).collect(),
        nonces: Seeded(now.as_millis()),
    };
    if asked.get("token").is_some_and(|token| *token == true) {
        exchange.csrf(&mut Masked(Some([0; 16]), &mut entropy)).unwrap();
    }
    let room = Room { identity: is("identity_route"), ..room(case) };
    if let Some(learnt) = case.get("learnt") {
        let mut view = View::clone(&snapshot.view);
        learn(&mut view, learnt);
        exchange.update(Arc::new(view));
    }
    let outcome = exchange.respond(room, now, &mut entropy);
    let mut described = written(case, &outcome, &snapshot.keys);
    described["error"] = outcome.error.as_ref().map(reason).into();
    if case.get("revocations").is_some() {
        let mut texts: Vec<String> = outcome.revocations.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        described["publishes"] = texts.into();
    } else {
        assert!(outcome.revocations.is_empty());
    }
    tell(case, outcome.listed.as_ref(), &mut described);
    described
}

fn reason(error: &SealError) -> &'static str {
    match error {
        SealError::Busy { .. } => "busy",
        SealError::Late => "late",
        SealError::NoEntropy => "no_lineage",
        SealError::NoSealingKey => "no_key",
        SealError::Stale(_) => "stale",
        SealError::TooLarge(_) => "too_large",
        SealError::Unavailable { .. } => "unavailable",
        error => std::panic!("{error:?}"),
    }
}

fn snapshot(case: &Value, received: Timestamp) -> Snapshot<Session> {
    let defaults: BTreeMap<String, String> = Session::default()
        .0
        .iter()
        .map(|(name, value)| (hex(name.as_bytes()), cbor(value)))
        .collect();
    assert_eq!(case["policy"]["defaults"], json!(defaults));
    let view = view(case, timed_ring(case), received);
    Snapshot::new(Arc::new(Rules::new(policy_and_budget(case)).unwrap()), Arc::new(view))
}

/// A program that knows every field, and has one default.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Session(BTreeMap<String, String>);

impl Default for Session {
    fn default() -> Self {
        Self([("theme".to_owned(), "plain".to_owned())].into())
    }
}

/// A short text as CBOR.
fn cbor(text: &str) -> String {
    std::format!("{:02x}", 0x60 + text.len()) + &hex(text.as_bytes())
}

/// The mask of a token is no lineage.
struct Masked<'a>(Option<[u8; 16]>, &'a mut Lineages);

impl Entropy for Masked<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        match self.0.take() {
            Some(mask) => bytes.copy_from_slice(&mask),
            None => self.1.fill(bytes)?,
        }
        Ok(())
    }
}

/// The lineages that a case gives, in order, and any nonces.
struct Lineages {
    left: Vec<Vec<u8>>,
    nonces: Seeded,
}

impl Entropy for Lineages {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        if bytes.len() != 16 {
            return self.nonces.fill(bytes);
        }
        if self.left.is_empty() {
            return Err(NoEntropy);
        }
        bytes.copy_from_slice(&self.left.remove(0));
        Ok(())
    }
}
