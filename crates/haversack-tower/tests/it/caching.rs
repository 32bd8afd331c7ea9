//! What responses say to caches.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::routing::get;
use haversack_testkit::Browser;
use haversack_tower::{Session, SessionLayer, SessionRoute};

use crate::shop::{Clock, START, Shop, sessions};

async fn write(mut shop: Session<Shop>) -> [(axum::http::HeaderName, &'static str); 1] {
    shop.theme.push('x');
    [(CACHE_CONTROL, "public, max-age=60")]
}

async fn read(shop: Session<Shop>) -> String {
    shop.theme.clone()
}

async fn shared(shop: Session<Shop>) -> ([(axum::http::HeaderName, &'static str); 2], String) {
    ([(CACHE_CONTROL, "public, max-age=60"), (VARY, "accept, Cookie")], shop.theme.clone())
}

fn open(clock: &Clock) -> Browser<Router> {
    let router = Router::new()
        .route("/write", get(write))
        .route("/read", get(read))
        .route("/shared", get(shared))
        .route("/public", get(read).layer(SessionRoute::public()))
        .layer(SessionLayer::new(sessions(clock)));
    let browser = Browser::new(router);
    browser.at(START);
    browser
}

#[tokio::test]
async fn a_response_that_sets_a_session_is_stored_by_nobody() {
    let page = open(&Clock::new()).get("/write").await;
    assert!(!page.set_cookies.is_empty());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("vary"), Some("cookie"));
}

#[tokio::test]
async fn a_response_that_read_a_session_is_private_unless_the_handler_says_otherwise() {
    let clock = Clock::new();
    let browser = open(&clock);
    browser.get("/write").await;
    let page = browser.get("/read").await;
    assert_eq!(
        (page.header("cache-control"), page.header("vary")),
        (Some("private"), Some("cookie"))
    );
    let page = browser.get("/shared").await;
    assert_eq!(page.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(page.header("vary"), Some("accept, Cookie"));
}

#[tokio::test]
async fn what_shared_caches_may_store_gets_no_maintenance() {
    let clock = Clock::new();
    let browser = open(&clock);
    browser.get("/write").await;
    clock.advance(20 * 3_600_000);
    browser.advance(std::time::Duration::from_secs(20 * 3600));
    assert!(browser.get("/shared").await.set_cookies.is_empty());
    assert!(browser.get("/public").await.set_cookies.is_empty());
    assert!(!browser.get("/read").await.set_cookies.is_empty());
}
