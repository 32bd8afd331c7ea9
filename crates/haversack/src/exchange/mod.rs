//! One request and its response.
//!
//! ```text
//! Cookie lines ─► collect ─► unseal ─► lineages ─► admit ─► join ─► decode ─► T
//!                                                                             │ changed
//! Set-Cookie   ◄─ seal ◄──── budget ◄─ maintain ◄─ event ◄─ intent ◄──────────┘
//! ```
//!
//! Straight down and straight back up: no stage calls an earlier one, none waits, none does I/O.

mod csrf;
mod finish;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use crate::admit::{Admitted, Law};
use crate::arrival::Arrival;
use crate::codec::{Decoded, EncodeError, FieldReport};
use crate::event::Situation;
use crate::feed::View;
use crate::index;
use crate::info::Info;
use crate::intent::{Turn, fold_turns};
use crate::jar::Jar;
use crate::lineage::Lineages;
use crate::parcel::{Lineage, Root, Subject};
use crate::policy::Policy;
use crate::revocation::Revoked;
use crate::snapshot::Snapshot;
use crate::staleness::Scrutiny;
use crate::state::Entry;
use crate::transport::{Carrier, Found, Transport, cookie, header};
use crate::{KeyId, SealError, ShortKeyId, StaleView, Timestamp, TooLarge};

/// One request: what arrived, and what was changed since.
///
/// Consumed by its response. Holds the snapshot that it began with, so that nothing changes under
/// a request.
pub struct Exchange<T> {
    snapshot: Snapshot<T>,
    /// What is revoked; never less than the snapshot knows.
    latest: Arc<View>,
    transport: Transport,
    jar: Jar,
    admitted: Admitted,
    received: Timestamp,
    log: Vec<Turn>,
    renew: bool,
    authenticated: bool,
    /// The lineage that the next session begins with, if a form token was issued for it.
    promised: Option<Lineage>,
    /// A form token was issued.
    token: bool,
    /// What a list of sessions is to say about the one that begins.
    label: Option<String>,
    session: PhantomData<fn() -> T>,
}

/// Up to where in an exchange a value was read; hand it in with the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

impl<T: Default + Serialize + DeserializeOwned> Exchange<T> {
    /// Opens the session that the `Cookie` lines of a request carry.
    ///
    /// Never fails: what cannot be admitted is a fresh session, and [`arrival`](Self::arrival)
    /// says why.
    pub fn receive<'h>(
        snapshot: &Snapshot<T>,
        cookie_lines: impl IntoIterator<Item = &'h [u8]>,
        now: Timestamp,
    ) -> Self {
        let cookie = &snapshot.rules.policy.cookie;
        let found = cookie::collect(cookie.base(), cookie_lines);
        Self::open(snapshot, Carrier::Cookies(cookie), found, now)
    }

    /// Opens the session that the [`header`](crate::Policy::header) of a request carries, from the
    /// values of all its lines. Cookies on such a request mean nothing; hand none in.
    ///
    /// `None` if the policy has no header. The new value, if there is one, is
    /// [`Outcome::header`](crate::Outcome::header).
    pub fn receive_header<'h>(
        snapshot: &Snapshot<T>,
        lines: impl IntoIterator<Item = &'h [u8]>,
        now: Timestamp,
    ) -> Option<Self> {
        let header = snapshot.rules.policy.header.as_ref()?;
        let found = header::collect(header, lines);
        Some(Self::open(snapshot, Carrier::Header(header), found, now))
    }

    fn open(
        snapshot: &Snapshot<T>,
        carrier: Carrier<'_>,
        found: Vec<Found<'_>>,
        now: Timestamp,
    ) -> Self {
        let (mut jar, sealed) = Jar::open(found, &snapshot.keys, &snapshot.view.dead, carrier, now);
        let lineages = Lineages::of(&jar.roots, &jar.markers);
        jar.open_fragments(&sealed, carrier, now);
        let Policy { lifetime, staleness, .. } = &snapshot.rules.policy;
        let (view, keys) = (&snapshot.view, &snapshot.keys);
        let revoked = Revoked { view, keys, staleness, received: now };
        let admitted = Admitted::judge(lineages, &jar, Law { lifetime, revoked });
        Self {
            snapshot: snapshot.clone(),
            latest: Arc::clone(&snapshot.view),
            transport: carrier.transport(),
            jar,
            admitted,
            received: now,
            log: Vec::new(),
            renew: false,
            authenticated: false,
            promised: None,
            token: false,
            label: None,
            session: PhantomData,
        }
    }

    /// The session as it is now: the join of what arrived and of what was handed back so far.
    pub fn value(&self) -> (Decoded<T>, Mark) {
        let mark = Mark(self.log.len());
        let mut mislaid = Vec::new();
        let arrived = self
            .situation(self.received)
            .arrived_but(|name| mislaid.push(FieldReport::misplaced(name)));
        let mut decoded = self.snapshot.rules.schema.decode(&self.since(arrived, mark));
        decoded.reports.append(&mut mislaid);
        (decoded, mark)
    }

    /// Takes a value back and notes what in it differs from what was read at `since`.
    ///
    /// # Errors
    ///
    /// When the value cannot be encoded; nothing of it is noted then.
    pub fn hand_back(&mut self, value: &T, since: Mark) -> Result<(), EncodeError> {
        let changes = self.snapshot.rules.schema.changes(value, &self.state(since))?;
        if !changes.is_empty() {
            self.log.push(Turn::Changes(changes));
        }
        Ok(())
    }

    /// Notes changes as they are, without a value that they come from.
    #[cfg(test)]
    pub(crate) fn changed(&mut self, changes: crate::codec::Changes) {
        self.log.push(Turn::Changes(changes));
    }

    /// Ends the session: what goes on are the fields that the policy keeps and those changed in
    /// this request.
    pub fn end(&mut self) {
        self.log.push(Turn::End);
    }

    /// Gives the session a new id, as after a change of privilege.
    pub fn renew(&mut self) {
        self.renew = true;
    }

    /// Notes that the subject has proved itself again: its absolute lifetime starts anew.
    pub fn authenticated(&mut self) {
        self.authenticated = true;
    }

    /// What a list of sessions ([`Feed::index`](crate::Feed::index)) is to say about this one, for its
    /// user to know it again: "Firefox on Linux". Taken if somebody signs in, or proves again who they
    /// are, in this request. Control characters become spaces; what is beyond 64 bytes is cut.
    pub fn label(&mut self, text: &str) {
        self.label = index::label(text);
    }

    /// Forgets what was handed back: the response then carries maintenance only.
    pub fn discard(&mut self) {
        self.log.clear();
        self.renew = false;
        self.authenticated = false;
        self.promised = None;
        self.label = None;
    }

    /// Whether nothing was asked of the session so far but to read it.
    pub fn is_untouched(&self) -> bool {
        self.log.is_empty() && !self.renew && !self.authenticated && self.promised.is_none()
    }

    /// The view that this exchange began with.
    pub fn view(&self) -> &Arc<View> {
        &self.snapshot.view
    }

    /// Takes over what was revoked since the request arrived, so that who changes their password and
    /// ends all other sessions in one request does not end this one. Of the response's event only:
    /// what the handler has read stays read.
    pub fn update(&mut self, view: Arc<View>) {
        if view.version >= self.latest.version {
            self.latest = view;
        }
    }

    /// Whether a route of this kind may act for the session, by the age of this server's view.
    ///
    /// # Errors
    ///
    /// How old the view is. The session is as it was, and can be used again once the view is newer.
    pub fn verified(&self, scrutiny: Scrutiny) -> Result<(), StaleView> {
        let revoked = self.situation(self.received).revoked;
        self.head().map_or(Ok(()), |head| revoked.suffices(head, scrutiny))
    }

    /// The keys that sealed what was opened, one for each parcel: whether a key is still in use.
    pub fn sealed_by(&self) -> impl Iterator<Item = ShortKeyId> {
        self.jar.sealed_by()
    }

    /// Keys that this server does not have; a newer ring may.
    pub fn unknown_keys(&self) -> impl Iterator<Item = KeyId> {
        self.jar.unknown_keys()
    }

    /// How the session arrived.
    pub fn arrival(&self) -> Arrival {
        Arrival::of(&self.jar, &self.admitted, self.transport)
    }

    /// Whether a handler that means to write would act in vain, and why. On a route marked
    /// `identity` it may yet be refused as busy: there, `end()` and a login alone always pass.
    ///
    /// # Errors
    ///
    /// [`SealError::Unavailable`] and [`SealError::Busy`], unless the route is marked `identity`.
    pub fn writable(&self, identity_route: bool) -> Result<(), SealError> {
        if identity_route {
            return Ok(());
        }
        self.refuse_partial(false)?;
        self.refuse_busy()
    }

    /// Whether `value`, read at `since`, would fit the response.
    ///
    /// # Errors
    ///
    /// Its size, the limit, and the largest fields.
    pub fn check(&self, value: &T, since: Mark) -> Result<(), TooLarge> {
        let Ok(changes) = self.snapshot.rules.schema.changes(value, &self.state(since)) else {
            return Ok(()); // what cannot be encoded will be said when it is handed back
        };
        let intent = self.intent(Some(&changes));
        let lineage = || Ok(Lineage([0; 16]));
        match self.situation(self.received).event(&intent, lineage) {
            Err(SealError::TooLarge(too_large)) => Err(too_large),
            _ => Ok(()),
        }
    }

    /// What can be told about the session: ids, times, sizes.
    pub fn info(&self, identity_route: bool) -> Info {
        let writable =
            self.refuse_partial(identity_route).and_then(|()| self.refuse_busy()).is_ok();
        Info::of(&self.situation(self.received), self.arrival(), writable)
    }

    pub(crate) fn situation(&self, now: Timestamp) -> Situation<'_> {
        let policy = &self.snapshot.rules.policy;
        let carrier = match (self.transport, &policy.header) {
            (Transport::Header, Some(header)) => Carrier::Header(header),
            _ => Carrier::Cookies(&policy.cookie),
        };
        Situation {
            jar: &self.jar,
            admitted: &self.admitted,
            policy,
            carrier,
            keys: &self.snapshot.keys,
            revoked: Revoked {
                view: &self.latest,
                keys: &self.snapshot.keys,
                staleness: &policy.staleness,
                received: self.received,
            },
            defaults: self.snapshot.rules.schema.default_fields(),
            received: self.received,
            now,
        }
    }

    /// The head of the session that arrived.
    fn head(&self) -> Option<&Root> {
        self.admitted.winner(&self.jar).map(|head| &head.frame)
    }

    /// Whether who was signed in no longer is, if this is who is after the changes.
    #[expect(clippy::option_option, reason = "untouched, nobody, or somebody")]
    fn leaves(&self, after: Option<Option<Subject>>) -> bool {
        let before = self.head().and_then(|head| head.subject);
        before.is_some() && after.is_some_and(|after| after != before)
    }

    /// The joined state of what arrived.
    pub(crate) fn arrived(&self) -> Vec<Entry<'_>> {
        self.situation(self.received).arrived_but(|_| {})
    }

    /// The state at `mark`: what arrived, and what was handed back until then.
    fn state(&self, mark: Mark) -> Vec<Entry<'_>> {
        self.since(self.arrived(), mark)
    }

    fn since<'a>(&'a self, arrived: Vec<Entry<'a>>, mark: Mark) -> Vec<Entry<'a>> {
        if mark.0 == 0 {
            return arrived;
        }
        let turns = self.log.iter().take(mark.0);
        fold_turns(&self.snapshot.rules.policy, arrived, turns, None).into_values().collect()
    }
}
