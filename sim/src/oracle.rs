//! What must hold, from what the client was told, and from nothing else.
//!
//! The oracle has never heard of stamps and parcels. It keeps the *worlds* that are possible: what
//! a page would show, and how sure that is. Whatever lands in the jar turns each world into those
//! that the guarantees allow after it; what a page then shows must be one of them, and is the one
//! from there on. So a response that should change nothing visible and does is found at once, be it
//! a read, a refusal, upkeep, or a write of a session that is over.
//!
//! Where the guarantees leave something open, there is more than one world: a torn response, two
//! identity events at once, a login where the key ring is late. How often a view had one possible
//! outcome is counted.

mod doubt;
mod identity;
mod land;
mod world;

use std::rc::Rc;

use crate::app::View;
use crate::app::text;

pub(crate) use self::land::Landing;
pub(crate) use self::world::{Field, World};

/// A name, so that worlds can say who is signed in.
pub(crate) type User = Option<&'static str>;

/// What is known of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thing {
    pub(crate) len: usize,
    /// Only the new program shows it.
    pub(crate) wish: bool,
    /// Who was signed in when it was acknowledged; `None` if it never was.
    pub(crate) owner: Option<User>,
}

/// What is known of a session, counted by the oracle.
#[derive(Clone, Copy, Debug, Default)]
struct Session {
    /// A page has shown something of it.
    established: bool,
    /// A logout or a switch of it has landed.
    closed: bool,
    /// What closed it may not have, or may have closed more.
    doubtful: bool,
    /// Requests without a session that began one, and landed in it.
    begun: u32,
}

/// What the client knew when a request left.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) worlds: Rc<Vec<World>>,
    /// The request carries no cookies.
    pub(crate) jarless: bool,
    /// No page has shown anything of the session yet, so the server may not find one.
    fresh: bool,
    identity_events: u32,
    closings: u32,
    writes: [u32; Field::COUNT],
}

impl Known {
    fn world(&self) -> &World {
        &self.worlds[0]
    }

    /// The request sees no session, as far as is known.
    pub(crate) fn begins(&self) -> bool {
        self.jarless || self.fresh
    }

    fn is_unsure(&self) -> bool {
        self.worlds.len() != 1
    }
}

/// What the oracle may assume of the fleet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// How far the slowest clock is from the true time, in milliseconds, and the fastest.
    pub(crate) slowest_ms: i64,
    pub(crate) fastest_ms: i64,
}

pub(crate) struct Oracle {
    clocks: Clocks,
    worlds: Rc<Vec<World>>,
    sessions: Vec<Session>,
    things: Vec<Thing>,
    /// Identity events, and sessions begun, that have landed.
    identity_events: u32,
    /// Of them, those that close a session.
    closings: u32,
    /// Writes of each field that have landed.
    writes: [u32; Field::COUNT],
    /// And the values that were written.
    values: [Vec<u32>; Field::COUNT],
    /// Who was signed in at the same time as another: of each one the session may be in the jar.
    rivals: Vec<&'static str>,
    /// No clock of the fleet was beyond this when anything in the jar was made.
    made_until_ms: u64,
    /// The same of whatever closed a session: one that began without the jar until then may have
    /// been closed along with it.
    closing_until_ms: Option<u64>,
}

impl Oracle {
    pub(crate) fn new(clocks: Clocks) -> Self {
        Self {
            clocks,
            worlds: Rc::new(vec![World::empty(0)]),
            sessions: vec![Session::default()],
            things: Vec::new(),
            identity_events: 0,
            closings: 0,
            writes: [0; Field::COUNT],
            values: [const { Vec::new() }; Field::COUNT],
            rivals: Vec::new(),
            made_until_ms: 0,
            closing_until_ms: None,
        }
    }

    /// A new item, and its number.
    pub(crate) fn thing(&mut self, len: usize, wish: bool) -> u32 {
        self.things.push(Thing { len, wish, owner: None });
        u32::try_from(self.things.len() - 1).expect("few items")
    }

    /// How long the text of an item is.
    pub(crate) fn len_of(&self, id: u32) -> usize {
        self.things[id as usize].len
    }

    pub(crate) fn known(&self, jarless: bool) -> Known {
        let fresh = self.worlds.iter().any(|world| !self.session(world.session).established);
        Known {
            worlds: Rc::clone(&self.worlds),
            jarless,
            fresh,
            identity_events: self.identity_events,
            closings: self.closings,
            writes: self.writes,
        }
    }

    /// All worlds that are possible, to be read.
    pub(crate) fn worlds(&self) -> String {
        self.worlds.iter().map(World::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// The one world that is possible, or the first of several.
    pub(crate) fn world(&self) -> &World {
        &self.worlds[0]
    }

    /// How many requests have begun a session since there was none.
    pub(crate) fn begun(&self) -> u32 {
        self.sessions.iter().filter(|session| !session.closed).map(|session| session.begun).sum()
    }

    pub(crate) fn is_sure(&self) -> bool {
        self.worlds.len() == 1
    }

    /// A page of the jar as it is now.
    ///
    /// # Errors
    ///
    /// What it shows and should not, or does not show and should.
    pub(crate) fn observe(&mut self, view: &View) -> Result<(), String> {
        self.check_owners(view)?;
        if view.partial {
            return Ok(()); // the page says itself that there is more
        }
        let mut fitting = self.fitting(&self.worlds, view)?;
        let mut world = fitting.swap_remove(0);
        if view.old {
            let nothing = World::empty(0).differs(view, &self.things).is_none();
            self.sessions[world.session as usize].established |= !nothing;
            return Ok(()); // it does not show all there is
        }
        if fitting.iter().any(|other| other.session != world.session) {
            world.session = self.begin(); // which one it is makes no difference from here on
        }
        world.is_as_shown(view);
        self.sessions[world.session as usize].established |= !world.shows_nothing();
        self.worlds = Rc::new(vec![world]);
        Ok(())
    }

    /// A page of the jar that a request left with.
    ///
    /// # Errors
    ///
    /// As [`observe`](Self::observe).
    pub(crate) fn check_page(&self, known: &Known, view: &View) -> Result<(), String> {
        self.check_owners(view)?;
        if view.partial {
            return Ok(());
        }
        if known.jarless {
            let nothing = World::empty(0).differs(view, &self.things);
            return nothing.map_or(Ok(()), |what| Err(format!("without cookies: {what}")));
        }
        self.fitting(&known.worlds, view).map(|_| ())
    }

    /// Whether a page shows what it did before, or nothing, after a gap that a session may or may
    /// not have survived.
    ///
    /// # Errors
    ///
    /// If it shows anything else.
    pub(crate) fn survived(&self, view: &View) -> Result<bool, String> {
        self.check_owners(view)?;
        let shows_nothing = World::empty(0).differs(view, &self.things).is_none();
        match self.fitting(&self.worlds, view) {
            Ok(_) => Ok(!shows_nothing || self.world().shows_nothing()),
            Err(_) if shows_nothing => Ok(false),
            Err(what) => Err(what),
        }
    }

    /// Every session is over, whatever the clock that judges it.
    pub(crate) fn expire(&mut self) {
        for session in &mut self.sessions {
            session.closed = true;
        }
        let session = self.begin();
        self.worlds = Rc::new(vec![World::empty(session)]);
    }

    fn fitting(&self, worlds: &[World], view: &View) -> Result<Vec<World>, String> {
        let mut what = Vec::new();
        let mut fitting = Vec::new();
        for world in worlds {
            match world.differs(view, &self.things) {
                None => fitting.push(world.clone()),
                Some(difference) => what.push(difference),
            }
        }
        if fitting.is_empty() {
            return Err(what.join(", or if not: "));
        }
        Ok(fitting)
    }

    /// Nothing of one user is shown to another, and every item is as it was written.
    fn check_owners(&self, view: &View) -> Result<(), String> {
        for (id, shown) in view.cart.iter().chain(&view.wishes) {
            let thing = self.things.get(*id as usize).ok_or(format!("{id} was never put in"))?;
            if *shown != text(*id, thing.len) {
                return Err(format!("item {id} is {shown:?}"));
            }
            if let Some(Some(owner)) = thing.owner
                && view.user.as_deref() != Some(owner)
            {
                return Err(format!("item {id} of {owner} is shown to {:?}", view.user));
            }
        }
        Ok(())
    }

    fn session(&self, number: u32) -> &Session {
        &self.sessions[number as usize]
    }

    fn begin(&mut self) -> u32 {
        self.sessions.push(Session::default());
        u32::try_from(self.sessions.len() - 1).expect("few sessions")
    }
}
