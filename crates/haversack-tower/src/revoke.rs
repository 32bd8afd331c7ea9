//! Ending sessions other than the one of the request.

use std::fmt;
use std::future::Future;

use haversack::{EncodeError, Revocation, RevocationId, Timestamp, Unpublished};
use serde::Serialize;

use crate::publish::Publishing;
use crate::{Haversack, SessionType, telemetry};

/// What ends sessions from outside. Each holds on this server from the call on, whether or not its
/// future is awaited; the future tells whether the whole fleet knows, within a second. If it does not,
/// this server goes on telling it.
///
/// A server that may only read what its fleet revokes, which it says in a warning at its start, has
/// nobody to tell: the future succeeds, and what was ended has ended on this server alone.
impl<T: SessionType> Haversack<T> {
    /// Ends one session, by the id that [`Info::revocation_id`](crate::Info::revocation_id) and the
    /// logs give. Whoever holds its cookies is refused.
    ///
    /// # Errors
    ///
    /// [`RevokeError::NoFleet`] and [`RevokeError::Unpublished`].
    pub fn revoke_session(
        &self,
        id: RevocationId,
    ) -> impl Future<Output = Result<(), RevokeError>> + Send + use<T> {
        self.revoke(Ok(Revocation::Session { id, until: self.forgotten() }))
    }

    /// Ends all sessions of a subject: "log out everywhere", a disabled account, a changed password.
    /// Sessions that the subject authenticates after this are served.
    ///
    /// To keep the session of the present request, call its
    /// [`authenticated`](crate::Session::authenticated) too.
    ///
    /// ```
    /// # use haversack_tower::{Haversack, RevokeError, Session};
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Shop { user: Option<u64> }
    /// async fn password_changed(mut shop: Session<Shop>, sessions: Haversack<Shop>) -> Result<(), RevokeError> {
    ///     shop.authenticated();
    ///     sessions.revoke_subject(&shop.user).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RevokeError::Nobody`] and [`RevokeError::Encode`] if the value names nobody;
    /// [`RevokeError::NoFleet`] and [`RevokeError::Unpublished`].
    pub fn revoke_subject<V: Serialize + ?Sized>(
        &self,
        subject: &V,
    ) -> impl Future<Output = Result<(), RevokeError>> + Send + use<T, V> {
        let id = match self.snapshot().subject_id(subject) {
            Ok(id) => id.ok_or(RevokeError::Nobody),
            Err(error) => Err(RevokeError::Encode(error)),
        };
        // Up to the end of the present second: whoever signed in within it is out as well.
        let not_before = self.now().next_second();
        let until = self.forgotten();
        self.revoke(id.map(|id| Revocation::Subject { id, not_before, until }))
    }

    /// Ends all sessions that were created or authenticated before a time, anonymous ones too, of all
    /// that share the key ring: after a leak.
    ///
    /// # Errors
    ///
    /// [`RevokeError::Future`] if the time is still to come: nobody could sign in until then;
    /// [`RevokeError::NoFleet`] and [`RevokeError::Unpublished`].
    pub fn revoke_all_before(
        &self,
        time: Timestamp,
    ) -> impl Future<Output = Result<(), RevokeError>> + Send + use<T> {
        let until = self.forgotten();
        let not_before = Timestamp::from_secs(time.plus_millis(999).as_secs());
        self.revoke(if time > self.now() {
            Err(RevokeError::Future)
        } else {
            Ok(Revocation::All { not_before, until })
        })
    }

    fn revoke(
        &self,
        revocation: Result<Revocation, RevokeError>,
    ) -> impl Future<Output = Result<(), RevokeError>> + Send + use<T> {
        let begun = revocation.and_then(|revocation| {
            if self.feed().view().revocations.is_none() {
                return Err(RevokeError::NoFleet);
            }
            telemetry::publishing(&[revocation]);
            Ok(Publishing::new(self.feed().publish(vec![revocation])))
        });
        async move { begun?.await.map_err(RevokeError::Unpublished) }
    }

    /// When no session that is revoked now could be used any more.
    fn forgotten(&self) -> Timestamp {
        self.now().plus(self.snapshot().rules().policy().lifetime.tail()).next_second()
    }
}

/// Why sessions could not be ended for the whole fleet.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RevokeError {
    /// The subject cannot be encoded.
    Encode(EncodeError),
    /// The time is still to come.
    Future,
    /// The keys come from a ring that never changes, so there is nobody to tell and nowhere to
    /// remember.
    NoFleet,
    /// No list of sessions is kept, so that none can be known to be the subject's.
    NoIndex,
    /// The value means that nobody is signed in.
    Nobody,
    /// None of the subject's sessions, as far as is known here.
    NotListed,
    /// It holds on this server, but the others have not been told yet.
    Unpublished(Unpublished),
}

impl fmt::Display for RevokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RevokeError::Encode(error) => write!(f, "the subject cannot be encoded: {error}"),
            RevokeError::Future => f.write_str(
                "sessions end up to the present at most, or nobody could sign in until then",
            ),
            RevokeError::NoFleet => f.write_str(
                "nothing can be revoked with a fixed key ring; build the sessions on a key file \
                 (`file::watch`) or on a fleet",
            ),
            RevokeError::NoIndex => f.write_str(
                "no list of sessions is kept; build the fleet with `session_index(true)`",
            ),
            RevokeError::NotListed => {
                f.write_str("the subject is signed in to no such session; it may have ended")
            }
            RevokeError::Nobody => f.write_str(
                "the value is null or the default's, which means that nobody is signed in",
            ),
            RevokeError::Unpublished(error) => write!(f, "ended on this server, but {error}"),
        }
    }
}

impl std::error::Error for RevokeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RevokeError::Encode(error) => Some(error),
            RevokeError::Unpublished(error) => Some(error),
            RevokeError::Future
            | RevokeError::NoFleet
            | RevokeError::NoIndex
            | RevokeError::Nobody
            | RevokeError::NotListed => None,
        }
    }
}
