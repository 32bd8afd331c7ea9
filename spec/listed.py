"""The session index of a fleet, a second time: who is signed in to which session, and its label.

It follows section 13 of `fleet.md`.
"""

import unicodedata
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

import fleet
import haversack as h

WORD = "listed"
LABEL = 64  # bytes
STEP, TAG = 16, 16  # bytes
SEALED = range(STEP + TAG, LABEL + TAG + 1, STEP)  # bytes of a sealed label
MOVED = 10  # idle over this
# White_Space of Unicode; `str.strip` takes more.
WHITE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


@dataclass(frozen=True)
class Listed:
    subject: bytes
    id: bytes
    auth: int
    seen: int
    until: int
    label: str | None = None  # sealed

    @classmethod
    def parse(cls, text):
        word, *given = text.split(" ")
        if word != WORD:
            raise fleet.Skipped("unknown_kind")
        if len(given) not in (5, 6):
            raise fleet.Skipped("malformed")
        ids = [fleet.Record.parse_field("id", part) for part in given[:2]]
        times = [fleet.Record.parse_field("until", part) for part in given[2:5]]
        return cls(*ids, *times, *map(cls.parse_label, given[5:]))

    @staticmethod
    def parse_label(part):
        try:
            length = len(h.unb64(part))
        except h.Rejection:
            raise fleet.Skipped("malformed") from None
        if length not in SEALED:
            raise fleet.Skipped("malformed")
        return part

    def text(self):
        fields = WORD, h.b64(self.subject), h.b64(self.id), self.auth, self.seen, self.until
        return " ".join(map(str, fields + ((self.label,) if self.label else ())))

    def rank(self):
        return self.seen, self.auth, self.until

    def has_ended(self, view):
        """Whether this view ends the session before its time. No floor does."""
        closed = any(r.kind == "session" and r.id == self.id for r in view.records)
        return closed or self.auth < view.not_before(self.subject)


# --- Labels ----------------------------------------------------------------------------------


def label_of(text):
    """What is listed of what an application says."""
    line = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text).lstrip(WHITE)
    label = ""
    for c in line:
        if len((label + c).encode()) > LABEL:
            break
        label += c
    return label.rstrip(WHITE) or None


def seal(ring, id, label):
    text = label.encode()
    padded = text + bytes(-len(text) % STEP)
    return h.b64(AESGCMSIV(ring.label_key).encrypt(id + bytes(4), padded, b""))


def open_label(ring, id, sealed):
    try:
        padded = AESGCMSIV(ring.label_key).decrypt(id + bytes(4), h.unb64(sealed), b"")
        return padded.rstrip(b"\0").decode()
    except (InvalidTag, UnicodeDecodeError):
        return None


# --- What a response lists -------------------------------------------------------------------


def until(lifetime, auth, seen):
    """When a session can be used no more, unless it is listed again."""
    end = auth + lifetime.absolute
    if lifetime.idle is not None:
        end = min(end, seen + lifetime.idle)
    return end + lifetime.leeway + h.GRACE // 1000 + 1


def moves_on(situation, before, seen):
    idle = situation.policy.lifetime.idle
    return idle is not None and seen > before and situation.now // 1000 - before > idle // MOVED


def lists(situation, event, response, label):
    """What a response with this event lists, and with the touch that it did."""
    held, root = situation.r.winner, event.head()
    seen = root.seen if root else response.seen
    root = root or held
    if situation.view is None or seen is None or root.subject is None:
        return None
    goes_on = held and (held.lineage, held.subject, held.auth) == (root.lineage, root.subject, root.auth)
    if goes_on and not moves_on(situation, held.seen, seen):
        return None
    id = situation.ring.revocation_id(root.lineage, root.subject)
    ends = until(situation.policy.lifetime, root.auth, seen)
    label = label and label_of(label)
    return Listed(root.subject, id, root.auth, seen, ends, label and seal(situation.ring, id, label))


# --- What a server holds ---------------------------------------------------------------------


@dataclass
class Index:
    held: dict = field(default_factory=dict)

    def read(self, record, now):
        """Takes what the log has."""
        if 1000 * record.until > now:
            self.tell(record)

    def tell(self, record):
        """Takes what this server lists; what the log is told."""
        key = record.subject, record.id
        held = self.held.get(key, record)
        newer, older = (record, held) if record.rank() > held.rank() else (held, record)
        seen, auth, until = map(max, record.rank(), held.rank())
        self.held[key] = Listed(*key, auth, seen, until, newer.label or older.label)
        return self.held[key]
