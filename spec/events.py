"""The format hv1, a second time: what a request changes, as parcels to set.

It follows sections 13, 14.2 and 15 of `haversack-v1.md`; `maintenance.py` writes the response.
"""

from dataclasses import dataclass, field, replace

import csrf
import fleet
import haversack as h
import listed
import maintenance as m
from haversack import GRACE, OPEN, Entry, Fragment, Marker, Root, cbor, field_of

IDENTITY = 1_024  # bytes of identity entries in a root
AHEAD = 1_000  # milliseconds by which a marker beside a kept root passes what was read


class Refused(Exception):
    """The event is not written; `str()` is the reason as the vectors spell it."""


@dataclass
class Request:
    """What was asked of the session."""

    changes: dict = field(default_factory=dict)  # entry name -> encoded value, or None for a removal
    end: bool = False
    renew: bool = False
    authenticated: bool = False
    identity_route: bool = False
    took: int = 0  # milliseconds from the request to the response
    lineages: list = field(default_factory=list)  # fresh ones, in the order in which they are drawn
    token: bool = False  # a form token was asked for, after all else
    label: str | None = None  # what a list of sessions is to say about this one

    def nothing(self):
        return not (self.changes or self.end or self.renew or self.authenticated)


class Events:
    def __init__(self, situation, request):
        self.s, self.request = situation, request
        self.policy, self.r, self.now = situation.policy, situation.r, situation.now
        self.lineages = list(request.lineages)
        self.promised = self.draw() if request.token and csrf.addressee(self)[0] is None else None

    # --- Who and when ---

    def subject_of(self, encoded):
        """Who an encoded subject field names."""
        default = self.policy.defaults.get((self.policy.subject or "").encode())
        return None if encoded in (None, cbor(None), default) else self.s.ring.subject(encoded)

    def is_identity(self, name, head=None):
        in_head = {field_of(e.name) for e in head.entries} if head else set()
        return field_of(name).decode() in self.policy.declared() or field_of(name) in in_head

    def highest(self):
        stamps = [root.renewed for _, root in self.r.roots] + [marker.stamp for _, marker in self.r.markers]
        return max(stamps + [f.newest for *_, f in self.r.fragments], default=-1)

    def stamp(self):
        return max(self.now, self.highest() + 1)

    def draw(self):
        if not self.lineages:
            raise Refused("no_lineage")
        return self.lineages.pop(0)

    # --- The event (section 14.2) ---

    def event(self):
        request, r = self.request, self.r
        if request.nothing() and self.promised is None:
            return m.Event()
        if r.partial and not request.identity_route:
            raise Refused("unavailable")
        unread = "duplicate_name" in r.rejected.values() and bool(r.unopened)
        if r.winner:
            event = self.within(r.winner)
        elif r.kept_root or (request.end and unread):
            event = self.beside_what_is_not_read()
        else:
            event = self.anew(request.end)
        self.check_sizes(event)
        if request.took > GRACE and (event.head() or event.sweeps or self.may_be_adopted()):
            raise Refused("late")
        if any(d.kind in "au" for d in event.drafts) and not request.end and self.s.busy():
            raise Refused("busy")
        return event

    def may_be_adopted(self):
        head = self.r.winner
        return head is not None and head.subject is None and not self.s.settled_on_arrival(head)

    def going_on(self, switch=False):
        """What a new lineage begins with; only a switch takes over what is the default."""
        keeps = {}
        if self.request.end or switch:
            keeps = {
                name: e.value
                for name, (_, e) in self.r.state.items()
                if field_of(name).decode() in self.policy.keep and e.value is not None and e.encoding == OPEN
            }
        values = {name: v for name, v in (keeps | self.request.changes).items() if v is not None}
        return values if switch else {n: v for n, v in values.items() if v != self.policy.defaults.get(n)}

    def changed_subject(self):
        return self.subject_of(self.request.changes.get((self.policy.subject or "").encode()))

    def subject_after(self, head):
        """Who is signed in after the changes, if the session with this head goes on."""
        named = (self.policy.subject or "").encode()
        return self.changed_subject() if head is None or named in self.request.changes else head.subject

    def closes(self, head):
        """Whether the lineage of this head ends."""
        leaves = head.subject is not None and self.subject_after(head) != head.subject
        return self.request.end or leaves

    def begin(self, values, subject, stamp):
        """The root of a new lineage and its fragment, if there is anything to begin it for."""
        if subject is None:
            values = {n: v for n, v in values.items() if n != (self.policy.subject or "").encode()}
        if not values and self.promised is None:
            return []
        lineage, second = self.promised or self.draw(), self.now // 1000
        identity = self.entries({n: v for n, v in values.items() if self.is_identity(n)}, stamp)
        others = self.entries({n: v for n, v in values.items() if not self.is_identity(n)}, stamp)
        auth = self.proved_at(second, subject)
        root = Root(lineage, second, stamp, auth, second, subject, entries=self.limited(identity))
        drafts = [self.s.draft("r", lineage, None, root)]
        return drafts + ([self.fragment(lineage, subject, others)] if others else [])

    def entries(self, values, stamp):
        return [Entry(name, value, OPEN, stamp) for name, value in sorted(values.items())]

    def limited(self, entries):
        if len(h.encode_entries(entries)) > IDENTITY:
            raise Refused("too_large")
        return entries

    def fragment(self, lineage, subject, entries):
        return self.s.draft("u" if subject is not None else "a", lineage, subject, Fragment(entries))

    def proved_at(self, second, subject):
        """Never before what was revoked of the subject."""
        return max(second, self.s.view.not_before(subject)) if self.s.view else second

    def may_go_on(self, head):
        """Section 2 of fleet.md, and 4."""
        if self.s.view and self.s.view.is_outrun(self.s.ring, head):
            raise Refused("late")
        if not self.s.fresh():
            raise Refused("stale")

    def anew(self, sweeps=False):
        drafts = self.begin(self.going_on(), self.changed_subject(), self.stamp())
        return m.Event(drafts, sweeps, changes=bool(drafts) or sweeps)

    def within(self, head):
        changes, named = self.request.changes, (self.policy.subject or "").encode()
        subject = self.subject_after(head)
        if self.closes(head):
            marker = self.s.draft("e", head.lineage, None, Marker(head.lineage, self.stamp()))
            new = self.begin(self.going_on(switch=not self.request.end), self.changed_subject(), self.stamp() + 1)
            return m.Event([marker, *new], sweeps=True, changes=True)
        drafts, stamp = [], self.stamp()
        identity = {e.name: e for e in head.entries if e.name not in changes}
        identity |= {n: Entry(n, v) for n, v in changes.items() if v is not None and self.is_identity(n, head)}
        if subject is None:
            identity.pop(named, None)
        identity = [replace(identity[name], stamp=stamp) for name in sorted(identity)]
        differs = h.encode_entries(self.limited(identity)) != h.encode_entries(head.entries)
        logs_in = subject != head.subject
        if logs_in or self.request.renew or self.request.authenticated or differs:
            second = max(self.now // 1000, head.born)
            proved = logs_in or (self.request.authenticated and subject is not None)
            if not proved:
                self.may_go_on(head)
            auth = self.proved_at(second, subject) if proved else head.auth
            root = Root(head.lineage, head.born, stamp, auth, second, subject, entries=identity)
            drafts.append(self.s.draft("r", head.lineage, None, root))
        others = {n: v for n, v in changes.items() if not self.is_identity(n, head)}
        if others:
            drafts.append(self.fragment(head.lineage, subject, self.entries(others, stamp)))
        return m.Event(drafts, changes=bool(drafts), goes_on=not logs_in and any(d.kind == "r" for d in drafts))

    def beside_what_is_not_read(self):
        """Section 13: what ends it is stamped beyond what may have been missed."""
        if not self.request.end and self.changed_subject() is None:
            return self.anew()
        roots = [root for _, root in self.r.roots]
        closed = max(roots, key=Root.order).lineage if roots else self.draw()
        stamp = max(self.now + GRACE, self.highest() + AHEAD)
        marker = self.s.draft("e", closed, None, Marker(closed, stamp))
        new = self.begin(self.going_on(), self.changed_subject(), stamp + 1)
        return m.Event([marker, *new], sweeps=True, changes=True)

    # --- Sizes (section 15) ---

    def check_sizes(self, event):
        for draft in event.drafts:
            if self.s.parcel_chars(draft) > self.policy.parcel:
                raise Refused("too_large")
        if sum(map(self.s.set_chars, event.drafts)) > self.policy.response:
            raise Refused("too_large")
        written = [m.Held(d.name, d.kind, d.lineage, d.subject, d.frame) for d in event.drafts if d.kind in "au"]
        held = []  # what joins on the request
        if self.r.winner and not event.sweeps:
            joined = {self.r.winner.lineage, *self.r.adopted}
            for name, kind, root, fragment in self.r.fragments:
                if root.lineage in joined and (kind == "a" or root.subject == self.r.winner.subject):
                    held.append(m.Held(name, kind, root.lineage, root.subject, fragment))
        grows = self.content(held + written) > self.content(held)
        if written and grows and self.state_chars(held + written) > self.policy.state:
            raise Refused("too_large")

    def content(self, held):
        """Bytes of the entries, without stamps."""
        return len(h.encode_entries([e for e, _ in self.joined(held)]))

    def state_chars(self, held):
        """What a full fold would write, one fragment for each kind, not padded."""
        size = 0
        for kind in "au":
            entries = [e for e, under in self.joined(held) if under == (kind == "u")]
            if entries:
                frame = Fragment(entries, 1).encode()
                size += len(f"{self.policy.base}.a12345678") + len(h.b64(bytes(40 + len(frame))))
        return size

    def joined(self, held):
        top = m.joined(held)
        seen = {}
        for f in held:
            for e in f.fragment.entries:
                if top[e.name] == (f.kind == "u", e.rank()):
                    seen[e.name] = e, f.kind == "u"
        return seen.values()


def respond(situation, request, other_headers=0, maintenance=True, fetch=None):
    """The response, and why the event was refused if it was; then only maintenance is done."""
    error = None
    try:
        event = Events(situation, request).event()
    except Refused as refused:
        event, error = m.Event(), str(refused)
    if situation.sealing is None and event.drafts:
        return m.Response(), error or "no_key"
    response = m.respond(situation, event, other_headers, maintenance, fetch)
    if situation.view and not error:
        response.publishes = fleet.publishes(situation, event)
    response.listed = listed.lists(situation, event, response, request.label)
    return response, error
