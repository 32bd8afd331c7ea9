//! Where mutation begins: the test vectors, and a few lines that only the testkit parses.

use std::fs;
use std::path::{Path, PathBuf};

use haversack::{KeyRing, Timestamp};
use serde_json::Value;

use crate::forge::NOW;
use crate::serve::Seeded;

/// The seeds of a target.
///
/// # Panics
///
/// If the vectors are not where they belong, beside this crate in `spec/`, or are not what their
/// page says.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "cookies" => vectors("join").iter().map(cookie_line).collect(),
        "envelope" => vectors("envelope")
            .iter()
            .map(|case| case["text"].as_str().unwrap_or_default().into())
            .collect(),
        "frame" => ["root", "marker", "fragment"]
            .iter()
            .flat_map(|kind| vectors(kind))
            .map(|case| frame(&case))
            .collect(),
        "header" => vectors("join").iter().filter_map(header_lines).collect(),
        "jar" => vec![vec![0, 30, b'A'], vec![1, 5, b'B', 2, 200, 0], vec![3, 14, 1, 4, 9, b'0']],
        "keyring" => keyrings(),
        "revocations" => REVOCATIONS.iter().map(|seed| seed.as_bytes().to_vec()).collect(),
        "session" => SESSIONS.iter().map(|seed| seed.to_vec()).collect(),
        "set_cookie" => SET_COOKIES.iter().map(|seed| seed.as_bytes().to_vec()).collect(),
        _ => panic!("there is no target `{target}`"),
    }
}

fn vectors(directory: &str) -> Vec<Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors").join(directory);
    let entries = fs::read_dir(&directory).expect("the vectors");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a directory entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no vectors in {}", directory.display());
    let parse = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a vector");
        serde_json::from_str(&text).expect("JSON")
    };
    paths.into_iter().map(parse).collect()
}

fn cookie_line(case: &Value) -> Vec<u8> {
    let cookies = case["cookies"].as_array().expect("cookies").iter();
    let text = |pair: &Value, i: usize| pair[i].as_str().unwrap_or_default().to_owned();
    let pairs: Vec<String> =
        cookies.map(|pair| format!("{}={}", text(pair, 0), text(pair, 1))).collect();
    pairs.join("; ").into_bytes()
}

fn header_lines(case: &Value) -> Option<Vec<u8>> {
    let values = case.get("values")?.as_array().expect("values").iter();
    let values: Vec<&str> = values.map(|value| value.as_str().unwrap_or_default()).collect();
    Some(values.join("\n").into_bytes())
}

/// The first letter of its kind, then the frame.
fn frame(case: &Value) -> Vec<u8> {
    let kind = case["kind"].as_str().expect("a kind").as_bytes();
    let frame = case["frame"].as_str().expect("a frame");
    let digits: Vec<char> = frame.chars().collect();
    let byte = |pair: &[char]| {
        let text: String = pair.iter().collect();
        u8::from_str_radix(&text, 16).expect("hexadecimal digits")
    };
    kind.iter().copied().take(1).chain(digits.chunks(2).map(byte)).collect()
}

fn keyrings() -> Vec<Vec<u8>> {
    let now = Timestamp::from_millis(NOW - 1_000_000);
    let ring = KeyRing::generate("shop.example", now, Seeded(5)).expect("a ring");
    let json: &str = &ring.to_json();
    let refused: &str = &KeyRing::for_tests().to_json();
    vec![json.into(), refused.into(), json.replace('1', "2").into()]
}

/// A byte for the name, one for the length, then deterministic CBOR.
const SESSIONS: [&[u8]; 8] = [
    b"\x0a\x05\x64dark\x0d\x01\x07",
    b"\x02\x04\x63tea\x03\x01\xf6\x05\x01\x00",
    b"\x01\x06\xa1\x01\x63tea",
    b"\x07\x03\xf9\x38\x00",
    b"\x07\x09\xfb\x7f\xf0\x00\x00\x00\x00\x00\x01",
    b"\x09\x0c\xa1\x66Paying\x19\x01\x00",
    b"\x06\x06\xa2\x61a\xf6\x61b",
    b"\x00\x18\xa3\x63zip\xf6\x65point\x82\x20\x05\x66street\x61x\x0b\x02\xc1\x00",
];

const SET_COOKIES: [&str; 6] = [
    "theme=dark; Path=/; Max-Age=60",
    "__Host-Http-hv.rjQEQAVu0=hv1A; Max-Age=1209600; Path=/; Secure; HttpOnly; SameSite=Lax",
    "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Domain=shop.example; SameSite=None; Secure",
    "__Secure-x=1; secure\na=1\na=2; Path=/cart\n=nameless\nc",
    "  spaced  =  value  ; path = /x ; max-age = -1",
    "q=\"quoted; value\"; Domain=.www.shop.example; Partitioned",
];

const REVOCATIONS: [&str; 3] = [
    "session AAECAwQFBgc 4000000000\nsession AAECAwQFBgc 1\nall 1700000000 4000000000",
    "floor AAECAwQFBgc 1700000000123 1700000000456 4000000000\nsubject AAECAwQFBgc 1700000000 4000000000",
    "listed AAECAwQFBgc AAECAwQFBgc 1600000000 1700000000 4000000000 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n\
     subject AAECAwQFBgc 1700000000 4000000000\nlisted AAECAwQFBgc AAECAwQFBgc 1 2 3",
];
