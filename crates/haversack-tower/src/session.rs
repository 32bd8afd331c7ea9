//! The handle that handlers see.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};

use haversack::{Info, Mark, TooLarge};
use http::Extensions;
use serde::{Serialize, de::DeserializeOwned};

use crate::slot::Slot;
use crate::{CsrfError, OpenError, SessionRoute};

/// What a session may be: any serde struct or map with a default.
///
/// Its top-level entries are the session's *fields*. Two requests that write two fields at the
/// same time keep both; of one field the later write wins. A field that no longer decodes falls
/// back to its default alone, and what a newer program wrote beside it is carried.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a session",
    label = "not a session type",
    note = "a session type needs `#[derive(Default, Serialize, Deserialize)]` (serde's, with its \
            feature `derive`), and it owns what it holds: no references, nothing that is not `Send`"
)]
pub trait SessionType: Default + Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend] // say what a session type needs, not which trait of it is missing
impl<T: Default + Serialize + DeserializeOwned + Send + 'static> SessionType for T {}

/// A client's session: a `T` that is written into the response if it was changed.
///
/// - Reading it through `Deref` writes nothing; `DerefMut` marks it changed, and when the handle is
///   dropped, what differs from what arrived is noted, field by field.
/// - Login is setting the subject field, logout is [`end`](Session::end).
/// - Several handles of one request may be out at once as long as they are only read. A second one
///   while the first is changed is [`OpenError::InUse`]; one taken after the first was dropped sees
///   its changes.
/// - What was changed before the handle was dropped is written, whatever the response's status. A
///   handle dropped by a panic is discarded.
#[must_use = "a session handle that is not used writes nothing"]
pub struct Session<T: SessionType> {
    value: T,
    slot: Slot<T>,
    since: Mark,
    changed: bool,
}

impl<T: SessionType> Session<T> {
    /// Opens the session of a request outside axum, from the request's extensions.
    ///
    /// Waits only if the session was sealed by a key that this server does not have, for a newer
    /// key ring, 250 ms at most.
    ///
    /// # Errors
    ///
    /// [`OpenError::MissingLayer`] without a [`SessionLayer`](crate::SessionLayer) for this `T`;
    /// [`OpenError::Unwritable`] if the method is unsafe (RFC 9110 section 9.2.1) and the session
    /// cannot be written now, so that no handler acts in vain.
    pub fn open(
        extensions: &Extensions,
    ) -> impl Future<Output = Result<Self, OpenError>> + Send + use<T> {
        let slot = extensions.get::<Slot<T>>().cloned();
        let route = extensions.get::<SessionRoute>().copied().unwrap_or_default();
        async move {
            let slot = slot.ok_or_else(|| {
                let error = OpenError::MissingLayer;
                tracing::error!(session = std::any::type_name::<T>(), "{error}");
                error
            })?;
            let (value, since) = slot.open(route).await?;
            Ok(Self { value, slot, since, changed: false })
        }
    }

    /// Ends the session (logout). The value becomes the default but for the fields that
    /// [`keep`](crate::Builder::keep) names and those already changed in this request; what is set
    /// after this begins a new session.
    pub fn end(&mut self) {
        let handed = self.changed.then_some((&self.value, self.since));
        if let Some((value, since)) = self.slot.end(handed) {
            self.value = value;
            self.since = since;
            self.changed = false;
        }
    }

    /// Gives the session a new id. A change of the subject or of an identity field does so by
    /// itself.
    pub fn renew(&mut self) {
        self.slot.renew();
    }

    /// Notes that the subject has proved itself again (re-authentication): the absolute lifetime
    /// starts anew, and the session gets a new id.
    pub fn authenticated(&mut self) {
        self.slot.authenticated();
    }

    /// What the user's list of sessions ([`Haversack::sessions_of`](crate::Haversack::sessions_of)) is to
    /// say about this one: "Firefox on Linux", for the user to know it again. Say it where somebody
    /// signs in; it is taken if somebody does in this request, or proves again who they are, and stays
    /// until it is said anew. Control characters become spaces, and what is beyond 64 bytes is cut.
    ///
    /// The list holds it sealed: only servers with the key ring can read it. Where no list is kept it
    /// is kept nowhere.
    pub fn label(&mut self, text: &str) {
        self.slot.label(text);
    }

    /// A token for the forms of this page: 43 characters of base64url, others on each call. Put it
    /// into a hidden field, and hand that field to [`verify_csrf`](Self::verify_csrf).
    ///
    /// It is for the session as this response leaves it, by what was changed until now, so ask for
    /// it last: a login in the same request is taken into account if it comes before. A fresh
    /// session begins for it. It holds until somebody signs in or out, whatever else happens to the
    /// session. The response is then kept by no shared cache.
    ///
    /// `docs/csrf.md` in the repository says when a token is needed, and what comes first.
    ///
    /// ```
    /// # #[cfg(feature = "axum")] {
    /// use axum::{Form, response::{Html, Redirect}};
    /// use haversack_tower::{CsrfError, Session};
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Shop { user: Option<String>, mail: String }
    ///
    /// async fn form(mut shop: Session<Shop>) -> Result<Html<String>, CsrfError> {
    ///     let token = shop.csrf()?;
    ///     Ok(Html(format!(
    ///         r#"<form method="post" action="/mail">
    ///              <input type="hidden" name="csrf" value="{token}">
    ///              <input name="mail"> <button>Save</button>
    ///            </form>"#
    ///     )))
    /// }
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Change { #[serde(default)] csrf: String, mail: String }
    ///
    /// async fn change(
    ///     mut shop: Session<Shop>,
    ///     Form(change): Form<Change>,
    /// ) -> Result<Redirect, CsrfError> {
    ///     shop.verify_csrf(&change.csrf)?; // before anything is changed
    ///     shop.mail = change.mail;
    ///     Ok(Redirect::to("/"))
    /// }
    /// # let app: axum::Router = axum::Router::new().route("/mail", axum::routing::get(form).post(change));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`CsrfError::Seal`] if the source of randomness fails, and [`CsrfError::ResponseSent`]. Where
    /// a session cannot be begun for another reason, the response is replaced as for any write.
    pub fn csrf(&mut self) -> Result<String, CsrfError> {
        self.slot.csrf(self.changed.then_some((&self.value, self.since)))
    }

    /// Whether a form token is of the session that came with this request, so that a page of ours
    /// made the request. Every handler that changes something for a form asks this first.
    ///
    /// # Errors
    ///
    /// [`CsrfError::Rejected`] says why it is not; with the feature `axum` it can be returned as it
    /// is (403, or 503 where another server may know). [`CsrfError::ResponseSent`].
    pub fn verify_csrf(&self, token: &str) -> Result<(), CsrfError> {
        self.slot.verify_csrf(token)
    }

    /// Ids, times and sizes of the session as it arrived; `None` once the response is written.
    pub fn info(&self) -> Option<Info> {
        self.slot.info()
    }

    /// Whether the session with its changes so far fits its budget, so that a form can say so.
    ///
    /// # Errors
    ///
    /// Its size, the limit, and the largest fields.
    pub fn check(&self) -> Result<(), TooLarge> {
        if self.changed { self.slot.check(&self.value, self.since) } else { Ok(()) }
    }
}

impl<T: SessionType> Deref for Session<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: SessionType> DerefMut for Session<T> {
    fn deref_mut(&mut self) -> &mut T {
        if !self.changed {
            self.changed = true;
            self.slot.changed();
        }
        &mut self.value
    }
}

impl<T: SessionType> Drop for Session<T> {
    fn drop(&mut self) {
        if self.changed {
            self.slot.hand_back(&self.value, self.since);
        }
    }
}

/// Shows the type, never the content.
impl<T: SessionType> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("changed", &self.changed).finish_non_exhaustive()
    }
}
