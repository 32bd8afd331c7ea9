//! What a browser can talk to.

use std::{
    error, fmt,
    future::{Future, poll_fn},
    pin::Pin,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use tower_service::Service;

/// A future that can be moved to another thread.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A service that a [`Browser`](super::Browser) can drive.
///
/// Nothing implements this by hand: every tower service that can be cloned and that answers HTTP
/// requests with a body `B` does, an axum router among them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no HTTP service that takes requests with a body `{B}`",
    note = "a service that takes another body goes into `Browser::with_body`"
)]
pub trait Serve<B>: Clone + Send + 'static {
    /// Answers one request, body and all.
    fn serve(
        self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Bytes>, Broken>> + Send + 'static;
}

impl<S, B, R> Serve<B> for S
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: fmt::Debug,
    R: Body + Send + 'static,
    R::Data: Send + 'static,
    R::Error: fmt::Debug,
    B: Send + 'static,
{
    async fn serve(mut self, request: Request<B>) -> Result<Response<Bytes>, Broken> {
        let service_failed = |error| Broken(format!("the service failed: {error:?}"));
        // The clone that was ready is the one to call (tower's contract).
        poll_fn(|cx| self.poll_ready(cx)).await.map_err(service_failed)?;
        let response = self.call(request).await.map_err(service_failed)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| Broken(format!("the body broke off: {error:?}")))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// There was no complete response: the service returned an error, or the body did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Broken {}
