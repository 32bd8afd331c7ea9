//! Which requests leave, and what is remembered of them.

use crate::app::{Act, USERS};
use crate::fleet::COOKIE_LINE;
use crate::oracle::{Known, World};
use crate::plan::Load;
use crate::tally::Happening;

use super::Schedule;

/// A request under way, as the client remembers it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Counted from one.
    pub(super) number: u32,
    pub(super) act: Act,
    pub(super) known: Known,
    /// Its cookies: how many, and how many characters.
    pub(super) cookies: usize,
    pub(super) chars: usize,
}

/// A handler that is slow takes up to this, beyond the five minutes that a response may take.
const SLOWEST_MS: u64 = 400_000;

/// What a write of a small item takes in the `Cookie` line.
const SMALL_WRITE: usize = 118;

/// With more cookies than this no identity event leaves: a server may not open all of them, and a
/// logout drops what it has not opened.
const FEW_COOKIES: usize = 48;

impl Schedule {
    pub(super) fn send(&mut self) {
        let act = self.next_act();
        let cross_site = self.plan.cross_site && act != Act::Look && self.roll(6) == 0;
        self.send_act(act, cross_site);
    }

    pub(super) fn send_act(&mut self, act: Act, cross_site: bool) {
        let sent = self.remember(act, cross_site);
        let mut path = sent.act.path();
        let slow = self.plan.slow_handlers && self.roll(6) == 0;
        if slow {
            let longest = [2_000, 280_000, SLOWEST_MS][self.below(3)];
            path = format!("{path}?{}", self.roll(longest));
            self.count(Happening::SlowHandler);
        }
        let server = self.any_up();
        self.say(|| {
            let (number, cookies) = (sent.number, sent.cookies);
            format!("#{number} leaves for server {server}: {path}, {cookies} cookies")
        });
        let tab = self.fleet.tab(server);
        let mut request = match sent.act {
            Act::Look => tab.get(&path),
            _ => tab.post(&path),
        };
        if cross_site {
            self.count(Happening::CrossSite);
            request = request.cross_site();
        }
        self.traffic.send(request, sent);
    }

    /// What the client knows when a request leaves.
    pub(super) fn remember(&mut self, act: Act, cross_site: bool) -> Sent {
        self.requests += 1;
        self.count(Happening::Sent);
        let now_ms = self.fleet.now_ms();
        let (cookies, chars) = self.fleet.observer().with_jar(|jar| {
            let cookies = jar.iter().filter(|cookie| !cookie.is_expired(now_ms));
            cookies.fold((0, 0), |(count, chars), cookie| {
                (count + 1, chars + cookie.name.len() + cookie.value.len() + 3)
            })
        });
        let jarless = cross_site || cookies == 0;
        let known = self.oracle.known(jarless);
        let (cookies, chars) = if cross_site { (0, 0) } else { (cookies, chars) };
        Sent { number: self.requests, act, known, cookies, chars }
    }

    pub(super) fn next_value(&mut self) -> u32 {
        self.value += 1;
        self.value
    }

    fn next_act(&mut self) -> Act {
        if self.plan.identity > 0
            && self.roll(self.plan.identity) == 0
            && let Some(act) = self.identity_act()
        {
            return act;
        }
        match self.roll(20) {
            0..=6 => self.put_in(),
            7 | 8 => Act::Note(self.next_value()),
            9 => Act::Theme(self.next_value()),
            10 => match self.roll(3) {
                0 => Act::Coupon(0),
                _ => Act::Coupon(self.next_value()),
            },
            11 | 12 => {
                let World { items, .. } = self.oracle.world();
                let ids: Vec<u32> =
                    items.iter().filter(|(_, sure)| **sure).map(|(id, _)| *id).collect();
                if ids.is_empty() { Act::Look } else { Act::Remove(ids[self.below(ids.len())]) }
            }
            _ => Act::Look,
        }
    }

    fn put_in(&mut self) -> Act {
        let len = 1 + self.below(self.plan.item);
        let wish = self.roll(4) == 0;
        let id = self.oracle.thing(len, wish);
        if wish { Act::Wish(id, len) } else { Act::Add(id, len) }
    }

    fn identity_act(&mut self) -> Option<Act> {
        let under_way = self.traffic.tags_mut().any(|sent| sent.act.is_identity());
        if !self.oracle.is_sure() || (under_way && !self.plan.overlapping) {
            return None;
        }
        let cookies = self.fleet.observer().with_jar(|jar| jar.iter().count());
        if cookies > FEW_COOKIES {
            return None;
        }
        if under_way {
            self.count(Happening::DoubleIdentity);
        }
        Some(match self.roll(10) {
            0..=4 => Act::Login(USERS[self.below(2 + usize::from(self.plan.overlapping))]),
            5 | 6 => Act::Logout,
            7 => Act::Renew,
            _ => Act::Promote(self.next_value()),
        })
    }

    /// Several tabs are opened at once, each with an empty jar.
    pub(super) async fn first_visits(&mut self) -> Result<(), String> {
        self.count(Happening::FirstVisits);
        for _ in 0..self.plan.first_visits {
            let act = if self.plan.overlapping && self.roll(6) == 0 {
                Act::Login(USERS[self.below(2)])
            } else {
                self.put_in()
            };
            self.send_act(act, false);
            let pause = [0, 2, 30][self.below(3)];
            self.advance(pause);
        }
        for _ in 0..2 * self.plan.first_visits {
            self.travel(true).await?;
        }
        Ok(())
    }

    /// 60 writes at once, or twice as many.
    pub(super) async fn burst(&mut self) -> Result<(), String> {
        self.drain().await?;
        // In a session that there is: first visits are another matter.
        let (note, server) = (Act::Note(self.next_value()), self.any_up());
        self.fleet.catch_up(server);
        self.whole(note, server).await?;
        self.look().await?;
        // What is promised is for a small session: what else is in the jar makes a burst smaller.
        let room = (COOKIE_LINE - 200).saturating_sub(self.jar().0) / SMALL_WRITE;
        let size = if self.plan.load == Load::Burst { room.min(60) } else { 120 };
        self.say(|| format!("a burst of {size}"));
        self.ledger().tally.add_many(Happening::Burst, usize::from(size >= 60));
        for _ in 0..size {
            let act = self.put_in();
            self.send_act(act, false);
        }
        while !self.traffic.is_empty() && !self.refused {
            let pause = [0, 1, 20, 300][self.below(4)];
            self.advance(pause);
            let look = self.roll(5) == 0;
            self.travel(look).await?;
        }
        if self.refused { Ok(()) } else { self.look().await }
    }
}
