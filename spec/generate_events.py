"""Writes `vectors/event/`: what a response sets and deletes for what its request changed.

As in `generate.py`, each outcome is written here by hand.
"""

import shutil
from functools import partial as with_given

import events
import generate_maintain as g
import haversack as h
import maintenance as m
from generate import (
    ADA,
    APP,
    BASE,
    BOB,
    DAY,
    HOUR,
    INDEX_KEY,
    KEY_ABSENT,
    NOW,
    SECOND,
    VECTORS,
    digest,
    tombstone,
    value,
)
from generate_maintain import ABSOLUTE, DELETION, IDLE, L2, L3, MANY, TAIL, TOUCH, L, fold, items, step_chars
from haversack import Fragment, Marker, Root, cbor

NEW, NEW_2 = digest("new lineage", 16), digest("newer lineage", 16)
GONE = object()  # a removal
ABSENT = h.Ring(INDEX_KEY, [KEY_ABSENT], APP)
case = with_given(g.case, defaults={b"theme": "plain"})


def asks(changes=None, lineages=(NEW, NEW_2), took=0, label=None, **flags):
    """What a request changed; `None` is the value null."""
    encoded = {n.encode().hex(): None if v is GONE else cbor(v).hex() for n, v in (changes or {}).items()}
    known = dict.fromkeys(("end", "renew", "authenticated", "identity_route"), False)
    assert flags.keys() <= known.keys() | {"token"}
    given = {"changes": encoded, **known, **flags, "took": took, "lineages": [lineage.hex() for lineage in lineages]}
    given |= {} if label is None else {"label": label}
    return {"does": given}


def root(at=0, born=0, auth=0, seen=0, lineage=NEW, user=None, roles=None, more=()):
    """A root that a response sets; its stamp in milliseconds from now, its times in seconds from now."""
    stamp = NOW + at
    entries = [value("user", user, stamp)] if user else []
    entries += [value("roles", roles, stamp)] if roles else []
    entries += [value(name, content, stamp) for name, content in more]
    entries.sort(key=lambda e: e.name)
    subject = g.RING.subject(cbor(user)) if user else None
    times = SECOND + born, stamp, SECOND + auth, SECOND + seen
    frame = Root(lineage, *times, subject, entries=entries)
    return lambda jar: ("r", lineage, None, frame, auth + ABSOLUTE + TAIL)


def marker(at=0, lineage=L):
    return lambda jar: ("e", lineage, None, Marker(lineage, NOW + at), IDLE + TAIL)


def fragment(*entries, lineage=L, subject=None):
    return fold(*entries, count=0, lineage=lineage, subject=subject)


def now(name, content, at=0):
    return value(name, content, NOW + at)


x, y, lang = value("x", 1, NOW - 9000), value("y", 1, NOW - 9000), value("lang", "de", NOW - 9000)
ADA_ROOT = {"user": "ada", "renewed": -2_000_000}


def creations():
    case(
        "create",
        "The first write makes a lineage: its root and a fragment.",
        lambda j: j,
        [root(), fragment(now("x", 1), lineage=NEW)],
        **asks({"x": 1}),
    )
    case(
        "create_with_login",
        "Identity fields go into the root, the others into a fragment under the subject.",
        lambda j: j,
        [root(user="ada", roles=["staff"]), fragment(now("x", 1), lineage=NEW, subject=ADA)],
        **asks({"user": "ada", "roles": ["staff"], "x": 1}),
    )
    case("create_login_only", "No fragment without a field.", lambda j: j, [root(user="ada")], **asks({"user": "ada"}))
    case("create_not_for_defaults", "A default is nothing to keep.", lambda j: j, [], **asks({"theme": "plain"}))
    case("create_not_for_removals", "There is nothing to remove.", lambda j: j, [], **asks({"x": GONE}))
    case("create_not_by_renewal", "There is nothing to renew.", lambda j: j, [], **asks(renew=True, authenticated=True))
    case(
        "create_beside_what_is_dead",
        "What an earlier session left is deleted after what is set.",
        lambda j: j.fragment("lost", y, lineage=L2).marker("end", L2, at=-5000),
        [root(), fragment(now("x", 1), lineage=NEW), "lost"],
        **asks({"x": 1}),
    )
    case(
        "create_without_a_lineage",
        "No fresh random bytes: refused, and what is dead is deleted still.",
        lambda j: j.fragment("lost", y, lineage=L2),
        ["lost"],
        error="no_lineage",
        **asks({"x": 1}, lineages=()),
    )
    case(
        "create_stamped_after_a_marker",
        "A marker ahead of the clock would close a session stamped by it.",
        lambda j: j.marker("end", L2, at=70_000),
        [root(70_001), fragment(now("x", 1, 70_001), lineage=NEW)],
        **asks({"x": 1}),
    )


def writes():
    case(
        "write",
        "The changed entries only.",
        lambda j: j.root().fragment("f", x),
        [fragment(now("y", 1))],
        **asks({"y": 1}),
    )
    case(
        "write_nothing",
        "A request that changed nothing sets nothing.",
        lambda j: j.root().fragment("f", x),
        [],
        **asks(),
    )
    case(
        "write_covers",
        "What owns nothing beside the new fragment goes with it.",
        lambda j: j.root().fragment("f", x).fragment("g", x, y),
        lambda j: [fragment(now("x", 2)), "f"],
        **asks({"x": 2}),
    )
    case(
        "write_removal",
        "A removal is a tombstone, which covers too.",
        lambda j: j.root().fragment("f", x),
        [fragment(tombstone("x", NOW)), "f"],
        **asks({"x": GONE}),
    )
    case(
        "write_default",
        "In a session that exists a default is written as any value.",
        lambda j: j.root().fragment("f", value("theme", "dark", NOW - 9000)),
        [fragment(now("theme", "plain")), "f"],
        **asks({"theme": "plain"}),
    )
    case(
        "write_after_the_highest_stamp",
        "One more than any stamp on the request, whatever the clock says.",
        lambda j: j.root().fragment("f", now("x", 1, 5000)),
        [fragment(now("x", 2, 5001)), "f"],
        **asks({"x": 2}),
    )
    case(
        "write_after_a_stamp_that_is_not_joined",
        "Authentic parcels count whether they join or not.",
        lambda j: (
            j.root(user="ada", renewed=-1000)
            .root("bob", L2, born=-60, user="bob")
            .fragment("u", now("y", 1, 7000), lineage=L2, subject=BOB)
        ),
        [fragment(now("x", 2, 7001), subject=ADA)],
        **asks({"x": 2}),
    )
    case(
        "write_under_the_subject",
        "The session has a subject: kind u, which covers what was written before the login.",
        lambda j: j.root(**ADA_ROOT).fragment("f", x),
        [fragment(now("x", 2), subject=ADA), "f"],
        **asks({"x": 2}),
    )
    case(
        "write_beside_a_fold",
        "What is written takes no part in the fold of the same response.",
        lambda j: j.root().many(),
        [fragment(now("x", 1)), fold(*items()), *(f"k{i}" for i in range(MANY))],
        **asks({"x": 1}),
    )
    steps = (TOUCH + 1) // g.STEP * g.STEP
    case(
        "write_beside_a_fold_of_a_subresource",
        "It leaves as many as without the write.",
        lambda j: j.root().many(m.FEW["subresource"]),
        [fragment(now("x", 1))],
        fetch="subresource",
        **asks({"x": 1}),
    )
    case(
        "write_beside_a_touch",
        "A touch is due as without the write.",
        lambda j: j.root(born=-TOUCH - 1),
        [fragment(now("x", 1)), g.touched("root", steps - TOUCH - 1), "root"],
        **asks({"x": 1}),
    )
    case(
        "write_on_a_public_route",
        "A response that sets something is no more cacheable: maintenance is done.",
        lambda j: j.root(born=-TOUCH - 1).fragment("lost", y, lineage=L2),
        [fragment(now("x", 1)), "lost", g.touched("root", steps - TOUCH - 1), "root"],
        maintenance=False,
        **asks({"x": 1}),
    )
    case(
        "write_without_room",
        "An event within its own budget is always written; all else waits.",
        lambda j: j.root(born=-TOUCH - 1).fragment("f", x),
        [fragment(now("x", 2))],
        waiting=2,
        other_headers=m.HEAD,
        **asks({"x": 2}),
    )
    case(
        "write_busy",
        "Too many characters on the request: refused, and maintained.",
        lambda j: (j.root().many(), g.ballast(j, m.Policy.request + 1 - g.jar_chars(j))),
        g.ballast_first(fold(*items()), *(f"k{i}" for i in range(MANY))),
        error="busy",
        **asks({"x": 2}),
    )
    case(
        "write_not_busy",
        "One character less.",
        lambda j: (j.root(), g.ballast(j, m.Policy.request - g.jar_chars(j))),
        lambda j: [fragment(now("x", 2)), *g.ballast_first()(j)],
        **asks({"x": 2}),
    )
    case(
        "write_late",
        "More than a grace after the request arrived: the fragment alone, and nothing is deleted.",
        lambda j: j.root().fragment("f", x),
        [fragment(now("x", 2))],
        **asks({"x": 2}, took=h.GRACE + 1),
    )
    case(
        "write_just_in_time",
        "A grace after the request arrived.",
        lambda j: j.root().fragment("f", x),
        [fragment(now("x", 2)), "f"],
        **asks({"x": 2}, took=h.GRACE),
    )
    case(
        "write_admitted_when_the_request_arrived",
        "The session was in time then, though it is not when the response is made.",
        lambda j: j.root(born=-IDLE - 60 - 10).fragment("f", x),
        [fragment(now("x", 2)), "f", g.touched("root", (IDLE + 70) // g.STEP * g.STEP - IDLE - 70), "root"],
        **asks({"x": 2}, took=10_000),
    )
    case(
        "write_unavailable",
        "A parcel cannot be judged here: refused.",
        lambda j: j.root().fragment("f", x).fragment("kept", y, ring=ABSENT),
        [],
        error="unavailable",
        **asks({"x": 2}),
    )
    case(
        "write_beside_a_kept_fragment",
        "On a route that changes who is signed in it goes on.",
        lambda j: j.root().fragment("f", x).fragment("kept", y, ring=ABSENT),
        [fragment(now("x", 2)), "f"],
        **asks({"x": 2}, identity_route=True),
    )
    case(
        "write_beside_a_kept_root",
        "Nothing of the old session is known: a new lineage, and nothing is deleted.",
        lambda j: j.root().fragment("f", x).root("kept", L2, how={"ring": ABSENT}),
        [root(), fragment(now("x", 2), lineage=NEW)],
        **asks({"x": 2}, identity_route=True),
    )
    case(
        "write_without_a_key",
        "No key seals: nothing is set, and nothing is deleted for it.",
        lambda j: j.root().fragment("f", x),
        [],
        error="no_key",
        times=([SECOND + 1, None, None], g.TIMES[1]),
        **asks({"x": 2}),
    )

    def with_lineage(j):
        """Anonymous lineages beside a root that is kept: adopted, if only the others are looked at."""
        j.root().root("r2", L2, born=g.OLD_S, how={"kid": g.STOPPED}).fragment("f2", x, lineage=L2)
        return j.root("kept", L3, how={"ring": ABSENT})

    case(
        "write_beside_a_kept_root_adopts_nothing",
        "The new lineage begins with what was written, and takes nothing over.",
        with_lineage,
        [root(), fragment(now("x", 2), lineage=NEW)],
        **asks({"x": 2}, identity_route=True),
    )

    # Sizes. A fragment of one entry with n text characters has n + 14 bytes, from n = 256.
    one = Fragment([now("x", "x" * 1500)])
    parcel = g.NAME_CHARS + g.value_chars(one)
    case(
        "write_at_the_parcel_limit",
        "Name and value, padded.",
        lambda j: j.root(),
        [fragment(now("x", "x" * 1500))],
        parcel=parcel,
        state=parcel,
        **asks({"x": "x" * 1500}),
    )
    case(
        "write_over_the_parcel_limit",
        "One character more: refused, and what was there stays whole.",
        lambda j: j.root(),
        [],
        error="too_large",
        parcel=parcel - 1,
        state=parcel - 1,
        **asks({"x": "x" * 1500}),
    )
    lines = step_chars(Root(NEW, SECOND, NOW), 0) + step_chars(one, 0)
    case(
        "write_at_the_response_limit",
        "All lines of the event, a Max-Age counted with ten digits.",
        lambda j: j,
        [root(), fragment(now("x", "x" * 1500), lineage=NEW)],
        response=lines,
        parcel=parcel,
        state=parcel,
        **asks({"x": "x" * 1500}),
    )
    case(
        "write_over_the_response_limit",
        "One character more.",
        lambda j: j,
        [],
        error="too_large",
        response=lines - 1,
        parcel=parcel,
        state=parcel,
        **asks({"x": "x" * 1500}),
    )
    # What a fold of x and y would take: one fragment of count 1 whose entries have their own stamps.
    full = Fragment([now("x", "x" * 300), value("y", "y" * 600, NOW - 9000)], 1)
    state = g.NAME_CHARS + len(h.b64(bytes(40 + len(full.encode()))))
    large = value("y", "y" * 600, NOW - 9000)
    case(
        "write_at_the_state_limit",
        "What a full fold would write, without padding.",
        lambda j: j.root().fragment("f", large),
        [fragment(now("x", "x" * 300))],
        state=state,
        **asks({"x": "x" * 300}),
    )
    case(
        "write_over_the_state_limit",
        "One character more.",
        lambda j: j.root().fragment("f", large),
        [],
        error="too_large",
        state=state - 1,
        **asks({"x": "x" * 300}),
    )
    case(
        "write_of_the_same_size_beyond_the_state_limit",
        "Written apart, entries have stamps of their own, and a full fold takes more: it passes all the same.",
        lambda j: j.root().fragment("f", large, value("x", "y" * 300, NOW - 9000)),
        [fragment(now("x", "x" * 300))],
        state=state - 1,
        **asks({"x": "x" * 300}),
    )
    case(
        "write_of_a_byte_more_beyond_the_state_limit",
        "Refused.",
        lambda j: j.root().fragment("f", large, value("x", "y" * 299, NOW - 9000)),
        [],
        error="too_large",
        state=state - 1,
        **asks({"x": "x" * 300}),
    )
    case(
        "write_makes_a_large_state_smaller",
        "Over the limit still, and smaller than it was: it passes.",
        lambda j: j.root().fragment("f", large, value("x", "x" * 400, NOW - 9000)),
        [fragment(now("x", "x" * 300))],
        state=state - 1,
        **asks({"x": "x" * 300}),
    )


def busy():
    """What counts, beside lineages that were adopted lately."""
    limit, whole = m.Policy.request, m.Policy.request + m.ADOPTING_SPARE
    lately = ["r2", "r2 before", "f2"]

    def jar(chars, labels=(), born=g.LATE_S, size=8):
        """So many characters are on the request, without those of these parcels of L2."""

        def build(j):
            j.root().root("r2 before", L2, born=born).root("r2", L2, born=born, seen=born + 1)
            j.fragment("f2", value("f2", "x" * size, NOW - 9000), lineage=L2)
            if size > 8:
                j.fragment("g2", value("g2", "x" * size, NOW - 9000), lineage=L2)
            names = [j.labels[label] for label in labels]
            apart = sum(len(f"{n}={v}; ") for n, v in j.cookies if n in names)
            g.ballast(j, chars + apart - g.jar_chars(j))

        return build

    def written(j):
        return [fragment(now("x", 2)), *g.ballast_first()(j)]

    case(
        "write_beside_lineages_adopted_lately",
        "What cannot be folded yet does not count: all their roots, and their fragments.",
        jar(limit, lately),
        written,
        **asks({"x": 2}),
    )
    case(
        "write_busy_beside_lineages_adopted_lately",
        "One character more of all else.",
        jar(limit + 1, lately),
        g.ballast_first(),
        error="busy",
        **asks({"x": 2}),
    )
    case(
        "write_with_as_much_adopted_lately_as_may_be",
        "All together have a limit as well.",
        jar(whole, size=700),
        written,
        **asks({"x": 2}),
    )
    case(
        "write_busy_by_what_was_adopted_lately",
        "One character more.",
        jar(whole + 1, size=700),
        g.ballast_first(),
        error="busy",
        **asks({"x": 2}),
    )
    for what, change in ("raised", 1000), ("lowered", -1000):
        case(
            f"write_with_as_much_adopted_lately_as_may_be_at_a_{what}_budget",
            f"Both limits are {what}.",
            jar(whole + change, size=700),
            written,
            request=limit + change,
            **asks({"x": 2}),
        )
        case(
            f"write_busy_by_what_was_adopted_lately_at_a_{what}_budget",
            "One character more.",
            jar(whole + change + 1, size=700),
            g.ballast_first(),
            error="busy",
            request=limit + change,
            **asks({"x": 2}),
        )
    moved = fold(value("f2", "x" * 8, NOW - 9000)), "f2"
    case(
        "write_busy_beside_a_settled_adopted_lineage",
        "It can be folded: it counts.",
        jar(limit + 1, born=g.OLD_S),
        g.ballast_first(*moved),
        error="busy",
        **asks({"x": 2}),
    )
    case(
        "write_beside_a_lineage_settled_when_the_response_is_made",
        "It was not when the request arrived, and the answer is what it would have been then.",
        jar(limit, lately, born=g.OLD_S),
        lambda j: [*written(j), *moved],
        **asks({"x": 2}, took=1000),
    )
    case(
        "write_busy_in_a_young_session",
        "The session's own count, settled or not.",
        lambda j: (j.root(born=g.LATE_S).fragment("f", x), g.ballast(j, limit + 1 - g.jar_chars(j))),
        g.ballast_first(),
        error="busy",
        **asks({"y": 2}),
    )
    case(
        "write_busy_by_an_unread_fragment_of_a_lineage_adopted_lately",
        "Whose it is only its key could tell: it counts.",
        lambda j: (
            j.root().root("r2", L2, born=g.LATE_S).fragment("kept", y, lineage=L2, ring=ABSENT),
            g.ballast(j, limit + 1 - sum(len(f"{n}={v}; ") for n, v in j.cookies if n != j.labels["r2"])),
        ),
        [],
        error="busy",
        **asks({"x": 2}, identity_route=True),
    )
    case(
        "write_busy_beside_a_kept_root",
        "Nothing is adopted then: all counts.",
        lambda j: (
            j.root().root("r2", L2, born=g.LATE_S).root("kept", L3, how={"ring": ABSENT}),
            g.ballast(j, limit + 1 - g.jar_chars(j)),
        ),
        [],
        error="busy",
        **asks({"x": 2}, identity_route=True),
    )


def late():
    """Longer than a grace, in a session that may be one of several that began at once."""
    took = h.GRACE + 1
    unsettled = -took - m.SETTLED  # milliseconds: as the request arrived, not settled by one of them

    def session(renewed, **more):
        return lambda j: j.root(born=(renewed - 1000) // 1000, renewed=renewed, **more).fragment("f", x)

    case(
        "create_late",
        "A creation is refused.",
        lambda j: j,
        [],
        error="late",
        **asks({"x": 2}, took=took),
    )
    case(
        "write_late_in_a_young_session",
        "Not settled when the request arrived, though it is now: it may be gone into another.",
        session(unsettled),
        [],
        error="late",
        **asks({"x": 2}, took=took),
    )
    case(
        "write_late_in_a_settled_session",
        "A millisecond older.",
        session(unsettled - 1),
        [fragment(now("x", 2))],
        **asks({"x": 2}, took=took),
    )
    case(
        "write_just_in_time_in_a_young_session",
        "A grace after the request arrived.",
        session(-1000),
        [fragment(now("x", 2)), "f"],
        **asks({"x": 2}, took=h.GRACE),
    )
    case(
        "write_late_in_a_young_session_with_a_subject",
        "It goes into no other.",
        session(unsettled, user="ada"),
        [fragment(now("x", 2), subject=ADA)],
        **asks({"x": 2}, took=took),
    )
    case(
        "write_late_beside_a_lineage_adopted_lately",
        "The head that counts is the winner's.",
        lambda j: j.root().root("r2", L2, born=g.LATE_S).fragment("f2", x, lineage=L2),
        [fragment(now("x", 2))],
        **asks({"x": 2}, took=took),
    )
    case(
        "write_late_and_busy",
        "Late is asked first.",
        lambda j: (session(unsettled)(j), g.ballast(j, m.Policy.request + 1 - g.jar_chars(j))),
        [],
        error="late",
        **asks({"x": 2}, took=took),
    )


def identities():
    case(
        "login",
        "The lineage goes on under a new root; the old one is deleted.",
        lambda j: j.root().fragment("f", x),
        [root(lineage=L, born=-HOUR, user="ada"), "root"],
        **asks({"user": "ada"}),
    )
    case(
        "login_with_a_write",
        "Fields written with it are written under the subject.",
        lambda j: j.root().fragment("f", x),
        [root(lineage=L, born=-HOUR, user="ada"), fragment(now("x", 2), subject=ADA), "f", "root"],
        **asks({"user": "ada", "x": 2}),
    )
    case(
        "login_deletes_no_root_of_another_subject",
        "The root of a login that lost may open what is under way still.",
        lambda j: j.root(user="ada", renewed=-2000).root("bob", user="bob", renewed=-3000),
        [root(lineage=L, born=-HOUR, auth=-2, user="ada"), "root"],
        **asks(renew=True),
    )
    case(
        "login_while_busy",
        "A login without other writes passes.",
        lambda j: (j.root(), g.ballast(j, m.Policy.request + 1 - g.jar_chars(j))),
        lambda j: [root(lineage=L, born=-HOUR, user="ada"), *g.ballast_first()(j), "root"],
        **asks({"user": "ada"}),
    )
    case(
        "login_with_a_write_while_busy",
        "With a write it is refused, whole.",
        lambda j: (j.root(), g.ballast(j, m.Policy.request + 1 - g.jar_chars(j))),
        lambda j: g.ballast_first()(j),
        error="busy",
        **asks({"user": "ada", "x": 1}),
    )
    case(
        "login_late",
        "An identity event of a late exchange is refused, and nothing is maintained.",
        lambda j: j.root().fragment("f", x).fragment("lost", y, lineage=L2),
        [],
        error="late",
        **asks({"user": "ada"}, took=h.GRACE + 1),
    )
    case(
        "login_beside_a_kept_root",
        "A new lineage, and a marker beyond what may have been missed; all else goes.",
        lambda j: j.root().fragment("f", x).root("kept", L2, how={"ring": ABSENT}),
        [marker(h.GRACE), root(h.GRACE + 1, user="ada"), "kept", "f", "root"],
        **asks({"user": "ada"}, identity_route=True),
    )
    signed_in = {"lineage": L, "born": -HOUR, "auth": -2000, "user": "ada", "roles": ["staff"]}
    staff = {"roles": ["staff"], **ADA_ROOT}
    case(
        "renew",
        "A new renewed and seen; when the subject proved itself stays.",
        lambda j: j.root(**staff),
        [root(**signed_in), "root"],
        **asks(renew=True),
    )
    case(
        "authenticated",
        "The absolute lifetime starts anew.",
        lambda j: j.root(**staff),
        [root(**signed_in | {"auth": 0}), "root"],
        **asks(authenticated=True),
    )
    case(
        "authenticated_without_a_subject",
        "Nobody proved anything: as a renewal.",
        lambda j: j.root(),
        [root(lineage=L, born=-HOUR, auth=-HOUR), "root"],
        **asks(authenticated=True),
    )
    case(
        "identity_changed",
        "A change of rights renews; all identity fields have the new stamp.",
        lambda j: j.root(**staff),
        [root(**signed_in | {"roles": ["admin"]}), "root"],
        **asks({"roles": ["admin"]}),
    )
    case(
        "identity_removed",
        "A removed identity field leaves the root; there are no tombstones in roots.",
        lambda j: j.root(**staff),
        [root(**signed_in | {"roles": None}), "root"],
        **asks({"roles": GONE}),
    )
    case(
        "identity_unchanged",
        "Written with the value that it has: nothing to do.",
        lambda j: j.root(**staff),
        [],
        **asks({"roles": ["staff"]}),
    )
    case(
        "identity_by_the_head",
        "What the head holds is an identity field, declared or not.",
        lambda j: j.root(more=[value("plan", "basic")], **staff),
        [root(**signed_in, more=[("plan", "gold")]), "root"],
        **asks({"plan": "gold"}),
    )
    # The user's entry takes 11 bytes, that of one role of n characters n + 13.
    role = "r" * (events.IDENTITY - 24)
    case(
        "identity_at_its_limit",
        "The bytes of the identity entries.",
        lambda j: j.root(**staff),
        [root(**signed_in | {"roles": [role]}), "root"],
        **asks({"roles": [role]}),
    )
    case(
        "identity_over_its_limit",
        "One byte more: refused.",
        lambda j: j.root(**staff),
        [],
        error="too_large",
        **asks({"roles": [role + "r"]}),
    )
    case(
        "identity_without_a_subject",
        "A visitor may have rights.",
        lambda j: j.root(),
        [root(lineage=L, born=-HOUR, auth=-HOUR, roles=["guest"]), "root"],
        **asks({"roles": ["guest"]}),
    )
    case(
        "renew_beside_a_fold",
        "An event that sets a root is maintained as any: no touch, and folds.",
        lambda j: j.root(born=-TOUCH - 1).many(),
        [root(lineage=L, born=-TOUCH - 1, auth=-TOUCH - 1), "root", fold(*items()), *(f"k{i}" for i in range(MANY))],
        **asks(renew=True),
    )


def ends():
    case(
        "end",
        "The marker, then everything else goes, and nothing is maintained.",
        lambda j: j.root(**ADA_ROOT).fragment("f", x).fragment("u", y, subject=ADA),
        [marker(), "f", "u", "root"],
        **asks(end=True),
    )
    case(
        "end_stamped_after_all",
        "The highest stamp and one.",
        lambda j: j.root(**ADA_ROOT).fragment("f", now("x", 1, 8000)),
        [marker(8001), "f", "root"],
        **asks(end=True),
    )
    case(
        "end_keeps_what_is_named",
        "It goes on in a new lineage, stamped after the marker.",
        lambda j: j.root(**ADA_ROOT).fragment("f", lang, x),
        [marker(), root(1), fragment(now("lang", "de", 1), lineage=NEW), "f", "root"],
        keep=("lang",),
        **asks(end=True),
    )
    case(
        "end_keeps_what_was_changed",
        "Fields changed in the same request go on, before what is kept; removed ones do not.",
        lambda j: j.root(**ADA_ROOT).fragment("f", lang, x, value("zone", "CET", NOW - 9000)),
        [marker(), root(1), fragment(now("lang", "fr", 1), now("note", 1, 1), lineage=NEW), "f", "root"],
        keep=("lang", "zone"),
        **asks({"lang": "fr", "note": 1, "zone": GONE}, end=True),
    )
    case(
        "end_begins_nothing_for_defaults",
        "What is kept is the default.",
        lambda j: j.root(**ADA_ROOT).fragment("f", value("theme", "plain", NOW - 9000)),
        [marker(), "f", "root"],
        keep=("theme",),
        **asks(end=True),
    )
    case(
        "end_keeps_no_unknown_encoding",
        "Only values in the encoding Open go on.",
        lambda j: j.root(**ADA_ROOT).fragment("f", value("lang", b"\x01", NOW - 9000, 7)),
        [marker(), "f", "root"],
        keep=("lang",),
        **asks(end=True),
    )
    case(
        "end_marker_lives_until_its_key_stops_opening",
        "If that is sooner than an idle limit, leeway and three graces.",
        lambda j: j.root(**ADA_ROOT),
        [lambda jar: (*marker()(jar)[:-1], 1000), "root"],
        times=([SECOND - DAY, SECOND + 1, SECOND + 1000], g.TIMES[1]),
        **asks(end=True),
    )
    case(
        "end_and_login",
        "The new lineage is signed in.",
        lambda j: j.root(**ADA_ROOT).fragment("f", x),
        [marker(), root(1, user="bob"), "f", "root"],
        **asks({"user": "bob"}, end=True),
    )
    case(
        "end_of_a_fresh_session",
        "No marker, since nothing is closed; what was read goes.",
        lambda j: j.root(born=-3 * DAY).fragment("f", x).marker("old", L2, at=-60 * 3_600_000 * 2),
        ["f", "root"],
        **asks(end=True),
    )
    case("end_of_nothing", "An empty jar.", lambda j: j, [], **asks(end=True))
    case(
        "end_deletes_in_order",
        "Rejected parcels by name, orphans, fragments, roots by lineage with the head last; no end marker.",
        lambda j: (
            j.marker("old", L3, at=-50 * HOUR * 1000)
            .root("older", born=-HOUR)
            .fragment("f", x)
            .root("r2", L2, born=-60)
            .fragment("lost", y, lineage=NEW)
            .root("root", renewed=-2000)
            .fragment("f2", y, lineage=L2)
            .put("z", f"{BASE}.uzzzzzzzz", "hv1A")
            .put("a", f"{BASE}.aAAAAAAAA", "hv1A")
            .root("foreign", L3, how={"ring": h.Ring(bytes(32), [KEY_ABSENT], APP)})
        ),
        [marker(), "a", "z", "lost", "f", "f2", "older", "root", "r2"],
        **asks(end=True),
    )
    case(
        "end_without_room",
        "The marker always, then deletions while they fit.",
        lambda j: j.root(**ADA_ROOT).fragment("f", x).fragment("g", y),
        [marker(), "f"],
        waiting=2,
        **g.room(step_chars(Marker(L, NOW), 0) - 10 + len(str(IDLE + TAIL)) + 2 * DELETION - 1),
        **asks(end=True),
    )
    case(
        "end_without_a_lineage",
        "Something is kept and no lineage can be made: refused, and the session stays.",
        lambda j: j.root(**ADA_ROOT).fragment("f", lang),
        [],
        error="no_lineage",
        keep=("lang",),
        **asks(end=True, lineages=()),
    )
    case(
        "end_while_busy",
        "It passes, with writes too.",
        lambda j: (j.root(), g.ballast(j, m.Policy.request + 1 - g.jar_chars(j))),
        lambda j: [
            marker(),
            root(1),
            fragment(now("x", 1, 1), lineage=NEW),
            *g.ballast_first()(j),
            "root",
        ],
        **asks({"x": 1}, end=True),
    )
    case(
        "end_late",
        "A late exchange ends nothing.",
        lambda j: j.root(),
        [],
        error="late",
        **asks(end=True, took=h.GRACE + 1),
    )
    case(
        "end_unavailable",
        "A parcel cannot be judged here, and the route is not marked.",
        lambda j: j.root().fragment("kept", y, ring=ABSENT),
        [],
        error="unavailable",
        **asks(end=True),
    )
    case(
        "end_beside_a_kept_fragment",
        "It is deleted, unread.",
        lambda j: j.root().fragment("f", x).fragment("kept", y, ring=ABSENT),
        [marker(), "kept", "f", "root"],
        **asks(end=True, identity_route=True),
    )
    case(
        "end_beside_a_kept_root",
        "The marker is of the highest root that can be read, and stamped a grace ahead.",
        lambda j: j.root().root("in", L3, born=-60, user="ada").root("kept", L2, how={"ring": ABSENT}).fragment("f", x),
        [marker(h.GRACE, L3), "kept", "f", "root", "in"],
        **asks(end=True, identity_route=True),
    )
    high, low = sorted((L, L2), reverse=True)
    case(
        "end_beside_a_kept_root_whatever_the_order_of_arrival",
        "Two roots that differ in nothing but their lineage: the frame decides.",
        lambda j: j.root("high", high).root("low", low).root("kept", L3, how={"ring": ABSENT}),
        [marker(h.GRACE, high), "kept", "high", "low"],
        **asks(end=True, identity_route=True),
    )
    case(
        "end_beside_a_kept_root_stamped_after_all",
        "A second after the highest stamp, if that is later.",
        lambda j: j.root().fragment("f", now("x", 1, h.GRACE)).root("kept", L2, how={"ring": ABSENT}),
        [marker(h.GRACE + 1000), "kept", "f", "root"],
        **asks(end=True, identity_route=True),
    )
    case(
        "end_beside_nothing_but_a_kept_root",
        "No root can be read: the marker is of a fresh lineage. Orphans go unjudged.",
        lambda j: j.root("kept", L2, how={"ring": ABSENT}).fragment("f", x),
        [marker(h.GRACE, NEW), "kept", "f"],
        **asks(end=True, identity_route=True),
    )

    def twice(j):
        j.root().fragment("f", x).fragment("g", y)
        j.cookies.append(j.cookies[1])

    case(
        "end_of_a_jar_with_duplicates",
        "Nothing of it was read: duplicates by name, the others by name, and a marker of a fresh lineage.",
        twice,
        lambda j: [marker(h.GRACE, NEW), "f", *sorted(("root", "g"), key=j.labels.get)],
        **asks(end=True),
    )


def switches():
    case(
        "switch",
        "Somebody else: the old lineage is closed, and its rights and fields do not go on.",
        lambda j: j.root(roles=["admin"], **ADA_ROOT).fragment("u", x, subject=ADA),
        [marker(), root(1, user="bob"), "u", "root"],
        **asks({"user": "bob"}),
    )
    case(
        "switch_keeps_what_is_named",
        "And what was changed; all under the new subject.",
        lambda j: j.root(**ADA_ROOT).fragment("u", lang, x, subject=ADA),
        [
            marker(),
            root(1, user="bob", roles=["staff"]),
            fragment(now("lang", "de", 1), now("note", 1, 1), lineage=NEW, subject=BOB),
            "u",
            "root",
        ],
        keep=("lang",),
        **asks({"user": "bob", "roles": ["staff"], "note": 1}),
    )
    case(
        "switch_to_nobody",
        "Null names nobody: nothing is left to begin a lineage for.",
        lambda j: j.root(**ADA_ROOT).fragment("u", x, subject=ADA),
        [marker(), "u", "root"],
        **asks({"user": None}),
    )
    case(
        "switch_to_nobody_by_removal",
        "As does a removal.",
        lambda j: j.root(**ADA_ROOT),
        [marker(), "root"],
        **asks({"user": GONE}),
    )
    case(
        "switch_to_nobody_keeps_what_is_named",
        "An anonymous lineage; its root has no subject field.",
        lambda j: j.root(**ADA_ROOT).fragment("u", lang, subject=ADA),
        [marker(), root(1), fragment(now("lang", "de", 1), lineage=NEW), "u", "root"],
        keep=("lang",),
        **asks({"user": None}),
    )
    case(
        "switch_keeps_a_default",
        "A switch takes over what is named as it is.",
        lambda j: j.root(**ADA_ROOT).fragment("u", value("theme", "plain", NOW - 9000), subject=ADA),
        [marker(), root(1, user="bob"), fragment(now("theme", "plain", 1), lineage=NEW, subject=BOB), "u", "root"],
        keep=("theme",),
        **asks({"user": "bob"}),
    )
    case(
        "switch_keeps_no_unknown_encoding",
        "Only values in the encoding Open go on.",
        lambda j: j.root(**ADA_ROOT).fragment("u", value("lang", b"\x01", NOW - 9000, 7), subject=ADA),
        [marker(), root(1, user="bob"), "u", "root"],
        keep=("lang",),
        **asks({"user": "bob"}),
    )
    case(
        "switch_from_nobody_to_nobody",
        "Null where nobody was signed in changes nothing.",
        lambda j: j.root().fragment("f", x),
        [],
        **asks({"user": None}),
    )


def tokens():
    case(
        "token_creates",
        "A root alone: the token is of its lineage.",
        lambda j: j,
        [root()],
        **asks(token=True),
    )
    case(
        "token_with_a_write",
        "One lineage for both.",
        lambda j: j,
        [root(), fragment(now("x", 1), lineage=NEW)],
        **asks({"x": 1}, token=True),
    )
    case(
        "token_with_a_login",
        "The lineage begins signed in.",
        lambda j: j,
        [root(user="ada")],
        **asks({"user": "ada"}, token=True),
    )
    case("token_of_a_session", "It is there already.", lambda j: j.root().fragment("f", x), [], **asks(token=True))
    case(
        "token_with_a_login_to_a_session",
        "The lineage goes on.",
        lambda j: j.root(),
        [root(lineage=L, born=-HOUR, user="ada"), "root"],
        **asks({"user": "ada"}, token=True),
    )
    case(
        "token_after_an_end",
        "A session follows, though nothing goes on into it.",
        lambda j: j.root(**ADA_ROOT).fragment("u", x, subject=ADA),
        [marker(), root(1), "u", "root"],
        **asks(end=True, token=True),
    )
    case(
        "token_after_the_end_of_nothing",
        "The same without a session: no marker.",
        lambda j: j,
        [root()],
        **asks(end=True, token=True),
    )
    case(
        "token_after_a_switch",
        "Nobody is signed in any more, and nothing goes on.",
        lambda j: j.root(**ADA_ROOT),
        [marker(), root(1), "root"],
        **asks({"user": None}, token=True),
    )
    case(
        "token_late",
        "A creation in a late exchange is refused.",
        lambda j: j,
        [],
        error="late",
        **asks(token=True, took=h.GRACE + 1),
    )
    case(
        "token_late_in_a_session",
        "Nothing is created, so nothing is refused.",
        lambda j: j.root(),
        [],
        **asks(token=True, took=h.GRACE + 1),
    )
    case(
        "token_beside_a_kept_root",
        "Refused, as any creation.",
        lambda j: j.root("kept", L3, how={"ring": ABSENT}),
        [],
        error="unavailable",
        **asks(token=True),
    )
    case(
        "token_beside_a_kept_root_where_it_may",
        "The page of a login, on a server that is behind.",
        lambda j: j.root("kept", L3, how={"ring": ABSENT}),
        [root()],
        **asks(token=True, identity_route=True),
    )
    case(
        "token_beside_a_kept_root_and_a_visit",
        "The session of an earlier page will do.",
        lambda j: j.root("kept", L3, how={"ring": ABSENT}).root("r", L2, born=-60),
        [],
        **asks(token=True),
    )
    case(
        "token_after_an_end_beside_a_kept_root",
        "The lineage of the token is drawn before that of the marker.",
        lambda j: j.root("kept", L3, how={"ring": ABSENT}),
        [marker(h.GRACE, NEW_2), root(h.GRACE + 1), "kept"],
        **asks(end=True, token=True, identity_route=True),
    )


def main():
    shutil.rmtree(VECTORS / "event", ignore_errors=True)
    for group in (creations, writes, busy, late, identities, ends, switches, tokens):
        group()


if __name__ == "__main__":
    main()
