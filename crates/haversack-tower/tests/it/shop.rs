//! A small shop on axum, written from the public API alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use haversack_testkit::Browser;
use haversack_tower::{
    Each, Haversack, IntoFeed, KeyRing, Session, SessionLayer, SessionRoute, Timestamp,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Shop {
    pub(crate) user: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) cart: Each<BTreeMap<u32, String>>,
    pub(crate) theme: String,
}

/// 2026-06-01, as the clock of both sides.
pub(crate) const START: u64 = 1_780_272_000_000;

/// A clock that tests set.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START)))
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn rewind(&self, ms: u64) {
        self.0.fetch_sub(ms, Ordering::Relaxed);
    }

    pub(crate) fn reading(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let now = Arc::clone(&self.0);
        move || Timestamp::from_millis(now.load(Ordering::Relaxed))
    }
}

pub(crate) fn sessions(clock: &Clock) -> Haversack<Shop> {
    sessions_on(KeyRing::for_tests(), clock)
}

pub(crate) fn sessions_on(keys: impl IntoFeed, clock: &Clock) -> Haversack<Shop> {
    Haversack::builder(keys)
        .subject("user")
        .identity(["roles"])
        .keep(["theme"])
        .clock(clock.reading())
        .build()
        .expect("settings that fit")
}

async fn show(shop: Session<Shop>) -> String {
    serde_json::to_string(&*shop).expect("JSON")
}

async fn add(mut shop: Session<Shop>, Path((id, item)): Path<(u32, String)>) {
    shop.cart.insert(id, item);
}

async fn remove(mut shop: Session<Shop>, Path(id): Path<u32>) {
    shop.cart.remove(&id);
}

async fn theme(mut shop: Session<Shop>, Path(theme): Path<String>) {
    shop.theme = theme;
}

async fn refused(mut shop: Session<Shop>) -> StatusCode {
    shop.theme = "changed before the error".into();
    StatusCode::UNPROCESSABLE_ENTITY
}

async fn login(mut shop: Session<Shop>, Path(name): Path<String>) {
    shop.user = Some(name);
}

async fn logout(mut shop: Session<Shop>) {
    shop.end();
}

async fn fill(mut shop: Session<Shop>, Path(bytes): Path<usize>) -> Result<(), StatusCode> {
    shop.theme = "x".repeat(bytes);
    if bytes < 10_000 {
        return Ok(());
    }
    shop.check().map_err(|_| StatusCode::INSUFFICIENT_STORAGE)
}

pub(crate) fn router(sessions: Haversack<Shop>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/untouched", get(|| async { "nobody asked" }))
        .route("/add/{id}/{item}", post(add))
        .route("/remove/{id}", post(remove))
        .route("/theme/{theme}", post(theme))
        .route("/refused", post(refused))
        .route("/fill/{bytes}", post(fill))
        .route("/login/{name}", post(login).layer(SessionRoute::identity()))
        .route("/logout", post(logout).layer(SessionRoute::identity()))
        .layer(SessionLayer::new(sessions))
}

pub(crate) fn browser(clock: &Clock) -> Browser<Router> {
    let browser = Browser::new(router(sessions(clock)));
    browser.at(START);
    browser
}

pub(crate) async fn shop(browser: &Browser<Router>) -> Shop {
    serde_json::from_str(&browser.get("/").await.text()).expect("a shop")
}
