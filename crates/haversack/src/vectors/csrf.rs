//! Form tokens, and the sessions that they are shown to.

use std::collections::BTreeMap;
use std::prelude::v1::*;
use std::sync::Arc;

use super::{array, cases, cookie_line, keys, policy, text};
use crate::csrf::Tag;
use crate::keyring::ring_for_vectors;
use crate::testing::hex;
use crate::{CsrfRejection, Exchange, Policy, Rules, Snapshot, Timestamp, View};

#[test]
fn tokens_are_judged_as_the_vectors_say() {
    for (path, case) in cases("csrf") {
        let roots: Vec<[u8; 32]> =
            case["ring"]["keys"].as_array().unwrap().iter().map(array).collect();
        let ring = ring_for_vectors(text(&case["app"]), array(&case["ring"]["index_key"]), &roots);
        let policy = Policy {
            tenant: text(&case["tenant"]).to_owned(),
            purpose: Some(text(&case["purpose"]).to_owned()),
            ..policy(&case)
        };
        let rules = Rules::<BTreeMap<String, String>>::new(policy).unwrap();
        let snapshot = Snapshot::new(Arc::new(rules), Arc::new(View::from(ring)));
        let cookies = cookie_line(&case);
        let now = Timestamp::from_millis(case["now"].as_u64().unwrap());
        let exchange = Exchange::receive(&snapshot, [cookies.as_bytes()], now);
        let token = text(&case["token"]);
        let judged = exchange.verify_csrf(token);
        assert_eq!(judged.map_or_else(CsrfRejection::name, |()| "ok"), case["expect"], "{path:?}");
        if case.get("tag").is_some() {
            let subject = case["subject"].as_str().map(|_| array(&case["subject"]));
            let tag = keys(&case).csrf_tag(&array(&case["lineage"]), subject.as_ref());
            assert_eq!(hex(&tag.0), text(&case["tag"]), "{path:?}");
            assert_eq!(tag.masked(array(&case["mask"])), token, "{path:?}");
            assert_eq!(Tag::unmasked(token).unwrap().0, tag.0, "{path:?}");
        }
    }
}
