"""Writes what of `vectors/` is about the session index: `listed/`, and cases of `maintain/` and `event/`,
beside those that the other generators write. So it runs after them.

As in `generate.py`, each outcome is written here by hand.
"""

import shutil

import generate_maintain as g
import haversack as h
import listed
import maintenance as m
from generate import ADA, BOB, DAY, GRACE_S, KEY_2, OTHER_INDEX_KEY, SECOND, VECTORS, flip, ring_fields, write
from generate_events import ADA_ROOT, NEW, asks, fragment, marker, now, root
from generate_fleet import (
    LATELY,
    RING,
    ended,
    event,
    everybody,
    everywhere,
    floor,
    here,
    name_of,
    over,
    published,
    staff,
)
from generate_maintain import ABSOLUTE, IDLE, LEEWAY, STEP, TAIL, TOUCH, L, again, touched
from verify import ring_of, view_of

# --- Records ---------------------------------------------------------------------------------

FIREFOX = "Firefox on Linux"
SUBJECT, ID = "AAECAwQFBgc", "CAkKCwwNDg8"
BARE = f"listed {SUBJECT} {ID} 1800000000 1800000060 1800086760"
FIELDS = {
    "subject": bytes(range(8)).hex(),
    "id": bytes(range(8, 16)).hex(),
    "auth": 1_800_000_000,
    "seen": 1_800_000_060,
    "until": 1_800_086_760,
    "label": None,
}


def record(name, description, text, expect="ok", more=None, **fields):
    given = {"description": description, "expect": expect, "text": text}
    if expect == "ok":
        given["fields"] = FIELDS | fields
    write("listed", name, given | (more or {}))


def records():
    record("ok_bare", "Somebody is signed in to a session.", BARE)
    for n in (32, 48, 64, 80):
        label = h.b64(bytes(range(n)))
        record(f"ok_label_of_{n}", f"{n} bytes of a label, sealed.", f"{BARE} {label}", label=label)
    zeros = f"listed {SUBJECT} {ID} 0 0 0"
    record("ok_zeros", "A number of zero is one digit.", zeros, auth=0, seen=0, until=0)
    last, ones = (1 << 32) - 1, h.b64(b"\xff" * 80)
    longest = f"listed __________8 __________8 {last} {last} {last} {ones}"
    record(
        "ok_last",
        "The last of all times, and the longest record.",
        longest,
        subject="ff" * 8,
        id="ff" * 8,
        auth=last,
        seen=last,
        until=last,
        label=ones,
    )
    assert len(longest) < 200
    for kind, description, text in [
        ("in_capitals", "Words are as they are.", BARE.replace("listed", "Listed")),
        ("after_a_space", "The first field is empty.", " " + BARE),
        ("after_a_tab", "Only a space ends a field.", BARE.replace(" ", "\t", 1)),
        ("cut_short", "Another word.", BARE.replace("listed", "liste")),
    ]:
        record(f"unknown_{kind}", description, text, "unknown_kind")
    words, label = BARE.split(" "), h.b64(bytes(range(32)))

    def changed(at, word):
        return " ".join(words[:at] + [word] + words[at + 1 :])

    for kind, description, text in [
        ("cut_short", "A field is missing.", " ".join(words[:5])),
        ("word_alone", "All fields are missing.", "listed"),
        ("too_long", "A field after the label.", f"{BARE} {label} {label}"),
        ("space_at_the_end", "An empty label.", f"{BARE} "),
        ("space_after_the_label", "An empty field after it.", f"{BARE} {label} "),
        ("two_spaces", "An empty field between them.", BARE.replace(" ", "  ", 1)),
        ("line_end", "The line's end is no part of it.", f"{BARE} {label}\n"),
        ("subject_short", "Ten characters.", changed(1, SUBJECT[:10])),
        ("subject_unused_bits", "Unused bits that are not zero.", changed(1, "AAECAwQFBgd")),
        ("id_long", "Twelve characters: nine bytes.", changed(2, ID + "A")),
        ("id_alphabet", "Of the other alphabet.", changed(2, "++kKCwwNDg8")),
        ("auth_leading_zero", "One number has one text.", changed(3, "01800000000")),
        ("auth_over_u32", "Seconds below 2^32; these are milliseconds.", changed(3, "1800000000000")),
        ("seen_sign", "A sign.", changed(4, "+1800000060")),
        ("seen_first_over_u32", "2^32.", changed(4, str(last + 1))),
        ("until_empty", "No digit.", changed(5, "") + f" {label}"),
        ("until_first_over_u32", "2^32.", changed(5, str(last + 1))),
        ("label_in_the_clear", "A label is sealed.", f"{BARE} Firefox"),
        ("label_of_no_text", "16 bytes: nothing is in the seal.", f"{BARE} {h.b64(bytes(16))}"),
        ("label_between_steps", "33 bytes.", f"{BARE} {h.b64(bytes(33))}"),
        ("label_too_long", "96 bytes.", f"{BARE} {h.b64(bytes(96))}"),
        ("label_unused_bits", "Unused bits that are not zero.", f"{BARE} {label[:-1]}9"),
        ("label_padded", "Padded.", f"{BARE} {label}="),
        ("label_alphabet", "Of the other alphabet.", f"{BARE} ++{label[2:]}"),
    ]:
        record(f"malformed_{kind}", description, text, "malformed")


# --- Labels ----------------------------------------------------------------------------------


def labels():
    firefox, chars, id = FIREFOX, "\u00e4", bytes.fromhex(FIELDS["id"])

    def label(name, description, opened, sealed=None, said=None, **context):
        """What a server with this ring reads of it; `sealed` if somebody else wrote it."""
        more = ring_fields(**context) | {"opened": opened}
        if sealed is None:
            more["said"] = opened if said is None else said
            sealed = opened and listed.seal(ring_of(more), id, opened)
        record(f"label_{name}", description, f"{BARE} {sealed}" if sealed else BARE, more=more, label=sealed)
        return sealed

    good = label("of_16_bytes", "All of a step.", firefox)
    label("of_17_bytes", "And one of the next.", firefox + "!")
    label("of_one_byte", "As long in the seal as one of 16.", "x")
    label("of_64_bytes", "The longest.", "x" * 64)
    label("of_other_letters", "UTF-8.", "Firefox \u0432 Linux \U0001f98a")
    for name, description, opened, said in [
        ("of_lines", "Control characters are spaces.", firefox, "Firefox\non\tLinux"),
        ("trimmed", "No space is around it.", firefox, f" \u3000{firefox}\u00a0\u2028"),
        ("trimmed_of_control_characters", "They are spaces there too.", firefox, f"\0\x1c\x85{firefox}\x1f\x7f"),
        ("not_trimmed_of_other_characters", "One that takes no room is no space.", "\u200bx", "\u200bx"),
        ("of_65_bytes", "Cut.", "x" * 64, "x" * 65),
        ("cut_before_a_character", "Whole characters.", "x" * 63, "x" * 63 + chars + "x"),
        ("cut_after_a_character", "They fit.", chars * 32, chars * 33),
        ("cut_after_a_space", "And trimmed after that.", "x" * 63, "x" * 63 + " x"),
        ("of_spaces", "No label.", None, " \n\0 "),
        ("of_nothing", "No label.", None, ""),
    ]:
        label(name, description, opened, said=said)
    label("after_a_rotation", "The index key stays.", firefox, good, keys=(KEY_2,))
    for name, description, sealed, context in [
        ("of_another_session", "Moved from one.", listed.seal(RING, bytes(8), firefox), {}),
        ("of_another_index_key", "It was replaced since.", good, {"index_key": OTHER_INDEX_KEY}),
        ("of_another_app", "Of another context.", good, {"app": "blog.example"}),
        ("of_another_tenant", "Of another context.", good, {"tenant": "acme"}),
        ("of_another_purpose", "Of another context.", good, {"purpose": "admin"}),
        ("altered", "One bit of the text.", flip(good, 0), {}),
        ("altered_tag", "One bit of the tag.", flip(good, -1), {}),
        ("not_utf_8", "Somebody with the key wrote what is no text.", sealed_bytes(id, b"\xff" * 16), {}),
    ]:
        label(name, description, None, sealed, **context)


def sealed_bytes(id, data):
    return h.b64(listed.AESGCMSIV(RING.label_key).encrypt(id + bytes(4), data, b""))


# --- What has ended --------------------------------------------------------------------------


def ends():
    def record_that(name, description, ends, *revocations):
        """Ada proved who she is just now, and is signed in."""
        text = here()
        got = listed.Listed.parse(text).has_ended(view_of({"revocations": revocations}))
        assert got == ends, name
        fields = {"subject": ADA.hex(), "id": h.unb64(name_of()).hex(), "auth": SECOND, "seen": SECOND}
        fields["until"] = SECOND + IDLE + LEEWAY + GRACE_S + 1
        record(name, description, text, more={"revocations": list(revocations), "ended": ends}, **fields)

    record_that("ended_not", "Nothing is known.", False)
    record_that("ended", "Its id.", True, over())
    record_that("ended_not_by_another_id", "Other sessions are over.", False, over(L, None), over(L, BOB), over(NEW))
    record_that("ended_with_all_of_the_subject", "Signed in before.", True, everywhere(1))
    record_that("ended_not_with_those_before_it", "Signed in since.", False, everywhere(0), everybody(0))
    record_that("ended_not_with_those_of_another", "Bob's sessions.", False, everywhere(1, BOB))
    record_that("ended_with_everybody", "Signed in before.", True, everybody(1))
    record_that("ended_not_by_a_renewal", "It goes on.", False, floor(1000))


# --- Upkeep ----------------------------------------------------------------------------------

SINCE = (TOUCH + 1) // STEP * STEP - TOUCH - 1  # to what a touch of a session of that age moves seen
used = {"revocations": [], "lines": [touched("root", SINCE), "root"]}


def signed_in(born=-TOUCH - 1, **times):
    return lambda j: j.root(born=born, user="ada", **times)


def upkeep():
    moved = here(auth=-TOUCH - 1, seen=SINCE)
    g.case("lists_a_touch", "Somebody is still here.", signed_in(), listed=moved, **used)
    g.case("lists_no_touch_of_an_anonymous_session", "Nobody is.", lambda j: j.root(born=-TOUCH - 1), **used)
    g.case(
        "lists_no_touch_that_is_not_due",
        "A second earlier.",
        signed_in(-TOUCH),
        [],
        revocations=[],
    )
    g.case(
        "lists_no_touch_on_a_stale_view",
        "It is not done: what may be over is not listed again.",
        signed_in(),
        [],
        revocations=[],
        confirmed=LATELY - 1,
    )
    g.case(
        "lists_no_touch_without_room",
        "It waits.",
        signed_in(),
        [],
        revocations=[],
        waiting=1,
        other_headers=m.HEAD,
    )
    g.case(
        "lists_no_touch_on_a_public_route",
        "It is not done.",
        signed_in(),
        [],
        revocations=[],
        maintenance=False,
    )
    g.case(
        "lists_no_other_upkeep",
        "The head under its old key, and nothing else of it.",
        lambda j: j.root(how={"kid": g.STOPPED}, **ADA_ROOT),
        [again("root", ABSOLUTE + TAIL - 2000)],
        revocations=[],
    )
    old = -ABSOLUTE + 1000
    g.case(
        "lists_until_the_absolute_limit",
        "It comes first.",
        signed_in(old, seen=-2 * TOUCH),
        [touched("root", old + -old // STEP * STEP), "root"],
        listed=here(auth=old, seen=old + -old // STEP * STEP),
        revocations=[],
    )


# --- Events ----------------------------------------------------------------------------------


def label_of(subject=ADA, lineage=L):
    return listed.seal(RING, h.unb64(name_of(lineage, subject)), FIREFOX)


def logins():
    login = [root(lineage=L, born=-3600, user="ada"), "root"]
    event(
        "lists_a_login",
        "With the label, sealed for the session as it is after the login.",
        lambda j: j.root(),
        login,
        listed=here(label=label_of()),
        **asks({"user": "ada"}, label=FIREFOX),
    )
    event(
        "lists_a_login_within_the_same_second",
        "The session had no subject, though auth is what it was.",
        lambda j: j.root(born=0),
        [root(1, lineage=L, user="ada"), "root"],
        listed=here(),
        **asks({"user": "ada"}),
    )
    event(
        "lists_a_login_with_a_label_in_one_line",
        "As it is made of what was said.",
        lambda j: j.root(),
        login,
        listed=here(label=label_of()),
        **asks({"user": "ada"}, label=" Firefox\non Linux\0"),
    )
    event(
        "lists_a_login_with_an_empty_label",
        "None.",
        lambda j: j.root(),
        login,
        listed=here(),
        **asks({"user": "ada"}, label=" \n"),
    )
    event(
        "lists_a_creation",
        "Of a session that begins with a subject.",
        lambda j: j,
        [root(user="ada")],
        listed=here(lineage=NEW, label=label_of(lineage=NEW)),
        **asks({"user": "ada"}, label=FIREFOX),
    )
    event(
        "lists_no_creation_without_a_subject",
        "Nobody is signed in.",
        lambda j: j,
        [root(), fragment(now("x", 1), lineage=NEW)],
        **asks({"x": 1}, label=FIREFOX),
    )
    event(
        "lists_a_switch",
        "Who comes.",
        lambda j: j.root(**ADA_ROOT),
        [marker(), root(1, user="bob"), "root"],
        publishes=[ended],
        listed=here(BOB, NEW, label=label_of(BOB, NEW)),
        **asks({"user": "bob"}, label=FIREFOX),
    )
    event(
        "lists_a_login_with_an_end",
        "The session that begins, be it of the same subject, and proved within the same second.",
        lambda j: j.root(auth=0, **ADA_ROOT),
        [marker(), root(1, user="ada"), "root"],
        publishes=[ended],
        listed=here(lineage=NEW),
        **asks({"user": "ada"}, end=True),
    )
    event(
        "lists_no_end",
        "Nobody is signed in any more.",
        lambda j: j.root(born=-TOUCH - 1, user="ada"),
        [marker(), "root"],
        publishes=[ended],
        **asks(end=True, label=FIREFOX),
    )
    event(
        "lists_a_proof",
        "The same session, with another label.",
        lambda j: j.root(**ADA_ROOT),
        [root(**staff | {"auth": 0}), "root"],
        publishes=[published],
        listed=here(label=label_of()),
        **asks(authenticated=True, label=FIREFOX),
    )
    event(
        "lists_no_proof_within_the_same_second",
        "auth is what it was.",
        lambda j: j.root(auth=0, **ADA_ROOT),
        [root(**staff | {"auth": 0}), "root"],
        publishes=[published],
        **asks(authenticated=True, label=FIREFOX),
    )
    event(
        "lists_in_whole_seconds",
        "Whatever the milliseconds.",
        lambda j: j.root(),
        [root(999, lineage=L, born=-3600, user="ada"), "root"],
        listed=here(),
        now=999,
        **asks({"user": "ada"}),
    )
    event(
        "lists_until_the_absolute_limit_without_an_idle_one",
        "As long as it can be used.",
        lambda j: j.root(),
        login,
        listed=" ".join([*here().split(" ")[:-1], str(SECOND + ABSOLUTE + LEEWAY + GRACE_S + 1)]),
        idle=None,
        **asks({"user": "ada"}),
    )
    event(
        "lists_no_login_that_was_refused",
        "It came too late.",
        lambda j: j.root(),
        [],
        error="late",
        **asks({"user": "ada"}, took=h.GRACE + 1),
    )
    event(
        "lists_nothing_without_a_key",
        "No root could be set.",
        lambda j: j.root(),
        [],
        error="no_key",
        times=([SECOND + 1, None, None], g.TIMES[1]),
        **asks({"user": "ada"}),
    )


def activity():
    long_since = {"born": -2 * TOUCH, "seen": -TOUCH - 1}
    at = {"lineage": L, "born": -2 * TOUCH, "auth": -2 * TOUCH, "user": "ada"}
    event(
        "lists_a_renewal_after_a_tenth",
        "The root that it sets says when the session was used.",
        signed_in(**long_since),
        [root(**at), "root"],
        publishes=[published],
        listed=here(auth=-2 * TOUCH),
        **asks(renew=True),
    )
    event(
        "lists_no_renewal_before",
        "A second earlier.",
        signed_in(**long_since | {"seen": -TOUCH}),
        [root(**at), "root"],
        publishes=[published],
        **asks(renew=True, label=FIREFOX),
    )
    event(
        "lists_no_renewal_ahead_of_the_clock",
        "The last activity is that of a server whose clock is ahead.",
        signed_in(**long_since | {"seen": 100}),
        [root(**at), "root"],
        publishes=[published],
        **asks(renew=True),
    )
    event(
        "lists_no_renewal_without_an_idle_limit",
        "Nothing depends on when it was used.",
        signed_in(born=-2 * DAY, seen=-DAY),
        [root(**at | {"born": -2 * DAY, "auth": -2 * DAY}), "root"],
        publishes=[floor(0, 0, until=SECOND + ABSOLUTE + LEEWAY + 3 * GRACE_S + 1)],
        idle=None,
        **asks(renew=True),
    )
    moved = here(auth=-TOUCH - 1, seen=SINCE)
    event(
        "lists_a_touch_beside_a_write",
        "The touch, not the write; a label that is said is taken.",
        signed_in(),
        [fragment(now("x", 1), subject=ADA), *used["lines"]],
        listed=f"{moved} {label_of()}",
        **asks({"x": 1}, label=FIREFOX),
    )
    event(
        "lists_no_write",
        "Each of them would be too many.",
        lambda j: j.root(**ADA_ROOT),
        [fragment(now("x", 1), subject=ADA)],
        **asks({"x": 1}, label=FIREFOX),
    )
    event(
        "lists_no_label_alone",
        "It is said and not asked for.",
        lambda j: j.root(**ADA_ROOT),
        [],
        **asks(label=FIREFOX),
    )
    event(
        "lists_a_touch_though_the_event_was_refused",
        "Upkeep is done.",
        signed_in(),
        used["lines"],
        [floor(-1000, -500)],
        error="late",
        listed=moved,
        **asks(renew=True),
    )
    event(
        "lists_what_was_learnt_to_have_ended",
        "It ended while the request was under way: who shows the list leaves it out.",
        signed_in(),
        [fragment(now("x", 1), subject=ADA), *used["lines"]],
        learnt=[over()],
        listed=moved,
        **asks({"x": 1}),
    )


def main():
    shutil.rmtree(VECTORS / "listed", ignore_errors=True)
    for group in (records, labels, ends, upkeep, logins, activity):
        group()


if __name__ == "__main__":
    main()
