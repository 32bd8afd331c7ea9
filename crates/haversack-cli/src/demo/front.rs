//! The front: what the browser talks to. It hands requests to the balancer, and puts the pictures
//! into the pages that come back.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, ORIGIN, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::account;
use super::balance::{Answer, Balancer, Whole};
use super::jar;
use super::journal::Served;
use super::keys::Keys;
use super::outcome;
use super::page;
use super::panels::{self, Scene};
use super::said::Said;
use super::summary::{self, Summary};
use super::views::{Freshness, Views};
use super::visitors::{self, EndedBy, Visitors};

/// Which replica answered, for the built-in client.
pub(super) const SERVED_BY: &str = "x-demo-replica";
/// How often the request was sent, likewise.
pub(super) const ATTEMPTS: &str = "x-demo-attempts";
/// Where a page wants the pictures; text that a person wrote is escaped, so it cannot hold this.
pub(super) const PANELS_HERE: &str = "<!--panels-->";
/// Where it wants the buttons for the older jar.
pub(super) const OLDER_HERE: &str = "<!--older-->";

/// Longest wait for one replica that is asked beside a request.
const PATIENCE: Duration = Duration::from_secs(2);
const LARGEST_REQUEST: usize = 1 << 20;
/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) struct Front {
    pub(super) balancer: Arc<Balancer>,
    pub(super) keys: Arc<Keys>,
    pub(super) views: Arc<Views>,
    pub(super) visitors: Visitors,
}

pub(super) type Shared = Arc<Front>;

pub(super) fn router(front: Shared) -> Router {
    Router::new()
        .route("/style.css", get(|| file("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/live.js", get(|| file("text/javascript; charset=utf-8", include_str!("live.js"))))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("icon.svg"))))
        .route("/_demo/panels", get(pictures))
        .route("/_demo/state", get(state))
        .merge(super::control::routes())
        .fallback(pass)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .layer(from_fn(guard))
        .with_state(front)
}

fn file(kind: &'static str, text: &'static str) -> Ready<impl IntoResponse> {
    ready(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text))
}

/// Lets through what this machine asks by one of its own names, and changes only what a page of
/// ours asks for: other sites must not press our buttons.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST).unwrap_or_default().to_owned();
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    let local = matches!(name, "localhost" | "127.0.0.1");
    let from_us = match (text(HeaderName::from_static("sec-fetch-site")), text(ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin == format!("http://{host}"),
        (None, None) => true, // not a browser
    };
    if !local || !(from_us || request.method().is_safe()) {
        return (StatusCode::FORBIDDEN, "only this demo's own page may ask that\n").into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Everything that is not ours goes to a replica.
async fn pass(
    State(front): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let begun = Instant::now();
    let whole = Whole { method, path, headers, body };
    let mut answer = front.balancer.send(&whole).await;
    front.balancer.journal.served(Served {
        number: 0,
        method: whole.method.to_string(),
        path: uri.path().to_owned(),
        status: answer.response.status().as_u16(),
        replica: answer.replica,
        attempts: answer.attempts,
        took: begun.elapsed(),
    });
    if let Some(page) = answer.response.headers().get(account::SAYS) {
        let to = page.to_str().unwrap_or("/").to_owned();
        let response = Redirect::to(&to).into_response().map(|_| Bytes::new());
        return front.finish(&whole.method, &whole.headers, Answer { response, ..answer });
    }
    front.note_end(&whole, &answer, begun.elapsed());
    let instead = match (answer.replica, answer.response.status()) {
        (None, _) => Some(
            "All three servers are dead. Your data is not: it is in your browser. Start one again.",
        ),
        (_, StatusCode::SERVICE_UNAVAILABLE) if front.is_blind() => Some(
            "No server has heard from the fleet for more than five minutes, so none of them takes \
             sessions: who was signed out meanwhile would be served, too. Your data waits in your \
             browser.",
        ),
        (_, StatusCode::SERVICE_UNAVAILABLE) => Some(
            "Nothing was written: the jar is full for the moment, or a key is not everywhere yet. \
             Looking at the page tidies the jar; please try again in a few seconds.",
        ),
        _ => None,
    };
    if let Some(text) = instead {
        *answer.response.body_mut() = Bytes::from(page::interlude(text).into_string());
        answer.response.headers_mut().insert(CONTENT_TYPE, HTML);
    }
    front.finish(&whole.method, &whole.headers, answer)
}

/// The pictures alone, for the script. Asking for them reads the session, so it is tidied.
async fn pictures(State(front): State<Shared>, headers: HeaderMap) -> Response {
    let answer = front.peek(&headers).await;
    let failed = !answer.response.status().is_success();
    let mut response = answer.response.map(|_| Bytes::from(page::parts().into_string()));
    if failed {
        *response.status_mut() = StatusCode::OK; // the pictures show that nobody is alive
    }
    response.headers_mut().insert(CONTENT_TYPE, HTML);
    front.finish(&Method::GET, &headers, Answer { response, ..answer })
}

/// The same as data.
async fn state(State(front): State<Shared>, headers: HeaderMap) -> Response {
    let answer = front.peek(&headers).await;
    let summary = summary_of(answer.response.headers());
    let parcels = jar::parcels(&jar::sent(&headers), answer.response.headers());
    let replicas: Vec<_> =
        front.balancer.replicas.tell().iter().map(panels::replica_json).collect();
    let text = serde_json::json!({
        "replicas": replicas,
        "views": front.views.all(),
        "engine": front.keys.engine(),
        "requests": front.balancer.journal.requests().iter().map(panels::served_json).collect::<Vec<_>>(),
        "parcels": parcels,
        "session": summary,
    });
    let mut response = answer.response.map(|_| Bytes::from(text.to_string()));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    front.finish(&Method::GET, &headers, Answer { response, ..answer })
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

impl Front {
    /// Asks a replica about the session alone.
    pub(super) async fn peek(&self, headers: &HeaderMap) -> Answer {
        self.balancer.send(&peek(headers)).await
    }

    /// Asks each live replica about a session.
    pub(super) async fn peek_at_each(&self, headers: &HeaderMap) -> Vec<(usize, Summary)> {
        let whole = peek(headers);
        let mut told = Vec::new();
        for number in self.balancer.replicas.live() {
            let answer = self.balancer.ask(number, &whole, PATIENCE).await;
            told.extend(answer.and_then(|it| Some((number, summary_of(it.headers())?))));
        }
        told
    }

    /// Notes who told the fleet that a session is over.
    fn note_end(&self, request: &Whole, answer: &Answer, took: Duration) {
        let ends = request.method == Method::POST && request.path.starts_with("/logout");
        let Some(number) = answer.replica.filter(|_| ends) else { return };
        let replicas = self.balancer.replicas.tell();
        if let Some(pid) = replicas.iter().find(|it| it.number == number).and_then(|it| it.pid) {
            self.visitors.ended(&Visitors::of(&request.headers).0, EndedBy { number, pid });
        }
        let to = answer.response.headers().get(LOCATION).map(HeaderValue::as_bytes);
        let told = to != Some(Said::Untold.page().as_bytes());
        let (engine, ms) = (self.keys.engine(), took.as_millis());
        self.balancer.journal.happened(if told {
            format!("replica {number} ended the session, and {engine} has noted it: {ms} ms in all")
        } else {
            format!(
                "replica {number} ended the session; {engine} did not answer, so it tries again"
            )
        });
    }

    /// No replica knows well enough who was signed out.
    fn is_blind(&self) -> bool {
        self.views.freshest().is_some_and(|(freshness, _)| freshness == Freshness::Blind)
    }

    /// Puts the pictures where the page wants them, and tells who answered.
    fn finish(&self, method: &Method, request: &HeaderMap, answer: Answer) -> Response {
        let (mut head, body) = answer.response.into_parts();
        let sent = jar::sent(request);
        let (visitor, news) = Visitors::of(request);
        let keys = self.keys.keys();
        let (parcels, foreign): (Vec<_>, Vec<_>) = jar::parcels(&sent, &head.headers)
            .into_iter()
            .partition(|parcel| keys.iter().any(|key| key.id.to_string() == parcel.key));
        self.visitors.saw(&visitor, &sent, &parcels);
        let summary = summary_of(&head.headers);
        head.headers.remove(summary::HEADER);
        for (name, value) in
            [(SERVED_BY, answer.replica.unwrap_or_default()), (ATTEMPTS, answer.attempts)]
        {
            head.headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
        let did = if method.is_safe() { jar::upkeep(&parcels) } else { None };
        if let (Some(replica), Some(did)) = (answer.replica, did) {
            self.balancer.journal.happened(format!("replica {replica} {did}"));
        }
        let line = HeaderValue::from_str(&visitors::cookie(&visitor));
        head.headers.extend(line.ok().filter(|_| news).map(|line| (SET_COOKIE, line)));
        let html = head
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let text = if html { std::str::from_utf8(&body).ok() } else { None };
        let Some(text) = text.filter(|text| text.contains(PANELS_HERE)) else {
            return Response::from_parts(head, Body::from(body));
        };
        let scene = Scene {
            replicas: self.balancer.replicas.tell(),
            views: self.views.all(),
            freshest: self.views.freshest(),
            engine: self.keys.engine(),
            requests: self.balancer.journal.requests(),
            events: self.balancer.journal.events(),
            keys,
            parcels,
            foreign,
            summary: summary.unwrap_or_default(),
            visitor: self.visitors.tell(&visitor),
        };
        let page = text.replacen(PANELS_HERE, &panels::panels(&scene).into_string(), 1).replacen(
            OLDER_HERE,
            &outcome::older_jar(&scene.visitor).into_string(),
            1,
        );
        Response::from_parts(head, Body::from(page))
    }
}

fn peek(headers: &HeaderMap) -> Whole {
    let (method, path) = (Method::GET, "/peek".to_owned());
    Whole { method, path, headers: headers.clone(), body: Bytes::new() }
}

pub(super) fn summary_of(headers: &HeaderMap) -> Option<Summary> {
    headers.get(summary::HEADER)?.to_str().ok().and_then(Summary::from_header)
}
