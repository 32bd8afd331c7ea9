//! The report for people.

use std::fmt::Write as _;

use haversack::inspect::{Contents, Field, Fragment, Inspection, Name, Outcome, Owns, Parcel};
use haversack::{ArrivalKind, OPEN, Timestamp};

use super::advice::advice;
use super::cbor::{diagnostic, hex, printable};
use super::table::{table, width};
use super::time::{Span, Utc};
use super::words::{self, count, number};
use super::{Case, Opened};

/// How to write it.
pub(super) struct Style {
    pub(super) colour: bool,
    /// Characters of a line, at most.
    pub(super) width: usize,
}

impl Style {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn heading(&self, text: &str) -> String {
        format!("\n{}\n", self.paint("1", text))
    }
}

/// What can be told with keys.
pub(super) fn jar(case: &Case<'_>, opened: &Opened<'_>, style: &Style) -> String {
    let mut out = preamble(case, opened.found.parcels.len());
    summary(&mut out, case, opened.found, style);
    lineages(&mut out, case, opened.found, style);
    fields(&mut out, case, opened.found, style);
    due(&mut out, case, opened.found, style);
    problems(&mut out, case, opened, style);
    out
}

/// What can be told without keys.
pub(super) fn names(case: &Case<'_>, names: &[Name], style: &Style) -> String {
    let mut out = preamble(case, names.len());
    if !names.is_empty() {
        out.push_str(&style.heading("cookies, as they look from outside"));
        let rows: Vec<Vec<String>> = names.iter().map(|name| name_row(name, case)).collect();
        table(&mut out, &["name", "kind", "session", "chars", "key", "ring", "sealed"], &rows);
        for name in names.iter().filter(|name| repeats(names, name)) {
            let _ = writeln!(
                out,
                "`{}` comes more than once: a server reads none of them",
                case.named(&name.suffix)
            );
        }
    }
    let hint = "with `--keys FILE` it tells whose session this is, its fields, what is due and what is wrong";
    let _ = writeln!(out, "\n{}", style.paint("2", hint));
    out
}

fn repeats(names: &[Name], name: &Name) -> bool {
    let mut same = names.iter().filter(|other| other.suffix == name.suffix);
    // Told at the first of them.
    same.next().is_some_and(|first| core::ptr::eq(first, name)) && same.next().is_some()
}

fn name_row(name: &Name, case: &Case<'_>) -> Vec<String> {
    let mut row = vec![
        case.named(&name.suffix).to_owned(),
        words::kind(name.kind).into(),
        name.hint.clone().unwrap_or_default(),
        number(name.chars),
    ];
    match &name.claim {
        Ok(claim) => row.extend([
            claim.key_id.short().to_string(),
            claim.key_id.mark().to_string(),
            match (claim.content.start(), claim.content.end()) {
                (least, most) if least == most => format!("{most} bytes"),
                (least, most) => format!("{least} to {most} bytes"),
            },
        ]),
        Err(why) => row.extend(["-".into(), "-".into(), why.to_string()]),
    }
    row
}

fn preamble(case: &Case<'_>, ours: usize) -> String {
    let input = case.input;
    let mut out = if case.in_header {
        let values = count(input.cookies.len(), "value", "values");
        format!("read {}: {values} of `{}`", input.format, case.base)
    } else {
        let cookies = count(input.cookies.len(), "cookie", "cookies");
        format!("read {}: {cookies}, {ours} of ours, named {}.…", input.format, case.base)
    };
    if case.guessed {
        out.push_str(" (as in the input; --name says otherwise)");
    }
    for (n, what) in [(input.deleted, "deleted by the response"), (input.expired, "expired")] {
        if n > 0 {
            let _ = write!(out, ", {n} {what}");
        }
    }
    out.push('\n');
    out
}

fn line(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "{label:<10} {text}");
}

fn summary(out: &mut String, case: &Case<'_>, found: &Inspection, style: &Style) {
    let info = &found.info;
    let ago = |time: Timestamp| format!("{}, {}", Utc(time), relative(time, case.now));
    out.push('\n');
    let session = match info.arrival.kind {
        ArrivalKind::Admitted if info.signed_in => style.paint("1;32", "signed in"),
        ArrivalKind::Admitted => style.paint("1;32", "anonymous"),
        ArrivalKind::Absent if case.in_header => "none: an empty value asks for a new one".into(),
        ArrivalKind::Absent => "none: no cookie of this name and ring".into(),
        ArrivalKind::Closed => style.paint("1;33", "none: an end marker closed it"),
        ArrivalKind::Kept => {
            style.paint("1;33", "unknown: a root or an end marker cannot be judged here")
        }
        _ => {
            let why = info.arrival.rejections.first().map(ToString::to_string);
            let why = why.unwrap_or_else(|| "no root opens it".into());
            style.paint("1;31", &format!("none: {why}"))
        }
    };
    line(out, "session", &session);
    if let Some(id) = &info.id {
        line(out, "id", &id.to_string());
    }
    if let Some(id) = &info.revocation_id {
        line(out, "revocation", &id.to_string());
    }
    if let (Some(times), Some(ends)) = (&info.times, &found.ends) {
        line(out, "begun", &ago(times.born));
        let auth = if info.signed_in { "signed in" } else { "counts from" };
        if times.auth != times.born || info.signed_in {
            line(out, auth, &ago(times.auth));
        }
        line(out, "last used", &format!("{}, as sealed", ago(times.seen)));
        let idle =
            ends.idle.map(|idle| format!("{} unless it is used, ", relative(idle, case.now)));
        let absolute = relative(ends.absolute, case.now);
        line(out, "ends", &format!("{}{absolute} in any case", idle.unwrap_or_default()));
    }
    if info.arrival.kind != ArrivalKind::Absent {
        let usage = &info.usage;
        if info.id.is_some() {
            line(out, "size", &bar(usage.state, usage.state_limit, style));
        }
        line(out, "request", &bar(usage.request, usage.request_limit, style));
        let writable = match &found.refusal {
            None => "yes".to_owned(),
            Some(why) => style.paint("33", &format!("no: {why}")),
        };
        line(out, "writable", &writable);
    }
}

/// How far a budget is used.
fn bar(used: usize, limit: usize, style: &Style) -> String {
    const WIDTH: usize = 20;
    let filled = (used * WIDTH).div_ceil(limit.max(1)).min(WIDTH);
    let bar = format!("[{}{}]", "#".repeat(filled), ".".repeat(WIDTH - filled));
    let colour = match used * 4 {
        n if n > limit * 4 => "31",
        n if n > limit * 3 => "33",
        _ => "32",
    };
    format!("{} {} of {} characters", style.paint(colour, &bar), number(used), number(limit))
}

fn relative(time: Timestamp, now: Timestamp) -> String {
    if time > now {
        format!("in {}", Span(time.millis_since(now)))
    } else {
        format!("{} ago", Span(now.millis_since(time)))
    }
}

const TITLES: [&str; 5] = ["name", "kind", "chars", "key", "holds"];

fn lineages(out: &mut String, case: &Case<'_>, found: &Inspection, style: &Style) {
    let rows_of = |lineage: Option<usize>| -> Vec<Vec<String>> {
        let of = found.parcels.iter().filter(|parcel| lineage_of(parcel) == lineage);
        of.map(|parcel| parcel_row(parcel, case)).collect()
    };
    for (at, lineage) in found.lineages.iter().enumerate() {
        let standing = words::standing(lineage.standing, found.info.id.is_some());
        out.push_str(&style.heading(&format!("session {}: {standing}", lineage.hint)));
        table(out, &TITLES, &rows_of(Some(at)));
    }
    let others = rows_of(None);
    if !others.is_empty() {
        out.push_str(&style.heading("of no session that could be read"));
        table(out, &TITLES, &others);
    }
}

fn lineage_of(parcel: &Parcel) -> Option<usize> {
    match &parcel.outcome {
        Outcome::Opened(Contents::Root(root)) => Some(root.lineage),
        Outcome::Opened(Contents::Marker(marker)) => Some(marker.lineage),
        Outcome::Opened(Contents::Fragment(fragment)) => Some(fragment.lineage),
        _ => None,
    }
}

fn parcel_row(parcel: &Parcel, case: &Case<'_>) -> Vec<String> {
    let key = match (parcel.key_id, parcel.key) {
        (Some(id), Some(key)) => format!("{} {}", id.short(), words::key(key)),
        _ => "-".into(),
    };
    let stamp =
        |stamp: haversack::Stamp| relative(Timestamp::from_millis(stamp.as_millis()), case.now);
    let holds = match &parcel.outcome {
        Outcome::Opened(Contents::Root(root)) => {
            let head = if root.head { "head" } else { "older than the head" };
            let who = match &root.subject {
                Some(subject) => format!("signed in as {subject}"),
                None => "anonymous".into(),
            };
            let mut text = format!("{head}, {who}, renewed {}", stamp(root.renewed));
            let _ = write!(text, ", used {}", relative(root.seen, case.now));
            if root.identity > 0 {
                let _ = write!(text, ", {} bytes of identity", number(root.identity));
            }
            if let Some(whole) = &root.whole {
                let _ = write!(text, "; {}", fragment_text(whole));
            }
            text
        }
        Outcome::Opened(Contents::Marker(marker)) => format!("closed {}", stamp(marker.stamp)),
        Outcome::Opened(Contents::Fragment(fragment)) => {
            format!("{}, newest {}", fragment_text(fragment), stamp(fragment.newest))
        }
        Outcome::Rejected(why) => format!("rejected: {why}; {}", words::fate(*why)),
        Outcome::Orphan => "orphan: no root here opens it".into(),
        Outcome::Unopened => "not opened: beyond the reading limits".into(),
        Outcome::Foreign => "of another ring: left alone".into(),
        _ => "not read: another name came twice".into(),
    };
    let kind = words::kind(parcel.kind).into();
    vec![case.named(&parcel.suffix).to_owned(), kind, number(parcel.chars), key, holds]
}

fn fragment_text(fragment: &Fragment) -> String {
    let mut text = count(fragment.entries, "entry", "entries");
    if fragment.tombstones > 0 {
        let _ = write!(text, " ({} removed)", fragment.tombstones);
    }
    let _ = match fragment.owns {
        None => write!(text, ", {} bytes", number(fragment.bytes)),
        Some(Owns { entries: 0, .. }) => write!(text, ", covered"),
        Some(owns) if owns.bytes == fragment.bytes => {
            write!(text, ", {} bytes", number(fragment.bytes))
        }
        Some(owns) => {
            write!(text, ", owns {} of {} bytes", number(owns.bytes), number(fragment.bytes))
        }
    };
    if fragment.count > 0 {
        let _ = write!(
            text,
            ", folded {}",
            count(usize::try_from(fragment.count).unwrap_or(usize::MAX), "time", "times")
        );
    }
    text
}

fn fields(out: &mut String, case: &Case<'_>, found: &Inspection, style: &Style) {
    if found.fields.is_empty() {
        return;
    }
    out.push_str(&style.heading("fields"));
    let mut rows: Vec<Vec<String>> =
        found.fields.iter().map(|field| field_row(field, case)).collect();
    let titles = ["field", "bytes", "written", "by", "value"];
    if !case.values {
        for row in &mut rows {
            row.truncate(4);
        }
    }
    let titles = if case.values { &titles[..] } else { &titles[..4] };
    // The last column is cut to what the others leave of the line.
    let taken: usize = (0..4)
        .map(|at| {
            rows.iter().map(|row| width(&row[at])).chain([titles[at].len()]).max().unwrap_or(0) + 2
        })
        .sum();
    let left = style.width.saturating_sub(taken + 2).max(16);
    let mut cut = false;
    for row in &mut rows {
        if let Some(value) = row.get_mut(4).filter(|value| width(value) > left) {
            *value = value.chars().take(left - 1).chain(['…']).collect();
            cut = true;
        }
    }
    table(out, titles, &rows);
    if cut {
        let _ = writeln!(out, "{}", style.paint("2", "long values are cut; --full shows them"));
    }
}

/// A field's name, with the key of an element behind it.
fn field_name(field: &Field, values: bool) -> String {
    let mut name = String::new();
    printable(&mut name, &field.name, false);
    if let Some(key) = &field.key {
        // Keys come from users as values do.
        let key = if values { diagnostic(key) } else { "…".into() };
        let _ = write!(name, "[{key}]");
    }
    name
}

fn field_row(field: &Field, case: &Case<'_>) -> Vec<String> {
    let by = match (field.from_head, field.under_subject) {
        (true, _) => "identity",
        (false, true) => "signed in",
        (false, false) => "anonymous",
    };
    let value = match &field.value {
        None => "(removed)".into(),
        Some(value) if value.encoding == OPEN => diagnostic(&value.bytes),
        Some(value) => format!("encoding {}: {}", value.encoding, hex(&value.bytes)),
    };
    let written = relative(Timestamp::from_millis(field.stamp.as_millis()), case.now);
    vec![field_name(field, case.values), number(field.bytes), written, by.into(), value]
}

fn due(out: &mut String, case: &Case<'_>, found: &Inspection, style: &Style) {
    let due = &found.due;
    if found.parcels.is_empty() {
        return;
    }
    out.push_str(&style.heading("the next response, if nothing is changed"));
    if due.dead.is_empty() && due.steps.is_empty() {
        out.push_str("  sets nothing: nothing is due\n");
        return;
    }
    let wait = |now: bool| if now { "" } else { " (waits: the response is full)" };
    for dead in &due.dead {
        let _ = writeln!(
            out,
            "  deletes {}: {}{}",
            case.named(&dead.suffix),
            words::reason(dead.why),
            wait(dead.now)
        );
    }
    for step in &due.steps {
        let set = if step.present { "keeps" } else { "sets" };
        let _ = write!(
            out,
            "  {} {set} {} ({} characters)",
            step.work.name(),
            case.named(&step.set),
            number(step.chars)
        );
        if !step.delete.is_empty() {
            let names: Vec<&str> = step.delete.iter().map(|suffix| case.named(suffix)).collect();
            let _ = write!(out, " and deletes {}", names.join(", "));
        }
        let _ = writeln!(out, ": {}{}", words::work(step.work), wait(step.now));
    }
    let lines = if case.in_header { "the header" } else { "Set-Cookie lines" };
    let _ = writeln!(out, "  {} of {lines}", count(due.chars, "character", "characters"));
}

fn problems(out: &mut String, case: &Case<'_>, opened: &Opened<'_>, style: &Style) {
    let advice = advice(case, opened);
    if advice.is_empty() {
        return;
    }
    out.push_str(&style.heading("problems"));
    for advice in advice {
        let _ = writeln!(out, "  {}", style.paint("33", &advice.what));
        if !advice.parcels.is_empty() {
            let names: Vec<&str> = advice.parcels.iter().map(|suffix| case.named(suffix)).collect();
            let _ = writeln!(out, "    in {}", names.join(", "));
        }
        let _ = writeln!(out, "    {}", advice.remedy);
    }
}
