"""Writes `vectors/index/`: what a server holds of the records of a session index.

As in `generate.py`, each outcome is written here by hand.
"""

import shutil

import haversack as h
from generate import ADA, BOB, NOW, SECOND, VECTORS, write
from verify import show_index

ONE, TWO = (h.b64(bytes([n] * 8)) for n in (1, 2))
FIREFOX, EDGE = (h.b64(bytes([n] * 32)) for n in (3, 4))  # sealed


def at(seen, auth=-1000, until=None, id=ONE, subject=ADA, label=None):
    """A record; times in seconds from now."""
    until = seen + 2000 if until is None else until
    text = f"listed {h.b64(subject)} {id} {SECOND + auth} {SECOND + seen} {SECOND + until}"
    return text + (f" {label}" if label else "")


def case(name, description, records, holds, lists=None, tells=None):
    expect = {"holds": sorted(holds)} | ({"tells": tells} if lists else {})
    given = {"description": description, "expect": expect, "now": NOW, "records": records}
    given |= {"lists": lists} if lists else {}
    got = show_index(given)
    assert got == expect, (name, got)
    write("index", name, given)


def reading():
    case("nothing", "An empty log.", [], [])
    case("twice", "A record that comes twice is there once.", [at(0), at(0)], [at(0)])
    case("two_sessions", "Of one subject.", [at(0), at(-5, id=TWO)], [at(0), at(-5, id=TWO)])
    case("two_subjects", "An entry is of both ids.", [at(0), at(-5, subject=BOB)], [at(0), at(-5, subject=BOB)])
    case(
        "each_time_for_itself",
        "A touch of an older root does not take back that its user has proved again who they are.",
        [at(0, until=1), at(-1, auth=-1, until=9)],
        [at(0, auth=-1, until=9)],
    )
    case("later_auth", "Seen at once.", [at(0, auth=-1, until=1), at(0, until=1)], [at(0, auth=-1, until=1)])
    case("later_until", "Seen at once, and proved at once.", [at(0, until=9), at(0, until=1)], [at(0, until=9)])
    case("label_of_the_older", "The newer has none.", [at(-5, label=FIREFOX), at(0)], [at(0, label=FIREFOX)])
    case("label_of_the_newer", "It has one.", [at(-5, label=FIREFOX), at(0, label=EDGE)], [at(0, label=EDGE)])
    case("label_of_one_of_equals", "The other has none.", [at(0), at(0, label=EDGE)], [at(0, label=EDGE)])
    case(
        "label_of_another_session",
        "It stays there.",
        [at(0), at(-5, id=TWO, label=EDGE)],
        [at(0), at(-5, id=TWO, label=EDGE)],
    )
    case("over", "until has come.", [at(-9, until=0), at(-9, until=1, id=TWO)], [at(-9, until=1, id=TWO)])
    case("over_with_its_label", "Nothing of it is taken.", [at(-9, until=0, label=EDGE), at(-5)], [at(-5)])
    lines = [f"session {ONE} {SECOND + 9}", "device 1", at(0) + " ", "", at(0)]
    case("beside_other_lines", "They are other records, or none.", lines, [at(0)])


def listing():
    firefox, edge = {"label": FIREFOX}, {"label": EDGE}
    case("lists", "A server holds at once what it lists.", [], [at(0)], at(0), at(0))
    case(
        "lists_again",
        "With the label that it holds.",
        [at(-900, **firefox)],
        [at(0, **firefox)],
        at(0),
        at(0, **firefox),
    )
    case(
        "lists_with_another_label",
        "It is the one that counts.",
        [at(-900, **firefox)],
        [at(0, **edge)],
        at(0, **edge),
        at(0, **edge),
    )
    case(
        "lists_what_is_older",
        "Another server saw the session later: that is told, with the label that was missing.",
        [at(5)],
        [at(5, **edge)],
        at(0, **edge),
        at(5, **edge),
    )


def main():
    shutil.rmtree(VECTORS / "index", ignore_errors=True)
    reading()
    listing()


if __name__ == "__main__":
    main()
