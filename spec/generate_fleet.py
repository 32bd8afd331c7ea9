"""Writes what of `vectors/` is about revocation: `revocation/`, and cases of `join/`, `maintain/` and
`event/`, beside those that the other generators write. So it runs last.

As in `generate.py`, each outcome is written here by hand.
"""

import shutil

import fleet
import generate_maintain as g
import haversack as h
from generate import (
    ADA,
    APP,
    BOB,
    DAY,
    GRACE_S,
    HOUR,
    INDEX_KEY,
    KEY_1,
    LINEAGE,
    LINEAGE_2,
    LINEAGE_3,
    NOW,
    SECOND,
    VECTORS,
    Jar,
    join,
    value,
    write,
)
from generate_events import ABSENT, ADA_ROOT, NEW, asks, case, fragment, lang, marker, now, root, x, y
from generate_maintain import ABSOLUTE, IDLE, LEEWAY, TOUCH, touched

RING = h.Ring(INDEX_KEY, [KEY_1], APP)
L, L2, L3 = LINEAGE, LINEAGE_2, LINEAGE_3
FORGOTTEN = SECOND + DAY
UNTIL = SECOND + IDLE + LEEWAY + 3 * GRACE_S + 1  # of what is published now
LATELY, LONG_AGO = -fleet.FRESH, -fleet.BLIND - 1  # a view confirmed just in time, and a blind one


def name_of(lineage=L, subject=ADA):
    return h.b64(RING.revocation_id(lineage, subject))


def over(lineage=L, subject=ADA, until=FORGOTTEN):
    return f"session {name_of(lineage, subject)} {until}"


def floor(renewed, published=-h.GRACE, lineage=L, subject=ADA, until=FORGOTTEN):
    """Times in milliseconds from now."""
    return f"floor {name_of(lineage, subject)} {NOW + renewed} {NOW + published} {until}"


def here(subject=ADA, lineage=L, auth=0, seen=0, label=None):
    """Somebody is signed in; seconds from now."""
    ends = SECOND + min(auth + ABSOLUTE, seen + IDLE) + LEEWAY + GRACE_S + 1
    record = f"listed {h.b64(subject)} {name_of(lineage, subject)} {SECOND + auth} {SECOND + seen} {ends}"
    return record + (f" {label}" if label else "")


def everywhere(not_before, subject=ADA):
    """Seconds from now."""
    return f"subject {h.b64(subject)} {SECOND + not_before} {FORGOTTEN}"


def everybody(not_before):
    return f"all {SECOND + not_before} {FORGOTTEN}"


# --- Records ---------------------------------------------------------------------------------


def records():
    def record(name, description, text, expect="ok", **fields):
        given = {"description": description, "expect": expect, "text": text}
        if expect == "ok":
            given["fields"] = {"kind": text.split()[0], **fields}
        write("revocation", name, given)

    name, data = "AAECAwQFBgc", bytes(range(8)).hex()
    record("ok_session", "A session is over.", f"session {name} 1800000000", id=data, until=1_800_000_000)
    record(
        "ok_floor",
        "A session was renewed.",
        f"floor {name} 1800000000123 1800000000456 1800086400",
        id=data,
        renewed=1_800_000_000_123,
        published=1_800_000_000_456,
        until=1_800_086_400,
    )
    record(
        "ok_subject",
        "The sessions of a subject are over.",
        f"subject {name} 1800000000 1800086400",
        id=data,
        not_before=1_800_000_000,
        until=1_800_086_400,
    )
    record("ok_all", "All are over.", "all 1800000000 1800086400", not_before=1_800_000_000, until=1_800_086_400)
    record("ok_zeros", "A number of zero is one digit.", "all 0 0", not_before=0, until=0)
    last = (1 << 32) - 1, (1 << 48) - 1
    record(
        "ok_last",
        "The last of all times.",
        f"floor ___________w {last[1]} {last[1]} {last[0]}".replace("___________w", "__________8"),
        id="ff" * 8,
        renewed=last[1],
        published=last[1],
        until=last[0],
    )
    for kind, description, text in [
        ("empty", "No word at all.", ""),
        ("of_a_later_version", "A word that this page does not have.", f"device {name} 1800000000"),
        ("in_capitals", "Words are as they are.", f"Session {name} 1800000000"),
        ("after_a_space", "The first field is empty.", f" session {name} 1800000000"),
        ("after_a_tab", "Only a space ends a field.", f"session\t{name} 1800000000"),
    ]:
        record(f"unknown_{kind}", description, text, "unknown_kind")
    for kind, description, text in [
        ("cut_short", "A field is missing.", f"session {name}"),
        ("word_alone", "All fields are missing.", "all"),
        ("too_long", "A field too many.", "all 1 2 3"),
        ("space_at_the_end", "An empty field too many.", f"session {name} 1800000000 "),
        ("two_spaces", "An empty field between them.", f"session {name}  1800000000"),
        ("line_end", "The line's end is no part of it.", f"session {name} 1800000000\n"),
        ("id_short", "Ten characters.", "session AAECAwQFBg 1800000000"),
        ("id_long", "Twelve characters: nine bytes.", "session AAECAwQFBgcI 1800000000"),
        ("id_unused_bits", "Unused bits that are not zero.", "session AAECAwQFBgd 1800000000"),
        ("id_alphabet", "Of the other alphabet.", "session ++ECAwQFBgc 1800000000"),
        ("id_padded", "Padded.", "session AAECAwQFBgc= 1800000000"),
        ("number_empty", "No digit.", f"subject {name}  1800086400"),
        ("number_leading_zero", "One number has one text.", f"session {name} 01800000000"),
        ("number_sign", "A sign.", f"session {name} +1800000000"),
        ("number_negative", "Nothing lies before 1970.", f"session {name} -1"),
        ("number_fraction", "Whole seconds.", f"session {name} 1800000000.0"),
        ("number_of_other_digits", "Digits of another script.", f"session {name} \u0661\u0662"),
        ("until_over_u32", "Seconds below 2^32; these are milliseconds.", f"session {name} 1800000000000"),
        ("until_first_over_u32", "2^32.", f"session {name} {last[0] + 1}"),
        ("not_before_over_u32", "2^32.", f"all {last[0] + 1} 1"),
        ("renewed_over_u48", "2^48.", f"floor {name} {last[1] + 1} 1 1"),
        ("published_over_u48", "2^48.", f"floor {name} 1 {last[1] + 1} 1"),
        ("number_over_u64", "As long as it likes.", f"session {name} 1{'0' * 40}"),
    ]:
        record(f"malformed_{kind}", description, text, "malformed")


# --- Reading ---------------------------------------------------------------------------------


def read(name, description, revocations, build, **expect):
    jar = Jar(name, RING)
    build(jar)
    join(name, description, jar, revocations=revocations, **expect)


ada = {"user": "ada"}
dark = value("theme", "dark", NOW - 5000)


def signed_in(j):
    return j.root(**ADA_ROOT).fragment("u", dark, subject=ADA)


def is_ada(**expect):
    return {
        "winner": L,
        "identity": ada,
        "state": {"theme": ("dark", -5000)},
        "under": ["theme"],
    } | expect


def is_over(**expect):
    return {"rejected": {"root": "revoked"}, "losing": [L]} | expect


def sessions():
    read("revoked", "Its id is on the list.", [over()], signed_in, **is_over())
    read("revoked_not", "A list with other ids.", [over(L2), over(L3, BOB)], signed_in, **is_ada())
    read("revoked_nothing", "An empty list.", [], signed_in, **is_ada())
    read(
        "revoked_head_takes_lineage_with_it",
        "An older root, of before the login too, never becomes the head.",
        [over()],
        lambda j: signed_in(j).root("older", renewed=-2_500_000, user="ada").root("anonymous").fragment("f", dark),
        **is_over(),
    )
    read(
        "revoked_before_login_only",
        "The id of the session as it was before the login: another one.",
        [over(L, None)],
        lambda j: signed_in(j).root("anonymous"),
        **is_ada(),
    )
    read("revoked_for_another_subject", "The id belongs to a subject.", [over(L, BOB)], signed_in, **is_ada())
    read(
        "revoked_anonymous",
        "Somebody may list a session that nobody has signed in to.",
        [over(L, None)],
        lambda j: j.root().fragment("f", dark),
        rejected={"root": "revoked"},
    )
    read(
        "revoked_whole_session",
        "A root of layout Single is a head as any.",
        [over()],
        lambda j: j.single("root", dark, user="ada"),
        **is_over(),
    )
    read(
        "revoked_winner_beside_an_anonymous_lineage",
        "As with a refusal by the clock the anonymous one is the session, alone.",
        [over()],
        lambda j: signed_in(j).root("r2", L2).fragment("f2", value("theme", "light", NOW - 6000), lineage=L2),
        winner=L2,
        state={"theme": ("light", -6000)},
        **is_over(),
    )
    read(
        "revoked_latest_login_lets_no_older_one_win",
        "The other signed-in lineage is not asked.",
        [over()],
        lambda j: signed_in(j).root("r2", L2, user="bob", renewed=-3_000_000),
        **is_over(losing=[L, L2]),
    )
    read(
        "revoked_losing_lineage_not_judged",
        "Nothing depends on it.",
        [over(L2, BOB)],
        lambda j: signed_in(j).root("r2", L2, user="bob", renewed=-3_000_000),
        **is_ada(losing=[L2]),
    )
    read(
        "revoked_closed_lineage_not_judged",
        "An end marker has closed it already.",
        [over()],
        lambda j: signed_in(j).marker(at=-1000),
        closed=[L],
    )
    read(
        "revoked_and_expired",
        "The clock is asked first.",
        [over()],
        lambda j: j.root(born=-3 * DAY, user="ada"),
        rejected={"root": "expired"},
        losing=[L],
    )
    read(
        "revoked_and_not_yet_valid",
        "So it is kept.",
        [over()],
        lambda j: j.root(seen=GRACE_S + 1, **ADA_ROOT),
        rejected={"root": "not_yet_valid"},
        partial=True,
    )
    read(
        "revoked_beside_lines_that_are_no_records",
        "They are skipped, wherever they stand.",
        ["device AAECAwQFBgc 1", "session AAECAwQFBgd 1", "", over(), "all 01 1", "all 9999999999 1", here()],
        signed_in,
        **is_over(),
    )


def adopted():
    def both(j):
        return signed_in(j).root("r2", L2).fragment("f2", lang, lineage=L2)

    read(
        "revoked_adopted",
        "It is asked as the winner is, and nothing of it joins.",
        [over(L2, None)],
        both,
        **is_ada(rejected={"r2": "revoked"}),
    )
    read(
        "revoked_adopted_by_time",
        "The subject proved itself since; the anonymous lineage began before.",
        [everybody(-2000)],
        both,
        **is_ada(rejected={"r2": "revoked"}),
    )
    read(
        "revoked_earliest_of_two_anonymous",
        "The next one is the session.",
        [over(L, None)],
        lambda j: j.root(born=-2 * HOUR).root("r2", L2).fragment("f2", dark, lineage=L2),
        winner=L2,
        state={"theme": ("dark", -5000)},
        rejected={"root": "revoked"},
    )


def floors():
    early, renewed = {"renewed": -2_000_001}, -2_000_000

    def older(j):
        return j.root(user="ada", **early)

    alone = {"winner": L, "identity": ada}
    read(
        "floor_before_it_bites",
        "Published a millisecond less than a grace ago.",
        [floor(renewed, -h.GRACE + 1)],
        older,
        **alone,
    )
    read("floor_bites", "Published a grace ago.", [floor(renewed)], older, **is_over())
    read("floor_of_the_root_itself", "Renewed at the floor, not below it.", [floor(-2_000_001)], older, **alone)
    read(
        "floor_and_the_newer_root",
        "The head counts; the older root beside it does not matter.",
        [floor(renewed)],
        lambda j: older(j).root("newer", **ADA_ROOT),
        **alone,
    )
    read(
        "floor_published_ahead_of_the_clock",
        "By a server whose clock is ahead: it bites later here.",
        [floor(renewed, 1000)],
        older,
        **alone,
    )
    read("floor_of_another_subject", "The id belongs to a subject.", [floor(renewed, subject=BOB)], older, **alone)
    two = [floor(-2_000_001), floor(-1_000_000, -1000)]
    read("floors_of_which_one_bites", "The higher one does not yet.", two, older, **alone)
    read("floors_in_any_order", "The highest that bites.", [floor(-1), floor(-3_000_000)], older, **is_over())


def times():
    """Ada proved herself 2,000 seconds ago; the session was born an hour ago."""
    read("not_before_of_the_subject", "One second after the proof.", [everywhere(-1999)], signed_in, **is_over())
    read("not_before_of_the_subject_reached", "At the proof.", [everywhere(-2000)], signed_in, **is_ada())
    read("not_before_of_another_subject", "Bob's sessions are over.", [everywhere(0, BOB)], signed_in, **is_ada())
    read("not_before_of_all", "One second after the proof.", [everybody(-1999)], signed_in, **is_over())
    read("not_before_of_all_reached", "At the proof.", [everybody(-2000)], signed_in, **is_ada())
    read(
        "not_before_of_all_anonymous",
        "Whoever they are.",
        [everybody(-HOUR + 1)],
        lambda j: j.root().fragment("f", dark),
        rejected={"root": "revoked"},
    )
    read(
        "not_before_of_all_anonymous_reached",
        "Created just then.",
        [everybody(-HOUR)],
        lambda j: j.root().fragment("f", dark),
        winner=L,
        state={"theme": ("dark", -5000)},
    )
    read(
        "not_before_asks_auth",
        "A renewal since then is no proof.",
        [everywhere(-1000)],
        lambda j: j.root(renewed=-500_000, auth=-2000, user="ada"),
        **is_over(),
    )
    read(
        "not_before_the_latest",
        "No record takes back another.",
        [everywhere(-1000), everywhere(-3000), everybody(-4000)],
        signed_in,
        **is_over(),
    )


def routes():
    """Which kinds of routes are served, by the age of the view and the last activity."""

    def served(standard=True, sensitive=True):
        return {"public": True, "standard": standard, "sensitive": sensitive}

    def seen(at):
        return lambda j: j.root(seen=at, **ADA_ROOT)

    alone = {"winner": L, "identity": ada}
    for name, description, confirmed, at, expect in [
        ("fresh", "Confirmed five seconds ago.", LATELY, -2000, served()),
        ("fresh_ahead", "Confirmed after the request arrived.", 1000, -2000, served()),
        ("stale", "A millisecond earlier.", LATELY - 1, -2000, served(sensitive=False)),
        ("stale_still", "Five minutes ago.", LONG_AGO + 1, -2000, served(sensitive=False)),
        ("blind", "A millisecond earlier.", LONG_AGO, -2000, served(False, False)),
        ("blind_seen_lately", "Used five minutes ago.", LONG_AGO, -300, served(sensitive=False)),
        ("blind_not_seen_lately", "Used a second earlier.", LONG_AGO, -301, served(False, False)),
        ("blind_seen_ahead", "Used by a server whose clock is ahead.", LONG_AGO, 5, served(sensitive=False)),
    ]:
        read(f"view_{name}", description, [], seen(at), confirmed=confirmed, served=expect, **alone)
    read(
        "view_blind_anonymous",
        "Nobody is protected by refusing it.",
        [],
        lambda j: j.root(),
        confirmed=LONG_AGO,
        served=served(),
        winner=L,
    )
    read("view_blind_no_session", "Nor without one.", [], lambda j: j, confirmed=LONG_AGO, served=served())
    read(
        "view_blind_revoked",
        "What is known holds all the same.",
        [over()],
        signed_in,
        confirmed=LONG_AGO,
        served=served(),
        **is_over(),
    )


# --- Upkeep ----------------------------------------------------------------------------------


def upkeep():
    g.case(
        "revoked_dead_at_once",
        "The roots of its lineage, the head last; fragments follow them.",
        lambda j: j.root(**ADA_ROOT).fragment("u", x, subject=ADA).root("older"),
        ["older", "root"],
        revocations=[over()],
    )
    g.case(
        "revoked_dead_beside_the_session",
        "An adopted lineage and its root.",
        lambda j: j.root(**ADA_ROOT).root("r2", L2, born=-60).fragment("f2", x, lineage=L2),
        ["r2"],
        revocations=[over(L2, None)],
    )
    g.case(
        "revoked_waits_while_partial",
        "Only covered fragments are deleted.",
        lambda j: j.root(**ADA_ROOT).root("kept", L2, how={"ring": ABSENT}),
        [],
        revocations=[over()],
    )
    g.case(
        "revoked_by_a_floor_dead_at_once",
        "As by any record.",
        lambda j: j.root(**ADA_ROOT),
        ["root"],
        revocations=[floor(-1)],
    )
    steps = (TOUCH + 1) // g.STEP * g.STEP
    due = {"build": lambda j: j.root(born=-TOUCH - 1), "revocations": []}
    g.case(
        "touch_on_a_fresh_view",
        "Confirmed just in time.",
        lines=[touched("root", steps - TOUCH - 1), "root"],
        confirmed=LATELY,
        **due,
    )
    g.case(
        "touch_not_on_a_stale_view",
        "A millisecond earlier: it could keep alive what is over.",
        lines=[],
        confirmed=LATELY - 1,
        **due,
    )
    g.case(
        "touch_judged_by_the_view_as_of_the_arrival",
        "How long the response takes does not count.",
        lines=[touched("root", steps - TOUCH - 1), "root"],
        received=-1000,
        confirmed=LATELY - 1000,
        **due,
    )
    g.case(
        "rekey_on_a_stale_view",
        "The head under its old key, with the seen that it has; a touch is due, and not done.",
        lambda j: j.root(born=-TOUCH - 1, how={"kid": g.STOPPED}),
        [touched("root", -TOUCH - 1)],
        revocations=[],
        confirmed=LONG_AGO,
    )
    old = value("old", 1, NOW - 9000)
    beside = {
        "build": lambda j: (
            j.root(**ADA_ROOT).root("r2", L2, born=g.OLD_S).fragment("f2", old, lineage=L2)
        ),
        "revocations": [],
    }
    g.case(
        "adopted_settled_folded_on_a_fresh_view",
        "Confirmed just in time.",
        lines=[g.fold(old), "f2"],
        confirmed=LATELY,
        **beside,
    )
    g.case(
        "adopted_settled_waits_on_a_stale_view",
        "A millisecond earlier: the session may have ended, and would take along what goes on without it.",
        lines=[],
        confirmed=LATELY - 1,
        **beside,
    )
    g.case(
        "adopted_covered_not_deleted_on_a_stale_view",
        "The session has a later entry of the name, which may have ended with it.",
        lambda j: (
            j.root(**ADA_ROOT)
            .fragment("f", value("old", 2, NOW - 8000))
            .root("r2", L2, born=g.OLD_S)
            .fragment("f2", old, lineage=L2)
        ),
        [],
        revocations=[],
        confirmed=LONG_AGO,
    )


# --- Events ----------------------------------------------------------------------------------

staff = {"lineage": L, "born": -HOUR, "auth": -2000, "user": "ada"}
ada_root = ADA_ROOT
published = floor(0, 0, until=UNTIL)
ended = over(until=UNTIL)


def event(name, description, build, lines, revocations=(), publishes=(), **more):
    case(name, description, build, lines, revocations=revocations, publishes=publishes, **more)


def publications():
    event(
        "publishes_an_end",
        "The session that is over, by lineage and subject.",
        lambda j: j.root(**ada_root).fragment("u", x, subject=ADA),
        [marker(), "u", "root"],
        publishes=[ended],
        **asks(end=True),
    )
    event(
        "publishes_an_end_once",
        "Older roots of the same subject have the same id; those from before the login publish nothing.",
        lambda j: j.root(**ada_root).root("older", renewed=-2_500_000, user="ada").root("anonymous"),
        [marker(), "older", "anonymous", "root"],
        publishes=[ended],
        **asks(end=True),
    )
    event(
        "publishes_all_that_an_end_deletes",
        "Losing and closed lineages too; each root that was read has an id.",
        lambda j: (
            j.root(**ada_root)
            .root("losing", L2, user="bob", renewed=-3_000_000)
            .marker("end", L3, at=-4_000_000)
            .root("closed", L3, born=-2 * HOUR, user="ada")
        ),
        [marker(), "root", "losing", "closed"],
        publishes=[ended, over(L2, BOB, UNTIL), over(L3, ADA, UNTIL)],
        **asks(end=True),
    )
    event(
        "publishes_what_was_refused",
        "There is no session to end, but a root of one that another server may yet take.",
        lambda j: j.root(born=-3 * DAY, user="ada"),
        ["root"],
        publishes=[ended],
        **asks(end=True),
    )
    event(
        "publishes_no_end_of_an_anonymous_session",
        "There is nothing to protect.",
        lambda j: j.root().fragment("f", x),
        [marker(), "f", "root"],
        **asks(end=True),
    )
    event(
        "publishes_a_switch",
        "To somebody else: the session of the one who left.",
        lambda j: j.root(**ada_root),
        [marker(), root(1, user="bob"), "root"],
        publishes=[ended],
        listed=here(BOB, NEW),
        **asks({"user": "bob"}),
    )
    event(
        "publishes_a_switch_to_nobody",
        "A logout by the subject field.",
        lambda j: j.root(**ada_root),
        [marker(), "root"],
        publishes=[ended],
        **asks({"user": None}),
    )
    event(
        "publishes_an_end_beside_a_kept_root",
        "What could be read.",
        lambda j: j.root(**ada_root).root("kept", L2, how={"ring": ABSENT}),
        [marker(h.GRACE), "kept", "root"],
        publishes=[ended],
        **asks(end=True, identity_route=True),
    )
    event(
        "publishes_a_login_beside_a_kept_root",
        "It ends all that could be read.",
        lambda j: j.root(**ada_root).root("kept", L2, how={"ring": ABSENT}),
        [marker(h.GRACE), root(h.GRACE + 1, user="bob"), "kept", "root"],
        publishes=[ended],
        listed=here(BOB, NEW),
        **asks({"user": "bob"}, identity_route=True),
    )
    event(
        "publishes_no_login",
        "The session before it had no subject, and so another id.",
        lambda j: j.root(),
        [root(lineage=L, born=-HOUR, user="ada"), "root"],
        listed=here(),
        **asks({"user": "ada"}),
    )
    event(
        "publishes_no_creation",
        "Nobody else can know it.",
        lambda j: j,
        [root(user="ada")],
        listed=here(lineage=NEW),
        **asks({"user": "ada"}),
    )
    event(
        "publishes_no_write",
        "Nothing is over.",
        lambda j: j.root(**ada_root),
        [fragment(now("x", 1), subject=ADA)],
        **asks({"x": 1}),
    )
    event(
        "publishes_a_renewal",
        "The lowest renewal that counts, and when it was told.",
        lambda j: j.root(**ada_root),
        [root(**staff), "root"],
        publishes=[published],
        **asks(renew=True),
    )
    event(
        "publishes_a_renewal_by_its_stamp",
        "renewed is the root's; the other times are those of the clock.",
        lambda j: j.root(**ada_root).fragment("u", now("x", 1, 70_000), subject=ADA),
        [root(70_001, **staff), "root"],
        publishes=[floor(70_001, 0, until=UNTIL)],
        **asks(renew=True),
    )
    event(
        "publishes_a_proof",
        "A fresh proof renews as well.",
        lambda j: j.root(**ada_root),
        [root(**staff | {"auth": 0}), "root"],
        publishes=[published],
        listed=here(),
        **asks(authenticated=True),
    )
    event(
        "publishes_a_change_of_rights",
        "So does a change of an identity field.",
        lambda j: j.root(**ada_root),
        [root(roles=["admin"], **staff), "root"],
        publishes=[published],
        **asks({"roles": ["admin"]}),
    )
    event(
        "publishes_no_renewal_of_an_anonymous_session",
        "There is nothing to protect.",
        lambda j: j.root(),
        [root(lineage=L, born=-HOUR, auth=-HOUR), "root"],
        **asks(renew=True),
    )
    event(
        "publishes_until_the_next_second",
        "Rounded down, and one more, whatever the milliseconds.",
        lambda j: j.root(**ada_root),
        [lambda jar: ("e", L, None, h.Marker(L, NOW + 999), IDLE + g.TAIL), "root"],
        publishes=[ended],
        now=999,
        **asks(end=True),
    )
    event(
        "publishes_for_the_absolute_limit_without_an_idle_one",
        "So long the session could be used.",
        lambda j: j.root(**ada_root),
        [lambda jar: ("e", L, None, h.Marker(L, NOW), g.AGE), "root"],
        publishes=[over(until=SECOND + g.ABSOLUTE + LEEWAY + 3 * GRACE_S + 1)],
        idle=None,
        **asks(end=True),
    )
    event(
        "publishes_nothing_that_was_refused",
        "The end came too late.",
        lambda j: j.root(**ada_root),
        [],
        error="late",
        **asks(end=True, took=h.GRACE + 1),
    )
    event(
        "publishes_nothing_without_a_key",
        "No marker could be set.",
        lambda j: j.root(**ada_root),
        [],
        error="no_key",
        times=([SECOND + 1, None, None], g.TIMES[1]),
        **asks(end=True),
    )


def proofs():
    """Who proves who they are within the second in which everybody was signed out stays in."""
    event(
        "auth_raised_by_a_login",
        "The not-before of the one who signs in, which the session before was not asked about.",
        lambda j: j.root(born=0),
        [root(1, lineage=L, auth=1, user="ada"), "root"],
        [everywhere(1)],
        listed=here(auth=1),
        **asks({"user": "ada"}),
    )
    event(
        "auth_raised_by_a_proof",
        "It does not fall behind the one before, which was raised within the same second.",
        lambda j: j.root(auth=1, **ada_root),
        [root(**staff | {"auth": 1}), "root"],
        [everywhere(1), everywhere(2, BOB)],
        publishes=[published],
        **asks(authenticated=True),
    )
    event(
        "auth_raised_by_what_was_learnt_since",
        "A changed password ends all sessions of the subject but this one, which proves itself.",
        lambda j: j.root(**ada_root),
        [root(**staff | {"auth": 1}), "root"],
        learnt=[everywhere(1)],
        publishes=[published],
        listed=here(auth=1),
        **asks(authenticated=True),
    )
    event(
        "read_though_learnt_since",
        "Without a proof this response is as it would have been, and the next request is refused.",
        lambda j: j.root(**ada_root),
        [fragment(now("x", 1), subject=ADA)],
        learnt=[everywhere(1), over()],
        **asks({"x": 1}),
    )
    event(
        "auth_raised_at_creation",
        "Of a session that begins with a subject.",
        lambda j: j,
        [root(auth=1, user="ada")],
        [everywhere(1)],
        listed=here(lineage=NEW, auth=1),
        **asks({"user": "ada"}),
    )
    event(
        "auth_raised_at_creation_without_a_subject",
        "The not-before of all alone, or it would be over at once.",
        lambda j: j,
        [root(auth=1), fragment(now("x", 1), lineage=NEW)],
        [everybody(1), everywhere(2)],
        **asks({"x": 1}),
    )
    event(
        "auth_raised_by_a_switch",
        "That of the one who comes, not of the one who left.",
        lambda j: j.root(**ada_root),
        [marker(), root(1, auth=1, user="bob"), "root"],
        [everywhere(-3000), everywhere(1, BOB)],
        publishes=[ended],
        listed=here(BOB, NEW, auth=1),
        **asks({"user": "bob"}),
    )
    event(
        "auth_raised_to_the_latest",
        "All that apply.",
        lambda j: j,
        [root(auth=2, user="ada")],
        [everywhere(1), everybody(2), everywhere(-5)],
        listed=here(lineage=NEW, auth=2),
        **asks({"user": "ada"}),
    )
    event(
        "auth_not_raised_by_a_renewal",
        "It proves nothing.",
        lambda j: j.root(**ada_root),
        [root(**staff), "root"],
        [everywhere(-2000)],
        publishes=[published],
        **asks(renew=True),
    )


def outrun():
    """Another server has renewed the session; who has the older root only writes."""
    above, at = [floor(-1000, -500)], [floor(-2_000_000, -500)]
    event(
        "late_by_a_floor",
        "A renewal of an older root, though the floor does not bite yet.",
        lambda j: j.root(**ada_root),
        [],
        above,
        error="late",
        **asks(renew=True),
    )
    event(
        "late_by_a_floor_with_rights",
        "A change of rights as well, and what was written with it is not set either.",
        lambda j: j.root(**ada_root),
        [],
        above,
        error="late",
        **asks({"roles": ["admin"], "x": 1}),
    )
    event(
        "late_by_a_floor_learnt_since",
        "By what is known when the response is made.",
        lambda j: j.root(**ada_root),
        [],
        learnt=above,
        error="late",
        **asks(renew=True),
    )
    event(
        "not_late_by_a_floor_of_the_root_itself",
        "The root that was renewed.",
        lambda j: j.root(**ada_root),
        [root(**staff), "root"],
        at,
        publishes=[published],
        **asks(renew=True),
    )
    event(
        "not_late_by_a_floor_with_a_proof",
        "Who proves who they are goes on.",
        lambda j: j.root(**ada_root),
        [root(**staff | {"auth": 0}), "root"],
        above,
        publishes=[published],
        listed=here(),
        **asks(authenticated=True),
    )
    event(
        "not_late_by_a_floor_with_a_write",
        "A field is no reason.",
        lambda j: j.root(**ada_root),
        [fragment(now("x", 1), subject=ADA)],
        above,
        **asks({"x": 1}),
    )
    event(
        "not_late_by_a_floor_with_an_end",
        "It ends for the thief as well.",
        lambda j: j.root(**ada_root),
        [marker(), "root"],
        above,
        publishes=[ended],
        **asks(end=True),
    )
    event(
        "not_late_by_a_floor_with_a_switch",
        "So it does for who leaves.",
        lambda j: j.root(**ada_root),
        [marker(), root(1, user="bob"), "root"],
        above,
        publishes=[ended],
        listed=here(BOB, NEW),
        **asks({"user": "bob"}),
    )
    event(
        "not_late_by_a_floor_of_before_the_login",
        "Another id.",
        lambda j: j.root(**ada_root),
        [root(**staff), "root"],
        [floor(-1000, -500, subject=None)],
        publishes=[published],
        **asks(renew=True),
    )


def stale():
    """Nothing goes on as another without a proof while a server may have missed something."""

    def late_view(name, description, build, lines, **more):
        event(name, description, build, lines, confirmed=LATELY - 1, **more)

    late_view(
        "stale_renewal", "Refused.", lambda j: j.root(**ada_root), [], error="stale", **asks(renew=True)
    )
    late_view(
        "stale_change_of_rights",
        "Refused, with the field that was written beside it.",
        lambda j: j.root(**ada_root),
        [],
        error="stale",
        **asks({"roles": ["admin"], "x": 1}),
    )
    late_view(
        "stale_renewal_of_an_anonymous_session",
        "Of any session.",
        lambda j: j.root(),
        [],
        error="stale",
        **asks(renew=True),
    )
    late_view(
        "stale_proof_of_nobody",
        "Without a subject there is nothing to prove.",
        lambda j: j.root(),
        [],
        error="stale",
        **asks(authenticated=True),
    )
    late_view(
        "stale_proof",
        "Who proves who they are goes on.",
        lambda j: j.root(**ada_root),
        [root(**staff | {"auth": 0}), "root"],
        publishes=[published],
        listed=here(),
        **asks(authenticated=True),
    )
    late_view(
        "stale_login",
        "As does who signs in.",
        lambda j: j.root(),
        [root(lineage=L, born=-HOUR, user="ada"), "root"],
        listed=here(),
        **asks({"user": "ada"}),
    )
    late_view(
        "stale_creation",
        "And who begins.",
        lambda j: j,
        [root(), fragment(now("x", 1), lineage=NEW)],
        **asks({"x": 1}),
    )
    late_view(
        "stale_write",
        "Fields are written, and nothing is touched.",
        lambda j: j.root(born=-2 * TOUCH, user="ada"),
        [fragment(now("x", 1), subject=ADA)],
        **asks({"x": 1}),
    )
    late_view(
        "stale_end",
        "An end always goes on.",
        lambda j: j.root(**ada_root),
        [marker(), "root"],
        publishes=[ended],
        **asks(end=True),
    )
    late_view(
        "stale_switch",
        "So does a switch.",
        lambda j: j.root(**ada_root),
        [marker(), root(1, user="bob"), "root"],
        publishes=[ended],
        listed=here(BOB, NEW),
        **asks({"user": "bob"}),
    )
    event(
        "stale_not_yet",
        "Confirmed just in time, as of the arrival of the request.",
        lambda j: j.root(**ada_root),
        [root(**staff), "root"],
        confirmed=LATELY - 2000,
        publishes=[published],
        **asks(renew=True, took=2000),
    )


def main():
    shutil.rmtree(VECTORS / "revocation", ignore_errors=True)
    for group in (records, sessions, adopted, floors, times, routes, upkeep, publications, proofs, outrun, stale):
        group()


if __name__ == "__main__":
    main()
