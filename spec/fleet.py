"""What the servers of a fleet share, a second time: records of what ended, and what they mean.

It follows sections 1 to 4 of `fleet.md`, whose section numbers it quotes.
"""

import re
from dataclasses import dataclass, field

import haversack as h
from haversack import GRACE

FRESH, BLIND = 5_000, 300_000  # milliseconds, section 4
KINDS = {  # section 1: the fields after the word
    "session": ("id", "until"),
    "floor": ("id", "renewed", "published", "until"),
    "subject": ("id", "not_before", "until"),
    "all": ("not_before", "until"),
}
LIMITS = {"until": 1 << 32, "not_before": 1 << 32, "renewed": 1 << 48, "published": 1 << 48}
FOREVER = float("inf")  # how long something revoked has been over


class Skipped(Exception):
    """A line that is no record; `str()` is `unknown_kind` or `malformed`."""


@dataclass(frozen=True)
class Record:
    kind: str
    id: bytes | None = None
    renewed: int | None = None
    published: int | None = None
    not_before: int | None = None
    until: int = 0

    @classmethod
    def parse(cls, text):
        kind, *given = text.split(" ")
        if kind not in KINDS:
            raise Skipped("unknown_kind")
        if len(given) != len(KINDS[kind]):
            raise Skipped("malformed")
        return cls(kind, **{name: cls.parse_field(name, part) for name, part in zip(KINDS[kind], given, strict=True)})

    @staticmethod
    def parse_field(name, part):
        if name == "id":
            try:
                data = h.unb64(part)
            except h.Rejection:
                raise Skipped("malformed") from None
            if len(data) != 8:
                raise Skipped("malformed")
            return data
        if not re.fullmatch(r"0|[1-9][0-9]*", part, re.ASCII) or int(part) >= LIMITS[name]:
            raise Skipped("malformed")
        return int(part)

    def text(self):
        values = [getattr(self, name) for name in KINDS[self.kind]]
        return " ".join([self.kind, *(h.b64(v) if isinstance(v, bytes) else str(v) for v in values)])


@dataclass
class View:
    """What a server knows."""

    records: list = field(default_factory=list)
    confirmed: int | None = None  # milliseconds; None: at this moment

    @classmethod
    def of(cls, lines, confirmed=None):
        records = []
        for line in lines:
            try:
                records.append(Record.parse(line))
            except Skipped:
                continue
        return cls(records, confirmed)

    def and_also(self, lines):
        """The view when more has been learnt."""
        return View(self.records + View.of(lines).records, self.confirmed)

    # --- Section 2 ---

    def refuses(self, ring, head, now):
        """Whether a head is revoked, for a request that arrived now."""
        name = ring.revocation_id(head.lineage, head.subject)

        def meets(record):
            match record.kind:
                case "session":
                    return record.id == name
                case "floor":
                    return record.id == name and head.renewed < record.renewed and now >= record.published + GRACE
                case "subject":
                    return record.id == head.subject and head.auth < record.not_before
                case "all":
                    return head.auth < record.not_before

        return any(map(meets, self.records))

    def is_outrun(self, ring, head):
        """Whether a floor is known above its renewed, whether or not it bites."""
        name = ring.revocation_id(head.lineage, head.subject)
        return any(r.kind == "floor" and r.id == name and head.renewed < r.renewed for r in self.records)

    def not_before(self, subject):
        """The latest that applies, in seconds."""
        applies = (r for r in self.records if r.kind == "all" or (r.kind == "subject" and r.id == subject))
        return max((r.not_before for r in applies), default=0)

    # --- Section 4 ---

    def age(self, arrival):
        return 0 if self.confirmed is None else max(0, arrival - self.confirmed)

    def is_fresh(self, arrival):
        return self.age(arrival) <= FRESH

    def served(self, arrival, head):
        """Which routes are, by what they are marked as."""
        anybody = head is None or head.subject is None
        lately = head is not None and arrival - 1000 * head.seen <= BLIND
        fresh, blind = self.is_fresh(arrival), self.age(arrival) > BLIND
        return {
            "public": True,
            "standard": anybody or not blind or lately,
            "sensitive": anybody or fresh,
        }


# --- Section 3 -------------------------------------------------------------------------------


def until(lifetime, now):
    """When a record may be forgotten that is published now."""
    unused = lifetime.absolute if lifetime.idle is None else lifetime.idle
    return (now + 1000 * (unused + lifetime.leeway) + 3 * GRACE) // 1000 + 1


def publishes(situation, event):
    """What a response with this event publishes."""
    ring, ends = situation.ring, until(situation.policy.lifetime, situation.now)

    def name(root):
        return ring.revocation_id(root.lineage, root.subject)

    if event.sweeps:
        ids = {name(root) for _, root in situation.r.roots if root.subject is not None}
        return [Record("session", id, until=ends) for id in sorted(ids)]
    root = event.head()
    if not event.goes_on or root is None or root.subject is None:
        return []
    return [Record("floor", name(root), renewed=root.renewed, published=situation.now, until=ends)]
