//! A user's own sessions: which there are, and an end to any of them (OWASP ASVS 5.0, 7.5.2).

use std::fmt;
use std::future::Future;

use haversack::{EncodeError, Listed, Outcome, RevocationId, Timestamp};
use serde::Serialize;

use crate::{Haversack, RevokeError, SessionType};

/// A session that somebody is signed in to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedSession {
    /// Which: what [`Haversack::revoke_session_of`] takes. The session of a request has the id in its
    /// [`Info::revocation_id`](crate::Info::revocation_id).
    pub id: RevocationId,
    /// When the user last proved who they are.
    pub authenticated: Timestamp,
    /// When it was last used: noted once a tenth of the idle limit has passed, so it may be earlier by
    /// that much. Without an idle limit it is not noted, and stays the time of the last login.
    pub seen: Timestamp,
    /// What [`Session::label`](crate::Session::label) said about it. **Escape it**, like all that
    /// clients send.
    pub label: Option<String>,
}

/// A user's own sessions, where the fleet keeps a list: `Fleet::builder(url).session_index(true)`.
impl<T: SessionType> Haversack<T> {
    /// The sessions that a subject is signed in to, the one used last first. From this server's memory:
    /// it waits for nothing.
    ///
    /// It is as this server knows it. What began on another one a moment ago may be missing; so is, for
    /// a while, what began when no list was kept. A session whose cookies were deleted without a logout
    /// is there until its idle limit.
    ///
    /// ```
    /// # use haversack_tower::{Haversack, ListError, RevocationId, RevokeError, Session};
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Shop { user: Option<u64> }
    /// # fn escape(text: &str) -> String { text.replace('<', "&lt;") }
    /// async fn my_sessions(shop: Session<Shop>, sessions: Haversack<Shop>) -> Result<String, ListError> {
    ///     let this = shop.info().and_then(|info| info.revocation_id);
    ///     let mut page = String::new();
    ///     for session in sessions.sessions_of(&shop.user)? {
    ///         let label = session.label.as_deref().map_or("unknown".to_owned(), escape);
    ///         let mark = if Some(session.id) == this { " (this one)" } else { "" };
    ///         page += &format!("{label}{mark}, id {}\n", session.id);
    ///     }
    ///     Ok(page)
    /// }
    ///
    /// async fn end_one(shop: Session<Shop>, sessions: Haversack<Shop>, id: RevocationId) -> Result<(), RevokeError> {
    ///     sessions.revoke_session_of(&shop.user, id).await // of this user's, whatever the form says
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ListError::NoIndex`] where no list is kept; [`ListError::Nobody`] and [`ListError::Encode`] if
    /// the value names nobody.
    pub fn sessions_of<V: Serialize + ?Sized>(
        &self,
        subject: &V,
    ) -> Result<Vec<ListedSession>, ListError> {
        let snapshot = self.snapshot();
        let subject = snapshot.subject_id(subject).map_err(ListError::Encode)?;
        let subject = subject.ok_or(ListError::Nobody)?;
        let index = self.feed().index().ok_or(ListError::NoIndex)?;
        let view = self.feed().view();
        let now = self.now();
        let ended =
            |it: &Listed| view.revocations.as_ref().is_some_and(|known| it.has_ended(known));
        let mut listed = index.of(subject);
        listed.retain(|it| it.until > now && !ended(it));
        listed.sort_unstable_by_key(|it| (std::cmp::Reverse((it.seen, it.auth)), it.id));
        let show = |it: Listed| ListedSession {
            id: it.id,
            authenticated: it.auth,
            seen: it.seen,
            label: snapshot.label(&it),
        };
        Ok(listed.into_iter().map(show).collect())
    }

    /// Ends one of a subject's sessions, by the id that [`sessions_of`](Self::sessions_of) gives. Where
    /// the id comes from a form, this is the way: another user's is refused.
    ///
    /// # Errors
    ///
    /// [`RevokeError::NotListed`] if it is none of the subject's; those of
    /// [`sessions_of`](Self::sessions_of) and [`revoke_session`](Self::revoke_session).
    pub fn revoke_session_of<V: Serialize + ?Sized>(
        &self,
        subject: &V,
        id: RevocationId,
    ) -> impl Future<Output = Result<(), RevokeError>> + Send + use<T, V> {
        let listed = self.sessions_of(subject).map_err(RevokeError::from).and_then(|listed| {
            let is_theirs = listed.iter().any(|session| session.id == id);
            if is_theirs { Ok(()) } else { Err(RevokeError::NotListed) }
        });
        let revoked = listed.map(|()| self.revoke_session(id));
        async move { revoked?.await }
    }

    /// Tells the list of a session that began or was used, if there is one.
    pub(crate) fn list(&self, outcome: &mut Outcome) {
        if let Some((listed, index)) = outcome.listed.take().zip(self.feed().index()) {
            index.list(listed);
        }
    }
}

/// Why a user's sessions are not known.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ListError {
    /// The subject cannot be encoded.
    Encode(EncodeError),
    /// No list is kept.
    NoIndex,
    /// The value means that nobody is signed in.
    Nobody,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListError::Encode(error) => write!(f, "the subject cannot be encoded: {error}"),
            ListError::NoIndex => f.write_str(
                "no list of sessions is kept; build the fleet with `session_index(true)`",
            ),
            ListError::Nobody => f.write_str(
                "the value is null or the default's, which means that nobody is signed in",
            ),
        }
    }
}

impl std::error::Error for ListError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ListError::Encode(error) => Some(error),
            ListError::NoIndex | ListError::Nobody => None,
        }
    }
}

impl From<ListError> for RevokeError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Encode(error) => RevokeError::Encode(error),
            ListError::NoIndex => RevokeError::NoIndex,
            ListError::Nobody => RevokeError::Nobody,
        }
    }
}
