//! One possible world: what a page would show.

use std::collections::BTreeMap;
use std::fmt;

use super::{Thing, User};
use crate::app::View;

/// A field of which the last writer wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Coupon,
    Note,
    Role,
    Theme,
}

impl Field {
    pub(crate) const COUNT: usize = 4;
    const ALL: [Field; Field::COUNT] = [Field::Coupon, Field::Note, Field::Role, Field::Theme];

    fn of(self, view: &View) -> u32 {
        match self {
            Field::Coupon => view.coupon,
            Field::Note => view.note,
            Field::Role => view.role,
            Field::Theme => view.theme,
        }
    }
}

/// The values that a field may have; one, mostly.
pub(crate) type Options = Vec<u32>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    /// Which of the sessions that the oracle counts.
    pub(crate) session: u32,
    pub(crate) user: User,
    /// Items that may be there, and whether they have to.
    pub(crate) items: BTreeMap<u32, bool>,
    fields: [Options; Field::COUNT],
}

impl World {
    pub(crate) fn empty(session: u32) -> Self {
        let fields = Field::ALL.map(|_| vec![0]);
        Self { session, user: None, items: BTreeMap::new(), fields }
    }

    #[must_use]
    pub(crate) fn in_session(self, session: u32) -> Self {
        Self { session, ..self }
    }

    pub(crate) fn field(&self, field: Field) -> &[u32] {
        &self.fields[field as usize]
    }

    pub(crate) fn set(&mut self, field: Field, options: &[u32]) {
        self.fields[field as usize] = options.to_vec();
    }

    pub(crate) fn allow(&mut self, field: Field, more: &[u32]) {
        let options = &mut self.fields[field as usize];
        options.extend(more);
        options.sort_unstable();
        options.dedup();
    }

    pub(crate) fn shows_nothing(&self) -> bool {
        let zero = |options: &Options| options == &[0];
        self.user.is_none() && self.items.is_empty() && self.fields.iter().all(zero)
    }

    /// Takes what a page shows for what is.
    pub(crate) fn is_as_shown(&mut self, view: &View) {
        self.items = view.cart.keys().chain(view.wishes.keys()).map(|id| (*id, true)).collect();
        for field in Field::ALL {
            self.set(field, &[field.of(view)]);
        }
    }

    /// How a page differs from this world, if it does.
    pub(crate) fn differs(&self, view: &View, things: &[Thing]) -> Option<String> {
        if view.user.as_deref() != self.user {
            return Some(format!("{:?} is signed in, and not {:?}", view.user, self.user));
        }
        let shown = |id: &u32| view.cart.contains_key(id) || view.wishes.contains_key(id);
        let hidden = |id: &u32| view.old && things.get(*id as usize).is_some_and(|t| t.wish);
        for (id, sure) in &self.items {
            if *sure && !hidden(id) && !shown(id) {
                return Some(format!("item {id} is lost"));
            }
        }
        for id in view.cart.keys().chain(view.wishes.keys()) {
            if !self.items.contains_key(id) {
                return Some(format!("item {id} should not be there"));
            }
        }
        for field in Field::ALL {
            let (is, options) = (field.of(view), self.field(field));
            if !(options.contains(&is) || (view.old && field == Field::Coupon)) {
                return Some(format!("{field:?} is {is} and not of {options:?}"));
            }
        }
        None
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}, {}, items", self.session, self.user.unwrap_or("nobody"))?;
        for (id, sure) in &self.items {
            write!(f, " {id}{}", if *sure { "" } else { "?" })?;
        }
        for field in Field::ALL {
            if self.field(field) != [0] {
                write!(f, ", {field:?} {:?}", self.field(field))?;
            }
        }
        Ok(())
    }
}
