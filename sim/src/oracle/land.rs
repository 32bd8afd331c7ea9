//! What the guarantees allow after the lines of a response have landed.

use std::mem;
use std::rc::Rc;

use super::{Field, Known, Oracle, User, World};
use crate::app::Act;

/// What has landed: lines of a response.
#[derive(Clone, Debug)]
pub(crate) struct Landing<'a> {
    pub(crate) act: &'a Act,
    pub(crate) known: &'a Known,
    /// It says that it did what it was asked for; otherwise its lines are upkeep.
    pub(crate) did: bool,
    /// The connection broke, so that nothing is acknowledged.
    pub(crate) torn: bool,
    /// The server may have lacked a key that was in use.
    pub(crate) behind: bool,
    /// When it was answered, in true time.
    pub(crate) answered_ms: u64,
    /// Who was signed in, says the page.
    pub(crate) user: User,
}

/// Whether a write is seen from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Maybe,
    Never,
    Sure,
}

impl Landing<'_> {
    fn field(&self) -> Option<(Field, u32)> {
        match *self.act {
            Act::Coupon(n) => Some((Field::Coupon, n)),
            Act::Note(n) => Some((Field::Note, n)),
            Act::Theme(n) => Some((Field::Theme, n)),
            _ => None,
        }
    }

    /// What of the old session goes on after a logout, and after a switch of user.
    pub(super) fn rest(&self, session: u32) -> World {
        let mut rest = World::empty(session);
        rest.set(Field::Theme, self.known.world().field(Field::Theme));
        rest
    }
}

impl Oracle {
    pub(crate) fn land(&mut self, landing: &Landing<'_>) {
        // Of two identity events at once the later wins, whole. What left in between may have seen
        // the other one, and still clear away what is of the later.
        let clears = !self.rivals.is_empty() && self.is_concurrent(landing.known);
        if *landing.act == Act::Look || !landing.did {
            if clears {
                self.worlds =
                    Rc::new(self.worlds.iter().cloned().map(|w| self.doubted(w)).collect());
            }
            return;
        }
        let new = self.begin();
        let before = mem::take(&mut self.worlds);
        let mut after = Vec::new();
        for world in before.iter() {
            let world = world.clone();
            match landing.act {
                Act::Login(user) => self.login(world, user, landing, new, &mut after),
                Act::Logout => self.logout(world, landing, new, &mut after),
                Act::Promote(_) | Act::Renew => self.renew(world, landing, &mut after),
                _ if clears => after.push(self.doubted(self.write(world, landing))),
                _ => after.push(self.write(world, landing)),
            }
        }
        if landing.act.is_identity() && self.is_concurrent(landing.known) {
            after.extend(self.rivals.iter().map(|user| self.rival(before[0].clone(), user, new)));
        }
        let mut worlds: Vec<World> = Vec::new();
        for world in after {
            if !worlds.contains(&world) {
                worlds.push(world);
            }
        }
        self.worlds = Rc::new(worlds);
        self.remember(landing, &before);
    }

    pub(super) fn is_concurrent(&self, known: &Known) -> bool {
        known.is_unsure() || known.identity_events != self.identity_events
    }

    /// Whether no logout of another session can have closed one that began without the jar.
    pub(super) fn is_beyond_closings(&self, landing: &Landing<'_>) -> bool {
        if landing.known.jarless {
            let begun = landing.answered_ms.saturating_add_signed(self.clocks.slowest_ms);
            self.closing_until_ms.is_none_or(|until| begun > until)
        } else {
            landing.known.closings == self.closings
        }
    }

    fn write(&self, mut world: World, landing: &Landing<'_>) -> World {
        let reach = match self.reach(&world, landing) {
            Reach::Never => {
                Self::overridden(&mut world, landing);
                return world;
            }
            Reach::Sure if landing.torn => Reach::Maybe,
            reach => reach,
        };
        let sure = reach == Reach::Sure;
        match *landing.act {
            Act::Add(id, _) | Act::Wish(id, _) => {
                world.items.insert(id, sure);
            }
            Act::Remove(id) if sure => {
                world.items.remove(&id);
            }
            Act::Remove(id) => {
                world.items.entry(id).and_modify(|sure| *sure = false);
            }
            _ => {}
        }
        if let Some((field, n)) = landing.field() {
            if sure {
                world.set(field, &[n]);
            } else {
                world.allow(field, &[n]);
            }
        }
        world
    }

    fn reach(&self, world: &World, landing: &Landing<'_>) -> Reach {
        let known = landing.known;
        let puts_in = matches!(landing.act, Act::Add(..) | Act::Wish(..));
        if landing.known.begins() {
            let same =
                known.jarless || (!known.is_unsure() && known.world().session == world.session);
            let sure = puts_in && same && self.is_beyond_closings(landing);
            return if sure { Reach::Sure } else { Reach::Maybe };
        }
        if known.is_unsure() {
            return Reach::Maybe;
        }
        let left = known.world();
        let session = self.session(left.session);
        if session.doubtful {
            return Reach::Maybe;
        }
        if session.closed {
            // Of several sessions of one jar that race, a logout closes those that it has seen.
            return if session.begun > 1 { Reach::Maybe } else { Reach::Never };
        }
        if left.session != world.session {
            let hidden = left.user.is_some() && left.user != world.user;
            return if hidden { Reach::Never } else { Reach::Maybe };
        }
        let written =
            |(field, _): (Field, u32)| known.writes[field as usize] != self.writes[field as usize];
        match (left.user, world.user) {
            (left, now) if left == now && landing.field().is_some_and(written) => Reach::Maybe,
            (left, now) if left == now => Reach::Sure,
            // What an anonymous visit wrote fills what the one who signed in lacks.
            (None, Some(_)) if landing.field().is_none() => Reach::Sure,
            (_, None) | (None, _) => Reach::Maybe,
            (Some(_), Some(_)) => Reach::Never,
        }
    }

    /// Of two logins at once one was the later. What the other one's user wrote is not seen, but
    /// may have overridden for good what the anonymous visit had written.
    fn overridden(world: &mut World, landing: &Landing<'_>) {
        let left = landing.known.world().user;
        if left.is_none() || left == world.user {
            return;
        }
        if let Act::Remove(id) = landing.act {
            world.items.entry(*id).and_modify(|sure| *sure = false);
        }
        if let Some((field, _)) = landing.field() {
            world.allow(field, &[0]);
        }
    }

    /// What later landings go by.
    fn remember(&mut self, landing: &Landing<'_>, before: &[World]) {
        const GRACE_MS: u64 = 300_000;
        let Landing { act, known, behind, .. } = *landing;
        let fastest = landing.answered_ms.saturating_add_signed(self.clocks.fastest_ms);
        self.made_until_ms = fastest.max(self.made_until_ms + 2);
        if let Act::Add(id, _) | Act::Wish(id, _) = act
            && !landing.torn
        {
            self.things[*id as usize].owner = Some(landing.user);
        }
        if let Some((field, n)) = landing.field() {
            self.writes[field as usize] += 1;
            self.values[field as usize].push(n);
        }
        if landing.known.begins() && !matches!(act, Act::Logout | Act::Remove(_) | Act::Renew) {
            self.identity_events += 1;
            for world in before {
                self.sessions[world.session as usize].begun += 1;
            }
        }
        if !act.is_identity() {
            return;
        }
        let concurrent = self.is_concurrent(known);
        self.identity_events += 1;
        let left = known.world().user;
        match *act {
            Act::Login(user) => {
                let others = || before.iter().filter_map(|world| world.user);
                if concurrent || (known.begins() && others().next().is_some()) {
                    self.rivals.extend(others().chain(left).chain([user]));
                    self.rivals.sort_unstable();
                    self.rivals.dedup();
                }
            }
            Act::Logout if !concurrent && !known.begins() => self.rivals.clear(),
            Act::Promote(role) => self.values[Field::Role as usize].push(role),
            _ => {}
        }
        let switches = matches!(act, Act::Login(user) if left.is_some_and(|left| left != *user));
        let drops = behind && matches!(act, Act::Login(_));
        if known.jarless || !(*act == Act::Logout || switches || drops) {
            return;
        }
        if behind {
            self.made_until_ms += GRACE_MS + 1000;
        }
        self.closings += 1;
        self.closing_until_ms = Some(self.made_until_ms);
        for world in known.worlds.iter() {
            let session = &mut self.sessions[world.session as usize];
            // Without a session there is nothing to close, but what is known of that may be old.
            session.doubtful |= behind || known.is_unsure() || known.fresh;
            session.closed |= !session.doubtful;
        }
    }
}
