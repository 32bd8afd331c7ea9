//! The axum extractor.

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use http::request::Parts;

use crate::error::RETRY_SECS;
use crate::{CsrfError, OpenError, Session, SessionType};

impl<T: SessionType, S: Send + Sync> FromRequestParts<S> for Session<T> {
    type Rejection = OpenError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, OpenError> {
        Session::open(&parts.extensions).await
    }
}

impl IntoResponse for OpenError {
    fn into_response(self) -> Response {
        empty(self.status())
    }
}

impl IntoResponse for CsrfError {
    fn into_response(self) -> Response {
        empty(self.status())
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, RETRY_SECS);
    }
    response
}
