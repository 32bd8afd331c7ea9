//! API clients: a session in a header, beside browsers on the same service.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use haversack_testkit::Browser;
use haversack_tower::{ConfigError, Haversack, KeyRing, Layout, Session, SessionLayer};
use tower::ServiceExt as _;

use crate::shop::{Clock, START, Shop, router};

const HEADER: &str = "haversack-session";

fn sessions(clock: &Clock) -> Haversack<Shop> {
    Haversack::builder(KeyRing::for_tests())
        .subject("user")
        .identity(["roles"])
        .keep(["theme"])
        .header("Haversack-Session")
        .clock(clock.reading())
        .build()
        .expect("settings that fit")
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    fn varies_on(&self) -> Vec<&str> {
        self.headers.get_all(VARY).iter().map(|value| value.to_str().expect("text")).collect()
    }
}

/// A client that keeps one value and nothing else.
struct Api {
    service: Router,
    value: String,
}

impl Api {
    fn new(clock: &Clock) -> Self {
        Self { service: router(sessions(clock)), value: String::new() }
    }

    async fn send(&self, method: Method, path: &str, lines: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.service.clone().oneshot(request).await.expect("infallible");
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        let text = String::from_utf8_lossy(&body).into_owned();
        Answer { status: head.status, headers: head.headers, text }
    }

    /// Sends the value that it keeps, and keeps the one that is answered.
    async fn call(&mut self, method: Method, path: &str) -> Answer {
        let answer = self.send(method, path, &[(HEADER, &self.value)]).await;
        assert!(answer.header(SET_COOKIE.as_str()).is_none(), "{:?}", answer.headers);
        if let Some(value) = answer.header(HEADER) {
            value.clone_into(&mut self.value);
        }
        answer
    }

    async fn post(&mut self, path: &str) -> Answer {
        let answer = self.call(Method::POST, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        answer
    }

    async fn shop(&mut self) -> Shop {
        let answer = self.call(Method::GET, "/").await;
        serde_json::from_str(&answer.text).expect("a shop")
    }
}

#[tokio::test]
async fn a_client_without_cookies_creates_updates_signs_in_and_ends() {
    let clock = Clock::new();
    let mut api = Api::new(&clock);
    let answer = api.call(Method::GET, "/").await;
    assert_eq!(answer.header(HEADER), None, "a fresh session that is only read sets nothing");
    api.post("/add/1/tea").await;
    assert!(api.value.starts_with("hv1A"));
    clock.advance(1_000);
    api.post("/add/2/cup").await;
    clock.advance(1_000);
    api.post("/login/ada").await;
    let shop = api.shop().await;
    assert_eq!(shop.user.as_deref(), Some("ada"));
    assert_eq!(shop.cart.keys().copied().collect::<Vec<_>>(), [1, 2]);
    let answer = api.call(Method::GET, "/").await;
    assert_eq!(answer.header(HEADER), None, "nothing changed");
    clock.advance(3 * 3_600_000);
    let answer = api.call(Method::GET, "/").await;
    assert!(answer.header(HEADER).is_some(), "a touch is due");
    let answer = api.post("/logout").await;
    assert_eq!((answer.header(HEADER), api.value.as_str()), (Some(""), ""));
    assert_eq!(api.shop().await, Shop::default());
}

#[tokio::test]
async fn one_service_has_browsers_and_api_clients_that_know_nothing_of_each_other() {
    let clock = Clock::new();
    let service = router(sessions(&clock));
    let browser = Browser::new(service.clone());
    browser.at(START);
    let mut api = Api { service, value: String::new() };
    let page = browser.post("/login/ada").await;
    assert!(page.header(HEADER).is_none() && !page.set_cookies.is_empty());
    api.post("/login/bob").await;
    let cookies: Vec<String> =
        browser.jar().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let cookies = cookies.join("; ");
    // A request with both is read from the header alone, and its cookies are not touched.
    let both = [(COOKIE.as_str(), cookies.as_str()), (HEADER, &api.value)];
    let answer = api.send(Method::POST, "/theme/dark", &both).await;
    assert!(answer.header(HEADER).is_some() && answer.header("set-cookie").is_none());
    let both = [(COOKIE.as_str(), cookies.as_str()), (HEADER, "")];
    let answer = api.send(Method::GET, "/", &both).await;
    assert!(answer.text.contains(r#""user":null"#), "{}", answer.text);
    // Neither opens in the place of the other.
    let value = cookies.split_once('=').expect("a pair").1.split(';').next().expect("a value");
    let answer = api.send(Method::GET, "/", &[(HEADER, value)]).await;
    assert!(answer.text.contains(r#""user":null"#));
    assert_eq!(answer.header(HEADER), Some(""));
    let cookie = format!("__Host-Http-hv={}", api.value);
    let answer = api.send(Method::GET, "/", &[(COOKIE.as_str(), &cookie)]).await;
    assert!(answer.text.contains(r#""user":null"#));
    assert!(answer.header("set-cookie").expect("a deletion").contains("Max-Age=0"));
    assert_eq!(api.shop().await.user.as_deref(), Some("bob"));
    assert_eq!(crate::shop::shop(&browser).await.user.as_deref(), Some("ada"));
}

#[tokio::test]
async fn caches_are_told_of_the_header_and_of_cookies() {
    let clock = Clock::new();
    let mut api = Api::new(&clock);
    let answer = api.post("/theme/dark").await;
    assert_eq!(answer.header(CACHE_CONTROL.as_str()), Some("no-store"));
    assert_eq!(answer.varies_on(), ["cookie", HEADER]);
    let answer = api.call(Method::GET, "/").await;
    assert_eq!(answer.header(CACHE_CONTROL.as_str()), Some("private"));
    assert_eq!(answer.varies_on(), ["cookie", HEADER]);
    let answer = api.send(Method::GET, "/", &[]).await;
    assert_eq!(answer.varies_on(), ["cookie", HEADER]);
    let answer = api.send(Method::GET, "/untouched", &[(HEADER, &api.value)]).await;
    assert_eq!((answer.varies_on().len(), answer.header(HEADER)), (0, None));
    let answer = api.post("/logout").await;
    assert_eq!(answer.header(CACHE_CONTROL.as_str()), Some("no-store"));
}

#[tokio::test]
async fn garbage_in_the_header_is_a_fresh_session_and_never_a_panic() {
    let clock = Clock::new();
    let mut api = Api::new(&clock);
    api.post("/login/ada").await;
    let good = api.value.clone();
    let (twice, cut, long) =
        (format!("{good}, {good}"), &good[..good.len() - 1], format!("hv1A{}", "A".repeat(9_000)));
    for value in ["x", "hv", "hv1A", "Bearer abc", cut, &twice, &long, "=;,\"", "hv1F", "hv1A===="]
    {
        let kept = value == "hv"; // of a later version, for all that is known
        let answer = api.send(Method::GET, "/", &[(HEADER, value)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{value:.40}");
        assert!(answer.text.contains(r#""user":null"#), "{value:.40}");
        assert_eq!(answer.header(HEADER), (!kept).then_some(""), "{value:.40}");
        let answer = api.send(Method::POST, "/theme/dark", &[(HEADER, value)]).await;
        let refused = answer.status == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(refused, kept || value.len() > 5_000, "{value:.40}: {}", answer.status);
        // A refusal heals too: a client that only posts is rid of what is too long.
        assert_eq!(answer.header(HEADER).is_some(), !kept, "{value:.40}");
        let answer = api.send(Method::POST, "/logout", &[(HEADER, value)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{value:.40}");
    }
    let lines = [(HEADER, good.as_str()), (HEADER, good.as_str())];
    let answer = api.send(Method::GET, "/", &lines).await;
    assert!(answer.text.contains(r#""user":null"#));
    assert_eq!(answer.header(HEADER), Some(""));
}

#[tokio::test]
async fn a_session_that_does_not_fit_is_refused_and_stays_whole() {
    let clock = Clock::new();
    let mut api = Api::new(&clock);
    api.post("/theme/dark").await;
    let before = api.value.clone();
    let answer = api.call(Method::POST, "/fill/3000").await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!((answer.header(HEADER), &api.value), (None, &before));
    assert_eq!(api.shop().await.theme, "dark");
}

#[tokio::test]
async fn a_minted_session_signs_an_api_client_in() {
    let clock = Clock::new();
    let minted =
        sessions(&clock).mint(&Shop { user: Some("ada".into()), ..Shop::default() }).expect("fits");
    let mut api = Api::new(&clock);
    api.value = minted.header().expect("a header is accepted").to_owned();
    assert_eq!(api.shop().await.user.as_deref(), Some("ada"));
    let plain = crate::shop::sessions(&clock).mint(&Shop::default()).expect("fits");
    assert_eq!(plain.header(), None);
}

#[tokio::test]
async fn one_fixed_cookie_carries_a_browser_through_the_shop() {
    let clock = Clock::new();
    let sessions = Haversack::<Shop>::builder(KeyRing::for_tests())
        .subject("user")
        .layout(Layout::Single)
        .clock(clock.reading())
        .build()
        .expect("settings that fit");
    let browser = Browser::new(router(sessions));
    browser.at(START);
    for path in ["/add/1/tea", "/login/ada", "/theme/dark", "/remove/1", "/add/2/cup"] {
        clock.advance(1_000);
        assert_eq!(browser.post(path).await.status, StatusCode::OK);
        let names: Vec<String> = browser.jar().iter().map(|cookie| cookie.name.clone()).collect();
        assert_eq!(names, ["__Host-Http-hv"], "{path}");
    }
    let shop = crate::shop::shop(&browser).await;
    assert_eq!((shop.user.as_deref(), shop.cart.len()), (Some("ada"), 1));
    browser.post("/logout").await;
    assert_eq!(browser.jar().iter().count(), 0);
}

async fn nobody(_: Session<Shop>) {}

#[tokio::test]
async fn a_header_that_cannot_be_one_is_an_error_at_build() {
    for name in ["", "Cookie", "two words"] {
        let built = Haversack::<Shop>::builder(KeyRing::for_tests()).header(name).build();
        assert!(matches!(built, Err(ConfigError::Header { .. })), "{name}");
    }
    // Off unless set: then the header means nothing.
    let service = Router::new()
        .route("/", axum::routing::get(nobody))
        .layer(SessionLayer::new(crate::shop::sessions(&Clock::new())));
    let api = Api { service, value: String::new() };
    let answer = api.send(Method::GET, "/", &[(HEADER, "garbage")]).await;
    assert_eq!((answer.header(HEADER), answer.varies_on()), (None, vec!["cookie"]));
}
