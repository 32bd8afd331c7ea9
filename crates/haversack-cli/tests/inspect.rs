//! `haversack inspect` as its users run it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use haversack::{
    Each, Entropy, Exchange, Feed as _, Fixed, HeaderSpec, KeyRing, Layout, NoEntropy, Policy,
    Room, Rules, Snapshot, Timestamp,
};
use serde::{Deserialize, Serialize};

/// 2026-01-01T00:00:00Z.
const START: u64 = 1_767_225_600_000;

#[derive(Default, Serialize, Deserialize)]
struct Shop {
    user: Option<String>,
    cart: Each<BTreeMap<String, u32>>,
    theme: String,
}

/// Bytes that differ; no secret.
struct Counter(u64);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes()[0];
        }
        Ok(())
    }
}

/// A key file, and a client whose cookies its keys seal.
struct Shelf {
    keys: PathBuf,
    snapshot: Snapshot<Shop>,
    /// Every line that was set, in order.
    lines: Vec<String>,
    cookies: BTreeMap<String, String>,
    now: u64,
    entropy: Counter,
}

impl Shelf {
    fn new(name: &str) -> Self {
        Self::with(name, Policy::default())
    }

    fn with(name: &str, policy: Policy) -> Self {
        let mut entropy = Counter(name.bytes().map(u64::from).sum());
        let ring =
            KeyRing::generate("shop.example", Timestamp::from_millis(START), &mut entropy).unwrap();
        let keys = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.keys"));
        let _ = fs::remove_file(&keys);
        haversack_fleet::file::create(&keys, &ring).unwrap();
        let policy = Policy { subject: Some("user".into()), ..policy };
        let rules = Arc::new(Rules::new(policy).unwrap());
        let snapshot = Snapshot::new(rules, Fixed::from(ring).view());
        Self { keys, snapshot, lines: Vec::new(), cookies: BTreeMap::new(), now: START, entropy }
    }

    fn signed_in(name: &str) -> Self {
        let mut shelf = Self::new(name);
        shelf.change(|shop| {
            shop.cart.insert("tea".into(), 2);
            shop.theme = "dark\u{1b}[31m".into();
        });
        shelf.now += 60_000;
        shelf.change(|shop| {
            shop.user = Some("ada".into());
        });
        shelf
    }

    /// Signs in over the header, and hands back its value.
    fn value(&mut self) -> String {
        let now = Timestamp::from_millis(self.now);
        let mut exchange = Exchange::receive_header(&self.snapshot, [], now).unwrap();
        let (decoded, since) = exchange.value();
        let mut shop = decoded.value;
        shop.user = Some("ada".into());
        shop.theme = "dark".into();
        exchange.hand_back(&shop, since).unwrap();
        exchange.respond(Room::default(), now, &mut self.entropy).header.unwrap()
    }

    fn change(&mut self, act: impl FnOnce(&mut Shop)) {
        let now = Timestamp::from_millis(self.now);
        let header = self.header();
        let mut exchange = Exchange::receive(&self.snapshot, [header.as_bytes()], now);
        let (decoded, since) = exchange.value();
        let mut shop = decoded.value;
        act(&mut shop);
        exchange.hand_back(&shop, since).unwrap();
        let outcome = exchange.respond(Room::default(), now, &mut self.entropy);
        for line in outcome.set_cookies {
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
            self.lines.push(line);
        }
    }

    fn header(&self) -> String {
        let pairs: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Runs the command some minutes later.
    fn inspect(&self, input: &str, more: &[&str]) -> Output {
        self.inspect_at("2026-01-01T00:06:00Z", input, more)
    }

    fn inspect_at(&self, now: &str, input: &str, more: &[&str]) -> Output {
        let keys = self.keys.to_str().unwrap();
        let mut arguments = vec!["--keys", keys, "--now", now];
        arguments.extend(more);
        run(input, &arguments)
    }
}

fn run(input: &str, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_haversack"))
        .arg("inspect")
        .args(arguments)
        .env_remove("HAVERSACK_KEYS")
        .env_remove("COLUMNS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read what it is given.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&text(output)).unwrap()
}

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn a_session_is_told_to_people() {
    let shelf = Shelf::signed_in("people");
    let out = text(&shelf.inspect(&format!("Cookie: other=1; {}", shelf.header()), &[]));
    assert_has(
        &out,
        &[
            "read a Cookie header: 3 cookies, 2 of ours, named __Host-Http-hv.…",
            "session    signed in\n",
            "begun      2026-01-01 00:00:00Z, 6 min ago",
            "signed in  2026-01-01 00:01:00Z, 5 min ago",
            "ends       in 23 h 55 min unless it is used, in 13 d 23 h in any case",
            "of 2,700 characters",
            "writable   yes",
            ": the session\n",
            "head, signed in as ",
            "cart[\"tea\"]",
            "\"dark\\u001b[31m\"",
            "identity   \"ada\"",
            "sets nothing: nothing is due",
        ],
    );
    assert!(!out.contains('\u{1b}') && !out.contains("problems"), "{out}");

    let hidden = text(&shelf.inspect(&shelf.header(), &["--no-values"]));
    assert_has(&hidden, &["cart[…]", "theme"]);
    assert!(!hidden.contains("tea") && !hidden.contains("ada") && !hidden.contains("dark"));
}

#[test]
fn a_session_is_told_to_scripts() {
    let shelf = Shelf::signed_in("scripts");
    let out = json(&shelf.inspect(&shelf.header(), &["--json"]));
    assert_eq!(out["session"]["arrival"], "admitted");
    assert_eq!(out["session"]["signed_in"], true);
    assert_eq!(out["session"]["times"]["auth"], START + 60_000);
    assert_eq!(out["session"]["times"]["idle_end"], START + 60_000 + 86_400_000);
    assert_eq!(out["lineages"][0]["standing"], "winner");
    assert_eq!(out["parcels"].as_array().unwrap().len(), 2);
    let fields = out["fields"].as_array().unwrap();
    let of = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    assert_eq!(of("user")["value"], "\"ada\"");
    assert_eq!(of("user")["from_head"], true);
    assert_eq!((&of("cart")["key"], &of("cart")["value"]), (&"\"tea\"".into(), &"2".into()));
    assert_eq!(out["problems"].as_array().unwrap().len(), 0);
}

#[test]
fn a_response_a_jar_and_a_file_tell_the_same() {
    let shelf = Shelf::signed_in("same");
    let expected = json(&shelf.inspect(&shelf.header(), &["--json"]));
    let response = shelf.lines.join("\r\n< Set-Cookie: ");
    let of_response = json(
        &shelf.inspect(&format!("< HTTP/1.1 200 OK\r\n< Set-Cookie: {response}\r\n"), &["--json"]),
    );
    assert_eq!(of_response["input"]["format"], "set_cookie");
    assert_eq!(of_response["input"]["deleted"], 1);
    assert_eq!(of_response["fields"], expected["fields"]);

    let mut jar = String::from("# Netscape HTTP Cookie File\n");
    for (name, value) in &shelf.cookies {
        let row = ["#HttpOnly_shop.example", "FALSE", "/", "TRUE", "1893456000", name, value];
        jar += &row.join("\t");
        jar.push('\n');
    }
    let of_jar = json(&shelf.inspect(&jar, &["--json"]));
    assert_eq!(of_jar["input"]["format"], "jar");
    assert_eq!(of_jar["fields"], expected["fields"]);

    let file = shelf.keys.with_extension("txt");
    fs::write(&file, &jar).unwrap();
    let of_file = json(&shelf.inspect("", &["--json", file.to_str().unwrap()]));
    assert_eq!(of_file, of_jar);
}

#[test]
fn what_is_wrong_is_explained() {
    let shelf = Shelf::signed_in("wrong");
    let other = Shelf::new("other");
    let header = shelf.header();
    let foreign = text(&other.inspect(&header, &["--tenant", "x"]));
    assert_has(
        &foreign,
        &["session    none", "2 cookies of another ring", "--tenant and --purpose"],
    );

    let (first, _) = header.split_once("; ").unwrap();
    let orphaned = text(&shelf.inspect(first, &[]));
    assert_has(&orphaned, &["no root here opens 1 fragment", "paste all cookies", "deletes a"]);

    let cut = text(&shelf.inspect(&header[..header.len() - 1], &[]));
    assert_has(&cut, &["problems", "session    none"]);

    let idle = text(&shelf.inspect_at("2026-01-03", &header, &["--idle", "1h"]));
    assert_has(&idle, &["session    none: the session was idle for too long", "--idle"]);

    let twice = text(&shelf.inspect(&format!("{header}; {header}"), &[]));
    assert_has(&twice, &["the same cookie name came more than once"]);
}

#[test]
fn a_key_that_this_file_lacks_is_named() {
    let mut shelf = Shelf::signed_in("stale");
    let ring = KeyRing::parse(&fs::read_to_string(&shelf.keys).unwrap()).unwrap();
    let now = Timestamp::from_millis(shelf.now);
    let rotated = ring.rotate(now, &mut shelf.entropy, 0, KeyRing::overlap_ms(86_400_000)).unwrap();
    let (old, new) = (ring.keys(now).next().unwrap().id, rotated.sealing(now).unwrap().id);
    assert_ne!(old, new);
    shelf.snapshot = shelf.snapshot.with_view(Fixed::from(rotated).view());
    shelf.now += 1_000;
    shelf.change(|shop| shop.theme = "light".into());
    let out = text(&shelf.inspect(&shelf.header(), &[]));
    assert_has(
        &out,
        &[
            &format!("key {new} unknown: this key file (revision 1) is older than the server's"),
            "session    unknown: a root or an end marker cannot be judged here",
            "writable   no: ",
        ],
    );
}

#[test]
fn without_keys_it_tells_what_can_be_told() {
    let shelf = Shelf::signed_in("keyless");
    let out = text(&run(&shelf.header(), &[]));
    assert_has(&out, &["as they look from outside", "root", "fragment, anonymous", "--keys FILE"]);
    assert!(!out.contains("ada"));
    let out = json(&run(&shelf.header(), &["--json"]));
    assert_eq!(out["parcels"][1]["kind"], "root");
    assert_eq!(out["parcels"][1]["suite"], "A");

    let renamed = shelf.header().replace("__Host-Http-hv", "shop");
    assert_has(&text(&run(&renamed, &[])), &["named shop.… (as in the input"]);
}

#[test]
fn what_is_no_input_is_refused_with_an_example() {
    for input in ["", "hello\n", "hv1AmjnZzStRlF3C"] {
        let output = run(input, &[]);
        assert_eq!(output.status.code(), Some(1), "{input:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_has(&error, &["error: ", "hint: "]);
    }
    let missing = run("a=1", &["--keys", "does-not-exist.keys"]);
    assert_eq!(missing.status.code(), Some(1));
    assert_has(&String::from_utf8(missing.stderr).unwrap(), &["there is no `does-not-exist.keys`"]);
    assert_eq!(run("a=1", &["--idle", "soon"]).status.code(), Some(2));
}

#[test]
fn one_cookie_is_told_as_a_whole_session() {
    let mut shelf = Shelf::with("single", Policy { layout: Layout::Single, ..Policy::default() });
    shelf.change(|shop| {
        shop.cart.insert("tea".into(), 2);
        shop.user = Some("ada".into());
    });
    let out = text(&shelf.inspect(&shelf.header(), &[]));
    assert_has(
        &out,
        &[
            "1 cookie, 1 of ours, named __Host-Http-hv.…",
            "session    signed in\n",
            ": the session\n",
            "__Host-Http-hv  whole session",
            "bytes of identity; 1 entry, ",
            "cart[\"tea\"]",
            "sets nothing: nothing is due",
        ],
    );
    assert!(!out.contains("problems"), "{out}");
    let out = json(&shelf.inspect(&shelf.header(), &["--json"]));
    assert_eq!(out["parcels"][0]["kind"], "whole_session");
    assert_eq!(out["parcels"][0]["fields"]["entries"], 1);
    assert_eq!(out["session"]["signed_in"], true);
    // Hours later a touch is due, and sets the one cookie anew.
    let later = text(&shelf.inspect_at("2026-01-01T05:00:00Z", &shelf.header(), &[]));
    assert_has(&later, &["touch sets __Host-Http-hv (", "of Set-Cookie lines"]);
    let renamed = shelf.header().replace("__Host-Http-hv", "shop");
    assert_has(&text(&run(&renamed, &[])), &["named shop.… (as in the input", "whole session"]);
}

#[test]
fn a_header_is_read_as_an_api_client_sends_it() {
    let header = Some(HeaderSpec::named("haversack-session"));
    let mut shelf = Shelf::with("header", Policy { header, ..Policy::default() });
    let value = shelf.value();
    let name = ["--header", "Haversack-Session"];
    let line = format!("GET / HTTP/1.1\nHaversack-Session: {value}\nCookie: other=1\n");
    let out = text(&shelf.inspect(&line, &name));
    assert_has(
        &out,
        &[
            "read a header: 1 value of `haversack-session`",
            "session    signed in\n",
            "haversack-session  whole session",
            "identity   \"ada\"",
            "\"dark\"",
        ],
    );
    assert_eq!(text(&shelf.inspect(&value, &name)), out);
    let answer = format!("> haversack-session;\n< haversack-session: {value}\n");
    assert_eq!(text(&shelf.inspect(&answer, &name)), out);
    let script = json(&shelf.inspect(&value, &["--header", "haversack-session", "--json"]));
    assert_eq!(script["input"]["transport"], "header");
    assert_eq!(script["session"]["arrival"], "admitted");
    let keyless = text(&run(&value, &name));
    assert_has(&keyless, &["as they look from outside", "whole session"]);
    assert_has(
        &text(&shelf.inspect("haversack-session:", &name)),
        &["session    none: an empty value asks for a new one"],
    );
}

#[test]
fn what_is_wrong_with_a_header_is_explained() {
    let header = Some(HeaderSpec::named("haversack-session"));
    let mut shelf = Shelf::with("bad-header", Policy { header, ..Policy::default() });
    let value = shelf.value();
    let inspect = |input: &str, name: &str| text(&shelf.inspect(input, &["--header", name]));
    let line = format!("haversack-session: {value}\n");
    assert_has(
        &inspect(&format!("{line}{line}"), "haversack-session"),
        &["the header came on two lines", "deletes haversack-session"],
    );
    let joined = format!("haversack-session: {value}, {value}");
    assert_has(&inspect(&joined, "haversack-session"), &["joined two lines by a comma"]);
    assert_has(&inspect(&value, "x-session"), &["under another --header", "of the header"]);
    assert_has(
        &text(&shelf.inspect(&format!("__Host-Http-hv={value}"), &[])),
        &["session    none: not sealed by the key it names for this place"],
    );
    let missing = run("a: b", &["--header", "x-session"]);
    assert_eq!(missing.status.code(), Some(1));
    assert_has(&String::from_utf8(missing.stderr).unwrap(), &["no header `x-session`", "hint: "]);
    let bad = shelf.inspect("two words: a", &["--header", "two words"]);
    assert_eq!(bad.status.code(), Some(1));
}

#[test]
fn sessions_of_both_layouts_in_one_jar_are_pointed_out() {
    let mut shelf = Shelf::with("both", Policy { layout: Layout::Single, ..Policy::default() });
    shelf.change(|shop| shop.theme = "dark".into());
    let one = std::mem::take(&mut shelf.cookies);
    let policy = Policy { subject: Some("user".into()), ..Policy::default() };
    let rules = Arc::new(Rules::new(policy).unwrap());
    shelf.snapshot = Snapshot::new(rules, Arc::clone(shelf.snapshot.view()));
    shelf.now += 2_000;
    shelf.change(|shop| {
        shop.cart.insert("tea".into(), 2);
    });
    shelf.cookies.extend(one);
    let out = text(&shelf.inspect(&shelf.header(), &[]));
    assert_has(
        &out,
        &["sessions of both layouts", "adopted: an anonymous session whose fields join"],
    );
    let later = text(&shelf.inspect_at("2026-01-01T00:30:00Z", &shelf.header(), &[]));
    assert_has(&later, &["fold sets __Host-Http-hv (", " and deletes a"]);
}
