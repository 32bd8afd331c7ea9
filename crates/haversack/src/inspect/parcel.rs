//! Each parcel, what became of it, and what it holds.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Kind, Standing};
use crate::event::{Event, Situation};
use crate::feed::View;
use crate::info::SessionId;
use crate::join::owned;
use crate::keyring::Found as Lookup;
use crate::parcel::{Lineage as LineageId, Suffix, entry_len, hint};
use crate::state::{Content, Entry, Stamp};
use crate::transport::Found;
use crate::wire::Envelope;
use crate::{KeyId, KeyState, Rejection, RevocationId, Timestamp};

/// One session of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lineage {
    /// The two characters that its parcels' names carry; several sessions may share them.
    pub hint: String,
    /// What it is to this request. `None` if only an end marker tells of it.
    ///
    /// [`Standing::Winner`] is the session, unless a root or an end marker could not be judged:
    /// then there is none.
    pub standing: Option<Standing>,
}

/// One cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parcel {
    /// What follows `<base>.` in its name.
    pub suffix: String,
    /// What its name says it is; `None` if it is not the name of a parcel.
    pub kind: Option<Kind>,
    /// Characters of the value.
    pub value_chars: usize,
    /// Characters of name and value, as browsers count them.
    pub chars: usize,
    /// The key that it claims to be sealed with; `None` if it is not the text of a parcel.
    pub key_id: Option<KeyId>,
    /// What the ring knows of that key.
    pub key: Option<KeyStanding>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a ring knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStanding {
    /// It is in the ring, or was.
    Known(KeyState),
    /// An operator declared it dead.
    Dead,
    /// Of another ring on the same host.
    Foreign,
    /// Of a ring whose index key this one replaced.
    ReplacedRing,
    /// Of this ring, which does not have it.
    Unknown,
}

/// What became of a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is of another ring: left alone, never counted.
    Foreign,
    /// It is authentic.
    Opened(Contents),
    /// No root on the request can open this fragment.
    Orphan,
    /// It was refused.
    Rejected(Rejection),
    /// It lies beyond the reading limits.
    Unopened,
    /// Another name came twice, so nothing on the request was believed.
    Unread,
}

/// What an authentic parcel holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contents {
    /// Fields.
    Fragment(Fragment),
    /// The end of a session.
    Marker(Marker),
    /// Whose session, and when.
    Root(Root),
}

/// A root: whose session this is, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Root {
    /// Its session, as a position in [`Inspection::lineages`](super::Inspection::lineages).
    pub lineage: usize,
    /// The highest root of its session, which alone is judged.
    pub head: bool,
    /// The id under which applications and logs know the session that it heads.
    pub id: SessionId,
    /// The id that a revocation of it would name.
    pub revocation_id: RevocationId,
    /// Who is signed in, as a keyed hash.
    pub subject: Option<String>,
    /// Creation.
    pub born: Timestamp,
    /// The last change of the session's id.
    pub renewed: Stamp,
    /// Creation or last authentication.
    pub auth: Timestamp,
    /// Last activity, as sealed.
    pub seen: Timestamp,
    /// Bytes of the identity fields.
    pub identity: usize,
    /// Its other fields, if it is a whole session (layout Single).
    pub whole: Option<Fragment>,
}

/// An end marker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Marker {
    /// The session that it was written for, as a position in
    /// [`Inspection::lineages`](super::Inspection::lineages). It closes older ones too.
    pub lineage: usize,
    /// When the session was closed.
    pub stamp: Stamp,
}

/// A fragment: fields of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fragment {
    /// Its session, as a position in [`Inspection::lineages`](super::Inspection::lineages).
    pub lineage: usize,
    /// Written while somebody was signed in.
    pub under_subject: bool,
    /// 0 for a write, more for what was folded.
    pub count: u64,
    /// The stamp of its newest entry.
    pub newest: Stamp,
    /// Entries, removals among them.
    pub entries: usize,
    /// Removals.
    pub tombstones: usize,
    /// Bytes of its entries.
    pub bytes: usize,
    /// What it owns; `None` while its session takes no part in the work on the jar.
    pub owns: Option<Owns>,
}

/// What a fragment holds that no other does, or none that will outlive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Owns {
    /// Entries. A fragment that owns none is covered, and will be deleted.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
}

pub(super) fn describe(
    found: &[Found<'_>],
    situation: &Situation<'_>,
    view: &View,
) -> (Vec<Parcel>, Vec<Lineage>) {
    let mut described =
        Describe { situation, view, of: Vec::new(), lineages: Vec::new(), owns: owns(situation) };
    let parcels = found.iter().map(|found| described.parcel(found)).collect();
    (parcels, described.lineages)
}

struct Describe<'a> {
    situation: &'a Situation<'a>,
    view: &'a View,
    /// The lineage that is meant by each position in `lineages`.
    of: Vec<LineageId>,
    lineages: Vec<Lineage>,
    owns: Vec<(Suffix, Owns)>,
}

impl Describe<'_> {
    fn parcel(&mut self, found: &Found<'_>) -> Parcel {
        let key_id = Envelope::parse(found.value).ok().map(|envelope| envelope.key_id());
        let key = key_id.map(|id| self.key(id));
        Parcel {
            suffix: found.suffix.to_string(),
            kind: Suffix::parse(found.suffix).map(Suffix::kind),
            value_chars: found.value.len(),
            chars: found.chars.saturating_sub("=; ".len()),
            key_id,
            key,
            outcome: self.outcome(found.suffix, key),
        }
    }

    fn key(&self, id: KeyId) -> KeyStanding {
        let now = self.situation.now;
        let in_ring = || self.view.ring.keys(now).find(|key| key.id == id.short());
        match self.situation.keys.find(&id, now) {
            Lookup::Key(_) => {
                in_ring().map_or(KeyStanding::Unknown, |key| KeyStanding::Known(key.state))
            }
            Lookup::Retired => KeyStanding::Known(KeyState::Retired),
            Lookup::Revoked => KeyStanding::Known(KeyState::Revoked),
            Lookup::Foreign => KeyStanding::Foreign,
            Lookup::ReplacedRing => KeyStanding::ReplacedRing,
            Lookup::Unknown if self.view.dead.contains(&id) => KeyStanding::Dead,
            Lookup::Unknown => KeyStanding::Unknown,
        }
    }

    /// What the exchange noted of this name.
    fn outcome(&mut self, suffix: &str, key: Option<KeyStanding>) -> Outcome {
        let jar = self.situation.jar;
        let refused = jar.refused.iter().find(|refused| refused.suffix == suffix);
        if key == Some(KeyStanding::Foreign)
            && refused.is_none_or(|refused| refused.why != Rejection::Oversized)
        {
            // Another ring's parcel may have the name of one of ours.
            return Outcome::Foreign;
        }
        if let Some(refused) = refused {
            return Outcome::Rejected(refused.why);
        }
        if let Some(contents) = self.contents(suffix) {
            return Outcome::Opened(contents);
        }
        let among = |suffixes: &[Suffix]| suffixes.iter().any(|other| other.as_str() == suffix);
        if among(&jar.orphans) {
            Outcome::Orphan
        } else if among(&jar.unopened) {
            Outcome::Unopened
        } else {
            Outcome::Unread
        }
    }

    fn contents(&mut self, suffix: &str) -> Option<Contents> {
        let jar = self.situation.jar;
        if let Some(at) = jar.roots.iter().position(|root| root.suffix.as_str() == suffix) {
            return self.root(at).map(Contents::Root);
        }
        if let Some(marker) = jar.markers.iter().find(|marker| marker.suffix.as_str() == suffix) {
            return Some(Contents::Marker(Marker {
                lineage: self.lineage(marker.frame.lineage),
                stamp: marker.frame.stamp,
            }));
        }
        let opened = jar.fragments.iter().find(|owned| owned.suffix.as_str() == suffix)?;
        let of = &opened.frame;
        let under_subject = of.subject.is_some();
        let described = self.fragment(opened.suffix, of.lineage, under_subject, &of.fragment);
        Some(Contents::Fragment(described))
    }

    fn fragment(
        &mut self,
        suffix: Suffix,
        lineage: LineageId,
        under_subject: bool,
        fragment: &crate::parcel::Fragment,
    ) -> Fragment {
        let tombstones = fragment.entries().filter(|entry| entry.content == Content::Tombstone);
        Fragment {
            lineage: self.lineage(lineage),
            under_subject,
            count: fragment.count,
            newest: fragment.newest(),
            entries: fragment.entries().count(),
            tombstones: tombstones.count(),
            bytes: bytes(fragment.entries()),
            owns: self.owns.iter().find(|(of, _)| *of == suffix).map(|(_, owns)| *owns),
        }
    }

    fn root(&mut self, at: usize) -> Option<Root> {
        let Situation { jar, admitted, keys, .. } = *self.situation;
        let opened = jar.roots.get(at)?;
        let frame = &opened.frame;
        let id = keys.session_id(&frame.lineage.0, frame.renewed.as_millis());
        let subject = frame.subject.map(|subject| subject.0);
        let revocation_id = keys.revocation_id(&frame.lineage.0, subject.as_ref());
        Some(Root {
            lineage: self.lineage(frame.lineage),
            head: admitted.lineages.iter().any(|(group, _)| group.head == at),
            id: SessionId::from_bytes(id),
            revocation_id,
            subject: subject.map(|subject| URL_SAFE_NO_PAD.encode(subject)),
            born: Timestamp::from_secs(u64::from(frame.born)),
            renewed: frame.renewed,
            auth: Timestamp::from_secs(frame.auth),
            seen: Timestamp::from_secs(frame.seen),
            identity: frame.identity.len(),
            whole: frame.fields.as_ref().map(|fields| {
                let under_subject = frame.subject.is_some();
                self.fragment(opened.suffix, frame.lineage, under_subject, fields)
            }),
        })
    }

    fn lineage(&mut self, lineage: LineageId) -> usize {
        self.of.iter().position(|of| *of == lineage).unwrap_or_else(|| {
            self.of.push(lineage);
            self.lineages.push(Lineage {
                hint: hint(lineage).map(char::from).iter().collect(),
                standing: self.situation.admitted.standing(lineage),
            });
            self.lineages.len() - 1
        })
    }
}

/// What each fragment owns that takes part in maintenance.
fn owns(situation: &Situation<'_>) -> Vec<(Suffix, Owns)> {
    let nothing = Event::default();
    let participants = situation.participants(&nothing);
    let owned = owned(&participants);
    let counted = participants.iter().zip(owned).map(|(holding, owned)| {
        let owns = Owns { entries: owned.len(), bytes: bytes(owned) };
        (holding.suffix, owns)
    });
    counted.collect()
}

fn bytes<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> usize {
    entries.into_iter().map(|entry| entry_len(&entry, None)).sum()
}
