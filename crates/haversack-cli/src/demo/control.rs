//! The buttons that are not the application's: processes, keys, and the older jar.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;

use super::front::{Shared, summary_of};
use super::jar;
use super::keys::LEAD_MS;
use super::outcome::{self, Trial};
use super::visitors::Visitors;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_demo/kill/{number}", post(kill))
        .route("/_demo/start/{number}", post(start))
        .route("/_demo/rotate", post(rotate))
        .route("/_demo/jar/save", post(save))
        .route("/_demo/jar/beside", post(beside))
        .route("/_demo/jar/instead", post(instead))
        .route("/_demo/jar/sweep", post(sweep))
}

async fn kill(State(front): State<Shared>, Path(number): Path<usize>) -> Redirect {
    if let Some(pid) = front.balancer.replicas.kill(number).await {
        front.balancer.journal.happened(format!("replica {number} killed: kill -9 {pid}"));
    }
    Redirect::to("/")
}

async fn start(State(front): State<Shared>, Path(number): Path<usize>) -> Redirect {
    match front.balancer.replicas.start(number).await {
        Ok(()) => front.balancer.journal.happened(format!(
            "replica {number} started: it knows the fleet's keys and which sessions are over"
        )),
        Err(failure) => front.balancer.journal.happened(failure.to_string()),
    }
    Redirect::to("/")
}

async fn rotate(State(front): State<Shared>) -> Redirect {
    front.balancer.journal.happened(match front.keys.rotate(LEAD_MS).await {
        Ok(id) => format!(
            "key {id} published: it seals in three seconds, when every replica has it, and the \
             jar is sealed anew by whichever answers then"
        ),
        Err(failure) => format!("not rotated: {failure}"),
    });
    Redirect::to("/")
}

async fn save(State(front): State<Shared>, headers: HeaderMap) -> Redirect {
    let (visitor, _) = Visitors::of(&headers);
    let answer = front.peek(&headers).await;
    let summary = summary_of(answer.response.headers()).unwrap_or_default();
    front.visitors.save(&visitor, jar::sent(&headers), summary);
    Redirect::to("/")
}

/// What a browser that kept some old cookies would send: they are beside the present ones.
async fn beside(State(front): State<Shared>, headers: HeaderMap) -> Response {
    put_back(&front, &headers, false).await
}

/// What a restored backup, or a thief, would send: only the old cookies.
async fn instead(State(front): State<Shared>, headers: HeaderMap) -> Response {
    put_back(&front, &headers, true).await
}

/// Deletes what is sealed under keys of another ring. A session layer never would: they may be
/// another program's.
async fn sweep(State(front): State<Shared>, headers: HeaderMap) -> Response {
    let ours: Vec<String> = front.keys.keys().iter().map(|key| key.id.to_string()).collect();
    let mut response = Redirect::to("/").into_response();
    let parcels = jar::parcels(&jar::sent(&headers), &HeaderMap::new());
    for parcel in parcels.iter().filter(|parcel| !ours.contains(&parcel.key)) {
        if let Ok(line) = HeaderValue::from_str(&jar::take(&parcel.name)) {
            response.headers_mut().append(SET_COOKIE, line);
        }
    }
    response
}

async fn put_back(front: &Shared, headers: &HeaderMap, alone: bool) -> Response {
    let (visitor, _) = Visitors::of(headers);
    let mut response = Redirect::to("/").into_response();
    let Some(saved) = front.visitors.saved(&visitor) else { return response };
    let present = jar::sent(headers);
    let in_old = |name: &str| saved.cookies.iter().any(|(old, _)| old == name);
    let gone = present.iter().filter(|(name, _)| alone && !in_old(name));
    let lines = saved.cookies.iter().map(|(name, value)| jar::put(name, value));
    for line in lines.chain(gone.map(|(name, _)| jar::take(name))) {
        // The values came in as a header of this browser: they fit into one.
        if let Ok(line) = HeaderValue::from_str(&line) {
            response.headers_mut().append(SET_COOKIE, line);
        }
    }
    // What the replicas make of such a jar is asked, not asserted.
    let stays = present.iter().filter(|(name, _)| !alone && !in_old(name));
    let jar: Vec<String> =
        stays.chain(&saved.cookies).map(|(name, value)| format!("{name}={value}")).collect();
    let mut hypothetical = HeaderMap::new();
    if let Ok(line) = HeaderValue::from_str(&jar.join("; ")) {
        hypothetical.insert(COOKIE, line);
    }
    let before = summary_of(front.peek(headers).await.response.headers()).unwrap_or_default();
    let trial = Trial {
        alone,
        saved: saved.summary,
        before,
        after: front.peek_at_each(&hypothetical).await,
        ended_by: front.visitors.ended_by(&visitor),
        alive: front.balancer.replicas.tell().iter().filter_map(|it| it.pid).collect(),
        engine: front.keys.engine(),
    };
    front.visitors.came_of_it(&visitor, outcome::outcome(&trial));
    response
}
