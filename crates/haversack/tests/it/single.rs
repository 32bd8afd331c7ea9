//! Layout Single: one cookie, or one header, with the whole session.

use std::collections::BTreeMap;
use std::sync::Arc;

use haversack::{
    Arrival, ArrivalKind, Budget, ConfigError, Each, EventKind, Exchange, HeaderSpec, Layout,
    Limit, Outcome, Policy, Rejection, Room, SealError, Snapshot, Transport, View, Work,
};
use serde::{Deserialize, Serialize};

use crate::client::{Client, START, Seeded, snapshot};
use crate::events::{Shop, policy};
use crate::maintenance::rotated;

pub(crate) const BASE: &str = "__Host-Http-hv";
const MINUTE: u64 = 60_000;

pub(crate) fn single() -> Policy {
    Policy { layout: Layout::Single, ..policy() }
}

/// The same client at a fleet with this setting from now on.
pub(crate) fn set(client: &mut Client<Shop>, layout: Layout) {
    client.snapshot = snapshot(Policy { layout, ..policy() });
}

/// Letters of the kinds in the jar; `=` for the cookie named by the base alone.
pub(crate) fn kinds(client: &Client<Shop>) -> String {
    let kind = |name: &String| name.split_once('.').map_or('=', |(_, s)| s.as_bytes()[0] as char);
    client.jar.0.keys().map(kind).collect()
}

fn add(n: u32) -> impl FnOnce(&mut Shop) {
    move |shop| {
        shop.cart.insert(n, format!("item {n}"));
    }
}

fn cart(client: &Client<Shop>) -> Vec<u32> {
    client.read().cart.keys().copied().collect()
}

/// One cookie of a session that somebody signed in to, with a past.
fn signed_in() -> Client<Shop> {
    let mut client = Client::<Shop>::new(single());
    client.change(add(1));
    client.now += 5_000;
    client.change(|shop| {
        shop.user = Some("ada".into());
        shop.theme = "dark".into();
    });
    client.now += 5_000;
    client
}

#[test]
fn every_event_leaves_one_cookie_of_one_name() {
    let mut client = Client::<Shop>::new(single());
    let created = client.change(add(1));
    assert_eq!((created.report.event, kinds(&client).as_str()), (EventKind::Create, "="));
    assert!(created.set_cookies[0].starts_with("__Host-Http-hv=hv1A"));
    assert!(created.set_cookies[0].ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
    client.now += 1_000;
    let wrote = client.change(add(2));
    assert_eq!((wrote.report.event, wrote.report.sealed), (EventKind::Write, 1));
    assert_eq!(wrote.report.deleted, 0);
    let before = client.open().info(false);
    client.now += 1_000;
    let login = client.change(|shop| shop.user = Some("ada".into()));
    assert_eq!((login.report.event, login.set_cookies.len()), (EventKind::Login, 1));
    let after = client.open().info(false);
    assert!(before.id != after.id && after.signed_in);
    client.now += 1_000;
    let role = client.change(|shop| shop.roles = vec!["admin".into()]);
    assert_eq!((role.report.event, role.set_cookies.len()), (EventKind::Renew, 1));
    let mut exchange = client.open();
    exchange.renew();
    let renewed = exchange.respond(Room::default(), client.at(), &mut client.entropy);
    assert_eq!((renewed.report.event, renewed.set_cookies.len()), (EventKind::Renew, 1));
    client.jar.apply(&renewed.set_cookies);
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=", vec![1, 2]));
    let shop = client.read();
    assert_eq!((shop.user.as_deref(), shop.roles.len()), (Some("ada"), 1));
    assert_eq!(client.look().set_cookies, Vec::<String>::new());
}

#[test]
fn logout_deletes_the_cookie_and_what_is_kept_begins_another() {
    let mut client = signed_in();
    let outcome = client.end();
    assert_eq!(outcome.report.event, EventKind::End);
    assert_eq!(kinds(&client), "=");
    assert_eq!(client.read(), Shop { theme: "dark".into(), ..Shop::default() });
    let mut client = Client::<Shop>::new(single());
    client.change(|shop| shop.user = Some("ada".into()));
    let outcome = client.end();
    assert_eq!((outcome.report.sealed, outcome.report.deleted), (0, 1));
    assert!(outcome.set_cookies[0].starts_with("__Host-Http-hv=; Max-Age=0"));
    assert!(client.jar.0.is_empty());
}

#[test]
fn a_change_of_user_replaces_the_cookie_by_a_new_session() {
    let mut client = signed_in();
    let before = client.open().info(false);
    let outcome = client.change(|shop| {
        shop.user = Some("bob".into());
        shop.cart.insert(7, "cup".into());
    });
    assert_eq!((outcome.report.event, outcome.set_cookies.len()), (EventKind::Switch, 1));
    let after = client.open().info(false);
    assert!(before.id != after.id && before.revocation_id != after.revocation_id);
    let shop = client.read();
    assert_eq!((shop.user.as_deref(), shop.theme.as_str()), (Some("bob"), "dark"));
    assert_eq!(cart(&client), [7]);
}

#[test]
fn of_two_responses_that_overlap_the_last_one_wins_whole() {
    let mut client = Client::<Shop>::new(single());
    client.change(add(1));
    client.now += 1_000;
    let (one, other) = (client.open(), client.open());
    let one = client.respond(one, add(2));
    let other = client.respond(other, add(3));
    client.jar.apply(&one.set_cookies);
    client.jar.apply(&other.set_cookies);
    assert_eq!(cart(&client), [1, 3]);
}

#[test]
fn a_removal_leaves_nothing_behind_in_one_cookie_alone() {
    let mut client = Client::<Shop>::new(single());
    client.change(add(1));
    let before = client.open().info(false).usage;
    client.now += 1_000;
    client.change(add(2));
    client.now += 1_000;
    client.change(|shop| {
        shop.cart.remove(&2);
    });
    assert_eq!(cart(&client), [1]);
    assert_eq!(client.open().info(false).usage.fields, before.fields);
}

#[test]
fn a_touch_sets_the_one_cookie_anew() {
    let mut client = signed_in();
    client.now += 3 * 3_600_000;
    let outcome = client.look();
    assert_eq!(outcome.report.maintenance, [Work::Touch]);
    assert_eq!((outcome.set_cookies.len(), outcome.report.deleted), (1, 0));
    assert_eq!((cart(&client), client.read().theme.as_str()), (vec![1], "dark"));
    assert_eq!(client.look().set_cookies.len(), 0);
    // A write that comes when a touch is due does both.
    client.now += 3 * 3_600_000;
    let seen = |client: &Client<Shop>| client.open().info(false).times.expect("times").seen;
    let before = seen(&client);
    let outcome = client.change(add(2));
    assert_eq!(outcome.set_cookies.len(), 1);
    assert!(seen(&client) > before);
    assert_eq!(client.look().set_cookies.len(), 0);
}

/// The same client at servers with this view of the ring.
fn see(client: &mut Client<Shop>, view: View) {
    let rules = Arc::clone(client.snapshot.rules());
    client.snapshot = Snapshot::new(rules, Arc::new(view));
}

#[test]
fn a_rotation_of_keys_moves_one_cookie_whole() {
    const HOUR: u64 = 60 * MINUTE;
    let (before, after) = rotated(START);
    let mut client = Client::new(single());
    see(&mut client, before);
    client.change(add(1));
    client.now += 30 * MINUTE;
    client.change(|shop| shop.user = Some("ada".into()));
    see(&mut client, after);
    client.now += HOUR;
    let outcome = client.look();
    assert_eq!(outcome.report.maintenance, [Work::Rekey]);
    assert_eq!((outcome.set_cookies.len(), outcome.report.deleted), (1, 0));
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=", vec![1]));
    assert_eq!(client.look().set_cookies.len(), 0);
    // Long after the old key is gone.
    for _ in 0..5 {
        client.now += 20 * HOUR;
        client.look();
    }
    assert_eq!((client.read().user.as_deref(), cart(&client)), (Some("ada"), vec![1]));
}

#[test]
fn a_rotation_of_keys_moves_an_adopted_cookie_whole_as_well() {
    let (before, after) = rotated(START + 1_000);
    let mut client = Client::new(policy());
    see(&mut client, before.clone());
    client.change(add(1));
    let several = std::mem::take(&mut client.jar);
    client.now += 1_000;
    set(&mut client, Layout::Single);
    see(&mut client, before);
    client.change(add(2));
    client.jar.0.extend(several.0);
    let one = client.jar.0[BASE].clone();
    // The new key seals, and nothing is settled.
    client.now += 12 * MINUTE;
    see(&mut client, after);
    let outcome = client.look();
    assert_eq!(outcome.report.maintenance, [Work::Rekey; 3]);
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=ar", vec![1, 2]));
    assert_ne!(client.jar.0[BASE], one);
    assert_eq!(client.look().set_cookies.len(), 0);
}

#[test]
fn a_removal_is_kept_where_a_default_or_a_whole_map_would_bring_it_back() {
    /// An older program, which wrote the map as one field.
    #[derive(Default, Serialize, Deserialize)]
    struct Older {
        tags: BTreeMap<String, u8>,
    }
    #[derive(Serialize, Deserialize)]
    struct Tagged {
        tags: Each<BTreeMap<String, u8>>,
    }
    impl Default for Tagged {
        fn default() -> Self {
            Self { tags: Each(BTreeMap::from([("new".to_owned(), 1)])) }
        }
    }
    let mut client = Client::<Tagged>::new(Policy { layout: Layout::Single, ..Policy::default() });
    client.change(|it| {
        it.tags.insert("mine".into(), 2);
        it.tags.remove("new");
    });
    let tags = |client: &Client<Tagged>| client.read().tags.keys().cloned().collect::<Vec<_>>();
    for _ in 0..3 {
        assert_eq!(tags(&client), ["mine"]);
        client.now += 3 * 60 * MINUTE;
        client.look();
    }
    let mut older = Client::<Older>::new(Policy { layout: Layout::Single, ..Policy::default() });
    older.change(|it| it.tags.extend([("a".to_owned(), 1), ("b".to_owned(), 2)]));
    client.jar = older.jar;
    client.now += 1_000;
    client.change(|it| {
        it.tags.remove("a");
    });
    for _ in 0..3 {
        assert!(!tags(&client).contains(&"a".to_owned()), "{:?}", tags(&client));
        assert!(tags(&client).contains(&"b".to_owned()), "{:?}", tags(&client));
        client.now += 3 * 60 * MINUTE;
        client.look();
    }
}

#[test]
fn a_request_that_took_too_long_writes_nothing_at_all() {
    let mut client = signed_in();
    let (write, read) = (client.open(), client.open());
    client.now += 5 * MINUTE + 1;
    let outcome = client.respond(write, add(2));
    assert_eq!((outcome.error, outcome.set_cookies.len()), (Some(SealError::Late), 0));
    client.now += 3 * 3_600_000;
    assert!(client.respond(read, |_| {}).set_cookies.is_empty());
}

#[test]
fn a_session_keeps_the_layout_it_began_with() {
    let mut client = Client::<Shop>::new(single());
    client.change(add(1));
    set(&mut client, Layout::Merging);
    client.now += 1_000;
    client.change(add(2));
    client.now += 3 * 3_600_000;
    client.look();
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=", vec![1, 2]));
    let mut client = Client::new(policy());
    client.change(add(1));
    set(&mut client, Layout::Single);
    client.now += 1_000;
    client.change(|shop| shop.user = Some("ada".into()));
    client.now += 1_000;
    client.change(add(2));
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("aru", vec![1, 2]));
    // What begins anew has the layout of the setting.
    client.now += 1_000;
    client.change(|shop| shop.user = Some("bob".into()));
    assert_eq!(kinds(&client), "=e");
    assert_eq!(client.read().user.as_deref(), Some("bob"));
}

#[test]
fn a_switch_from_one_cookie_to_several_leaves_a_marker() {
    let mut client = signed_in();
    let before = client.jar.clone();
    set(&mut client, Layout::Merging);
    client.change(|shop| shop.user = None);
    assert_eq!(kinds(&client), "aer", "the theme goes on");
    // A response of the old session that comes late does not sign anybody in.
    client.jar.0.extend(before.0);
    assert_eq!(client.read().user, None);
    client.look();
    assert_eq!(kinds(&client), "aer");
}

/// Anonymous sessions of both layouts in one jar; the second one began `apart` later.
fn mixed(first: Layout, second: Layout, apart: u64) -> Client<Shop> {
    let mut client = Client::new(policy());
    set(&mut client, first);
    client.change(add(1));
    let one = std::mem::take(&mut client.jar);
    client.now += apart;
    set(&mut client, second);
    client.change(add(2));
    client.jar.0.extend(one.0);
    client
}

#[test]
fn several_cookies_adopt_one_and_fold_it_when_it_is_settled() {
    let mut client = mixed(Layout::Merging, Layout::Single, 2_000);
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=ar", vec![1, 2]));
    assert_eq!(client.open().arrival().adopted, 1);
    assert_eq!(client.look().set_cookies.len(), 0);
    client.now += 5_000;
    client.change(add(3));
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=aar", vec![1, 2, 3]));
    client.now += 16 * MINUTE;
    let outcome = client.look();
    assert_eq!(outcome.report.maintenance, [Work::Fold]);
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("ar", vec![1, 2, 3]));
}

#[test]
fn one_cookie_adopts_several_and_takes_them_in_when_they_are_settled() {
    let mut client = mixed(Layout::Single, Layout::Merging, 2_000);
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=ar", vec![1, 2]));
    client.now += 5_000;
    let outcome = client.change(add(3));
    assert_eq!((outcome.report.sealed, outcome.report.deleted), (1, 0));
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=ar", vec![1, 2, 3]));
    client.now += 16 * MINUTE;
    let outcome = client.look();
    assert_eq!(outcome.report.maintenance, [Work::Fold]);
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=r", vec![1, 2, 3]));
    let outcome = client.look();
    assert_eq!((outcome.report.sealed, outcome.report.deleted), (0, 1));
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=", vec![1, 2, 3]));
}

#[test]
fn a_write_takes_in_what_is_settled_at_once() {
    let mut client = mixed(Layout::Single, Layout::Merging, 2_000);
    client.now += 16 * MINUTE;
    let outcome = client.change(add(3));
    assert_eq!((outcome.report.event, outcome.report.sealed), (EventKind::Write, 1));
    assert_eq!(outcome.report.deleted, 1);
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=r", vec![1, 2, 3]));
}

#[test]
fn one_cookie_stays_the_session_though_others_hold_all_that_counts() {
    let mut client = Client::<Shop>::new(single());
    client.change(|shop| shop.theme = "dark".into());
    let one = std::mem::take(&mut client.jar);
    client.now += 2_000;
    set(&mut client, Layout::Merging);
    client.change(|shop| shop.theme = "light".into());
    client.jar.0.extend(one.0);
    let id = client.open().info(false).id;
    client.now += 16 * MINUTE;
    let outcome = client.look();
    assert!(!outcome.set_cookies.iter().any(|line| line.starts_with("__Host-Http-hv=;")));
    client.look();
    assert_eq!((kinds(&client).as_str(), client.read().theme.as_str()), ("=", "light"));
    assert_eq!(client.open().info(false).id, id);
}

#[test]
fn two_servers_that_take_in_the_same_jar_write_the_same_bytes() {
    let mut client = mixed(Layout::Single, Layout::Merging, 2_000);
    client.now = START + 5 * 60 * MINUTE;
    let (one, other) = (client.open(), client.open());
    let mut lines = Vec::new();
    for (exchange, later) in [(one, 0), (other, 3_000)] {
        client.now += later;
        lines.push(exchange.respond(Room::default(), client.at(), &mut Seeded(6)).set_cookies);
    }
    assert!(lines[0].iter().any(|line| line.starts_with("__Host-Http-hv=hv1A")));
    let pairs = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.split(';').next().expect("a pair").to_owned()).collect()
    };
    assert_eq!(pairs(&lines[0]), pairs(&lines[1]));
}

#[test]
fn a_write_on_a_server_whose_clock_is_behind_counts() {
    let mut client = Client::<Shop>::new(single());
    client.change(add(1));
    client.now += 60_000;
    client.change(|shop| shop.theme = "dark".into());
    client.now -= 30_000;
    client.change(|shop| shop.theme = "light".into());
    assert_eq!((client.read().theme.as_str(), cart(&client)), ("light", vec![1]));
}

#[test]
fn a_removal_beside_other_cookies_is_remembered_until_nothing_can_bring_it_back() {
    let mut client = mixed(Layout::Single, Layout::Merging, 2_000);
    let other = client.jar.clone();
    client.now += 1_000;
    client.change(|shop| {
        shop.cart.remove(&2);
    });
    assert_eq!(cart(&client), [1]);
    client.now += 16 * MINUTE;
    client.look();
    // A response that was under way brings the adopted fragment back: it stays removed.
    let fragment = other.0.iter().find(|(name, _)| name.contains(".a")).expect("a fragment");
    client.jar.0.insert(fragment.0.clone(), fragment.1.clone());
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=ar", vec![1]));
    for _ in 0..4 {
        client.now += 40 * MINUTE;
        client.look();
        assert_eq!(cart(&client), [1]);
    }
    assert_eq!(kinds(&client), "=");
    let fields = client.open().info(false).usage.fields;
    client.now += 1_000;
    client.change(add(3));
    client.now += 1_000;
    client.change(|shop| {
        shop.cart.remove(&3);
    });
    assert_eq!(client.open().info(false).usage.fields, fields);
}

#[test]
fn an_end_in_a_mixed_jar_leaves_a_marker_and_nothing_comes_back() {
    let mut client = mixed(Layout::Single, Layout::Merging, 2_000);
    client.now += 1_000;
    client.change(|shop| shop.user = Some("ada".into()));
    let before = client.jar.clone();
    client.now += 1_000;
    client.end();
    assert_eq!(kinds(&client), "e");
    client.jar.0.extend(before.0);
    assert_eq!(client.read(), Shop::default());
    client.look();
    assert_eq!(kinds(&client), "e", "what is closed is deleted, each cookie once");
}

#[test]
fn one_cookie_that_is_losing_goes_once_it_is_settled() {
    let mut client = Client::<Shop>::new(single());
    client.change(|shop| shop.user = Some("ada".into()));
    let one = std::mem::take(&mut client.jar);
    client.now += 2_000;
    set(&mut client, Layout::Merging);
    client.change(|shop| shop.user = Some("bob".into()));
    client.jar.0.extend(one.0);
    assert_eq!(client.read().user.as_deref(), Some("bob"));
    client.look();
    assert_eq!(kinds(&client), "=r");
    client.now += 16 * MINUTE;
    client.look();
    assert_eq!(kinds(&client), "r");
}

#[test]
fn one_cookie_that_cannot_be_read_here_is_kept_until_login_or_logout() {
    let mut client = signed_in();
    let value = client.jar.0[BASE].replace("hv1A", "hv2A");
    client.jar.0.insert(BASE.into(), value);
    let identity = Room { identity: true, ..Room::default() };
    let act = |client: &mut Client<Shop>, room, act: &dyn Fn(&mut Exchange<Shop>)| {
        let mut exchange = client.open();
        act(&mut exchange);
        exchange.respond(room, client.at(), &mut Seeded(9))
    };
    let change = |change: fn(&mut Shop)| {
        move |exchange: &mut Exchange<Shop>| {
            let (mut decoded, mark) = exchange.value();
            change(&mut decoded.value);
            exchange.hand_back(&decoded.value, mark).expect("encodable");
        }
    };
    assert_eq!(client.open().arrival().kind, ArrivalKind::Kept);
    assert!(client.look().set_cookies.is_empty());
    // Neither a write nor one on a route for logins may overwrite it.
    for room in [Room::default(), identity] {
        let refused = act(&mut client, room, &change(|shop| shop.theme = "x".into()));
        assert_eq!(refused.error, Some(SealError::Unavailable { unknown_key: None }));
        assert!(refused.set_cookies.is_empty());
    }
    let login = act(&mut client, identity, &change(|shop| shop.user = Some("bob".into())));
    assert_eq!((login.report.event, login.set_cookies.len()), (EventKind::Login, 1));
    let mut after = client.jar.clone();
    after.apply(&login.set_cookies);
    let read =
        Exchange::<Shop>::receive(&client.snapshot, [after.header().as_bytes()], client.at());
    assert_eq!(read.value().0.value.user.as_deref(), Some("bob"));
    let end = act(&mut client, identity, &Exchange::end);
    client.jar.apply(&end.set_cookies);
    assert!(client.jar.0.is_empty());
}

#[test]
fn what_does_not_fit_is_refused_and_the_session_stays_whole() {
    let mut client = signed_in();
    let outcome = client.change(|shop| shop.theme = "x".repeat(2_500));
    let Some(SealError::TooLarge(too_large)) = outcome.error else { panic!("{:?}", outcome.error) };
    assert_eq!(too_large.what, Limit::Parcel);
    assert_eq!(too_large.largest[0].0, "theme");
    assert_eq!(client.read().theme, "dark");
    // The state is the parcel: name and value, root included, without padding.
    let exchange = client.open();
    let (mut decoded, since) = exchange.value();
    let usage = exchange.info(false).usage;
    let (name, value) = client.jar.0.iter().next().expect("one cookie");
    let sent = name.len() + value.len();
    assert!(usage.state <= sent && sent < usage.state + sent / 8 + 4, "{} {sent}", usage.state);
    decoded.value.theme = "x".repeat(usage.left() * 3 / 4 + 8);
    let refused = exchange.check(&decoded.value, since).expect_err("over its budget");
    assert_eq!((refused.what, refused.limit), (Limit::State, usage.state_limit));
    decoded.value.theme = "x".repeat(usage.left() * 3 / 4 - 8);
    assert_eq!(exchange.check(&decoded.value, since), Ok(()));
    exchange_writes_up_to_its_budget(&mut client, &decoded.value.theme);
}

fn exchange_writes_up_to_its_budget(client: &mut Client<Shop>, theme: &str) {
    let outcome = client.change(|shop| theme.clone_into(&mut shop.theme));
    assert_eq!((outcome.error, outcome.set_cookies.len()), (None, 1));
    assert!(outcome.report.chars <= Budget::default().response);
    let usage = client.open().info(false).usage;
    assert!(usage.left() < 32, "{usage:?}");
    // What is full can be emptied.
    assert_eq!(client.change(|shop| shop.theme.clear()).error, None);
}

#[test]
fn what_an_adopted_session_holds_stays_there_if_it_does_not_fit() {
    // Together they would fit the response, and not a parcel.
    let budget = Budget { parcel: 1_500, state: 1_500, ..Budget::default() };
    let policy = |layout| Policy { budget, layout, ..policy() };
    let mut client = Client::<Shop>::new(policy(Layout::Single));
    client.change(|shop| shop.theme = "x".repeat(700));
    let one = std::mem::take(&mut client.jar);
    client.now += 2_000;
    client.snapshot = snapshot(policy(Layout::Merging));
    client.change(|shop| {
        shop.cart.insert(2, "y".repeat(700));
    });
    client.jar.0.extend(one.0);
    client.now += 16 * MINUTE;
    for _ in 0..2 {
        assert_eq!(client.look().set_cookies, Vec::<String>::new());
    }
    let outcome = client.change(|shop| shop.theme.push('z'));
    assert_eq!((outcome.error, outcome.report.deleted), (None, 0));
    client.now += 3 * 3_600_000;
    assert_eq!(client.look().report.maintenance, [Work::Touch]);
    assert_eq!((kinds(&client).as_str(), cart(&client)), ("=ar", vec![2]));
}

/// An API client: keeps the value of a header, and no cookies.
struct Api {
    client: Client<Shop>,
    value: Option<String>,
}

impl Api {
    fn new() -> Self {
        let header = Some(HeaderSpec::named("X-Session"));
        Self { client: Client::new(Policy { header, ..policy() }), value: None }
    }

    fn open(&self) -> Exchange<Shop> {
        let value = self.value.as_deref().unwrap_or_default();
        Exchange::receive_header(&self.client.snapshot, [value.as_bytes()], self.client.at())
            .expect("a header is configured")
    }

    fn apply(&mut self, outcome: &Outcome) {
        assert_eq!(outcome.set_cookies, Vec::<String>::new());
        if let Some(value) = &outcome.header {
            self.value = (!value.is_empty()).then(|| value.clone());
        }
    }

    fn change(&mut self, act: impl FnOnce(&mut Shop)) -> Outcome {
        let exchange = self.open();
        let outcome = self.client.respond(exchange, act);
        self.apply(&outcome);
        outcome
    }

    fn end(&mut self) -> Outcome {
        let mut exchange = self.open();
        exchange.end();
        let outcome = exchange.respond(Room::default(), self.client.at(), &mut Seeded(8));
        self.apply(&outcome);
        outcome
    }

    fn arrival(&self) -> Arrival {
        self.open().arrival()
    }
}

#[test]
fn a_header_carries_a_session_from_its_creation_to_its_end() {
    let mut api = Api::new();
    assert_eq!(api.arrival().kind, ArrivalKind::Absent);
    assert_eq!(api.change(|_| {}).header, None);
    let created = api.change(add(1));
    assert!(created.header.expect("a value").starts_with("hv1A"));
    assert_eq!(api.arrival().transport, Transport::Header);
    api.client.now += 1_000;
    assert_eq!(api.change(|_| {}).header, None, "nothing changed, nothing is answered");
    api.change(|shop| shop.user = Some("ada".into()));
    api.client.now += 3 * 3_600_000;
    assert_eq!(api.change(|_| {}).report.maintenance, [Work::Touch]);
    let shop = api.open().value().0.value;
    assert_eq!((shop.user.as_deref(), shop.cart.len()), (Some("ada"), 1));
    let ended = api.end();
    assert_eq!((ended.report.event, ended.header.as_deref()), (EventKind::End, Some("")));
    assert_eq!(api.open().value().0.value, Shop::default());
}

#[test]
fn a_header_that_is_no_session_is_answered_by_an_empty_value() {
    let mut api = Api::new();
    api.change(add(1));
    let good = api.value.clone().expect("a value");
    let mut bent = good.clone().into_bytes();
    bent[40] = if bent[40] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).expect("ASCII");
    for (value, why) in [
        ("Bearer abc".to_owned(), Rejection::Malformed),
        (bent, Rejection::Inauthentic),
        (format!("{good},{good}"), Rejection::Malformed),
        (format!("hv1A{}", "A".repeat(4_096)), Rejection::Oversized),
    ] {
        api.value = Some(value);
        assert_eq!(api.arrival().rejections, [why]);
        assert_eq!(api.arrival().kind, ArrivalKind::Rejected);
        assert_eq!(api.change(|_| {}).header.as_deref(), Some(""));
    }
    // Of a newer version: left alone, and not written over.
    api.value = Some(good.replace("hv1A", "hv2A"));
    assert_eq!(api.change(|_| {}).header, None);
    let refused = api.change(add(2));
    assert_eq!(refused.error, Some(SealError::Unavailable { unknown_key: None }));
    assert_eq!(refused.header, None);
}

#[test]
fn a_header_that_comes_twice_is_not_believed() {
    let mut api = Api::new();
    api.change(|shop| shop.user = Some("ada".into()));
    let value = api.value.clone().expect("a value");
    let twice = [value.as_bytes(), value.as_bytes()];
    let open = || Exchange::receive_header(&api.client.snapshot, twice, api.client.at());
    let exchange: Exchange<Shop> = open().expect("a header is configured");
    assert_eq!(exchange.arrival().rejections, [Rejection::DuplicateName]);
    assert_eq!(exchange.value().0.value, Shop::default());
    let outcome = exchange.respond(Room::default(), api.client.at(), &mut Seeded(3));
    assert_eq!((outcome.header.as_deref(), outcome.report.deleted), (Some(""), 1));
}

#[test]
fn what_was_sealed_for_a_cookie_opens_in_no_header_and_the_other_way_round() {
    // The same name in both places, so that only the kind of place differs.
    let name = "hv";
    let policy = Policy {
        cookie: haversack::CookieSpec::named(name),
        header: Some(HeaderSpec::named(name)),
        ..single()
    };
    let mut client = Client::<Shop>::new(policy);
    client.change(add(1));
    let cookie = client.jar.0[name].clone();
    let in_header = |value: &str| {
        Exchange::<Shop>::receive_header(&client.snapshot, [value.as_bytes()], client.at())
            .expect("a header is configured")
    };
    assert_eq!(in_header(&cookie).arrival().rejections, [Rejection::Inauthentic]);
    let mut exchange = in_header("");
    let (mut decoded, mark) = exchange.value();
    decoded.value.theme = "dark".into();
    exchange.hand_back(&decoded.value, mark).expect("encodable");
    let header = exchange.respond(Room::default(), client.at(), &mut Seeded(5)).header;
    let header = header.expect("a value");
    assert_eq!(in_header(&header).value().0.value.theme, "dark");
    let line = format!("{name}={header}");
    let exchange = Exchange::<Shop>::receive(&client.snapshot, [line.as_bytes()], client.at());
    assert_eq!(exchange.arrival().rejections, [Rejection::Inauthentic]);
}

#[test]
fn without_the_setting_there_is_no_header() {
    let client = Client::<Shop>::new(policy());
    assert!(Exchange::receive_header(&client.snapshot, [&b""[..]], client.at()).is_none());
    let header = Some(HeaderSpec::named("Cookie"));
    let error = haversack::Rules::<Shop>::new(Policy { header, ..policy() }).err();
    assert!(matches!(error, Some(ConfigError::Header { .. })), "{error:?}");
}

#[test]
fn nothing_is_lost_while_the_setting_flips_as_long_as_requests_do_not_overlap() {
    for seed in 0..60 {
        flip(seed);
    }
}

fn flip(seed: u64) {
    let mut dice = Seeded(seed);
    let mut roll = move |sides: u64| {
        let mut bytes = [0; 8];
        haversack::Entropy::fill(&mut dice, &mut bytes).expect("never fails");
        u64::from_le_bytes(bytes) % sides
    };
    let mut client = Client::new(policy());
    client.entropy = Seeded(seed ^ 0x51);
    let mut expected = Shop::default();
    // Sessions that began without the cookies of the jar, as a cross-site POST does.
    for step in 0..80u32 {
        client.now += [5, 900, 12_000, 4 * MINUTE, 20 * MINUTE][roll(5) as usize];
        let layout = if roll(2) == 0 { Layout::Single } else { Layout::Merging };
        set(&mut client, layout);
        match roll(12) {
            0..=4 => {
                assert_eq!(client.change(add(step)).error, None, "seed {seed} step {step}");
                expected.cart.insert(step, format!("item {step}"));
            }
            5 => {
                if let Some(n) = expected.cart.keys().next().copied() {
                    client.change(|shop| {
                        shop.cart.remove(&n);
                    });
                    expected.cart.remove(&n);
                }
            }
            6 => {
                client.change(|shop| shop.theme = format!("theme {step}"));
                expected.theme = format!("theme {step}");
            }
            7 if expected.user.is_none() => {
                client.change(|shop| shop.user = Some("ada".into()));
                expected.user = Some("ada".into());
            }
            8 => {
                client.end();
                expected = Shop { theme: expected.theme, ..Shop::default() };
            }
            9 if expected.user.is_none() && !expected.cart.is_empty() => {
                // Without the jar; only if it cannot take the place of the jar's one cookie.
                if layout == Layout::Merging || !client.jar.0.contains_key(BASE) {
                    let jar = std::mem::take(&mut client.jar);
                    client.change(add(step));
                    client.jar.0.extend(jar.0);
                    expected.cart.insert(step, format!("item {step}"));
                }
            }
            _ => {
                client.look();
            }
        }
        assert_eq!(client.read(), expected, "seed {seed} step {step}: {}", kinds(&client));
    }
    client.now += 16 * MINUTE;
    for _ in 0..12 {
        client.now += 11_000;
        client.look();
    }
    assert_eq!(client.read(), expected, "seed {seed}");
    assert!(client.jar.0.len() <= 8, "seed {seed}: {}", kinds(&client));
}

/// The figures in `docs/api-clients.md`.
#[test]
fn one_parcel_takes_less_than_several() {
    let shop = |shop: &mut Shop| {
        shop.user = Some("0198f0c2-7a54-7cc1-9a3e-2f3f8f0f6a11".into());
        shop.roles = vec!["customer".into()];
        shop.theme = "dark".into();
        for n in 0..3 {
            shop.cart.insert(40_000 + n, format!("2 x item {n}"));
        }
    };
    let mut merging = Client::new(policy());
    let many = merging.change(shop);
    let mut single = Client::new(single());
    let one = single.change(shop);
    let mut api = Api::new();
    let header = api.change(shop);
    let sent = |client: &Client<Shop>| client.jar.header().len();
    assert_eq!((sent(&merging), sent(&single)), (405, 325));
    assert_eq!(api.value.as_ref().map(String::len), Some(310));
    assert_eq!(
        [&many, &one, &header].map(|outcome| outcome.report.chars),
        [546, 396, 323],
        "a response that sets all of it"
    );
    // A change of one field: a fragment, or all of it again.
    merging.now += 5_000;
    single.now += 5_000;
    let theme = |shop: &mut Shop| shop.theme = "light".into();
    let (many, one) = (merging.change(theme), single.change(theme));
    assert_eq!([many, one].map(|outcome| outcome.report.chars), [180, 396]);
}
