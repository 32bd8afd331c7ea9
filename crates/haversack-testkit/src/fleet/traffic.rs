//! Requests under way, and what the network does to them.

use std::{fmt, time::Duration};

use crate::{
    Page, SeededEntropy,
    browser::{Departed, RequestBuilder, Serve, Served},
};

/// A response that comes later than this after its request left does not come at all. Sessions may
/// rely on that.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Of so many requests and responses each, one is lost.
const LOST: u64 = 20;
/// Of so many responses, one is torn.
const TORN: u64 = 8;

/// Requests under way, on a network that delays, reorders, loses and tears.
///
/// [`send`](Self::send) lets a request depart with the cookies of that moment; each
/// [`step`](Self::step) is one thing that happens to one of those under way, chosen by the seed: it
/// reaches a server, or its response arrives. Nothing happens by itself, so that the test can move
/// the clock, crash a server and send more in between. Redirects are not followed.
///
/// Every request carries a `tag`, what the test wants to remember of it.
pub struct Traffic<S, B, T> {
    dice: SeededEntropy,
    under_way: Vec<UnderWay<S, B, T>>,
}

struct UnderWay<S, B, T> {
    departed_ms: u64,
    tag: T,
    leg: Leg<S, B>,
}

enum Leg<S, B> {
    There(Departed<S, B>),
    Back(Served),
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Landed<T> {
    /// What the request was sent with.
    pub tag: T,
    /// How its response came.
    pub fate: Fate,
}

/// How a response came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fate {
    /// The response came, every line of it: the client knows that the server has acted.
    Whole(Page),
    /// The connection broke after so many `Set-Cookie` lines, be it all of them: the client has
    /// these, and does not know what became of its request.
    Torn {
        /// What the server had sent.
        page: Page,
        /// Of how many lines the browser has learnt.
        lines: usize,
    },
    /// Nothing came. A server may have acted: then this is what it had sent.
    Lost(Option<Page>),
}

impl<T> Landed<T> {
    /// The page, if the whole of it came.
    pub fn page(&self) -> Option<&Page> {
        match &self.fate {
            Fate::Whole(page) => Some(page),
            Fate::Torn { .. } | Fate::Lost(_) => None,
        }
    }

    /// How many `Set-Cookie` lines came.
    pub fn lines(&self) -> usize {
        match &self.fate {
            Fate::Whole(page) => page.set_cookies.len(),
            Fate::Torn { lines, .. } => *lines,
            Fate::Lost(_) => 0,
        }
    }
}

impl<S: Serve<B>, B: From<String> + Send + 'static, T> Traffic<S, B, T> {
    /// A network with nothing under way. [`Fleet::traffic`](crate::Fleet::traffic) takes the seed
    /// of the fleet.
    pub fn new(seed: u64) -> Self {
        Self { dice: SeededEntropy::new(seed), under_way: Vec::new() }
    }

    /// Lets a request depart.
    ///
    /// # Panics
    ///
    /// As [`RequestBuilder::depart`].
    pub fn send(&mut self, request: RequestBuilder<S, B>, tag: T) {
        let departed = request.depart();
        let departed_ms = departed.now_ms();
        self.under_way.push(UnderWay { departed_ms, tag, leg: Leg::There(departed) });
    }

    /// One thing happens to one of the requests under way; what became of it, if this was the last.
    ///
    /// What is older than five minutes is lost, and so is what a server that crashed since had sent.
    pub async fn step(&mut self) -> Option<Landed<T>> {
        let count = u64::try_from(self.under_way.len()).unwrap_or(u64::MAX);
        if count == 0 {
            return None;
        }
        let chosen = usize::try_from(self.dice.below(count)).unwrap_or(0);
        let UnderWay { departed_ms, tag, leg } = self.under_way.swap_remove(chosen);
        let lost = self.dice.below(LOST) == 0;
        let fate = match leg {
            Leg::There(departed) => {
                if lost || is_late(departed.now_ms(), departed_ms) {
                    Fate::Lost(None)
                } else if let Ok(served) = departed.try_serve().await {
                    self.under_way.push(UnderWay { departed_ms, tag, leg: Leg::Back(served) });
                    return None;
                } else {
                    Fate::Lost(None)
                }
            }
            Leg::Back(served) => {
                let lines = served.page().set_cookies.len();
                if lost || served.has_crashed() || is_late(served.now_ms(), departed_ms) {
                    Fate::Lost(Some(served.lose()))
                } else if self.dice.below(TORN) == 0 {
                    let sides = u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1);
                    let lines = usize::try_from(self.dice.below(sides)).unwrap_or(0);
                    Fate::Torn { page: served.apply_lines(lines), lines }
                } else {
                    Fate::Whole(served.apply())
                }
            }
        };
        Some(Landed { tag, fate })
    }
}

impl<S, B, T> Traffic<S, B, T> {
    /// How many requests are under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// The tags of what is under way.
    pub fn tags_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.under_way.iter_mut().map(|under_way| &mut under_way.tag)
    }
}

fn is_late(now_ms: u64, departed_ms: u64) -> bool {
    u128::from(now_ms.saturating_sub(departed_ms)) >= PATIENCE.as_millis()
}

impl<S, B, T: fmt::Debug> fmt::Debug for Traffic<S, B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags = self.under_way.iter().map(|under_way| &under_way.tag);
        f.debug_list().entries(tags).finish()
    }
}
