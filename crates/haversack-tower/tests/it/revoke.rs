//! Logouts that hold everywhere: what servers tell each other, and what a route asks of the answer.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use haversack_testkit::{Browser, RingFeed};
use haversack_tower::{
    Haversack, KeyRing, RevocationId, RevokeError, Session, SessionError, SessionLayer,
    SessionRoute, Timestamp,
};

use crate::shop::{Clock, START, Shop, router, sessions, sessions_on, shop};

/// Another server of the fleet, and how it learns.
struct Server {
    feed: RingFeed,
    sessions: Haversack<Shop>,
}

impl Server {
    fn new(clock: &Clock) -> Self {
        let feed = RingFeed::new(KeyRing::for_tests());
        feed.can_revoke(Timestamp::from_millis(START));
        Self { sessions: sessions_on(feed.clone(), clock), feed }
    }

    fn router(&self) -> Router {
        let sessions = self.sessions.clone();
        let password = SessionRoute::identity().and(SessionRoute::sensitive());
        Router::new()
            .route("/account", get(show_account).layer(SessionRoute::sensitive()))
            .route("/about", get(show_account).layer(SessionRoute::public()))
            .route("/id", get(revocation_id))
            .route("/renew", post(renew))
            .route("/password", post(change_password).layer(password))
            .with_state(sessions.clone())
            .layer(SessionLayer::new(sessions.clone()))
            .merge(router(sessions))
    }

    fn browser(&self) -> Browser<Router> {
        let browser = Browser::new(self.router());
        browser.at(START);
        browser
    }

    fn tell(&self, other: &Server) {
        other.feed.learn(&self.feed.published());
    }
}

async fn show_account(shop: Session<Shop>) -> String {
    shop.user.clone().unwrap_or_default()
}

async fn revocation_id(shop: Session<Shop>) -> String {
    let id = shop.info().and_then(|info| info.revocation_id);
    id.map(|id| id.to_string()).unwrap_or_default()
}

async fn renew(mut shop: Session<Shop>) {
    shop.renew();
}

async fn change_password(
    State(sessions): State<Haversack<Shop>>,
    mut shop: Session<Shop>,
) -> StatusCode {
    shop.authenticated();
    match sessions.revoke_subject(&shop.user).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::BAD_GATEWAY,
    }
}

#[tokio::test]
async fn after_a_logout_a_restored_jar_is_refused_at_once_here_and_elsewhere_when_told() {
    let clock = Clock::new();
    let (one, two) = (Server::new(&clock), Server::new(&clock));
    let browser = one.browser();
    browser.post("/login/ada").await;
    let stolen = browser.jar();
    assert_eq!(browser.post("/logout").await.status, StatusCode::OK);
    browser.with_jar(|jar| *jar = stolen);
    assert_eq!(shop(&browser).await.user, None, "the server that revoked reads its own writes");

    let browser = two.browser();
    browser.post("/login/ada").await;
    let stolen = browser.jar();
    browser.post("/logout").await;
    browser.with_jar(|jar| *jar = stolen.clone());
    let elsewhere = browser.tab_on(one.router());
    assert!(elsewhere.get("/").await.text().contains(r#""user":"ada""#), "not told yet");
    browser.with_jar(|jar| *jar = stolen);
    two.tell(&one);
    assert!(elsewhere.get("/").await.text().contains(r#""user":null"#));
}

#[tokio::test]
async fn a_logout_that_the_fleet_has_not_heard_of_says_so_and_holds_here() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let browser = server.browser();
    browser.post("/login/ada").await;
    let stolen = browser.jar();
    server.feed.set_alone(true);
    let page = browser.post("/logout").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop(&browser).await.user, None, "the client is signed out all the same");
    browser.with_jar(|jar| *jar = stolen);
    assert_eq!(shop(&browser).await.user, None, "and so is whoever has a copy, here");
}

#[tokio::test]
async fn a_program_can_say_it_in_its_own_way() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let layer =
        SessionLayer::new(server.sessions.clone()).on_error(|error: &SessionError| match error {
            SessionError::Unpublished(_) => "signed out in this browser".into_response(),
            error => error.status().into_response(),
        });
    let app = Router::new()
        .route(
            "/login",
            post(|mut shop: Session<Shop>| async move { shop.user = Some("ada".into()) }),
        )
        .route("/logout", post(|mut shop: Session<Shop>| async move { shop.end() }))
        .layer(layer);
    let browser = Browser::new(app);
    browser.at(START);
    browser.post("/login").await;
    server.feed.set_alone(true);
    let page = browser.post("/logout").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.text(), "signed out in this browser");
    assert!(!page.set_cookies.is_empty());
}

#[tokio::test]
async fn a_renewal_is_published_and_not_waited_for() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let browser = server.browser();
    browser.post("/login/ada").await;
    assert!(server.feed.published().is_empty());
    server.feed.set_alone(true);
    assert_eq!(browser.post("/renew").await.status, StatusCode::OK);
    assert_eq!(server.feed.published().len(), 1);
}

#[tokio::test]
async fn who_changes_the_password_stays_and_all_others_go() {
    let clock = Clock::new();
    let (one, two) = (Server::new(&clock), Server::new(&clock));
    let phone = one.browser();
    phone.post("/login/ada").await;
    let laptop = two.browser();
    laptop.post("/login/ada").await;
    let other = two.browser();
    other.post("/login/bob").await;
    clock.advance(60_000);
    two.feed.confirm(Timestamp::from_millis(START + 60_000));
    assert_eq!(laptop.post("/password").await.status, StatusCode::NO_CONTENT);
    two.tell(&one);
    assert_eq!(shop(&laptop).await.user.as_deref(), Some("ada"));
    assert_eq!(shop(&phone).await.user, None);
    assert_eq!(shop(&other).await.user.as_deref(), Some("bob"));
    phone.post("/login/ada").await;
    assert_eq!(shop(&phone).await.user.as_deref(), Some("ada"));
}

#[tokio::test]
async fn sessions_are_ended_by_id_and_by_time() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let (ada, bob) = (server.browser(), server.browser());
    ada.post("/login/ada").await;
    bob.post("/login/bob").await;
    clock.advance(1_000);
    let id: RevocationId = ada.get("/id").await.text().parse().expect("an id");
    server.sessions.revoke_session(id).await.expect("published");
    assert_eq!(shop(&ada).await.user, None);
    assert_eq!(shop(&bob).await.user.as_deref(), Some("bob"));
    let now = Timestamp::from_millis(START + 1_000);
    server.sessions.revoke_all_before(now).await.expect("published");
    assert_eq!(shop(&bob).await.user, None);
    let later = now.plus_millis(1);
    assert_eq!(server.sessions.revoke_all_before(later).await, Err(RevokeError::Future));
    assert_eq!(server.sessions.revoke_subject(&None::<u8>).await, Err(RevokeError::Nobody));
    assert_eq!(sessions(&clock).revoke_session(id).await, Err(RevokeError::NoFleet));
}

#[tokio::test]
async fn routes_say_what_age_of_the_view_they_bear() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let browser = server.browser();
    browser.post("/login/ada").await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for path in ["/about", "/", "/account"] {
            statuses.push(browser.get(path).await.status.as_u16());
        }
        statuses.push(browser.post("/password").await.status.as_u16());
        statuses
    };
    let advance = |ms: u64| {
        clock.advance(ms);
        browser.advance(Duration::from_millis(ms));
    };
    assert_eq!(statuses().await, [200, 200, 200, 204]);
    advance(5_001);
    assert_eq!(statuses().await, [200, 200, 503, 503], "stale");
    advance(10 * 60_000);
    assert_eq!(statuses().await, [200, 503, 503, 503], "blind");
    assert_eq!(browser.get("/").await.header("retry-after"), Some("1"));
    let page = browser.post("/logout").await;
    assert_eq!(page.status, StatusCode::OK, "who leaves is let go");
    browser.post("/login/ada").await;
    assert_eq!(statuses().await, [200, 200, 503, 503], "who has just proved who they are is known");
    server.feed.confirm(Timestamp::from_millis(START + 5_001 + 10 * 60_000));
    assert_eq!(statuses().await, [200, 200, 200, 204]);
}
