//! Records of the session index, with a text of one line, and when a response makes one.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::event::{Event, Situation};
use crate::maintain::Work;
use crate::parcel::Root;
use crate::policy::GRACE_MS;
use crate::revocation::{Fields, Revocations};
use crate::{InvalidRecord, RevocationId, SubjectId, Timestamp, seal};

/// A session that somebody is signed in to.
///
/// Its text is one line of fields between single spaces, times in seconds; the label may be missing:
///
/// ```text
/// listed SUBJECT ID AUTH SEEN UNTIL LABEL
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who is signed in.
    pub subject: SubjectId,
    /// Which session: what ends it names this.
    pub id: RevocationId,
    /// When the subject last proved who it is.
    pub auth: Timestamp,
    /// Its last activity, as its root says it.
    pub seen: Timestamp,
    /// When it can be forgotten: the session is over then if nobody has used it since.
    pub until: Timestamp,
    /// What the application says about it.
    pub label: Option<SealedLabel>,
}

/// A label as the list holds it: sealed, so that only servers with the key ring can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedLabel(Box<str>);

impl SealedLabel {
    pub(crate) fn new(sealed: String) -> Self {
        Self(sealed.into_boxed_str())
    }

    /// The text, base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Listed {
    /// The word that its text begins with.
    pub const WORD: &'static str = "listed";

    /// Whether the session is known to have ended before its time.
    pub fn has_ended(&self, revocations: &Revocations) -> bool {
        revocations.is_closed(self.id)
            || revocations.not_before(Some(self.subject)).is_some_and(|it| self.auth < it)
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, id, auth, seen, until, label } = self;
        let [auth, seen, until] = [auth, seen, until].map(|time| time.as_secs());
        write!(f, "{} {subject} {id} {auth} {seen} {until}", Self::WORD)?;
        label.as_ref().map_or(Ok(()), |label| write!(f, " {}", label.as_str()))
    }
}

impl FromStr for Listed {
    type Err = InvalidRecord;

    fn from_str(text: &str) -> Result<Self, InvalidRecord> {
        let mut fields = Fields::new(text);
        if fields.next() != Some(Self::WORD) {
            return Err(InvalidRecord { unknown_kind: true });
        }
        let listed = Self {
            subject: fields.id()?,
            id: fields.id()?,
            auth: fields.secs()?,
            seen: fields.secs()?,
            until: fields.secs()?,
            label: fields.next().map(|text| SealedLabel(text.into())),
        };
        let is_sealed = |label: &SealedLabel| seal::is_sealed_label(label.as_str());
        if fields.next().is_some() || !listed.label.as_ref().is_none_or(is_sealed) {
            return Err(InvalidRecord { unknown_kind: false });
        }
        Ok(listed)
    }
}

impl Situation<'_> {
    /// What the index is told after a response: that somebody has signed in, or is still here.
    pub(crate) fn listing(
        self,
        event: &Event,
        done: &[Work],
        label: Option<&str>,
    ) -> Option<Listed> {
        self.revoked.view.revocations.as_ref()?;
        let held = self.admitted.winner(self.jar).map(|head| &head.frame);
        let (root, seen) = match (event.head(), held) {
            (Some(root), _) => (root, root.seen),
            (None, Some(held)) if is_seen(held, done) => (held, self.touched(held)?),
            (None, _) => return None,
        };
        let subject = root.subject?;
        let goes_on = |held: &Root| {
            held.lineage == root.lineage
                && held.subject == root.subject
                && held.auth == root.auth
                && !self.moves_on(held.seen, seen)
        };
        if held.is_some_and(goes_on) {
            return None;
        }
        let id = self.revoked.id(root);
        let sealed = label.and_then(|label| self.keys.seal_label(id, label));
        Some(Listed {
            subject: SubjectId::from_bytes(subject.0),
            id,
            auth: Timestamp::from_secs(root.auth),
            seen: Timestamp::from_secs(seen),
            until: self.listed_until(root.auth, seen),
            label: sealed,
        })
    }

    /// Whether it is worth telling that the last activity was not then but now.
    fn moves_on(&self, before: u64, seen: u64) -> bool {
        let idle = self.policy.lifetime.idle_secs();
        idle.is_some_and(|idle| {
            seen > before && self.now.as_secs().saturating_sub(before) > idle / 10
        })
    }

    /// A session can be used up to here at most, unless it is listed anew. A revocation is kept for
    /// longer by two graces, whatever response under way lists it again beside that.
    fn listed_until(&self, auth: u64, seen: u64) -> Timestamp {
        let lifetime = &self.policy.lifetime;
        let absolute = auth.saturating_add(lifetime.absolute.as_secs());
        let idle = lifetime.idle_secs().map_or(absolute, |idle| seen.saturating_add(idle));
        Timestamp::from_secs(absolute.min(idle))
            .plus(lifetime.leeway)
            .plus(Duration::from_millis(GRACE_MS))
            .next_second()
    }
}

/// Whether maintenance wrote a head with the last activity that was due: what a whole session takes in
/// comes with it.
fn is_seen(held: &Root, done: &[Work]) -> bool {
    done.contains(&Work::Touch) || (held.fields.is_some() && done.contains(&Work::Fold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    const LABEL: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"; // 32 bytes

    #[test]
    fn a_record_is_its_text() {
        let bare = "listed AAECAwQFBgc CAkKCwwNDg8 1800000000 1800000060 1800086760";
        for text in [bare, &std::format!("{bare} {LABEL}")] {
            let listed: Listed = text.parse().unwrap();
            assert_eq!(listed.to_string(), text);
            assert!(text.len() <= 200);
        }
        let longest = std::format!("{bare} {}", "A".repeat(107));
        assert!(longest.parse::<Listed>().is_ok() && longest.len() <= 200, "{}", longest.len());
    }

    #[test]
    fn what_is_not_the_text_of_a_record_is_refused() {
        let bare = "listed AAECAwQFBgc CAkKCwwNDg8 1800000000 1800000060 1800086760";
        for text in [
            "listed AAECAwQFBgc CAkKCwwNDg8 1800000000 1800000060",
            &std::format!("{bare} "),
            &std::format!("{bare} Firefox"),
            &std::format!("{bare} {LABEL} {LABEL}"),
            &std::format!("{bare} {}", "A".repeat(128)),
            "listed AAECAwQFBgc CAkKCwwNDg8 01800000000 1800000060 1800086760",
        ] {
            assert_eq!(
                text.parse::<Listed>(),
                Err(InvalidRecord { unknown_kind: false }),
                "{text}"
            );
        }
        assert_eq!("".parse::<Listed>(), Err(InvalidRecord { unknown_kind: true }));
    }

    #[test]
    fn what_has_ended_is_known_by_id_by_subject_and_for_all() {
        let listed: Listed =
            "listed AAECAwQFBgc CAkKCwwNDg8 1800000000 1800000060 1800086760".parse().unwrap();
        let ended = |record: &str| {
            let mut revocations = Revocations::new();
            revocations.insert(&record.parse().unwrap());
            listed.has_ended(&revocations)
        };
        assert!(ended("session CAkKCwwNDg8 1800090000"));
        assert!(!ended("session AAECAwQFBgc 1800090000"), "a subject is not a session");
        assert!(ended("subject AAECAwQFBgc 1800000001 1800090000"));
        assert!(!ended("subject AAECAwQFBgc 1800000000 1800090000"), "signed in since");
        assert!(ended("all 1800000001 1800090000"));
        assert!(!ended("floor CAkKCwwNDg8 1800000001000 1800000001000 1800090000"));
    }
}
