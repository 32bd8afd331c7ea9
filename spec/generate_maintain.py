"""Writes `vectors/maintain/`: what a response to a request that changes nothing sets and deletes.

As in `generate.py`, each outcome is written here by hand. Where a case stands at a limit it is
built from the limit's name in `maintenance.py`, so that the case says the same if the limit moves.
"""

import shutil
from dataclasses import replace
from itertools import combinations

import events
import haversack as h
import maintenance as m
from generate import (
    ADA,
    APP,
    BASE,
    BOB,
    DAY,
    GRACE_S,
    HOUR,
    INDEX_KEY,
    KEY_1,
    KEY_2,
    KEY_ABSENT,
    LINEAGE,
    LINEAGE_2,
    LINEAGE_3,
    NOW,
    SECOND,
    VECTORS,
    Jar,
    ring_fields,
    tombstone,
    value,
    write,
)
from haversack import Entry, Fragment, cbor
from verify import maintained, show_response, show_told, situation
from verify import request as asked

L = LINEAGE
L2, L3 = sorted((LINEAGE_2, LINEAGE_3))
RING = h.Ring(INDEX_KEY, [KEY_1, KEY_2], APP)
SEALS, STOPPED = RING.keys
IDLE, ABSOLUTE, LEEWAY = DAY, 14 * DAY, 60
TAIL = LEEWAY + 3 * GRACE_S  # seconds that a cookie outlives what it says
AGE = 400 * DAY  # of a fragment's cookie, under a key that has no successor
TIMES = ([SECOND - 30 * DAY, None, None], [SECOND - 60 * DAY, SECOND - 29 * DAY, SECOND + DAY])

# Seconds and milliseconds from now. "Old" is settled, "late" is not.
OLD_S, LATE_S = -m.SETTLED // 1000 - 1, -m.SETTLED // 1000
OLD, LATE = -m.SETTLED - 1, -m.SETTLED
BORDER = (NOW - m.LAG) // m.SLOT * m.SLOT - NOW  # of what can be folded; it moves to
NEXT = BORDER + m.SLOT + m.LAG  # the next slot then
FORGOTTEN, REMEMBERED = BORDER - m.TOMBSTONE - 1, BORDER - m.TOMBSTONE  # tombstones
TOUCH = IDLE // m.TOUCH_AFTER  # seconds since seen
STEP = IDLE // m.TOUCH_STEP
MANY = m.FEW["navigation"] + 1  # fragments that are too many; the cases are navigations unless they say
JAR = m.Policy.request + m.FOLD_SPARE  # characters of the jar with a fold and its inputs


class Labelled(Jar):
    """A jar that also knows each parcel's frame and scope by its label."""

    def __init__(self, case):
        super().__init__(case, RING)
        self.frames, self.owners = {}, {}

    def add(self, label, kind, frame, lineage=None, subject=None, **how):
        self.frames[label] = frame
        self.owners[label] = kind, lineage or frame.lineage, subject
        return super().add(label, kind, frame, lineage, subject, **how)

    def old_key(self, label, *entries, **how):
        """A fragment under the key that no longer seals."""
        return self.fragment(label, *entries, kid=STOPPED, **how)

    def many(self, n=MANY, at=-60_000, subject=None, prefix="k"):
        """Fragments of one entry each, every one larger than the one before."""
        for i in range(n):
            self.fragment(f"{prefix}{i}", item(i, at, prefix), subject=subject)
        return self


def item(i, at=-60_000, prefix="k"):
    return value(f"{prefix}{i}", "x" * 8 * (i + 1), NOW + at + i)


def items(n=MANY, at=-60_000, prefix="k"):
    return [item(i, at, prefix) for i in range(n)]


def fold(*entries, count=1, lineage=L, subject=None, salt=0, age=AGE):
    """The fragment that a response sets."""
    kind = "u" if subject else "a"
    frame = Fragment(sorted(entries, key=lambda e: e.name), count, salt)
    return lambda jar: (kind, lineage, subject, frame, age)


def again(label, age=AGE):
    """The same parcel, sealed anew."""
    return lambda jar: (*jar.owners[label], jar.frames[label], age)


def touched(label, seen, salt=0, age=None):
    """The head with another `seen`, in seconds from now; its cookie lives until its absolute end."""

    def built(jar):
        frame = replace(jar.frames[label], seen=SECOND + seen, salt=salt)
        lives = age if age is not None else frame.auth + ABSOLUTE + TAIL - SECOND
        return "r", frame.lineage, None, frame, lives

    return built


def chars_of(jar, line):
    if "delete" in line:
        return len(f"Set-Cookie: {line['delete']}=; Max-Age=0{m.SCOPE}\r\n")
    sealed = h.seal(jar.ring, "c:" + line["set"], b"", bytes(12), h.padme(bytes.fromhex(line["frame"])))
    return len(f"Set-Cookie: {line['set']}={sealed}; Max-Age={line['max_age']}{m.ATTRIBUTES}\r\n")


def case(
    name,
    description,
    build,
    lines,
    *,
    waiting=0,
    now=0,
    received=None,
    idle=IDLE,
    absolute=ABSOLUTE,
    defaults=None,
    identity=("roles",),
    other_headers=0,
    maintenance=True,
    fetch="navigation",
    times=TIMES,
    keep=(),
    does=None,
    error=None,
    revocations=None,
    confirmed=None,
    learnt=(),
    publishes=(),
    listed=None,
    **budget,
):
    """`lines`: in order, the label of a parcel to delete or what is to be set."""
    group = "maintain" if does is None else "event"
    jar = Labelled(f"{group} {name}")
    build(jar)
    want = []
    lines = lines(jar) if callable(lines) else lines
    for line in lines:
        if isinstance(line, str):
            want.append({"delete": jar.labels[line]})
            continue
        kind, lineage, subject, frame, age = line(jar)
        parcel = f"{BASE}.{h.suffix(RING, kind, lineage, frame.encode())}"
        scope = h.scope(kind, lineage, subject or b"").hex()
        want.append({"set": parcel, "kind": kind, "scope": scope, "frame": frame.encode().hex(), "max_age": age})
    expect = {"lines": want, "waiting": waiting, "chars": sum(chars_of(jar, line) for line in want)}
    given = {"description": description, "expect": expect, **ring_fields(keys=(KEY_1, KEY_2))}
    given["ring"]["times"] = list(times)
    given |= {
        "base": BASE,
        "lifetime": {"idle": idle, "absolute": absolute, "leeway": LEEWAY},
        "now": NOW + now,
        **({} if received is None else {"received": NOW + received}),
        "policy": {
            "subject": "user",
            "identity": list(identity),
            "keep": list(keep),
            "defaults": {n.hex(): cbor(v).hex() for n, v in (defaults or {}).items()},
        },
        "budget": {name: getattr(m.Policy, name) for name in ("parcel", "state", "request", "response")} | budget,
        "room": {"other_headers": other_headers, "maintenance": maintenance, **({"fetch": fetch} if fetch else {})},
        **({} if does is None else {"request": does}),
        **({} if revocations is None else {"revocations": list(revocations)}),
        **({} if confirmed is None else {"confirmed": NOW + confirmed}),
        **({"learnt": list(learnt)} if learnt else {}),
        "cookies": jar.cookies,
        "parcels": jar.parcels,
    }
    if revocations is not None:
        expect["listed"] = listed
    if does is None:
        response = maintained(situation(given), other_headers, maintenance, fetch)
        got = show_response(response) | show_told(given, response)
    else:
        expect["error"] = error
        if revocations is not None:
            expect["publishes"] = sorted(publishes)
        response, why = events.respond(situation(given), asked(given), other_headers, maintenance, fetch)
        got = show_response(response) | {"error": why} | show_told(given, response)
    if got != expect:
        labels = {v: k for k, v in jar.labels.items()}

        def told(response):
            return [
                labels.get(line.get("delete"), line.get("delete")) or {k: v for k, v in line.items() if k != "scope"}
                for line in response["lines"]
            ]

        def rest(response):
            return {k: v for k, v in response.items() if k != "lines"}

        raise AssertionError(f"{group}/{name}\n got {told(got)} {rest(got)}\nwant {told(expect)} {rest(expect)}")
    write(group, name, given)


# --- Sizes ---------------------------------------------------------------------------------------


def value_chars(frame):
    """Characters of the value that a frame is sealed into."""
    return len(h.b64(bytes(40 + len(h.padme(frame.encode())))))


NAME_CHARS = len(f"{BASE}.a12345678")
DELETION = len("Set-Cookie: =; Max-Age=0" + m.SCOPE + "\r\n") + NAME_CHARS


def step_chars(frame, deletions):
    """What a step is taken to cost: a Max-Age counts ten digits before it is written."""
    line = len("Set-Cookie: =; Max-Age=" + m.ASSUMED_AGE + m.ATTRIBUTES + "\r\n")
    return line + NAME_CHARS + value_chars(frame) + deletions * DELETION


def room(chars):
    """So many characters are left in the response."""
    return {"other_headers": m.HEAD - chars}


def in_cookie_line(frame):
    return NAME_CHARS + value_chars(frame) + len("=; ")


def ballast(jar, chars):
    """Parcels of ours that are malformed, `chars` of the Cookie line together: ["b0", "b1", ..]."""
    labels = []
    while chars:
        part = min(chars, 4000) if chars - 4000 > 100 or chars <= 4000 else chars - 200
        label = f"b{len(labels)}"
        name = f"{BASE}.a{h.hint(L)}-----{label[1]}"
        jar.put(label, name, "hv1A".ljust(part - len(name) - len("=; "), "!"))
        labels.append(label)
        chars -= part
    return labels


def ballast_first(*then):
    """The ballast is malformed, so it is deleted; then the other lines."""
    return lambda jar: [*sorted((label for label in jar.labels if label[0] == "b"), key=jar.labels.get), *then]


def jar_chars(jar):
    return sum(len(f"{name}={text}; ") for name, text in jar.cookies)


def choose(make, fits):
    """The first of the fragments `make(0)`, `make(1)`, .. whose name suits the case."""
    return next(frame for frame in map(make, range(1000)) if fits(name_of(frame)))


def by_size(jar, labels):
    """Fragments of one lineage as a fold takes them."""
    size = {name: len(text) for name, text in jar.cookies}
    return sorted(labels, key=lambda label: (size[jar.labels[label]], jar.labels[label]))


def name_of(frame, kind="a", lineage=L):
    return h.suffix(RING, kind, lineage, frame.encode())


# --- The cases -----------------------------------------------------------------------------------


def folds():
    case("nothing_due", "As many fragments as may stay, a young root.", lambda j: j.root().many(MANY - 1), [])
    case("empty_jar", "Nothing to do for a fresh session.", lambda j: j, [])
    case(
        "fold_many_small",
        "One fragment more than may stay: one new fragment of all, then its inputs, the smallest first.",
        lambda j: j.root().many(),
        [fold(*items()), *(f"k{i}" for i in range(MANY))],
    )
    case(
        "fold_whatever_the_order_of_arrival",
        "The same fold if the cookies arrive in another order.",
        lambda j: [j.root()] + [j.fragment(f"k{i}", item(i)) for i in reversed(range(MANY))],
        [fold(*items()), *(f"k{i}" for i in range(MANY))],
    )
    case(
        "fold_leaves_the_large",
        "A fragment larger than the inputs so far together ends the run.",
        lambda j: j.root().many(MANY - 1).fragment("large", value("large", "x" * 1500, NOW - 9000)),
        [fold(*items(MANY - 1)), *(f"k{i}" for i in range(MANY - 1))],
    )
    second = value("t", "x" * 120, NOW - 9000)
    case(
        "fold_two_smallest_whatever_their_sizes",
        "The second is taken even if it is larger than the first; the third is larger than both.",
        lambda j: (
            [j.root().fragment("s", item(0)).fragment("t", second)]
            + [j.fragment(f"l{i}", value(f"l{i}", "x" * (800 + 16 * i), NOW - 9000)) for i in range(MANY - 2)]
        ),
        [fold(item(0), second), "s", "t"],
    )

    def text(n):
        return value(f"t{n:04}", "x" * n, NOW - 9000)

    def cost(n):
        return in_cookie_line(Fragment([text(n)]))

    texts = {cost(n): n for n in range(2000)}
    sizes = sorted(chars for chars in texts if chars < 300)
    three = next(three for three in combinations(sizes, 3) if m.GROWTH * sum(three) in texts)
    small = [text(texts[chars]) for chars in three]
    grown = m.GROWTH * sum(three)
    exact = text(texts[grown])
    over = texts[min(chars for chars in texts if chars > grown)]
    two = [text(texts[chars]) for chars in sizes[:2]]
    larger = [text(texts[min(chars for chars in texts if chars > m.GROWTH * sum(sizes[:2]))] + i) for i in range(MANY)]
    largest = [text(4 * over + i) for i in range(MANY - 4)]

    def texts_of(*groups):
        def build(j):
            j.root()
            for prefix, entries in zip("stl", groups, strict=False):
                for i, e in enumerate(entries):
                    j.fragment(f"{prefix}{i}", *(e if isinstance(e, tuple) else [e]))

        return build

    case(
        "fold_takes_what_is_twice_as_large_as_the_inputs",
        "Only a larger one ends the run; sizes are those in the Cookie line.",
        texts_of(small, [exact], largest),
        [fold(*small, exact), "s0", "s1", "s2", "t0"],
    )
    case(
        "fold_leaves_what_is_larger_than_that",
        "The next size that a fragment can have.",
        texts_of(small, [text(over)], largest),
        [fold(*small), "s0", "s1", "s2"],
    )
    second = [f"t{i}" for i in range(MANY)]
    case(
        "fold_once",
        "Without the inputs of the fold there are still too many: the next response folds them.",
        texts_of(two, larger),
        [fold(*two), "s0", "s1"],
    )
    wins, loses = value("w", 2, NOW - 8000), value("w", 1, NOW - 9000)

    def crowded(*groups):
        """Above the limit of the jar."""

        def build(j):
            texts_of(*groups)(j)
            ballast(j, JAR + 1000 - jar_chars(j))

        return build

    def second_fold(j):
        labels = by_size(j, second)[:2]
        return [fold(*(larger[int(label[1:])] for label in labels)), *labels]

    case(
        "fold_several_times",
        "The jar is over its limit and still too many are left: the next two are folded as well.",
        crowded(two, larger),
        lambda j: ballast_first(fold(*two), "s0", "s1", *second_fold(j))(j),
    )
    case(
        "fold_several_times_owned_as_before_the_first",
        "An input of the second fold has an entry that lost to an input of the first: it is not carried.",
        crowded([two[0], wins], [(e, loses) for e in larger]),
        lambda j: ballast_first(fold(two[0], wins), *by_size(j, ["s0", "s1"]), *second_fold(j))(j),
    )

    def equal(j):
        j.root()
        for i in range(MANY):
            j.fragment(f"e{i}", value(f"e{i}", i, NOW - 9000))

    case(
        "fold_equal_sizes_in_order_of_names",
        "Inputs of one size are taken, and deleted, in order of their names.",
        equal,
        lambda j: [
            fold(*(value(f"e{i}", i, NOW - 9000) for i in range(MANY))),
            *sorted((f"e{i}" for i in range(MANY)), key=j.labels.get),
        ],
    )
    edge = {"n": MANY, "at": BORDER + 1 - MANY}  # the newest stamp is that of the border
    case(
        "fold_one_millisecond_before_the_slot_ends",
        "The newest fragment lies in the last slot, so that one too few can be folded.",
        lambda j: j.root().many(**edge),
        [],
        now=NEXT - 1,
    )
    case(
        "fold_when_the_slot_has_ended",
        "One millisecond later, and so a second after its end, the same jar is folded.",
        lambda j: j.root().many(**edge),
        [fold(*items(**edge)), *(f"k{i}" for i in range(MANY))],
        now=NEXT,
    )
    case(
        "fold_by_the_slot_of_the_arrival",
        "The slot ends between the request and the response, which has not read what landed meanwhile.",
        lambda j: j.root().many(**edge),
        [],
        received=NEXT - 1,
        now=NEXT,
    )
    case(
        "fold_only_what_lies_before_the_slot",
        "A fragment of this slot stays, and what it overrides is folded as if it were not there.",
        lambda j: j.root().many().fragment("new", value("k1", 1, NOW + BORDER), item(9)),
        ["k1", fold(*items()), *(f"k{i}" for i in range(MANY) if i != 1)],
    )
    dark, light = value("theme", "dark", NOW - 60_000), value("theme", "light", NOW - 50_000)
    p, q = value("p", "x" * 60, NOW - 60_000), value("q", "x" * 90, NOW - 50_000)
    case(
        "fold_carries_no_entry_that_lost",
        "Two inputs hold one name: the fold has the later write only.",
        lambda j: j.root().many(MANY - 2).fragment("p", dark, p).fragment("q", light, q),
        [fold(*items(MANY - 2), p, q, light), *(f"k{i}" for i in range(MANY - 2)), "p", "q"],
    )
    case(
        "fold_counts_from_the_highest_input",
        "The count is one more than the highest of the inputs.",
        lambda j: [j.root()] + [j.fragment(f"k{i}", item(i), count=(0, 3, 1)[i % 3]) for i in range(MANY)],
        [fold(*items(), count=4), *(f"k{i}" for i in range(MANY))],
    )
    case(
        "fold_not_due_for_what_is_covered",
        "One fragment too many, and one that owns nothing: it is deleted, and nothing is folded.",
        lambda j: j.root().fragment("old", value("k0", 1, NOW - 70_000)).many(MANY - 1),
        ["old"],
    )
    case(
        "fold_leaves_what_is_covered",
        "What owns nothing is no input, whatever its count: who does not see it any more folds to the same name.",
        lambda j: j.root().fragment("old", value("k0", 1, NOW - 70_000), count=7).many(),
        ["old", fold(*items()), *(f"k{i}" for i in range(MANY))],
    )
    roles = value("roles", ["admin"], NOW - 60_000)
    case(
        "fold_carries_misplaced_identity_entries",
        "An identity entry in a fragment is never taken, and carried: another program may not declare it.",
        lambda j: j.root().many(MANY - 1).fragment("p", roles, p),
        [fold(*items(MANY - 1), roles, p), *(f"k{i}" for i in range(MANY - 1)), "p"],
    )
    unknown = value("p", b"\xff" * 16 * MANY, NOW - 9000, 7)
    case(
        "fold_entry_of_unknown_encoding",
        "Carried as it is.",
        lambda j: j.root().many(MANY - 1).fragment("p", unknown),
        [fold(*items(MANY - 1), unknown), *(f"k{i}" for i in range(MANY - 1)), "p"],
    )

    # Kinds.
    ada = {"user": "ada", "renewed": -2_000_000}
    case(
        "fold_kinds_apart",
        "As many as may stay of each kind.",
        lambda j: j.root(**ada).many(MANY - 1).many(MANY - 1, subject=ADA, prefix="u"),
        [],
    )
    case(
        "fold_both_kinds",
        "What was written while anonymous first, then what was written under the subject.",
        lambda j: j.root(**ada).many(subject=ADA, prefix="u").many(),
        [
            fold(*items()),
            *(f"k{i}" for i in range(MANY)),
            fold(*items(prefix="u"), subject=ADA),
            *(f"u{i}" for i in range(MANY)),
        ],
    )
    case(
        "fold_anonymous_without_what_the_subject_wrote",
        "Who owns an entry is judged among both kinds: an older write under the subject wins.",
        lambda j: j.root(**ada).many(MANY - 1).fragment("p", light, p).fragment("u", dark, value("u", 1), subject=ADA),
        [fold(*items(MANY - 1), p), *(f"k{i}" for i in range(MANY - 1)), "p"],
        now=NEXT + m.SLOT,
    )

    # Stamps ahead of the clock.
    case(
        "fold_stamps_more_than_grace_ahead",
        "So far ahead a stamp says nothing about the slot.",
        lambda j: j.root().many(at=h.GRACE + 1),
        [fold(*items(at=h.GRACE + 1)), *(f"k{i}" for i in range(MANY))],
    )
    case(
        "fold_no_stamps_up_to_grace_ahead",
        "A clock may be that far ahead: the fragment is of this slot or a later one.",
        lambda j: j.root().many(MANY - 1, at=h.GRACE + 1).fragment("p", value("p", 1, NOW + h.GRACE)),
        [],
    )
    case(
        "fold_no_stamps_up_to_grace_ahead_of_the_response",
        "They were further ahead when the request arrived: the clock is that of the response.",
        lambda j: j.root().many(at=h.GRACE - MANY),
        [],
        received=-1000,
    )

    # A name that is taken.
    def taken(n):
        def build(j):
            j.root().many()
            for salt in range(n):
                name = name_of(Fragment(items(), 1, salt))
                j.put(f"t{salt}", f"{BASE}.{name}", "hv1A!")

        return build

    def names_first(n, then):
        return lambda j: [*sorted((f"t{i}" for i in range(n)), key=j.labels.get), *then]

    inputs = [f"k{i}" for i in range(MANY)]
    case(
        "fold_salted",
        "The request carries the fold's name with something else: a salt gives another name.",
        taken(1),
        names_first(1, [fold(*items(), salt=1), *inputs]),
    )
    case(
        "fold_salted_twice",
        "The name with the first salt is taken too.",
        taken(2),
        names_first(2, [fold(*items(), salt=2), *inputs]),
    )


def crowds():
    """How many fragments a request of each kind leaves."""
    few = m.FEW["subresource"]
    case(
        "subresource_leaves_more",
        "Another request than a navigation is mostly one of many: it leaves to the next page what that folds.",
        lambda j: j.root().many(few),
        [],
        fetch="subresource",
    )
    case(
        "subresource_folds",
        "One fragment more.",
        lambda j: j.root().many(few + 1),
        [fold(*items(few + 1)), *(f"k{i}" for i in range(few + 1))],
        fetch="subresource",
    )
    # Half a minute after NOW, which is a whole minute: what is older than NOW is old.
    assert NOW % m.MINUTE == 0
    unsaid = {"fetch": None, "now": 30_000}
    few, old = m.FEW[None], m.FEW_OLD
    case(
        "unsaid_leaves_more",
        "The client does not say what it is: as many as may stay, all of this minute.",
        lambda j: j.root().many(few, at=0),
        [],
        **unsaid,
    )
    case(
        "unsaid_folds",
        "One fragment more.",
        lambda j: j.root().many(few + 1, at=0),
        [fold(*items(few + 1, at=0)), *(f"k{i}" for i in range(few + 1))],
        **unsaid,
    )
    case(
        "unsaid_leaves_few_of_earlier_minutes",
        "As many as may stay of those that are older than this minute, and others.",
        lambda j: j.root().many(old, at=-old).many(few - old, at=0, prefix="new"),
        [],
        **unsaid,
    )
    case(
        "unsaid_folds_more_of_earlier_minutes",
        "One more of those: they are a reason to fold, and what is folded is all.",
        lambda j: j.root().many(old + 1, at=-old - 1).fragment("new", value("new", "x" * 60, NOW)),
        [fold(*items(old + 1, at=-old - 1), value("new", "x" * 60, NOW)), *(f"k{i}" for i in range(old + 1)), "new"],
        **unsaid,
    )
    case(
        "unsaid_counts_the_minute_by_the_newest_stamp",
        "The newest of a fragment's stamps is that with which the minute begins: it is not older.",
        lambda j: j.root().many(old, at=-old).fragment("edge", item(7, at=-20), value("edge", 1, NOW)),
        [],
        **unsaid,
    )
    case(
        "unsaid_counts_no_stamps_ahead",
        "So far ahead a stamp says nothing about the slot, and is not older than the minute.",
        lambda j: j.root().many(old + 1, at=h.GRACE + 60_000),
        [],
        **unsaid,
    )
    case(
        "subresource_counts_no_minutes",
        "Who says what it is folds by number alone.",
        lambda j: j.root().many(old + 1, at=-old - 1),
        [],
        now=30_000,
        fetch="subresource",
    )
    for fetch in m.FEW:
        case(
            f"{fetch or 'unsaid'}_folds_the_same",
            "The kind of the request decides who does the work, not what is done.",
            lambda j: j.root().many(few + 1),
            [fold(*items(few + 1)), *(f"k{i}" for i in range(few + 1))],
            fetch=fetch,
        )
    few = m.FEW_OLD
    case(
        "unsaid_counts_the_minute_of_the_arrival",
        "The minute ends between the request and the response: for both it is the one before.",
        lambda j: j.root().many(few + 1, at=-10_000),
        [],
        fetch=None,
        received=-1,
        now=500,
    )
    case(
        "unsaid_counts_the_minute_in_which_it_arrived",
        "A millisecond later the next one has begun.",
        lambda j: j.root().many(few + 1, at=-10_000),
        [fold(*items(few + 1, at=-10_000)), *(f"k{i}" for i in range(few + 1))],
        fetch=None,
        received=0,
        now=500,
    )
    lost, new, b = value("a", "x" * m.WASTE, NOW - 9000), value("a", 1, NOW - 8000), value("b", 1, NOW - 9000)
    case(
        "subresource_folds_waste",
        "Waste and adopted lineages are folded by any request.",
        lambda j: j.root().fragment("old", lost, b).fragment("new", new),
        [fold(new, b), "new", "old"],
        fetch="subresource",
    )


def slow():
    """Exchanges that took more than two seconds."""
    few, at = m.FEW_SLOW, -600_000
    many = [f"k{i}" for i in range(few + 1)]
    case(
        "not_slow",
        "As long as a slot: as many fragments as may stay, and one more.",
        lambda j: j.root().many(at=at),
        [fold(*items(at=at)), *many[:MANY]],
        received=-m.SLOT,
    )
    for fetch in m.FEW:
        case(
            f"slow_{fetch or 'unsaid'}_leaves_more",
            "A millisecond longer: others have mostly folded what it has read, so it leaves more.",
            lambda j: j.root().many(few, at=at),
            [],
            received=-m.SLOT - 1,
            fetch=fetch,
        )
        case(
            f"slow_{fetch or 'unsaid'}_folds",
            "One fragment more.",
            lambda j: j.root().many(few + 1, at=at),
            [fold(*items(few + 1, at=at)), *many],
            received=-m.SLOT - 1,
            fetch=fetch,
        )
    ada = {"user": "ada", "renewed": -2_000_000}
    case(
        "slow_counts_kinds_apart",
        "As many as may stay of one, and a few of the other.",
        lambda j: j.root(**ada).many(few, at=at).many(3, at=at, subject=ADA, prefix="u"),
        [],
        received=-m.SLOT - 1,
    )
    lost, new, b = value("a", "x" * m.WASTE, NOW + at), value("a", 1, NOW - 8000), value("b", 1, NOW - 9000)
    case(
        "slow_folds_waste",
        "Waste is no matter of the number.",
        lambda j: j.root().fragment("old", lost, b).fragment("new", new),
        [fold(new, b), "new", "old"],
        received=-m.SLOT - 1,
    )
    case(
        "slow_folds_adopted",
        "Nor are settled adopted lineages.",
        lambda j: j.root().root("r2", L2, born=OLD_S).fragment("f2", b, lineage=L2),
        [fold(b), "f2"],
        received=-m.SLOT - 1,
    )
    case(
        "slow_up_to_grace",
        "Maintained as any.",
        lambda j: j.root(born=-TOUCH - 1).fragment("lost", b, lineage=L2).many(few + 1, at=at),
        [
            "lost",
            touched("root", (TOUCH + 1) // STEP * STEP - TOUCH - 1),
            "root",
            fold(*items(few + 1, at=at)),
            *many,
        ],
        received=-h.GRACE,
        response=m.HEAD,
    )
    case(
        "slow_beyond_grace",
        "A late exchange sets and deletes nothing.",
        lambda j: j.root(born=-TOUCH - 1).fragment("lost", b, lineage=L2).many(few + 1, at=at),
        [],
        received=-h.GRACE - 1,
        response=m.HEAD,
    )


def tombstones():
    small = MANY - 1

    def with_tombstone(name, description, kept, more=lambda j: j, entry=None, before=(), **how):
        entry = entry or tombstone("gone", NOW + FORGOTTEN)
        case(
            name,
            description,
            lambda j: [j.root().fragment("t", entry).many(small), more(j)],
            [*before, fold(*items(small), *([entry] if kept else [])), "t", *(f"k{i}" for i in range(small))],
            **how,
        )

    def large(*entries):
        return lambda j: j.fragment("large", value("z", "x" * 1500, NOW - 9000), *entries)

    older = value("gone", 1, NOW + FORGOTTEN - 1)
    tea = b"cart\0" + cbor("tea")
    of_each = Entry(tea, None, h.OPEN, NOW + FORGOTTEN)
    with_tombstone("tombstone_forgotten", "Old enough, and nothing is left for it to hide.", False)
    with_tombstone(
        "tombstone_remembered",
        "One millisecond too young.",
        True,
        entry=tombstone("gone", NOW + REMEMBERED),
    )
    with_tombstone(
        "tombstone_age_counts_from_the_slot",
        "Not from now: so all who fold in one slot drop the same tombstones.",
        True,
        entry=tombstone("gone", NOW + REMEMBERED),
        now=NEXT - 1,
    )
    with_tombstone(
        "tombstone_age_counts_from_the_arrival",
        "When the response is made the slot has ended: it is that in which the request arrived.",
        True,
        entry=tombstone("gone", NOW + REMEMBERED),
        received=0,
        now=NEXT,
    )
    with_tombstone(
        "tombstone_kept_for_an_older_entry",
        "A fragment that is no input has an older entry of its name.",
        True,
        large(older),
    )
    case(
        "tombstone_kept_for_an_older_entry_of_an_input",
        "The inputs count too: their deletions may never arrive.",
        lambda j: (
            j.root().fragment("t", tombstone("gone", NOW + FORGOTTEN)).many(small - 1).fragment("p", older, item(7))
        ),
        [
            fold(*items(small - 1), item(7), tombstone("gone", NOW + FORGOTTEN)),
            "t",
            *(f"k{i}" for i in range(small - 1)),
            "p",
        ],
    )
    with_tombstone(
        "tombstone_kept_for_an_adopted_lineage",
        "A fragment that takes no part yet has an older entry of its name.",
        True,
        lambda j: j.root("r2", L2, born=LATE_S).fragment("f2", older, lineage=L2),
    )
    gone = tombstone("gone", NOW + FORGOTTEN)
    case(
        "tombstone_kept_for_a_fragment_that_is_not_joined",
        "Written in a lineage that loses: every fragment that was opened counts.",
        lambda j: (
            j.root(user="ada", renewed=-1000)
            .fragment("t", gone)
            .many(small)
            .root("bob", L3, born=LATE_S, user="bob")
            .fragment("f3", older, lineage=L3, subject=BOB)
        ),
        [fold(*items(small), gone), "t", *(f"k{i}" for i in range(small))],
    )
    with_tombstone(
        "tombstone_kept_for_the_whole_field",
        "A fragment holds the whole map that its field was before it was split.",
        True,
        large(value("cart", {"tea": 1}, NOW + FORGOTTEN - 1)),
        entry=of_each,
    )
    with_tombstone(
        "tombstone_of_an_item_forgotten",
        "Other items of its field are nothing that it hides.",
        False,
        large(value(b"cart\0" + cbor("jam"), 1, NOW + FORGOTTEN - 1)),
        entry=of_each,
    )
    with_tombstone(
        "tombstone_kept_for_a_default",
        "Without it the program's default would come back.",
        True,
        defaults={b"gone": 1},
    )
    with_tombstone(
        "tombstone_kept_for_a_default_item",
        "The default of an Each field has this item.",
        True,
        entry=of_each,
        defaults={tea: 1},
    )
    with_tombstone(
        "tombstone_forgotten_beside_other_defaults",
        "The default has another item of the field.",
        False,
        entry=of_each,
        defaults={b"cart\0" + cbor("jam"): 1, b"gone": 1},
    )
    absent = h.Ring(INDEX_KEY, [KEY_ABSENT], APP)
    with_tombstone(
        "tombstone_kept_while_partial",
        "A fragment that cannot be read here may hold what it hides.",
        True,
        lambda j: j.fragment("kept", value("x", 1), ring=absent),
    )
    removals = [tombstone(f"gone{'x' * 8 * i}", NOW + FORGOTTEN) for i in range(MANY)]
    case(
        "tombstones_all_forgotten_are_kept",
        "A fold has at least one entry: if none would be left it keeps all.",
        lambda j: [j.root()] + [j.fragment(f"t{i}", e) for i, e in enumerate(removals)],
        [fold(*removals), *(f"t{i}" for i in range(MANY))],
    )


def waste():
    # An entry `a` of n text characters takes n + 8 bytes; four characters are three bytes.
    most = m.WASTE * 3 // 4 - 8
    old, new, b = (lambda n: value("a", "x" * n, NOW - 9000)), value("a", 1, NOW - 8000), value("b", 1, NOW - 9000)
    case(
        "waste_at_the_limit",
        "Entries that no fragment owns may take so many characters.",
        lambda j: j.root().fragment("old", old(most), b).fragment("new", new),
        [],
    )
    case(
        "waste_over_the_limit",
        "One byte more: the two are folded.",
        lambda j: j.root().fragment("old", old(most + 1), b).fragment("new", new),
        [fold(new, b), "new", "old"],
    )
    case(
        "waste_of_what_is_covered",
        "What is deleted anyway is no waste.",
        lambda j: j.root().fragment("old", old(most + 1)).fragment("new", new).fragment("b", b),
        ["old"],
    )
    half = (most + 8) // 2 + 1 - 7  # below 256 characters a byte less
    c, d = value("c", "x" * half, NOW - 9000), value("c", 1, NOW - 8000)
    case(
        "waste_of_several_fragments",
        "What lost is counted over the fragments of one kind together.",
        lambda j: (
            j.root().fragment("o1", old(half), b).fragment("o2", c, value("e", 1, NOW - 9000)).fragment("new", new, d)
        ),
        lambda j: [
            fold(new, b, d, value("e", 1, NOW - 9000)),
            "new",
            *sorted(("o1", "o2"), key=j.labels.get),
        ],
    )
    big = value("a", "y" * 1900, NOW - 8000)
    rest = value("b", "z" * 400, NOW - 9000)
    case(
        "waste_where_no_two_fit",
        "The fold would be too large for a parcel: the fragment with most of the waste is re-issued alone.",
        lambda j: j.root().fragment("old", old(most + 1), rest).fragment("new", big),
        [fold(rest), "old"],
    )
    a1, a2 = value("a1", "x" * (most // 2), NOW - 9500), value("a2", "x" * most, NOW - 9500)
    written = [value(n, "y" * 300, NOW - 8000) for n in ("a1", "a2")]
    c, d = (value(n, "z" * 600, NOW - 9000) for n in "cd")
    case(
        "waste_most_of_it_first",
        "Of two fragments that lost something that with more of it is re-issued; the other waits.",
        lambda j: j.root().fragment("o1", a1, c).fragment("o2", a2, d).fragment("new", *written),
        [fold(d), "o2"],
        parcel=1_200,
        state=1_000,
    )


def owners():
    shared = value("a", 1, NOW - 9000)
    more = value("b", 1, NOW - 9000)
    case(
        "covered_by_a_later_write",
        "All that it held was written again.",
        lambda j: j.root().fragment("old", shared).fragment("new", value("a", 2, NOW - 8000)),
        ["old"],
    )
    case(
        "covered_by_a_removal",
        "A tombstone covers as a value does.",
        lambda j: j.root().fragment("old", shared).fragment("new", tombstone("a", NOW - 8000)),
        ["old"],
    )
    case(
        "covered_by_a_fold",
        "Two hold the same entry: the higher count owns it. A late answer had set the input again.",
        lambda j: j.root().fragment("write", shared).fragment("fold", shared, more, count=1),
        ["write"],
    )
    case(
        "covered_by_nothing_if_it_owns_one_entry",
        "The rest of it is overridden.",
        lambda j: j.root().fragment("old", shared, more).fragment("new", value("a", 2, NOW - 8000)),
        [],
    )

    def beside(higher):
        """A fragment with `a` and more, whose name is higher or lower than that of `a` alone."""
        alone = name_of(Fragment([shared]))
        return choose(lambda i: Fragment([shared, value("b", i, NOW - 9000)]), lambda n: (n > alone) == higher)

    case(
        "covered_by_an_equal_count_and_a_higher_name",
        "Two hold the same entry with one count: the higher name owns it.",
        lambda j: j.root().fragment("one", shared).fragment("two", *beside(True).entries),
        ["one"],
    )
    case(
        "not_covered_by_an_equal_count_and_a_lower_name",
        "The name of the smaller is higher: each owns something.",
        lambda j: j.root().fragment("one", shared).fragment("two", *beside(False).entries),
        [],
    )
    case(
        "covered_in_its_own_kind_only",
        "The same entry in both kinds: the one under the subject wins, the other owns nothing.",
        lambda j: (
            j.root(user="ada", renewed=-2_000_000).fragment("a", shared, count=5).fragment("u", shared, subject=ADA)
        ),
        ["a"],
    )
    case(
        "not_covered_by_another_lineage",
        "An adopted lineage holds the same entry: each of the two owns it.",
        lambda j: (
            j.root()
            .fragment("own", shared)
            .root("r2", L2, born=LATE_S)
            .fragment("f2", shared, more, lineage=L2, count=1)
        ),
        [],
    )
    case(
        "not_covered_by_an_adopted_lineage_that_is_not_settled",
        "It takes no part yet, though its entry is the state's.",
        lambda j: (
            j.root()
            .fragment("own", shared)
            .root("r2", L2, born=LATE_S)
            .fragment("f2", value("a", 2, NOW - 8000), lineage=L2)
        ),
        [],
    )


def touches():
    def aged(seconds, **more):
        return lambda j: j.root(born=-seconds, **more)

    case("touch_not_due", "Seen so long ago that it is just not due.", aged(TOUCH), [])
    case(
        "touch_counts_whole_seconds",
        "The milliseconds of now do not count.",
        aged(TOUCH),
        [],
        now=999,
    )
    steps = (TOUCH + 1) // STEP * STEP
    case(
        "touch_due",
        "One second later: seen is now, rounded down to born and a whole number of steps.",
        aged(TOUCH + 1),
        [touched("root", steps - TOUCH - 1), "root"],
    )
    long = TOUCH + 2 * STEP - 1
    case(
        "touch_rounds_down",
        "One second before the next step.",
        aged(long),
        [touched("root", long // STEP * STEP - long), "root"],
    )
    case(
        "touch_to_the_present_second",
        "now lies on a step.",
        aged(TOUCH + STEP),
        [touched("root", (TOUCH + STEP) // STEP * STEP - TOUCH - STEP), "root"],
    )
    case(
        "touch_counts_from_born",
        "Steps are counted from born, not from the last activity, so that parallel touches agree.",
        aged(5 * TOUCH + 7, seen=-2 * TOUCH, renewed=-3_000_000),
        [touched("root", (5 * TOUCH + 7) // STEP * STEP - 5 * TOUCH - 7), "root"],
    )
    case(
        "touch_of_a_signed_in_root",
        "Everything but seen stays as it is.",
        aged(3 * TOUCH, user="ada", roles=["staff"], renewed=-2 * TOUCH * 1000, auth=-2 * TOUCH - 9),
        [touched("root", 3 * TOUCH // STEP * STEP - 3 * TOUCH), "root"],
    )
    short = 2 * m.TOUCH_STEP - 1
    case(
        "touch_in_steps_of_a_second",
        "A step is at least one second, however short the idle limit.",
        aged(short // m.TOUCH_AFTER + 1),
        [touched("root", 0), "root"],
        idle=short,
    )
    case("touch_never_without_idle", "Without an idle limit nothing is touched.", aged(9 * DAY), [], idle=None)
    case(
        "touch_drops_the_salt",
        "A salt was for the old name.",
        lambda j: j.add("root", "r", h.Root(L, SECOND - TOUCH - 1, NOW - 1000 * (TOUCH + 1), salt=3)),
        [touched("root", steps - TOUCH - 1), "root"],
    )

    def taken(j):
        aged(TOUCH + 1)(j)
        seen = replace(j.frames["root"], seen=SECOND + steps - TOUCH - 1)
        j.put("taken", f"{BASE}.{name_of(seen, 'r')}", "hv1A!")

    case(
        "touch_salted",
        "The request carries the name with something else.",
        taken,
        ["taken", touched("root", steps - TOUCH - 1, salt=1), "root"],
    )
    case(
        "touch_before_folds",
        "Roots come before folds.",
        lambda j: [aged(TOUCH + 1)(j), j.many()],
        [touched("root", steps - TOUCH - 1), "root", fold(*items()), *(f"k{i}" for i in range(MANY))],
    )


def rekeys():
    x, y = value("x", 1, NOW - 9000), value("y", 1, NOW - 9000)
    root_age = ABSOLUTE + TAIL - HOUR
    stale = {"kid": STOPPED}
    case(
        "rekey_fragments_before_the_head",
        "No head moves to the next key before its fragments, or they could die first.",
        lambda j: j.root(how=stale).old_key("f", x).old_key("g", y),
        [again("f"), again("g"), again("root", root_age)],
    )
    case(
        "rekey_in_order_of_arrival",
        "Fragments move as they arrived.",
        lambda j: j.old_key("g", y).old_key("f", x).root(),
        [again("g"), again("f")],
    )
    case(
        "rekey_only_what_no_longer_seals",
        "A fragment under the key that seals is left.",
        lambda j: j.root(how=stale).fragment("f", x).old_key("g", y),
        [again("g"), again("root", root_age)],
    )
    case(
        "rekey_with_what_it_owns",
        "What lost is not sealed anew: other content, so the next count and another name.",
        lambda j: j.root().old_key("f", x, y).fragment("g", value("x", 2, NOW - 8000)),
        [fold(y), "f"],
    )
    case(
        "rekey_not_what_is_covered",
        "What owns nothing is deleted instead.",
        lambda j: j.root().old_key("f", x).fragment("g", value("x", 2, NOW - 8000)),
        ["f"],
    )
    case(
        "rekey_before_fold",
        "While fragments move, nothing is folded: the fold is for the next response.",
        lambda j: j.root().many(MANY - 1).old_key("f", x),
        [again("f")],
    )
    case(
        "rekey_of_the_head_beside_a_fold",
        "If only roots move, folds follow them.",
        lambda j: j.root(how=stale).many(),
        [again("root", root_age), fold(*items()), *(f"k{i}" for i in range(MANY))],
    )
    steps = (TOUCH + 1) // STEP * STEP
    case(
        "rekey_by_touch",
        "A touch seals the head anew anyway.",
        lambda j: j.root(born=-TOUCH - 1, how=stale),
        [touched("root", steps - TOUCH - 1), "root"],
    )
    case(
        "rekey_not_under_a_key_that_still_seals",
        "A newer key seals too; only what stopped sealing is replaced.",
        lambda j: j.root(how=stale).old_key("f", x),
        [],
        times=(TIMES[0], [SECOND - 60 * DAY, SECOND + 1, SECOND + 9 * DAY]),
    )
    case(
        "rekey_at_the_millisecond_that_a_key_stops",
        "The end of sealing is the first moment at which the key does not seal.",
        lambda j: j.root(how=stale),
        [again("root", root_age)],
        times=(TIMES[0], [SECOND - 60 * DAY, SECOND, SECOND + 9 * DAY]),
    )
    case(
        "rekey_not_the_end_marker",
        "A marker's cookie goes before its key does.",
        lambda j: j.root(born=-30).marker("end", L2, at=-60_000, kid=STOPPED),
        [],
    )
    case(
        "rekey_not_a_losing_root",
        "It is deleted once it is settled.",
        lambda j: j.root(born=-30, user="ada").root("r2", L2, born=-60, user="bob", how=stale),
        [],
    )
    case(
        "rekey_an_adopted_lineage_that_is_not_settled",
        "Whole as it is, what lost included; its fragments, and then its head before that of the winner.",
        lambda j: (
            j.root(how=stale)
            .fragment("f", value("x", 2, NOW - 8000))
            .root("r2", L2, born=LATE_S, how=stale)
            .old_key("f2", x, y, lineage=L2)
            .old_key("g", value("z", 1, NOW - 9000))
        ),
        [again("g"), again("f2"), again("r2", ABSOLUTE + TAIL + LATE_S), again("root", root_age)],
    )
    case(
        "rekey_a_settled_adopted_fragment",
        "It moves within its own lineage first, and is folded by the next response.",
        lambda j: j.root().root("r2", L2, born=OLD_S).old_key("f2", x, lineage=L2),
        [again("f2")],
    )
    soon = [SECOND - 30 * DAY, SECOND + DAY, SECOND + 5 * DAY]
    case(
        "rekey_lives_until_its_key_stops_opening",
        "A cookie lives no longer than somebody could open it.",
        lambda j: j.root(how=stale).old_key("f", x),
        [again("f", 5 * DAY), again("root", 5 * DAY)],
        times=(soon, TIMES[1]),
    )
    case(
        "no_key_that_seals",
        "Nothing is set; what is dead is deleted still.",
        lambda j: j.root(born=-TOUCH - 1).many().fragment("lost", x, lineage=L2),
        ["lost"],
        times=([SECOND + 1, None, None], TIMES[1]),
    )


def dead():
    x, y = value("x", 1, NOW - 9000), value("y", 1, NOW - 9000)
    case(
        "dead_closed",
        "Fragments, then roots, the head last; the marker stays.",
        lambda j: (
            j.root("head", born=-HOUR, renewed=-2_000_000)
            .fragment("f", x)
            .marker("end", at=-1000)
            .root("older")
            .fragment("g", y)
        ),
        ["f", "g", "older", "head"],
    )
    case(
        "dead_closed_marker_stays_while_it_closes",
        "A settled marker of a request that still carries what it closes.",
        lambda j: j.root(born=-3 * HOUR).fragment("f", x).marker("end", at=OLD),
        ["f", "root"],
    )
    case("dead_marker_settled", "It closes nothing any more.", lambda j: j.marker("end", at=OLD), ["end"])
    case("dead_marker_not_settled", "One millisecond younger.", lambda j: j.marker("end", at=LATE), [])
    case(
        "dead_marker_far_ahead_is_not_settled",
        "A stamp ahead of the clock is never settled.",
        lambda j: j.marker("end", at=h.GRACE + 10**9),
        [],
    )
    case(
        "dead_marker_beside_a_newer_session",
        "The winner is of another lineage and renewed later.",
        lambda j: j.root("root", L2, born=-30).marker("end", L, at=OLD),
        ["end"],
    )
    idle_over = -IDLE - LEEWAY
    case(
        "dead_expired_long_ago",
        "The roots of a lineage that was past its limit for more than three graces; its fragments follow.",
        lambda j: (
            j.root(born=-2 * DAY, seen=idle_over - 3 * GRACE_S - 1)
            .root("older", born=-2 * DAY, seen=-2 * DAY + 1)
            .fragment("f", x)
        ),
        ["older", "root"],
    )
    case(
        "dead_expired_just_now",
        "A second earlier it stays: an answer that touched it may be under way.",
        lambda j: j.root(born=-2 * DAY, seen=idle_over - 3 * GRACE_S).fragment("f", x),
        [],
    )
    case(
        "dead_expired_absolutely",
        "The absolute limit alike.",
        lambda j: j.root(born=-ABSOLUTE - LEEWAY - 3 * GRACE_S - 1, seen=-60),
        ["root"],
    )
    case(
        "dead_expired_counts_from_the_first_limit",
        "Past the absolute limit just now: how long it was idle does not count.",
        lambda j: j.root(born=-ABSOLUTE - LEEWAY - 3 * GRACE_S, seen=-9 * DAY),
        [],
    )
    case(
        "dead_losing_settled",
        "A signed-in lineage that is not the winner; its fragments follow.",
        lambda j: (
            j.root(born=-30, user="ada")
            .root("r2", L2, born=OLD_S, user="bob")
            .fragment("u", x, lineage=L2, subject=BOB)
        ),
        ["r2"],
    )
    case(
        "dead_losing_not_settled",
        "Its login may be under way still.",
        lambda j: j.root(born=-30, user="ada").root("r2", L2, born=LATE_S, user="bob"),
        [],
    )
    case(
        "dead_losing_settled_by_its_head",
        "A lineage is settled by its head: an older root waits for it.",
        lambda j: (
            j.root(born=-30, user="ada")
            .root("older", L2, born=-HOUR, user="bob")
            .root("r2", L2, born=-HOUR, renewed=-60_000, user="bob")
        ),
        [],
    )
    case(
        "dead_losing_though_expired",
        "A losing lineage is not asked for its times.",
        lambda j: j.root(born=-30, user="ada").root("r2", L2, born=-20 * DAY, user="bob"),
        ["r2"],
    )
    case(
        "dead_older_roots_of_the_winner",
        "At once, those without a subject and under the same one.",
        lambda j: (
            j.root(born=-30, renewed=-10_000, user="ada")
            .root("anonymous", born=-30)
            .root("first", born=-30, renewed=-20_000, user="ada")
        ),
        ["anonymous", "first"],
    )
    case(
        "dead_root_under_another_subject_settled",
        "Two logins raced; the fragments of the other follow.",
        lambda j: (
            j.root(renewed=-10_000, user="ada").root("bob", renewed=OLD, user="bob").fragment("u", x, subject=BOB)
        ),
        ["bob"],
    )
    case(
        "dead_root_under_another_subject_not_settled",
        "What that login wrote may be under way still.",
        lambda j: (
            j.root(renewed=-10_000, user="ada").root("bob", renewed=LATE, user="bob").fragment("u", x, subject=BOB)
        ),
        [],
    )
    case("dead_orphan", "A fragment that no root opens.", lambda j: j.root().fragment("f", x, lineage=L2), ["f"])
    case(
        "dead_rejected",
        "What section 12 deletes, in order of the names; what it keeps or leaves alone stays.",
        lambda j: (
            j.root()
            .put("c", f"{BASE}.c", "hv1A")
            .put("b", f"{BASE}.rAAAAAAAA", "hv1A" + "A" * 4096)
            .put("a", f"{BASE}.eAAAAAAAA", "hv1A" + h.b64(STOPPED) + "A" * 60)
            .put("x", f"{BASE}.aAAAAAAAA", "deleted")
            .root("foreign", L2, how={"ring": h.Ring(bytes(32), [KEY_1], APP)})
        ),
        ["c", "a", "b"],
    )

    def twice(j):
        j.root().fragment("g", y).fragment("f", x, lineage=L2)
        j.cookies.append(j.cookies[1])

    case("dead_duplicates", "The duplicates go, the rest was not read.", twice, ["g"])
    case(
        "dead_adopted_root_settled_and_emptied",
        "All that the lineage held has moved to the winner.",
        lambda j: j.root().root("r2", L2, born=OLD_S),
        ["r2"],
    )
    case(
        "dead_adopted_root_not_settled",
        "A first write to it may be under way.",
        lambda j: j.root().root("r2", L2, born=LATE_S),
        [],
    )
    case(
        "dead_adopted_root_winner_not_settled",
        "The winner was renewed just now: an answer without it may be under way.",
        lambda j: j.root(renewed=LATE).root("r2", L2, born=OLD_S),
        [],
    )
    case(
        "dead_adopted_root_with_a_fragment",
        "First its fragment is folded, and deleted.",
        lambda j: j.root().root("r2", L2, born=OLD_S).fragment("f2", x, lineage=L2),
        [fold(x), "f2"],
    )
    case(
        "dead_in_order",
        "Rejected parcels, orphans, covered fragments, roots in order of their lineages' arrival, markers.",
        lambda j: (
            j.marker("end", L3, at=-50 * HOUR * 1000)
            .root("r2", L2, born=OLD_S)
            .fragment("old", x)
            .fragment("new", value("x", 2, NOW - 8000))
            .fragment("lost", y, lineage=L3)
            .root("older", born=-HOUR, renewed=-3_000_000)
            .root("root", born=-HOUR, renewed=-2_000_000)
            .put("bad", f"{BASE}.uzzzzzzzz", "hv1A")
        ),
        ["bad", "lost", "old", "r2", "older", "end"],
    )


def adoptions():
    x, y, z = (value(n, n * 8, NOW - 9000) for n in "xyz")
    case(
        "adopted_settled_folded",
        "One fragment is enough: it moves to the winner's lineage.",
        lambda j: j.root().root("r2", L2, born=OLD_S).fragment("f2", x, lineage=L2, count=2),
        [fold(x, count=3), "f2"],
    )
    case(
        "adopted_covered",
        "All that it held was written later in the winner's lineage: it is deleted, and nothing is folded.",
        lambda j: (
            j.root().fragment("f", value("x", 1, NOW - 8000)).root("r2", L2, born=OLD_S).fragment("f2", x, lineage=L2)
        ),
        ["f2"],
    )
    large = value("large", "x" * 1000, NOW - 9000)
    case(
        "adopted_first_then_the_smallest",
        "All of the adopted, however large, then the smallest of the winner's while the run goes on.",
        lambda j: (
            j.root()
            .root("r2", L2, born=OLD_S)
            .fragment("small", x)
            .fragment("f2", large, lineage=L2)
            .fragment("huge", value("huge", "x" * 1100, NOW - 9000))
        ),
        [fold(x, large), "f2", "small"],
    )
    case(
        "adopted_of_two_lineages",
        "By size, then by lineage.",
        lambda j: (
            j.root()
            .root("r3", L3, born=OLD_S)
            .root("r2", L2, born=OLD_S)
            .fragment("f3", x, lineage=L3)
            .fragment("f2", y, lineage=L2)
            .fragment("g3", value("g", 1, NOW - 9000), lineage=L3)
        ),
        [fold(value("g", 1, NOW - 9000), x, y), "g3", "f2", "f3"],
    )
    case(
        "adopted_same_entry",
        "Both lineages hold an equal entry: it is in the fold once.",
        lambda j: j.root().root("r2", L2, born=OLD_S).fragment("f", x, y).fragment("f2", x, z, lineage=L2),
        lambda j: [fold(x, y, z), "f2", "f"],
    )
    case(
        "adopted_by_a_signed_in_winner",
        "What was written while anonymous stays of that kind.",
        lambda j: (
            j.root(user="ada", renewed=-2_000_000)
            .fragment("u", y, subject=ADA)
            .root("r2", L2, born=OLD_S)
            .fragment("f2", x, lineage=L2)
        ),
        [fold(x), "f2"],
    )


def lately():
    """Fragments of an adopted lineage that is not settled, `r2`: they wait."""
    x = value("x", 1, NOW - 9000)

    def late(j):
        return j.root().root("r2", L2, born=LATE_S)

    case(
        "adopted_not_settled_not_folded",
        "A late answer may still write to it, or close it and not the winner: it waits, however much there is.",
        lambda j: late(j) and [j.fragment(f"k{i}", item(i), lineage=L2) for i in range(m.FEW_SLOW + 1)],
        [],
    )
    case(
        "adopted_not_settled_no_reason_to_fold",
        "As many as may stay of the winner's; those of the other do not count with them.",
        lambda j: late(j).many(MANY - 1).fragment("f2", x, lineage=L2),
        [],
    )
    case(
        "adopted_not_settled_no_input",
        "The winner's are folded, those of the other lineage left.",
        lambda j: late(j).many().fragment("f2", x, lineage=L2),
        [fold(*items()), *(f"k{i}" for i in range(MANY))],
    )
    lost, new = value("a", "x" * m.WASTE, NOW - 9000), value("a", 1, NOW - 8000)
    case(
        "adopted_not_settled_wastes_nothing",
        "What lost in it is no waste yet, and a fragment that owns nothing stays.",
        lambda j: late(j).fragment("old", lost, lineage=L2).fragment("new", new, lineage=L2),
        [],
    )
    case(
        "adopted_settled_when_the_response_is_made",
        "It was not yet when the request arrived: settled is as of the response.",
        lambda j: j.root().root("r2", L2, born=OLD_S).fragment("f2", x, lineage=L2),
        [fold(x), "f2"],
        received=-1000,
    )
    case(
        "adopted_settled_beside_one_that_is_not",
        "Its fragments move, the other's wait.",
        lambda j: late(j).fragment("f2", x, lineage=L2).root("r3", L3, born=OLD_S).fragment("f3", item(0), lineage=L3),
        [fold(item(0)), "f3"],
    )


def partial():
    x, y = value("x", 1, NOW - 9000), value("y", 1, NOW - 9000)
    absent = h.Ring(INDEX_KEY, [KEY_ABSENT], APP)

    def kept(j):
        return j.fragment("kept", value("kept", 1), ring=absent)

    case(
        "partial_deletes_only_what_is_covered",
        "A fragment cannot be judged here: of the dead only covered fragments go.",
        lambda j: (
            kept(j)
            .root()
            .marker("end", L3, at=-50 * HOUR * 1000)
            .root("r2", L2, born=OLD_S)
            .fragment("old", x)
            .fragment("new", value("x", 2, NOW - 8000))
            .fragment("lost", y, lineage=L3)
            .put("bad", f"{BASE}.uzzzzzzzz", "hv1A")
        ),
        ["old"],
    )
    steps = (TOUCH + 1) // STEP * STEP
    case(
        "partial_is_maintained",
        "Touch and fold go on.",
        lambda j: kept(j).root(born=-TOUCH - 1).many(),
        [touched("root", steps - TOUCH - 1), "root", fold(*items()), *(f"k{i}" for i in range(MANY))],
    )
    case(
        "partial_is_rekeyed",
        "So does re-key.",
        lambda j: kept(j).root(how={"kid": STOPPED}).old_key("f", x),
        [again("f"), again("root", ABSOLUTE + TAIL - HOUR)],
    )
    case(
        "partial_by_a_root_does_nothing",
        "Without a winner there is nothing to maintain, and nothing is dead for certain.",
        lambda j: (
            j.root()
            .many()
            .root("kept", L2, how={"ring": absent})
            .fragment("lost", y, lineage=L3)
            .marker("end", L3, at=-50 * HOUR * 1000)
        ),
        [],
    )
    case(
        "public_route_does_nothing",
        "Where shared caches may keep the response nothing is set and nothing is deleted.",
        lambda j: j.root(born=-TOUCH - 1).many().fragment("lost", y, lineage=L2),
        [],
        maintenance=False,
    )


def budgets():
    x = value("x", 1, NOW - 9000)
    all_inputs = [f"k{i}" for i in range(MANY)]
    whole, but_one = Fragment(items(), 1), Fragment(items(MANY - 1), 1)
    case(
        "room_for_the_whole_fold",
        "Every line with name, attributes and line end, a Max-Age counted with ten digits.",
        lambda j: j.root().many(),
        [fold(*items()), *all_inputs],
        **room(step_chars(whole, MANY)),
    )
    case(
        "room_for_a_smaller_fold",
        "One character less: the largest input is left.",
        lambda j: j.root().many(),
        [fold(*items(MANY - 1)), *all_inputs[:-1]],
        **room(step_chars(whole, MANY) - 1),
    )
    pair = Fragment(items(2), 1)
    case(
        "room_for_a_fold_of_two",
        "The least that is folded.",
        lambda j: j.root().many(),
        [fold(*items(2)), *all_inputs[:2]],
        **room(step_chars(pair, 2)),
    )
    case(
        "room_for_no_fold",
        "Not even two fit: no step is begun.",
        lambda j: j.root().many(),
        [],
        **room(step_chars(pair, 2) - 1),
    )
    steps = (TOUCH + 1) // STEP * STEP
    seen = h.Root(L, SECOND - TOUCH - 1, NOW - 1000 * (TOUCH + 1), seen=SECOND + steps - TOUCH - 1)
    case(
        "room_for_a_touch",
        "The root's line and the deletion of the old one.",
        lambda j: j.root(born=-TOUCH - 1),
        [touched("root", steps - TOUCH - 1), "root"],
        **room(step_chars(seen, 1)),
    )
    case(
        "room_for_no_touch",
        "One character less: the step waits, whole.",
        lambda j: j.root(born=-TOUCH - 1),
        [],
        waiting=1,
        **room(step_chars(seen, 1) - 1),
    )
    case(
        "room_for_a_fold_beside_a_touch",
        "A fold is chosen to fit what the touch leaves.",
        lambda j: j.root(born=-TOUCH - 1).many(),
        [touched("root", steps - TOUCH - 1), "root", fold(*items(MANY - 1)), *all_inputs[:-1]],
        **room(step_chars(seen, 1) + step_chars(but_one, MANY - 1)),
    )
    case(
        "room_for_some_deletions",
        "What is dead goes one by one; the rest, and the touch, wait.",
        lambda j: [j.root(born=-TOUCH - 1)] + [j.fragment(f"o{i}", item(i), lineage=L2) for i in range(4)],
        ["o0", "o1"],
        waiting=3,
        **room(3 * DELETION - 1),
    )
    case(
        "room_for_deletions_before_a_fold",
        "Deletions come first, and leave less to the fold.",
        lambda j: j.root().many().fragment("lost", x, lineage=L2),
        ["lost", fold(*items(MANY - 1)), *all_inputs[:-1]],
        **room(step_chars(but_one, MANY - 1) + DELETION),
    )
    under, but_one_under = items(prefix="u"), Fragment(items(MANY - 1, prefix="u"), 1)
    case(
        "room_for_a_fold_beside_a_fold",
        "The fold under the subject is chosen to fit what that of the anonymous leaves.",
        lambda j: j.root(user="ada", renewed=-2_000_000).many().many(subject=ADA, prefix="u"),
        [
            fold(*items()),
            *all_inputs,
            fold(*under[:-1], subject=ADA),
            *(f"u{i}" for i in range(MANY - 1)),
        ],
        **room(step_chars(whole, MANY) + step_chars(but_one_under, MANY - 1)),
    )
    big = value("big", "x" * 900, NOW - 9000)
    case(
        "room_for_no_rekey_holds_the_head_back",
        "A fragment that does not fit waits, and the head, which would fit, with it.",
        lambda j: (
            j.old_key("small", x)
            .old_key("big", big)
            .old_key("next", value("y", 1, NOW - 9000))
            .root(how={"kid": STOPPED})
        ),
        [again("small")],
        waiting=3,
        **room(step_chars(Fragment([x]), 0) + step_chars(Fragment([big]), 0) - 1 - 2),
    )
    case(
        "room_below_the_other_headers",
        "The response's own budget is used up elsewhere.",
        lambda j: j.root(born=-TOUCH - 1).fragment("lost", x, lineage=L2),
        [],
        waiting=2,
        other_headers=m.HEAD + 100,
    )
    case(
        "response_budget_bounds_a_fold",
        "The budget for our lines, however small the other headers.",
        lambda j: j.root().many(),
        [fold(*items(MANY - 1)), *all_inputs[:-1]],
        response=step_chars(whole, MANY) - 1,
        parcel=600,
        state=500,
        request=5000,
    )

    # What the jar takes.
    limit = JAR

    def heavy(limit, frame, n=MANY, spare=0):
        """With the fold the jar is at the limit."""

        def build(j):
            j.root().many(n)
            ballast(j, limit - jar_chars(j) - in_cookie_line(frame) - spare)

        return build

    case(
        "jar_at_its_limit",
        "The fold beside its inputs: name, =, value, semicolon and space.",
        heavy(limit, whole),
        ballast_first(fold(*items()), *all_inputs),
    )
    case(
        "jar_over_its_limit",
        "One character more: a smaller fold.",
        heavy(limit, whole, spare=-1),
        ballast_first(fold(*items(MANY - 1)), *all_inputs[:-1]),
    )
    case(
        "jar_over_every_limit",
        "A fold of two always fits.",
        heavy(limit + 1000, pair),
        ballast_first(fold(*items(2)), *all_inputs[:2]),
    )
    raised = {"request": m.Policy.request + 1000}
    case(
        "jar_at_a_raised_limit",
        "With the budget of a request above its default the jar takes as much more.",
        heavy(limit + 1000, whole),
        ballast_first(fold(*items()), *all_inputs),
        **raised,
    )
    case(
        "jar_over_a_raised_limit",
        "One character more.",
        heavy(limit + 1000, whole, spare=-1),
        ballast_first(fold(*items(MANY - 1)), *all_inputs[:-1]),
        **raised,
    )
    case(
        "jar_at_the_limit_of_a_lowered_budget",
        "The jar takes no less because the budget of a request is lower.",
        heavy(limit, whole),
        ballast_first(fold(*items()), *all_inputs),
        request=m.Policy.request - 1000,
    )
    case(
        "jar_busy_is_folded",
        "Above the limit for writes maintenance goes on.",
        lambda j: (j.root().many(), ballast(j, m.Policy.request + 100 - jar_chars(j))),
        ballast_first(fold(*items()), *all_inputs),
    )
    # Fragments of one size, so that all folds of two free as much.
    equal = [value(f"e{i}", "x" * 40, NOW - 60_000 + i) for i in range(MANY + 5)]
    order = sorted(equal, key=lambda e: name_of(Fragment([e])))
    labels = [e.name.decode() for e in order]
    freed = 2 * in_cookie_line(Fragment(equal[:1])) - in_cookie_line(Fragment(order[:2], 1))
    assert freed > 0

    def equals(over):
        """After the first fold, which can take two only, the jar is so far over its limit."""

        def build(j):
            j.root()
            for e in equal:
                j.fragment(e.name.decode(), e)
            ballast(j, limit + over + freed - jar_chars(j))

        return build

    def pairs(n):
        lines = [(fold(*order[i : i + 2]), *labels[i : i + 2]) for i in range(0, 2 * n, 2)]
        return ballast_first(*(line for lines in lines for line in lines))

    case(
        "jar_at_its_limit_after_a_fold",
        "With what the fold adds and what it frees: all else waits.",
        equals(0),
        pairs(1),
    )
    case(
        "jar_over_its_limit_after_a_fold",
        "One character more: a second fold, and then the jar is below it.",
        equals(1),
        pairs(2),
    )
    case(
        "jar_over_its_limit_after_two_folds",
        "The rules are asked again until it is not.",
        equals(1 + freed),
        pairs(3),
    )
    under = items(MANY + 6, prefix="u")
    whole_under, but_one_under = Fragment(under, 1), Fragment(under[:-1], 1)
    inputs_under = [f"u{i}" for i in range(MANY + 6)]

    def both(spare):
        """The fold under the subject fits beside what that of the anonymous adds and frees."""

        def build(j):
            j.root(user="ada", renewed=-2_000_000).many()
            inputs = sum(in_cookie_line(Fragment([e])) for e in items())
            j.many(MANY + 6, subject=ADA, prefix="u")
            jar = limit - in_cookie_line(whole_under) + inputs - in_cookie_line(whole) - spare
            assert jar + in_cookie_line(whole) <= limit
            ballast(j, jar - jar_chars(j))

        return build

    case(
        "jar_at_its_limit_after_a_fold_of_the_other_kind",
        "Each kind is folded once, the second beside what the first adds and frees.",
        both(0),
        ballast_first(fold(*items()), *all_inputs, fold(*under, subject=ADA), *inputs_under),
    )
    case(
        "jar_over_its_limit_after_a_fold_of_the_other_kind",
        "One character more: a smaller second fold.",
        both(-1),
        ballast_first(fold(*items()), *all_inputs, fold(*under[:-1], subject=ADA), *inputs_under[:-1]),
    )
    lost, kept = value("a", "x" * m.WASTE, NOW - 9000), value("b", "z" * 1060, NOW - 9000)
    written = value("a", "y" * 1100, NOW - 8000)
    both = Fragment([written, kept], 1)
    tight = {"parcel": NAME_CHARS + value_chars(both), "state": 2_000, "response": m.HEAD}
    case(
        "parcel_at_its_limit",
        "A fold may take so many characters, name and value, padding included.",
        lambda j: j.root().fragment("old", lost, kept).fragment("new", written),
        [fold(written, kept), "new", "old"],
        **tight,
    )
    tight["parcel"] -= 1
    assert tight["parcel"] > NAME_CHARS + len(h.b64(bytes(40 + len(both.encode()))))
    case(
        "parcel_over_its_limit",
        "One character more, though it would fit without padding: what lost most is re-issued alone.",
        lambda j: j.root().fragment("old", lost, kept).fragment("new", written),
        [fold(kept), "old"],
        **tight,
    )


def main():
    shutil.rmtree(VECTORS / "maintain", ignore_errors=True)
    of_folds = folds, crowds, slow, tombstones, waste, owners
    for group in (*of_folds, touches, rekeys, dead, adoptions, lately, partial, budgets):
        group()


if __name__ == "__main__":
    main()
