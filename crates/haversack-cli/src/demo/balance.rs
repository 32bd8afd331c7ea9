//! The balancer: each request to the next live replica, and to another one if that one fails.
//!
//! Sending again is safe here for every method. A replica keeps nothing, so a request whose answer
//! never arrived has changed nothing anywhere: its effect would have been the answer. Hence
//! answers are taken whole before any of them goes on to the client. The one effect beside the
//! answer is that the fleet is told of a session's end, and a session can end twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{sleep, timeout};

use super::journal::Journal;
use super::process::Replicas;

/// Longest wait for one replica.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for any replica.
const DEADLINE: Duration = Duration::from_secs(10);
/// Largest answer.
const ANSWER: usize = 1 << 20;

pub(super) struct Balancer {
    pub(super) replicas: Arc<Replicas>,
    pub(super) journal: Arc<Journal>,
    client: Client<HttpConnector, Full<Bytes>>,
    turn: AtomicUsize,
}

/// A whole request: it can be sent as often as needed.
pub(super) struct Whole {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) struct Answer {
    pub(super) response: Response<Bytes>,
    /// Who answered; none if nobody did.
    pub(super) replica: Option<usize>,
    pub(super) attempts: usize,
}

impl Balancer {
    pub(super) fn new(replicas: Arc<Replicas>, journal: Arc<Journal>) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(HttpConnector::new());
        Self { replicas, journal, client, turn: AtomicUsize::new(0) }
    }

    pub(super) async fn send(&self, request: &Whole) -> Answer {
        let begun = Instant::now();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let (mut attempts, mut refusal) = (0, None);
        while begun.elapsed() < DEADLINE {
            let mut order = self.replicas.live();
            if let Some(turn) = first.checked_rem(order.len()) {
                order.rotate_left(turn);
            }
            for number in order {
                if self.replicas.address(number).is_none() {
                    continue;
                }
                attempts += 1;
                match self.ask(number, request, PATIENCE).await {
                    Some(response) => {
                        self.replicas.served(number);
                        let answer = Answer { response, replica: Some(number), attempts };
                        if !refuses(&answer.response) {
                            return answer;
                        }
                        // Another one may have newer keys; if none has, its answer is the answer.
                        refusal = Some(answer);
                    }
                    None => self.journal.happened(format!(
                        "replica {number} died before it answered {} {}: sent to another one",
                        request.method, request.path
                    )),
                }
            }
            if let Some(answer) = refusal {
                return Answer { attempts, ..answer };
            }
            if !self.replicas.has_hope() {
                break;
            }
            sleep(Duration::from_millis(25)).await;
        }
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        Answer { response, replica: None, attempts }
    }

    /// Asks one replica; none if it does not answer.
    pub(super) async fn ask(
        &self,
        number: usize,
        request: &Whole,
        patience: Duration,
    ) -> Option<Response<Bytes>> {
        let address = self.replicas.address(number)?.to_string();
        timeout(patience, self.once(&address, request)).await.ok()?.ok()
    }

    async fn once(
        &self,
        authority: &str,
        request: &Whole,
    ) -> Result<Response<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
        let uri: Uri = format!("http://{authority}{}", request.path).parse()?;
        let mut sent = Request::new(Full::new(request.body.clone()));
        *sent.method_mut() = request.method.clone();
        *sent.uri_mut() = uri;
        sent.headers_mut().clone_from(&request.headers);
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, HOST] {
            sent.headers_mut().remove(name);
        }
        let (mut head, body) = self.client.request(sent).await?.into_parts();
        let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            head.headers.remove(name);
        }
        Ok(Response::from_parts(head, body))
    }
}

/// Whether a replica says that the request had no effect and may go well later, or elsewhere.
fn refuses(response: &Response<Bytes>) -> bool {
    response.status() == StatusCode::SERVICE_UNAVAILABLE
        && response.headers().contains_key(RETRY_AFTER)
}
