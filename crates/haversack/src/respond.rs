//! The way out: what fits the response is sealed, in order, and written as `Set-Cookie` lines.

use alloc::string::String;
use alloc::vec::Vec;

use crate::budget::HEAD;
use crate::draft::{Body, Draft};
use crate::event::{Event, EventKind, Situation};
use crate::index::Listed;
use crate::keyring::Key;
use crate::lifetime::Lifetime;
use crate::maintain::{Step, Work};
use crate::overridden::Overridden;
use crate::parcel::scope;
use crate::policy::GRACE_MS;
use crate::transport::Carrier;
use crate::{Entropy, Revocation, SealError, seal, wire};

/// What kind of request it was, in the terms of the Fetch standard. It decides how eagerly the
/// response folds, and nothing else: the work is the same bytes whoever does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fetch {
    /// `Sec-Fetch-Mode: navigate`, or an older browser that asks for `text/html`. Mostly alone: the
    /// requests of its page have not departed yet.
    Navigation,
    /// Another `Sec-Fetch-Mode`. Mostly one of many.
    Subresource,
    /// The client does not say.
    #[default]
    Unknown,
}

/// What the adapter knows about the request and the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Characters of its other header lines.
    pub other_headers: usize,
    /// Whether the route is marked `identity`: login and logout pass where fields cannot be written.
    pub identity: bool,
    /// Whether maintenance may be done; not on public routes, nor on responses that shared caches
    /// may store.
    pub maintenance: bool,
    /// What kind of request it was.
    pub fetch: Fetch,
}

impl Default for Room {
    fn default() -> Self {
        Self { other_headers: 0, identity: false, maintenance: true, fetch: Fetch::Unknown }
    }
}

/// What an exchange came to.
#[derive(Debug)]
pub struct Outcome {
    /// Values for `Set-Cookie` header fields, to be sent in this order.
    pub set_cookies: Vec<String>,
    /// The new value of the header field, if the request was read from it and the client must keep
    /// another one; empty if it must forget it.
    pub header: Option<String>,
    /// What the fleet must be told ([`Feed::publish`](crate::Feed::publish)) before the response is
    /// sent, if it ends a session; otherwise meanwhile.
    pub revocations: Vec<Revocation>,
    /// What a list of sessions ([`Feed::index`](crate::Feed::index)) is told, if there is one.
    pub listed: Option<Listed>,
    /// Why the handler's response must be replaced, if so.
    pub error: Option<SealError>,
    /// What was done, for metrics.
    pub report: Report,
}

/// What a response did to the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What the request changed.
    pub event: EventKind,
    /// Parcels sealed and set.
    pub sealed: usize,
    /// Parcels deleted.
    pub deleted: usize,
    /// Maintenance done, in order.
    pub maintenance: Vec<Work>,
    /// Deletions and steps that did not fit and wait for the next response.
    pub waiting: usize,
    /// Characters of the live state after a write of fields, and the most it may take.
    pub state: Option<(usize, usize)>,
    /// What was removed because a write that overlapped had overridden it. Requests that overlap
    /// may remove, and report, the same.
    pub overridden: Vec<Overridden>,
    /// A form token was issued: no shared cache may keep the response, even if it sets nothing.
    pub token: bool,
    /// Characters of the `Set-Cookie` lines or of the header field, with the field's name and line
    /// end.
    pub chars: usize,
}

pub(crate) fn write(
    situation: &Situation<'_>,
    event: &Event,
    error: Option<SealError>,
    room: Room,
    late: bool,
    entropy: &mut impl Entropy,
) -> Outcome {
    let budget = situation.policy.budget.response;
    let mut lines = Lines {
        situation,
        key: situation.keys.sealing(situation.now),
        entropy,
        left: budget.min(HEAD.saturating_sub(room.other_headers)),
        deleted: Vec::new(),
        outcome: Outcome {
            set_cookies: Vec::new(),
            header: None,
            revocations: Vec::new(),
            listed: None,
            error,
            report: Report::default(),
        },
    };
    if lines.key.is_none() && !event.drafts.is_empty() {
        lines.outcome.error.get_or_insert(SealError::NoSealingKey);
        return lines.outcome;
    }
    if !lines.event(event) {
        return lines.outcome; // nothing is deleted for what was not set
    }
    let changes_nothing = event.kind == EventKind::None && !event.sweeps;
    if late || (changes_nothing && !room.maintenance) {
        return lines.outcome;
    }
    lines.deletions(situation.dead(event));
    lines.outcome.report.overridden = situation.overridden(&lines.deleted);
    if lines.key.is_some() {
        lines.steps(situation.steps(event, room.fetch, lines.left));
    }
    lines.outcome
}

struct Lines<'a, E> {
    situation: &'a Situation<'a>,
    key: Option<&'a Key>,
    entropy: &'a mut E,
    /// Characters that may still be written.
    left: usize,
    deleted: Vec<String>,
    outcome: Outcome,
}

impl<E: Entropy> Lines<'_, E> {
    /// The event has passed its own budget and is always written; `false` if it could not be sealed.
    fn event(&mut self, event: &Event) -> bool {
        self.outcome.report.event = event.kind;
        self.outcome.report.state =
            event.state.map(|size| (size, self.situation.policy.budget.state));
        event.drafts.iter().filter(|draft| !draft.present).all(|draft| self.set(draft))
    }

    fn deletions(&mut self, dead: Vec<String>) {
        for suffix in dead {
            if self.situation.carrier.delete_len(&suffix) <= self.left {
                self.delete(suffix);
            } else {
                self.outcome.report.waiting += 1;
            }
        }
    }

    fn steps(&mut self, steps: Vec<Step>) {
        let mut waits = false;
        for step in steps {
            // A head never moves to the next key before its fragments, or they could die first.
            if waits || self.situation.step_len(&step) > self.left {
                self.outcome.report.waiting += 1;
                waits |= step.work == Work::Rekey;
                continue;
            }
            if !step.set.present && !self.set(&step.set) {
                return;
            }
            for suffix in step.delete {
                if suffix != step.set.suffix.as_str() {
                    self.delete(suffix);
                }
            }
            self.outcome.report.maintenance.push(step.work);
        }
    }

    fn set(&mut self, draft: &Draft) -> bool {
        let Some(key) = self.key else { return false };
        let Situation { policy, carrier, now, .. } = *self.situation;
        let content = draft.body.frame();
        let padded = policy.padding.padded_len(content.len());
        let mut frame = Vec::with_capacity(padded);
        frame.extend_from_slice(&content);
        frame.resize(padded, 0);
        let (scope, len) = match &draft.body {
            Body::Fragment { lineage, subject, .. } => scope(*lineage, *subject),
            Body::Marker(_) | Body::Root(_) => ([0; 24], 0),
        };
        // With a failed generator the nonce is zero: the suite then shows only whether two parcels
        // are equal (RFC 8452 section 9), and logging everybody out would be the greater harm.
        let mut nonce = [0; 12];
        if self.entropy.fill(&mut nonce).is_err() {
            nonce = [0; 12];
        }
        let channel = carrier.channel(draft.suffix.as_str());
        let mut value = String::with_capacity(wire::text_len(frame.len()));
        let scope = scope.get(..len).unwrap_or_default();
        if seal::seal(key, nonce, &channel, scope, &frame, &mut value).is_err() {
            self.outcome.error.get_or_insert(SealError::Unsealable);
            return false;
        }
        let opens_secs = key
            .opens_until()
            .map_or(Lifetime::MAX.as_secs(), |until| until.millis_since(now) / 1000);
        let max_age = max_age(&draft.body, self.situation, opens_secs);
        let suffix = draft.suffix.as_str();
        self.spend(carrier.set_len(suffix, value.len(), max_age));
        match carrier {
            Carrier::Cookies(cookie) => {
                self.outcome.set_cookies.push(cookie.set(suffix, &value, max_age));
            }
            Carrier::Header(_) => self.outcome.header = Some(value),
        }
        self.outcome.report.sealed += 1;
        true
    }

    fn delete(&mut self, suffix: String) {
        if self.deleted.contains(&suffix) {
            return;
        }
        match self.situation.carrier {
            Carrier::Cookies(cookie) => self.outcome.set_cookies.push(cookie.delete(&suffix)),
            Carrier::Header(_) => self.outcome.header = Some(String::new()),
        }
        self.spend(self.situation.carrier.delete_len(&suffix));
        self.outcome.report.deleted += 1;
        self.deleted.push(suffix);
    }

    fn spend(&mut self, chars: usize) {
        self.left = self.left.saturating_sub(chars);
        self.outcome.report.chars += chars;
    }
}

/// Seconds that the client is asked to keep a parcel: no longer than anybody could open it or, for
/// a root and a marker, than it could mean anything.
fn max_age(body: &Body, situation: &Situation<'_>, opens_secs: u64) -> u64 {
    let lifetime = &situation.policy.lifetime;
    let tail = lifetime.leeway.as_secs() + 3 * GRACE_MS / 1000;
    let opens = opens_secs.min(Lifetime::MAX.as_secs());
    match body {
        Body::Fragment { .. } => opens,
        Body::Marker(_) => lifetime.idle_secs().map_or(opens, |idle| (idle + tail).min(opens)),
        Body::Root(root) => {
            let end = root.auth.saturating_add(lifetime.absolute.as_secs()).saturating_add(tail);
            opens.min(end.saturating_sub(situation.now.as_secs()))
        }
    }
}
