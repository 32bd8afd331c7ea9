//! The language-neutral cases in `spec/vectors/sealed`.

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use haversack::KeyRing;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{DocumentError, open};
use crate::engine::RingDocument;
use crate::wrap::{KeyWrap as _, LocalKey, WrapError, Wraps};

#[derive(Deserialize)]
struct Case {
    expect: String,
    document: String,
    revision: u64,
    keys: Vec<String>,
    names: Vec<String>,
    ring: Option<String>,
}

impl Case {
    fn keys(&self) -> Vec<LocalKey> {
        let key = |text: &String| URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap();
        self.keys.iter().map(|text| LocalKey::from_bytes(key(text)).unwrap()).collect()
    }

    fn opened(&self) -> Result<KeyRing, DocumentError> {
        let mut keys = self.keys().into_iter();
        let first = keys.next().map_or_else(Wraps::none, Wraps::with);
        let wraps = keys.fold(first, Wraps::and_unwrap);
        let text = Zeroizing::new(self.document.clone());
        let document = RingDocument { revision: self.revision, text };
        // Nothing here waits.
        match pin!(open(&document, &wraps)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(opened) => opened,
            Poll::Pending => panic!("waits"),
        }
    }
}

fn reason(error: &DocumentError) -> &'static str {
    match error {
        DocumentError::Wrap(WrapError::NotAuthentic) => "not_authentic",
        DocumentError::Mismatch { what: "app" } => "other_app",
        DocumentError::Mismatch { what: "revision" } => "other_revision",
        DocumentError::Unknown => "unknown_form",
        DocumentError::Sealed { .. } => "unknown_key",
        error => panic!("{error:?}"),
    }
}

#[test]
fn documents_open_as_the_vectors_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/sealed");
    let mut cases = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let case: Case = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let names: Vec<String> = case.keys().iter().map(LocalKey::id).collect();
        assert_eq!(names, case.names, "{path:?}");
        match case.opened() {
            Ok(ring) => {
                assert_eq!(case.expect, "ok", "{path:?}");
                let inside = KeyRing::parse(case.ring.as_deref().unwrap()).unwrap();
                assert_eq!(ring.to_json(), inside.to_json(), "{path:?}");
            }
            Err(error) => assert_eq!(case.expect, reason(&error), "{path:?}"),
        }
        cases += 1;
    }
    assert!(cases > 10, "{cases}");
}
