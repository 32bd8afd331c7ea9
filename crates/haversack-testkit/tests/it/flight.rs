//! Overlapping, torn and lost responses.

use http::{Request, Response};
use tower::service_fn;

use crate::shop;

#[tokio::test]
async fn cookies_are_chosen_at_departure() {
    let browser = shop::browser();
    browser.get("/set/a/1").await;
    let early = browser.get("/").depart();
    browser.get("/set/a/2").await;
    assert_eq!(early.cookie(), Some("a=1"));
    let page = early.serve().await.apply();
    assert_eq!(page.request_cookie.as_deref(), Some("a=1"));
    assert!(page.text().contains("cookie: a=1\n"));
}

#[tokio::test]
async fn responses_apply_in_any_order() {
    let browser = shop::browser();
    let first = browser.get("/set/a/first/b/first").depart().serve().await;
    let second = browser.tab().get("/set/a/second").depart().serve().await;
    second.apply();
    assert_eq!(browser.cookie("a").as_deref(), Some("second"));
    first.apply();
    assert_eq!(browser.cookie("a").as_deref(), Some("first"), "the last to arrive wins");
}

#[tokio::test]
async fn a_torn_response_applies_its_first_lines() {
    for (lines, sent) in
        [(0, None), (1, Some("a=1")), (2, Some("a=1; b=2")), (9, Some("a=1; b=2; c=3"))]
    {
        let browser = shop::browser();
        let served = browser.get("/set/a/1/b/2/c/3").depart().serve().await;
        assert_eq!(served.page().set_cookies.len(), 3);
        served.apply_lines(lines);
        assert_eq!(browser.get("/").depart().cookie(), sent, "{lines} lines");
    }
}

#[tokio::test]
async fn a_lost_response_leaves_the_jar() {
    let browser = shop::browser();
    drop(browser.get("/set/a/1").depart().serve().await);
    let lost = browser.get("/set/a/1").depart().serve().await.lose();
    assert_eq!(lost.set_cookies, ["a=1; Path=/"]);
    assert_eq!(browser.jar().iter().count(), 0);
}

#[tokio::test]
async fn tabs_share_the_jar_and_can_reach_another_server() {
    let browser = shop::browser();
    browser.tab().get("/set/a/1").await;
    let other = browser.tab_on(service_fn(async |request: Request<_>| {
        let cookie = request.headers().get("cookie").cloned();
        let _: &http_body_util::Full<bytes::Bytes> = request.body();
        let body = format!("other {cookie:?}");
        Ok::<_, std::convert::Infallible>(Response::new(body))
    }));
    assert_eq!(other.get("/").await.text(), "other Some(\"a=1\")");
}

#[tokio::test]
async fn requests_run_on_other_tasks() {
    let browser = shop::browser();
    let tasks: Vec<_> =
        (0..8).map(|n| tokio::spawn(browser.get(&format!("/set/c{n}/1")).into_future())).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(browser.jar().iter().count(), 8);
}

#[tokio::test]
async fn a_failed_service_is_no_response() {
    let browser = shop::browser();
    let broken = browser.get("/fail").depart().try_serve().await.unwrap_err();
    assert_eq!(broken.to_string(), "the service failed: \"out of order\"");
    assert!(browser.get("/go/303/fail").send().await.is_err());
    assert_eq!(browser.cookie("hop").as_deref(), Some("303"), "the redirect had been applied");
}

#[tokio::test]
#[should_panic(expected = "GET https://shop.example/fail: the service failed")]
async fn awaiting_a_failed_service_says_what_failed() {
    shop::browser().get("/fail").await;
}
