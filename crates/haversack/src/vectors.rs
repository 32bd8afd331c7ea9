//! The language-neutral vectors in `spec/vectors`, one case per file.

mod csrf;
mod event;
mod listed;
mod maintain;
mod revocation;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::prelude::v1::*;
use std::{fs, println};

use serde_json::{Value, json};

use crate::admit::{Admitted, Law, Standing};
use crate::jar::Jar;
use crate::join::{holdings, join, state};
use crate::keyring::{Context, Found, Keys, ring_for_vectors};
use crate::lineage::Lineages;
use crate::parcel::{Fragment, Kind, Lineage, Marker, Root, Subject, Suffix, scope};
use crate::revocation::Revoked;
use crate::seal::Padding;
use crate::state::{Content, Entry, Stamp};
use crate::testing::hex;
use crate::transport::{Carrier, cookie, header};
use crate::wire::{self, Envelope};
use crate::{
    CookieSpec, Disposition, HeaderSpec, KeyRing, Lifetime, Policy, Rejection, Timestamp, seal,
};

/// Whether a response is what each case of `dir` expects; says in which it is not.
fn check_responses(dir: &str, response: impl Fn(&Value) -> Value) {
    let mut failed = 0;
    for (path, case) in cases(dir) {
        let written = response(&case);
        if written != case["expect"] {
            failed += 1;
            println!("{}\n  written  {written}\n  expected {}", path.display(), case["expect"]);
        }
    }
    assert_eq!(failed, 0);
}

fn cases(kind: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors").join(kind);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 5, "{folder:?} holds {} cases", paths.len());
    paths
        .into_iter()
        .map(|path| {
            (path.clone(), serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = text(value);
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn keys(case: &Value) -> Keys {
    let roots: Vec<[u8; 32]> = case["ring"]["keys"].as_array().unwrap().iter().map(array).collect();
    let ring = ring_for_vectors(text(&case["app"]), array(&case["ring"]["index_key"]), &roots);
    Keys::new(&ring, &Context::new(text(&case["tenant"]), text(&case["purpose"])).unwrap())
}

/// When every vector's key opens.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn open(case: &Value, keys: &Keys) -> Result<Vec<u8>, &'static str> {
    let value = text(&case["text"]).as_bytes();
    if !wire::is_ours(value) {
        return Err("not_ours");
    }
    let channel = text(&case["channel"]);
    if value.len() + channel.len() - 2 > 4096 {
        return Err(Rejection::Oversized.name());
    }
    let envelope = Envelope::parse(value).map_err(Rejection::name)?;
    let key = match keys.find(&envelope.key_id(), NOW) {
        Found::Key(key) if key.suite() == envelope.suite() => key,
        Found::Foreign => return Err("foreign"),
        _ => return Err(Rejection::UnknownKey(envelope.key_id()).name()),
    };
    let mut plain = Vec::new();
    seal::unseal(key, &envelope, channel, &bytes(&case["scope"]), &mut plain)
        .map_err(Rejection::name)?;
    Ok(plain)
}

#[test]
fn envelopes() {
    for (path, case) in cases("envelope") {
        let keys = keys(&case);
        let opened = open(&case, &keys);
        if case["expect"] == "ok" {
            let plain = bytes(&case["plaintext"]);
            assert_eq!(opened.as_deref(), Ok(&*plain), "{path:?}");
            if case.get("nonce").is_some() {
                let id = Envelope::parse(text(&case["text"]).as_bytes()).unwrap().key_id();
                let Found::Key(key) = keys.find(&id, NOW) else { std::panic!("{path:?}") };
                let mut again = String::new();
                let scope = bytes(&case["scope"]);
                seal::seal(
                    key,
                    array(&case["nonce"]),
                    text(&case["channel"]),
                    &scope,
                    &plain,
                    &mut again,
                )
                .unwrap();
                assert_eq!(again, text(&case["text"]), "{path:?}");
            }
        } else {
            assert_eq!(opened, Err(text(&case["expect"])), "{path:?}");
        }
    }
}

fn entry_json(entry: &Entry<'_>, with_stamp: bool) -> Value {
    let mut json = match entry.content {
        Content::Value { encoding, bytes } => json!({"encoding": encoding, "value": hex(bytes)}),
        Content::Tombstone => json!({"tombstone": true}),
    };
    json["name"] = hex(entry.name).into();
    if with_stamp {
        json["stamp"] = entry.stamp.as_millis().into();
    }
    json
}

fn frames(folder: &str) {
    for (path, case) in cases(folder) {
        let frame = bytes(&case["frame"]);
        let kind = text(&case["kind"]);
        let read = |frame: &[u8]| -> Result<(Value, Vec<u8>), Rejection> {
            Ok(match kind {
                "r" | "single" => {
                    let root = Root::parse(frame, kind == "single")?;
                    let mut fields = json!({
                        "lineage": hex(&root.lineage.0), "born": root.born, "renewed": root.renewed.as_millis(),
                        "auth": root.auth, "seen": root.seen, "subject": root.subject.map(|s| hex(&s.0)),
                        "salt": root.salt,
                        "entries": root.identity().map(|e| entry_json(&e, false)).collect::<Vec<_>>(),
                    });
                    if let Some(part) = &root.fields {
                        fields["newest"] = part.newest().as_millis().into();
                        fields["fields"] = part.entries().map(|e| entry_json(&e, true)).collect();
                    }
                    (fields, root.encode())
                }
                "e" => {
                    let marker = Marker::parse(frame)?;
                    let fields = json!({
                        "lineage": hex(&marker.lineage.0), "stamp": marker.stamp.as_millis(), "salt": marker.salt,
                    });
                    (fields, marker.encode())
                }
                _ => {
                    let fragment = Fragment::parse(frame.to_vec())?;
                    let entries: Vec<Entry<'_>> = fragment.entries().collect();
                    let salt = if frame[0] & 4 == 0 {
                        0
                    } else {
                        u8::try_from(case["fields"]["salt"].as_u64().unwrap()).unwrap()
                    };
                    let fields = json!({
                        "newest": fragment.newest().as_millis(), "count": fragment.count, "salt": salt,
                        "entries": entries.iter().map(|e| entry_json(e, true)).collect::<Vec<_>>(),
                    });
                    (fields, Fragment::new(fragment.count, salt, &entries).frame().to_vec())
                }
            })
        };
        if case["expect"] != "ok" {
            let refused = read(&frame).map(|_| ()).map_err(Rejection::name);
            assert_eq!(refused, Err(text(&case["expect"])), "{path:?}");
            continue;
        }
        let expected = (case["fields"].clone(), frame.clone());
        assert_eq!(read(&frame), Ok(expected.clone()), "{path:?}");
        assert_eq!(read(&bytes(&case["padded"])), Ok(expected.clone()), "{path:?}");
        assert_eq!(
            bytes(&case["padded"]).len(),
            Padding::Padme.padded_len(frame.len()),
            "{path:?}"
        );
        if let Some(padded) = case.get("also_accepted") {
            assert_eq!(read(&bytes(padded)), Ok(expected), "{path:?}");
        }
        let keys = keys(&case);
        let lineage = Lineage(array(if kind == "a" || kind == "u" {
            &case["lineage"]
        } else {
            &case["fields"]["lineage"]
        }));
        let name = Suffix::parse(text(&case["name"])).unwrap();
        let subject = case.get("subject").filter(|s| !s.is_null()).map(|s| Subject(array(s)));
        let named = match kind {
            "single" => Suffix::SINGLE,
            _ => Suffix::of(&keys, name.kind(), lineage, &frame),
        };
        assert_eq!(named, name, "{path:?}");
        if matches!(name.kind(), Kind::Anonymous | Kind::Subject) {
            let (scope, len) = scope(lineage, subject);
            assert_eq!(&scope[..len], bytes(&case["scope"]), "{path:?}");
        }
        if let Some(id) = case.get("session_id") {
            let root = Root::parse(&frame, kind == "single").unwrap();
            assert_eq!(
                hex(&keys.session_id(&root.lineage.0, root.renewed.as_millis())),
                text(id),
                "{path:?}"
            );
            let subject = root.subject.map(|s| s.0);
            let id = keys.revocation_id(&root.lineage.0, subject.as_ref());
            assert_eq!(hex(id.as_bytes()), text(&case["revocation_id"]), "{path:?}");
        }
    }
}

#[test]
fn roots() {
    frames("root");
}

#[test]
fn markers() {
    frames("marker");
}

#[test]
fn fragments() {
    frames("fragment");
}

fn policy(case: &Value) -> Policy {
    let secs = |value: &Value| value.as_u64().map(core::time::Duration::from_secs);
    let lifetime = &case["lifetime"];
    let names = |value: &Value| {
        value.as_array().map(|names| names.iter().map(|n| text(n).to_owned()).collect())
    };
    Policy {
        cookie: CookieSpec::named(text(&case["base"])),
        header: case.get("header").map(|name| HeaderSpec::named(text(name))),
        lifetime: Lifetime {
            idle: secs(&lifetime["idle"]),
            absolute: secs(&lifetime["absolute"]).unwrap(),
            leeway: secs(&lifetime["leeway"]).unwrap(),
        },
        subject: case["policy"]["subject"].as_str().map(ToOwned::to_owned),
        identity: names(&case["policy"]["identity"]).unwrap_or_default(),
        ..Policy::default()
    }
}

fn cookie_line(case: &Value) -> String {
    let pairs = case["cookies"].as_array().unwrap().iter();
    let pairs: Vec<String> =
        pairs.map(|pair| std::format!("{}={}", text(&pair[0]), text(&pair[1]))).collect();
    pairs.join("; ")
}

/// Reads the jar, or the lines of the header, as a server does and describes it as the vectors do.
fn read_jar(case: &Value, lines: &[&[u8]]) -> Value {
    let (keys, policy) = (keys(case), policy(case));
    let now = Timestamp::from_millis(case["now"].as_u64().unwrap());
    let (carrier, base, found) = if let Some(header) = &policy.header {
        let found = header::collect(header, lines.iter().copied());
        (Carrier::Header(header), header.name(), found)
    } else {
        let base = policy.cookie.base();
        let found = cookie::collect(base, lines.iter().copied());
        (Carrier::Cookies(&policy.cookie), base, found)
    };
    let foreign: BTreeSet<String> = found
        .iter()
        .filter(|found| found.chars <= 4096 + 3)
        .filter(|found| {
            Envelope::parse(found.value).is_ok_and(|e| e.key_id().mark() != keys.mark())
        })
        .map(|found| name(base, found.suffix))
        .collect();
    let all: BTreeSet<String> = found.iter().map(|found| name(base, found.suffix)).collect();
    let (mut jar, sealed) = Jar::open(found, &keys, &BTreeSet::new(), carrier, now);
    let lineages = Lineages::of(&jar.roots, &jar.markers);
    jar.open_fragments(&sealed, carrier, now);
    let view = revocation::view(case, KeyRing::for_tests(), now);
    let revoked = Revoked { view: &view, keys: &keys, staleness: &policy.staleness, received: now };
    let law = Law { lifetime: &policy.lifetime, revoked };
    let admitted = Admitted::judge(lineages, &jar, law);
    let head = admitted.winner(&jar).map(|head| &head.frame);
    assert_eq!(jar.foreign, foreign.len(), "{}", case["description"]);

    let lineages_that = |wanted: fn(&Standing, &Root) -> bool| -> Vec<String> {
        let of = admitted
            .lineages
            .iter()
            .filter(|(group, standing)| wanted(standing, &jar.roots[group.head].frame));
        let mut names: Vec<String> = of.map(|(group, _)| hex(&group.lineage.0)).collect();
        names.sort();
        names
    };
    let mut rejected: BTreeMap<String, &str> = jar
        .refused
        .iter()
        .map(|refused| (name(base, &refused.suffix), refused.why.name()))
        .collect();
    for (group, standing) in &admitted.lineages {
        if let Standing::Refused { why, .. } = standing {
            rejected.insert(name(base, jar.roots[group.head].suffix.as_str()), reason(*why));
        }
    }
    let mut misplaced = BTreeSet::new();
    let (mut state_json, mut identity) = (json!({}), json!({}));
    if let Some(head) = head {
        let joined = join(&holdings(&jar, &admitted, head, |_| true));
        let entries = state(head, &joined, &policy, |name| {
            misplaced.insert(hex(name));
        });
        for entry in head.identity() {
            let mut entry = entry_json(&entry, false);
            let name = entry.as_object_mut().unwrap().remove("name").unwrap();
            identity[text(&name)] = entry;
        }
        for entry in entries.iter().filter(|e| !head.identity().any(|held| held.name == e.name)) {
            let joined = joined.iter().find(|joined| joined.entry == *entry).unwrap();
            let mut json = entry_json(entry, true);
            json["under_subject"] = joined.under_subject.into();
            let name = json.as_object_mut().unwrap().remove("name").unwrap();
            state_json[text(&name)] = json;
        }
    }
    // What was neither opened nor refused was left unread.
    let read: BTreeSet<String> = rejected
        .keys()
        .cloned()
        .chain(foreign.iter().cloned())
        .chain(jar.roots.iter().map(|p| name(base, p.suffix.as_str())))
        .chain(jar.markers.iter().map(|p| name(base, p.suffix.as_str())))
        .chain(jar.fragments.iter().map(|p| name(base, p.suffix.as_str())))
        .chain(jar.orphans.iter().map(|p| name(base, p.as_str())))
        .collect();
    let unopened: BTreeSet<&String> = all.difference(&read).collect();
    let orphans: BTreeSet<String> = jar.orphans.iter().map(|p| name(base, p.as_str())).collect();
    let fresh = admitted.kept_head;
    json!({
        "served": revocation::served(&revoked, head),
        "winner": head.map(|head| hex(&head.lineage.0)),
        "session_id": head.map(|head| hex(&keys.session_id(&head.lineage.0, head.renewed.as_millis()))),
        "subject": head.and_then(|head| head.subject).map(|subject| hex(&subject.0)),
        "adopted": if fresh { Vec::new() } else { lineages_that(|s, _| *s == Standing::Adopted) },
        "closed": lineages_that(|s, _| *s == Standing::Closed),
        "losing": if fresh { Vec::new() } else { lineages_that(|s, head| {
            head.subject.is_some() && matches!(s, Standing::Losing | Standing::Refused { .. })
        }) },
        "state": state_json,
        "identity": identity,
        "misplaced": misplaced,
        "rejected": rejected,
        "foreign": foreign,
        "unopened": unopened,
        "orphans": if fresh { BTreeSet::new() } else { orphans },
        "partial": admitted.kept_head || jar.has_kept(),
    })
}

/// The page has one reason for both limits.
fn reason(why: Rejection) -> &'static str {
    match why {
        Rejection::AbsoluteExpired | Rejection::IdleExpired => "expired",
        why => why.name(),
    }
}

fn name(base: &str, suffix: &str) -> String {
    if suffix.is_empty() { base.to_owned() } else { std::format!("{base}.{suffix}") }
}

#[test]
fn joins() {
    let mut failed = 0;
    for (path, case) in cases("join") {
        if let Some(values) = case.get("values") {
            let values: Vec<&[u8]> =
                values.as_array().unwrap().iter().map(|value| text(value).as_bytes()).collect();
            failed += mismatches(&path, &case, &read_jar(&case, &values));
            continue;
        }
        let expect = &case["expect"];
        let forwards = cookie_line(&case);
        let mut orders = vec![forwards.clone()];
        if expect["unopened"].as_array().is_none_or(Vec::is_empty) {
            let mut reversed: Vec<&str> = forwards.split("; ").collect();
            reversed.reverse();
            orders.push(reversed.join("; "));
        }
        for order in orders {
            failed += mismatches(&path, &case, &read_jar(&case, &[order.as_bytes()]));
        }
    }
    assert_eq!(failed, 0);
}

fn mismatches(path: &Path, case: &Value, read: &Value) -> usize {
    let mut failed = 0;
    for (member, expected) in case["expect"].as_object().unwrap() {
        if read[member] != *expected {
            failed += 1;
            println!(
                "{}: {member}\n  read     {}\n  expected {expected}",
                path.display(),
                read[member]
            );
        }
    }
    failed
}

/// The table in the README and in the specification.
#[test]
fn a_disposition_for_every_reason_and_a_size_for_every_frame() {
    assert_eq!(Rejection::UnknownVersion.disposition(), Disposition::Keep);
    let cookie = CookieSpec::named("hv");
    let chars = Carrier::Cookies(&cookie).parcel_len("rAAAAAAAA", 24);
    assert_eq!(chars, "hv.".len() + 9 + 86);
    assert_eq!(Stamp::from_millis(u64::MAX), Stamp::MAX);
}
