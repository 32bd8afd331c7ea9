//! How soon a jar that a burst has filled has room again.

use haversack::SealError;

use crate::client::Client;
use crate::events::{Shop, client};

/// So many writes leave together, each with the jar as it was, and all responses arrive.
fn burst(client: &mut Client<Shop>, writes: u32) {
    let exchanges: Vec<_> = (0..writes).map(|_| client.open()).collect();
    for (exchange, n) in exchanges.into_iter().zip(100..) {
        let outcome = client.respond(exchange, |shop| {
            shop.cart.insert(n, "tea".into());
        });
        assert_eq!(outcome.error, None);
        client.jar.apply(&outcome.set_cookies);
    }
}

/// 20 seconds in which somebody looks ten times; then why a write is refused, if it is.
fn after_quiet(client: &mut Client<Shop>) -> Option<SealError> {
    for _ in 0..10 {
        client.now += 2_000;
        client.look();
    }
    client.change(|shop| shop.theme = "after the burst".into()).error
}

#[test]
fn thirty_writes_at_once_leave_room_after_20_seconds() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    burst(&mut client, 30);
    assert_eq!(after_quiet(&mut client), None);
}

#[test]
fn sixty_writes_at_once_leave_room_after_20_seconds() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    burst(&mut client, 60);
    assert_eq!(after_quiet(&mut client), None);
}

#[test]
fn twenty_five_first_visits_at_once_leave_room_after_20_seconds() {
    let mut client = client();
    burst(&mut client, 25);
    assert_eq!(after_quiet(&mut client), None);
}

#[test]
fn a_jar_just_below_the_line_of_proxies_folds_down() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    burst(&mut client, 72);
    let before = client.jar.header().len();
    assert!((8_080..8_190).contains(&before), "{before} characters");
    for _ in 0..60 {
        client.now += 10_000;
        client.look();
    }
    assert!(client.jar.header().len() < before);
}
