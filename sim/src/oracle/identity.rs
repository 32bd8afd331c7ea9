//! Identity events: who is signed in, whose session it is, and what of it goes on.

use super::{Field, Known, Landing, Oracle, World};
use crate::app::{Act, MEMBER};

impl Oracle {
    pub(super) fn login(
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
        if landing.behind && !known.jarless {
            // It may have had to drop what it could not read.
            after.push(self.uncovered(signed_in(anew(&world))));
            if landing.torn || concurrent {
                after.push(World::empty(new));
                after.push(self.doubted(world));
            }
        } else if known.begins() && world.user.is_some() {
            after.push(self.uncovered(signed_in(anew(&world)))); // one of the two, whole
            after.push(world);
        } else if known.begins() {
            if landing.torn || concurrent || !self.is_beyond_closings(landing) {
                after.push(world.clone());
            }
            after.push(signed_in(world));
        } else if switches {
            self.switch(world, landing, new, after, user);
        } else if self.session(known.world().session).closed {
            if self.session(known.world().session).begun > 1 || known.is_unsure() {
                after.push(self.uncovered(signed_in(anew(&world))));
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
            self.login_at_once(world, known, new, after, signed_in);
        }
    }

    /// Another identity event has landed since the request left, and closed nothing.
    fn login_at_once(
        &self,
        world: World,
        known: &Known,
        new: u32,
        after: &mut Vec<World>,
        signed_in: impl Fn(World) -> World,
    ) {
        let left = known.world();
        let several = self.session(left.session).begun > 1 || known.is_unsure();
        let mut later = signed_in(world.clone());
        if world.user != later.user || world.session != left.session || several {
            later = self.uncovered(self.doubted(later));
            for (id, sure) in &world.items {
                let anonymous = self.things[*id as usize].owner == Some(None);
                later.items.insert(*id, *sure && anonymous && !several);
            }
        }
        // A session that is signed in and not the later one is not seen, nor what was in it.
        if several {
            after.push(later.in_session(new));
            after.push(self.doubted(world));
        } else {
            after.push(later);
            after.push(world);
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

    pub(super) fn logout(
        &self,
        world: World,
        landing: &Landing<'_>,
        new: u32,
        after: &mut Vec<World>,
    ) {
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

    pub(super) fn renew(&self, mut world: World, landing: &Landing<'_>, after: &mut Vec<World>) {
        let known = landing.known;
        let left = known.world();
        let role = match *landing.act {
            Act::Promote(role) => role,
            _ => left.field(Field::Role)[0],
        };
        let over = self.session(left.session).closed && !known.is_unsure();
        let several = self.session(left.session).begun > 1 || known.is_unsure();
        if left.user.is_none() && several && self.is_concurrent(known) {
            // Of several sessions of one jar a logout may have closed this one, and no longer does.
            after.push(self.uncovered(self.doubted(world.clone())));
        }
        if over || known.begins() || left.user.is_none() || world.user.is_none() {
            // Whoever is not signed in has no role, and whoever left is not back.
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
}
