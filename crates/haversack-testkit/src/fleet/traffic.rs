//! Requests under way, and what the network does to them.

use std::{fmt, future::poll_fn, task::Poll, time::Duration};

use crate::{
    Clock, Page, SeededEntropy,
    browser::{Broken, Departed, RequestBuilder, Serve, Served, serve::BoxFuture},
};

/// A response that comes later than this after its request left does not come at all. Sessions may
/// rely on that.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Requests under way, on a network that delays, reorders, loses and tears.
///
/// [`send`](Self::send) lets a request depart with the cookies of that moment; each
/// [`step`](Self::step) is one thing that happens to one of those under way, chosen by the seed: it
/// reaches a server, it is looked after there if the server takes its time ([`Clock::sleep`], a
/// [slow feed](crate::RingFeed::set_slow)), or its response arrives. Nothing happens by itself, so
/// that the test can move the clock, crash a server and send more in between. Redirects are not
/// followed.
///
/// Every request carries a `tag`, what the test wants to remember of it.
pub struct Traffic<S, B, T> {
    dice: SeededEntropy,
    weather: Weather,
    under_way: Vec<UnderWay<S, B, T>>,
}

/// How bad a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Of so many requests and of so many responses, one is lost; with 0 none is. Default: 20.
    pub one_lost_of: u64,
    /// Of so many responses, one is torn; with 0 none is. Default: 8.
    pub one_torn_of: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { one_lost_of: 20, one_torn_of: 8 }
    }
}

struct UnderWay<S, B, T> {
    departed_ms: u64,
    clock: Clock,
    tag: T,
    leg: Leg<S, B>,
}

enum Leg<S, B> {
    There(Departed<S, B>),
    AtServer { since_ms: u64, answer: BoxFuture<Result<Served, Broken>> },
    Back { served: Served, arrived_ms: u64, left_ms: u64 },
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
        let (dice, weather) = (SeededEntropy::new(seed), Weather::default());
        Self { dice, weather, under_way: Vec::new() }
    }

    /// A better network, or a worse one.
    #[must_use]
    pub fn weather(mut self, weather: Weather) -> Self {
        self.weather = weather;
        self
    }

    /// Lets a request depart.
    ///
    /// # Panics
    ///
    /// As [`RequestBuilder::depart`].
    pub fn send(&mut self, request: RequestBuilder<S, B>, tag: T) {
        let departed = request.depart();
        let clock = departed.clock();
        let departed_ms = clock.now_ms();
        self.under_way.push(UnderWay { departed_ms, clock, tag, leg: Leg::There(departed) });
    }

    /// One thing happens to one of the requests under way; what became of it, if this was the last.
    ///
    /// Lost is what takes five minutes or longer, from the departure of the request to the arrival
    /// of its response, and what a server that crashed since had sent. A server that itself takes
    /// longer than that can know so: then neither way may take as long.
    pub async fn step(&mut self) -> Option<Landed<T>> {
        let count = u64::try_from(self.under_way.len()).unwrap_or(u64::MAX);
        if count == 0 {
            return None;
        }
        let chosen = usize::try_from(self.dice.below(count)).unwrap_or(0);
        let UnderWay { departed_ms, clock, tag, leg } = self.under_way.swap_remove(chosen);
        let now_ms = clock.now_ms();
        let next = match leg {
            Leg::There(_) if self.rolls(self.weather.one_lost_of) => Err(Fate::Lost(None)),
            Leg::There(_) if is_late(now_ms, departed_ms) => Err(Fate::Lost(None)),
            Leg::There(departed) => {
                wait_at_server(now_ms, Box::pin(departed.try_serve()), &clock).await
            }
            Leg::AtServer { since_ms, answer } => wait_at_server(since_ms, answer, &clock).await,
            Leg::Back { served, arrived_ms, left_ms } => {
                let server_knows = is_late(left_ms, arrived_ms);
                let since_ms = if server_knows { left_ms } else { departed_ms };
                Err(self.arrive(served, is_late(now_ms, since_ms)))
            }
        };
        match next {
            Ok(leg) => {
                self.under_way.push(UnderWay { departed_ms, clock, tag, leg });
                None
            }
            Err(fate) => Some(Landed { tag, fate }),
        }
    }

    fn arrive(&mut self, served: Served, late: bool) -> Fate {
        if late || served.has_crashed() || self.rolls(self.weather.one_lost_of) {
            return Fate::Lost(Some(served.lose()));
        }
        if !self.rolls(self.weather.one_torn_of) {
            return Fate::Whole(served.apply());
        }
        let lines = served.page().set_cookies.len();
        let sides = u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1);
        let lines = usize::try_from(self.dice.below(sides)).unwrap_or(0);
        Fate::Torn { page: served.apply_lines(lines), lines }
    }

    fn rolls(&mut self, one_of: u64) -> bool {
        one_of > 0 && self.dice.below(one_of) == 0
    }
}

/// Looks once whether the server has answered, and lets others run if it has not.
async fn wait_at_server<S, B>(
    since_ms: u64,
    mut answer: BoxFuture<Result<Served, Broken>>,
    clock: &Clock,
) -> Result<Leg<S, B>, Fate> {
    match poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
        Poll::Ready(Ok(served)) => {
            Ok(Leg::Back { served, arrived_ms: since_ms, left_ms: clock.now_ms() })
        }
        Poll::Ready(Err(_)) => Err(Fate::Lost(None)),
        Poll::Pending => {
            let mut yielded = false;
            poll_fn(|cx| {
                if yielded {
                    return Poll::Ready(());
                }
                yielded = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            Ok(Leg::AtServer { since_ms, answer })
        }
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
