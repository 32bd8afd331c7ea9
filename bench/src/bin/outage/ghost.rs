//! A copy of the cookies of a session that has ended, as a thief has it: tried on every server until
//! all refuse it, and then again.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::browser::World;
use super::client::Answer;
use super::fleet::Place;
use super::judge::Judge;
use super::plan::{millis, now_ms};

/// When it is tried at first, in milliseconds since the acknowledgement; then every second.
const OFTEN: [u64; 8] = [0, 50, 100, 200, 400, 700, 1_100, 1_600];
/// When it is tried on everybody again.
const AGAIN: [u64; 3] = [10_000, 30_000, 60_000];

pub(super) struct Ghost {
    pub(super) cookies: String,
    pub(super) user: String,
    /// When it was acknowledged that the session has ended.
    pub(super) at: u64,
    /// Who acknowledged it.
    pub(super) by: Place,
    /// Whether the other servers have been told, too.
    pub(super) told: bool,
    pub(super) phase: usize,
}

/// What a server did with it.
#[derive(Clone, Copy, Debug)]
struct Haunted {
    life: u64,
    /// Whether it was there when the session ended.
    from_begin: bool,
    standard: Refused,
    sensitive: Refused,
}

#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    /// Since when it has not been accepted.
    since: Option<u64>,
    /// Whether it is known to have ended.
    known: bool,
}

impl Ghost {
    pub(super) async fn haunt(self, world: World) {
        let mut seen = BTreeMap::new();
        let limit = world.judge.terms.limit() + 5_000;
        for round in OFTEN.into_iter().chain((2..).map(|second| second * 1_000)) {
            self.pause(round, &world.judge).await;
            self.round(&world, &mut seen, false).await;
            let over = seen.values().all(|it| it.standard.known) || round > limit;
            if (over && round >= OFTEN[3]) || world.judge.is_ending() {
                break;
            }
        }
        self.record(&world.judge, &seen);
        for round in AGAIN {
            self.pause(round, &world.judge).await;
            self.round(&world, &mut seen, true).await;
            if world.judge.is_ending() {
                return;
            }
        }
    }

    async fn pause(&self, round: u64, judge: &Judge) {
        while now_ms() < self.at + round && !judge.is_ending() {
            let left = (self.at + round).saturating_sub(now_ms());
            sleep(Duration::from_millis(left.min(500))).await;
        }
    }

    async fn round(&self, world: &World, seen: &mut BTreeMap<usize, Haunted>, all: bool) {
        let mut tries = JoinSet::new();
        let first = seen.is_empty();
        for place in world.fleet.listening() {
            let fresh = Haunted {
                life: place.life,
                from_begin: first,
                standard: Refused::default(),
                sensitive: Refused::default(),
            };
            let held = seen.entry(place.server).or_insert(fresh);
            if held.life != place.life {
                *held = Haunted { from_begin: false, ..fresh };
            }
            for (path, refused) in [("/read", held.standard), ("/sensitive", held.sensitive)] {
                if all && path == "/read" || !refused.known {
                    let (http, cookies) = (world.http.clone(), self.cookies.clone());
                    tries.spawn(async move {
                        let sent =
                            http.send(place.address, Method::GET, path, Some(&cookies)).await;
                        (place, path, sent)
                    });
                }
            }
        }
        while let Some(tried) = tries.join_next().await {
            let Ok((place, path, Some(answer))) = tried else { continue };
            let Some(held) = seen.get_mut(&place.server) else { continue };
            let sensitive = path == "/sensitive";
            let refused = if sensitive { &mut held.sensitive } else { &mut held.standard };
            self.judge(world, refused, place, sensitive, &answer);
        }
    }

    fn judge(
        &self,
        world: &World,
        refused: &mut Refused,
        place: Place,
        sensitive: bool,
        answer: &Answer,
    ) {
        let user = answer.shown().and_then(|shown| shown.user);
        if user.as_deref() != Some(&self.user) {
            refused.since.get_or_insert(answer.sent);
            refused.known |= answer.ok() && answer.why.is_none();
            return;
        }
        let came_back = refused.known;
        *refused = Refused::default();
        if let Some(what) = self.forbids(world, place, sensitive, came_back, answer) {
            world.judge.violation(what, || {
                format!(
                    "server {}, which listens {} ms after the end, after {} ms, view confirmed {} ms \
                     after it, ended by {}, told: {}",
                    place.server,
                    place.joined.cast_signed() - self.at.cast_signed(),
                    answer.sent.saturating_sub(self.at),
                    answer.confirmed.cast_signed() - self.at.cast_signed(),
                    self.by.server,
                    self.told,
                )
            });
        }
    }

    /// Why it must not be accepted, if so.
    fn forbids(
        &self,
        world: &World,
        place: Place,
        sensitive: bool,
        came_back: bool,
        answer: &Answer,
    ) -> Option<&'static str> {
        let (judge, sent) = (&world.judge, answer.sent);
        let (terms, history) = (judge.terms, judge.history());
        let lives = world.fleet.lives(self.by);
        if place == self.by && sent > self.at {
            return Some("an ended session was accepted by the server that ended it");
        }
        if came_back {
            return Some("an ended session came back");
        }
        // Who knew it is gone, and so is what the engine knew: nobody can tell.
        let forgotten = history.was_lost_at_once(self.at) && !lives;
        if self.told && !forgotten {
            let too_late = if sensitive && sent > self.at + millis(terms.fresh) {
                Some("an ended session was accepted too long, on a sensitive route")
            } else if sent > self.at + terms.limit() {
                Some("an ended session was accepted too long")
            } else {
                (answer.confirmed > self.at).then_some("a confirmed view lacked an ended session")
            };
            if too_late.is_some()
                && let Some(since) = history.may_be_missing(self.at, place.joined, sent)
            {
                judge.count(judge.phase(), |it| it.forgotten.push(since));
                return None;
            }
            if too_late.is_some() {
                return too_late;
            }
        }
        let found = history.was_found_by(sent.saturating_sub(terms.limit()));
        (!self.told && lives && found).then_some("what was not told stayed so")
    }

    fn record(&self, judge: &Judge, seen: &BTreeMap<usize, Haunted>) {
        let from_begin: Vec<_> = seen.values().filter(|it| it.from_begin).collect();
        let until = |refused: &Refused| refused.since.map(|it| it.saturating_sub(self.at));
        judge.count(self.phase, |it| {
            if self.told {
                it.standard.extend(from_begin.iter().filter_map(|it| until(&it.standard)));
                it.sensitive.extend(from_begin.iter().filter_map(|it| until(&it.sensitive)));
            } else {
                it.untold_until.extend(from_begin.iter().filter_map(|it| until(&it.standard)));
            }
        });
    }
}
