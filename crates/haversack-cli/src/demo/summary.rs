//! What a replica tells the front about the session of a request, for the pictures.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use haversack_tower::{Rejection, Session};
use serde::{Deserialize, Serialize};

use super::store::Store;

/// The response header that carries it; the front takes it off.
pub(super) const HEADER: &str = "x-demo-session";

/// Numbers and names of fields; nothing that a person wrote.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Summary {
    /// How the session came in.
    pub(super) arrival: String,
    pub(super) signed_in: bool,
    /// Which session it is, from login to logout; none for a fresh one.
    pub(super) session: Option<String>,
    /// The fleet knows that a session of this jar is over.
    pub(super) revoked: bool,
    /// Why something in the jar was not taken, if anything.
    pub(super) refused: Option<String>,
    /// A hash of what a person sees of it, to tell two moments apart.
    pub(super) content: u64,
    /// Seconds since the Unix epoch.
    pub(super) expires: Option<u64>,
    pub(super) state: usize,
    pub(super) state_limit: usize,
    pub(super) request: usize,
    pub(super) request_limit: usize,
    /// Bytes by field.
    pub(super) fields: Vec<(String, usize)>,
}

impl Summary {
    pub(super) fn of(session: &Session<Store>) -> Self {
        let Some(info) = session.info() else { return Self::default() };
        let mut content = DefaultHasher::new(); // the same in every replica: one program
        (&session.name, session.theme.name(), &*session.notes, &*session.cart).hash(&mut content);
        Self {
            arrival: info.arrival.kind.name().to_owned(),
            signed_in: info.signed_in,
            session: info.revocation_id.map(|id| id.to_string()),
            revoked: info.arrival.rejections.contains(&Rejection::Revoked),
            refused: info.arrival.rejections.first().map(ToString::to_string),
            content: content.finish(),
            expires: info.times.map(|times| times.expires.as_secs()),
            state: info.usage.state,
            state_limit: info.usage.state_limit,
            request: info.usage.request,
            request_limit: info.usage.request_limit,
            fields: info.usage.fields,
        }
    }

    pub(super) fn to_header(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn from_header(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
