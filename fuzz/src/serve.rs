//! One request served as an adapter would, with everything asked that can be asked.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use haversack::{
    Arrival, Each, Entropy, Exchange, Feed as _, Fixed, NoEntropy, Policy, Room, Rules, Snapshot,
    Timestamp,
};
use haversack_testkit::{CookieJar, Site};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::forge::{self, NOW};
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
    static SNAPSHOT: LazyLock<Snapshot<Shop>> = LazyLock::new(|| {
        let policy = Policy {
            subject: Some("user".into()),
            identity: vec!["roles".into()],
            keep: vec!["theme".into()],
            ..Policy::default()
        };
        let rules = Arc::new(Rules::new(policy).expect("a policy that fits"));
        Snapshot::new(rules, Fixed::from(forge::ring()).view())
    });
    &SNAPSHOT
}

/// The request as it arrives.
pub(crate) fn receive(lines: &[&[u8]], now: u64) -> Exchange<Shop> {
    Exchange::receive(snapshot(), lines.iter().copied(), Timestamp::from_millis(now))
}

/// What a request with these `Cookie` lines reads.
pub(crate) fn read(lines: &[&[u8]], now: u64) -> Shop {
    receive(lines, now).value().0.value
}

/// Serves three requests with these lines: one that looks, one that writes, one that ends.
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
    let now = Timestamp::from_millis(NOW);

    let mut exchange = receive(lines, NOW);
    let (decoded, mark) = exchange.value();
    let info = exchange.info(true);
    assert_eq!(info.arrival, exchange.arrival());
    let _ = (exchange.info(false), exchange.check(&decoded.value, mark));
    exchange.hand_back(&decoded.value, mark).expect("what was decoded can be encoded");
    assert!(exchange.is_untouched(), "a look was taken for a change: {:?}", decoded.value);
    let looked = exchange.respond(Room::default(), now, &mut Seeded(1));
    assert!(looked.error.is_none(), "a look failed: {:?}", looked.error);
    assert_lines(&looked.set_cookies);

    let mut exchange = receive(lines, NOW);
    let (decoded, mark) = exchange.value();
    let mut shop = decoded.value;
    shop.theme = "written".into();
    shop.visits = shop.visits.wrapping_add(1);
    exchange.hand_back(&shop, mark).expect("what was decoded can be encoded");
    let wrote = exchange.respond(Room::default(), now, &mut Seeded(2));
    assert_lines(&wrote.set_cookies);
    if let (Some(mut client), None) = (client.clone(), &wrote.error) {
        client.apply(&wrote.set_cookies);
        let next = read(&[client.line().as_bytes()], NOW);
        assert_eq!((&next.theme, next.visits), (&shop.theme, shop.visits), "a write is lost");
    }

    let mut exchange = receive(lines, NOW);
    exchange.end();
    let room = Room { identity: true, ..Room::default() };
    let ended = exchange.respond(room, now, &mut Seeded(3));
    assert_lines(&ended.set_cookies);
    if let (Some(mut client), None) = (client, &ended.error) {
        client.apply(&ended.set_cookies);
        let next = receive(&[client.line().as_bytes()], NOW);
        assert!(!next.info(true).signed_in, "an end is lost");
    }
    info.arrival
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
