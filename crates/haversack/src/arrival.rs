//! How a session came in, as data: the core does not log.

use alloc::vec::Vec;

use crate::admit::{Admitted, Standing};
use crate::jar::Jar;
use crate::{KeyId, Rejection, Transport};

/// How a session arrived. The client learns nothing of it; operators see it in metrics and traces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// What carried it.
    pub transport: Transport,
    /// Whether there was a session, and if not, why.
    pub kind: ArrivalKind,
    /// Why parcels, and the heads of other sessions in the jar, were refused; one for each.
    pub rejections: Vec<Rejection>,
    /// A parcel could not be judged here, or was not opened: fields cannot be written.
    pub partial: bool,
    /// Keys that this server does not have; a newer ring may.
    pub unknown_keys: Vec<KeyId>,
    /// Parcels that were opened.
    pub opened: usize,
    /// Fragments that no root on the request can open.
    pub orphans: usize,
    /// Parcels beyond the reading limits.
    pub unopened: usize,
    /// Parcels of other rings on the same host.
    pub foreign: usize,
    /// Other sessions of the same client whose fields joined this one.
    pub adopted: usize,
    /// Characters of our parcels on the request.
    pub chars: usize,
    /// A time in the session lay ahead of this server's clock.
    pub clock_behind: bool,
}

/// Whether a request had a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArrivalKind {
    /// None of our cookies was on the request, or an empty header.
    Absent,
    /// A session was opened.
    Admitted,
    /// The session was closed: an end marker was on the request.
    Closed,
    /// A root or an end marker cannot be judged here: a fresh session that cannot be written.
    Kept,
    /// There were cookies, and none of them makes a session.
    Rejected,
}

impl ArrivalKind {
    /// The name in metrics and traces.
    pub fn name(self) -> &'static str {
        match self {
            ArrivalKind::Absent => "absent",
            ArrivalKind::Admitted => "admitted",
            ArrivalKind::Closed => "closed",
            ArrivalKind::Kept => "kept",
            ArrivalKind::Rejected => "rejected",
        }
    }
}

impl Arrival {
    pub(crate) fn of(jar: &Jar, admitted: &Admitted, transport: Transport) -> Self {
        let mut rejections: Vec<Rejection> =
            jar.refused.iter().map(|refused| refused.why).collect();
        let (mut adopted, mut closed) = (0, !jar.markers.is_empty());
        for (_, standing) in &admitted.lineages {
            match standing {
                Standing::Refused { why, .. } => rejections.push(*why),
                Standing::Adopted => adopted += 1,
                Standing::Closed => closed = true,
                Standing::Losing | Standing::Winner => {}
            }
        }
        let opened = jar.markers.len() + jar.roots.len() + jar.fragments.len();
        let nothing = opened + jar.refused.len() + jar.orphans.len() + jar.unopened.len() == 0;
        let kind = match admitted.head {
            Some(_) => ArrivalKind::Admitted,
            None if nothing => ArrivalKind::Absent,
            None if admitted.kept_head => ArrivalKind::Kept,
            None if closed => ArrivalKind::Closed,
            None => ArrivalKind::Rejected,
        };
        Self {
            transport,
            kind,
            rejections,
            partial: admitted.kept_head || jar.has_kept(),
            unknown_keys: jar.unknown_keys().collect(),
            opened,
            orphans: jar.orphans.len(),
            unopened: jar.unopened.len(),
            foreign: jar.foreign,
            adopted,
            chars: jar.chars,
            clock_behind: admitted.ahead,
        }
    }
}
