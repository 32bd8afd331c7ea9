//! Each row of the table of events.

use std::collections::BTreeMap;

use haversack::{ArrivalKind, CookieSpec, Each, EventKind, Policy, SameSite};
use serde::{Deserialize, Serialize};

use crate::client::Client;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Shop {
    pub(crate) user: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) cart: Each<BTreeMap<u32, String>>,
    pub(crate) theme: String,
}

pub(crate) fn policy() -> Policy {
    Policy {
        subject: Some("user".into()),
        identity: vec!["roles".into()],
        keep: vec!["theme".into()],
        ..Policy::default()
    }
}

pub(crate) fn client() -> Client<Shop> {
    Client::new(policy())
}

#[test]
fn a_fresh_session_that_is_only_read_sets_nothing() {
    let mut client = client();
    let outcome = client.look();
    assert_eq!(outcome.set_cookies, Vec::<String>::new());
    assert_eq!(client.open().arrival().kind, ArrivalKind::Absent);
}

#[test]
fn a_write_creates_and_the_next_request_reads_it() {
    let mut client = client();
    let outcome = client.change(|shop| shop.theme = "dark".into());
    assert_eq!(outcome.report.event, EventKind::Create);
    assert_eq!(client.jar.kinds(), "ar");
    assert_eq!(client.read().theme, "dark");
    assert_eq!(client.open().arrival().kind, ArrivalKind::Admitted);
    client.now += 1_000;
    assert_eq!(client.look().set_cookies, Vec::<String>::new());
}

#[test]
fn a_second_write_covers_the_first() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 5_000;
    let outcome = client.change(|shop| shop.theme = "light".into());
    assert_eq!(outcome.report.event, EventKind::Write);
    assert_eq!((outcome.report.sealed, outcome.report.deleted), (1, 1));
    assert_eq!(client.jar.kinds(), "ar");
    assert_eq!(client.read().theme, "light");
}

#[test]
fn concurrent_writes_of_two_fields_keep_both() {
    let mut client = client();
    client.change(|shop| shop.theme = "dark".into());
    client.now += 5_000;
    let (first, second) = (client.open(), client.open());
    let first = client.respond(first, |shop| {
        shop.cart.insert(1, "tea".into());
    });
    let second = client.respond(second, |shop| {
        shop.cart.insert(2, "cup".into());
        shop.theme = "light".into();
    });
    client.jar.apply(&second.set_cookies);
    client.jar.apply(&first.set_cookies);
    let shop = client.read();
    assert_eq!(shop.theme, "light");
    assert_eq!(shop.cart.keys().copied().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn login_renews_the_id_and_keeps_what_was_written_before() {
    let mut client = client();
    client.change(|shop| {
        shop.cart.insert(1, "tea".into());
    });
    let before = client.open().info(false);
    client.now += 5_000;
    let outcome = client.change(|shop| {
        shop.user = Some("ada".into());
        shop.roles = vec!["admin".into()];
    });
    assert_eq!(outcome.report.event, EventKind::Login);
    let after = client.open().info(false);
    assert!(before.id != after.id && after.signed_in && !before.signed_in);
    assert_eq!(client.read().user.as_deref(), Some("ada"));
    assert_eq!(client.read().cart.len(), 1);
    assert_eq!(client.jar.kinds(), "ar");
    client.now += 5_000;
    client.change(|shop| {
        shop.cart.insert(2, "cup".into());
    });
    assert_eq!(client.jar.kinds(), "aru");
    assert_eq!(client.read().cart.len(), 2);
}

#[test]
fn logout_leaves_a_marker_and_what_is_kept() {
    let mut client = client();
    client.change(|shop| {
        shop.user = Some("ada".into());
        shop.theme = "dark".into();
        shop.cart.insert(1, "tea".into());
    });
    let signed_in = client.jar.clone();
    client.now += 5_000;
    let outcome = client.end();
    assert_eq!(outcome.report.event, EventKind::End);
    assert_eq!(client.jar.kinds(), "aer");
    assert_eq!(client.read(), Shop { theme: "dark".into(), ..Shop::default() });
    // A response that was under way brings the old cookies back: they stay closed.
    for (name, value) in signed_in.0 {
        client.jar.0.insert(name, value);
    }
    assert_eq!(client.read(), Shop { theme: "dark".into(), ..Shop::default() });
    client.look();
    assert_eq!(client.jar.kinds(), "aer");
    // Once nothing can be under way, the marker goes too.
    client.now += 16 * 60 * 1000;
    client.look();
    assert_eq!(client.jar.kinds(), "ar");
}

#[test]
fn a_change_of_user_keeps_only_what_is_named() {
    let mut client = client();
    client.change(|shop| {
        shop.user = Some("ada".into());
        shop.theme = "dark".into();
        shop.cart.insert(1, "tea".into());
    });
    client.now += 5_000;
    let outcome = client.change(|shop| {
        shop.user = Some("bob".into());
        shop.cart.insert(2, "cup".into());
    });
    assert_eq!(outcome.report.event, EventKind::Switch);
    let shop = client.read();
    assert_eq!(shop.user.as_deref(), Some("bob"));
    assert_eq!(shop.theme, "dark");
    assert_eq!(shop.cart.keys().copied().collect::<Vec<_>>(), [2]);
}

#[test]
fn a_deletion_says_same_site_only_where_a_cross_site_frame_would_not_take_it_otherwise() {
    let plain = "; Max-Age=0; Path=/; Secure; HttpOnly";
    let cases = [
        (CookieSpec::default(), plain.to_owned()),
        (CookieSpec::default().same_site(SameSite::Strict).browser_session(), plain.to_owned()),
        (CookieSpec::default().same_site(SameSite::None), format!("{plain}; SameSite=None")),
    ];
    for (cookie, attributes) in cases {
        let mut client = Client::<Shop>::new(Policy { cookie, ..policy() });
        client.change(|shop| shop.roles.push("guest".into()));
        client.now += 1_000;
        let lines = client.end().set_cookies;
        let [_, deletion] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(deletion.split_once('=').expect("a pair").1, attributes);
    }
}

#[test]
fn what_is_there_by_default_stays_removed_from_the_first_request_on() {
    #[derive(Serialize, Deserialize)]
    struct Tagged {
        user: Option<String>,
        tags: Each<BTreeMap<String, u8>>,
    }
    impl Default for Tagged {
        fn default() -> Self {
            Self { user: None, tags: Each(BTreeMap::from([("new".to_owned(), 1)])) }
        }
    }
    let policy = Policy { subject: Some("user".into()), ..Policy::default() };
    let mut client = Client::<Tagged>::new(policy);
    let tags = |client: &Client<Tagged>| client.read().tags.len();
    let created = client.change(|it| {
        it.tags.remove("new");
    });
    assert_eq!((created.report.event, tags(&client)), (EventKind::Create, 0));
    client.now += 1_000;
    client.change(|it| it.user = Some("ada".into()));
    assert_eq!(tags(&client), 0);
    // Another user begins with the default, unless it is removed again.
    client.now += 1_000;
    client.change(|it| it.user = Some("bob".into()));
    assert_eq!(tags(&client), 1);
    client.now += 1_000;
    client.change(|it| {
        it.user = Some("eve".into());
        it.tags.remove("new");
    });
    assert_eq!(tags(&client), 0);
    client.now += 1_000;
    client.end();
    assert_eq!((tags(&client), client.jar.kinds().as_str()), (1, "eee"));
}
