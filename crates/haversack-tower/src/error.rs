//! What can go wrong for a handler and for a response, and what the client gets then.

use std::fmt;

use haversack::{EncodeError, SealError, StaleView, Unpublished};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};

/// Why a handler gets no session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Another handle of this request is out and was changed: two would overwrite each other.
    InUse,
    /// No `SessionLayer` for this session type is around the handler.
    MissingLayer,
    /// The response has already been written.
    ResponseSent,
    /// What the fleet has revoked is not known well enough for this route.
    Stale(StaleView),
    /// The session cannot be written now, and the request means to change something.
    Unwritable(SealError),
}

impl OpenError {
    /// The status of the answer: 503 where trying again helps, else 500.
    pub fn status(&self) -> StatusCode {
        match self {
            OpenError::Stale(_) | OpenError::Unwritable(_) => StatusCode::SERVICE_UNAVAILABLE,
            OpenError::InUse | OpenError::MissingLayer | OpenError::ResponseSent => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::InUse => f.write_str(
                "a changed session handle of this request is still out; drop it before asking for \
                 another (in a middleware: before `next.run(request)`)",
            ),
            OpenError::MissingLayer => f.write_str(
                "no SessionLayer for this session type is around the handler; add \
                 `.layer(SessionLayer::new(sessions))` to the router, after its routes",
            ),
            OpenError::ResponseSent => f.write_str(
                "the response head was already written; open the session before returning the response",
            ),
            OpenError::Stale(error) => write!(f, "this route does not take the session: {error}"),
            OpenError::Unwritable(error) => write!(f, "the session cannot be written: {error}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Stale(error) => Some(error),
            OpenError::Unwritable(error) => Some(error),
            OpenError::InUse | OpenError::MissingLayer | OpenError::ResponseSent => None,
        }
    }
}

/// Why a handler's response was replaced. The session stays as it was, unless it says otherwise.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SessionError {
    /// The session type gave something that cannot be encoded.
    Encode(EncodeError),
    /// A changed handle was still out when the response head was written.
    LeftOut,
    /// The changes were refused.
    Seal(SealError),
    /// The session has ended for the client and on this server, but the other servers do not know it
    /// yet: until they do, who has a copy of its cookies can use them there. This server goes on
    /// telling them.
    Unpublished(Unpublished),
}

impl SessionError {
    /// The status of the response: 413 for a session that is too large, 503 where trying again
    /// helps, else 500.
    pub fn status(&self) -> StatusCode {
        match self {
            SessionError::Seal(SealError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            SessionError::Seal(error) if error.is_temporary() => StatusCode::SERVICE_UNAVAILABLE,
            SessionError::Unpublished(_) => StatusCode::SERVICE_UNAVAILABLE,
            SessionError::Seal(_) | SessionError::Encode(_) | SessionError::LeftOut => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// The name in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            SessionError::Encode(_) => "encode",
            SessionError::LeftOut => "left_out",
            SessionError::Seal(error) => error.name(),
            SessionError::Unpublished(_) => "unpublished",
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Encode(error) => write!(f, "the session cannot be encoded: {error}"),
            SessionError::LeftOut => f.write_str(
                "a changed session handle was still out when the response was written, so its \
                 changes would be lost; drop the handle before returning the response",
            ),
            SessionError::Seal(error) => write!(f, "the session cannot be written: {error}"),
            SessionError::Unpublished(error) => {
                write!(f, "the session has ended here and for its client, but {error}")
            }
        }
    }
}

impl std::error::Error for SessionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SessionError::Encode(error) => Some(error),
            SessionError::LeftOut => None,
            SessionError::Seal(error) => Some(error),
            SessionError::Unpublished(error) => Some(error),
        }
    }
}

/// Makes the response that replaces a handler's.
pub trait OnError<B> {
    /// The response for `error`. Its hints are for the log; the client need not learn them.
    fn response(&self, error: &SessionError) -> Response<B>;
}

impl<B, F: Fn(&SessionError) -> Response<B>> OnError<B> for F {
    fn response(&self, error: &SessionError) -> Response<B> {
        self(error)
    }
}

/// The default: an empty body with [`SessionError::status`], and `Retry-After` with a 503.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorResponse;

impl<B: Default> OnError<B> for ErrorResponse {
    fn response(&self, error: &SessionError) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = error.status();
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_SECS);
        }
        response
    }
}

/// Seconds after which a client may try again: a ring is reloaded within one.
pub(crate) const RETRY_SECS: HeaderValue = HeaderValue::from_static("1");
