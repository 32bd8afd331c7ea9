//! Gaps, and what must be true when nothing is under way any more.

use http::StatusCode;

use crate::app::{ABSOLUTE_MS, Act, IDLE_MS, LEEWAY_MS, View};
use crate::fleet::COOKIE_LINE;
use crate::plan::Load;
use crate::tally::Happening;

use super::Schedule;

/// After this nothing that is in the jar can be of a response under way: three times grace, what
/// clocks differ, and what a login beside a late ring is stamped ahead.
const SETTLED_MS: u64 = 26 * 60_000;
/// How long nothing is under way before writes pass again, and how often somebody looks meanwhile.
const QUIET_MS: u64 = 20_000;
const LOOKS: u64 = 10;
/// How often somebody looks after that until they must.
const MORE_LOOKS: u32 = 60;
/// Each a look at every server: how many it may take until there is no upkeep left.
const ROUNDS: usize = 60;
/// Four fragments of each kind that a fold could take, a large one of each, and the root.
const SMALL_JAR: usize = 11;
/// What a session takes that a request begins, its one item aside, with some padding.
const BEGUN_CHARS: usize = 270;
/// Sessions that begin at the same moment leave room for writes, if they take no more.
const ROOM: usize = 3_000;
/// What the smallest fold adds to the line until what it took is deleted.
const SMALLEST_FOLD: usize = 130;
/// The `Cookie` line of a jar at rest.
const SMALL_CHARS: usize = 5_000;

impl Schedule {
    pub(super) async fn end(&mut self) -> Result<(), String> {
        self.fleet.mend();
        self.drain().await?;
        for _ in 0..LOOKS {
            self.advance(QUIET_MS / LOOKS);
            self.visit().await?;
            if self.refused {
                return Ok(());
            }
        }
        self.must_be_writable().await?;
        if self.refused {
            return Ok(());
        }
        self.rest().await?;
        if self.plan.old_age && !self.refused {
            self.grow_old().await?;
        }
        Ok(())
    }

    /// One look at a server that is up, which arrives whole, and what is visible then.
    async fn visit(&mut self) -> Result<Option<View>, String> {
        let server = self.any_up();
        self.visit_on(server).await.map(|(view, _)| view)
    }

    /// The view, and how many lines came with it.
    async fn visit_on(&mut self, server: usize) -> Result<(Option<View>, usize), String> {
        self.fleet.catch_up(server);
        let page = self.whole(Act::Look, server).await?;
        let Some(page) = page else { return Ok((None, 0)) };
        self.look().await?;
        Ok((self.view_of(&page)?, page.set_cookies.len()))
    }

    /// A request that is answered and arrives at once; `None` if the front door refused it.
    pub(super) async fn whole(
        &mut self,
        act: Act,
        server: usize,
    ) -> Result<Option<haversack_testkit::Page>, String> {
        let sent = self.remember(act, false);
        let tab = self.fleet.tab(server);
        let path = sent.act.path();
        let request = if sent.act == Act::Look { tab.get(&path) } else { tab.post(&path) };
        let page = request.await;
        self.read_notes();
        self.arrived(&sent, &page, None)?;
        Ok((!self.refused).then_some(page))
    }

    /// Within 20 seconds of quiet every write passes again: where clocks differ, once the fastest of
    /// them has passed as well. A burst takes more looks than a person makes in that time.
    async fn must_be_writable(&mut self) -> Result<(), String> {
        // Sessions that began at the same moment fold only once nothing can be under way any more;
        // one of them may be that of the burst.
        let begun = self.oracle.begun();
        let chars = usize::try_from(begun).expect("few") * (BEGUN_CHARS + self.plan.item);
        // And what is over is kept for as long, and counts until then.
        let expired = self.fleet.now_ms() - self.epoch_ms < SETTLED_MS && self.gaps_to_come < 2;
        let many_begun = chars > ROOM || (self.has_burst() && begun > 1) || expired;
        for look in 0..MORE_LOOKS {
            let (act, server) = (Act::Note(self.next_value()), self.any_up());
            let Some(page) = self.whole(act, server).await? else { return Ok(()) };
            self.look().await?;
            if page.status != StatusCode::SERVICE_UNAVAILABLE {
                return Ok(());
            }
            if self.is_stuck() {
                return Ok(());
            }
            if many_begun {
                self.count(Happening::WritableSettled);
                return Ok(());
            }
            if look == 0 {
                self.count(Happening::WritableLate);
                if !self.has_burst() && self.fleet.spread_ms() == 0 {
                    break;
                }
                self.advance(self.fleet.spread_ms() + 10_000);
            }
            self.count(Happening::MoreLooks);
            self.visit().await?;
        }
        Err("not writable after a while of quiet".into())
    }

    /// Beyond what is promised, a jar may be so full that no fold fits the line any more: as good as
    /// refused.
    fn is_stuck(&mut self) -> bool {
        if !self.plan.is_safe() && self.jar().0 + SMALLEST_FOLD > COOKIE_LINE {
            self.count(Happening::Stuck);
            self.refused = true;
        }
        self.refused
    }

    fn has_burst(&self) -> bool {
        matches!(self.plan.load, Load::Burst | Load::Excessive)
    }

    /// After a while of quiet there is no upkeep left, and the jar is small.
    async fn rest(&mut self) -> Result<(), String> {
        self.advance(SETTLED_MS);
        let mut rounds = 0;
        loop {
            let mut lines = 0;
            for server in 0..self.fleet.count() {
                lines += self.visit_on(server).await?.1;
            }
            if self.refused || self.is_stuck() {
                return Ok(());
            }
            if lines == 0 {
                break;
            }
            rounds += 1;
            if rounds > ROUNDS {
                return Err("upkeep never ends".into());
            }
        }
        self.count(Happening::FixedPoint);
        self.active_ms = self.fleet.now_ms();
        let names: Vec<String> = self
            .fleet
            .observer()
            .with_jar(|jar| jar.iter().map(|cookie| cookie.name.clone()).collect());
        let of = |kind| names.iter().filter(|name| name.contains(kind)).count();
        if names.len() > SMALL_JAR || of(".r") > 1 || of(".e") > 0 || self.jar().0 > SMALL_CHARS {
            return Err("the jar is not small at rest".into());
        }
        let (act, server) = (Act::Theme(self.next_value()), self.any_up());
        let page = self.whole(act, server).await?;
        if page.is_some_and(|page| page.status == StatusCode::SERVICE_UNAVAILABLE) {
            return Err("not writable at rest".into());
        }
        self.look().await
    }

    /// So that no session idles out unless it is meant to.
    pub(super) async fn stay_alive(&mut self) -> Result<(), String> {
        for _ in 0..3 {
            self.visit().await?;
        }
        self.active_ms = self.fleet.now_ms();
        Ok(())
    }

    /// A pause that a session survives, one that it does not, or one about the idle limit.
    pub(super) async fn gap(&mut self) -> Result<(), String> {
        self.fleet.mend();
        self.drain().await?;
        self.rest().await?;
        if self.refused {
            return Ok(());
        }
        let over = IDLE_MS + LEEWAY_MS + 2 * self.fleet.spread_ms() + 1_000;
        match self.roll(3) {
            0 => {
                let gap = IDLE_MS / 10 + self.roll(IDLE_MS * 7 / 10);
                self.say(|| "a gap that the session survives".into());
                self.advance(gap);
                self.look().await?;
                self.count(Happening::GapAlive);
                self.stay_alive().await
            }
            1 => {
                let gap = over + self.roll(2 * IDLE_MS);
                self.say(|| "a gap that no session survives".into());
                self.advance(gap);
                self.count(Happening::GapOver);
                self.all_over().await
            }
            _ => self.gap_at_the_edge(over).await,
        }
    }

    async fn gap_at_the_edge(&mut self, over: u64) -> Result<(), String> {
        let gap = IDLE_MS * 86 / 100 + self.roll(IDLE_MS * 26 / 100);
        self.say(|| "a gap about the idle limit".into());
        self.advance(gap);
        for _ in 0..3 {
            let server = self.any_up();
            let page = self.fleet.tab(server).get("/").await;
            self.read_notes();
            let Some(view) = self.view_of(&page)? else { return Ok(()) };
            if self.oracle.survived(&view)? {
                self.count(Happening::GapEdgeAlive);
                return self.stay_alive().await;
            }
        }
        self.count(Happening::GapEdgeOver);
        self.advance(over.saturating_sub(gap));
        self.all_over().await
    }

    /// Every session is over, on every server, and stays so.
    async fn all_over(&mut self) -> Result<(), String> {
        self.oracle.expire();
        self.epoch_ms = self.fleet.now_ms();
        for server in 0..self.fleet.count() {
            self.visit_on(server).await?;
        }
        self.active_ms = self.fleet.now_ms();
        Ok(())
    }

    /// Uses the session again and again, until nobody can.
    async fn grow_old(&mut self) -> Result<(), String> {
        let spread = self.fleet.spread_ms();
        let alive_until = self.epoch_ms + ABSOLUTE_MS - spread;
        let over_from = self.fleet.now_ms() + ABSOLUTE_MS + LEEWAY_MS + spread + 1_000;
        let mut over = false;
        while self.fleet.now_ms() < over_from {
            let hop = (IDLE_MS * 6 / 10).min(over_from - self.fleet.now_ms());
            self.advance(hop);
            if self.fleet.now_ms() < alive_until {
                self.visit().await?;
                self.visit().await?;
                continue;
            }
            let server = self.any_up();
            let page = self.fleet.tab(server).get("/").await;
            self.read_notes();
            self.view_of(&page)?;
            let Some(view) = self.peek().await? else { return Ok(()) };
            let survived = self.oracle.survived(&view)?;
            let is_back = over && survived && !self.oracle.world().shows_nothing();
            if is_back && spread == 0 {
                return Err("an expired session is back".into());
            }
            over |= !survived;
        }
        self.count(Happening::OldAge);
        self.all_over().await
    }
}
