//! Forms with tokens, as a browser fills them in.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use haversack::NoEntropy;
use haversack_testkit::Browser;
use haversack_tower::{
    CsrfError, CsrfRejection, Haversack, KeyRing, Session, SessionLayer, SessionRoute,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde::Deserialize;

use crate::shop::{Clock, START, Shop, sessions};

async fn page(mut shop: Session<Shop>) -> Result<String, CsrfError> {
    shop.csrf()
}

async fn shared_page(mut shop: Session<Shop>) -> Result<Response, CsrfError> {
    let cache = [(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))];
    Ok((cache, shop.csrf()?).into_response())
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    csrf: String,
}

async fn change(
    mut shop: Session<Shop>,
    Path(theme): Path<String>,
    Form(change): Form<Change>,
) -> Result<(), CsrfError> {
    shop.verify_csrf(&change.csrf)?;
    shop.theme = theme;
    Ok(())
}

/// Answers with a form of its own, as a page after a login may.
async fn login(mut shop: Session<Shop>, Path(name): Path<String>) -> Result<String, CsrfError> {
    shop.user = Some(name);
    shop.csrf()
}

async fn logout(mut shop: Session<Shop>) -> Result<String, CsrfError> {
    shop.end();
    shop.csrf()
}

fn router(sessions: Haversack<Shop>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/shared", get(shared_page))
        .route("/public", get(shared_page).layer(SessionRoute::public()))
        .route("/theme/{theme}", post(change))
        .route("/login/{name}", post(login).layer(SessionRoute::identity()))
        .route("/logout", post(logout).layer(SessionRoute::identity()))
        .layer(SessionLayer::new(sessions))
}

fn browser(clock: &Clock) -> Browser<Router> {
    let browser = Browser::new(router(sessions(clock)));
    browser.at(START);
    browser
}

async fn submit(browser: &Browser<Router>, token: &str) -> StatusCode {
    browser.post("/theme/dark").form([("csrf", token)]).await.status
}

/// Refused tokens by reason.
fn rejections(snapshotter: &Snapshotter) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        if let (DebugValue::Counter(value), "haversack_csrf_rejections_total") = (value, key.name())
        {
            all.extend(key.labels().map(|label| (label.value().to_owned(), value)));
        }
    }
    all.sort();
    all
}

#[tokio::test]
async fn a_form_works_and_a_forged_one_does_not() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);

    let clock = Clock::new();
    let ada = browser(&clock);
    let token = ada.get("/").await.text().into_owned();
    assert_eq!(submit(&ada, &token).await, StatusCode::OK);
    assert_eq!(submit(&ada, "").await, StatusCode::FORBIDDEN);

    let eve = browser(&clock);
    assert_eq!(submit(&eve, &token).await, StatusCode::FORBIDDEN, "no session");
    let hers = eve.get("/").await.text().into_owned();
    assert_eq!(submit(&ada, &hers).await, StatusCode::FORBIDDEN, "another session");

    // Another site's form: the cookies stay behind, so there is no session to act for.
    let forged = ada.post("/theme/red").form([("csrf", &token)]).cross_site().await;
    assert_eq!((forged.status, forged.request_cookie), (StatusCode::FORBIDDEN, None));

    // The answer to a login has a form that works; the page that was open before does not.
    let after = ada.post("/login/ada").await.text().into_owned();
    assert_eq!(submit(&ada, &after).await, StatusCode::OK);
    assert_eq!(submit(&ada, &token).await, StatusCode::FORBIDDEN);
    let out = ada.post("/logout").await.text().into_owned();
    assert_eq!(submit(&ada, &out).await, StatusCode::OK);
    assert_eq!(submit(&ada, &after).await, StatusCode::FORBIDDEN);

    let expected = [("before_login", 1), ("malformed", 1), ("no_session", 2), ("wrong", 2)];
    assert_eq!(rejections(&snapshotter), expected.map(|(reason, n)| (reason.to_owned(), n)));
}

#[tokio::test]
async fn a_page_with_a_token_is_kept_by_no_shared_cache() {
    let clock = Clock::new();
    let browser = browser(&clock);
    let created = browser.get("/shared").await;
    assert_eq!(created.header("cache-control"), Some("no-store"), "it creates a session");
    clock.advance(1_000);
    for path in ["/", "/shared", "/public"] {
        let page = browser.get(path).await;
        assert_eq!(page.header("cache-control"), Some("private"), "{path}");
        assert_eq!(page.set_cookies, Vec::<String>::new(), "{path}");
    }
}

#[tokio::test]
async fn without_randomness_there_is_no_form() {
    let sessions = Haversack::<Shop>::builder(KeyRing::for_tests())
        .entropy(|_| Err(NoEntropy))
        .build()
        .expect("settings that fit");
    let browser = Browser::new(router(sessions));
    let response = browser.get("/").await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(browser.jar().iter().count(), 0);
}

#[tokio::test]
async fn a_token_cannot_be_had_nor_judged_after_the_response() {
    let clock = Clock::new();
    let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
    let app = Router::new()
        .route(
            "/",
            get(move |shop: Session<Shop>| async move {
                give.send(shop).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
            }),
        )
        .layer(SessionLayer::new(sessions(&clock)));
    let browser = Browser::new(app);
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    let mut shop = take.recv().await.expect("a handle");
    assert_eq!(shop.csrf(), Err(CsrfError::ResponseSent));
    assert_eq!(shop.verify_csrf("x"), Err(CsrfError::ResponseSent));
}

#[test]
fn another_server_may_judge_what_this_one_cannot() {
    let status = |rejection| CsrfError::Rejected(rejection).into_response().status();
    for rejection in [
        CsrfRejection::BeforeLogin,
        CsrfRejection::Malformed,
        CsrfRejection::NoSession,
        CsrfRejection::Wrong,
    ] {
        assert_eq!(status(rejection), StatusCode::FORBIDDEN);
    }
    let response = CsrfError::Rejected(CsrfRejection::Unavailable).into_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
}
