//! The response future: when the response head exists, the session is written into it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::error::OnError;
use crate::slot::{Slot, Written};
use crate::{SessionError, SessionType};

pin_project! {
    /// The future of [`SessionService`](crate::SessionService).
    pub struct ResponseFuture<F, B, T, E> where T: SessionType {
        #[pin]
        inner: F,
        // The handler's response, while the fleet is told that its session has ended.
        held: Option<(Response<B>, Written)>,
        slot: Slot<T>,
        on_error: E,
    }
}

impl<F, B, T: SessionType, E> ResponseFuture<F, B, T, E> {
    pub(crate) fn new(inner: F, slot: Slot<T>, on_error: E) -> Self {
        Self { inner, held: None, slot, on_error }
    }
}

impl<F, T, E, B, Err> Future for ResponseFuture<F, B, T, E>
where
    F: Future<Output = Result<Response<B>, Err>>,
    T: SessionType,
    E: OnError<B>,
{
    type Output = Result<Response<B>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.held.is_none() {
            let response = ready!(this.inner.poll(cx))?;
            let Some(written) = this.slot.write(&response) else {
                return Poll::Ready(Ok(response));
            };
            *this.held = Some((response, written));
        }
        if let Some((_, written)) = this.held
            && let Some(publication) = &mut written.publication
            && let Err(unpublished) = ready!(Pin::new(publication).poll(cx))
        {
            written.error.get_or_insert(SessionError::Unpublished(unpublished));
        }
        match this.held.take() {
            Some((response, written)) => {
                Poll::Ready(Ok(this.slot.send(response, &written, this.on_error)))
            }
            None => Poll::Pending, // unreachable: it was set above
        }
    }
}
