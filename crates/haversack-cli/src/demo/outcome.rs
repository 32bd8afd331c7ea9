//! What came of putting an older jar back, in words: by what the replicas made of it.

use maud::{Markup, html};

use super::panels::ago;
use super::summary::Summary;
use super::visitors::{EndedBy, Told};

/// An older jar that was shown to every live replica.
pub(super) struct Trial {
    /// Without the newer cookies.
    pub(super) alone: bool,
    /// What the older jar held when it was copied.
    pub(super) saved: Summary,
    /// What the jar held just before.
    pub(super) before: Summary,
    /// What each live replica makes of it.
    pub(super) after: Vec<(usize, Summary)>,
    /// Where the browser signed out last.
    pub(super) ended_by: Option<EndedBy>,
    /// The processes that run.
    pub(super) alive: Vec<u32>,
    pub(super) engine: String,
}

impl Trial {
    /// The replicas that serve the session of the older jar.
    fn taken_by(&self) -> Vec<usize> {
        let takes = |after: &Summary| after.session == self.saved.session;
        self.after.iter().filter(|(_, after)| takes(after)).map(|(number, _)| *number).collect()
    }

    /// Where it was ended may be gone.
    fn survivors(&self) -> String {
        match self.ended_by {
            Some(EndedBy { number, pid }) if !self.alive.contains(&pid) => format!(
                " The process that ended it, replica {number} with pid {pid}, is dead; what it told \
                 the fleet is not."
            ),
            _ => String::new(),
        }
    }
}

pub(super) fn outcome(trial: &Trial) -> String {
    let Trial { alone, saved, before, after, engine, .. } = trial;
    let Some((_, first)) = after.first() else {
        return "Nobody is alive to open it. Start a server, and put it back again.".to_owned();
    };
    if saved.session.is_none() {
        return "The copy holds no session, so there was nothing to bring back.".to_owned();
    }
    let all: Vec<usize> = after.iter().map(|(number, _)| *number).collect();
    let taken = trial.taken_by();
    let still_runs = before.session == saved.session;
    let back = after.iter().any(|(_, after)| after.content != before.content);
    match (taken.is_empty(), still_runs) {
        (true, _) if after.iter().all(|(_, after)| after.revoked) => format!(
            "Prevented. The fleet knows that this session is over: it is noted in {engine}, and {} \
             it when asked just now.{}",
            verb(&all, "refuses", "refuse"),
            trial.survivors()
        ),
        (true, _) if !alone => "Prevented. An end marker is in the jar, beside the old cookies, and \
             replicas read all of them together: it closes its session for good. Without it, as \
             “put back instead” does it, the fleet's word would."
            .to_owned(),
        (true, _) => format!(
            "Prevented: {} it ({}).",
            verb(&all, "refuses", "refuse"),
            first.refused.as_deref().unwrap_or("it holds no session that can be used")
        ),
        (false, true) if !back => {
            if *alone {
                "The old cookies replaced the newer ones, and hold the same as those did: there was \
                 nothing to bring back."
            } else {
                "Prevented. The old cookies are in the jar again, beside newer ones, and replicas \
                 read all of them together: per entry the newest counts, a removal included. Nothing \
                 went back in time."
            }
            .to_owned()
        }
        (false, true) => "Not prevented. The session still runs, so the fleet has nothing against it, \
             and its fields are those of an earlier moment: servers that keep nothing cannot know of \
             newer ones. Facts that must not go back do not belong into a session. Sign out, and no \
             copy of it is taken any more."
            .to_owned(),
        (false, false) if !saved.signed_in => "Not prevented. The copy is from before you signed in: \
             nobody is signed in with it, and it holds what was written until then. The fleet is told \
             of sessions that end while somebody is signed in, and of no others."
            .to_owned(),
        (false, false) if taken.len() < all.len() => format!(
            "Not prevented everywhere yet: {} it. The others know that this session is over, and will \
             be heard once {engine} answers.",
            verb(&taken, "takes", "take")
        ),
        (false, false) => "Not prevented. Nobody signed out of that session, or the fleet has not been \
             told yet, so it is taken. Its lifetime holds all the same: it ends when it would have \
             ended."
            .to_owned(),
    }
}

/// "replica 1 takes", "replicas 1, 2 and 3 take"
fn verb(numbers: &[usize], one: &str, many: &str) -> String {
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    match texts.split_last() {
        Some((last, [])) => format!("replica {last} {one}"),
        Some((last, rest)) => format!("replicas {} and {last} {many}", rest.join(", ")),
        None => format!("nobody {one}"),
    }
}

pub(super) fn older_jar(visitor: &Told) -> Markup {
    html! {
        section.card aria-labelledby="h-older" {
            h2 #h-older { "Put an older jar back" }
            p.quiet {
                "A thief or a backup has the cookies of an earlier moment. Here the front plays that "
                "part: it keeps a copy in memory, for this demo only."
            }
            div.buttons {
                form method="post" action="/_demo/jar/save" { button { "Copy the jar" } }
                @if let Some((cookies, age)) = visitor.saved {
                    form method="post" action="/_demo/jar/beside" { button { "Put back beside" } }
                    form method="post" action="/_demo/jar/instead" { button.danger { "Put back instead" } }
                    span.quiet { (cookies) " parcels, copied " (ago(age)) }
                }
            }
            @if let Some(outcome) = &visitor.outcome { p.outcome role="status" { (outcome) } }
        }
    }
}
