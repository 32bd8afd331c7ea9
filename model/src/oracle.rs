//! What the client was told, and what must therefore be true.
//!
//! The oracle knows of no parcel, stamp or lineage. It hears what handlers were given and asked
//! for, in which order servers answered, and which responses the client has got; it sees what a
//! read of the client's jar gives. Every written value is the number of the request that wrote
//! it, and every change of who is signed in has a session id, so it knows whose work it sees.

use crate::servers::{Millis, Seen, Served};
use crate::session::{Act, Field, Number, User};
use haversack::SessionId;

/// A set of numbers of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Set(u32);

impl Set {
    pub(crate) fn has(self, number: Number) -> bool {
        self.0 & (1 << number) != 0
    }

    pub(crate) fn add(&mut self, number: Number) {
        self.0 |= 1 << number;
    }
}

/// The request that began a session: its name, whatever id it has since.
pub(crate) type Begun = Number;

/// A field written or removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deed {
    pub(crate) by: Number,
    pub(crate) field: Field,
    pub(crate) removal: bool,
    /// In which session, and who was signed in to it.
    pub(crate) session: Begun,
    pub(crate) under: Option<User>,
    place: Place,
}

/// A session begun, signed in to or renewed: each has an id of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) by: Number,
    pub(crate) session: Begun,
    pub(crate) user: Option<User>,
    pub(crate) role: Option<Number>,
    /// It is a renewal, and when it was answered.
    pub(crate) renews: bool,
    pub(crate) at: Millis,
    id: Option<SessionId>,
    place: Place,
}

/// A session ended, or left for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Closing {
    pub(crate) by: Number,
    pub(crate) session: Begun,
    /// When it was answered.
    pub(crate) at: Millis,
    /// Sessions that were known when it was sent: their parcels may be swept away.
    saw: Set,
    place: Place,
}

/// Where something stands in time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    /// The how manieth answer of all servers it was.
    order: u8,
    /// Whose work was known when it was sent.
    past: Set,
    /// A part of its response has arrived.
    begun: bool,
    /// All of it has, or a read has shown it.
    known: bool,
}

/// What is known while a request is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Past {
    requests: Set,
    sessions: Set,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Oracle {
    pub(crate) deeds: Vec<Deed>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) closings: Vec<Closing>,
    answers: u8,
    /// Whether the clocks tell which of two overlapping requests was answered later.
    pub(crate) ordered: bool,
    /// Sessions may have reached a limit of their lifetime: none is owed any more.
    pub(crate) expired: bool,
    /// Servers tell each other what has ended: so that is over whether or not the client hears of it.
    fleet: bool,
}

impl Oracle {
    pub(crate) fn new(ordered: bool, fleet: bool) -> Self {
        Self { ordered, fleet, ..Self::default() }
    }

    /// What a request knows that departs now.
    pub(crate) fn past(&self) -> Past {
        let mut past = Past::default();
        for identity in self.identities.iter().filter(|identity| identity.place.known) {
            past.requests.add(identity.by);
            past.sessions.add(identity.session);
        }
        let deeds = self.deeds.iter().filter(|deed| deed.place.known).map(|deed| deed.by);
        let closings = self.closings.iter().filter(|closing| closing.place.known);
        deeds.chain(closings.map(|closing| closing.by)).for_each(|by| past.requests.add(by));
        past
    }

    /// A server has answered.
    pub(crate) fn answered(
        &mut self,
        by: Number,
        act: Act,
        past: Past,
        served: &Served,
        at: Millis,
    ) {
        self.answers += 1;
        if served.refused.is_some() {
            return;
        }
        let place = Place { order: self.answers, past: past.requests, begun: false, known: false };
        let before = &served.before.session;
        let had = self.identity(&served.before).map(|identity| identity.session);
        let signs_in = match act {
            Act::Login(user) | Act::LoginAndWrite(user) => Some(user),
            _ => None,
        };
        let leaves = match act {
            Act::End => true,
            Act::Leave => before.user.is_some(),
            _ => signs_in.is_some() && before.user.is_some_and(|user| Some(user) != signs_in),
        };
        let stays = had.filter(|_| !leaves);
        if let (Some(session), true) = (had, leaves) {
            let place = Place { begun: self.fleet, ..place.clone() };
            self.closings.push(Closing { by, session, at, saw: past.sessions, place });
        }
        let removal = matches!(act, Act::Remove(_));
        let mut fields = act.fields();
        fields.retain(|field| !removal || (stays.is_some() && before.get(*field).is_some()));
        let begins = stays.is_none() && (signs_in.is_some() || !fields.is_empty());
        let renews = stays.is_some() && (signs_in.is_some() || act == Act::Renew);
        let session = stays.unwrap_or(by);
        let under = signs_in.or(before.user.filter(|_| stays.is_some()));
        if begins || renews {
            let role = if signs_in.is_some() { Some(by) } else { before.role.filter(|_| renews) };
            let id = served.after.id;
            let place = place.clone();
            let user = under;
            self.identities.push(Identity { by, session, user, role, renews, at, id, place });
        }
        for field in fields {
            self.deeds.push(Deed { by, field, removal, session, under, place: place.clone() });
        }
    }

    /// The client has applied the first line of a response.
    pub(crate) fn begun(&mut self, by: Number) {
        self.places(by).for_each(|place| place.begun = true);
    }

    /// The client has got the whole response.
    pub(crate) fn told(&mut self, by: Number) {
        self.places(by).for_each(|place| (place.begun, place.known) = (true, true));
    }

    fn places(&mut self, by: Number) -> impl Iterator<Item = &mut Place> {
        let deeds = self.deeds.iter_mut().map(|deed| (deed.by, &mut deed.place));
        let identities = self.identities.iter_mut().map(|event| (event.by, &mut event.place));
        let closings = self.closings.iter_mut().map(|closing| (closing.by, &mut closing.place));
        let all = deeds.chain(identities).chain(closings);
        all.filter(move |(of, _)| *of == by).map(|(_, place)| place)
    }

    /// A read has shown this: what is seen is known.
    pub(crate) fn saw(&mut self, seen: &Seen) {
        for deed in &mut self.deeds {
            deed.place.known |= seen.session.get(deed.field) == Some(deed.by);
        }
        for identity in &mut self.identities {
            identity.place.known |= seen.id.is_some() && identity.id == seen.id;
        }
    }

    /// Who made the session that is seen what it is.
    pub(crate) fn identity(&self, seen: &Seen) -> Option<&Identity> {
        seen.id?;
        self.identities.iter().rev().find(|identity| identity.id == seen.id)
    }

    fn is_later(&self, later: &Place, earlier: &Place, by: Number) -> bool {
        later.past.has(by) || (self.ordered && later.order > earlier.order)
    }

    /// Whether `later` overrides `earlier`: what a signed-in user wrote is not overridden by an
    /// anonymous visit, and among equals the later wins.
    pub(crate) fn overrides(&self, later: &Deed, earlier: &Deed) -> bool {
        match (later.under.is_some(), earlier.under.is_some()) {
            (true, false) => true,
            (false, true) => false,
            _ => self.is_later(&later.place, &earlier.place, earlier.by),
        }
    }

    /// Whether `later` is ahead of `earlier` as head of one session: signed in before anonymous,
    /// then the later.
    pub(crate) fn heads(&self, later: &Identity, earlier: &Identity) -> bool {
        match (later.user.is_some(), earlier.user.is_some()) {
            (true, false) => true,
            (false, true) => false,
            _ => self.is_later(&later.place, &earlier.place, earlier.by),
        }
    }

    /// Whether the client was told that the session is over, and nobody signed in to it or renewed
    /// it on a server since, other than in the session that the closing itself was sent in.
    pub(crate) fn is_closed(&self, session: Begun) -> bool {
        self.closings.iter().filter(|closing| closing.place.known).any(|closing| {
            let later = |event: &&Identity| {
                event.session == session && event.place.order >= closing.place.order
            };
            closing.session == session
                || (self.ordered && !self.identities.iter().any(|event| later(&event)))
        })
    }

    /// Whether a closing that the client has at least begun to apply may have taken the session,
    /// or what was written in it.
    fn may_be_closed(&self, session: Begun) -> bool {
        self.closings.iter().filter(|closing| closing.place.begun).any(|closing| {
            let outlives = |event: &Identity| {
                event.session == session
                    && event.place.known
                    && (event.by == closing.by
                        || self.is_later(&event.place, &closing.place, closing.by))
            };
            closing.session == session
                || closing.saw.has(session)
                || !self.identities.iter().any(outlives)
        })
    }

    /// Whether somebody is or was signed in to the session.
    fn signed_in(&self, session: Begun) -> bool {
        self.identities.iter().any(|event| event.session == session && event.user.is_some())
    }

    /// Whether the client was told of a deed, and whoever is seen now must see it or what
    /// overrides it.
    ///
    /// Of two logins at once the later one's session remains, and what was written under the
    /// other is lost (DESIGN.md, section 9), for those fields that it wrote.
    pub(crate) fn is_owed(&self, deed: &Deed, seen: &Seen) -> bool {
        let present = self.identity(seen).map(|identity| identity.session);
        let visible = match deed.under {
            Some(user) => seen.session.user == Some(user) && present == Some(deed.session),
            // Of two sessions that were signed in to at once, the earlier one is lost.
            None => present == Some(deed.session) || !self.signed_in(deed.session),
        };
        let lost_with_another = || {
            self.deeds.iter().any(|other| {
                other.place.begun
                    && (other.field, other.session) == (deed.field, deed.session)
                    && other.under.is_some_and(|user| seen.session.user != Some(user))
                    && self.overrides(other, deed)
            })
        };
        deed.place.known
            && !self.expired
            && visible
            && !self.may_be_closed(deed.session)
            && !lost_with_another()
    }

    /// Whether the client was told that somebody is signed in, and it can not be over.
    pub(crate) fn is_owed_identity(&self, identity: &Identity) -> bool {
        identity.place.known && !self.may_be_closed(identity.session)
    }

    pub(crate) fn has_begun(deed: &Deed) -> bool {
        deed.place.begun
    }
}
