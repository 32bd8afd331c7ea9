//! A user's own sessions: looked at, and ended one by one.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use haversack_testkit::{Browser, RingFeed};
use haversack_tower::{
    Haversack, KeyRing, ListError, RevocationId, RevokeError, Session, SessionLayer, Timestamp,
};

use crate::shop::{Clock, START, Shop, router, sessions_on};

struct Server {
    feed: RingFeed,
    sessions: Haversack<Shop>,
}

impl Server {
    fn new(clock: &Clock) -> Self {
        let feed = RingFeed::new(KeyRing::for_tests());
        feed.can_revoke(Timestamp::from_millis(START));
        feed.can_list();
        Self { sessions: sessions_on(feed.clone(), clock), feed }
    }

    fn browser(&self) -> Browser<Router> {
        let sessions = self.sessions.clone();
        let own = Router::new()
            .route("/sessions", get(list))
            .route("/sessions/{id}/end", post(end))
            .route("/sign-in/{user}", post(sign_in))
            .with_state(sessions.clone())
            .layer(SessionLayer::new(sessions.clone()));
        let browser = Browser::new(own.merge(router(sessions)));
        browser.at(START);
        browser
    }
}

type Shown = Vec<(String, Option<String>, bool)>;

async fn list(
    State(sessions): State<Haversack<Shop>>,
    shop: Session<Shop>,
) -> Result<String, StatusCode> {
    let this = shop.info().and_then(|info| info.revocation_id);
    let listed = sessions.sessions_of(&shop.user).map_err(|_| StatusCode::FORBIDDEN)?;
    let show =
        |it: haversack_tower::ListedSession| (it.id.to_string(), it.label, Some(it.id) == this);
    let shown: Shown = listed.into_iter().map(show).collect();
    Ok(serde_json::to_string(&shown).expect("JSON"))
}

async fn end(
    State(sessions): State<Haversack<Shop>>,
    shop: Session<Shop>,
    Path(id): Path<String>,
) -> StatusCode {
    let Ok(id) = id.parse::<RevocationId>() else { return StatusCode::BAD_REQUEST };
    match sessions.revoke_session_of(&shop.user, id).await {
        Ok(()) => StatusCode::OK,
        Err(RevokeError::NotListed) => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::FORBIDDEN,
    }
}

async fn sign_in(mut shop: Session<Shop>, Path(user): Path<String>, body: String) {
    shop.user = Some(user);
    shop.label(&body);
}

async fn shown(browser: &Browser<Router>) -> Shown {
    serde_json::from_str(&browser.get("/sessions").await.text()).expect("a list")
}

async fn sign_in_as(browser: &Browser<Router>, user: &str, label: &str) {
    let request = browser.post(&format!("/sign-in/{user}")).body("text/plain", label);
    assert_eq!(request.await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_user_sees_their_sessions_and_ends_one_of_them() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let (laptop, phone, other) = (server.browser(), server.browser(), server.browser());
    sign_in_as(&laptop, "ada", "Firefox on Linux").await;
    sign_in_as(&other, "bob", "Edge on Windows").await;
    clock.advance(60_000);
    server.feed.confirm(Timestamp::from_millis(START + 60_000));
    sign_in_as(&phone, "ada", "").await;

    let [newer, older] = &shown(&laptop).await[..] else { panic!("two sessions") };
    assert_eq!((newer.1.as_deref(), newer.2), (None, false));
    assert_eq!((older.1.as_deref(), older.2), (Some("Firefox on Linux"), true));
    assert!(shown(&phone).await[0].2, "each sees which is its own");

    let of_bob = shown(&other).await[0].0.clone();
    let refused = laptop.post(&format!("/sessions/{of_bob}/end")).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "another user's");
    assert_eq!(laptop.post("/sessions/rubbish/end").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(laptop.post(&format!("/sessions/{}/end", newer.0)).await.status, StatusCode::OK);
    assert!(phone.get("/").await.text().contains(r#""user":null"#), "signed out");
    assert_eq!(shown(&laptop).await.len(), 1);
    assert_eq!(shown(&other).await.len(), 1);
    let again = laptop.post(&format!("/sessions/{}/end", newer.0)).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "it has ended");

    laptop.post("/logout").await;
    let listed = server.sessions.sessions_of("ada").expect("a list");
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn what_nobody_uses_any_more_is_not_listed() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let (used, left) = (server.browser(), server.browser());
    sign_in_as(&used, "ada", "used").await;
    sign_in_as(&left, "ada", "left").await;
    for hour in 1..=30 {
        clock.advance(3_600_000);
        server.feed.confirm(Timestamp::from_millis(START + hour * 3_600_000));
        used.get("/").await;
    }
    let listed = server.sessions.sessions_of("ada").expect("a list");
    let labels: Vec<_> = listed.iter().map(|it| it.label.as_deref()).collect();
    assert_eq!(labels, [Some("used")], "idle for more than a day, and a label stays");
    assert_eq!(listed[0].authenticated, Timestamp::from_millis(START));
    let unused = START + 30 * 3_600_000 - listed[0].seen.as_millis();
    assert!(unused <= 3 * 3_600_000, "a tenth of the idle limit, and a step: {unused}");
    assert!(server.feed.listed().len() < 15, "not at each use");
}

#[tokio::test]
async fn a_session_that_is_minted_is_listed_too() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let shop = Shop { user: Some("ada".into()), ..Shop::default() };
    server.sessions.mint(&shop).expect("a session");
    assert_eq!(server.sessions.sessions_of("ada").expect("a list").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_listed_is_said() {
    let clock = Clock::new();
    let server = Server::new(&clock);
    let sessions = &server.sessions;
    assert_eq!(sessions.sessions_of(&None::<String>), Err(ListError::Nobody));
    let id = RevocationId::from_bytes([7; 8]);
    assert_eq!(sessions.revoke_session_of(&None::<u8>, id).await, Err(RevokeError::Nobody));
    assert_eq!(sessions.revoke_session_of("ada", id).await, Err(RevokeError::NotListed));
    let without = crate::shop::sessions(&clock);
    assert_eq!(without.sessions_of("ada"), Err(ListError::NoIndex));
    let refused = without.revoke_session_of("ada", id).await.expect_err("no list");
    assert!(refused.to_string().contains("session_index(true)"), "{refused}");
}
