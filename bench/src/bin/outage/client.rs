//! Requests, and what came of them.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use haversack_testkit::{CookieJar, Site};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use url::Url;

use super::plan::now_ms;
use super::server::{CONFIRMED, Shown, WHY};

/// Longer than a logout may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Sends requests over connections that are kept open.
#[derive(Clone, Debug)]
pub(super) struct Http(Client<HttpConnector, Full<Bytes>>);

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) sent: u64,
    pub(super) got: u64,
    pub(super) status: StatusCode,
    /// Why it is not a whole answer.
    pub(super) why: Option<String>,
    /// When the server's view was confirmed, at least.
    pub(super) confirmed: u64,
    pub(super) set_cookies: Vec<Vec<u8>>,
    body: Bytes,
}

impl Http {
    pub(super) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build(HttpConnector::new()))
    }

    /// Nothing if there is no answer.
    pub(super) async fn send(
        &self,
        to: SocketAddr,
        method: Method,
        path: &str,
        cookies: Option<&str>,
    ) -> Option<Answer> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://{to}{path}").parse().ok()?;
        if let Some(cookies) = cookies {
            request.headers_mut().insert(COOKIE, HeaderValue::from_str(cookies).ok()?);
        }
        let sent = now_ms();
        let whole = async {
            let (head, body) = self.0.request(request).await.ok()?.into_parts();
            Some((head, body.collect().await.ok()?.to_bytes()))
        };
        let (head, body) = timeout(PATIENCE, whole).await.ok()??;
        let text = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok());
        let set_cookies = head.headers.get_all(SET_COOKIE).iter();
        Some(Answer {
            sent,
            got: now_ms(),
            status: head.status,
            why: text(WHY).map(str::to_owned),
            confirmed: text(CONFIRMED).and_then(|it| it.parse().ok()).unwrap_or_default(),
            set_cookies: set_cookies.map(|it| it.as_bytes().to_vec()).collect(),
            body,
        })
    }
}

impl Answer {
    pub(super) fn ok(&self) -> bool {
        self.status == StatusCode::OK
    }

    pub(super) fn is(&self, why: &str) -> bool {
        self.why.as_deref() == Some(why)
    }

    /// What a page shows.
    pub(super) fn shown(&self) -> Option<Shown> {
        serde_json::from_slice(&self.body).ok().filter(|_| self.ok())
    }

    /// How old the server's view was, at most, when the request was judged; at least, if it is from
    /// `sent`.
    pub(super) fn age(&self) -> u64 {
        self.got.saturating_sub(self.confirmed)
    }
}

/// The cookies of one browser. All servers are one site.
#[derive(Debug)]
pub(super) struct Jar {
    jar: CookieJar,
    site: Url,
}

impl Jar {
    pub(super) fn new() -> Self {
        let site = Url::parse("https://shop.example/").expect("an address");
        Self { jar: CookieJar::new(), site }
    }

    pub(super) fn cookies(&mut self, method: &Method) -> Option<String> {
        self.jar.header_for(&self.site, method, Site::Same, now_ms())
    }

    pub(super) fn take(&mut self, answer: &Answer) {
        for line in &answer.set_cookies {
            let _ = self.jar.store(&self.site, line, Site::Same, now_ms());
        }
    }
}
