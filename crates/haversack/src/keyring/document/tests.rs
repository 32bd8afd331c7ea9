use std::format;
use std::string::{String, ToString};

use proptest::prelude::*;

use super::*;
use crate::testing::Seeded;

/// Two keys, the first of which has stopped sealing; drawn at random for this test.
const GOOD: &str = r#"{
  "version": 1,
  "revision": 7,
  "app": "shop.example",
  "index_key": "ryRUna597XnB-up9Y4EquvxnurGACN9fLItwkahhIbk",
  "replaced_marks": ["lF3C"],
  "keys": [
    {
      "id": "43n395cV",
      "suite": "A",
      "root": "3S2C-EYRBrPKffVWEfMTA6yHJ8hUte8kFyoxP1674EQ",
      "created": 1800000000,
      "seals_from": 1800000600,
      "seals_until": 1800090000,
      "opens_until": 1800360000,
      "revoked": null
    },
    {
      "id": "PQg4sCFS",
      "suite": "A",
      "root": "8xTpodHkx3hE1mWG4oQRWNjeVj4eNmxmw-ETnfZyXbc",
      "created": 1800080000,
      "seals_from": 1800090000,
      "seals_until": null,
      "opens_until": null,
      "revoked": null
    }
  ],
  "retired": ["mjnZzStR", "AAAAAAAA"]
}
"#;

const INDEX: &str = "ryRUna597XnB-up9Y4EquvxnurGACN9fLItwkahhIbk";
const ROOT: &str = "3S2C-EYRBrPKffVWEfMTA6yHJ8hUte8kFyoxP1674EQ";
const OTHER_ROOT: &str = "8xTpodHkx3hE1mWG4oQRWNjeVj4eNmxmw-ETnfZyXbc";

/// What is said about the good document with one part of it replaced.
fn complaint(part: &str, by: &str) -> String {
    assert_eq!(GOOD.matches(part).count(), 1, "{part}");
    KeyRing::parse(&GOOD.replace(part, by)).unwrap_err().to_string()
}

#[test]
fn a_document_is_what_it_is_written_as() {
    let ring = KeyRing::parse(GOOD).unwrap();
    assert_eq!(*ring.to_json(), GOOD);
    assert_eq!((ring.app(), ring.revision()), ("shop.example", 7));
    assert_eq!(
        ring.sealing(Timestamp::from_secs(1_800_089_999)).unwrap().id.to_string(),
        "43n395cV"
    );
    assert_eq!(
        ring.sealing(Timestamp::from_secs(1_800_090_000)).unwrap().id.to_string(),
        "PQg4sCFS"
    );
}

#[test]
fn what_has_a_default_may_be_left_out() {
    let short = format!(
        r#"{{"version":1,"revision":0,"app":"\u0022\\\u0007é","index_key":"{INDEX}",
            "keys":[{{"suite":"A","root":"{ROOT}","created":0,"seals_from":0}}]}}"#
    );
    let ring = KeyRing::parse(&short).unwrap();
    assert_eq!(ring.app(), "\"\\\u{7}é");
    assert_eq!(*KeyRing::parse(&ring.to_json()).unwrap().to_json(), *ring.to_json());
}

/// A part of the good document, what to put there, and the beginning of what is said then.
const COMPLAINTS: &[(&str, &str, &str)] = &[
    ("7,\n  \"app\"", "7\n  \"app\"", "not JSON at line 4, column 3: is the file complete?"),
    (
        "\"version\": 1",
        "\"version\": 2",
        "`version` is 2: this program reads key rings of version 1",
    ),
    ("\"version\": 1,", "", "`version` is missing"),
    ("\"revision\": 7", "\"revision\": -7", "`revision` must be a whole number, not negative"),
    (
        "\"revision\": 7",
        "\"revision\": 7, \"revision\": 8",
        "`revision` is there twice: remove one",
    ),
    (
        "\"revision\": 7",
        "\"revison\": 7",
        "`revison` is not a field that this version knows: correct its name or remove it",
    ),
    ("\"shop.example\"", "\"\"", "`app` is empty: give the app a name, and never change it"),
    ("\"shop.example\"", "null", "`app` is missing"),
    ("\"shop.example\"", "[]", "`app` must be a string"),
    (
        "[\"lF3C\"]",
        "[\"lF3\"]",
        "`replaced_marks[0]` is not 4 characters of base64url: copy it from where it is shown",
    ),
    ("\"AAAAAAAA\"", "7", "`retired[1]` must be a string"),
    ("\"retired\": [\"mjnZzStR\", \"AAAAAAAA\"]", "\"retired\": {}", "`retired` must be a list"),
    ("\"mjnZzStR\"", "\"PQg4sCFS\"", "`retired[0]` is the same id as `keys[1].id`: remove one"),
    (
        "\"id\": \"PQg4sCFS\"",
        "\"id\": \"AAAAAAAA\"",
        "`keys[1].id` does not belong to this key, whose id is PQg4sCFS: if the root was mistyped, restore it; \
         otherwise correct or remove the id",
    ),
    (
        "\"id\": \"PQg4sCFS\"",
        "\"id\": \"ID1\"",
        "`keys[1].id` is not 8 characters of base64url: copy it from where it is shown",
    ),
    (OTHER_ROOT, INDEX, "`keys[1].id` does not belong"),
    (
        "\"revoked\": null\n    },",
        "\"comment\": 1},",
        "`keys[0].comment` is not a field that this version knows: correct its name or remove it",
    ),
    (
        "\"seals_from\": 1800000600",
        "\"seals_from\": 1800000600000",
        "`keys[0].seals_from`: is later than the year 9999: times are seconds since 1970, not milliseconds",
    ),
    (
        "\"seals_from\": 1800000600",
        "\"seals_from\": 1799999999",
        "`keys[0]`: `seals_from` lies before `created`",
    ),
    (
        "\"seals_from\": 1800000600",
        "\"seals_from\": 1800090000",
        "`keys[0]`: `seals_until` must be later than `seals_from`",
    ),
    ("1800360000", "1800089999", "`keys[0]`: `opens_until` lies before `seals_until`"),
    (
        "1800360000",
        "null",
        "`keys[0]`: `seals_until` without `opens_until`: set that to `seals_until` and three idle lifetimes and 15 minutes more",
    ),
    (
        "\"seals_until\": 1800090000",
        "\"seals_until\": null",
        "`keys[0]`: `opens_until` without `seals_until`: a key stops sealing before it stops opening",
    ),
    ("\"created\": 1800080000,", "", "`keys[1].created` is missing"),
];

#[test]
fn every_complaint_says_what_where_and_how() {
    for (part, by, message) in COMPLAINTS {
        let said = complaint(part, by);
        assert!(said.starts_with(message), "{said}\n{message}");
    }
}

#[test]
fn suites_of_later_versions_are_told_from_typing_errors() {
    for (suite, message) in [
        ("F", "`keys[0].suite`: F is reserved and not supported by this version: use A"),
        ("AES", "`keys[0].suite` is not a suite: use A"),
    ] {
        let document = GOOD.replacen("\"suite\": \"A\"", &format!("\"suite\": \"{suite}\""), 1);
        assert_eq!(KeyRing::parse(&document).unwrap_err().to_string(), message);
    }
}

#[test]
fn keys_that_are_not_32_random_bytes_are_refused() {
    let hex = "6b3fa1c09d7e25481f0ac7d2e9b865346b3fa1c09d7e25481f0ac7d2e9b86534";
    let padded = format!("{ROOT}=");
    for (root, message) in [
        ("", "has 0 characters: a secret is 32 random bytes, 43 characters of base64url"),
        ("changeme", "has 8 characters: a secret is 32 random bytes, 43 characters of base64url"),
        (&padded, "has 44 characters: a secret is 32 random bytes, 43 characters of base64url"),
        (hex, "has 64 characters: if it is hex, write it as 43 characters of base64url"),
        (
            "3S2C+EYRBrPKffVWEfMTA6yHJ8hUte8kFyoxP1674EQ",
            "is not canonical base64url: `-` for `+`, `_` for `/`, no `=`, no bits left over",
        ),
        (
            "3S2C-EYRBrPKffVWEfMTA6yHJ8hUte8kFyoxP1674ER",
            "is not canonical base64url: `-` for `+`, `_` for `/`, no `=`, no bits left over",
        ),
        // The roots of the published vector.
        ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "counts up or down in equal steps"),
        ("ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8", "counts up or down in equal steps"),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "repeats a shorter sequence"),
        ("changemechangemechangemechangemechangemechA", "spells out a placeholder"),
        ("eW91ci0yNTYtYml0LXNlY3JldC1nb2VzLWhlcmUtMTI", "spells out a placeholder"),
        ("Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZSAxMjM", "looks like a passphrase"),
        ("AKCgAHhQZLRkUHgAoKAAeFBktGRQeACgoAB4UGS0ZP8", "has fewer than 16 different bytes"),
    ] {
        for (place, secret) in [("keys[0].root", ROOT), ("index_key", INDEX)] {
            let said = complaint(secret, root);
            assert!(said.starts_with(&format!("`{place}` {message}")), "{said}");
            assert!(root.is_empty() || !said.contains(root), "{said}");
        }
    }
}

#[test]
fn a_secret_serves_once() {
    let without_ids =
        GOOD.replace("\"id\": \"43n395cV\",", "").replace("\"id\": \"PQg4sCFS\",", "");
    for (secret, message) in [
        (ROOT, "`keys[1].root` is the same secret as `keys[0].root`: every secret must be its own"),
        (INDEX, "`keys[1].root` is the same secret as `index_key`: every secret must be its own"),
    ] {
        let error = KeyRing::parse(&without_ids.replace(OTHER_ROOT, secret)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_ring_has_some_keys_but_not_too_many() {
    let start = GOOD.find("    {").unwrap();
    let end = GOOD.find("\n  ],").unwrap();
    let with = |keys: &str| KeyRing::parse(&format!("{}{keys}{}", &GOOD[..start], &GOOD[end..]));
    assert_eq!(
        with("").unwrap_err().to_string(),
        "`keys` is empty: a ring needs a key to seal with"
    );
    let many = with(std::vec!["1"; 65].join(",").as_str()).unwrap_err();
    assert_eq!(many.to_string(), "`keys` has more than 64 entries: remove the oldest");
    assert_eq!(with("1").unwrap_err().to_string(), "`keys[0]` must be an object");
    let no_list = GOOD.replace("\"keys\": [", "\"kays\": [");
    assert!(KeyRing::parse(&no_list).unwrap_err().to_string().starts_with("`kays`"));
}

#[test]
fn a_secret_in_a_wrong_place_is_not_repeated() {
    for document in [
        GOOD.replace("\"revoked\": null\n    },", &format!("\"{OTHER_ROOT}\": null}},")),
        GOOD.replace("\"revision\": 7", &format!("\"revision\": \"{OTHER_ROOT}\"")),
        GOOD.replace("\"suite\"", &format!("\"{OTHER_ROOT}\"")),
        GOOD.replacen("\"A\"", &format!("\"{OTHER_ROOT}\""), 1),
        GOOD.replace("\"id\"", OTHER_ROOT),
        GOOD.replace("\"lF3C\"", &format!("\"{OTHER_ROOT}\"")),
    ] {
        let error = KeyRing::parse(&document).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains(&OTHER_ROOT[..8]), "{said}");
    }
}

#[test]
fn writing_reserves_enough_that_no_secret_is_left_behind_by_growth() {
    let mut ring = KeyRing::generate(&"\u{1}".repeat(255), LAST, Seeded(1)).unwrap();
    let end = Some(End { seals_until: LAST, opens_until: LAST });
    ring.keys[0].schedule.end = end;
    ring.keys[0].schedule.revoked = Some(LAST);
    ring.revision = u64::MAX;
    ring.keys = core::iter::repeat_n(ring.keys[0].clone(), MAX_KEYS).collect();
    ring.retired = core::iter::repeat_n(ring.keys[0].id, MAX_REMEMBERED).collect();
    let written = ring.to_json();
    let reserved = 512 + ring.app.len() * 6 + ring.keys.len() * 512 + ring.retired.len() * 16;
    assert!(written.len() <= reserved, "{} {reserved}", written.len());
}

#[test]
fn the_schema_names_the_fields_that_are_read() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../../spec/keyring.schema.json")).unwrap();
    let names = |of: &serde_json::Value| {
        let mut names: Vec<String> =
            of["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(of["additionalProperties"], false);
        names
    };
    let sorted = |fields: &[&str]| {
        let mut fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        fields.sort();
        fields
    };
    assert_eq!(names(&schema), sorted(&RING_FIELDS));
    assert_eq!(names(&schema["$defs"]["key"]), sorted(&KEY_FIELDS));
    assert_eq!(schema["properties"]["keys"]["maxItems"], MAX_KEYS);
    assert_eq!(schema["properties"]["retired"]["maxItems"], MAX_REMEMBERED);
}

proptest! {
    #[test]
    fn a_damaged_document_is_refused_or_means_something(at: prop::sample::Index, by in ".{0,3}", cut in 0_usize..6) {
        let start = at.index(GOOD.len());
        let end = (start + cut).min(GOOD.len());
        let damaged = format!("{}{by}{}", &GOOD[..start], &GOOD[end..]);
        match KeyRing::parse(&damaged) {
            Ok(ring) => prop_assert!(KeyRing::parse(&ring.to_json()).is_ok()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn any_text_is_refused(text in ".{0,200}", nested in "[\\[{\"a:,0-9\\]}]{0,60}") {
        prop_assert!(KeyRing::parse(&text).is_err());
        prop_assert!(KeyRing::parse(&nested).is_err());
    }

    #[test]
    fn a_drawn_ring_reads_back(seed: u64, app in "\\PC{1,40}", s in 0..LAST.as_secs()) {
        let ring = KeyRing::generate(&app, Timestamp::from_secs(s), Seeded(seed)).unwrap();
        prop_assert_eq!(&*KeyRing::parse(&ring.to_json()).unwrap().to_json(), &*ring.to_json());
    }
}

#[test]
fn depth_is_bounded() {
    assert!(KeyRing::parse(&"[".repeat(100_000)).is_err());
    assert!(KeyRing::parse(&format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500))).is_err());
}
