//! A person's browser: what it was told must stay true.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use haversack_testkit::SeededEntropy;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::client::{Answer, Http, Jar};
use super::fleet::{Fleet, Place};
use super::ghost::Ghost;
use super::judge::{Judge, Route};
use super::plan::Plan;
use super::server::Shown;

/// What everybody has in common.
#[derive(Clone)]
pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) http: Http,
    pub(super) judge: Judge,
}

pub(super) struct Browser {
    world: World,
    number: usize,
    dice: SeededEntropy,
    jar: Jar,
    user: Option<String>,
    /// Acknowledged writes.
    have: BTreeMap<u8, u64>,
    next: u64,
    /// One act in so many ends the session, in each of two ways.
    ends: usize,
    ghosts: JoinSet<()>,
}

impl Browser {
    pub(super) fn new(world: World, number: usize, plan: &Plan) -> Self {
        Self {
            dice: plan.dice(2 + number as u64),
            ends: if plan.quick { 40 } else { 150 },
            jar: Jar::new(),
            user: None,
            have: BTreeMap::new(),
            next: 0,
            ghosts: JoinSet::new(),
            world,
            number,
        }
    }

    fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.dice.below(sides as u64)).unwrap_or_default()
    }

    /// Until the run ends; then everything is looked at once more.
    pub(super) async fn run(mut self) {
        while !self.world.judge.is_ending() {
            let pause = 100 + self.dice.below(400);
            sleep(Duration::from_millis(pause)).await;
            if self.user.is_none() {
                self.login().await;
                continue;
            }
            match self.roll(self.ends) {
                0 => self.logout().await,
                1 => self.revoke().await,
                _ => self.act().await,
            }
        }
        for place in self.world.fleet.ready() {
            self.read_on(place, "/read", Route::Standard).await;
        }
        while self.ghosts.join_next().await.is_some() {}
    }

    async fn act(&mut self) {
        match self.roll(50) {
            0 => self.renew().await,
            1..=10 => self.write().await,
            11..=15 => self.read("/sensitive", Route::Sensitive).await,
            _ => self.read("/read", Route::Standard).await,
        }
    }

    /// A server that is ready now.
    async fn place(&mut self) -> Place {
        loop {
            let ready = self.world.fleet.ready();
            if !ready.is_empty() {
                return ready[self.roll(ready.len())];
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn send(&mut self, place: Place, method: Method, path: &str) -> Option<Answer> {
        let cookies = self.jar.cookies(&method);
        let answer = self.world.http.send(place.address, method, path, cookies.as_deref()).await;
        if let Some(answer) = &answer {
            self.jar.take(answer);
        }
        answer
    }

    async fn read(&mut self, path: &str, route: Route) {
        let place = self.place().await;
        self.read_on(place, path, route).await;
    }

    async fn read_on(&mut self, place: Place, path: &str, route: Route) {
        let phase = self.world.judge.phase();
        let answer = self.send(place, Method::GET, path).await;
        if self.world.judge.answered(place, phase, route, answer.as_ref())
            && let Some(shown) = answer.as_ref().and_then(Answer::shown)
        {
            self.compare(place, &shown);
        }
    }

    fn compare(&self, place: Place, shown: &Shown) {
        let who = || format!("browser {} on server {}", self.number, place.server);
        if shown.user != self.user {
            self.world.judge.violation("a session was lost", || {
                format!("{}: {:?} instead of {:?}", who(), shown.user, self.user)
            });
            return;
        }
        for (slot, value) in &self.have {
            let held = shown.notes.get(slot).copied().unwrap_or_default();
            if held < *value {
                self.world.judge.violation("an acknowledged write was lost", || {
                    format!("{}: {held} instead of {value} in {slot}", who())
                });
            }
        }
    }

    async fn write(&mut self) {
        let (place, phase) = (self.place().await, self.world.judge.phase());
        let slot = u8::try_from(self.dice.below(8)).unwrap_or_default();
        self.next += 1;
        let value = self.next;
        let answer = self.send(place, Method::POST, &format!("/write/{slot}/{value}")).await;
        if self.world.judge.answered(place, phase, Route::Standard, answer.as_ref()) {
            self.have.insert(slot, value);
        }
    }

    async fn login(&mut self) {
        let (place, phase) = (self.place().await, self.world.judge.phase());
        self.next += 1;
        let name = format!("user-{}-{}", self.number, self.next);
        let answer = self.send(place, Method::POST, &format!("/login/{name}")).await;
        self.world.judge.answered(place, phase, Route::Identity, answer.as_ref());
        if answer.is_some_and(|answer| answer.ok()) {
            self.user = Some(name);
            self.have.clear();
        }
    }

    async fn renew(&mut self) {
        let (place, phase) = (self.place().await, self.world.judge.phase());
        let answer = self.send(place, Method::POST, "/renew").await;
        self.world.judge.answered(place, phase, Route::Renewal, answer.as_ref());
        if answer.is_none() {
            // It may have been renewed, and then the cookies that are here end five minutes later.
            self.begin_anew();
        }
    }

    async fn logout(&mut self) {
        let (place, phase) = (self.place().await, self.world.judge.phase());
        let Some(cookies) = self.jar.cookies(&Method::GET) else { return };
        let answer = self.send(place, Method::POST, "/logout").await;
        self.world.judge.answered(place, phase, Route::Identity, answer.as_ref());
        let Some(answer) = answer else { return self.begin_anew() };
        // What a server cannot read it cannot revoke: it ends in this jar only.
        let unread = answer.ok() && answer.why.is_some();
        let ended = answer.ok() || answer.is("unpublished");
        if ended && !unread {
            self.haunt(cookies, &answer, place, phase);
        }
        if ended {
            self.user = None;
            self.have.clear();
            self.read("/read", Route::Standard).await;
        }
    }

    /// All sessions of the user are ended by somebody else.
    async fn revoke(&mut self) {
        let (place, phase) = (self.place().await, self.world.judge.phase());
        let (Some(cookies), Some(user)) = (self.jar.cookies(&Method::GET), self.user.clone())
        else {
            return;
        };
        let path = format!("/revoke/{user}");
        let answer = self.world.http.send(place.address, Method::POST, &path, None).await;
        if let Some(answer) = &answer {
            self.haunt(cookies, answer, place, phase);
        }
        self.begin_anew();
    }

    /// Keeps a copy of the cookies, and tries it again and again.
    fn haunt(&mut self, cookies: String, answer: &Answer, by: Place, phase: usize) {
        let Some(user) = self.user.clone() else { return };
        let told = answer.ok();
        self.world.judge.count(phase, |it| {
            it.told += u64::from(told);
            it.untold += u64::from(!told);
        });
        let why = answer.why.clone().unwrap_or_default();
        if why.contains("in the future") {
            self.world.judge.violation("a revocation was refused", || why);
        }
        let ghost = Ghost { cookies, user, at: answer.got, by, told, phase };
        self.ghosts.spawn(ghost.haunt(self.world.clone()));
    }

    fn begin_anew(&mut self) {
        (self.jar, self.user) = (Jar::new(), None);
        self.have.clear();
    }
}
