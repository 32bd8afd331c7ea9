//! Servers that share a key ring file, which is rotated while they run.

use std::path::Path;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::get;
use axum::{Router, http};
use haversack::{Entropy, NoEntropy};
use haversack_tower::{
    Clock, Feed, Haversack, KeyRing, Session, SessionLayer, SystemClock, Timestamp, file,
};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;

const HOUR: u64 = 3_600_000;

#[derive(Default, Serialize, Deserialize)]
struct Shop {
    user: Option<String>,
}

struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

fn server(path: &Path) -> Haversack<Shop> {
    Haversack::builder(file::watch(path).unwrap()).subject("user").build().unwrap()
}

async fn visit(sessions: &Haversack<Shop>, cookie: &str) -> String {
    async fn user(shop: Session<Shop>) -> String {
        shop.user.clone().unwrap_or_else(|| "nobody".to_owned())
    }

    let app = Router::new().route("/", get(user)).layer(SessionLayer::new(sessions.clone()));
    let request = Request::get("/").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    let response: http::Response<Body> = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn signed_in(sessions: &Haversack<Shop>) -> String {
    let shop = Shop { user: Some("ada".to_owned()) };
    sessions.mint(&shop).unwrap().cookie_header()
}

#[tokio::test]
async fn what_one_server_seals_with_a_new_key_another_opens_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let now = SystemClock.now();
    let an_hour_ago = Timestamp::from_millis(now.as_millis() - HOUR);
    file::create(&path, &KeyRing::generate("shop.example", an_hour_ago, Os).unwrap()).unwrap();
    let running = server(&path);
    let before = signed_in(&running);

    // Without any lead, so that only asking for the ring can help.
    let ring = file::update(&path, |ring| ring.rotate(now, Os, 0, HOUR)).unwrap();
    assert_eq!(ring.revision(), 2);
    let started_later = server(&path);
    assert_eq!(file::watch(&path).unwrap().view().ring.revision(), 2);
    assert_eq!(visit(&running, &signed_in(&started_later)).await, "ada");
    assert_eq!(visit(&started_later, &before).await, "ada");
}

#[tokio::test]
async fn a_server_outlives_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let ring = KeyRing::generate("shop.example", SystemClock.now(), Os).unwrap();
    file::create(&path, &ring).unwrap();
    let sessions = server(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(visit(&sessions, &signed_in(&sessions)).await, "ada");
    // Asking for a newer ring leads nowhere, and the request goes on without one.
    let stranger = KeyRing::generate("shop.example", SystemClock.now(), Os).unwrap();
    let stranger = Haversack::<Shop>::builder(stranger).subject("user").build().unwrap();
    assert_eq!(visit(&sessions, &signed_in(&stranger)).await, "nobody");
}
