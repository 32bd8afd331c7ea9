"""The format hv1, a second time: what a response cleans, seals anew, touches and folds.

It follows sections 13 to 15 of `haversack-v1.md` and goes on from what `haversack.read` opened.
"""

from dataclasses import dataclass, field, replace

import haversack as h
from haversack import GRACE, Fragment, field_of

# Section 14.4.
FEW = {"navigation": 4, "subresource": 6, None: 7}  # fragments by kind of request; a fold is due above
FEW_OLD = 3  # fragments before the last whole minute, if the client does not say
FEW_SLOW = 14  # fragments, whatever the request, if the exchange took longer than a slot
MINUTE = 60_000
WASTE = 600  # characters that lost; a fold is due above
SLOT = 2_000  # milliseconds
LAG = 1_000
PAIR = 2
GROWTH = 2  # times the inputs so far; a larger fragment waits
TOUCH_AFTER = 10  # idle over this
TOUCH_STEP = 40  # idle over this
TOMBSTONE = 5 * GRACE
SETTLED = 3 * GRACE
# Section 15.
HEAD = 3_900  # characters of all lines of a response that count
FOLD_SPARE = 1_000  # characters above the budget of a request that folds may fill
ADOPTING_SPARE = 1_700  # the same for lineages that were adopted and are not settled
COOKIE_AGE = 400 * 86_400  # the longest that browsers keep a cookie
ASSUMED_AGE = "9" * 10  # what a Max-Age counts before it is known
SCOPE = "; Path=/; Secure; HttpOnly"
ATTRIBUTES = SCOPE + "; SameSite=Lax"


@dataclass
class Key:
    """When a key does what, in seconds. Without an end it has no successor yet."""

    kid: bytes
    seals_from: int = 0
    seals_until: int | None = None
    opens_until: int | None = None

    def seals(self, now):
        return 1000 * self.seals_from <= now and not self.stopped(now)

    def stopped(self, now):
        return self.seals_until is not None and now >= 1000 * self.seals_until


@dataclass
class Policy:
    base: str
    lifetime: h.Lifetime
    subject: str | None = None
    identity: tuple = ()
    keep: tuple = ()
    defaults: dict = field(default_factory=dict)  # entry name -> encoded value
    parcel: int = 3_072
    state: int = 2_700
    request: int = 5_000
    response: int = 3_400

    def declared(self):
        return [*([self.subject] if self.subject else []), *self.identity]

    def fold(self):
        """Characters of the jar with the inputs of a fold and the fold in it."""
        return max(Policy.request, self.request) + FOLD_SPARE


@dataclass
class Draft:
    """A parcel about to be set."""

    name: str
    kind: str
    lineage: bytes
    subject: bytes | None
    frame: object
    present: bool = False  # on the request already, under a key that still seals

    def scope(self):
        return h.scope(self.kind, self.lineage, self.subject or b"")


@dataclass
class Held:
    """A fragment that takes part."""

    name: str
    kind: str
    lineage: bytes
    subject: bytes | None
    fragment: Fragment
    chars: int = 0  # in the Cookie line
    stale: bool = False
    read: bool = True  # on the request, not set by the event
    owns: list = field(default_factory=list)  # of its entries, among those that a fold can take

    def seniority(self):
        return self.fragment.count, self.name

    def waste(self):
        size = sum(len(h.encode_entries([e])) for e in self.fragment.entries)
        return (size - sum(len(h.encode_entries([e])) for e in self.owns)) * 4 // 3


@dataclass
class Group:
    """The fragments that folds of one kind choose from."""

    left: list
    kind: str
    into: bytes  # the lineage that they write to

    def adopted(self, f):
        return f.lineage != self.into


@dataclass
class Event:
    """What the request changed: parcels to set, in order (section 14.2)."""

    drafts: list = field(default_factory=list)
    sweeps: bool = False
    changes: bool = False
    goes_on: bool = False  # a root of the same lineage that is not a login

    def head(self):
        return next((d.frame for d in self.drafts if d.kind == "r"), None)


@dataclass
class Step:
    """Done whole or not at all."""

    set: Draft
    delete: list
    rekeys: bool = False
    seen: int | None = None  # of a touch


def joined(held):
    """By entry name the highest (section 10, step 7), misplaced identity entries included."""
    state = {}
    for f in held:
        for e in f.fragment.entries:
            key = f.kind == "u", e.rank()
            if e.name not in state or key > state[e.name]:
                state[e.name] = key
    return state


def owned(held):
    """What each of them owns, judged among them (section 14.3)."""
    state = joined(held)

    def owns(f, e):
        if state[e.name] != (f.kind == "u", e.rank()):
            return False
        return not any(
            (o.lineage, o.kind) == (f.lineage, f.kind) and o.seniority() > f.seniority() and e in o.fragment.entries
            for o in held
        )

    return [[e for e in f.fragment.entries if owns(f, e)] for f in held]


class Situation:
    """One request as events and maintenance see it."""

    def __init__(self, ring, keys, policy, now, cookies, took=0, view=None, learnt=()):
        received = now - took  # when the session and its keys were judged
        self.ring, self.policy, self.now, self.received = ring, policy, now, received
        self.view = view and view.and_also(learnt)  # what is revoked when the response is made; None without a fleet
        self.sealing = max((k for k in keys if k.seals(now)), key=lambda k: (k.seals_from, k.kid), default=None)
        stopped = {k.kid for k in keys if k.stopped(received)}
        self.r = r = h.read(ring, policy.base, policy.lifetime, received, cookies, policy.declared(), view)
        base = policy.base
        ours = [n for n, v in cookies if f"{n}.".startswith(f"{base}.") and v.startswith("hv") and n not in r.foreign]
        self.chars = {name: len(f"{name}={value}; ") for name, value in cookies}
        self.on_request = dict.fromkeys(ours)  # name -> (lineage, frame) of what was opened
        self.on_request |= {name: (f.lineage, f.encode()) for name, f in r.markers + r.roots}
        self.on_request |= {name: (root.lineage, f.encode()) for name, _, root, f in r.fragments}
        self.stale = {n for n, v in cookies if self.on_request.get(n) and h.unb64(v[:16])[3:] in stopped}

    # --- Names (section 6) ---

    def draft(self, kind, lineage, subject, frame):
        """Named by its content; a salt avoids a name that the request carries with another."""
        for salt in range(256):
            frame = replace(frame, salt=salt)
            plain = frame.encode()
            name = f"{self.policy.base}.{h.suffix(self.ring, kind, lineage, plain)}"
            if name not in self.on_request or self.on_request[name] == (lineage, plain):
                break
        present = name in self.on_request and name not in self.stale
        return Draft(name, kind, lineage, subject, frame, present)

    def reissue(self, name, kind, lineage, subject, frame):
        return Draft(name, kind, lineage, subject, frame)

    # --- Lines (sections 6 and 15) ---

    def set_chars(self, draft, age=ASSUMED_AGE):
        return len(f"Set-Cookie: =; Max-Age={age}{ATTRIBUTES}\r\n") + self.parcel_chars(draft)

    def delete_chars(self, name):
        return len(f"Set-Cookie: {name}=; Max-Age=0{SCOPE}\r\n")

    def step_chars(self, step):
        return (0 if step.set.present else self.set_chars(step.set)) + sum(map(self.delete_chars, step.delete))

    def parcel_chars(self, draft):
        """Name and value: 12 bytes of head, 12 of nonce, the padded frame, 16 of tag, in base64url."""
        return len(draft.name) + -(-4 * (40 + len(h.padme(draft.frame.encode()))) // 3)

    def cookie_chars(self, draft):
        return self.parcel_chars(draft) + len("=; ")

    def max_age(self, draft):
        now, life = self.now // 1000, self.policy.lifetime
        until = self.sealing.opens_until
        opens = COOKIE_AGE if until is None else min(COOKIE_AGE, max(0, 1000 * until - self.now) // 1000)
        tail = life.leeway + 3 * GRACE // 1000
        if draft.kind == "r":
            return min(opens, max(0, draft.frame.auth + life.absolute + tail - now))
        if draft.kind == "e" and life.idle is not None:
            return min(opens, life.idle + tail)
        return opens

    # --- Who takes part ---

    def settled(self, stamp):
        return stamp + SETTLED < self.now

    def settled_lineage(self, lineage):
        return self.settled(self.r.heads[lineage][1].renewed)

    def settled_adopted(self, lineage):
        """Whether what it holds may go over into the session."""
        return self.fresh() and self.settled_lineage(lineage)

    def fresh(self):
        """Whether nothing revoked can have been missed."""
        return self.view is None or self.view.is_fresh(self.received)

    def settled_on_arrival(self, head):
        return head.renewed + SETTLED < self.received

    def head(self, event):
        if event.sweeps or event.head():
            return event.head()
        return self.r.winner

    def participants(self, event):
        """The winner's fragments, those of settled adopted lineages, and what the event sets."""
        head, out = self.head(event), []
        for name, kind, root, fragment in self.r.fragments if head else []:
            own = root.lineage == head.lineage and (kind == "a" or root.subject == head.subject)
            adopted = kind == "a" and root.lineage in self.r.adopted and self.settled_adopted(root.lineage)
            if own or adopted:
                subject = root.subject if kind == "u" else None
                out.append(Held(name, kind, root.lineage, subject, fragment, self.chars[name], name in self.stale))
        drafted = [d for d in event.drafts if d.kind in "au"]
        return out + [Held(d.name, d.kind, d.lineage, d.subject, d.frame, read=False) for d in drafted]

    # --- Busy (section 13) ---

    def busy(self):
        r = self.r
        settled = lambda lineage: self.fresh() and self.settled_on_arrival(r.heads[lineage][1])
        lately = {lineage for lineage in r.adopted if not settled(lineage)}
        names = [name for name, root in r.roots if root.lineage in lately]
        names += [name for name, _, root, _ in r.fragments if root.lineage in lately]
        others = r.chars - sum(self.chars[name] for name in names)
        return others > self.policy.request or r.chars > self.policy.request + ADOPTING_SPARE

    # --- Dead parcels (section 14.3) ---

    def dead(self, event):
        r = self.r
        if event.sweeps:
            dead = self.everything_read()
        elif r.partial:
            dead = self.covered(event)
        else:
            refused_heads = {r.heads[k][0] for k, (verdict, _) in r.verdicts.items() if verdict}
            dead = sorted(n for n, why in r.rejected.items() if why not in h.KEPT and n not in refused_heads)
            dead += r.unowned
            dead += self.covered(event)
            for lineage in dict.fromkeys(root.lineage for _, root in r.roots):
                dead += self.dead_of(lineage, event)
            for name, marker in r.markers:
                closes = any(marker.closes(head) for _, head in r.heads.values())
                if self.settled(marker.stamp) and not closes:
                    dead.append(name)
        return [name for name in dead if name not in [d.name for d in event.drafts]]

    def covered(self, event):
        held = self.participants(event)
        drafted = [d.name for d in event.drafts]
        return [f.name for f, owns in zip(held, owned(held), strict=True) if not owns and f.name not in drafted]

    def roots_head_last(self, lineage):
        head = self.r.heads[lineage][0]
        names = [name for name, root in self.r.roots if root.lineage == lineage]
        return [name for name in names if name != head] + [head]

    def fragments_of(self, lineage):
        return [name for name, _, root, _ in self.r.fragments if root.lineage == lineage]

    def dead_of(self, lineage, event):
        r, head = self.r, self.head(event)
        all_roots = self.roots_head_last(lineage)
        if lineage in r.closed:
            return self.fragments_of(lineage) + all_roots
        if r.winner and lineage == r.winner.lineage:
            roots = dict(r.roots)
            return [n for n in all_roots if head and roots[n] != head and self.superseded(roots[n], head)]
        verdict, past = r.verdicts.get(lineage, (None, 0))
        if verdict:
            return all_roots if past > 3 * GRACE else []
        if not self.settled_lineage(lineage):
            return []
        if lineage in r.adopted:
            emptied = not self.fragments_of(lineage)
            return all_roots if emptied and head and self.settled(head.renewed) else []
        return all_roots  # losing

    def superseded(self, root, head):
        another = root.subject is not None and root.subject != head.subject
        return not another or self.settled(root.renewed)

    def everything_read(self):
        r = self.r
        refused_heads = {r.heads[k][0] for k, (verdict, _) in r.verdicts.items() if verdict}
        out = sorted(set(r.rejected) - refused_heads)
        duplicates = "duplicate_name" in r.rejected.values()
        out += sorted(r.unopened) if duplicates else []
        out += r.unowned
        out += [] if duplicates else r.unopened
        out += [name for name, _, _, _ in r.fragments]
        for lineage in dict.fromkeys(root.lineage for _, root in r.roots):
            out += self.roots_head_last(lineage)
        return out

    # --- Steps (section 14.4) ---

    def steps(self, event, fetch, room):
        head = self.head(event)
        if head is None or event.sweeps:
            return []
        held = self.participants(event)
        fragments = self.rekey_fragments(head, held)
        steps = fragments + self.refresh_roots(event, head)
        if not fragments:
            steps += self.folds(head, held, fetch, room - sum(map(self.step_chars, steps)))
        return [step for step in steps if not step.set.present or step.delete]

    def rekey_fragments(self, head, held):
        steps = []
        for f, owns in zip(held, owned(held), strict=True):
            if not f.stale or not owns:
                continue
            if len(owns) == len(f.fragment.entries):
                steps.append(Step(self.reissue(f.name, f.kind, f.lineage, f.subject, f.fragment), [], True))
            else:
                anew = self.draft(f.kind, f.lineage, f.subject, Fragment(owns, f.fragment.count + 1))
                steps.append(Step(anew, [f.name], True))
        for name, kind, root, fragment in self.r.fragments:
            adopted = root.lineage in self.r.adopted and root.lineage != head.lineage
            if adopted and name in self.stale and not self.settled_adopted(root.lineage) and kind == "a":
                steps.append(Step(self.reissue(name, kind, root.lineage, None, fragment), [], True))
        return steps

    def refresh_roots(self, event, head):
        steps = []
        for lineage in dict.fromkeys(root.lineage for _, root in self.r.roots):
            name, root = self.r.heads[lineage]
            if lineage in self.r.adopted and name in self.stale:
                steps.append(Step(self.reissue(name, "r", lineage, None, root), [], True))
        if event.head() or not self.r.winner:
            return steps
        name = self.r.heads[head.lineage][0]
        seen = self.touched(head)
        if seen is not None:
            steps.append(Step(self.draft("r", head.lineage, None, replace(head, seen=seen)), [name], seen=seen))
        elif name in self.stale:
            steps.append(Step(self.reissue(name, "r", head.lineage, None, head), [], True))
        return steps

    def touched(self, head):
        idle, now = self.policy.lifetime.idle, self.now // 1000
        if idle is None or now - head.seen <= idle // TOUCH_AFTER or not self.fresh():
            return None
        step = max(1, idle // TOUCH_STEP)
        seen = head.born + (now - head.born) // step * step
        return seen if seen > head.seen else None

    def folds(self, head, held, fetch, room):
        judged = self.judged([f for f in held if f.read])
        groups = [Group([f for f in judged if f.kind == kind and f.owns], kind, head.lineage) for kind in "au"]
        steps, jar = [], self.r.chars
        for group in groups:
            while step := self.fold(head, group, held, fetch, room, jar):
                steps.append(step)
                inputs = [f for f in group.left if f.name in step.delete]
                group.left = [f for f in group.left if f not in inputs]
                room -= self.step_chars(step)
                jar += self.cookie_chars(step.set) - sum(f.chars for f in inputs)
                if jar <= self.policy.fold():
                    break
        return steps

    def border(self):
        return max(0, self.received - LAG) // SLOT * SLOT

    def judged(self, held):
        """Those that a fold can take, with what they own among themselves."""
        foldable = [f for f in held if f.fragment.newest < self.border() or f.fragment.newest > self.now + GRACE]
        return [replace(f, owns=owns) for f, owns in zip(foldable, owned(foldable), strict=True)]

    def crowded(self, fragments, fetch):
        if self.now - self.received > SLOT:
            return len(fragments) > FEW_SLOW
        minute = self.received // MINUTE * MINUTE
        old = [f for f in fragments if f.fragment.newest < minute]
        return len(fragments) > FEW[fetch] or (fetch is None and len(old) > FEW_OLD)

    def fold(self, head, group, held, fetch, room, jar):
        lost = sum(f.waste() for f in group.left)
        if not (self.crowded(group.left, fetch) or any(map(group.adopted, group.left)) or lost > WASTE):
            return None
        best, inputs = None, []
        for f in sorted(group.left, key=lambda f: (not group.adopted(f), f.chars, f.lineage, f.name)):
            if len(inputs) >= PAIR and not group.adopted(f) and f.chars > GROWTH * sum(i.chars for i in inputs):
                break
            inputs.append(f)
            step = self.fold_of(head, group, inputs, held)
            if not self.fits(step, len(inputs), room, jar):
                break
            if len(inputs) >= PAIR or group.adopted(f):
                best = step
        if best is None and lost > WASTE:
            best = self.fold_of(head, group, [max(group.left, key=lambda f: (f.waste(), f.name))], held)
        return best

    def fold_of(self, head, group, inputs, held):
        entries = {e.name: e for f in inputs for e in f.owns}.values()
        left = [e for e in entries if not self.forgets(e, held)]
        entries = sorted(left or entries, key=lambda e: e.name)
        count = 1 + max(f.fragment.count for f in inputs)
        subject = head.subject if group.kind == "u" else None
        return Step(
            self.draft(group.kind, group.into, subject, Fragment(entries, count)),
            [f.name for f in inputs],
        )

    def forgets(self, e, held):
        old = e.stamp + TOMBSTONE < self.border()
        if e.value is not None or not old or self.r.partial or e.name in self.policy.defaults:
            return False
        fragments = [f for _, _, _, f in self.r.fragments] + [f.fragment for f in held]
        others = [o for f in fragments for o in f.entries]
        whole = field_of(e.name)
        return not any((o.name == e.name and o != e) or (o.name == whole != e.name) for o in others)

    def fits(self, step, inputs, room, jar):
        fits_jar = inputs <= PAIR or jar + self.cookie_chars(step.set) <= self.policy.fold()
        return self.parcel_chars(step.set) <= self.policy.parcel and self.step_chars(step) <= room and fits_jar


@dataclass
class Response:
    lines: list = field(default_factory=list)  # ("set", Draft, Max-Age) or ("delete", name)
    waiting: int = 0
    chars: int = 0
    seen: int | None = None  # to which it touched the head
    publishes: list = field(default_factory=list)  # records, section 3 of fleet.md
    listed: object = None  # section 13


def respond(s, event=None, other_headers=0, maintenance=True, fetch=None):
    """The lines of a response, in order (section 14.1)."""
    event = event or Event()
    late = s.now - s.received > GRACE
    out = Response()
    left = min(s.policy.response, HEAD - other_headers)
    deleted = []

    def set_parcel(draft):
        nonlocal left
        age = s.max_age(draft)
        out.lines.append(("set", draft, age))
        out.chars += s.set_chars(draft, age)
        left -= s.set_chars(draft, age)

    def delete(name):
        nonlocal left
        if name in deleted:
            return
        deleted.append(name)
        out.lines.append(("delete", name))
        out.chars += s.delete_chars(name)
        left -= s.delete_chars(name)

    for draft in event.drafts:
        if not draft.present:
            set_parcel(draft)
    if late or not (event.changes or maintenance):
        return out
    for name in s.dead(event):
        if s.delete_chars(name) <= left:
            delete(name)
        else:
            out.waiting += 1
    if s.sealing is None:
        return out
    blocked = False
    for step in s.steps(event, fetch, left):
        if blocked or s.step_chars(step) > left:
            out.waiting += 1
            blocked |= step.rekeys
            continue
        if not step.set.present:
            set_parcel(step.set)
        for name in step.delete:
            if name != step.set.name:
                delete(name)
        out.seen = step.seen if out.seen is None else out.seen
    return out
