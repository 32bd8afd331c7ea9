//! The front door: what browsers talk to, and what passes a request on to a server.

use std::{
    error, fmt,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use tower_service::Service;

use super::Shared;
use crate::browser::{Broken, Serve, serve::BoxFuture};

/// The front door of a [`Fleet`](crate::Fleet), a tower service: passes each request on to a
/// server. Clones are the same door.
pub struct Door<S> {
    shared: Arc<Shared<S>>,
    only: Option<usize>,
}

impl<S> Door<S> {
    pub(super) fn new(shared: Arc<Shared<S>>, only: Option<usize>) -> Self {
        Self { shared, only }
    }

    fn refuses<B>(&self, request: &Request<B>) -> bool {
        let limit = self.shared.cookie_line.load(Ordering::SeqCst);
        let mut lines = request.headers().get_all(header::COOKIE).iter();
        lines.any(|line| "cookie: ".len() + line.len() > limit)
    }
}

impl<S> Clone for Door<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), only: self.only }
    }
}

impl<S> fmt::Debug for Door<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("only", &self.only).finish_non_exhaustive()
    }
}

/// The server that gave a response, until it crashes.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) server: usize,
    pub(super) crashed: Arc<AtomicBool>,
}

impl Origin {
    pub(crate) fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::SeqCst)
    }
}

impl<S: Serve<B>, B: Send + 'static> Service<Request<B>> for Door<S> {
    type Response = Response<Full<Bytes>>;
    type Error = Unanswered;
    type Future = BoxFuture<Result<Self::Response, Unanswered>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Unanswered>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.refuses(&request) {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Box::pin(ready(Ok(response)));
        }
        let reached = self.shared.route(self.only);
        Box::pin(async move {
            let (service, origin) = reached.ok_or(Unanswered::Down)?;
            let response = service.serve(request).await.map_err(Unanswered::Broken)?;
            if origin.has_crashed() {
                return Err(Unanswered::Crashed(origin.server));
            }
            let mut response = response.map(Full::new);
            response.extensions_mut().insert(origin);
            Ok(response)
        })
    }
}

/// Why a fleet did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unanswered {
    /// The service failed.
    Broken(Broken),
    /// This server crashed while it had the request.
    Crashed(usize),
    /// No server that the request could reach is up.
    Down,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unanswered::Broken(broken) => broken.fmt(f),
            Unanswered::Crashed(server) => write!(f, "server {server} crashed with the request"),
            Unanswered::Down => f.write_str("the server is down"),
        }
    }
}

impl error::Error for Unanswered {}
