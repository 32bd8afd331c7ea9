//! What a jar holds, and what a server makes of it, as plain data: for operators and for support.
//!
//! 1. [`jar`] takes what a server takes (keys, policy, `Cookie` lines, time) and goes through the
//!    stages of an [`Exchange`]; no rule is written down a second time here.
//! 2. It needs no session type: fields are entries with their encoded values.
//! 3. It tells what the next response would do, and writes nothing.
//! 4. [`names`] tells what can be told without keys.
//!
//! Caveat: an [`Inspection`] holds what the session holds, in the clear. It is not for logs.

mod due;
mod field;
mod names;
mod parcel;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::event::Situation;
use crate::feed::View;
use crate::info::Info;
use crate::policy::Policy;
use crate::transport::{Found, cookie, header};
use crate::{ConfigError, Exchange, RingMark, Rules, SealError, Snapshot, Timestamp};

pub use self::due::{Dead, Due, Reason, Step};
pub use self::field::{Field, Value};
pub use self::names::{Claim, Name, names};
pub use self::parcel::{
    Contents, Fragment, KeyStanding, Lineage, Marker, Outcome, Owns, Parcel, Root,
};
pub use crate::admit::Standing;
pub use crate::parcel::Kind;

/// The session type of an inspection. No value is ever decoded, so any map would do.
type Undecoded = BTreeMap<String, bool>;

/// A jar as a server sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The mark that key ids of this ring, tenant and purpose end with.
    pub mark: RingMark,
    /// The session, or why there is none; sizes against their budgets.
    pub info: Info,
    /// Why fields cannot be written on such a request, if they cannot.
    pub refusal: Option<SealError>,
    /// When the session ends; `None` without a session.
    pub ends: Option<Ends>,
    /// The sessions in the jar, in the order of the cookies that tell of them.
    pub lineages: Vec<Lineage>,
    /// Our cookies in the order of the lines, and those of other rings under our name.
    pub parcels: Vec<Parcel>,
    /// The session's state, ascending by name: what a handler would see.
    pub fields: Vec<Field>,
    /// Fields found in a fragment although the policy declares them to be identity fields; they are
    /// not part of the state.
    pub mislaid: Vec<String>,
    /// What the next response would do that nobody asked for.
    pub due: Due,
}

/// When a session ends by itself; a server's leeway comes on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ends {
    /// If nobody uses it again; `None` without an idle limit.
    pub idle: Option<Timestamp>,
    /// In any case.
    pub absolute: Timestamp,
}

/// Inspects the cookies of ours in `cookie_lines`, as a server with this view and policy would see
/// them at `now`.
///
/// ```
/// use haversack::{Feed as _, Fixed, KeyRing, Policy, Timestamp, inspect};
///
/// let view = Fixed::from(KeyRing::for_tests()).view();
/// let line = b"__Host-Http-hv.rK3q8Zt1v=hv2Afrom-the-future";
/// let found = inspect::jar(&view, &Policy::default(), [&line[..]], Timestamp::from_secs(0))?;
/// assert_eq!(found.info.arrival.kind.name(), "kept");
/// # Ok::<(), haversack::ConfigError>(())
/// ```
///
/// # Errors
///
/// What is wrong with the policy. Nothing in the cookies is an error.
pub fn jar<'h>(
    view: &Arc<View>,
    policy: &Policy,
    cookie_lines: impl IntoIterator<Item = &'h [u8]>,
    now: Timestamp,
) -> Result<Inspection, ConfigError> {
    let rules = Arc::new(Rules::<Undecoded>::new(policy.clone())?);
    let snapshot = Snapshot::new(rules, Arc::clone(view));
    let lines: Vec<&[u8]> = cookie_lines.into_iter().collect();
    let exchange = Exchange::receive(&snapshot, lines.iter().copied(), now);
    let found = cookie::collect(policy.cookie.base(), lines.iter().copied());
    Ok(describe(&snapshot, exchange, &found, now))
}

/// Inspects the session in the lines of the policy's [`header`](Policy::header), in the same way.
/// `None` if the policy has no header.
///
/// # Errors
///
/// What is wrong with the policy. Nothing in the header is an error.
pub fn header<'h>(
    view: &Arc<View>,
    policy: &Policy,
    lines: impl IntoIterator<Item = &'h [u8]>,
    now: Timestamp,
) -> Result<Option<Inspection>, ConfigError> {
    let rules = Arc::new(Rules::<Undecoded>::new(policy.clone())?);
    let snapshot = Snapshot::new(rules, Arc::clone(view));
    let lines: Vec<&[u8]> = lines.into_iter().collect();
    let Some(header) = &policy.header else { return Ok(None) };
    let found = header::collect(header, lines.iter().copied());
    let exchange = Exchange::receive_header(&snapshot, lines.iter().copied(), now);
    Ok(exchange.map(|exchange| describe(&snapshot, exchange, &found, now)))
}

fn describe(
    snapshot: &Snapshot<Undecoded>,
    exchange: Exchange<Undecoded>,
    found: &[Found<'_>],
    now: Timestamp,
) -> Inspection {
    let situation = exchange.situation(now);
    let (parcels, lineages) = parcel::describe(found, &situation, exchange.view());
    let (fields, mislaid) = field::describe(&exchange.arrived(), &situation);
    let due = due::describe(&situation);
    let info = exchange.info(false);
    Inspection {
        mark: snapshot.keys.mark(),
        refusal: exchange.writable(false).err(),
        ends: ends(&info, &situation),
        info,
        lineages,
        parcels,
        fields,
        mislaid,
        due: due.settle(exchange, now),
    }
}

fn ends(info: &Info, situation: &Situation<'_>) -> Option<Ends> {
    let times = info.times?;
    let lifetime = &situation.policy.lifetime;
    let after =
        |time: Timestamp, secs: u64| Timestamp::from_secs(time.as_secs().saturating_add(secs));
    Some(Ends {
        idle: lifetime.idle_secs().map(|idle| after(times.seen, idle)),
        absolute: after(times.auth, lifetime.absolute.as_secs()),
    })
}
