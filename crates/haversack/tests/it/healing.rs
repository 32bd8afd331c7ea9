//! How soon a jar that a burst has filled has room again.

use haversack::{Budget, Policy, SealError};

use crate::client::Client;
use crate::events::{Shop, client, policy};

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
fn a_burst_of_first_visits_is_writable_at_once() {
    for visits in [24, 29] {
        let mut client = client();
        burst(&mut client, visits);
        client.now += 1_000;
        assert!(client.jar.header().len() > 5_000, "{}", client.jar.header().len());
        let outcome = client.change(|shop| shop.theme = "dark".into());
        assert_eq!(outcome.error, None);
        assert_eq!(client.read().cart.len(), visits as usize);
    }
}

/// Writes that all depart with the same jar; then a minute of reads, one each second.
fn burst_and_reads(mut client: Client<Shop>, writes: u32) -> (usize, usize, bool) {
    client.change(|shop| shop.theme = "dark".into());
    client.now += 60_000;
    burst(&mut client, writes);
    let peak = client.jar.header().len();
    for _ in 0..60 {
        client.now += 1_000;
        client.look();
    }
    let seen = client.read().cart.len();
    (peak, seen, client.change(|shop| shop.theme = "light".into()).error.is_none())
}

#[test]
fn a_jar_that_a_proxy_lets_through_is_whole_and_writable_again() {
    let mut reached = 0;
    for writes in 50..=80 {
        let (peak, seen, writable) = burst_and_reads(client(), writes);
        if peak <= 8_190 {
            assert_eq!(
                (seen, writable),
                (writes as usize, true),
                "{writes} writes, {peak} characters"
            );
            reached = reached.max(peak);
        }
    }
    assert!(reached > 8_000, "{reached}");
}

#[test]
fn a_raised_budget_is_folded_as_well() {
    let budget = Budget { request: 12_000, ..Budget::default() };
    for writes in [60, 80, 100] {
        let client = Client::new(Policy { budget, ..policy() });
        let (peak, seen, writable) = burst_and_reads(client, writes);
        assert_eq!((seen, writable), (writes as usize, true), "{writes} writes, {peak} characters");
    }
}
