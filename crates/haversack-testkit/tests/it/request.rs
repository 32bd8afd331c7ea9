//! What a request carries.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::header,
    response::Redirect,
    routing::{get, post},
};
use haversack_testkit::Browser;
use tower::ServiceExt as _;

use crate::shop;

#[tokio::test]
async fn a_request_looks_like_a_browsers() {
    let browser = shop::browser();
    assert_eq!(
        browser.get("/cart?id=7#top").await.text(),
        "GET /cart?id=7\nhost: shop.example\nsec-fetch-site: same-origin\n"
    );
    let browser = browser.origin("http://localhost:3000");
    let shown = "POST /cart\nhost: localhost:3000\norigin: http://localhost:3000\nsec-fetch-site: same-origin\n\
         content-type: application/x-www-form-urlencoded\nid=7&name=a+b%26";
    assert_eq!(browser.post("/cart").form([("id", "7"), ("name", "a b&")]).await.text(), shown);
}

#[tokio::test]
async fn a_cross_site_request_says_so_and_same_site_applies() {
    let browser = shop::browser();
    browser.set_cookie("lax=1").unwrap();
    browser.set_cookie("none=2; SameSite=None; Secure").unwrap();
    let page = browser.get("/").cross_site().await;
    assert_eq!(page.request_cookie.as_deref(), Some("lax=1; none=2"));
    let page = browser.post("/").cross_site().await;
    assert_eq!(page.request_cookie.as_deref(), Some("none=2"));
    assert!(
        page.text().contains("origin: https://elsewhere.example\nsec-fetch-site: cross-site\n")
    );
    let page = browser.get("/set/lax/3").cross_site_embedded().await;
    assert_eq!(page.request_cookie.as_deref(), Some("none=2"));
    assert_eq!(browser.cookie("lax").as_deref(), Some("1"));
}

#[tokio::test]
async fn headers_of_the_test_come_first() {
    let browser = shop::browser();
    browser.set_cookie("a=1").unwrap();
    let forged = browser.post("/go/303/").header("cookie", "forged=1").header("origin", "null");
    let page = forged.header("x-test", "1").header("x-test", "2").await;
    assert_eq!(page.redirects[0].request_cookie.as_deref(), Some("forged=1"));
    assert!(page.redirects[0].text().contains("cookie: forged=1\norigin: null\n"));
    assert_eq!(page.request_cookie.as_deref(), Some("a=1; hop=303"), "the jar is back");
    assert!(page.text().ends_with("x-test: 1\nx-test: 2\n"));
}

#[tokio::test]
async fn cookies_can_come_on_several_lines() {
    let page = shop::browser().get("/").header("cookie", "a=1").header("cookie", "b=2").await;
    assert_eq!(page.request_cookie.as_deref(), Some("a=1; b=2"));
    assert!(page.text().contains("cookie: a=1\ncookie: b=2\n"));
}

#[tokio::test]
async fn only_trusted_addresses_learn_where_a_request_comes_from() {
    let browser = shop::browser().origin("http://shop.example");
    let shown = "POST /\nhost: shop.example\norigin: http://shop.example\n";
    assert_eq!(browser.post("/").await.text(), shown);
}

#[tokio::test]
async fn bodies_have_their_type() {
    let browser = shop::browser();
    let page = browser.post("/").json(r#"{"id":7}"#).await;
    assert!(page.text().ends_with("content-type: application/json\n{\"id\":7}"));
    let page = browser.post("/").body("text/plain", "hello").await;
    assert!(page.text().ends_with("content-type: text/plain\nhello"));
}

#[tokio::test]
async fn refused_lines_are_on_record() {
    let browser = shop::browser();
    browser.get("/set/__Host-a/1").await;
    let jar = browser.jar();
    assert_eq!(jar.dropped()[0].line, "__Host-a=1; Path=/");
    assert_eq!(jar.dropped()[0].reason.to_string(), "the prefix __Host- needs Secure");
}

#[tokio::test]
async fn an_axum_router_goes_in_as_it_is() {
    let login = async || ([(header::SET_COOKIE, "user=7; Path=/")], Redirect::to("/"));
    let home = async |request: Request| format!("{:?}", request.headers().get("cookie"));
    let router = Router::new().route("/login", post(login)).route("/", get(home));
    let browser = Browser::new(router.clone());
    assert_eq!(browser.post("/login").await.text(), "Some(\"user=7\")");

    // A service that takes axum's body only.
    let boxed = router.into_service::<Body>().boxed_clone();
    let browser = Browser::with_body(boxed);
    assert_eq!(browser.post("/login").await.text(), "Some(\"user=7\")");
}

#[tokio::test]
#[should_panic(expected = "is no http or https URL")]
async fn an_origin_is_an_http_url() {
    let _ = shop::browser().origin("shop.example");
}
