//! One person at a browser: what they do, and what they may expect to find again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::Method;
use tokio::task::JoinSet;

use super::app::Data;
use super::client::{Browser, Reply};
use super::headless::Course;
use super::store::PRODUCTS;

/// Entries that one person keeps, so that their session stays within its budget.
const MOST_NOTES: usize = 16;
const MOST_PIECES: usize = 16;
/// Requests that one person sends at once, at most: what browsers do to one server.
const BURST: u64 = 6;

pub(super) struct Person {
    browser: Arc<Browser>,
    course: Arc<Course>,
    random: Random,
    next_id: u64,
    /// What was acknowledged, and nothing else.
    expected: Data,
    /// Updates acknowledged since the last look, by what they changed.
    unseen: BTreeMap<What, u64>,
    pub(super) score: Score,
}

/// What was acknowledged, and what came of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Score {
    pub(super) acknowledged: u64,
    pub(super) found: u64,
    pub(super) lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Name,
    Note(u64),
    Piece(u64),
    Theme,
}

/// One update, as a form and as what it should come to.
#[derive(Clone)]
enum Update {
    AddNote(u64, String),
    AddPiece(u64, u8),
    Login(String),
    RemoveNote(u64),
    RemovePiece(u64),
    Theme(&'static str),
}

impl Update {
    fn request(&self) -> (&'static str, String) {
        match self {
            // Texts are letters, digits and spaces: no escaping but of the space.
            Update::AddNote(id, text) => {
                ("/notes/add", format!("id={id}&text={}", text.replace(' ', "+")))
            }
            Update::AddPiece(id, product) => ("/cart/add", format!("id={id}&product={product}")),
            Update::Login(name) => ("/login", format!("name={name}")),
            Update::RemoveNote(id) => ("/notes/remove", format!("id={id}")),
            Update::RemovePiece(id) => ("/cart/remove", format!("id={id}")),
            Update::Theme(theme) => ("/theme", format!("theme={theme}")),
        }
    }

    fn apply(self, data: &mut Data) -> What {
        match self {
            Update::AddNote(id, text) => {
                data.notes.insert(id, text);
                What::Note(id)
            }
            Update::AddPiece(id, product) => {
                data.cart.insert(id, product);
                What::Piece(id)
            }
            Update::Login(name) => {
                data.name = Some(name);
                What::Name
            }
            Update::RemoveNote(id) => {
                data.notes.remove(&id);
                What::Note(id)
            }
            Update::RemovePiece(id) => {
                data.cart.remove(&id);
                What::Piece(id)
            }
            Update::Theme(theme) => {
                theme.clone_into(&mut data.theme);
                What::Theme
            }
        }
    }
}

impl Person {
    pub(super) fn new(number: u64, browser: Browser, course: Arc<Course>) -> Self {
        Self {
            browser: Arc::new(browser),
            course,
            random: Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            next_id: 1_700_000_000_000,
            expected: Data { theme: "auto".to_owned(), ..Data::default() },
            unseen: BTreeMap::new(),
            score: Score::default(),
        }
    }

    /// Uses the application for about `requests` requests.
    pub(super) async fn live(&mut self, requests: u64) {
        let mut left = requests;
        while left > 0 {
            let burst = self.random.below(BURST).min(left).max(1);
            left -= match self.random.below(100) {
                0..40 => {
                    self.send(Method::GET, "/").await;
                    1
                }
                40..55 => self.burst(burst).await,
                55..60 if self.expected.name.is_some() => self.sign_out().await.min(left),
                55..64 if self.expected.name.is_none() => {
                    let name = format!("Person{}", self.random.below(1000));
                    self.update(Update::Login(name)).await
                }
                64..68 => {
                    let theme = ["light", "dark", "auto"][self.random.index(3)];
                    self.update(Update::Theme(theme)).await
                }
                68..76 if !self.expected.notes.is_empty() => {
                    let at = self.random.index(self.expected.notes.len());
                    let id = self.expected.notes.keys().nth(at).copied().unwrap_or_default();
                    self.update(Update::RemoveNote(id)).await
                }
                76..82 if !self.expected.cart.is_empty() => {
                    let at = self.random.index(self.expected.cart.len());
                    let id = self.expected.cart.keys().nth(at).copied().unwrap_or_default();
                    self.update(Update::RemovePiece(id)).await
                }
                _ => {
                    let update = self.addition();
                    self.update(update).await
                }
            };
        }
    }

    fn addition(&mut self) -> Update {
        self.next_id += 1;
        let id = self.next_id;
        let (notes, pieces) = (self.expected.notes.len(), self.expected.cart.len());
        match (notes >= MOST_NOTES, pieces >= MOST_PIECES) {
            (true, true) => Update::Theme("auto"),
            (false, other) if other || self.random.below(2) == 0 => {
                Update::AddNote(id, format!("note {id} of mine"))
            }
            _ => Update::AddPiece(id, u8::try_from(self.random.index(PRODUCTS.len())).unwrap_or(0)),
        }
    }

    async fn send(&self, method: Method, path: &str) {
        let sent = self.browser.send(method, path, "");
        self.course.run(sent).await;
    }

    async fn update(&mut self, update: Update) -> u64 {
        let (path, form) = update.request();
        let reply = self.course.run(self.browser.send(Method::POST, path, &form)).await;
        if reply.is_some_and(|reply| reply.acknowledges()) {
            self.note(update);
        }
        1
    }

    fn note(&mut self, update: Update) {
        self.score.acknowledged += 1;
        *self.unseen.entry(update.apply(&mut self.expected)).or_default() += 1;
    }

    /// Several additions that are under way at the same time, each to whichever replica.
    async fn burst(&mut self, size: u64) -> u64 {
        let mut flying = JoinSet::new();
        for _ in 0..size {
            let update = self.addition();
            let (browser, course) = (Arc::clone(&self.browser), Arc::clone(&self.course));
            if matches!(update, Update::Theme(_)) {
                continue; // full
            }
            flying.spawn(async move {
                let (path, form) = update.request();
                let reply = course.run(browser.send(Method::POST, path, &form)).await;
                (update, reply.is_some_and(|reply| reply.acknowledges()))
            });
        }
        while let Some(landed) = flying.join_next().await {
            if let Ok((update, true)) = landed {
                self.note(update);
            }
        }
        size
    }

    /// Looks at everything, since it is gone afterwards but for the theme, and signs out.
    async fn sign_out(&mut self) -> u64 {
        self.look().await;
        let jar = self.browser.copy();
        let reply = self.course.run(self.browser.send(Method::POST, "/logout", "")).await;
        if let Some(reply) = reply.filter(Reply::acknowledges) {
            if let Some(jar) = jar {
                self.course.thief.show(&jar);
            }
            let theme = std::mem::take(&mut self.expected.theme);
            self.expected = Data { theme, ..Data::default() };
            // The first replica may have died after it told the fleet: then the next one refused the
            // jar, and what outlives a logout with it.
            if reply.attempts > 1 && self.theme().await.as_deref() == Some("auto") {
                "auto".clone_into(&mut self.expected.theme);
            }
            self.score.acknowledged += 1;
            *self.unseen.entry(What::Name).or_default() += 1;
        }
        2
    }

    async fn theme(&self) -> Option<String> {
        let reply = self.browser.send(Method::GET, "/data.json", "").await?;
        serde_json::from_slice::<Data>(&reply.body).ok().map(|data| data.theme)
    }

    /// Compares what is there with what was acknowledged.
    pub(super) async fn look(&mut self) {
        let reply = self.course.run(self.browser.send(Method::GET, "/data.json", "")).await;
        let actual = reply.filter(|reply| reply.status.is_success());
        let actual = actual.and_then(|reply| serde_json::from_slice::<Data>(&reply.body).ok());
        let unseen = std::mem::take(&mut self.unseen);
        let wrong = actual.map(|actual| differences(&self.expected, &actual));
        for (what, updates) in &unseen {
            match &wrong {
                Some(wrong) if !wrong.contains(what) => self.score.found += updates,
                _ => self.score.lost += updates,
            }
        }
        // What was fine at the last look, and what nobody wrote.
        let others = wrong.iter().flatten().filter(|what| !unseen.contains_key(what));
        self.score.lost += others.count() as u64;
    }
}

fn differences(expected: &Data, actual: &Data) -> Vec<What> {
    let mut wrong = Vec::new();
    if expected.name != actual.name {
        wrong.push(What::Name);
    }
    if expected.theme != actual.theme {
        wrong.push(What::Theme);
    }
    wrong.extend(unequal(&expected.notes, &actual.notes).map(What::Note));
    wrong.extend(unequal(&expected.cart, &actual.cart).map(What::Piece));
    wrong
}

fn unequal<'a, V: PartialEq>(
    left: &'a BTreeMap<u64, V>,
    right: &'a BTreeMap<u64, V>,
) -> impl Iterator<Item = u64> + 'a {
    let ids = left.keys().chain(right.keys().filter(|id| !left.contains_key(id)));
    ids.copied().filter(|id| left.get(id) != right.get(id))
}

/// A small generator (xorshift64*), so that every run does the same.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }
}
