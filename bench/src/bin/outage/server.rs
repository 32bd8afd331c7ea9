//! One server of the fleet: an ordinary program on the public API of haversack-tower.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Router, body::Body};
use haversack_tower::fleet::Rotation;
use haversack_tower::{
    Each, Feed as _, Fleet, Haversack, Lifetime, OnError, OpenError, Session, SessionError,
    SessionLayer, SessionRoute, Staleness,
};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;

use super::plan::Terms;

/// Whose view answered: when it was confirmed, in milliseconds since 1970.
pub(super) const CONFIRMED: &str = "x-confirmed";
/// Why there is no whole answer.
pub(super) const WHY: &str = "x-why";
/// The session could not be read whole.
pub(super) const PARTIAL: &str = "partial";

/// The session of one browser.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Shop {
    pub(super) user: Option<String>,
    pub(super) notes: Each<BTreeMap<u8, u64>>,
}

/// What a page shows of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) user: Option<String>,
    pub(super) notes: BTreeMap<u8, u64>,
}

#[derive(Clone)]
struct App {
    fleet: Fleet,
    sessions: Haversack<Shop>,
}

/// Runs until it is killed, or whoever started it is gone.
pub(super) fn run(url: &str, name: &str, terms: &Terms) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        tokio::select! {
            () = serve(url, name, terms) => {}
            () = orphaned() => {}
        }
    });
}

async fn orphaned() {
    let mut input = tokio::io::stdin();
    let mut byte = [0];
    while input.read(&mut byte).await.is_ok_and(|read| read > 0) {}
}

async fn serve(url: &str, name: &str, terms: &Terms) {
    let fleet = join(url, name, terms).await;
    let lifetime = Lifetime { idle: Some(terms.idle), ..Lifetime::default() };
    let sessions = Haversack::<Shop>::builder(fleet.clone())
        .subject("user")
        .lifetime(lifetime)
        .staleness(Staleness { fresh: terms.fresh, blind: terms.blind })
        .build()
        .expect("settings that fit");
    let app = App { fleet, sessions: sessions.clone() };
    let (identity, sensitive) = (SessionRoute::identity(), SessionRoute::sensitive());
    let routes = Router::new()
        .route("/read", get(read))
        .route("/sensitive", get(read).layer(sensitive))
        .route("/write/{slot}/{value}", post(write))
        .route("/renew", post(renew))
        .route("/login/{name}", post(login).layer(identity))
        .route("/logout", post(logout).layer(identity))
        .layer(SessionLayer::new(sessions).on_error(Tell))
        .route("/ready", get(ready))
        .route("/revoke/{name}", post(revoke))
        .layer(middleware::from_fn_with_state(app.clone(), confirmed))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    axum::serve(listener, routes).await.expect("a listener that goes on");
}

/// A server that does not know what its fleet knows does not even listen.
async fn join(url: &str, name: &str, terms: &Terms) -> Fleet {
    let check = terms.lead / 4;
    loop {
        let joining = Fleet::builder(url)
            .server(name)
            .rotation(Some(Rotation { every: terms.every, lead: terms.lead, check }))
            .connect();
        match joining.await {
            Ok(fleet) => return fleet,
            Err(error) => eprintln!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Taken before the session is opened, so that it is never later than what the session was judged by.
async fn confirmed(State(app): State<App>, request: Request, next: Next) -> impl IntoResponse {
    let confirmed = app.fleet.view().confirmed.as_millis();
    let mut response = next.run(request).await;
    response.headers_mut().insert(CONFIRMED, HeaderValue::from(confirmed));
    response
}

type Opened = Result<Session<Shop>, OpenError>;

async fn read(session: Opened) -> Response<Body> {
    let session = match session {
        Ok(session) => session,
        Err(error) => return closed(&error),
    };
    let shown = Shown { user: session.user.clone(), notes: session.notes.0.clone() };
    let body = serde_json::to_string(&shown).unwrap_or_default();
    (partial(&session), body).into_response()
}

async fn write(Path((slot, value)): Path<(u8, u64)>, session: Opened) -> Response<Body> {
    changed(session, |session| {
        session.notes.insert(slot, value);
    })
}

async fn login(Path(name): Path<String>, session: Opened) -> Response<Body> {
    changed(session, |session| session.user = Some(name))
}

async fn renew(session: Opened) -> Response<Body> {
    changed(session, Session::renew)
}

async fn logout(session: Opened) -> Response<Body> {
    changed(session, Session::end)
}

fn changed(session: Opened, change: impl FnOnce(&mut Session<Shop>)) -> Response<Body> {
    match session {
        Ok(mut session) => {
            let partial = partial(&session);
            change(&mut session);
            (partial, ()).into_response()
        }
        Err(error) => closed(&error),
    }
}

async fn ready(State(app): State<App>) -> StatusCode {
    if app.fleet.ready().is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Ends all sessions of a user, as an operator does.
async fn revoke(State(app): State<App>, Path(name): Path<String>) -> Response<Body> {
    match app.sessions.revoke_subject(&Some(name)).await {
        Ok(()) => ().into_response(),
        Err(error) => why(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

fn partial(session: &Session<Shop>) -> HeaderMap {
    let partial = session.info().is_some_and(|info| info.arrival.partial);
    let mut headers = HeaderMap::new();
    if partial {
        headers.insert(WHY, HeaderValue::from_static(PARTIAL));
    }
    headers
}

fn closed(error: &OpenError) -> Response<Body> {
    let reason = match error {
        OpenError::Stale(_) => "stale",
        OpenError::Unwritable(error) => error.name(),
        _ => "misuse",
    };
    why(error.status(), reason)
}

fn why(status: StatusCode, reason: &str) -> Response<Body> {
    let mut response = status.into_response();
    if let Ok(reason) = HeaderValue::from_str(reason) {
        response.headers_mut().insert(WHY, reason);
    }
    response
}

/// Says in each refusal what was the reason.
#[derive(Clone, Copy, Debug)]
struct Tell;

impl OnError<Body> for Tell {
    fn response(&self, error: &SessionError) -> Response<Body> {
        why(error.status(), error.name())
    }
}
