//! What is wrong, and what to do about it.

use std::collections::BTreeMap;

use haversack::inspect::{Contents, Outcome, Standing};
use haversack::{Rejection, SealError};

use super::words::{count, number};
use super::{Case, Opened};

/// Something that an operator should know.
pub(super) struct Advice {
    /// A stable name for scripts.
    pub(super) id: &'static str,
    pub(super) what: String,
    pub(super) remedy: String,
    /// The cookies that it is about, without `<base>.`.
    pub(super) parcels: Vec<String>,
}

/// Everything that is wrong with a jar, the cause before its effects.
pub(super) fn advice(case: &Case<'_>, opened: &Opened<'_>) -> Vec<Advice> {
    let mut all = Vec::new();
    rejected(case, opened, &mut all);
    unread(opened, &mut all);
    lineages(opened, &mut all);
    layouts(opened, &mut all);
    state(case, opened, &mut all);
    all
}

fn plain(id: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Advice {
    Advice { id, what: what.into(), remedy: remedy.into(), parcels: Vec::new() }
}

/// Rejected parcels, one advice for each reason.
fn rejected(case: &Case<'_>, opened: &Opened<'_>, all: &mut Vec<Advice>) {
    let mut by_reason: BTreeMap<String, (Rejection, Vec<String>)> = BTreeMap::new();
    for parcel in &opened.found.parcels {
        if let Outcome::Rejected(why) = parcel.outcome {
            let of = by_reason.entry(why.to_string()).or_insert((why, Vec::new()));
            if !of.1.contains(&parcel.suffix) {
                of.1.push(parcel.suffix.clone());
            }
        }
    }
    for (why, parcels) in by_reason.into_values() {
        let (what, remedy) = match header_rejection(why).filter(|_| case.in_header) {
            Some(remedy) => (why.to_string(), remedy),
            None => rejection(why, opened),
        };
        all.push(Advice { id: why.name(), what, remedy: remedy.into(), parcels });
    }
}

fn rejection(why: Rejection, opened: &Opened<'_>) -> (String, &'static str) {
    let remedy = match why {
        Rejection::UnknownKey(id) => {
            return (
                format!(
                    "key {} unknown: this key file (revision {}) is older than the server's, or of another stage",
                    id.short(),
                    opened.ring.revision()
                ),
                "take the key file that the servers use now; a server with this one keeps such cookies and refuses to write fields",
            );
        }
        Rejection::DuplicateName => {
            "somebody else on this domain, or another path, sets a cookie of this name, or it was pasted twice; nothing else was read; names with `__Host-` prevent it"
        }
        Rejection::Inauthentic => {
            "it was altered, renamed or cut on its way, or was set under another --name; the client loses it"
        }
        Rejection::Malformed => {
            "it was probably cut, quoted or percent-encoded on its way: paste it whole, and look for a proxy that rewrites cookies"
        }
        Rejection::Oversized => "no server of ours sets such a cookie: look for who does",
        Rejection::ReplacedRing => {
            "the ring's index key was replaced, as after a leak: the user begins anew"
        }
        Rejection::RetiredKey => {
            "it was not used for as long as its key opened: the user begins anew; if that is too soon, rotate with a longer overlap"
        }
        Rejection::RevokedKey => "the key was revoked by hand: the user begins anew",
        Rejection::UnknownVersion => {
            "use a haversack as new as the servers'; in a rolling deploy, readers go first"
        }
        Rejection::NotYetValid => "compare the clocks of the servers, and --now",
        Rejection::AbsoluteExpired | Rejection::IdleExpired => "the user signs in again",
        _ => "see the documentation of this rejection",
    };
    (why.to_string(), remedy)
}

/// What is another matter in a header than in a cookie.
fn header_rejection(why: Rejection) -> Option<&'static str> {
    match why {
        Rejection::DuplicateName => Some(
            "the header came on two lines, so neither is believed: look for a client or proxy that adds it again",
        ),
        Rejection::Inauthentic => Some(
            "it was altered or cut, or was set in a cookie or under another --header; the client is told to forget it",
        ),
        Rejection::Malformed => Some(
            "it was probably cut or quoted, or a proxy joined two lines by a comma; the client is told to forget it",
        ),
        _ => None,
    }
}

/// Sessions of both layouts, as after a change of the setting.
fn layouts(opened: &Opened<'_>, all: &mut Vec<Advice>) {
    let mut whole = Vec::new();
    let mut roots = false;
    for parcel in &opened.found.parcels {
        if let Outcome::Opened(Contents::Root(root)) = &parcel.outcome {
            match &root.whole {
                Some(_) => whole.push(parcel.suffix.clone()),
                None => roots = true,
            }
        }
    }
    if roots && !whole.is_empty() {
        all.push(Advice {
            id: "both_layouts",
            what: "there are sessions of both layouts: one in a single cookie, one in several".into(),
            remedy: "the setting was changed, or servers differ in it; both are read, and what joins moves to the session that stays after a quarter of an hour".into(),
            parcels: whole,
        });
    }
}

/// Parcels that were not judged at all.
fn unread(opened: &Opened<'_>, all: &mut Vec<Advice>) {
    let found = opened.found;
    let of = |outcome: &Outcome| -> Vec<String> {
        let those = found.parcels.iter().filter(|parcel| parcel.outcome == *outcome);
        those.map(|parcel| parcel.suffix.clone()).collect()
    };
    let foreign = of(&Outcome::Foreign);
    if !foreign.is_empty() {
        let mut marks: Vec<String> = Vec::new();
        for parcel in found.parcels.iter().filter(|parcel| parcel.outcome == Outcome::Foreign) {
            let mark = parcel.key_id.map(|id| id.mark().to_string()).unwrap_or_default();
            if !marks.contains(&mark) {
                marks.push(mark);
            }
        }
        all.push(Advice {
            id: "foreign",
            what: format!(
                "{} of another ring: marked {}, where this ring, tenant and purpose have {}",
                count(foreign.len(), "cookie", "cookies"),
                marks.join(" and "),
                found.mark
            ),
            remedy: format!(
                "they are left alone; if they should open, check --keys (app `{}`), --tenant and --purpose",
                opened.ring.app()
            ),
            parcels: foreign,
        });
    }
    let orphans = of(&Outcome::Orphan);
    if !orphans.is_empty() {
        all.push(Advice {
            id: "orphans",
            what: format!(
                "no root here opens {}",
                count(orphans.len(), "fragment", "fragments")
            ),
            remedy: "paste all cookies of the client; if these are all, the root is gone or was rejected, and its fields with it".into(),
            parcels: orphans,
        });
    }
    let unopened = of(&Outcome::Unopened);
    if !unopened.is_empty() {
        all.push(Advice {
            id: "unopened",
            what: format!(
                "{} beyond the reading limits of 128 cookies and 16,000 characters",
                count(unopened.len(), "cookie", "cookies")
            ),
            remedy: "reads fold the jar down and fields cannot be written meanwhile; look for a client that ignores deletions".into(),
            parcels: unopened,
        });
    }
}

fn lineages(opened: &Opened<'_>, all: &mut Vec<Advice>) {
    for lineage in &opened.found.lineages {
        let Some(Standing::Refused { why, .. }) = lineage.standing else { continue };
        let remedy = match why {
            Rejection::IdleExpired => {
                "as --idle says; if the servers' limit is longer, give theirs"
            }
            Rejection::AbsoluteExpired => {
                "as --absolute says; if the servers' limit is longer, give theirs"
            }
            _ => "compare the clocks of the servers, and --now",
        };
        all.push(plain(why.name(), format!("session {}: {why}", lineage.hint), remedy));
    }
}

fn state(case: &Case<'_>, opened: &Opened<'_>, all: &mut Vec<Advice>) {
    let found = opened.found;
    let usage = &found.info.usage;
    if found.info.arrival.clock_behind {
        all.push(plain(
            "clock_behind",
            "a time in the session lies ahead of this clock, by less than 5 minutes",
            "it is accepted; compare the clocks of the servers",
        ));
    }
    if let Some(SealError::Busy { size, limit }) = found.refusal {
        all.push(plain(
            "busy",
            format!("{} characters on the request, over {}", number(size), number(limit)),
            "fields cannot be written until reads have folded it down; look for bursts of parallel writes",
        ));
    }
    if usage.state * 4 > usage.state_limit * 3 {
        let largest: Vec<String> = usage
            .fields
            .iter()
            .take(3)
            .map(|(name, bytes)| format!("{name} ({bytes} bytes)"))
            .collect();
        all.push(plain(
            "large",
            format!(
                "{} % of the size budget is used",
                usage.state * 100 / usage.state_limit.max(1)
            ),
            format!(
                "largest: {}; keep large data on the server and an id in the session",
                largest.join(", ")
            ),
        ));
    }
    for name in &found.mislaid {
        all.push(plain(
            "mislaid",
            format!(
                "field `{name}` is in a fragment although it is declared to be an identity field"
            ),
            "it is not read; declare identity fields from the start, or write it again",
        ));
    }
    if opened.ring.sealing(case.now).is_none() {
        all.push(plain(
            "no_sealing_key",
            "no key of this key file seals at this time",
            "nothing can be written until the ring is rotated",
        ));
    }
}
