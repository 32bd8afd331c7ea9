//! Snapshots: all that a request is judged by, fixed when it arrives.

use alloc::string::String;
use alloc::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use crate::codec::{Schema, encode_field};
use crate::feed::View;
use crate::index::Listed;
use crate::keyring::{Context, Found, Keys};
use crate::parcel::Subject;
use crate::policy::Policy;
use crate::{ConfigError, EncodeError, KeyId, SubjectId, Timestamp};

/// The rules of one kind of session: a policy that fits the session type `T`.
pub struct Rules<T> {
    pub(crate) policy: Policy,
    pub(crate) schema: Schema<T>,
    context: Context,
}

impl<T: Default + Serialize + DeserializeOwned> Rules<T> {
    /// Checks the policy, and that `T` can be a session.
    ///
    /// # Errors
    ///
    /// What is wrong with the policy or with `T`, and how to put it right.
    pub fn new(policy: Policy) -> Result<Self, ConfigError> {
        let schema = Schema::new()?;
        policy.validate(schema.names())?;
        let context = policy.context()?;
        Ok(Self { policy, schema, context })
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl<T> Rules<T> {
    /// Who a subject field's bytes name; nobody if they are absent, null or the default's.
    pub(crate) fn subject(&self, keys: &Keys, value: Option<&[u8]>) -> Option<Subject> {
        const NULL: &[u8] = &[0xf6];
        let name = self.policy.subject.as_deref().unwrap_or_default().as_bytes();
        let default = self.schema.default_fields().get(name);
        let named = value.filter(|bytes| *bytes != NULL && Some(*bytes) != default)?;
        Some(Subject(keys.subject(named)))
    }
}

/// All that a request is judged by: the rules, and the keys as they were when it arrived.
pub struct Snapshot<T> {
    pub(crate) rules: Arc<Rules<T>>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) view: Arc<View>,
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            keys: Arc::clone(&self.keys),
            view: Arc::clone(&self.view),
        }
    }
}

impl<T> Snapshot<T> {
    /// A snapshot of `view`. Expanding the keys of its ring is the costly part.
    pub fn new(rules: Arc<Rules<T>>, view: Arc<View>) -> Self {
        let keys = Arc::new(Keys::new(&view.ring, &rules.context));
        Self { rules, keys, view }
    }

    /// The same rules with a newer view; keys are expanded only if the ring is another one.
    #[must_use]
    pub fn with_view(&self, view: Arc<View>) -> Self {
        if Arc::ptr_eq(&self.view.ring, &view.ring) {
            return Self { view, ..self.clone() };
        }
        Self::new(Arc::clone(&self.rules), view)
    }

    /// The view.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Whether the ring has an answer to a key id, be it that the key is retired.
    pub fn knows(&self, id: KeyId, now: Timestamp) -> bool {
        !matches!(self.keys.find(&id, now), Found::Unknown)
    }

    /// The id under which the fleet knows the subject whose field has this value; `None` if that
    /// means nobody.
    ///
    /// # Errors
    ///
    /// When the value cannot be encoded.
    pub fn subject_id<V: Serialize + ?Sized>(
        &self,
        value: &V,
    ) -> Result<Option<SubjectId>, EncodeError> {
        let encoded = encode_field(value)?;
        let subject = self.rules.subject(&self.keys, Some(&encoded));
        Ok(subject.map(|subject| SubjectId::from_bytes(subject.0)))
    }

    /// What the application said about a listed session; `None` if it said nothing, or if the index key
    /// has been replaced since.
    pub fn label(&self, listed: &Listed) -> Option<String> {
        self.keys.open_label(listed.id, listed.label.as_ref()?)
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<Rules<T>> {
        &self.rules
    }
}
