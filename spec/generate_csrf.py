"""Writes `vectors/csrf/`: form tokens, and the sessions that they are shown to.

As in `generate.py`, each outcome is written here by hand.
"""

import shutil
import string

import csrf
import haversack as h
from generate import (
    ADA,
    APP,
    BASE,
    BOB,
    DAY,
    HOUR,
    INDEX_KEY,
    KEY_1,
    KEY_ABSENT,
    LINEAGE,
    LINEAGE_2,
    LINEAGE_3,
    NOW,
    OTHER_INDEX_KEY,
    VECTORS,
    Jar,
    digest,
    ring_fields,
    write,
)
from verify import read, ring_of

ABSENT = h.Ring(INDEX_KEY, [KEY_ABSENT], APP)
ADA_ROOT = {"user": "ada", "renewed": -2_000_000}
MASK = digest("mask", 16)


def case(name, description, expect, build, lineage=LINEAGE, subject=None, mask=MASK, token=None, ring=None, **context):
    """A token of this lineage and subject, or any text, on a request with this jar."""
    given = {"description": description, "expect": expect, **ring_fields(**context), "base": BASE}
    jar = Jar(f"csrf {name}", ring_of(given))
    build(jar)
    given |= {
        "lifetime": {"idle": DAY, "absolute": 14 * DAY, "leeway": 60},
        "now": NOW,
        "policy": {"subject": "user", "identity": ["roles"]},
        "cookies": jar.cookies,
    }
    if token is None and ring is None:
        tag = ring_of(given).csrf_tag(lineage, subject)
        token = csrf.masked(tag, mask)
        made = {"lineage": lineage.hex(), "subject": subject and subject.hex(), "mask": mask.hex(), "tag": tag.hex()}
        given |= made
    elif token is None:
        token = csrf.masked(ring.csrf_tag(lineage, subject), mask)
    given["token"] = token
    got = csrf.verify(ring_of(given), read(given), token)
    assert got == expect, (name, got)
    write("csrf", name, given)


def main():
    shutil.rmtree(VECTORS / "csrf", ignore_errors=True)
    token = csrf.masked(h.Ring(INDEX_KEY, [KEY_1], APP).csrf_tag(LINEAGE, None), MASK)

    def anonymous(j):
        j.root()

    def ada(j):
        j.root(**ADA_ROOT)

    case("ok_anonymous", "Nobody is signed in: the tag is of the lineage alone.", "ok", anonymous)
    case("ok_signed_in", "The tag is of the lineage and the subject.", "ok", ada, subject=ADA)
    case("ok_mask_of_zeros", "Any mask will do.", "ok", anonymous, mask=bytes(16))
    case(
        "ok_tenant_and_purpose",
        "The key is derived for both.",
        "ok",
        anonymous,
        tenant="acme",
        purpose="other",
    )
    case(
        "ok_of_an_adopted_session",
        "First visits that raced: while nobody is signed in the tokens of all of them are right.",
        "ok",
        lambda j: j.root().root("r2", LINEAGE_2, born=-HOUR + 1),
        LINEAGE_2,
    )
    case(
        "ok_beside_a_kept_root",
        "Which session it is cannot be told here; the token is of one that is admitted.",
        "ok",
        lambda j: j.root(**ADA_ROOT).root("kept", LINEAGE_2, how={"ring": ABSENT}),
        subject=ADA,
    )
    case(
        "ok_adopted_beside_a_kept_root",
        "Nor whether it is adopted.",
        "ok",
        lambda j: j.root(**ADA_ROOT).root("r2", LINEAGE_2, born=-60).root("kept", LINEAGE_3, how={"ring": ABSENT}),
        LINEAGE_2,
    )
    case("ok_whole_session", "One cookie for all.", "ok", lambda j: j.single(user="ada"), subject=ADA)
    case("before_login", "A page that was open while somebody signed in.", "before_login", ada)
    case(
        "before_login_of_an_adopted_session",
        "The same of another session of the first visit.",
        "before_login",
        lambda j: j.root(**ADA_ROOT).root("r2", LINEAGE_2, born=-60),
        LINEAGE_2,
    )
    case("wrong_subject", "Of somebody else who was signed in to this lineage.", "wrong", ada, subject=BOB)
    case("wrong_after_logout", "Of the user who was signed in to this lineage.", "wrong", anonymous, subject=ADA)
    case("wrong_lineage", "Of the session of another client.", "wrong", anonymous, LINEAGE_2)
    case(
        "wrong_losing",
        "A signed-in session that lost is not the session.",
        "wrong",
        lambda j: j.root(**ADA_ROOT).root("bob", LINEAGE_2, user="bob", renewed=-1_000_000),
        subject=ADA,
    )
    case(
        "wrong_ring",
        "Made under another index key.",
        "wrong",
        anonymous,
        ring=h.Ring(OTHER_INDEX_KEY, [KEY_1], APP),
    )
    case("wrong_tenant", "Made for another tenant.", "wrong", anonymous, ring=h.Ring(INDEX_KEY, [KEY_1], APP, "acme"))
    case("wrong_masked_twice", "The mask alone proves nothing.", "wrong", anonymous, token=h.b64(MASK + MASK))
    case("no_session", "No cookies at all.", "no_session", lambda j: j)
    case("no_session_expired", "A session that is over.", "no_session", lambda j: j.root(born=-2 * DAY))
    case("no_session_closed", "A session that was ended.", "no_session", lambda j: j.root().marker())
    case(
        "unavailable",
        "It may be of the root that cannot be read here.",
        "unavailable",
        lambda j: j.root(**ADA_ROOT).root("kept", LINEAGE_2, how={"ring": ABSENT}),
        LINEAGE_2,
    )
    case("malformed_empty", "A form without a token.", "malformed", anonymous, token="")
    case("malformed_short", "31 bytes.", "malformed", anonymous, token=h.b64(h.unb64(token)[:31]))
    case("malformed_long", "33 bytes.", "malformed", anonymous, token=h.b64(h.unb64(token) + b"\0"))
    case("malformed_padded", "base64url without padding.", "malformed", anonymous, token=token + "=")
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    last = alphabet[alphabet.index(token[-1]) | 1]
    case("malformed_unused_bits", "The last two bits are zero.", "malformed", anonymous, token=token[:-1] + last)
    case("malformed_not_ascii", "Not a character of base64url.", "malformed", anonymous, token=token[:-2] + "\u00e9")


if __name__ == "__main__":
    main()
