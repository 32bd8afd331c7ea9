//! What a program can learn about its session: ids, times, sizes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Timestamp;
use crate::arrival::Arrival;
use crate::budget::by_field;
use crate::event::Situation;
use crate::join::{holdings, join};
use crate::parcel::Root;
use crate::revocation::RevocationId;

/// The id of a session that applications and logs see: it changes at login and at every renewal,
/// and says nothing about the session's secrets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// What is known about a session as it arrived.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The session's id; `None` for a fresh session.
    pub id: Option<SessionId>,
    /// The id that a revocation of the session would name; it stays the same from login to logout.
    /// `None` for a fresh session.
    pub revocation_id: Option<RevocationId>,
    /// Whether somebody is signed in.
    pub signed_in: bool,
    /// How it arrived.
    pub arrival: Arrival,
    /// Its times; `None` for a fresh session.
    pub times: Option<Times>,
    /// What it takes.
    pub usage: Usage,
    /// Whether fields can be written on this request.
    pub writable: bool,
}

/// When a session began and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// Creation.
    pub born: Timestamp,
    /// The last change of its id.
    pub renewed: Timestamp,
    /// Creation or last authentication; the absolute limit runs from it.
    pub auth: Timestamp,
    /// Last activity as sealed; a touch moves it on once a tenth of the idle limit has passed.
    pub seen: Timestamp,
    /// When it ends if nobody uses it again.
    pub expires: Timestamp,
}

/// What a session takes, and what it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Characters of the live state.
    pub state: usize,
    /// The most that it may take.
    pub state_limit: usize,
    /// Characters of all our parcels on the request.
    pub request: usize,
    /// Above this, fields cannot be written.
    pub request_limit: usize,
    /// Bytes by field, largest first.
    pub fields: Vec<(String, usize)>,
}

impl Usage {
    /// Characters that are left for the live state.
    pub fn left(&self) -> usize {
        self.state_limit.saturating_sub(self.state)
    }
}

impl Info {
    pub(crate) fn of(situation: &Situation<'_>, arrival: Arrival, writable: bool) -> Self {
        let Situation { jar, admitted, policy, keys, .. } = *situation;
        let head = admitted.winner(jar).map(|head| &head.frame);
        let joined =
            head.map_or_else(Vec::new, |head| join(&holdings(jar, admitted, head, |_| true)));
        let state = head.map_or(0, |head| situation.state_len(head, &joined));
        let entries = joined.into_iter().map(|joined| joined.entry);
        let identity = head.into_iter().flat_map(Root::identity);
        Self {
            id: head
                .map(|head| SessionId(keys.session_id(&head.lineage.0, head.renewed.as_millis()))),
            revocation_id: head.map(|head| {
                let subject = head.subject.map(|subject| subject.0);
                keys.revocation_id(&head.lineage.0, subject.as_ref())
            }),
            signed_in: head.is_some_and(|head| head.subject.is_some()),
            arrival,
            times: head.map(|head| times(head, situation)),
            usage: Usage {
                state,
                state_limit: policy.budget.state,
                request: jar.chars,
                request_limit: policy.budget.request,
                fields: by_field(entries.chain(identity)),
            },
            writable,
        }
    }
}

fn times(head: &Root, situation: &Situation<'_>) -> Times {
    let lifetime = &situation.policy.lifetime;
    let absolute = head.auth.saturating_add(lifetime.absolute.as_secs());
    let expires = match lifetime.idle_secs() {
        Some(idle) => head.seen.saturating_add(idle).min(absolute),
        None => absolute,
    };
    Times {
        born: Timestamp::from_secs(u64::from(head.born)),
        renewed: Timestamp::from_millis(head.renewed.as_millis()),
        auth: Timestamp::from_secs(head.auth),
        seen: Timestamp::from_secs(head.seen),
        expires: Timestamp::from_secs(expires),
    }
}
