//! What was overridden can be observed: by overlapping writes of one entry, and by nothing else.

use haversack::Overridden;

use crate::client::Client;
use crate::events::{Shop, client};

/// Two requests that overlap, both answered, the second last; then one that only looks.
fn overlapping(
    client: &mut Client<Shop>,
    first: impl FnOnce(&mut Shop),
    second: impl FnOnce(&mut Shop),
) -> Vec<Overridden> {
    let (one, other) = (client.open(), client.open());
    let one = client.respond(one, first).set_cookies;
    client.now += 40;
    let other = client.respond(other, second).set_cookies;
    client.jar.apply(&other);
    client.jar.apply(&one);
    client.now += 100;
    client.look().report.overridden
}

/// Definite-length text of CBOR, shorter than 24 bytes.
fn text(text: &str) -> Vec<u8> {
    let head = 0x60 + u8::try_from(text.len()).expect("short");
    [&[head], text.as_bytes()].concat()
}

fn started() -> Client<Shop> {
    let mut client = client();
    client.change(|shop| {
        shop.cart.insert(1, "tea".into());
    });
    client.now += 1_000;
    client
}

#[test]
fn of_two_overlapping_writes_of_a_field_the_earlier_is_reported_once() {
    let mut client = started();
    let overridden = overlapping(
        &mut client,
        |shop| shop.theme = "dark".into(),
        |shop| shop.theme = "light".into(),
    );
    let [it] = &overridden[..] else { panic!("{overridden:?}") };
    assert_eq!(it.field(), "theme");
    assert_eq!((&it.lost, &it.kept), (&Some(text("dark")), &Some(text("light"))));
    assert_eq!(it.apart_ms, 40);
    assert_eq!(client.read().theme, "light");
    assert_eq!(client.look().report.overridden, []);
}

#[test]
fn a_removal_that_a_write_overrides_is_reported_and_the_other_way_round() {
    let mut client = started();
    let overridden = overlapping(
        &mut client,
        |shop| drop(shop.cart.remove(&1)),
        |shop| drop(shop.cart.insert(1, "coffee".into())),
    );
    assert_eq!(overridden.len(), 1);
    assert_eq!((overridden[0].field().as_ref(), &overridden[0].lost), ("cart", &None));

    let overridden = overlapping(
        &mut client,
        |shop| drop(shop.cart.insert(1, "cocoa".into())),
        |shop| drop(shop.cart.remove(&1)),
    );
    assert_eq!(overridden.len(), 1);
    assert_eq!((&overridden[0].lost, &overridden[0].kept), (&Some(text("cocoa")), &None));
}

#[test]
fn one_write_after_another_overrides_nothing() {
    let mut client = started();
    for theme in ["dark", "light", "dark", "dim"] {
        client.now += 700;
        let outcome = client.change(|shop| shop.theme = theme.into());
        assert_eq!(outcome.report.overridden, []);
        assert_eq!(client.look().report.overridden, []);
    }
}

#[test]
fn overlapping_writes_of_two_fields_or_of_one_value_override_nothing() {
    let mut client = started();
    let two = overlapping(
        &mut client,
        |shop| shop.theme = "dark".into(),
        |shop| drop(shop.cart.insert(2, "cake".into())),
    );
    assert_eq!(two, []);
    let same = overlapping(
        &mut client,
        |shop| shop.theme = "dim".into(),
        |shop| shop.theme = "dim".into(),
    );
    assert_eq!(same, []);
}

#[test]
fn what_lands_after_its_rival_was_folded_is_reported_too() {
    let mut client = started();
    let slow = client.open();
    let slow = client.respond(slow, |shop| shop.theme = "dark".into()).set_cookies;
    client.now += 40;
    client.change(|shop| shop.theme = "light".into());
    for n in 2..12 {
        client.now += 11_000;
        client.change(|shop| {
            shop.cart.insert(n, "tea".into());
        });
    }
    client.jar.apply(&slow);
    assert_eq!(client.read().theme, "light");
    let overridden = client.look().report.overridden;
    assert_eq!(overridden.len(), 1);
    assert_eq!(
        (&overridden[0].lost, &overridden[0].kept),
        (&Some(text("dark")), &Some(text("light")))
    );
}
