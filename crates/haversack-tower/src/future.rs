//! The response future: when the response head exists, the session is written into it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::SessionType;
use crate::error::OnError;
use crate::slot::Slot;

pin_project! {
    /// The future of [`SessionService`](crate::SessionService).
    pub struct ResponseFuture<F, T, E> where T: SessionType {
        #[pin]
        inner: F,
        slot: Slot<T>,
        on_error: E,
    }
}

impl<F, T: SessionType, E> ResponseFuture<F, T, E> {
    pub(crate) fn new(inner: F, slot: Slot<T>, on_error: E) -> Self {
        Self { inner, slot, on_error }
    }
}

impl<F, T, E, B, Err> Future for ResponseFuture<F, T, E>
where
    F: Future<Output = Result<Response<B>, Err>>,
    T: SessionType,
    E: OnError<B>,
{
    type Output = Result<Response<B>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(this.slot.write(response, this.on_error)))
    }
}
