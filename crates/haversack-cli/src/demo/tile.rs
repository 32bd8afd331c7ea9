//! One replica's tile: its process, and what it knows of the fleet.

use std::time::Duration;

use haversack_fleet::Report;
use maud::{Markup, html};

use super::panels::short;
use super::process::Replica;
use super::views::{Freshness, Seen};

pub(super) fn tile(replica: &Replica, seen: Option<&Seen>) -> Markup {
    let Replica { number, .. } = *replica;
    let state = match (replica.pid, replica.starting) {
        (Some(_), _) => "live",
        (None, true) => "starting",
        (None, false) => "dead",
    };
    html! {
        div class={ "replica r" (number) " " (state) } data-key={ "r" (number) } data-served=(replica.served) {
            strong { span.dot {} span.word { "Replica " } (number) }
            span.number title="requests answered" { (replica.served) }
            span.quiet {
                @match (replica.pid, replica.up) {
                    (Some(pid), Some(up)) => { "pid " (pid) " · up " (short(up)) }
                    _ if replica.starting => "starting…",
                    _ => { "not running" }
                }
            }
            @if let Some(seen) = seen.filter(|_| replica.pid.is_some()) { (view(seen)) }
            @if replica.pid.is_some() {
                form method="post" action={ "/_demo/kill/" (number) } {
                    button.small.danger { "kill -9" }
                }
            } @else {
                form method="post" action={ "/_demo/start/" (number) } {
                    button.small { "start again" }
                }
            }
        }
    }
}

/// What the replica knows, and how well.
fn view(seen: &Seen) -> Markup {
    let Seen { freshness, report } = seen;
    html! {
        dl.view {
            dt { "state" }
            dd class=(class(seen)) title=(why(report)) { (word(seen)) }
            dt { "heard" }
            dd title="when the engine last confirmed that this server knows everything" {
                @match report.confirmed_age_ms {
                    Some(ms) if *freshness == Freshness::Fresh && ms < 1000 => "just now",
                    Some(ms) => { (short(Duration::from_millis(ms))) " ago" }
                    None => "never",
                }
            }
            dt { "lag" }
            dd title="how long the last change took to reach this server" {
                @match report.lag_ms { Some(ms) => { (ms) " ms" }, None => "–" }
            }
            dt { "ring" }
            dd title="the revision of the key ring" { "v" (report.ring_revision) }
            dt { "revoked" }
            dd.revoked title="revocations that this server knows" { (report.entries) }
            @if report.queue > 0 {
                dt { "to tell" }
                dd.bad title="what it has ended and could not tell the fleet yet" { (report.queue) }
            }
        }
    }
}

fn word(seen: &Seen) -> &'static str {
    match (seen.report.ready, seen.freshness) {
        (false, _) => "not ready",
        (true, Freshness::Fresh) => "ready",
        (true, Freshness::Stale) => "stale",
        (true, Freshness::Blind) => "blind",
    }
}

fn class(seen: &Seen) -> &'static str {
    if word(seen) == "ready" { "good" } else { "bad" }
}

fn why(report: &Report) -> String {
    let why = report.not_ready.as_ref().or(report.trouble.as_ref());
    why.cloned().unwrap_or_else(|| "it knows all that its fleet knows".to_owned())
}
