//! One request served as an adapter would, with everything asked that can be asked.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use haversack::{
    Arrival, Each, Entropy, Exchange, Feed as _, Fixed, HeaderSpec, Layout, NoEntropy, Outcome,
    Policy, Room, Rules, SealError, Snapshot, Timestamp,
};
use haversack_testkit::{CookieJar, Site};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::forge::{self, HEADER, NOW};
use crate::jar::Cookies;

/// A session with one field of each kind that the codec knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Shop {
    pub(crate) user: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) cart: Each<BTreeMap<u32, String>>,
    pub(crate) theme: String,
    pub(crate) visits: u64,
    pub(crate) ratio: f64,
    pub(crate) address: Address,
    pub(crate) step: Step,
    pub(crate) notes: BTreeMap<String, Option<i32>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Address {
    street: String,
    zip: Option<u32>,
    point: (i8, u8),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Step {
    #[default]
    Browsing,
    Paying(u16),
    Done {
        order: String,
        paid: bool,
    },
}

/// Bytes that look random and are the same in every run (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Seeded(pub(crate) u64);

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in bytes {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (z ^ (z >> 31)).to_le_bytes()[0];
        }
        Ok(())
    }
}

/// The rules and keys of all requests.
pub(crate) fn snapshot() -> &'static Snapshot<Shop> {
    static SNAPSHOT: LazyLock<Snapshot<Shop>> = LazyLock::new(|| with_layout(Layout::Merging));
    &SNAPSHOT
}

/// The same, but that new sessions are one cookie.
fn single() -> &'static Snapshot<Shop> {
    static SNAPSHOT: LazyLock<Snapshot<Shop>> = LazyLock::new(|| with_layout(Layout::Single));
    &SNAPSHOT
}

fn with_layout(layout: Layout) -> Snapshot<Shop> {
    let policy = Policy {
        subject: Some("user".into()),
        identity: vec!["roles".into()],
        keep: vec!["theme".into()],
        header: Some(HeaderSpec::named(HEADER)),
        layout,
        ..Policy::default()
    };
    let rules = Arc::new(Rules::new(policy).expect("a policy that fits"));
    Snapshot::new(rules, Fixed::from(forge::ring()).view())
}

/// The request as it arrives.
pub(crate) fn receive(lines: &[&[u8]], now: u64) -> Exchange<Shop> {
    Exchange::receive(snapshot(), lines.iter().copied(), Timestamp::from_millis(now))
}

/// The request of an API client as it arrives, with the values of its header's lines.
pub(crate) fn receive_header(lines: &[&[u8]], now: u64) -> Exchange<Shop> {
    Exchange::receive_header(snapshot(), lines.iter().copied(), Timestamp::from_millis(now))
        .expect("a header is configured")
}

/// What a request with these `Cookie` lines reads.
pub(crate) fn read(lines: &[&[u8]], now: u64) -> Shop {
    receive(lines, now).value().0.value
}

/// Serves requests with these lines, of a client whose new sessions are several cookies, and of one
/// whose new sessions are one: each looks, writes, and ends.
///
/// # Panics
///
/// 1. If reading and handing back is taken for a change.
/// 2. If a browser would refuse a line that we set, or the lines are more than a proxy takes.
/// 3. If a write was acknowledged and the client's next request does not read it. (It comes at
///    the same moment: some seeds are at their last.)
/// 4. If an end was acknowledged and somebody is still signed in at the next request.
pub(crate) fn serve(lines: &[&[u8]]) -> Arrival {
    let client = Cookies::of(lines);
    let next = |outcome: &Outcome| {
        let mut client = client.clone()?;
        client.apply(&outcome.set_cookies);
        Some(client.line())
    };
    for snapshot in [single(), snapshot()] {
        let open = |line: &[u8]| Exchange::receive(snapshot, [line], Timestamp::from_millis(NOW));
        let requests = Requests {
            open: &|| {
                let now = Timestamp::from_millis(NOW);
                Exchange::receive(snapshot, lines.iter().copied(), now)
            },
            reopen: &|outcome| next(outcome).map(|line| open(line.as_bytes())),
        };
        requests.serve();
    }
    receive(lines, NOW).arrival()
}

/// The same of an API client that sends its header on these lines.
pub(crate) fn serve_header(lines: &[&[u8]]) -> Arrival {
    let kept = match lines {
        [one] => one.trim_ascii().to_vec(),
        _ => Vec::new(), // what comes twice is not believed, and the client is told to forget it
    };
    let requests = Requests {
        open: &|| receive_header(lines, NOW),
        reopen: &|outcome| {
            assert!(outcome.set_cookies.is_empty(), "a cookie for an API client");
            if let Some(value) = &outcome.header {
                let fits = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
                assert!(fits && value.len() <= 3_400, "no header value: {value}");
            }
            let value = outcome.header.as_ref().map_or(&*kept, |value| value.as_bytes());
            Some(receive_header(&[value], NOW))
        },
    };
    requests.serve();
    receive_header(lines, NOW).arrival()
}

/// One request, again and again, and what the client sends next; `None` if it is no real client.
struct Requests<'a> {
    open: &'a dyn Fn() -> Exchange<Shop>,
    reopen: &'a dyn Fn(&Outcome) -> Option<Exchange<Shop>>,
}

impl Requests<'_> {
    fn serve(&self) {
        self.look();
        self.write();
        self.end();
    }

    fn look(&self) {
        let mut exchange = (self.open)();
        let (decoded, mark) = exchange.value();
        assert_eq!(exchange.info(true).arrival, exchange.arrival());
        let _ = (exchange.info(false), exchange.check(&decoded.value, mark));
        exchange.hand_back(&decoded.value, mark).expect("what was decoded can be encoded");
        assert!(exchange.is_untouched(), "a look was taken for a change: {:?}", decoded.value);
        let looked = respond(exchange, Room::default(), 1);
        assert!(looked.error.is_none(), "a look failed: {:?}", looked.error);
        if let Some(next) = (self.reopen)(&looked) {
            let next = next.value().0.value;
            // What was rejected may have been in the way, so more can be read now, but not less.
            assert!(next.theme == decoded.value.theme || decoded.value.theme.is_empty());
        }
    }

    fn write(&self) {
        let mut exchange = (self.open)();
        let (decoded, mark) = exchange.value();
        let mut shop = decoded.value;
        shop.theme = "written".into();
        shop.visits = shop.visits.wrapping_add(1);
        exchange.hand_back(&shop, mark).expect("what was decoded can be encoded");
        let wrote = respond(exchange, Room::default(), 2);
        if matches!(wrote.error, Some(SealError::Late)) {
            panic!("late, at the moment of its arrival");
        }
        if let (Some(next), None) = ((self.reopen)(&wrote), &wrote.error) {
            let next = next.value().0.value;
            assert_eq!((&next.theme, next.visits), (&shop.theme, shop.visits), "a write is lost");
        }
    }

    fn end(&self) {
        let mut exchange = (self.open)();
        exchange.end();
        let ended = respond(exchange, Room { identity: true, ..Room::default() }, 3);
        if let (Some(next), None) = ((self.reopen)(&ended), &ended.error) {
            assert!(!next.info(true).signed_in, "an end is lost");
        }
    }
}

fn respond(exchange: Exchange<Shop>, room: Room, seed: u64) -> Outcome {
    let outcome = exchange.respond(room, Timestamp::from_millis(NOW), &mut Seeded(seed));
    assert_lines(&outcome.set_cookies);
    outcome
}

fn assert_lines(lines: &[String]) {
    static SHOP: LazyLock<Url> =
        LazyLock::new(|| Url::parse("https://shop.example/").expect("an address"));
    let mut browser = CookieJar::new();
    for line in lines {
        browser
            .store(&SHOP, line.as_bytes(), Site::Same, NOW)
            .unwrap_or_else(|why| panic!("a browser refuses `{line}`: {why:?}"));
    }
    let size: usize = lines.iter().map(|line| "Set-Cookie: \r\n".len() + line.len()).sum();
    assert!(size <= 3_400, "{size} characters of lines");
}
