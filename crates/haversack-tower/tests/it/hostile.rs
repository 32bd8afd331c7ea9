//! Hostile requests: a fresh session or a clear error, never a 500 and never a panic.

use axum::http::StatusCode;
use haversack_testkit::Browser;

use crate::shop::{Clock, browser, router, sessions, shop};

const BASE: &str = "__Host-Http-hv";

/// Answers of a read, a write and a logout to a Cookie header, on a server of their own.
async fn answers(cookie: &str) -> Vec<StatusCode> {
    let router = router(sessions(&Clock::new()));
    let mut statuses = Vec::new();
    for (method, path) in [("GET", "/"), ("POST", "/theme/dark"), ("POST", "/logout")] {
        let browser = Browser::new(router.clone());
        let request = if method == "GET" { browser.get(path) } else { browser.post(path) };
        statuses.push(request.header("cookie", cookie).await.status);
    }
    statuses
}

#[tokio::test]
async fn garbage_is_a_fresh_session() {
    let long = format!("{BASE}.rAAAAAAAA=hv1A{}", "A".repeat(4_097));
    // So many that proxies would refuse more: not written over, and deleted as reads come by.
    let many: Vec<String> = (0..10_000).map(|n| format!("{BASE}.r{n:08}=hv1A")).collect();
    let cases = [
        format!("{BASE}.rAAAAAAAA=hv1A"),
        format!("{BASE}.rAAAAAAAA=hv1A%00%ff"),
        format!("{BASE}.rAAAAAAAA=hv1A{}", "A".repeat(52)),
        format!("{BASE}.eAAAAAAAA=hv1F{}", "A".repeat(80)),
        format!("{BASE}.=hv1A; {BASE}.; {BASE}=; ={BASE}; ;;;"),
        format!("{BASE}.rAAAAAAAA=hv1A; {BASE}.rAAAAAAAA=hv1A"),
        format!("{BASE}.zAAAAAAAA=hv1Axxxx"),
        "\u{1}\u{7f}=;".into(),
        long,
    ];
    for cookie in cases {
        let cookie = cookie.replace(['\u{1}', '\u{7f}'], "~");
        let statuses = answers(&cookie).await;
        assert_eq!(statuses, [StatusCode::OK; 3], "{cookie:.80}");
    }
    let [read, write, logout] = answers(&many.join("; ")).await[..] else {
        panic!("three answers")
    };
    assert_eq!(
        (read, write, logout),
        (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK)
    );
}

#[tokio::test]
async fn altered_swapped_and_renamed_parcels_are_refused_and_deleted() {
    let clock = Clock::new();
    let victim = browser(&clock);
    victim.post("/login/ada").await;
    let cookies: Vec<(String, String)> =
        victim.jar().iter().map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect();
    let (name, value) =
        cookies.iter().find(|(name, _)| name.starts_with("__Host-Http-hv.r")).expect("a root");
    let flip = |at: usize| {
        let mut value = value.clone().into_bytes();
        value[at] = if value[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(value).expect("ASCII")
    };
    let (hint, rest) = name.split_at(BASE.len() + 2);
    let renamed = format!("{hint}{}", rest.chars().rev().collect::<String>());
    for cookie in [
        format!("{name}={}", &value[..value.len() - 1]),
        format!("{name}={value}A"),
        format!("{name}={}", flip(20)),
        format!("{name}={}", flip(value.len() - 5)),
        format!("{renamed}={value}"),
        format!("{}={value}", name.replace(".r", ".e")),
    ] {
        let thief = browser(&clock);
        let page = thief.get("/").header("cookie", &cookie).await;
        assert!(page.text().contains(r#""user":null"#), "{cookie}");
        assert_eq!(page.set_cookies.len(), 1, "{cookie}: {:?}", page.set_cookies);
        assert!(page.set_cookies[0].contains("Max-Age=0"), "{cookie}");
    }
    assert_eq!(shop(&victim).await.user.as_deref(), Some("ada"));
}

#[tokio::test]
async fn a_session_ends_and_one_from_the_future_waits() {
    let clock = Clock::new();
    let browser = browser(&clock);
    browser.post("/login/ada").await;
    let cookie: Vec<String> =
        browser.jar().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let cookie = cookie.join("; ");
    // A server whose clock is an hour behind keeps it, reads a fresh session, refuses to write.
    let behind = Browser::new(router(sessions(&{
        let clock = Clock::new();
        clock.rewind(3_600_000);
        clock
    })));
    let page = behind.get("/").header("cookie", &cookie).await;
    assert!(page.text().contains(r#""user":null"#) && page.set_cookies.is_empty());
    let page = behind.post("/theme/dark").header("cookie", &cookie).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.header("retry-after"), Some("1"));
    assert!(page.set_cookies.is_empty());
    // Past the idle limit it is over for every server.
    clock.advance(24 * 3_600_000 + 61_000);
    assert!(browser.get("/").header("cookie", &cookie).await.text().contains(r#""user":null"#));
}
