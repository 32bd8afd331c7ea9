//! When something fails: what is refused, what goes on, and that nothing is lost.

use haversack::{ArrivalKind, Entropy, Limit, NoEntropy, Rejection, Room, SealError};

use crate::client::{Client, Seeded};
use crate::events::{Shop, client};

struct Broken;

impl Entropy for Broken {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

/// One request on a server whose generator fails.
fn without_entropy(client: &mut Client<Shop>, act: impl FnOnce(&mut Shop)) -> Option<SealError> {
    let mut exchange = client.open();
    let (mut decoded, since) = exchange.value();
    act(&mut decoded.value);
    exchange.hand_back(&decoded.value, since).expect("encodable");
    let outcome = exchange.respond(Room::default(), client.at(), &mut Broken);
    client.jar.apply(&outcome.set_cookies);
    outcome.error
}

#[test]
fn without_randomness_sessions_go_on_and_none_begins() {
    let mut client = client();
    assert_eq!(
        without_entropy(&mut client, |shop| shop.theme = "dark".into()),
        Some(SealError::NoEntropy)
    );
    assert!(client.jar.0.is_empty());
    client.change(|shop| shop.theme = "dark".into());
    client.now += 1_000;
    assert_eq!(without_entropy(&mut client, |shop| shop.theme = "light".into()), None);
    assert_eq!(client.read().theme, "light");
}

#[test]
fn a_request_that_took_too_long_may_write_fields_and_nothing_else() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    let (write, login, maintenance) = (client.open(), client.open(), client.open());
    client.now += 5 * 60 * 1000 + 1;
    let outcome = client.respond(write, |shop| shop.theme = "late".into());
    assert_eq!((outcome.error, outcome.report.sealed, outcome.report.deleted), (None, 1, 0));
    client.jar.apply(&outcome.set_cookies);
    assert_eq!(client.read().theme, "late");
    let outcome = client.respond(login, |shop| shop.user = Some("ada".into()));
    assert_eq!((outcome.error, outcome.set_cookies.len()), (Some(SealError::Late), 0));
    client.now += 20 * 3_600_000;
    assert!(client.respond(maintenance, |_| {}).set_cookies.is_empty());
}

#[test]
fn what_is_too_large_names_its_largest_fields_and_leaves_the_old_session_whole() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 1_000;
    let outcome = client.change(|shop| {
        shop.theme = "x".repeat(2_500);
        shop.cart.insert(1, "tea".into());
    });
    let Some(SealError::TooLarge(too_large)) = outcome.error else { panic!("{:?}", outcome.error) };
    assert_eq!(too_large.what, Limit::Parcel);
    assert_eq!(too_large.largest[0].0, "theme");
    assert!(too_large.size > too_large.limit);
    assert!(too_large.to_string().contains("theme (25"), "{too_large}");
    assert_eq!(client.read().theme, "dark");
    // What `check` says before the response is what the response says.
    let exchange = client.open();
    let (mut decoded, since) = exchange.value();
    decoded.value.theme = "x".repeat(2_500);
    decoded.value.cart.insert(1, "tea".into());
    assert_eq!(exchange.check(&decoded.value, since), Err(too_large));
}

#[test]
fn a_session_that_grew_too_large_by_a_merge_can_always_be_made_smaller() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 1_000;
    let (one, other) = (client.open(), client.open());
    let one = client.respond(one, |shop| {
        shop.cart.insert(1, "a".repeat(1_500));
    });
    let other = client.respond(other, |shop| {
        shop.cart.insert(2, "b".repeat(1_500));
    });
    client.jar.apply(&one.set_cookies);
    client.jar.apply(&other.set_cookies);
    client.now += 1_000;
    let grows = client.change(|shop| {
        shop.cart.insert(3, "c".into());
    });
    assert!(matches!(grows.error, Some(SealError::TooLarge(_))), "{:?}", grows.error);
    let shrinks = client.change(|shop| {
        shop.cart.remove(&1);
    });
    assert_eq!(shrinks.error, None);
    assert_eq!(client.read().cart.keys().copied().collect::<Vec<_>>(), [2]);
}

#[test]
fn a_session_near_its_limit_takes_changes_that_do_not_make_it_larger() {
    let mut client = client();
    client.change(|shop| (0..100).for_each(|n| drop(shop.cart.insert(n, "tea".into()))));
    let room = loop {
        client.now += 1_000;
        let theme = format!("{}x", client.read().theme);
        if client.change(|shop| shop.theme = theme).error.is_some() {
            break client.read().theme.len();
        }
    };
    // Written apart, each entry has a stamp of its own, which takes room too.
    for n in 0..100 {
        client.now += 77_000;
        let outcome = client.change(|shop| drop(shop.cart.insert(n, "pie".into())));
        assert_eq!(outcome.error, None);
    }
    assert_eq!(client.read().theme.len(), room);
    assert!(client.read().cart.values().all(|item| item == "pie"));
    assert!(client.jar.header().len() < 5_000);
}

#[test]
fn a_jar_too_full_for_proxies_is_not_written_and_reads_fold_it_down() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 1_000;
    let departed: Vec<_> = (0..50).map(|_| client.open()).collect();
    for (n, exchange) in (0u32..).zip(departed) {
        let outcome = client.respond(exchange, |shop| {
            shop.cart.insert(n, "tea".into());
        });
        client.jar.apply(&outcome.set_cookies);
    }
    assert!(client.jar.header().len() > 5_000);
    client.now += 1_000;
    let outcome = client.change(|shop| shop.theme = "light".into());
    assert!(matches!(outcome.error, Some(SealError::Busy { .. })), "{:?}", outcome.error);
    client.now += 20_000;
    for _ in 0..6 {
        client.look();
    }
    assert!(client.jar.header().len() < 3_000, "{}", client.jar.header().len());
    assert_eq!(client.change(|shop| shop.theme = "light".into()).error, None);
    assert_eq!(client.read().cart.len(), 50);
}

#[test]
fn logout_of_a_jar_with_duplicate_names_ends_what_it_could_not_read() {
    let mut client = client();
    client.change(|shop| {
        shop.user = Some("ada".into());
        shop.theme = "dark".into();
    });
    let header = client.jar.header();
    let twice = format!("{header}; {}", header.split("; ").next().expect("a pair"));
    let open = |client: &Client<Shop>| {
        haversack::Exchange::receive(&client.snapshot, [twice.as_bytes()], client.at())
    };
    let exchange = open(&client);
    assert_eq!(exchange.arrival().kind, ArrivalKind::Rejected);
    assert!(exchange.arrival().rejections.contains(&Rejection::DuplicateName));
    assert_eq!(exchange.value().0.value, Shop::default());
    // A read heals: the duplicate goes, the rest stays.
    let outcome = exchange.respond(Room::default(), client.at(), &mut Seeded(4));
    assert_eq!((outcome.report.deleted, outcome.report.sealed), (1, 0));
    // A logout ends the session that was not read.
    client.now += 1_000;
    let mut exchange = open(&client);
    exchange.end();
    let outcome = exchange.respond(Room::default(), client.at(), &mut Seeded(5));
    let mut emptied = client.jar.clone();
    emptied.apply(&outcome.set_cookies);
    assert_eq!(emptied.kinds(), "e");
    for (name, value) in &client.jar.0 {
        emptied.0.insert(name.clone(), value.clone());
    }
    client.jar = emptied;
    assert_eq!(client.read().user, None, "closed, even if a late response brings it back");
}

#[test]
fn a_new_session_does_not_bring_back_one_that_was_over() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 24 * 3_600_000 + 61_000;
    assert_eq!(client.read().theme, "");
    client.change(|shop| {
        shop.cart.insert(1, "tea".into());
    });
    let shop = client.read();
    assert_eq!((shop.theme.as_str(), shop.cart.len()), ("", 1));
    // And the old one is cleaned away in time.
    client.now += 16 * 60_000;
    client.look();
    client.look();
    assert_eq!(client.jar.kinds(), "ar");
}
