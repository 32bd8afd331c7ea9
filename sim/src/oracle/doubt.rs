//! What is left open: worlds in which less is sure.

use super::{Field, Oracle, World};
use crate::app::MEMBER;

impl Oracle {
    /// Of what others began at the same moment, anything may go on, and be as it was before it was
    /// changed in a session that does not.
    pub(super) fn survivors(&self, mut rest: World, world: &World) -> World {
        rest.items.clone_from(&world.items);
        self.uncovered(self.doubted(rest))
    }

    /// Of what is there, anything may be gone, and what it had overridden may be there instead.
    pub(super) fn doubted(&self, mut world: World) -> World {
        world.items.values_mut().for_each(|sure| *sure = false);
        for field in [Field::Coupon, Field::Note, Field::Theme] {
            world.allow(field, &[0]);
            world.allow(field, &self.values[field as usize]);
        }
        world
    }

    /// With another user, what the first one had removed of an anonymous visit's may be back, and
    /// what this one had written may be seen again.
    pub(super) fn uncovered(&self, mut world: World) -> World {
        for (id, thing) in (0..).zip(&self.things) {
            if thing.owner.is_none_or(|owner| owner.is_none() || owner == world.user) {
                world.items.entry(id).or_insert(false);
            }
        }
        world
    }

    /// One who was signed in at the same time as another, and was not seen since.
    pub(super) fn rival(&self, world: World, user: &'static str, session: u32) -> World {
        let mut rival = self.doubted(world).in_session(session);
        rival.user = Some(user);
        rival.allow(Field::Role, &[0, MEMBER]);
        rival.allow(Field::Role, &self.values[Field::Role as usize]);
        self.uncovered(rival)
    }
}
