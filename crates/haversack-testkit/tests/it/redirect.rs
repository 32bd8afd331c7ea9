//! Redirects as in the Fetch standard.

use http::Method;

use crate::shop;

#[tokio::test]
async fn a_post_becomes_a_get_as_browsers_have_it() {
    let browser = shop::browser();
    for (status, method, body) in [
        (301, "GET", ""),
        (302, "GET", ""),
        (303, "GET", ""),
        (307, "POST", "id=7"),
        (308, "POST", "id=7"),
    ] {
        let page = browser.post(&format!("/go/{status}/cart")).form(&[("id", "7")]).await;
        assert!(page.text().starts_with(&format!("{method} /cart\n")), "{status}: {}", page.text());
        assert!(page.text().ends_with(&format!("\n{body}")), "{status}: {}", page.text());
        assert_eq!(page.text().contains("content-type"), !body.is_empty(), "{status}");
        assert_eq!(
            page.request_cookie,
            Some(format!("hop={status}")),
            "cookies of the redirect count"
        );
        assert_eq!(page.redirects[0].status, status);
        assert_eq!(page.redirects[0].set_cookies, [format!("hop={status}; Path=/")]);
    }
}

#[tokio::test]
async fn other_methods_change_at_303_only() {
    let browser = shop::browser();
    for (method, status, expected) in
        [(Method::PUT, 302, "PUT"), (Method::PUT, 303, "GET"), (Method::HEAD, 303, "HEAD")]
    {
        let page = browser.request(method, &format!("/go/{status}/cart")).await;
        assert!(page.text().starts_with(expected), "{status}: {}", page.text());
    }
}

#[tokio::test]
async fn a_chain_is_followed_and_its_addresses_resolved() {
    let browser = shop::browser();
    let page = browser.get("/go/302/go/303/go/307/end").await;
    assert_eq!((page.url.path(), page.redirects.len()), ("/end", 3));
    for (location, target) in [
        ("next", "/next"),
        ("./a/../b%20c", "/b%20c"),
        ("//shop.example/x#top", "/x"),
        ("https://shop.example:443/y", "/y"),
    ] {
        let page = browser.get(&format!("/to?{location}")).await;
        assert!(page.text().starts_with(&format!("GET {target}\n")), "{location}: {}", page.text());
    }
}

#[tokio::test]
async fn another_origin_is_not_this_service() {
    let browser = shop::browser();
    for location in
        ["https://login.example/", "http://shop.example/", "https://shop.example:8443/", "http://["]
    {
        let page = browser.get(&format!("/to?{location}")).await;
        assert_eq!(page.status, 303, "{location}");
        assert_eq!(page.header("location"), Some(location));
    }
}

#[tokio::test]
async fn redirects_can_be_left_alone() {
    let browser = shop::browser().follow_redirects(false);
    let page = browser.get("/go/303/cart").await;
    assert_eq!(page.status, 303);
    assert!(page.redirects.is_empty());
}

#[tokio::test]
#[should_panic(expected = "more than 10 redirects")]
async fn a_loop_is_a_failure() {
    // Without a query the answer leads to itself.
    shop::browser().get("/to").await;
}

#[tokio::test]
async fn ten_redirects_are_none_too_many() {
    let page = shop::browser().get(&("/go/302".repeat(10) + "/end")).await;
    assert_eq!(page.redirects.len(), 10);
}

#[tokio::test]
async fn a_redirect_of_a_cross_site_request_is_cross_site() {
    // RFC 6265bis section 5.6.7.1: the method of the hop decides, not that of the form.
    let browser = shop::browser();
    browser.set_cookie("lax=1; SameSite=Lax; Path=/").unwrap();
    browser.set_cookie("strict=2; SameSite=Strict; Path=/").unwrap();
    let page = browser.post("/go/303/cart").cross_site().await;
    assert_eq!(page.redirects[0].request_cookie, None);
    assert_eq!(page.request_cookie.as_deref(), Some("lax=1; hop=303"));
}
