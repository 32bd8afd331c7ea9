//! What revocation costs a request: the look-up among none and among a million records, beside a
//! hash set in memory and beside asking Redis.
//!
//! Every answer is checked inside the loop. Medians of rounds that alternate. Then what it costs to keep
//! a list of all sessions that somebody is signed in to.

mod listed;

use std::collections::HashSet;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haversack::{
    Entropy, Exchange, KeyRing, NoEntropy, Policy, Revocation, RevocationId, Revocations, Room,
    Rules, Snapshot, Timestamp, View,
};
use haversack_testkit::daemon::Daemon;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Shop {
    user: Option<String>,
    note: String,
}

struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// Ids that are looked for and not there.
const ABSENT: u32 = 4096;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (records, rounds) = if quick { (10_000, 3) } else { (1_000_000, 21) };
    let now = Timestamp::from_secs(1_800_000_000);
    let until = now.plus_millis(24 * 3_600_000);

    let ids: Vec<RevocationId> = (0..records).map(|_| RevocationId::from_bytes(random())).collect();
    let begun = Instant::now();
    let mut view = Revocations::new();
    for id in &ids {
        view.insert(&Revocation::Session { id: *id, until });
    }
    let loaded = begun.elapsed();
    let set: HashSet<RevocationId> = ids.iter().copied().collect();
    let absent: Vec<RevocationId> =
        (0..ABSENT).map(|_| RevocationId::from_bytes(random())).collect();
    println!("{records} records of sessions, {rounds} rounds; medians\n");
    println!("  loaded in                         {:8.0} ms", loaded.as_secs_f64() * 1e3);
    println!(
        "  memory of the view                {:8.1} bytes per record",
        per(view.bytes(), records)
    );

    // The look-up alone.
    let ours = || assert!(absent.iter().all(|id| !black_box(&view).is_closed(*id)));
    let theirs = || assert!(absent.iter().all(|id| !black_box(&set).contains(id)));
    let (ours, theirs) = alternate(rounds, 16, ours, theirs);
    let one = |time: Duration| time.as_secs_f64() * 1e9 / (16.0 * f64::from(ABSENT));
    println!("  one look-up, view                 {:8.1} ns", one(ours));
    println!(
        "  one look-up, std HashSet          {:8.1} ns    view / HashSet {:.2}",
        one(theirs),
        ratio(ours, theirs)
    );

    // One more record, while requests hold the view: they must go on seeing what they saw.
    let mut growing = view.clone();
    let mut more = (0u64..).map(|n| RevocationId::from_bytes(mix(n).to_be_bytes()));
    let mut time = Vec::new();
    for id in more.by_ref().take(if quick { 100 } else { 2_000 }) {
        let held = growing.clone();
        let begun = Instant::now();
        growing.insert(&Revocation::Session { id, until });
        time.push(begun.elapsed());
        assert!(growing.is_closed(id) && !held.is_closed(id));
    }
    time.sort_unstable();
    println!(
        "  one more record, view in use      {:8.1} µs",
        time[time.len() / 2].as_secs_f64() * 1e6
    );

    // A whole request: the signed-in session is opened and read.
    let (none, many) = (snapshot(Revocations::new(), now), snapshot(view.clone(), now));
    let cookie = login(&none, now);
    let open = |snapshot: &Snapshot<Shop>| {
        for _ in 0..64 {
            let exchange = Exchange::receive(snapshot, [black_box(cookie.as_bytes())], now);
            assert_eq!(exchange.value().0.value.user.as_deref(), Some("ada"));
        }
    };
    let (with_none, with_many) = alternate(rounds, 8, || open(&none), || open(&many));
    let one = |time: Duration| time.as_secs_f64() * 1e6 / (8.0 * 64.0);
    println!("  a request opened, nothing revoked {:8.2} µs", one(with_none));
    println!(
        "  a request opened, {records:>7} revoked {:7.2} µs    ratio {:.2}",
        one(with_many),
        ratio(with_many, with_none)
    );

    match Daemon::redis(false) {
        Ok(redis) => {
            let (time, asked) = ask_redis(&redis, if quick { 200 } else { 20_000 });
            let each = time.as_secs_f64() * 1e6 / f64::from(asked);
            println!(
                "  asking Redis on this machine      {each:8.2} µs    instead of {:.2} µs",
                one(with_many) - one(with_none)
            );
        }
        Err(error) => println!("  Redis was not asked: {error}"),
    }
    listed::measure(records);
}

fn snapshot(revocations: Revocations, now: Timestamp) -> Snapshot<Shop> {
    let policy = Policy { subject: Some("user".into()), ..Policy::default() };
    let rules = Arc::new(Rules::new(policy).expect("a policy that fits"));
    let view =
        View { revocations: Some(revocations), confirmed: now, ..View::from(KeyRing::for_tests()) };
    Snapshot::new(rules, Arc::new(view))
}

fn login(snapshot: &Snapshot<Shop>, now: Timestamp) -> String {
    let mut exchange = Exchange::receive(snapshot, [], now);
    let (_, since) = exchange.value();
    let shop = Shop { user: Some("ada".into()), note: "x".repeat(100) };
    exchange.hand_back(&shop, since).expect("encodable");
    let lines = exchange.respond(Room::default(), now, &mut Os).set_cookies;
    let pairs: Vec<&str> = lines.iter().filter_map(|line| line.split(';').next()).collect();
    pairs.join("; ")
}

/// What a session store asks at every request, on a connection that is open.
fn ask_redis(redis: &Daemon, times: u32) -> (Duration, u32) {
    let stream = TcpStream::connect(redis.address()).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let mut answers = BufReader::new(stream.try_clone().expect("the same connection"));
    let mut questions = stream;
    let mut line = String::new();
    let begun = Instant::now();
    for n in 0..times {
        let question = format!("EXISTS session:{n}\r\n");
        questions.write_all(question.as_bytes()).expect("sent");
        line.clear();
        answers.read_line(&mut line).expect("an answer");
        assert_eq!(line, ":0\r\n");
    }
    (begun.elapsed(), times)
}

/// The median time of `times` runs of each side.
fn alternate(
    rounds: usize,
    times: usize,
    ours: impl Fn(),
    theirs: impl Fn(),
) -> (Duration, Duration) {
    let round = |side: &dyn Fn()| {
        let begun = Instant::now();
        (0..times).for_each(|_| side());
        begun.elapsed()
    };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        left.push(round(&ours));
        right.push(round(&theirs));
    }
    left.sort_unstable();
    right.sort_unstable();
    (left[left.len() / 2], right[right.len() / 2])
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per(bytes: usize, records: usize) -> f64 {
    bytes as f64 / records as f64
}

fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

/// Spreads like a keyed hash.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
