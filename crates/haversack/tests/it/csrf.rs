//! Form tokens, by what the request that issues one does besides.

use std::sync::Arc;

use haversack::{
    ArrivalKind, CsrfRejection, Entropy, EventKind, Exchange, HeaderSpec, KeyRing, NoEntropy,
    Outcome, Policy, Revocation, Revocations, Room, SealError, Snapshot, View,
};

use crate::client::{Client, START, Seeded};
use crate::events::{Shop, client, policy};
use crate::maintenance::rotated;
use crate::single::{kinds, single};

const MINUTE: u64 = 60_000;

/// A page with a form: the session is read, a token asked for, and the response applied.
fn page(client: &mut Client<Shop>) -> String {
    let mut exchange = client.open();
    let token = exchange.csrf(&mut client.entropy).expect("randomness");
    let outcome = respond(client, exchange);
    assert_eq!(outcome.error, None);
    token
}

/// One request: `act` on the value, which is handed back, and then a token.
fn page_after(client: &mut Client<Shop>, act: impl FnOnce(&mut Shop)) -> String {
    let mut exchange = client.open();
    let (decoded, since) = exchange.value();
    let mut shop = decoded.value;
    act(&mut shop);
    let token = exchange.csrf_with(&shop, since, &mut client.entropy).expect("randomness");
    exchange.hand_back(&shop, since).expect("encodable");
    let again = exchange.csrf(&mut client.entropy).expect("randomness");
    let outcome = respond(client, exchange);
    assert_eq!(outcome.error, None);
    assert_eq!(client.open().verify_csrf(&again), client.open().verify_csrf(&token));
    token
}

fn respond(client: &mut Client<Shop>, exchange: Exchange<Shop>) -> Outcome {
    let outcome = exchange.respond(Room::default(), client.at(), &mut client.entropy);
    client.jar.apply(&outcome.set_cookies);
    client.now += 1_000;
    outcome
}

fn verify(client: &Client<Shop>, token: &str) -> Result<(), CsrfRejection> {
    client.open().verify_csrf(token)
}

fn sign_in(name: &str) -> impl FnOnce(&mut Shop) {
    let name = name.to_owned();
    move |shop| shop.user = Some(name)
}

/// A client that somebody is signed in to.
fn ada() -> Client<Shop> {
    let mut client = client();
    client.change(sign_in("ada"));
    client.now += 1_000;
    client
}

#[test]
fn a_token_creates_a_session_of_a_root_alone_and_holds_on_the_next_request() {
    let mut client = client();
    let mut exchange = client.open();
    assert!(exchange.is_untouched());
    let first = exchange.csrf(&mut client.entropy).expect("randomness");
    let second = exchange.csrf(&mut client.entropy).expect("randomness");
    assert!(!exchange.is_untouched());
    let outcome = respond(&mut client, exchange);
    assert_eq!((outcome.report.event, outcome.report.sealed), (EventKind::Create, 1));
    assert_eq!(client.jar.kinds(), "r");
    assert_ne!(first, second, "masked anew");
    for token in [&first, &second] {
        assert_eq!(token.len(), 43);
        assert_eq!(verify(&client, token), Ok(()));
    }
    assert_eq!(client.open().arrival().kind, ArrivalKind::Admitted);
    let again = page(&mut client);
    assert_eq!(client.jar.kinds(), "r", "the session is there already");
    assert_eq!((verify(&client, &first), verify(&client, &again)), (Ok(()), Ok(())));
}

#[test]
fn a_page_of_an_existing_session_sets_nothing() {
    let mut client = ada();
    let mut exchange = client.open();
    exchange.csrf(&mut client.entropy).expect("randomness");
    assert_eq!(respond(&mut client, exchange).set_cookies, Vec::<String>::new());
}

#[test]
fn whatever_is_no_token_of_the_session_is_refused_by_name() {
    let mut client = client();
    let token = page(&mut client);
    for text in ["", "x", &token[1..], &format!("{token}="), &token.replace(&token[..1], "+")] {
        assert_eq!(verify(&client, text), Err(CsrfRejection::Malformed), "{text}");
    }
    let last = if token.ends_with('A') { "B" } else { "A" };
    let noncanonical = format!("{}{last}", &token[..42]);
    assert!(verify(&client, &noncanonical).is_err());
    for at in 0..42 {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let altered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert_eq!(verify(&client, &altered), Err(CsrfRejection::Wrong), "{at}");
    }
    let mut stranger = Client::<Shop>::new(policy());
    stranger.entropy = Seeded(2);
    assert_eq!(verify(&stranger, &token), Err(CsrfRejection::NoSession));
    let theirs = page(&mut stranger);
    assert_eq!(verify(&client, &theirs), Err(CsrfRejection::Wrong));
    assert_eq!(verify(&stranger, &token), Err(CsrfRejection::Wrong));
}

#[test]
fn a_token_of_a_response_that_signs_in_is_for_the_user() {
    let mut fresh = client();
    let token = page_after(&mut fresh, sign_in("ada"));
    assert_eq!(fresh.read().user.as_deref(), Some("ada"));
    assert_eq!(verify(&fresh, &token), Ok(()));

    let mut known = client();
    let before = page(&mut known);
    let token = page_after(&mut known, sign_in("ada"));
    assert_eq!(verify(&known, &token), Ok(()));
    assert_eq!(verify(&known, &before), Err(CsrfRejection::BeforeLogin));
}

#[test]
fn a_login_after_the_token_was_asked_for_makes_it_one_from_before() {
    for known in [false, true] {
        let mut client = client();
        if known {
            page(&mut client);
        }
        let mut exchange = client.open();
        let token = exchange.csrf(&mut client.entropy).expect("randomness");
        let outcome = client.respond(exchange, sign_in("ada"));
        client.jar.apply(&outcome.set_cookies);
        assert_eq!(verify(&client, &token), Err(CsrfRejection::BeforeLogin), "{known}");
    }
}

#[test]
fn renewals_and_other_rights_leave_a_token_as_it_is() {
    let mut client = ada();
    let token = page(&mut client);
    let mut exchange = client.open();
    exchange.renew();
    assert_eq!(respond(&mut client, exchange).report.event, EventKind::Renew);
    assert_eq!(verify(&client, &token), Ok(()));
    let mut exchange = client.open();
    exchange.authenticated();
    respond(&mut client, exchange);
    client.change(|shop| shop.roles = vec!["admin".into()]);
    client.change(|shop| shop.theme = "dark".into());
    assert_eq!(verify(&client, &token), Ok(()));
}

#[test]
fn a_change_of_user_begins_with_the_token_that_was_issued_for_it() {
    let mut client = ada();
    let before = page(&mut client);
    let token = page_after(&mut client, sign_in("bob"));
    assert_eq!(verify(&client, &token), Ok(()));
    assert_eq!(verify(&client, &before), Err(CsrfRejection::Wrong));

    let mut exchange = client.open();
    let early = exchange.csrf(&mut client.entropy).expect("randomness");
    let outcome = client.respond(exchange, sign_in("eve"));
    assert_eq!(outcome.report.event, EventKind::Switch);
    client.jar.apply(&outcome.set_cookies);
    assert_eq!(verify(&client, &early), Err(CsrfRejection::Wrong));
}

#[test]
fn a_change_of_user_that_is_taken_back_begins_nothing() {
    let mut client = ada();
    let mut exchange = client.open();
    let (decoded, since) = exchange.value();
    let mut shop = decoded.value;
    sign_in("bob")(&mut shop);
    let token = exchange.csrf_with(&shop, since, &mut client.entropy).expect("randomness");
    let outcome = respond(&mut client, exchange);
    assert_eq!(outcome.set_cookies, Vec::<String>::new());
    assert_eq!(verify(&client, &token), Err(CsrfRejection::Wrong));
}

#[test]
fn a_token_asked_for_after_the_end_is_of_the_session_that_follows() {
    let mut client = ada();
    let mut exchange = client.open();
    let before = exchange.csrf(&mut client.entropy).expect("randomness");
    exchange.end();
    let after = exchange.csrf(&mut client.entropy).expect("randomness");
    let outcome = respond(&mut client, exchange);
    assert_eq!(outcome.report.event, EventKind::End);
    assert_eq!(client.jar.kinds(), "er", "a marker, and a root for the token");
    assert_eq!(client.read(), Shop::default());
    assert_eq!(verify(&client, &after), Ok(()));
    assert_eq!(verify(&client, &before), Err(CsrfRejection::Wrong));
}

#[test]
fn an_end_after_the_token_was_asked_for_leaves_nothing_behind() {
    let mut client = ada();
    let mut exchange = client.open();
    let token = exchange.csrf(&mut client.entropy).expect("randomness");
    exchange.end();
    respond(&mut client, exchange);
    assert_eq!(client.jar.kinds(), "e");
    assert_eq!(verify(&client, &token), Err(CsrfRejection::NoSession));
}

#[test]
fn the_end_of_a_fresh_session_keeps_a_token_that_was_promised() {
    let mut client = client();
    let mut exchange = client.open();
    let token = exchange.csrf(&mut client.entropy).expect("randomness");
    exchange.end();
    respond(&mut client, exchange);
    assert_eq!(client.jar.kinds(), "r");
    assert_eq!(verify(&client, &token), Ok(()));
}

#[test]
fn a_token_of_an_older_login_of_the_same_user_is_of_another_session() {
    let mut client = ada();
    let token = page(&mut client);
    client.end();
    client.now += 1_000;
    client.change(sign_in("ada"));
    assert_eq!(verify(&client, &token), Err(CsrfRejection::Wrong));
}

#[test]
fn pages_of_first_visits_that_race_all_hold_until_somebody_signs_in() {
    let mut client = client();
    let tabs: Vec<_> = (0..3).map(|_| client.open()).collect();
    let mut tokens = Vec::new();
    for mut exchange in tabs {
        tokens.push(exchange.csrf(&mut client.entropy).expect("randomness"));
        respond(&mut client, exchange);
    }
    assert_eq!(client.jar.kinds(), "rrr");
    for token in &tokens {
        assert_eq!(verify(&client, token), Ok(()));
    }
    client.change(sign_in("ada"));
    for token in &tokens {
        assert_eq!(verify(&client, token), Err(CsrfRejection::BeforeLogin));
    }
}

#[test]
fn what_is_discarded_creates_nothing() {
    let mut client = client();
    let mut exchange = client.open();
    exchange.csrf(&mut client.entropy).expect("randomness");
    exchange.discard();
    assert_eq!(respond(&mut client, exchange).set_cookies, Vec::<String>::new());
}

#[test]
fn a_creation_for_a_token_is_late_as_any_other() {
    let mut client = client();
    let mut exchange = client.open();
    let token = exchange.csrf(&mut client.entropy).expect("randomness");
    client.now += 6 * MINUTE;
    let outcome = respond(&mut client, exchange);
    assert_eq!(outcome.error, Some(SealError::Late));
    assert_eq!(verify(&client, &token), Err(CsrfRejection::NoSession));

    let mut client = ada();
    let mut exchange = client.open();
    let token = exchange.csrf(&mut client.entropy).expect("randomness");
    client.now += 6 * MINUTE;
    assert_eq!(respond(&mut client, exchange).error, None, "nothing is created");
    assert_eq!(verify(&client, &token), Ok(()));
}

/// Fails after so many draws.
struct Draws(usize, Seeded);

impl Entropy for Draws {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.0 = self.0.checked_sub(1).ok_or(NoEntropy)?;
        self.1.fill(bytes)
    }
}

#[test]
fn no_randomness_is_no_token_and_no_session() {
    for draws in 0..2 {
        let mut client = client();
        let mut exchange = client.open();
        let token = exchange.csrf(&mut Draws(draws, Seeded(3)));
        assert_eq!(token, Err(SealError::NoEntropy), "{draws}");
        assert!(exchange.is_untouched());
        assert_eq!(respond(&mut client, exchange).set_cookies, Vec::<String>::new());
    }
}

#[test]
fn a_busy_request_gets_its_token_and_no_write() {
    let mut client = client();
    // Sessions that are over take room until they are deleted, and there is none to write to.
    for n in 0..3 {
        let mut other = Client::<Shop>::new(policy());
        other.entropy = Seeded(10 + n);
        other.change(|shop| shop.theme = "x".repeat(1_500));
        client.jar.0.extend(other.jar.0);
    }
    client.now += 25 * 60 * MINUTE;
    let exchange = client.open();
    assert!(matches!(exchange.writable(false), Err(SealError::Busy { .. })));
    let refused = client.respond(exchange, |shop| shop.theme = "dark".into());
    assert!(matches!(refused.error, Some(SealError::Busy { .. })));
    let token = page(&mut client);
    assert_eq!(verify(&client, &token), Ok(()));
}

/// A client whose newest root this server holds to be from the future, so that it keeps it.
fn from_the_future(mut client: Client<Shop>) -> Client<Shop> {
    client.now += 30 * MINUTE;
    client.change(sign_in("ada"));
    client.now -= 20 * MINUTE;
    assert_eq!(client.open().arrival().kind, ArrivalKind::Kept);
    client
}

#[test]
fn beside_a_cookie_that_cannot_be_judged_a_token_needs_an_identity_route() {
    let mut client = from_the_future(client());
    let jar = client.jar.clone();
    let mut exchange = client.open();
    let token = exchange.csrf(&mut client.entropy).expect("randomness");
    let outcome = respond(&mut client, exchange);
    assert!(matches!(outcome.error, Some(SealError::Unavailable { .. })));
    assert_eq!(client.jar.0, jar.0);
    assert_eq!(verify(&client, &token), Err(CsrfRejection::Unavailable));

    // The login page and the login, on a server that is behind.
    let login = Room { identity: true, ..Room::default() };
    let mut exchange = client.open();
    let token = exchange.csrf(&mut client.entropy).expect("randomness");
    let outcome = exchange.respond(login, client.at(), &mut client.entropy);
    assert_eq!(outcome.error, None);
    client.jar.apply(&outcome.set_cookies);
    assert_eq!(verify(&client, &token), Ok(()));
    let (roots, again) = (client.jar.kinds(), page(&mut client));
    assert_eq!(client.jar.kinds(), roots, "the next page takes the same session");
    assert_eq!(verify(&client, &again), Ok(()));
    // A server that is not behind sees who is signed in.
    client.now += 20 * MINUTE;
    assert_eq!(verify(&client, &token), Err(CsrfRejection::BeforeLogin));
    // And the login on the first: with a token, as that session is the user's then.
    client.now -= 20 * MINUTE;
    let mut exchange = client.open();
    let (decoded, since) = exchange.value();
    let mut shop = decoded.value;
    sign_in("bob")(&mut shop);
    exchange.hand_back(&shop, since).expect("encodable");
    let after = exchange.csrf(&mut client.entropy).expect("randomness");
    let outcome = exchange.respond(login, client.at(), &mut client.entropy);
    assert_eq!((outcome.error, outcome.report.event), (None, EventKind::Login));
    client.jar.apply(&outcome.set_cookies);
    client.now += 20 * MINUTE;
    assert_eq!(verify(&client, &after), Ok(()));
}

#[test]
fn any_server_judges_a_token_whatever_keys_have_come_since() {
    const DAY: u64 = 24 * 60 * MINUTE;
    let (before, after) = rotated(START + MINUTE);
    let server = |client: &Client<Shop>, view| {
        Snapshot::new(Arc::clone(client.snapshot.rules()), Arc::new(view))
    };
    let mut client = client();
    client.snapshot = server(&client, before);
    let token = page(&mut client);
    client.snapshot = server(&client, after);
    for _ in 0..6 {
        client.now += DAY / 2;
        assert_eq!(verify(&client, &token), Ok(()));
        client.look();
    }
}

#[test]
fn no_token_is_right_for_a_session_that_was_revoked() {
    let mut client = ada();
    let token = page(&mut client);
    let info = client.open().info(false);
    let revocation = Revocation::Session {
        id: info.revocation_id.expect("a session"),
        until: client.at().plus_millis(60 * MINUTE),
    };
    let mut revocations = Revocations::new();
    revocations.insert(&revocation);
    let view = View { revocations: Some(revocations), ..View::from(KeyRing::for_tests()) };
    client.snapshot = Snapshot::new(Arc::clone(client.snapshot.rules()), Arc::new(view));
    assert_eq!(verify(&client, &token), Err(CsrfRejection::NoSession));
}

#[test]
fn one_cookie_works_as_several_do() {
    let mut client = Client::<Shop>::new(single());
    let token = page(&mut client);
    assert_eq!(kinds(&client), "=");
    assert_eq!(verify(&client, &token), Ok(()));
    client.change(|shop| shop.theme = "dark".into());
    assert_eq!(verify(&client, &token), Ok(()));
    let in_time = page_after(&mut client, sign_in("ada"));
    assert_eq!(verify(&client, &in_time), Ok(()));
    assert_eq!(verify(&client, &token), Err(CsrfRejection::BeforeLogin));
    let mut exchange = client.open();
    exchange.end();
    let after = exchange.csrf(&mut client.entropy).expect("randomness");
    respond(&mut client, exchange);
    assert_eq!(kinds(&client), "=");
    assert_eq!(verify(&client, &after), Ok(()));
    assert_eq!(verify(&client, &in_time), Err(CsrfRejection::Wrong));
}

#[test]
fn a_header_works_too_though_it_needs_no_token() {
    let header = Some(HeaderSpec::named("haversack-session"));
    let mut client = Client::<Shop>::new(Policy { header, ..policy() });
    let open = |client: &Client<Shop>, value: &str| {
        Exchange::receive_header(&client.snapshot, [value.as_bytes()], client.at())
            .expect("a header")
    };
    let mut exchange = open(&client, "");
    let token = exchange.csrf(&mut client.entropy).expect("randomness");
    let value = respond(&mut client, exchange).header.expect("a session");
    assert_eq!(open(&client, &value).verify_csrf(&token), Ok(()));
    assert_eq!(verify(&client, &token), Err(CsrfRejection::NoSession));
}
