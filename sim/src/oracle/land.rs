//! What the guarantees allow after the lines of a response have landed.

use std::mem;
use std::rc::Rc;

use super::{Field, Known, Oracle, User, World};
use crate::app::{Act, MEMBER};

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
    fn rest(&self, session: u32) -> World {
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

    fn is_concurrent(&self, known: &Known) -> bool {
        known.is_unsure() || known.identity_events != self.identity_events
    }

    /// Whether no logout of another session can have closed one that began without the jar.
    fn is_beyond_closings(&self, landing: &Landing<'_>) -> bool {
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

    fn login(
        &self,
        world: World,
        user: &'static str,
        landing: &Landing<'_>,
        new: u32,
        after: &mut Vec<World>,
    ) {
        let known = landing.known;
        let concurrent = self.is_concurrent(known);
        let switches = known.world().user.is_some_and(|before| before != user);
        let signed_in = |mut world: World| {
            world.user = Some(user);
            let role: &[u32] = if switches { &[0, MEMBER] } else { &[MEMBER] };
            world.set(Field::Role, role);
            world
        };
        let anew = |world: &World| self.doubted(world.clone().in_session(new));
        if landing.behind {
            // It may have had to drop what it could not read.
            after.push(signed_in(anew(&world)));
            if landing.torn || concurrent {
                after.push(World::empty(new));
                after.push(self.doubted(world));
            }
        } else if landing.known.begins() {
            if world.user.is_some() {
                after.push(self.uncovered(signed_in(anew(&world)))); // one of the two, whole
                after.push(world);
            } else {
                if landing.torn || concurrent || !self.is_beyond_closings(landing) {
                    after.push(world.clone());
                }
                after.push(signed_in(world));
            }
        } else if switches {
            self.switch(world, landing, new, after, user);
        } else if self.session(known.world().session).closed {
            if self.session(known.world().session).begun > 1 || known.is_unsure() {
                after.push(signed_in(anew(&world)));
                after.push(self.doubted(world.in_session(new)));
            } else {
                after.push(world);
            }
        } else if !concurrent || self.cannot_lose(&world, known) {
            if landing.torn {
                after.push(world.clone());
            }
            after.push(signed_in(world));
        } else {
            let several = self.session(known.world().session).begun > 1 || known.is_unsure();
            let mut other = signed_in(world.clone());
            if world.user != Some(user) || world.session != known.world().session || several {
                other = self.uncovered(self.doubted(other));
                for (id, sure) in &world.items {
                    let anonymous = self.things[*id as usize].owner == Some(None);
                    other.items.insert(*id, *sure && anonymous && !several);
                }
            }
            if several {
                other = other.in_session(new);
            }
            after.push(other);
            // A lineage that is signed in and not the later one is not seen, nor what was in it.
            after.push(if several { self.doubted(world) } else { world });
        }
    }

    /// Nobody is signed in, and nothing was closed since the request left.
    fn cannot_lose(&self, world: &World, known: &Known) -> bool {
        !known.is_unsure()
            && world.user.is_none()
            && known.world().session == world.session
            && known.closings == self.closings
    }

    fn switch(
        &self,
        world: World,
        landing: &Landing<'_>,
        new: u32,
        after: &mut Vec<World>,
        user: &'static str,
    ) {
        let rest = landing.rest(new);
        let signed_in = |mut world: World| {
            world.user = Some(user);
            // What is set to the value it had is no change, and only changes go on.
            let held = landing.known.world().field(Field::Role);
            let role = |held: &u32| if *held == MEMBER { 0 } else { MEMBER };
            world.set(Field::Role, &[]);
            world.allow(Field::Role, &held.iter().map(role).collect::<Vec<_>>());
            world
        };
        if self.is_concurrent(landing.known) {
            let survivors = self.survivors(rest, &world);
            after.push(signed_in(survivors.clone()));
            after.push(survivors);
            if world.session != landing.known.world().session || landing.known.is_unsure() {
                after.push(world);
            }
            return;
        }
        if landing.torn {
            after.push(World::empty(new)); // the old one is over, the new one never came
            after.push(signed_in(World::empty(new)));
        }
        after.push(signed_in(rest));
    }

    fn logout(&self, world: World, landing: &Landing<'_>, new: u32, after: &mut Vec<World>) {
        let known = landing.known;
        if known.jarless {
            after.push(world);
            return;
        }
        let mut rest = landing.rest(new);
        if landing.torn || landing.behind || known.fresh {
            rest.allow(Field::Theme, &[0]);
        }
        if self.is_concurrent(known) || known.fresh {
            let same = !known.is_unsure()
                && known.world().session == world.session
                && known.world().user == world.user
                && world.user.is_some();
            after.push(self.survivors(rest, &world));
            if !same {
                after.push(self.doubted(world.in_session(new)));
            }
            return;
        }
        after.push(rest);
    }

    fn renew(&self, mut world: World, landing: &Landing<'_>, after: &mut Vec<World>) {
        let known = landing.known;
        let left = known.world();
        let role = match *landing.act {
            Act::Promote(role) => role,
            _ => left.field(Field::Role)[0],
        };
        if landing.known.begins() || left.user.is_none() || world.user.is_none() {
            // Whoever is not signed in has no role, and whoever left is not back.
        } else if self.session(left.session).closed && !known.is_unsure() {
        } else if !self.is_concurrent(known) && !landing.torn {
            if matches!(landing.act, Act::Promote(_)) {
                world.set(Field::Role, &[role]);
            }
        } else {
            if left.user != world.user || left.session != world.session {
                let mut other = self.doubted(world.clone());
                (other.user, other.session) = (left.user, left.session);
                other.set(Field::Role, &[role]);
                after.push(self.uncovered(other));
            }
            world.allow(Field::Role, &[role]);
        }
        after.push(world);
    }

    /// Of what others began at the same moment, anything may go on.
    fn survivors(&self, mut rest: World, world: &World) -> World {
        rest.items.clone_from(&world.items);
        self.doubted(rest)
    }

    /// Of what is there, anything may be gone, and what it had overridden may be there instead.
    fn doubted(&self, mut world: World) -> World {
        world.items.values_mut().for_each(|sure| *sure = false);
        for field in [Field::Coupon, Field::Note, Field::Theme] {
            world.allow(field, &[0]);
            world.allow(field, &self.values[field as usize]);
        }
        world
    }

    /// With another user, what the first one had removed of an anonymous visit's may be back, and
    /// what this one had written may be seen again.
    fn uncovered(&self, mut world: World) -> World {
        for (id, thing) in (0..).zip(&self.things) {
            if thing.owner.is_none_or(|owner| owner.is_none() || owner == world.user) {
                world.items.entry(id).or_insert(false);
            }
        }
        world
    }

    /// One who was signed in at the same time as another, and was not seen since.
    fn rival(&self, world: World, user: &'static str, session: u32) -> World {
        let mut rival = self.doubted(world).in_session(session);
        rival.user = Some(user);
        rival.allow(Field::Role, &[0, MEMBER]);
        rival.allow(Field::Role, &self.values[Field::Role as usize]);
        self.uncovered(rival)
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
