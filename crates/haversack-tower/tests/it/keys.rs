//! Rings that change, lag, or belong to somebody else; programs of two versions.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use haversack_testkit::{Browser, RingFeed, SeededEntropy};
use haversack_tower::{Haversack, KeyRing, Session, SessionLayer, Timestamp};
use serde::{Deserialize, Serialize};

use crate::shop::{Clock, START, Shop, browser, router, shop};

const HOUR: u64 = 3_600_000;

fn ring(seed: u64) -> KeyRing {
    KeyRing::generate("shop.example", Timestamp::from_millis(START), SeededEntropy::new(seed))
        .expect("a ring")
}

fn rotate(ring: &KeyRing, at: u64) -> KeyRing {
    ring.rotate(
        Timestamp::from_millis(at),
        SeededEntropy::new(3),
        KeyRing::LEAD_MS,
        KeyRing::overlap_ms(24 * HOUR),
    )
    .expect("a second key")
}

fn server(feed: &RingFeed, clock: &Clock) -> Router {
    let sessions = Haversack::builder(feed.clone())
        .subject("user")
        .identity(["roles"])
        .keep(["theme"])
        .clock(clock.reading())
        .build();
    router(sessions.expect("settings that fit"))
}

#[tokio::test]
async fn a_rotation_in_the_middle_logs_nobody_out() {
    let clock = Clock::new();
    let first = ring(7);
    let feed = RingFeed::new(first.clone());
    let browser = Browser::new(server(&feed, &clock));
    browser.at(START);
    browser.post("/login/ada").await;
    feed.publish(rotate(&first, START));
    for hour in 0..120u32 {
        clock.advance(HOUR);
        browser.advance(std::time::Duration::from_millis(HOUR));
        if hour % 10 == 0 {
            browser.post(&format!("/add/{hour}/tea")).await;
        }
        assert_eq!(shop(&browser).await.user.as_deref(), Some("ada"), "hour {hour}");
    }
    assert_eq!(shop(&browser).await.cart.len(), 12);
}

#[tokio::test]
async fn a_server_that_lags_behind_keeps_what_it_cannot_read_and_refuses_to_write_over_it() {
    let clock = Clock::new();
    let first = ring(7);
    let second = rotate(&first, START);
    let (ahead, behind) = (RingFeed::new(second.clone()), RingFeed::new(first));
    clock.advance(HOUR);
    let browser = Browser::new(server(&ahead, &clock));
    browser.at(START + HOUR);
    browser.post("/login/ada").await;
    browser.post("/add/1/tea").await;
    let cookies = browser.jar().iter().count();

    let lagging = browser.tab_on(server(&behind, &clock));
    let page = lagging.get("/").await;
    assert!(page.text().contains(r#""user":null"#) && page.set_cookies.is_empty());
    let page = lagging.post("/add/2/cup").await;
    assert_eq!(
        (page.status, page.header("retry-after")),
        (StatusCode::SERVICE_UNAVAILABLE, Some("1"))
    );
    assert_eq!(browser.jar().iter().count(), cookies, "nothing was deleted");

    // The next question brings the ring, and the same request succeeds.
    clock.advance(2_000);
    behind.publish_when_asked(second);
    assert_eq!(lagging.post("/add/2/cup").await.status, StatusCode::OK);
    let shop = shop(&browser).await;
    assert_eq!((shop.user.as_deref(), shop.cart.len()), (Some("ada"), 2));
}

#[tokio::test]
async fn login_and_logout_pass_where_the_newest_root_cannot_be_read() {
    let clock = Clock::new();
    let first = ring(7);
    let ahead = RingFeed::new(rotate(&first, START));
    clock.advance(HOUR);
    let browser = Browser::new(server(&ahead, &clock));
    browser.at(START + HOUR);
    browser.post("/login/ada").await;
    let lagging = browser.tab_on(server(&RingFeed::new(first), &clock));
    clock.advance(10_000);
    assert_eq!(lagging.post("/logout").await.status, StatusCode::OK);
    assert_eq!(shop(&browser).await.user, None, "logged out for every server");
    assert_eq!(lagging.post("/login/bob").await.status, StatusCode::OK);
    let seen = browser.get("/").await;
    assert!(seen.text().contains("bob"), "{}", seen.text());
}

#[tokio::test]
async fn a_key_that_no_server_has_is_given_up_after_a_quarter_of_an_hour() {
    let clock = Clock::new();
    let first = ring(7);
    let lost = RingFeed::new(rotate(&first, START));
    clock.advance(HOUR);
    let browser = Browser::new(server(&lost, &clock));
    browser.at(START + HOUR);
    browser.post("/theme/dark").await;
    let feed = RingFeed::new(first);
    let fleet = browser.tab_on(server(&feed, &clock));
    assert_eq!(fleet.post("/theme/light").await.status, StatusCode::SERVICE_UNAVAILABLE);
    clock.advance(16 * 60 * 1000);
    assert_eq!(
        fleet.post("/theme/light").await.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "not confirmed"
    );
    feed.confirm(Timestamp::from_millis(START + HOUR + 16 * 60 * 1000));
    assert_eq!(fleet.post("/theme/light").await.status, StatusCode::OK);
    assert_eq!(shop(&fleet).await.theme, "light");
}

#[tokio::test]
async fn cookies_of_another_ring_on_the_same_host_disturb_nothing() {
    let clock = Clock::new();
    let one = browser(&clock);
    let other = one.tab_on(server(&RingFeed::new(ring(99)), &clock));
    one.post("/login/ada").await;
    other.post("/login/bob").await;
    other.post("/add/1/tea").await;
    assert_eq!(shop(&one).await.user.as_deref(), Some("ada"));
    one.post("/logout").await;
    let shop = shop(&other).await;
    assert_eq!((shop.user.as_deref(), shop.cart.len()), (Some("bob"), 1));
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct OldShop {
    user: Option<String>,
    theme: String,
}

#[tokio::test]
async fn a_server_with_an_older_program_loses_no_field() {
    let clock = Clock::new();
    let browser = browser(&clock);
    browser.post("/login/ada").await;
    browser.post("/add/1/tea").await;
    let sessions = Haversack::<OldShop>::builder(KeyRing::for_tests())
        .subject("user")
        .keep(["theme"])
        .clock(clock.reading())
        .build();
    let old = Router::new()
        .route(
            "/",
            get(|shop: Session<OldShop>| async move { format!("{:?} {}", shop.user, shop.theme) }),
        )
        .route(
            "/theme",
            post(|mut shop: Session<OldShop>| async move { shop.theme = "old".into() }),
        )
        .layer(SessionLayer::new(sessions.expect("settings that fit")));
    let elsewhere = browser.tab_on(old);
    for _ in 0..8 {
        clock.advance(20_000);
        assert_eq!(elsewhere.post("/theme").await.status, StatusCode::OK);
        browser.post("/theme/new").await;
    }
    clock.advance(5 * HOUR);
    assert_eq!(elsewhere.get("/").await.text(), "Some(\"ada\") new");
    let shop: Shop = shop(&browser).await;
    assert_eq!(
        (shop.user.as_deref(), shop.cart.len(), shop.theme.as_str()),
        (Some("ada"), 1, "new")
    );
}
