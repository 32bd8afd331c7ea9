//! What must hold in every state that can be reached.

use stateright::Property;

use crate::oracle::{Deed, Oracle};
use crate::session::{FIELDS, Field};
use crate::world::{Model, World};

/// The properties, in the order in which they are reported.
pub(crate) fn all() -> Vec<Property<Model>> {
    vec![
        Property::always("no acknowledged write is lost", no_write_is_lost),
        Property::always("no head goes back", no_head_goes_back),
        Property::always("a closed session stays closed", closed_stays_closed),
        Property::always("two subjects' data never mix", subjects_never_mix),
        Property::always("a removed field stays removed", removed_stays_removed),
        Property::always("parcels are bounded", parcels_are_bounded),
        Property::always("a torn jar joins to what was written", nothing_is_made_up),
        Property::always("maintenance ends and changes nothing", maintenance_ends),
        Property::always("what has ended is refused by who knows", ended_is_refused),
        Property::always("a copy from before a renewal is refused", renewed_is_refused),
        Property::always("a thief outruns nobody", nobody_is_outrun),
        Property::always("what has ended dies everywhere", ended_dies),
    ]
}

/// Whatever the client was told or has seen is there, or what overrides it is.
fn no_write_is_lost(_: &Model, world: &World) -> bool {
    FIELDS.into_iter().all(|field| {
        let newer = |deed: &Deed| !deed.removal;
        explained(world, field, newer)
    })
}

/// The same of removals: no response brings a removed value back.
fn removed_stays_removed(_: &Model, world: &World) -> bool {
    FIELDS.into_iter().all(|field| explained(world, field, |deed| deed.removal))
}

/// Whether what the client sees of a field can be the work of a deed that none which the client is
/// owed, of those that `count`, overrides.
fn explained(world: &World, field: Field, count: impl Fn(&Deed) -> bool) -> bool {
    let oracle = &world.oracle;
    let value = world.seen.session.get(field);
    let of_field = || oracle.deeds.iter().filter(|deed| deed.field == field);
    let owed: Vec<&Deed> =
        of_field().filter(|deed| count(deed) && oracle.is_owed(deed, &world.seen)).collect();
    let mut candidates = of_field().filter(|deed| match value {
        Some(by) => !deed.removal && deed.by == by,
        None => deed.removal && Oracle::has_begun(deed),
    });
    let stands = |deed: &Deed| !owed.iter().any(|owed| oracle.overrides(owed, deed));
    let untouched = value.is_none() && owed.is_empty();
    untouched || candidates.any(stands)
}

/// No response, however late, reverts a login or a renewal that the client was told of or saw.
fn no_head_goes_back(_: &Model, world: &World) -> bool {
    let oracle = &world.oracle;
    let head = oracle.identity(&world.seen);
    oracle.identities.iter().filter(|event| oracle.is_owed_identity(event)).all(
        |event| match head {
            Some(head) if head.session == event.session => {
                head.by == event.by || !oracle.heads(event, head)
            }
            _ if event.user.is_none() || oracle.expired => true,
            Some(head) => !oracle.heads(event, head),
            None => false,
        },
    )
}

/// After a logout nothing of the session surfaces: neither its user nor what it held.
fn closed_stays_closed(_: &Model, world: &World) -> bool {
    let oracle = &world.oracle;
    let open = |session| !oracle.is_closed(session);
    oracle.identity(&world.seen).is_none_or(|head| open(head.session))
        && seen_deeds(world).all(|deed| open(deed.session))
}

/// Nobody sees what another user wrote, nor does whoever comes after.
fn subjects_never_mix(_: &Model, world: &World) -> bool {
    let user = world.seen.session.user;
    seen_deeds(world).all(|deed| deed.under.is_none() || deed.under == user)
}

fn seen_deeds(world: &World) -> impl Iterator<Item = &Deed> {
    let seen = &world.seen.session;
    world.oracle.deeds.iter().filter(|deed| !deed.removal && seen.get(deed.field) == Some(deed.by))
}

/// The jar does not grow without end, and shrinks when all is settled.
fn parcels_are_bounded(model: &Model, world: &World) -> bool {
    let settled = match (world.seen.id, world.seen.session.user) {
        _ if world.oracle.expired => 1 + 2 * FRAGMENTS,
        (None, _) => 0,
        (Some(_), None) => 1 + FRAGMENTS,
        (Some(_), Some(_)) => 1 + 2 * FRAGMENTS,
    };
    world.jar.len() <= model.scenario.parcels && world.upkeep.left <= settled
}

/// Of each kind so many are left beside the head, since no fold is due for them.
const FRAGMENTS: usize = 4;

/// Every value was written as it is seen, and who is signed in is seen whole: with the role that
/// the same request wrote. Without a session nothing is seen.
fn nothing_is_made_up(_: &Model, world: &World) -> bool {
    let seen = &world.seen;
    let written = FIELDS.into_iter().all(|field| {
        seen.session.get(field).is_none_or(|by| {
            world.oracle.deeds.iter().any(|d| d.by == by && d.field == field && !d.removal)
        })
    });
    let whole = match world.oracle.identity(seen) {
        Some(head) => (head.user, head.role) == (seen.session.user, seen.session.role),
        None => seen.id.is_none() && seen.session == crate::session::Session::default(),
    };
    written && whole
}

/// Quiet requests find nothing more to do after a few, and change nothing that is seen.
fn maintenance_ends(_: &Model, world: &World) -> bool {
    world.upkeep.ends && world.upkeep.keeps
}

/// No server that knows of the end of a session serves it, whoever brings which of its jars.
fn ended_is_refused(_: &Model, world: &World) -> bool {
    !world.thief.loot.ended
}

/// A grace after a renewal, no server that knows of it serves an older copy.
fn renewed_is_refused(_: &Model, world: &World) -> bool {
    !world.thief.loot.renewed
}

/// Who has an older copy cannot renew what its owner has renewed or ended.
fn nobody_is_outrun(_: &Model, world: &World) -> bool {
    !world.thief.loot.outran
}

/// Servers that have not heard of an end keep nothing alive beyond its idle limit.
fn ended_dies(_: &Model, world: &World) -> bool {
    !world.thief.loot.undead
}
