//! The pictures: who answered, what is in the jar, which keys there are, how long it lasts.

use std::time::Duration;

use haversack::{KeyInfo, KeyState};
use maud::{Markup, html};

use super::jar::{Fate, Kind, Parcel};
use super::journal::{Happened, REQUESTS, Served};
use super::keys;
use super::process::{REPLICAS, Replica};
use super::summary::Summary;
use super::tile::tile;
use super::views::{Freshness, Seen};
use super::visitors::Told;

/// All that is shown.
pub(super) struct Scene {
    pub(super) replicas: Vec<Replica>,
    pub(super) views: [Option<Seen>; REPLICAS],
    /// How well informed the best informed replica is, and for how long it has heard nothing.
    pub(super) freshest: Option<(Freshness, Duration)>,
    /// The engine of the fleet.
    pub(super) engine: String,
    pub(super) requests: Vec<Served>,
    pub(super) events: Vec<Happened>,
    pub(super) keys: Vec<KeyInfo>,
    pub(super) parcels: Vec<Parcel>,
    /// Parcels of other key rings, such as those of an earlier run.
    pub(super) foreign: Vec<Parcel>,
    pub(super) summary: Summary,
    pub(super) visitor: Told,
}

pub(super) fn panels(scene: &Scene) -> Markup {
    html! {
        @if scene.visitor.mute {
            p.notice role="alert" {
                "This browser does not send the session’s cookies back: they are " code { "Secure" }
                ", and it does not count http://localhost as secure (Safari does not). "
                "Please open this page in Chromium, Chrome, Edge or Firefox."
            }
        }
        (outage(scene))
        (replicas(scene))
        (jar(scene))
        (keys_and_time(scene))
    }
}

fn replicas(scene: &Scene) -> Markup {
    html! {
        section.card aria-labelledby="h-replicas" {
            h2 #h-replicas { "Three servers that keep nothing about you" }
            p.quiet {
                "They share their keys, and marks of sessions that are over, through "
                code.engine { (scene.engine) }
            }
            div.replicas {
                @for (replica, view) in scene.replicas.iter().zip(&scene.views) {
                    (tile(replica, view.as_ref()))
                }
            }
            h3 { "Who answered the last requests" }
            (strip(&scene.requests))
            ul.events aria-live="polite" {
                @for event in &scene.events {
                    li { time { (ago(event.at.elapsed())) } span { (event.what) } }
                }
                @if scene.events.is_empty() {
                    li.quiet { "Kill one while you use the page: another goes on." }
                }
            }
        }
    }
}

/// What it means that the engine does not answer, while it does not.
fn outage(scene: &Scene) -> Markup {
    let Some((freshness, age)) = scene.freshest else { return html! {} };
    let known = match freshness {
        Freshness::Fresh => return html! {},
        Freshness::Stale => {
            "Sessions go on all the same: keys and sign-outs as of then are known. Sensitive actions are \
             refused, and sign-outs are passed on once it answers. A server that starts now waits for \
             it. After five minutes no session is taken any more."
        }
        Freshness::Blind => {
            "Too long: who was signed out meanwhile would be served, so no session is taken until it \
             answers. What is in your browser stays there."
        }
    };
    html! {
        p.notice role="alert" id="outage" {
            strong { "No server has heard from " code { (scene.engine) } " for " (short(age)) ". " }
            (known)
        }
    }
}

fn strip(requests: &[Served]) -> Markup {
    html! {
        ol.strip aria-label="the last requests, oldest first, by the replica that answered" {
            @for _ in requests.len()..REQUESTS { li.none aria-hidden="true" {} }
            @for served in requests {
                @let replica = served.replica.unwrap_or(0);
                li class={ "r" (replica) @if served.attempts > 1 { " again" } }
                    data-key={ "q" (served.number) } title=(describe(served)) {
                    (if replica == 0 { "–".to_owned() } else { replica.to_string() })
                }
            }
        }
    }
}

fn describe(served: &Served) -> String {
    let Served { method, path, status, attempts, .. } = served;
    let by = served.replica.map_or("nobody".to_owned(), |number| format!("replica {number}"));
    let again = if *attempts > 1 { format!(", sent {attempts} times") } else { String::new() };
    format!("{method} {path} → {by}, {status}, {} ms{again}", served.took.as_millis())
}

/// Characters of our parcels above which fields cannot be written: the whole width.
const BUDGET: usize = 5_000;

fn jar(scene: &Scene) -> Markup {
    let Summary { state, state_limit, .. } = scene.summary;
    let here = scene.parcels.iter().filter(|parcel| parcel.fate != Fate::Gone);
    let chars: usize = here.clone().map(|parcel| parcel.chars).sum();
    let [new, resealed, gone] =
        [Fate::New, Fate::Resealed, Fate::Gone].map(|fate| count(&scene.parcels, fate));
    html! {
        section.card aria-labelledby="h-jar" {
            h2 #h-jar { "The session, in your browser’s cookie jar" }
            (blocks(&scene.parcels))
            p.figures {
                strong { (here.count()) " parcels" } ", " (thousands(chars)) " of " (thousands(BUDGET)) " characters"
                @if chars > BUDGET { " · " b.gone { "writes wait until reads have folded it" } }
                @if new > 0 { " · " b.new { (new) " just set" } }
                @if resealed > 0 { " · " b.new { (resealed) " sealed anew" } }
                @if gone > 0 { " · " b.gone { (gone) " just deleted" } }
                @if new == 1 && gone > 1 { " · " b { "folded" } }
            }
            ul.legend {
                @for (kind, name) in KINDS {
                    @let n = scene.parcels.iter().filter(|it| it.kind == kind && it.fate != Fate::Gone).count();
                    @if n > 0 || kind == Kind::Root {
                        li { span class={ "key " (class(kind)) } {} (name) " " span.quiet { "× " (n) } }
                    }
                }
            }
            @if !scene.foreign.is_empty() {
                div.quiet.foreign {
                    span {
                        "Beside them lie " b { (scene.foreign.len()) } " parcels of another key ring, "
                        "from an earlier run: left alone, and not counted."
                    }
                    form method="post" action="/_demo/jar/sweep" { button.small { "Sweep out" } }
                }
            }
            @if state_limit > 0 {
                p.quiet {
                    "Folded into one, all fields would take " (thousands(state)) " of "
                    (thousands(state_limit)) " characters."
                    @if !scene.summary.fields.is_empty() {
                        " " @for (name, bytes) in &scene.summary.fields {
                            span.field { (name) " " (bytes) " B" } " "
                        }
                    }
                }
            }
        }
    }
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Root, "root: who, since when"),
    (Kind::Signed, "fragment, written signed in"),
    (Kind::Anonymous, "fragment, written anonymously"),
    (Kind::Marker, "end marker"),
];

/// SVG, since the page forbids inline styles and widths must be said somewhere.
fn blocks(parcels: &[Parcel]) -> Markup {
    let total: usize = parcels.iter().map(|parcel| parcel.chars).sum();
    let whole = total.max(BUDGET);
    let ends = parcels.iter().scan(0, |end, parcel| {
        *end += parcel.chars;
        Some(*end)
    });
    html! {
        svg.jar role="img" aria-label="the parcels by size, against the budget" {
            rect.trough x="0" y="0" width="100%" height="100%" rx="8" {}
            @if total > BUDGET {
                rect.over x=(percent(BUDGET, whole)) width="100%" height="100%" {}
            }
            @for (parcel, end) in parcels.iter().zip(ends) {
                rect class={ "parcel " (class(parcel.kind)) " " (fate(parcel.fate)) }
                    data-key=(parcel.name) x=(percent(end - parcel.chars, whole)) y="8"
                    width=(percent(parcel.chars, whole)) height="52" rx="4" {
                    title {
                        (parcel.name) ": " (thousands(parcel.chars)) " characters, key " (parcel.key)
                        @match parcel.fate {
                            Fate::New => { ", set by this answer" }
                            Fate::Gone => { ", deleted by this answer" }
                            Fate::Resealed => { ", sealed anew by this answer" }
                            Fate::Stays => {}
                        }
                    }
                }
            }
        }
    }
}

fn keys_and_time(scene: &Scene) -> Markup {
    let now = keys::now();
    let left =
        scene.summary.expires.map(|at| Duration::from_secs(at.saturating_sub(now.as_secs())));
    html! {
        section.card.two {
            div {
                h2 { "Keys" }
                ul.keys {
                    @for key in scene.keys.iter().rev() {
                        @let id = key.id.to_string();
                        @let n = scene.parcels.iter().filter(|it| it.key == id && it.fate != Fate::Gone).count();
                        @let age = Duration::from_millis(now.millis_since(key.created));
                        li class=(state_class(key.state)) data-key={ "k" (id) } {
                            code { (id) } " " span.badge { (state_name(key.state)) }
                            span.quiet { (short(age)) " old · " (n) " parcels" }
                        }
                    }
                }
                form method="post" action="/_demo/rotate" { button { "Rotate the key" } }
            }
            div {
                h2 { "Lifetime" }
                @match left {
                    Some(left) => {
                        p.big { (minutes(left)) }
                        svg.time role="img" aria-label="lifetime left" {
                            rect.trough width="100%" height="100%" rx="4" {}
                            rect.left width=(percent(usize::try_from(left.as_secs()).unwrap_or(0), 1800)) height="100%" rx="4" {}
                        }
                        p.quiet { "left if unused; use prolongs it, 12 hours at most" }
                    }
                    None if !scene.parcels.is_empty() && scene.summary.arrival.is_empty() => {
                        p.quiet { "Nobody is alive to open it; it waits in the jar." }
                    }
                    None => { p.quiet { "No session yet: it begins with the first thing you write." } }
                }
            }
        }
    }
}

fn count(parcels: &[Parcel], fate: Fate) -> usize {
    parcels.iter().filter(|parcel| parcel.fate == fate).count()
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Anonymous => "anonymous",
        Kind::Marker => "marker",
        Kind::Root => "root",
        Kind::Signed => "signed",
    }
}

fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Gone => "gone",
        Fate::New => "new",
        Fate::Resealed => "resealed",
        Fate::Stays => "",
    }
}

fn state_name(state: KeyState) -> &'static str {
    match state {
        KeyState::Upcoming => "seals in a moment",
        KeyState::Sealing => "seals",
        KeyState::Opening => "opens only",
        KeyState::Retired => "retired",
        KeyState::Revoked => "revoked",
    }
}

fn state_class(state: KeyState) -> &'static str {
    if state == KeyState::Sealing { "sealing" } else { "resting" }
}

fn percent(part: usize, whole: usize) -> String {
    let hundredths = part.min(whole) * 10_000 / whole.max(1);
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

fn thousands(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", n / 1000, n % 1000) }
}

pub(super) fn short(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..60 => format!("{s} s"),
        s @ 60..7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

pub(super) fn ago(time: Duration) -> String {
    if time.as_secs() == 0 { "just now".to_owned() } else { format!("{} ago", short(time)) }
}

fn minutes(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

pub(super) fn replica_json(replica: &Replica) -> serde_json::Value {
    serde_json::json!({
        "number": replica.number, "pid": replica.pid, "served": replica.served,
        "killed": replica.killed,
    })
}

pub(super) fn served_json(served: &Served) -> serde_json::Value {
    serde_json::json!({
        "number": served.number, "method": served.method, "path": served.path,
        "status": served.status, "replica": served.replica, "attempts": served.attempts,
    })
}
