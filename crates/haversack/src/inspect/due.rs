//! What the next response would do that nobody asked for.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{Kind, Standing, Undecoded};
use crate::draft::Draft;
use crate::event::{Event, Situation};
use crate::maintain::Work;
use crate::{Entropy, Exchange, Fetch, NoEntropy, Rejection, Room, Timestamp};

/// What a response to this request would do if its handler only read the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// Cookies that are of no more use, in the order in which they would be deleted.
    pub dead: Vec<Dead>,
    /// Maintenance, in the order in which it would be done.
    pub steps: Vec<Step>,
    /// Characters of the response's `Set-Cookie` lines.
    pub chars: usize,
    /// Deletions and steps that would not fit the response, and wait for the next.
    pub waiting: usize,
}

/// A cookie that is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dead {
    /// What follows `<base>.` in its name.
    pub suffix: String,
    /// Why.
    pub why: Reason,
    /// The response deletes it; otherwise it waits for the next.
    pub now: bool,
}

/// Why a cookie is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// An end marker closes its session.
    Closed,
    /// A fragment that owns nothing: newer ones hold all that it held.
    Covered,
    /// All that the adopted session held has moved to the winner.
    Emptied,
    /// A signed-in session beside the one that won.
    Losing,
    /// No root on the request can open it.
    Orphan,
    /// It was rejected.
    Rejected(Rejection),
    /// Its session was refused.
    Refused(Rejection),
    /// An end marker that closes nothing any more.
    Spent,
    /// A newer root of its session is there.
    Superseded,
}

/// A step of maintenance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What it does.
    pub work: Work,
    /// What follows `<base>.` in the name of the cookie that it sets.
    pub set: String,
    /// What that is.
    pub kind: Kind,
    /// Characters of its name and value.
    pub chars: usize,
    /// The request carries that already, so the step only deletes.
    pub present: bool,
    /// What follows `<base>.` in the names of the cookies that it deletes.
    pub delete: Vec<String>,
    /// The response does it; otherwise it waits for the next.
    pub now: bool,
}

pub(super) fn describe(situation: &Situation<'_>) -> Due {
    let nothing = Event::default();
    let dead = situation.dead(&nothing).into_iter().map(|suffix| Dead {
        why: reason(&suffix, situation),
        suffix,
        now: false,
    });
    let steps = situation
        .steps(&nothing, Fetch::Unknown, situation.policy.budget.response)
        .into_iter()
        .map(|step| Step {
            work: step.work,
            set: step.set.suffix.as_str().to_string(),
            kind: step.set.suffix.kind(),
            chars: chars(&step.set, situation),
            present: step.set.present,
            delete: step.delete,
            now: false,
        });
    Due { dead: dead.collect(), steps: steps.collect(), chars: 0, waiting: 0 }
}

impl Due {
    /// Asks the response itself what of this it would do.
    pub(super) fn settle(mut self, exchange: Exchange<Undecoded>, now: Timestamp) -> Self {
        let base = exchange.situation(now).policy.cookie.base().to_string();
        let outcome = exchange.respond(Room::default(), now, &mut Unsent);
        let suffix = |line: &'_ String| -> Option<String> {
            let name = line.split('=').next()?.strip_prefix(base.as_str())?;
            Some(name.strip_prefix('.').unwrap_or_default().to_string())
        };
        let mut names: Vec<String> = outcome.set_cookies.iter().filter_map(suffix).collect();
        names.extend(outcome.header.map(|_| String::new()));
        let mentioned = |suffix: &str| names.iter().any(|name| name == suffix);
        for dead in &mut self.dead {
            dead.now = mentioned(&dead.suffix);
        }
        for step in &mut self.steps {
            step.now = if step.present {
                step.delete.iter().all(|name| mentioned(name))
            } else {
                mentioned(&step.set)
            };
        }
        self.chars = outcome.report.chars;
        let waiting = self.dead.iter().map(|dead| dead.now).chain(self.steps.iter().map(|s| s.now));
        self.waiting = waiting.filter(|now| !now).count();
        self
    }
}

/// The response of an inspection is sent to nobody, so nothing that it seals needs a nonce.
struct Unsent;

impl Entropy for Unsent {
    fn fill(&mut self, _bytes: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

/// Of a cookie that is known to be dead: what it is says why.
fn reason(suffix: &str, situation: &Situation<'_>) -> Reason {
    let Situation { jar, admitted, .. } = *situation;
    if let Some(refused) = jar.refused.iter().find(|refused| refused.suffix == suffix) {
        return Reason::Rejected(refused.why);
    }
    if jar.markers.iter().any(|marker| marker.suffix.as_str() == suffix) {
        return Reason::Spent;
    }
    if let Some(root) = jar.roots.iter().find(|root| root.suffix.as_str() == suffix) {
        return match admitted.standing(root.frame.lineage) {
            Some(Standing::Adopted) => Reason::Emptied,
            Some(Standing::Closed) => Reason::Closed,
            Some(Standing::Losing) => Reason::Losing,
            Some(Standing::Refused { why, .. }) => Reason::Refused(why),
            Some(Standing::Winner) | None => Reason::Superseded,
        };
    }
    match jar.fragments.iter().find(|owned| owned.suffix.as_str() == suffix) {
        Some(owned) if admitted.standing(owned.frame.lineage) == Some(Standing::Closed) => {
            Reason::Closed
        }
        Some(_) => Reason::Covered,
        None => Reason::Orphan,
    }
}

fn chars(draft: &Draft, situation: &Situation<'_>) -> usize {
    let frame = situation.policy.padding.padded_len(draft.body.frame().len());
    situation.carrier.parcel_len(draft.suffix.as_str(), frame)
}
