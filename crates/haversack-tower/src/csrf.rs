//! Form tokens of a session handle, and why one is not given or not taken.

use std::fmt;

use haversack::{CsrfRejection, Mark, SealError};
use http::StatusCode;

use crate::slot::Slot;
use crate::{SessionType, telemetry};

/// Why a form token was not issued, or not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsrfError {
    /// The token is not of this session: do nothing of what the request asks for.
    Rejected(CsrfRejection),
    /// The response has already been written.
    ResponseSent,
    /// No token can be made.
    Seal(SealError),
}

impl CsrfError {
    /// The status of the answer: 403 for a token that is not of this session, 503 where trying again
    /// helps, else 500.
    pub fn status(&self) -> StatusCode {
        match self {
            CsrfError::Rejected(CsrfRejection::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
            CsrfError::Rejected(_) => StatusCode::FORBIDDEN,
            CsrfError::Seal(error) if error.is_temporary() => StatusCode::SERVICE_UNAVAILABLE,
            CsrfError::ResponseSent | CsrfError::Seal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for CsrfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CsrfError::Rejected(rejection) => {
                write!(f, "the request is not taken to be the user's: {rejection}")
            }
            CsrfError::ResponseSent => f.write_str(
                "the response head was already written; ask for the token before returning the response",
            ),
            CsrfError::Seal(error) => write!(f, "no form token can be issued: {error}"),
        }
    }
}

impl std::error::Error for CsrfError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CsrfError::Rejected(rejection) => Some(rejection),
            CsrfError::ResponseSent => None,
            CsrfError::Seal(error) => Some(error),
        }
    }
}

impl<T: SessionType> Slot<T> {
    /// A token for the session as it will be with what the handle has changed so far.
    pub(crate) fn csrf(&self, changed: Option<(&T, Mark)>) -> Result<String, CsrfError> {
        let issued = self.ask(|exchange, entropy| match changed {
            Some((value, since)) => exchange.csrf_with(value, since, entropy),
            None => exchange.csrf(entropy),
        });
        issued.ok_or(CsrfError::ResponseSent)?.map_err(CsrfError::Seal)
    }

    pub(crate) fn verify_csrf(&self, token: &str) -> Result<(), CsrfError> {
        let judged = self.ask(|exchange, _| exchange.verify_csrf(token));
        judged.ok_or(CsrfError::ResponseSent)?.map_err(|rejection| {
            telemetry::csrf_rejected::<T>(rejection);
            CsrfError::Rejected(rejection)
        })
    }
}
