//! The layer: one line to mount.

use std::fmt;

use tower_layer::Layer;

use crate::error::ErrorResponse;
use crate::{Haversack, SessionService};

/// Gives the services beneath it sessions of type `T`.
///
/// Put it outside of everything that asks for a session, and inside of everything that changes
/// cookies or replaces response heads.
pub struct SessionLayer<T, E = ErrorResponse> {
    sessions: Haversack<T>,
    on_error: E,
}

impl<T> SessionLayer<T> {
    /// A layer over sessions.
    pub fn new(sessions: Haversack<T>) -> Self {
        Self { sessions, on_error: ErrorResponse }
    }
}

impl<T, E> SessionLayer<T, E> {
    /// Makes the responses that replace a handler's when the session cannot be written.
    ///
    /// Any `Fn(&SessionError) -> Response<B> + Clone` will do. Default: an empty body with
    /// [`SessionError::status`](crate::SessionError::status), and `Retry-After` where trying again helps.
    #[must_use]
    pub fn on_error<F>(self, on_error: F) -> SessionLayer<T, F> {
        SessionLayer { sessions: self.sessions, on_error }
    }
}

impl<T, E: Clone> Clone for SessionLayer<T, E> {
    fn clone(&self) -> Self {
        Self { sessions: self.sessions.clone(), on_error: self.on_error.clone() }
    }
}

impl<T, E> fmt::Debug for SessionLayer<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer").finish_non_exhaustive()
    }
}

impl<S, T, E: Clone> Layer<S> for SessionLayer<T, E> {
    type Service = SessionService<S, T, E>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(inner, self.sessions.clone(), self.on_error.clone())
    }
}
