//! Two servers that meet the same request do the same maintenance: the same names, the same
//! deletions, the same frames. Over jars that random histories leave behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use haversack::inspect::{self, Contents, Inspection, Outcome};
use haversack::{
    Each, Entropy, Exchange, Fetch, KeyRing, Lifetime, NoEntropy, Policy, Room, Rules, Snapshot,
    Timestamp, View, Work,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::{Deserialize, Serialize};

use crate::client::{Jar, START, Seeded};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const GRACE: u64 = 5 * MINUTE;
/// The first key stops sealing then, in most histories somewhere in the middle.
const REKEY: u64 = 3 * HOUR;
const SLOT: u64 = 2 * SECOND;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Shop {
    user: Option<String>,
    cart: Each<BTreeMap<u8, String>>,
    note: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// What a client does; each takes some of the time that passes.
#[derive(Clone, Debug)]
enum Move {
    /// A request departs, with or without the jar's cookies.
    Depart {
        act: Act,
        cookies: bool,
    },
    /// One of those under way is answered, and so much of the answer is applied.
    Answer {
        which: prop::sample::Index,
        lines: usize,
    },
    Wait(u64),
}

#[derive(Clone, Debug)]
enum Act {
    Look,
    Put(u8, usize),
    Take(u8),
    Note(usize),
    Hint(bool),
    Login(bool),
    Renew,
    End,
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Look),
        6 => (0u8..12, 0usize..60).prop_map(|(key, len)| Act::Put(key, len)),
        2 => (0u8..12).prop_map(Act::Take),
        2 => (0usize..300).prop_map(Act::Note),
        2 => any::<bool>().prop_map(Act::Hint),
        1 => any::<bool>().prop_map(Act::Login),
        1 => Just(Act::Renew),
        1 => prop_oneof![3 => Just(Act::Look), 1 => Just(Act::End)],
    ]
}

fn histories() -> impl Strategy<Value = Vec<Move>> {
    let pauses = [1, 30, 11 * SECOND, 4 * MINUTE, 16 * MINUTE, 40 * MINUTE, 3 * HOUR];
    let step = prop_oneof![
        6 => (acts(), prop::bool::weighted(0.9))
            .prop_map(|(act, cookies)| Move::Depart { act, cookies }),
        6 => (any::<prop::sample::Index>(), prop_oneof![4 => Just(usize::MAX), 1 => 0usize..4])
            .prop_map(|(which, lines)| Move::Answer { which, lines }),
        3 => prop::sample::select(pauses.to_vec()).prop_map(Move::Wait),
    ];
    prop::collection::vec(step, 4..60)
}

/// The request that both servers meet: when, how far their clocks are apart, and the order in
/// which the second finds the cookies.
fn meetings() -> impl Strategy<Value = (u64, u64, u64)> {
    let pauses = [0, 11 * SECOND, 16 * MINUTE, 3 * HOUR];
    (prop::sample::select(pauses.to_vec()), 0..SLOT, any::<u64>())
}

/// Draws nothing: equal frames under equal names are then equal text.
struct Dry;

impl Entropy for Dry {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

fn policy() -> Policy {
    let lifetime =
        Lifetime { idle: Some(std::time::Duration::from_secs(12 * 3600)), ..Lifetime::default() };
    Policy { subject: Some("user".into()), lifetime, ..Policy::default() }
}

fn server() -> Snapshot<Shop> {
    let ring = KeyRing::generate("shop.example", Timestamp::from_millis(START), Seeded(9));
    let ring = ring.expect("a ring").rotate(
        Timestamp::from_millis(START),
        Seeded(10),
        REKEY,
        KeyRing::overlap_ms(12 * HOUR),
    );
    let view = View::from(ring.expect("a second key"));
    Snapshot::new(Arc::new(Rules::new(policy()).expect("a policy that fits")), Arc::new(view))
}

struct Request {
    act: Act,
    header: String,
    departed: u64,
}

impl Request {
    fn answer(self, server: &Snapshot<Shop>, now: u64, entropy: &mut Seeded) -> Vec<String> {
        let received = Timestamp::from_millis(self.departed);
        let mut exchange = Exchange::receive(server, [self.header.as_bytes()], received);
        let (decoded, since) = exchange.value();
        let mut shop = decoded.value;
        match self.act {
            Act::Look => {}
            Act::Put(key, len) => drop(shop.cart.insert(key, format!("{now}{}", "x".repeat(len)))),
            Act::Take(key) => drop(shop.cart.remove(&key)),
            Act::Note(len) => shop.note = format!("{now}{}", "y".repeat(len)),
            Act::Hint(given) => shop.hint = given.then(|| now.to_string()),
            Act::Login(ada) => shop.user = Some(if ada { "ada" } else { "bob" }.into()),
            Act::Renew => exchange.renew(),
            Act::End => exchange.end(),
        }
        exchange.hand_back(&shop, since).expect("encodable");
        let room = Room { identity: true, ..Room::default() };
        exchange.respond(room, Timestamp::from_millis(now), entropy).set_cookies
    }
}

/// What a history leaves in the jar, and when.
fn live(server: &Snapshot<Shop>, history: Vec<Move>) -> (Jar, u64) {
    let (mut jar, mut now, mut entropy) = (Jar::default(), START, Seeded(1));
    let mut under_way: Vec<Request> = Vec::new();
    for step in history {
        now += 7;
        match step {
            Move::Depart { act, cookies } => {
                let header = if cookies { jar.header() } else { String::new() };
                under_way.push(Request { act, header, departed: now });
            }
            Move::Answer { which, lines } if !under_way.is_empty() => {
                let request = under_way.swap_remove(which.index(under_way.len()));
                let answer = request.answer(server, now, &mut entropy);
                jar.apply(&answer[..lines.min(answer.len())]);
            }
            Move::Answer { .. } => {}
            Move::Wait(pause) => now += pause,
        }
        under_way.retain(|request| now - request.departed <= GRACE);
    }
    (jar, now)
}

/// The moments at which another window of maintenance begins for this jar.
fn turning_points(found: &Inspection) -> Vec<u64> {
    let lifetime = policy().lifetime;
    let idle = lifetime.idle.expect("a limit").as_millis() as u64;
    let absolute = lifetime.absolute.as_millis() as u64;
    let leeway = lifetime.leeway.as_millis() as u64;
    let mut points = vec![START + REKEY, START + REKEY + KeyRing::overlap_ms(idle)];
    for parcel in &found.parcels {
        match &parcel.outcome {
            Outcome::Opened(Contents::Root(root)) => {
                let (seen, auth) = (root.seen.as_millis(), root.auth.as_millis());
                points.push(root.renewed.as_millis() + 3 * GRACE + 1);
                points.push(seen + idle / 10 + SECOND); // counted in whole seconds
                let steps = (0..).map(|n| root.born.as_millis() + n * (idle / 40));
                points.extend(steps.take(600));
                for end in [seen + idle + leeway, auth + absolute + leeway] {
                    points.extend([end + 1, end + 3 * GRACE + 1]);
                }
            }
            Outcome::Opened(Contents::Marker(marker)) => {
                points.push(marker.stamp.as_millis() + 3 * GRACE + 1);
            }
            _ => {}
        }
    }
    points
}

fn reordered(header: &str, seed: u64) -> String {
    let mut pairs: Vec<&str> = header.split("; ").collect();
    let mut random = Seeded(seed);
    for at in (1..pairs.len()).rev() {
        let mut byte = [0];
        random.fill(&mut byte).expect("it never fails");
        pairs.swap(at, usize::from(byte[0]) % (at + 1));
    }
    pairs.join("; ")
}

/// The response of a server that only looks.
fn look(
    server: &Snapshot<Shop>,
    header: &str,
    now: u64,
    entropy: &mut impl Entropy,
) -> haversack::Outcome {
    let now = Timestamp::from_millis(now);
    let room = Room { fetch: Fetch::Navigation, ..Room::default() };
    Exchange::receive(server, [header.as_bytes()], now).respond(room, now, entropy)
}

/// Name and value of each line, without the attributes: the lifetime counts from now.
fn pairs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split(';').next().expect("a pair")).collect()
}

/// The same without the value, that of a deletion being empty.
fn names(lines: &[String]) -> Vec<(&str, bool)> {
    let name =
        |pair: &&'_ str| pair.split_once('=').map(|(name, value)| (name.len(), value.is_empty()));
    pairs(lines)
        .into_iter()
        .map(|pair| name(&pair).map(|(len, deletes)| (&pair[..len], deletes)).expect("a name"))
        .collect()
}

/// How often each kind of work was seen, so that the test can say that it tested something.
#[derive(Default)]
struct Seen([AtomicUsize; 5]);

impl Seen {
    fn note(&self, outcome: &haversack::Outcome) {
        let work = &outcome.report.maintenance;
        let did = |kind| usize::from(work.contains(&kind));
        let sealed = usize::from(outcome.report.sealed > 0);
        let deleted = usize::from(outcome.report.deleted > 0);
        let all = [did(Work::Fold), did(Work::Rekey), did(Work::Touch), sealed, deleted];
        for (count, did) in self.0.iter().zip(all) {
            count.fetch_add(did, Ordering::Relaxed);
        }
    }
}

#[test]
fn two_servers_that_meet_the_same_request_do_the_same_maintenance() {
    let server = server();
    let seen = Seen::default();
    // As many cases as PROPTEST_CASES says, 256 if it says nothing.
    let config =
        Config { failure_persistence: None, max_global_rejects: u32::MAX, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let met = runner.run(&(histories(), meetings()), |(history, (pause, apart, order))| {
        let (jar, now) = live(&server, history);
        let (header, now) = (jar.header(), now + pause);
        // The border of what a fold can take lies a second back.
        let other = (now - SECOND) / SLOT * SLOT + SECOND + apart;
        let found = inspect::jar(
            server.view(),
            &policy(),
            [header.as_bytes()],
            Timestamp::from_millis(now),
        );
        let found = found.expect("a policy that fits");
        let (first, last) = (now.min(other), now.max(other));
        prop_assume!(!turning_points(&found).iter().any(|at| first < *at && *at <= last));

        let one = look(&server, &header, now, &mut Seeded(2));
        let two = look(&server, &header, other, &mut Seeded(3));
        seen.note(&one);
        prop_assert_eq!(names(&one.set_cookies), names(&two.set_cookies));
        prop_assert_eq!(&one.report.maintenance, &two.report.maintenance);
        let differ = pairs(&one.set_cookies) != pairs(&two.set_cookies);
        prop_assert_eq!(differ, one.report.sealed > 0, "each has nonces of its own");

        let dry = look(&server, &header, now, &mut Dry);
        let again = look(&server, &header, other, &mut Dry);
        prop_assert_eq!(names(&dry.set_cookies), names(&one.set_cookies));
        prop_assert_eq!(pairs(&dry.set_cookies), pairs(&again.set_cookies), "other frames");

        let shuffled = look(&server, &reordered(&header, order), other, &mut Dry);
        if dry.report.waiting == 0 {
            let set = |lines: &[String]| -> BTreeSet<String> {
                pairs(lines).into_iter().map(String::from).collect()
            };
            prop_assert_eq!(set(&dry.set_cookies), set(&shuffled.set_cookies), "another order");
        }
        Ok(())
    });
    met.unwrap_or_else(|failed| panic!("{failed}"));
    let [folds, rekeys, touches, sealed, deleted] = seen.0.map(AtomicUsize::into_inner);
    println!(
        "{folds} folds, {rekeys} re-keys, {touches} touches, {sealed} that set, {deleted} that delete"
    );
    assert!([folds, rekeys, touches, deleted].into_iter().all(|count| count > 0), "untested work");
}
