//! The service: puts a slot into the request, writes the session into the response.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::error::OnError;
use crate::slot::Slot;
use crate::{Haversack, ResponseFuture, SessionType};

/// The service that [`SessionLayer`](crate::SessionLayer) makes.
pub struct SessionService<S, T, E> {
    inner: S,
    sessions: Haversack<T>,
    on_error: E,
}

impl<S, T, E> SessionService<S, T, E> {
    pub(crate) fn new(inner: S, sessions: Haversack<T>, on_error: E) -> Self {
        Self { inner, sessions, on_error }
    }
}

impl<S: Clone, T, E: Clone> Clone for SessionService<S, T, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            sessions: self.sessions.clone(),
            on_error: self.on_error.clone(),
        }
    }
}

impl<S: fmt::Debug, T, E> fmt::Debug for SessionService<S, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, T, E, ReqB, ResB> Service<Request<ReqB>> for SessionService<S, T, E>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    T: SessionType,
    E: OnError<ResB> + Clone,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResB, T, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let slot = Slot::new(self.sessions.clone(), request.headers(), request.method());
        request.extensions_mut().insert(slot.clone());
        ResponseFuture::new(self.inner.call(request), slot, self.on_error.clone())
    }
}
