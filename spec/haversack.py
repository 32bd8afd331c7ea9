"""The format hv1, a second time: read and write parcels, read a whole cookie jar.

It follows `haversack-v1.md`, whose section numbers it quotes, and shares no code with the Rust
implementation. It is a reference to check others against, not a library to deploy: nothing here
runs in constant time.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

U48 = (1 << 48) - 1
U64 = (1 << 64) - 1
GRACE = 300_000  # milliseconds
HARD_LIMIT = 4096  # characters of name and value
MAX_OPENED = 128
MAX_OPENED_CHARS = 16_000
OPEN = 1  # the entry encoding "deterministic CBOR"
KEPT = {"unknown_key", "unknown_version", "not_yet_valid"}


class Rejection(Exception):
    """Why a parcel is not taken; `str()` is the reason as the vectors spell it."""


def malformed():
    return Rejection("malformed")


# --- Bytes (section 2) -----------------------------------------------------------------------


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    """Canonical only: right alphabet, no padding, unused bits zero."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text, re.ASCII) or len(text) % 4 == 1:
        raise malformed()
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(data) != text:
        raise malformed()
    return data


def lp(data):
    return len(data).to_bytes(2, "big") + data


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


class Cursor:
    """Reads a frame from front to back; anything that is not there is malformed."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise malformed()
        self.at += n
        return self.data[self.at - n : self.at]

    def uint(self, n):
        return int.from_bytes(self.take(n), "big")

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.uint(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > U64 or (byte == 0 and shift > 0):
                    break  # too large, or not minimal
                return value
        raise malformed()

    def nonzero(self, value):
        if value == 0:
            raise malformed()
        return value

    def done(self):
        return self.at == len(self.data)

    def rest_is_zero(self):
        if any(self.data[self.at :]):
            raise malformed()


def padme(frame):
    """Appends zeros up to the Padmé length (section 8)."""
    n = len(frame)
    exponent = n.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return frame + bytes((n + mask & ~mask) - n)


# --- Keys (section 4) ------------------------------------------------------------------------


def hkdf_extract(salt, key):
    return hmac.digest(salt, key, hashlib.sha256)


def hkdf_expand(prk, info, length):
    out = block = b""
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), hashlib.sha256)
        out += block
    return out[:length]


def derive(root, use, suite, context, length):
    prk = hkdf_extract(b"haversack/v1", root)
    info = b"haversack/v1/" + use.encode() + b"\0" + suite.encode() + context
    return hkdf_expand(prk, info, length)


class Ring:
    """The keys of one application, tenant and purpose. The first root seals, all open."""

    def __init__(self, index_key, roots, app, tenant="", purpose="session"):
        context = b"".join(lp(part.encode()) for part in (app, tenant, purpose))

        def index(use, length=32):
            return derive(index_key, use, "0", context, length)

        self.mark = index("mark", 3)
        self.name_key = index("name", 16)
        self.label_key = index("label")
        self.uses = {use: index(use) for use in ("sid", "subject", "csrf", "revoke")}
        self.keys = {  # 9-byte key id -> seal key
            derive(root, "kid", "A", b"", 6) + self.mark: derive(root, "seal", "A", context, 32) for root in roots
        }
        self.sealing = next(iter(self.keys), None)

    def prf(self, use, data):
        return hmac.digest(self.uses[use], data, hashlib.sha256)

    def session_id(self, lineage, renewed):
        return self.prf("sid", lineage + renewed.to_bytes(6, "big"))[:16]

    def subject(self, encoded):
        return self.prf("subject", encoded)[:8]

    def revocation_id(self, lineage, subject):
        return self.prf("revoke", lineage + (subject or b""))[:8]

    def csrf_tag(self, lineage, subject):
        return self.prf("csrf", lineage + (subject or b""))[:16]


# --- Envelope (sections 3 and 5) -------------------------------------------------------------


def scope(kind, lineage=b"", subject=b""):
    return {"a": lineage, "u": lineage + subject}.get(kind, b"")


def associated_data(head, channel, scope):
    return head + lp(channel.encode()) + lp(scope)


def seal(ring, channel, scope, nonce, plaintext, kid=None):
    kid = kid or ring.sealing
    head = unb64("hv1A") + kid
    sealed = AESGCMSIV(ring.keys[kid]).encrypt(nonce, plaintext, associated_data(head, channel, scope))
    return b64(head + nonce + sealed)


@dataclass
class Envelope:
    channel: str
    head: bytes
    nonce: bytes
    sealed: bytes

    @classmethod
    def parse(cls, ring, channel, text):
        """All checks that need no cipher. `foreign` comes before `unknown_key`."""
        if not text.startswith("hv"):
            raise Rejection("not_ours")
        if len(channel) - 2 + len(text) > HARD_LIMIT:
            raise Rejection("oversized")
        if text[:4] not in ("hv1A", "hv1F"):
            raise Rejection("unknown_version")
        data = unb64(text)
        nonce = 12 if text[3] == "A" else 24
        if len(data) < 12 + nonce + 16:
            raise malformed()
        if data[9:12] != ring.mark:
            raise Rejection("foreign")
        return cls(channel, data[:12], data[12 : 12 + nonce], data[12 + nonce :])

    def check_key(self, ring):
        """No ring holds a key of suite F yet, so each of its ids is unknown."""
        if self.head[:3] != unb64("hv1A") or self.head[3:] not in ring.keys:
            raise Rejection("unknown_key")

    def unseal(self, ring, scope):
        try:
            aad = associated_data(self.head, self.channel, scope)
            return AESGCMSIV(ring.keys[self.head[3:]]).decrypt(self.nonce, self.sealed, aad)
        except InvalidTag:
            raise Rejection("inauthentic") from None


def unseal(ring, channel, scope, text):
    envelope = Envelope.parse(ring, channel, text)
    envelope.check_key(ring)
    return envelope.unseal(ring, scope)


# --- Names (section 6) -----------------------------------------------------------------------


def siphash24(key, data):
    def rotl(x, n):
        return (x << n | x >> 64 - n) & U64

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0, v2 = v0 + v1 & U64, v2 + v3 & U64
            v1, v3 = rotl(v1, 13) ^ v0, rotl(v3, 16) ^ v2
            v0 = rotl(v0, 32)
            v2, v0 = v2 + v1 & U64, v0 + v3 & U64
            v1, v3 = rotl(v1, 17) ^ v2, rotl(v3, 21) ^ v0
            v2 = rotl(v2, 32)

    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    tail = len(data) % 8
    padded = data + bytes(7 - tail) + bytes([len(data) & 0xFF])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 0xFF
    rounds(4)
    return (v0 ^ v1 ^ v2 ^ v3).to_bytes(8, "little")


def hint(lineage):
    return b64(lineage)[:2]


def suffix(ring, kind, lineage, frame):
    """What follows `<base>.` in the name of a parcel with this unpadded frame."""
    tag = b64(siphash24(ring.name_key, kind.encode() + lineage + frame))[:6]
    return kind + hint(lineage) + tag


# --- Frames (section 7) ----------------------------------------------------------------------


@dataclass
class Entry:
    name: bytes
    value: bytes | None = None  # None is a tombstone
    encoding: int = OPEN
    stamp: int = 0

    def rank(self):
        """Of equal stamps: tombstone over value, then encoding, then bytes."""
        return self.stamp, self.value is None, self.value is not None and self.encoding, self.value or b""


def encode_entries(entries, newest=None):
    """`newest` is given when each entry carries its own stamp."""
    out = b""
    for e in sorted(entries, key=lambda e: e.name):
        out += varint(len(e.name) << 2 | (e.value is not None)) + e.name
        out += bytes([e.encoding]) if e.value is not None else b""
        out += varint(newest - e.stamp) if newest is not None else b""
        out += varint(len(e.value)) + e.value if e.value is not None else b""
    return out


def parse_entries(c, stamp, own_stamps=False, tombstones=True):
    entries, deltas = [], []
    while not c.done() and c.data[c.at] != 0:
        head = c.varint()
        if head & 3 > 1:
            raise Rejection("unknown_version")
        if not 1 <= head >> 2 <= 255:
            raise malformed()
        name = c.take(head >> 2)
        if entries and name <= entries[-1].name or not (head & 1 or tombstones):
            raise malformed()
        e = Entry(name, stamp=stamp)
        if head & 1:
            e.encoding = c.uint(1)
        if own_stamps:
            deltas.append(c.varint())
            e.stamp -= deltas[-1]
            if e.stamp < 0:
                raise malformed()
        if head & 1:
            e.value = c.take(c.varint())
        entries.append(e)
    if not entries or (own_stamps and (min(deltas) != 0 or max(deltas) == 0)):
        raise malformed()
    return entries


def flags(c, known):
    value = c.uint(1)
    if value >> known:
        raise Rejection("unknown_version")
    return [bool(value >> bit & 1) for bit in range(known)]


def bits(*values):
    return bytes([sum(bool(v) << bit for bit, v in enumerate(values))])


def at_most(value, limit):
    if value > limit:
        raise malformed()
    return value


@dataclass
class Root:
    lineage: bytes
    born: int  # seconds
    renewed: int  # milliseconds, a stamp
    auth: int | None = None  # seconds
    seen: int | None = None  # seconds
    subject: bytes | None = None
    salt: int = 0
    entries: list[Entry] = field(default_factory=list)
    kind = "r"
    single = False

    def __post_init__(self):
        self.auth = self.renewed // 1000 if self.auth is None else self.auth
        self.seen = self.renewed // 1000 if self.seen is None else self.seen

    def encode(self):
        auth = self.auth != self.renewed // 1000
        seen = self.seen != self.renewed // 1000
        out = bits(self.subject, auth, seen, self.salt, self.entries, self.single) + self.lineage
        out += self.born.to_bytes(4, "big") + varint(self.renewed - 1000 * self.born)
        out += varint(self.auth - self.born) if auth else b""
        out += varint(self.seen - self.born) if seen else b""
        out += self.subject or b""
        return out + (bytes([self.salt]) if self.salt else b"") + encode_entries(self.entries)

    @classmethod
    def parse(cls, frame):
        c = Cursor(frame)
        subject, auth, seen, salt, entries, single = flags(c, 6)
        if single != cls.single or (single and salt):
            raise malformed()
        lineage, born = c.take(16), c.uint(4)
        root = cls(lineage, born, at_most(1000 * born + c.varint(), U48))
        second = root.renewed // 1000
        for present, which in ((auth, "auth"), (seen, "seen")):
            if present:
                time = at_most(born + c.varint(), U48 // 1000)
                if time == second:
                    raise malformed()
                setattr(root, which, time)
        root.subject = c.take(8) if subject else None
        root.salt = c.nonzero(c.uint(1)) if salt else 0
        root.entries = parse_entries(c, root.renewed, tombstones=False) if entries else []
        root.parse_fields(c, entries)
        c.rest_is_zero()
        return root

    def parse_fields(self, c, entries):
        """Of layout Single only."""

    def order(self):
        """Of several roots of one lineage the highest is its head (section 10, step 3)."""
        return self.subject is not None, self.renewed, encode_entries(self.entries), self.seen, self.encode()


@dataclass
class Single(Root):
    """A root of layout Single: it holds all other entries too."""

    fields: list[Entry] = field(default_factory=list)
    kind = "single"
    single = True

    @property
    def newest(self):
        return max((e.stamp for e in self.fields), default=0)

    def encode(self):
        own = len({e.stamp for e in self.fields}) > 1
        out = super().encode() + (b"\0" if self.entries else b"")
        out += bits(False, own) + self.newest.to_bytes(6, "big")
        return out + encode_entries(self.fields, self.newest if own else None)

    def parse_fields(self, c, entries):
        if entries:
            c.take(1)  # the zero that ended them
        count, own, salt = flags(c, 3)
        if count or salt:
            raise malformed()
        newest = c.uint(6)
        if not c.done() and c.data[c.at] != 0:
            self.fields = parse_entries(c, newest, own)
        elif newest or own:
            raise malformed()


@dataclass
class Marker:
    lineage: bytes
    stamp: int
    salt: int = 0
    kind = "e"

    def encode(self):
        out = bits(self.salt) + self.lineage + self.stamp.to_bytes(6, "big")
        return out + (bytes([self.salt]) if self.salt else b"")

    @classmethod
    def parse(cls, frame):
        c = Cursor(frame)
        (salt,) = flags(c, 1)
        marker = cls(c.take(16), c.uint(6))
        marker.salt = c.nonzero(c.uint(1)) if salt else 0
        c.rest_is_zero()
        return marker

    def closes(self, head):
        """Its own lineage, and what is not newer (section 10, step 2)."""
        return head.lineage == self.lineage or head.renewed <= self.stamp


@dataclass
class Fragment:
    entries: list[Entry]  # at least one
    count: int = 0
    salt: int = 0

    @property
    def newest(self):
        return max(e.stamp for e in self.entries)

    def encode(self):
        own = len({e.stamp for e in self.entries}) > 1
        out = bits(self.count, own, self.salt) + self.newest.to_bytes(6, "big")
        out += varint(self.count) if self.count else b""
        out += bytes([self.salt]) if self.salt else b""
        return out + encode_entries(self.entries, self.newest if own else None)

    @classmethod
    def parse(cls, frame):
        c = Cursor(frame)
        count, own, salt = flags(c, 3)
        newest = c.uint(6)
        count = c.nonzero(c.varint()) if count else 0
        salt = c.nonzero(c.uint(1)) if salt else 0
        fragment = cls(parse_entries(c, newest, own), count, salt)
        c.rest_is_zero()
        return fragment


FRAMES = {"r": Root, "e": Marker, "a": Fragment, "u": Fragment, "single": Single}


# --- Deterministic CBOR (section 9), as far as the vectors need it ---------------------------


def cbor(value):
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        size = 1 if n < 1 << 8 else 2 if n < 1 << 16 else 4 if n < 1 << 32 else 8
        return bytes([major << 5 | 24 + size.bit_length() - 1]) + n.to_bytes(size, "big")

    match value:
        case None | bool():
            return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list():
            return head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            pairs = sorted((cbor(k), cbor(v)) for k, v in value.items())
            return head(5, len(pairs)) + b"".join(k + v for k, v in pairs)
    raise TypeError(f"no CBOR for {value!r}")


# --- Reading a jar (section 10) --------------------------------------------------------------


@dataclass
class Lifetime:
    idle: int | None  # seconds, as all three
    absolute: int | None
    leeway: int

    def judge(self, root, now, idle_asked_at=None, slack=0):
        """The clock's verdict on a head (section 11): None, or why it is refused; and by how many
        milliseconds the limit that refuses it is past.
        """
        latest = 1000 * max(root.born, root.auth, root.seen)
        if latest > now + GRACE:
            return "not_yet_valid", 0
        now = max(now, latest)
        asked = now if idle_asked_at is None else idle_asked_at
        past = 0 if self.absolute is None else now - 1000 * (root.auth + self.absolute + self.leeway)
        if past <= 0 and self.idle is not None:
            past = asked - 1000 * (root.seen + self.idle + self.leeway) - slack
        return ("expired", past) if past > 0 else (None, 0)


@dataclass
class Reading:
    winner: Root | None = None
    session_id: bytes | None = None
    adopted: list[bytes] = field(default_factory=list)
    closed: list[bytes] = field(default_factory=list)
    losing: list[bytes] = field(default_factory=list)
    state: dict = field(default_factory=dict)  # name -> (written under the subject, Entry)
    identity: dict = field(default_factory=dict)  # name -> Entry
    misplaced: list[bytes] = field(default_factory=list)  # identity entries found in fragments
    rejected: dict = field(default_factory=dict)  # parcel name -> reason
    foreign: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    partial: bool = False
    # What was opened, each in order of arrival; maintenance.py goes on from here.
    markers: list = field(default_factory=list)  # (parcel name, Marker)
    roots: list = field(default_factory=list)  # (parcel name, Root)
    fragments: list = field(default_factory=list)  # (parcel name, kind, the root that opens it, Fragment)
    unowned: list = field(default_factory=list)  # names of fragments that no root opens
    heads: dict = field(default_factory=dict)  # lineage -> (parcel name, Root)
    verdicts: dict = field(default_factory=dict)  # lineage that is not closed -> what `judge` says
    kept_root: bool = False  # a root or end marker is kept or unopened
    admissible: list = field(default_factory=list)  # winner and adopted heads; beside a kept root those that would be
    chars: int = 0  # of all counted parcels, as they stand in the Cookie line


def kind_of(name, base):
    """r, e, a or u; `single` for the base itself; None for no name of ours."""
    if name == base:
        return "single"
    rest = name[len(base) + 1 :]
    return rest[0] if re.fullmatch(r"[reau][A-Za-z0-9_-]{8}", rest, re.ASCII) else None


def field_of(name):
    return name.split(b"\0")[0]


def read(ring, base, lifetime, now, cookies, identity=(), view=None):
    """Steps 1 to 7. `cookies` are (name, value) in order; `identity` are declared field names; `view`
    is what is revoked.
    """

    def ours(name, value):
        return (name == base or name.startswith(base + ".")) and value.startswith("hv")

    found = [(name, kind_of(name, base), value) for name, value in cookies if ours(name, value)]
    return read_found(ring, "c:", lifetime, now, found, identity, view)


def read_header(ring, header, lifetime, now, values, identity=(), view=None):
    """The same of a request with this header, whose lines have these values."""
    name, values = header.lower(), [value.strip(" \t") for value in values]
    found = [] if values == [""] else [(name, "single", value) for value in values]
    return read_found(ring, "h:", lifetime, now, found, identity, view)


def read_found(ring, transport, lifetime, now, parcels, identity, view=None):
    out = Reading()

    def judge(root, *asked):
        """First the clock, then revocation, which holds for good."""
        verdict = lifetime.judge(root, now, *asked)
        revoked = verdict[0] is None and view is not None and view.refuses(ring, root, now)
        return ("revoked", float("inf")) if revoked else verdict

    # 1. Collect.
    found, kept_root = [], False
    for name, kind, value in parcels:
        envelope, reason = None, None
        try:
            if not value.startswith("hv"):
                raise malformed()  # only in a header, which is ours alone
            envelope = Envelope.parse(ring, transport + name, value)
            if kind is None:
                raise malformed()
            envelope.check_key(ring)
        except Rejection as rejection:
            reason = str(rejection)
        if reason == "foreign":
            out.foreign.append(name)
        else:
            found.append((name, kind, envelope, reason, len(name) + len(value)))
            out.chars += len(f"{name}={value}; ")

    names = [name for name, *_ in found]
    duplicates = {name for name in names if names.count(name) > 1}
    if duplicates:
        out.rejected = dict.fromkeys(duplicates, "duplicate_name")
        out.unopened = sorted(set(names) - duplicates)
        return out

    openable, chars = [], 0
    for parcel in sorted(found, key=lambda p: {"e": 0, "a": 2, "u": 2}.get(p[1], 1)):
        name, kind, envelope, reason, size = parcel
        if reason:
            out.rejected[name] = reason
            kept_root |= reason in KEPT and kind not in ("a", "u")
        elif out.unopened or len(openable) == MAX_OPENED or chars + size > MAX_OPENED_CHARS:
            out.unopened.append(name)
            kept_root |= kind not in ("a", "u")
        else:
            openable.append((name, kind, envelope))
            chars += size

    # 2. Unseal end markers and roots.
    roots, markers = out.roots, out.markers
    for name, kind, envelope in openable:
        try:
            if kind == "e":
                markers.append((name, Marker.parse(envelope.unseal(ring, b""))))
            elif kind in ("r", "single"):
                roots.append((name, FRAMES[kind].parse(envelope.unseal(ring, b""))))
        except Rejection as rejection:
            out.rejected[name] = str(rejection)
            kept_root |= str(rejection) in KEPT

    # 3. Heads.
    heads = out.heads
    for name, root in sorted(roots, key=lambda pair: pair[1].order()):
        heads[root.lineage] = (name, root)

    def is_closed(root):
        return any(m.closes(root) for _, m in markers)

    out.closed = sorted(root.lineage for _, root in heads.values() if is_closed(root))
    still_open = {k: head for k, head in heads.items() if k not in out.closed}
    signed_in = [r for _, r in still_open.values() if r.subject is not None]
    anonymous = [r for _, r in still_open.values() if r.subject is None]
    top = max(signed_in, key=lambda r: (r.renewed, r.lineage), default=None)
    judged = anonymous + ([top] if top else [])
    verdicts = out.verdicts = {r.lineage: judge(r) for r in judged}
    kept_root |= any(verdict == "not_yet_valid" for verdict, _ in verdicts.values())
    out.kept_root = kept_root

    # 4. The winner.
    if top and verdicts[top.lineage][0] is None:
        best = top
    else:
        admitted = [r for r in anonymous if verdicts[r.lineage][0] is None]
        best = min(admitted, key=lambda r: (r.born, r.lineage), default=None)
    if not kept_root:
        out.winner = best
        out.losing = sorted(r.lineage for r in signed_in if r is not best)

    # 5. Adoption.
    winner = out.winner
    beside = {}  # lineage without a subject, not the best -> what `judge` says
    for root in anonymous if best else []:
        if root is not best:
            over = judge(root, 1000 * best.born, 0)
            beside[root.lineage] = over if over[0] else judge(root, 1000 * best.seen, 3 * GRACE)
    adopted = [root for root in anonymous if beside.get(root.lineage, ("",))[0] is None]
    out.admissible = ([best] if best else []) + adopted
    if winner:
        verdicts |= beside
        out.adopted = sorted(root.lineage for root in adopted)
        out.session_id = ring.session_id(winner.lineage, winner.renewed)
        out.identity = {e.name: e for e in winner.entries}
    out.rejected |= {still_open[k][0]: verdict for k, (verdict, _) in verdicts.items() if verdict}

    # 6. Fragments.
    joined = set(out.adopted) | ({winner.lineage} if winner else set())
    taken = []
    for name, kind, envelope in openable:
        if kind not in ("a", "u"):
            continue
        scopes = {
            scope(kind, root.lineage, root.subject or b""): root
            for _, root in roots
            if hint(root.lineage) == name[-8:-6] and (kind == "a" or root.subject)
        }
        for tried, root in scopes.items():
            try:
                frame = envelope.unseal(ring, tried)
            except Rejection:
                continue
            try:
                fragment = Fragment.parse(frame)
            except Rejection as rejection:
                out.rejected[name] = str(rejection)
                break
            out.fragments.append((name, kind, root, fragment))
            under = kind == "u"
            if root.lineage in joined and (not under or root.subject == winner.subject):
                taken += [(under, entry) for entry in fragment.entries]
            break
        else:
            out.unowned.append(name)
    out.orphans = [] if kept_root else sorted(out.unowned)
    for _, root in roots:
        if root.single and root.lineage in joined and root.subject in (None, winner.subject):
            taken += [(root.subject is not None, entry) for entry in root.fields]

    # 7. Join.
    protected = {n.encode() for n in identity} | {field_of(n) for n in out.identity}
    for under, entry in taken:
        if field_of(entry.name) in protected:
            out.misplaced = sorted({*out.misplaced, entry.name})
        elif entry.name not in out.state or (under, entry.rank()) > (
            out.state[entry.name][0],
            out.state[entry.name][1].rank(),
        ):
            out.state[entry.name] = under, entry

    out.partial = bool(out.unopened) or any(reason in KEPT for reason in out.rejected.values())
    return out
