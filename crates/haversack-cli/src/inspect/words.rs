//! The words for what the core tells, the same in prose and in JSON.

use haversack::inspect::{KeyStanding, Kind, Reason, Standing};
use haversack::{Disposition, KeyState, Rejection, Work};

/// A kind, for people.
pub(super) fn kind(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Root) => "root",
        Some(Kind::End) => "end marker",
        Some(Kind::Anonymous) => "fragment, anonymous",
        Some(Kind::Subject) => "fragment, signed in",
        Some(Kind::Single) => "whole session",
        Some(_) => "of a later kind",
        None => "no name of ours",
    }
}

/// A kind, for scripts.
pub(super) fn kind_id(kind: Kind) -> &'static str {
    match kind {
        Kind::Root => "root",
        Kind::End => "end_marker",
        Kind::Anonymous => "anonymous_fragment",
        Kind::Subject => "subject_fragment",
        Kind::Single => "whole_session",
        _ => "other",
    }
}

/// What a key does, for both.
pub(super) fn key(key: KeyStanding) -> &'static str {
    match key {
        KeyStanding::Known(KeyState::Upcoming) => "upcoming",
        KeyStanding::Known(KeyState::Sealing) => "sealing",
        KeyStanding::Known(KeyState::Opening) => "opening",
        KeyStanding::Known(KeyState::Retired) => "retired",
        KeyStanding::Known(KeyState::Revoked) => "revoked",
        KeyStanding::Dead => "dead",
        KeyStanding::Foreign => "foreign",
        KeyStanding::ReplacedRing => "replaced ring",
        KeyStanding::Unknown => "unknown",
        _ => "other",
    }
}

/// What a session in the jar is to the request, for people.
pub(super) fn standing(standing: Option<Standing>, admitted: bool) -> String {
    match standing {
        Some(Standing::Winner) if admitted => "the session".into(),
        Some(Standing::Winner) => "would be the session, if nothing else were in doubt".into(),
        Some(Standing::Adopted) => "adopted: an anonymous session whose fields join".into(),
        Some(Standing::Losing) => "losing: signed in, but another was renewed later".into(),
        Some(Standing::Closed) => "closed by an end marker".into(),
        Some(Standing::Refused { why, .. }) => format!("refused: {why}"),
        Some(_) => "neither the session nor a part of it".into(),
        None => "gone: only an end marker tells of it".into(),
    }
}

/// The same, for scripts.
pub(super) fn standing_id(standing: Option<Standing>) -> &'static str {
    match standing {
        Some(Standing::Winner) => "winner",
        Some(Standing::Adopted) => "adopted",
        Some(Standing::Losing) => "losing",
        Some(Standing::Closed) => "closed",
        Some(Standing::Refused { .. }) => "refused",
        Some(_) => "other",
        None => "gone",
    }
}

/// Why a cookie is deleted, for people.
pub(super) fn reason(reason: Reason) -> String {
    match reason {
        Reason::Closed => "an end marker closes its session".into(),
        Reason::Covered => "covered: newer fragments hold all that counts of it".into(),
        Reason::Emptied => "all that this session held has moved to the winner".into(),
        Reason::Losing => "another signed-in session was renewed later".into(),
        Reason::Orphan => "no root on the request opens it".into(),
        Reason::Refused(why) | Reason::Rejected(why) => why.to_string(),
        Reason::Spent => "this end marker closes nothing any more".into(),
        Reason::Superseded => "a newer root of its session is there".into(),
        _ => "of no more use".into(),
    }
}

/// The same, for scripts.
pub(super) fn reason_id(reason: Reason) -> &'static str {
    match reason {
        Reason::Closed => "closed",
        Reason::Covered => "covered",
        Reason::Emptied => "emptied",
        Reason::Losing => "losing",
        Reason::Orphan => "orphan",
        Reason::Refused(why) | Reason::Rejected(why) => why.name(),
        Reason::Spent => "spent",
        Reason::Superseded => "superseded",
        _ => "other",
    }
}

/// Why a step of maintenance is due.
pub(super) fn work(work: Work) -> &'static str {
    match work {
        Work::Fold => "many small fragments, or another session's, or much that newer ones hold",
        Work::Rekey => "its key has stopped sealing",
        Work::Touch => "the last use that it tells is over a tenth of the idle limit ago",
        _ => "maintenance",
    }
}

/// What becomes of a rejected cookie.
pub(super) fn fate(why: Rejection) -> &'static str {
    match why.disposition() {
        Disposition::Keep => "kept, since a newer server may read it",
        Disposition::Delete => "the next response deletes it",
        Disposition::Head => "its session goes with it",
    }
}

/// A number with separators of thousands.
pub(super) fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and its noun.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}
