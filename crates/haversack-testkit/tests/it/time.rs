//! The clock, the end of a browser session, and older jars.

use std::time::Duration;

use haversack_testkit::Snapshot;

use crate::shop;

#[tokio::test]
async fn cookies_expire_by_the_browsers_clock() {
    let browser = shop::browser();
    browser.at(5_000);
    browser.set_cookie("a=1; Max-Age=10").unwrap();
    browser.advance(Duration::from_millis(9_999));
    assert_eq!(browser.get("/").depart().cookie(), Some("a=1"));
    browser.advance(Duration::from_millis(1));
    assert_eq!(browser.now_ms(), 15_000);
    assert_eq!(browser.cookie("a"), None);
    assert_eq!(browser.tab().get("/").await.request_cookie, None);
}

#[tokio::test]
async fn a_response_is_applied_when_it_arrives() {
    let browser = shop::browser();
    browser.at(0);
    let served = browser.get("/set/a/1; Max-Age=10").depart().serve().await;
    browser.at(60_000);
    served.apply();
    assert_eq!(browser.jar().iter().next().unwrap().created_ms, 60_000);
}

#[tokio::test]
async fn a_restart_ends_session_cookies() {
    let browser = shop::browser();
    browser.set_cookie("session=1").unwrap();
    browser.set_cookie("kept=2; Max-Age=60").unwrap();
    browser.restart();
    assert_eq!(browser.get("/").await.request_cookie.as_deref(), Some("kept=2"));
}

#[tokio::test]
async fn an_older_jar_can_be_restored_here_and_elsewhere() {
    let browser = shop::browser();
    browser.get("/set/a/1").await;
    let backup = browser.snapshot();
    browser.get("/set/a/2").await;
    let thief = shop::browser();
    thief.restore(&backup);
    assert_eq!(thief.cookie("a").as_deref(), Some("1"));
    assert_eq!(browser.cookie("a").as_deref(), Some("2"));
    browser.restore(&backup);
    assert_eq!(browser.get("/").await.request_cookie.as_deref(), Some("a=1"));
    browser.restore(&Snapshot::default());
    assert_eq!(browser.get("/").await.request_cookie, None);
    thief.with_jar(|jar| assert_eq!(jar.remove("a"), 1));
    assert_eq!(thief.cookie("a"), None);
}
