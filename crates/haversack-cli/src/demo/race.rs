//! The race: many requests at once, each of which adds itself to the session and to a plain cookie.
//!
//! The plain cookie is how it is usually done: read the whole, change it, write the whole. Of the
//! requests that overlap, the last to answer wins.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect};
use axum::routing::{get, post};
use haversack_tower::Session;
use serde::Serialize;

use super::app::Here;
use super::store::Store;

/// How many requests race when the button is pressed.
pub(super) const RUNNERS: u8 = 20;
/// How many may, for tests with browsers.
const MOST: u8 = 60;
const PLAIN: &str = "demo-plain";

pub(super) fn routes() -> Router<Here> {
    Router::new()
        .route("/race", get(arrived))
        .route("/race/clear", post(clear))
        .route("/race/{runner}", post(run))
}

/// Who has arrived where.
#[derive(Serialize)]
struct Arrived<'a> {
    session: &'a BTreeSet<u8>,
    plain: BTreeSet<u8>,
}

async fn arrived(headers: HeaderMap, session: Session<Store>) -> impl IntoResponse {
    let arrived = Arrived { session: &session.race, plain: plain(&headers) };
    ([(CONTENT_TYPE, "application/json")], serde_json::to_string(&arrived).unwrap_or_default())
}

async fn clear(mut session: Session<Store>) -> impl IntoResponse {
    session.race.clear();
    // Begins a session if there is none. Without, each of the 20 would begin one of its own: they
    // join, but for a quarter of an hour none of them may be tidied away.
    session.races = session.races.wrapping_add(1);
    (AppendHeaders([(SET_COOKIE, plain_line(&BTreeSet::new()))]), Redirect::to("/"))
}

async fn run(
    Path(runner): Path<u8>,
    headers: HeaderMap,
    mut session: Session<Store>,
) -> impl IntoResponse {
    let mut arrived = plain(&headers);
    work().await;
    if runner < MOST {
        session.race.insert(runner);
        arrived.insert(runner);
    }
    (StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, plain_line(&arrived))]))
}

/// What takes time in a real handler.
async fn work() {
    let mut random = [0; 1];
    let _ = getrandom::fill(&mut random);
    tokio::time::sleep(Duration::from_millis(20 + u64::from(random[0] % 128))).await;
}

/// Which of the runners the plain cookie remembers.
pub(super) fn plain(headers: &HeaderMap) -> BTreeSet<u8> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let value = pairs.find(|(name, _)| name.trim() == PLAIN).map_or("", |(_, value)| value);
    value.split('.').filter_map(|n| n.trim().parse().ok()).filter(|n| *n < MOST).collect()
}

fn plain_line(arrived: &BTreeSet<u8>) -> String {
    let list: Vec<String> = arrived.iter().map(u8::to_string).collect();
    format!("{PLAIN}={}; Path=/; HttpOnly; SameSite=Lax", list.join("."))
}
