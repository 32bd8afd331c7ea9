//! The built-in client: one person's browser, with a jar as strict as a real one.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use haversack_testkit::{CookieJar, Site};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::sleep;
use url::Url;

use super::front::{ATTEMPTS, SERVED_BY};
use super::keys;

/// How often a refused request is sent again, each time after the pause that the answer names.
const TRIES: usize = 20;

/// What all clients together count.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) requests: AtomicU64,
    pub(super) request_bytes: AtomicU64,
    pub(super) response_bytes: AtomicU64,
    /// Requests that another replica answered than the one before, of the same person.
    pub(super) hops: AtomicU64,
    /// Times that a request was sent again because a replica died or refused.
    pub(super) resent: AtomicU64,
    /// Answers that asked to try again later.
    pub(super) refused: AtomicU64,
    pub(super) unanswered: AtomicU64,
    pub(super) latencies: Mutex<Vec<Duration>>,
}

pub(super) type Http = Client<HttpConnector, Full<Bytes>>;

pub(super) fn http() -> Http {
    Client::builder(TokioExecutor::new()).build(HttpConnector::new())
}

pub(super) struct Browser {
    http: Http,
    base: Url,
    jar: Mutex<CookieJar>,
    last: AtomicUsize,
    tally: Arc<Tally>,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    location: Option<String>,
    pub(super) body: Bytes,
    /// How often the front sent it, because a replica died or refused.
    pub(super) attempts: usize,
    again_after: Option<Duration>,
}

impl Reply {
    /// Whether the server says that it was done. A page that says that it did not fit does not.
    pub(super) fn acknowledges(&self) -> bool {
        (self.status.is_success() || self.status.is_redirection())
            && !self.location.as_deref().is_some_and(|to| to.contains("said="))
    }
}

impl Browser {
    pub(super) fn new(http: Http, base: Url, tally: Arc<Tally>) -> Self {
        Self { http, base, jar: Mutex::default(), last: AtomicUsize::new(0), tally }
    }

    /// Sends until it is not refused, as a person would press the button again.
    pub(super) async fn send(&self, method: Method, path: &str, form: &str) -> Option<Reply> {
        let mut reply = None;
        for _ in 0..TRIES {
            reply = self.once(&method, path, form).await;
            match reply.as_ref().and_then(|reply| reply.again_after) {
                Some(pause) => {
                    self.tally.refused.fetch_add(1, Ordering::Relaxed);
                    sleep(pause).await;
                }
                None => break,
            }
        }
        reply
    }

    fn jar(&self) -> MutexGuard<'_, CookieJar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jar as a request would carry it.
    pub(super) fn copy(&self) -> Option<String> {
        self.jar().header_for(&self.base, &Method::GET, Site::Same, keys::now().as_millis())
    }

    async fn once(&self, method: &Method, path: &str, form: &str) -> Option<Reply> {
        let url = self.base.join(path).ok()?;
        let mut request = Request::new(Full::new(Bytes::from(form.to_owned())));
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.as_str().parse().ok()?;
        if method == Method::POST {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(CONTENT_TYPE, kind);
        }
        let cookies = self.jar().header_for(&url, method, Site::Same, keys::now().as_millis());
        if let Some(cookies) = cookies {
            request.headers_mut().insert(COOKIE, HeaderValue::from_str(&cookies).ok()?);
        }
        let sent = head_len(request.headers()) + method.as_str().len() + path.len() + form.len();
        let tally = &self.tally;
        tally.requests.fetch_add(1, Ordering::Relaxed);
        tally.request_bytes.fetch_add(sent as u64, Ordering::Relaxed);
        let begun = Instant::now();
        let answer = async {
            let (head, body) = self.http.request(request).await.ok()?.into_parts();
            Some((head, body.collect().await.ok()?.to_bytes()))
        };
        let Some((head, body)) = answer.await else {
            tally.unanswered.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let mut latencies = tally.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        latencies.push(begun.elapsed());
        drop(latencies);
        let received = head_len(&head.headers) + body.len();
        tally.response_bytes.fetch_add(received as u64, Ordering::Relaxed);
        self.follow(&head.headers);
        let now = keys::now().as_millis();
        for line in head.headers.get_all(SET_COOKIE) {
            // A refused line would show as a loss at the end.
            let _ = self.jar().store(&url, line.as_bytes(), Site::Same, now);
        }
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let again = text(RETRY_AFTER).and_then(|secs| secs.parse().ok());
        Some(Reply {
            status: head.status,
            location: text(LOCATION).map(str::to_owned),
            body,
            attempts: number(&head.headers, ATTEMPTS).unwrap_or(1),
            again_after: again.map(Duration::from_secs),
        })
    }

    fn follow(&self, headers: &HeaderMap) {
        let served_by = number(headers, SERVED_BY).unwrap_or(0);
        let before = self.last.swap(served_by, Ordering::Relaxed);
        if before != 0 && before != served_by {
            self.tally.hops.fetch_add(1, Ordering::Relaxed);
        }
        let again = number(headers, ATTEMPTS).unwrap_or(1).saturating_sub(1);
        self.tally.resent.fetch_add(again as u64, Ordering::Relaxed);
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<usize> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// Bytes of a head's fields as HTTP/1.1 writes them.
fn head_len(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}
