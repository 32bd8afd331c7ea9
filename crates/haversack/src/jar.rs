//! Everything of ours on one request, opened: the client's replica of the session.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::budget::{COOKIE_MAX, READ_CHARS, READ_PARCELS};
use crate::keyring::{Found as Lookup, Key, Keys};
use crate::lineage::Lineages;
use crate::parcel::{Fragment, Kind, Lineage, Marker, Root, Subject, Suffix, hint, scope};
use crate::seal;
use crate::state::Stamp;
use crate::transport::{Carrier, Found};
use crate::wire::Envelope;
use crate::{Disposition, KeyId, Rejection, ShortKeyId, Timestamp};

/// An authentic parcel with its frame.
#[derive(Debug)]
pub(crate) struct Opened<F> {
    pub(crate) suffix: Suffix,
    /// What it takes in the `Cookie` line.
    pub(crate) chars: usize,
    /// Its key has stopped sealing.
    pub(crate) stale: bool,
    pub(crate) key: ShortKeyId,
    pub(crate) frame: F,
}

/// A fragment with what its associated data proved: lineage, and subject if written under one.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) lineage: Lineage,
    pub(crate) subject: Option<Subject>,
    pub(crate) fragment: Fragment,
}

/// A parcel that was not read, and why.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// What follows `<base>.` in its name; nothing for the base alone.
    pub(crate) suffix: String,
    pub(crate) kind: Option<Kind>,
    pub(crate) why: Rejection,
}

#[derive(Debug, Default)]
pub(crate) struct Jar {
    pub(crate) markers: Vec<Opened<Marker>>,
    pub(crate) roots: Vec<Opened<Root>>,
    pub(crate) fragments: Vec<Opened<Owned>>,
    pub(crate) refused: Vec<Refused>,
    /// Fragments that no root on the request can open.
    pub(crate) orphans: Vec<Suffix>,
    /// Parcels beyond the reading limits.
    pub(crate) unopened: Vec<Suffix>,
    /// Parcels of a jar that was rejected for duplicate names.
    pub(crate) unread: Vec<String>,
    /// Characters of all our parcels.
    pub(crate) chars: usize,
    /// Parcels of other rings on the same host: left alone, never counted.
    pub(crate) foreign: usize,
}

/// A fragment that waits for the roots it can only be opened with.
pub(crate) struct Sealed<'h, 'k> {
    suffix: Suffix,
    found: Found<'h>,
    envelope: Envelope<'h>,
    key: &'k Key,
}

impl Jar {
    /// Unseals all end markers and roots; hands back the fragments, sealed.
    pub(crate) fn open<'h, 'k>(
        found: Vec<Found<'h>>,
        keys: &'k Keys,
        dead: &BTreeSet<KeyId>,
        carrier: Carrier<'_>,
        now: Timestamp,
    ) -> (Self, Vec<Sealed<'h, 'k>>) {
        let mut jar = Self::default();
        let ours = jar.leave_foreign(found, keys, now);
        jar.chars = ours.iter().map(|(found, _)| found.chars).sum();
        if jar.refuse_duplicates(&ours) {
            return (jar, Vec::new());
        }
        let mut parcels = jar.refuse_unreadable(ours, keys, dead, now);
        // End markers, roots, then fragments; within a kind as the client sent them.
        parcels.sort_by_key(|parcel| match parcel.suffix.kind() {
            Kind::End => 0,
            Kind::Root | Kind::Single => 1,
            Kind::Anonymous | Kind::Subject => 2,
        });
        jar.cut_off(&mut parcels);
        let mut sealed = Vec::new();
        for parcel in parcels {
            match parcel.suffix.kind() {
                Kind::Anonymous | Kind::Subject => sealed.push(parcel),
                Kind::End | Kind::Root | Kind::Single => jar.open_head(&parcel, carrier, now),
            }
        }
        (jar, sealed)
    }

    fn leave_foreign<'h>(
        &mut self,
        found: Vec<Found<'h>>,
        keys: &Keys,
        now: Timestamp,
    ) -> Vec<(Found<'h>, Result<Envelope<'h>, Rejection>)> {
        let mut ours = Vec::with_capacity(found.len());
        for found in found {
            let oversized = base_name_and_value(&found) > COOKIE_MAX;
            let envelope =
                if oversized { Err(Rejection::Oversized) } else { Envelope::parse(found.value) };
            let foreign = |id| matches!(keys.find(&id, now), Lookup::Foreign);
            if envelope.as_ref().is_ok_and(|envelope| foreign(envelope.key_id())) {
                self.foreign += 1;
            } else {
                ours.push((found, envelope));
            }
        }
        ours
    }

    /// Two cookies of one name: somebody else can write on this host, so nothing is believed.
    fn refuse_duplicates(&mut self, ours: &[(Found<'_>, Result<Envelope<'_>, Rejection>)]) -> bool {
        let mut seen = BTreeSet::new();
        for (found, _) in ours {
            if !seen.insert(found.suffix) {
                self.refuse(found.suffix, Rejection::DuplicateName);
            }
        }
        if !self.refused.is_empty() {
            let is_duplicate =
                |suffix: &str| self.refused.iter().any(|refused| refused.suffix == suffix);
            self.unread =
                seen.into_iter().filter(|suffix| !is_duplicate(suffix)).map(String::from).collect();
        }
        !self.refused.is_empty()
    }

    fn refuse_unreadable<'h, 'k>(
        &mut self,
        ours: Vec<(Found<'h>, Result<Envelope<'h>, Rejection>)>,
        keys: &'k Keys,
        dead: &BTreeSet<KeyId>,
        now: Timestamp,
    ) -> Vec<Sealed<'h, 'k>> {
        let mut parcels = Vec::with_capacity(ours.len());
        for (found, envelope) in ours {
            match envelope.and_then(|envelope| readable(found, envelope, keys, dead, now)) {
                Ok(parcel) => parcels.push(parcel),
                Err(why) => self.refuse(found.suffix, why),
            }
        }
        parcels
    }

    fn cut_off(&mut self, parcels: &mut Vec<Sealed<'_, '_>>) {
        let mut chars = 0;
        let fits = parcels
            .iter()
            .take(READ_PARCELS)
            .take_while(|parcel| {
                chars += base_name_and_value(&parcel.found);
                chars <= READ_CHARS
            })
            .count();
        self.unopened = parcels.drain(fits..).map(|parcel| parcel.suffix).collect();
    }

    fn open_head(&mut self, parcel: &Sealed<'_, '_>, carrier: Carrier<'_>, now: Timestamp) {
        let mut frame = Vec::new();
        let opened =
            unseal(parcel, carrier, &[], &mut frame).and_then(|()| match parcel.suffix.kind() {
                Kind::End => {
                    Marker::parse(&frame).map(|frame| self.markers.push(parcel.opened(frame, now)))
                }
                kind => Root::parse(&frame, kind == Kind::Single)
                    .map(|frame| self.roots.push(parcel.opened(frame, now))),
            });
        if let Err(why) = opened {
            self.refuse(parcel.found.suffix, why);
        }
    }

    /// Unseals the fragments, each under the roots that its name hints at, the likeliest first.
    pub(crate) fn open_fragments(
        &mut self,
        sealed: &[Sealed<'_, '_>],
        carrier: Carrier<'_>,
        now: Timestamp,
    ) {
        let roots = Lineages::likeliest_first(&self.roots);
        let opened: Vec<_> =
            sealed.iter().map(|parcel| open_fragment(parcel, &roots, carrier)).collect();
        for (parcel, opened) in sealed.iter().zip(opened) {
            match opened {
                Ok(Some(owned)) => self.fragments.push(parcel.opened(owned, now)),
                Ok(None) => self.orphans.push(parcel.suffix),
                Err(why) => self.refuse(parcel.found.suffix, why),
            }
        }
    }

    fn refuse(&mut self, suffix: &str, why: Rejection) {
        let kind = Suffix::parse(suffix).map(Suffix::kind);
        self.refused.push(Refused { suffix: suffix.to_string(), kind, why });
    }

    /// The keys that sealed what was opened.
    pub(crate) fn sealed_by(&self) -> impl Iterator<Item = ShortKeyId> {
        let heads = self.markers.iter().map(|it| it.key).chain(self.roots.iter().map(|it| it.key));
        heads.chain(self.fragments.iter().map(|it| it.key))
    }

    /// Everything that holds entries beside identity fields: fragments, and whole sessions.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Fragment> {
        let whole = self.roots.iter().filter_map(|root| root.frame.held());
        self.fragments.iter().map(|owned| &owned.frame.fragment).chain(whole)
    }

    /// Whether any cookie of ours on the request is of layout Merging.
    pub(crate) fn merges(&self) -> bool {
        let named = |suffix: &Suffix| *suffix != Suffix::SINGLE;
        !self.markers.is_empty()
            || !self.fragments.is_empty()
            || !self.orphans.is_empty()
            || self.roots.iter().any(|root| named(&root.suffix))
            || self.unopened.iter().any(named)
            || self.refused.iter().any(|refused| !refused.suffix.is_empty())
            || self.unread.iter().any(|unread| !unread.is_empty())
    }

    /// Whether a cookie of ours with this name is on the request, read or not.
    pub(crate) fn names(&self, suffix: Suffix) -> bool {
        self.holds(suffix, Lineage([0; 16]), &[]).is_some()
    }

    /// The highest stamp in any authentic parcel.
    pub(crate) fn highest_stamp(&self) -> Stamp {
        let roots = self.roots.iter().map(|root| root.frame.renewed);
        let markers = self.markers.iter().map(|marker| marker.frame.stamp);
        let fragments = self.held().map(Fragment::newest);
        roots.chain(markers).chain(fragments).max().unwrap_or_default()
    }

    /// A parcel that a neighbour may be able to judge is on the request.
    pub(crate) fn has_kept(&self) -> bool {
        !self.unopened.is_empty()
            || self.refused.iter().any(|r| r.why.disposition() == Disposition::Keep)
    }

    /// The same of a root or an end marker.
    pub(crate) fn has_kept_head(&self) -> bool {
        self.unopened.iter().any(|suffix| suffix.kind().is_head())
            || self.refused.iter().any(|refused| {
                refused.why.disposition() == Disposition::Keep
                    && refused.kind.is_none_or(Kind::is_head)
            })
    }

    /// Key ids that no key of the ring answers to.
    pub(crate) fn unknown_keys(&self) -> impl Iterator<Item = KeyId> {
        self.refused.iter().filter_map(|refused| match refused.why {
            Rejection::UnknownKey(id) => Some(id),
            _ => None,
        })
    }

    /// Whether a parcel of this name is on the request: `Some(true)` if it holds this frame.
    pub(crate) fn holds(&self, suffix: Suffix, lineage: Lineage, frame: &[u8]) -> Option<Held> {
        let held = |same, stale| if same { Held::Same { stale } } else { Held::Other };
        if let Some(root) = self.roots.iter().find(|root| root.suffix == suffix) {
            return Some(held(root.frame.encode() == frame, root.stale));
        }
        if let Some(marker) = self.markers.iter().find(|marker| marker.suffix == suffix) {
            return Some(held(marker.frame.encode() == frame, marker.stale));
        }
        if let Some(owned) = self.fragments.iter().find(|owned| owned.suffix == suffix) {
            let same = owned.frame.lineage == lineage && owned.frame.fragment.frame() == frame;
            return Some(held(same, owned.stale));
        }
        let unread = self.orphans.contains(&suffix)
            || self.unread.iter().any(|unread| unread == suffix.as_str())
            || self.unopened.contains(&suffix)
            || self.refused.iter().any(|refused| refused.suffix == suffix.as_str());
        unread.then_some(Held::Other)
    }
}

/// What the jar holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The content that the name was made of; `stale` under a key that has stopped sealing.
    Same { stale: bool },
    /// Something else.
    Other,
}

impl Sealed<'_, '_> {
    fn opened<F>(&self, frame: F, now: Timestamp) -> Opened<F> {
        let stale = self.key.has_stopped_sealing(now);
        let key = self.key.id().short();
        Opened { suffix: self.suffix, chars: self.found.chars, stale, key, frame }
    }
}

/// A parcel with a name of ours and the one key that may have sealed it.
fn readable<'h, 'k>(
    found: Found<'h>,
    envelope: Envelope<'h>,
    keys: &'k Keys,
    dead: &BTreeSet<KeyId>,
    now: Timestamp,
) -> Result<Sealed<'h, 'k>, Rejection> {
    let suffix = Suffix::parse(found.suffix).ok_or(Rejection::Malformed)?;
    let id = envelope.key_id();
    let key = match keys.find(&id, now) {
        // No ring can hold a key of the other suite yet.
        Lookup::Key(key) if key.suite() != envelope.suite() => {
            return Err(Rejection::UnknownKey(id));
        }
        Lookup::Key(key) => key,
        Lookup::Unknown if dead.contains(&id) => return Err(Rejection::RetiredKey),
        Lookup::Unknown | Lookup::Foreign => return Err(Rejection::UnknownKey(id)),
        Lookup::ReplacedRing => return Err(Rejection::ReplacedRing),
        Lookup::Retired => return Err(Rejection::RetiredKey),
        Lookup::Revoked => return Err(Rejection::RevokedKey),
    };
    Ok(Sealed { suffix, found, envelope, key })
}

/// `None` if no root on the request can open it: an orphan.
fn open_fragment(
    parcel: &Sealed<'_, '_>,
    roots: &[&Root],
    carrier: Carrier<'_>,
) -> Result<Option<Owned>, Rejection> {
    let under_subject = parcel.suffix.kind() == Kind::Subject;
    let mut tried: Vec<(Lineage, Option<Subject>)> = Vec::new();
    for root in roots {
        let subject = if under_subject { root.subject } else { None };
        let owner = (root.lineage, subject);
        let fits = hint(root.lineage) == parcel.suffix.hint() && under_subject == subject.is_some();
        if !fits || tried.contains(&owner) {
            continue;
        }
        tried.push(owner);
        let (scope, len) = scope(root.lineage, subject);
        let mut frame = Vec::new();
        if unseal(parcel, carrier, scope.get(..len).unwrap_or_default(), &mut frame).is_ok() {
            let fragment = Fragment::parse(frame)?;
            return Ok(Some(Owned { lineage: root.lineage, subject, fragment }));
        }
    }
    Ok(None)
}

fn unseal(
    parcel: &Sealed<'_, '_>,
    carrier: Carrier<'_>,
    scope: &[u8],
    frame: &mut Vec<u8>,
) -> Result<(), Rejection> {
    let channel = carrier.channel(parcel.suffix.as_str());
    seal::unseal(parcel.key, &parcel.envelope, &channel, scope, frame)
}

/// Characters that browsers count: name and value, without `=` and the separator.
fn base_name_and_value(found: &Found<'_>) -> usize {
    found.chars.saturating_sub("=; ".len())
}
