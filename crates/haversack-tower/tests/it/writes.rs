//! What handlers change is on the response, and nothing else is.

use axum::http::StatusCode;

use crate::shop::{Clock, browser, router, sessions, shop};

#[tokio::test]
async fn a_write_is_read_back_and_a_read_sets_nothing() {
    let browser = browser(&Clock::new());
    assert!(browser.get("/").await.set_cookies.is_empty());
    let page = browser.post("/add/1/tea").await;
    assert_eq!((page.status, page.set_cookies.len()), (StatusCode::OK, 2));
    assert!(browser.get("/").await.set_cookies.is_empty());
    assert_eq!(shop(&browser).await.cart[&1], "tea");
}

#[tokio::test]
async fn a_request_whose_handler_does_not_ask_pays_nothing() {
    let browser = browser(&Clock::new());
    browser.post("/add/1/tea").await;
    let page = browser.get("/untouched").await;
    assert!(page.set_cookies.is_empty());
    assert_eq!(page.header("vary"), None);
    assert_eq!(page.header("cache-control"), None);
}

#[tokio::test]
async fn what_was_changed_before_an_error_response_is_written() {
    let browser = browser(&Clock::new());
    assert_eq!(browser.post("/refused").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(shop(&browser).await.theme, "changed before the error");
}

#[tokio::test]
async fn responses_in_any_order_keep_every_item() {
    let clock = Clock::new();
    let browser = browser(&clock);
    browser.post("/theme/dark").await;
    let departed: Vec<_> =
        (0..20).map(|n| browser.tab().post(&format!("/add/{n}/tea")).depart()).collect();
    let mut served = Vec::new();
    for request in departed {
        served.push(request.serve().await);
    }
    for response in served.into_iter().rev() {
        assert_eq!(response.apply().status, StatusCode::OK);
    }
    assert_eq!(shop(&browser).await.cart.len(), 20);
    clock.advance(20_000);
    let cookies = browser.jar().iter().count();
    browser.get("/").await;
    browser.get("/").await;
    assert!(browser.jar().iter().count() < cookies / 2, "not folded");
    assert_eq!(shop(&browser).await.cart.len(), 20);
}

#[tokio::test]
async fn any_server_with_the_ring_continues_the_session() {
    let clock = Clock::new();
    let browser = browser(&clock);
    browser.post("/login/ada").await;
    let elsewhere = browser.tab_on(router(sessions(&clock)));
    elsewhere.post("/add/1/tea").await;
    let shop = shop(&browser).await;
    assert_eq!((shop.user.as_deref(), shop.cart.len()), (Some("ada"), 1));
}

#[tokio::test]
async fn logout_closes_what_a_late_response_brings_back() {
    let clock = Clock::new();
    let browser = browser(&clock);
    browser.post("/login/ada").await;
    clock.advance(5_000);
    let slow = browser.tab().post("/add/1/tea").depart().serve().await;
    clock.advance(1_000);
    browser.post("/logout").await;
    assert_eq!(shop(&browser).await.user, None);
    slow.apply();
    let after = shop(&browser).await;
    assert_eq!((after.user, after.cart.len()), (None, 0));
}

#[tokio::test]
async fn a_session_that_is_too_large_is_refused_loudly_and_stays_whole() {
    let browser = browser(&Clock::new());
    browser.post("/theme/dark").await;
    assert_eq!(browser.post("/fill/4000").await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(browser.post("/fill/20000").await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(shop(&browser).await.theme, "dark");
    assert_eq!(browser.post("/fill/1500").await.status, StatusCode::OK);
    assert_eq!(shop(&browser).await.theme.len(), 1500);
}

#[tokio::test]
async fn a_minted_session_is_signed_in() {
    let clock = Clock::new();
    let sessions = sessions(&clock);
    let browser = browser(&clock);
    let minted = sessions
        .mint(&crate::shop::Shop { user: Some("ada".into()), ..Default::default() })
        .expect("it fits");
    for line in minted.set_cookies() {
        browser.set_cookie(line).expect("a cookie that browsers take");
    }
    assert_eq!(shop(&browser).await.user.as_deref(), Some("ada"));
}

#[tokio::test]
async fn a_page_load_folds_what_the_requests_of_the_page_leave_to_it() {
    let clock = Clock::new();
    let browser = browser(&clock);
    browser.post("/theme/dark").await;
    clock.advance(1_000);
    let writes: Vec<_> =
        (0..5).map(|id| browser.post(&format!("/add/{id}/tea")).depart()).collect();
    for write in writes {
        write.serve().await.apply();
    }
    clock.advance(10_000);
    let full = browser.jar().iter().count();
    browser.get("/").header("sec-fetch-mode", "cors").await;
    assert_eq!(browser.jar().iter().count(), full);
    browser.get("/").header("accept", "application/json").await;
    assert_eq!(browser.jar().iter().count(), full);
    let mut other = Vec::new();
    for (name, value) in [("sec-fetch-mode", "navigate"), ("accept", "text/html,*/*;q=0.8")] {
        let page = browser.get("/").header(name, value).depart().serve().await.lose();
        other.push(page.set_cookies.len());
    }
    assert!(other.iter().all(|lines| *lines > 5), "{other:?}");
    browser.get("/").header("sec-fetch-mode", "navigate").await;
    assert!(browser.jar().iter().count() < full);
    assert_eq!(shop(&browser).await.cart.len(), 5);
}
