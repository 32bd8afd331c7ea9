//! Maintenance: the same bytes whoever does it, and none when nothing is due.

use std::collections::BTreeSet;
use std::sync::Arc;

use haversack::{Budget, Exchange, Fetch, KeyRing, Policy, Room, Snapshot, View, Work};

use crate::client::{Client, START, Seeded};
use crate::events::{Shop, client, policy};

const HOUR: u64 = 3_600_000;

fn names(lines: &[String]) -> BTreeSet<String> {
    lines.iter().map(|line| line.split('=').next().expect("a name").to_owned()).collect()
}

/// The view of a ring that was generated at `START` and rotated at `rotated`.
pub(crate) fn rotated(at: u64) -> (View, View) {
    let before =
        KeyRing::generate("shop.example", haversack::Timestamp::from_millis(START), Seeded(9))
            .expect("a ring");
    let overlap = KeyRing::overlap_ms(24 * HOUR);
    let after = before
        .rotate(haversack::Timestamp::from_millis(at), Seeded(10), KeyRing::LEAD_MS, overlap)
        .expect("a second key");
    (View::from(before), View::from(after))
}

fn with_view(view: View) -> Client<Shop> {
    let mut client = client();
    client.snapshot = Snapshot::new(Arc::clone(client.snapshot.rules()), Arc::new(view));
    client
}

#[test]
fn a_touch_is_due_after_a_tenth_of_the_idle_limit_and_not_before() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 2 * HOUR;
    assert_eq!(client.look().set_cookies, Vec::<String>::new());
    client.now += HOUR;
    let outcome = client.look();
    assert_eq!(outcome.report.maintenance, [Work::Touch]);
    assert_eq!((outcome.report.sealed, outcome.report.deleted), (1, 1));
    assert_eq!(client.jar.kinds(), "ar");
    assert_eq!(client.look().set_cookies, Vec::<String>::new());
    assert_eq!(client.read().theme, "dark");
}

#[test]
fn a_session_in_use_outlives_its_idle_limit_and_not_its_absolute_one() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    for _ in 0..27 {
        client.now += 12 * HOUR;
        client.look();
        assert_eq!(client.read().theme, "dark");
    }
    client.now += 13 * HOUR;
    assert_eq!(client.read(), Shop::default());
}

#[test]
fn thirty_parallel_reads_with_touch_and_rekey_due_grow_the_jar_once() {
    let (before, after) = rotated(START + HOUR);
    let mut client = with_view(before);
    client.change(|shop| {
        shop.user = Some("ada".into());
        shop.cart.insert(1, "tea".into());
    });
    client.now += 1_000;
    client.change(|shop| shop.theme = "dark".into());
    client.snapshot = Snapshot::new(Arc::clone(client.snapshot.rules()), Arc::new(after));
    client.now = START + 4 * HOUR;
    let before = client.jar.0.len();

    let mut set = BTreeSet::new();
    let departed: Vec<Exchange<Shop>> = (0..30).map(|_| client.open()).collect();
    for exchange in departed {
        let outcome = client.respond(exchange, |_| {});
        assert!(outcome.report.maintenance.contains(&Work::Rekey), "{:?}", outcome.report);
        assert!(outcome.report.maintenance.contains(&Work::Touch), "{:?}", outcome.report);
        set.extend(names(&outcome.set_cookies));
        client.jar.apply(&outcome.set_cookies);
        client.now += 7;
    }
    // Two fragments under their old names, and one root under a new one.
    assert_eq!(client.jar.0.len(), before);
    assert_eq!(set.len(), before + 1);
    assert_eq!(client.read().cart.len(), 1);
    assert_eq!(client.look().set_cookies, Vec::<String>::new());
}

#[test]
fn a_key_rotation_in_the_middle_logs_nobody_out() {
    let (before, after) = rotated(START + HOUR);
    let mut client = with_view(before);
    client.change(|shop| shop.user = Some("ada".into()));
    client.snapshot = Snapshot::new(Arc::clone(client.snapshot.rules()), Arc::new(after));
    for _ in 0..200 {
        client.now += HOUR;
        client.change(|shop| {
            let n = u32::try_from(shop.cart.len()).expect("few");
            if n < 20 {
                shop.cart.insert(n, "x".into());
            }
        });
        assert_eq!(client.read().user.as_deref(), Some("ada"));
    }
    assert_eq!(client.read().cart.len(), 20);
}

#[test]
fn many_small_writes_fold_and_lose_nothing() {
    let mut client = client();
    for n in 0..60 {
        client.change(|shop| {
            shop.cart.insert(n, "tea".into());
        });
        client.now += 15_000;
        assert!(client.jar.0.len() <= 8, "{:?}", client.jar.kinds());
    }
    let shop = client.read();
    assert_eq!(shop.cart.len(), 60);
    client.look();
    client.now += 15_000;
    client.look();
    assert!(client.jar.0.len() <= 6, "{:?}", client.jar.kinds());
}

/// A session with so many small fragments, none folded yet, and the time half a minute later.
fn crowded(fragments: u32) -> Client<Shop> {
    let mut client = client();
    for n in 0..fragments {
        let mut exchange = client.open();
        let (decoded, since) = exchange.value();
        let mut shop = decoded.value;
        shop.cart.insert(n, "tea".into());
        exchange.hand_back(&shop, since).expect("encodable");
        let room = Room { maintenance: false, ..Room::default() };
        let now = client.at();
        let outcome = exchange.respond(room, now, &mut client.entropy);
        client.jar.apply(&outcome.set_cookies);
        client.now += 100;
    }
    client.now += 30_000;
    client
}

#[test]
fn two_servers_that_fold_the_same_jar_write_the_same_names() {
    let mut client = crowded(7);
    let (one, other) = (client.open(), client.open());
    let room = Room { fetch: Fetch::Navigation, ..Room::default() };
    let one = one.respond(room, client.at(), &mut Seeded(77));
    let other = other.respond(room, client.at(), &mut Seeded(78));
    assert_eq!(one.report.maintenance, [Work::Fold]);
    assert_eq!(names(&one.set_cookies), names(&other.set_cookies));
    client.jar.apply(&one.set_cookies);
    client.jar.apply(&other.set_cookies);
    assert_eq!(client.read().cart.len(), 7);
    assert!(client.jar.0.len() <= 4, "{}", client.jar.kinds());
}

#[test]
fn a_navigation_folds_sooner_than_the_requests_of_its_page() {
    let folds = |fragments, fetch| {
        let client = crowded(fragments);
        let room = Room { fetch, ..Room::default() };
        let outcome = client.open().respond(room, client.at(), &mut Seeded(5));
        !outcome.report.maintenance.is_empty()
    };
    assert!(!folds(4, Fetch::Navigation));
    assert!(folds(5, Fetch::Navigation));
    assert!(!folds(6, Fetch::Subresource));
    assert!(folds(7, Fetch::Subresource));
    assert!(!folds(7, Fetch::Unknown));
    assert!(folds(8, Fetch::Unknown));
}

#[test]
fn a_client_that_tells_nothing_folds_what_lay_for_a_whole_minute() {
    let mut client = crowded(4);
    client.now += 60_000;
    assert_eq!(client.look().report.maintenance, [Work::Fold]);
    assert_eq!(client.read().cart.len(), 4);
}

#[test]
fn a_slow_request_does_not_fold_what_others_have_folded_meanwhile() {
    let client = crowded(12);
    let fold = |answered| {
        let room = Room { fetch: Fetch::Navigation, ..Room::default() };
        let at = haversack::Timestamp::from_millis(client.now + answered);
        client.open().respond(room, at, &mut Seeded(5)).report.maintenance
    };
    assert_eq!(fold(1_500), [Work::Fold]);
    assert_eq!(fold(3_000), []);
}

#[test]
fn a_removed_entry_stays_removed_although_an_older_parcel_comes_back() {
    let mut client = client();
    client.change(|shop| {
        shop.cart.insert(1, "tea".into());
    });
    let old = client.jar.clone();
    client.now += 20_000;
    client.change(|shop| {
        shop.cart.remove(&1);
    });
    for (name, value) in &old.0 {
        client.jar.0.insert(name.clone(), value.clone());
    }
    assert!(client.read().cart.is_empty());
    client.now += 20_000;
    client.look();
    assert!(client.read().cart.is_empty());
}

#[test]
fn public_routes_and_shared_responses_get_no_maintenance() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 20 * HOUR;
    let room = Room { maintenance: false, ..Room::default() };
    let outcome = client.open().respond(room, client.at(), &mut Seeded(5));
    assert_eq!(outcome.set_cookies, Vec::<String>::new());
}

#[test]
fn maintenance_leaves_room_for_the_other_headers() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 20 * HOUR;
    let room = Room { other_headers: 3_850, ..Room::default() };
    let outcome = client.open().respond(room, client.at(), &mut Seeded(5));
    assert_eq!(outcome.set_cookies, Vec::<String>::new());
    assert_eq!(outcome.report.waiting, 1);
}

#[test]
fn a_fold_takes_what_fits_beside_large_headers_and_goes_on_with_the_next_response() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 1_000;
    let departed: Vec<Exchange<Shop>> = (0..16).map(|_| client.open()).collect();
    for (n, exchange) in (0u32..).zip(departed) {
        let outcome = client.respond(exchange, |shop| {
            shop.cart.insert(n, "tea".into());
        });
        client.jar.apply(&outcome.set_cookies);
    }
    client.now += 20_000;
    let room = Room { other_headers: 2_900, ..Room::default() };
    for _ in 0..12 {
        let outcome = client.open().respond(room, client.at(), &mut Seeded(5));
        assert!(outcome.report.chars <= 1_000, "{:?}", outcome.report);
        client.jar.apply(&outcome.set_cookies);
    }
    assert!(client.jar.0.len() <= 6, "{}", client.jar.kinds());
    assert_eq!(client.read().cart.len(), 16);
}

#[test]
fn a_parcel_that_a_fold_writes_is_within_its_budget_padding_included() {
    let budget = Budget { state: 3_072, response: 3_900, ..Budget::default() };
    let mut client = Client::<Shop>::new(Policy { budget, ..policy() });
    client.change(|shop| {
        shop.theme = "x".repeat(760);
        shop.cart.insert(1, "z".repeat(1_060));
    });
    client.now += 1_000;
    client.change(|shop| shop.theme = "y".repeat(1_100));
    client.now += 20_000;
    let outcome = client.look();
    assert_eq!(outcome.report.maintenance, [Work::Fold]);
    for (name, value) in &client.jar.0 {
        assert!(name.len() + value.len() <= 3_072, "{name}: {}", name.len() + value.len());
    }
    assert_eq!(client.read().cart[&1].len(), 1_060);
}
