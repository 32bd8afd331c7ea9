"""Checks every vector in `vectors/` against the Python implementation; exits 1 on any mismatch.

python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python verify.py
"""

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

import csrf
import events
import fleet
import haversack as h
import listed
import maintenance as m
import sealed

VECTORS = Path(__file__).parent / "vectors"
unhex = bytes.fromhex


# --- The forms that the vectors use ----------------------------------------------------------


def ring_of(case):
    ring = case["ring"]
    keys = [unhex(key) for key in ring["keys"]]
    return h.Ring(unhex(ring["index_key"]), keys, case["app"], case["tenant"], case["purpose"])


def show_content(entry):
    return {"tombstone": True} if entry.value is None else {"encoding": entry.encoding, "value": entry.value.hex()}


def show(frame):
    """The parsed form of a frame."""
    entries = []
    for entry in getattr(frame, "entries", []):
        stamp = {"stamp": entry.stamp} if isinstance(frame, h.Fragment) else {}
        entries.append({"name": entry.name.hex()} | stamp | show_content(entry))
    match frame:
        case h.Root():
            fields = []
            for entry in frame.fields if frame.single else []:
                fields.append({"name": entry.name.hex(), "stamp": entry.stamp} | show_content(entry))
            return {
                "lineage": frame.lineage.hex(),
                "born": frame.born,
                "renewed": frame.renewed,
                "auth": frame.auth,
                "seen": frame.seen,
                "subject": frame.subject.hex() if frame.subject is not None else None,
                "salt": frame.salt,
                "entries": entries,
            } | ({"newest": frame.newest, "fields": fields} if frame.single else {})
        case h.Marker():
            return {"lineage": frame.lineage.hex(), "stamp": frame.stamp, "salt": frame.salt}
        case h.Fragment():
            return {"newest": frame.newest, "count": frame.count, "salt": frame.salt, "entries": entries}


def build(kind, fields):
    """The frame of a parsed form."""

    def entries_of(member):
        return [
            h.Entry(
                unhex(e["name"]),
                None if "tombstone" in e else unhex(e["value"]),
                e.get("encoding", h.OPEN),
                e.get("stamp", fields.get("renewed")),
            )
            for e in fields.get(member, [])
        ]

    entries = entries_of("entries")
    if kind == "e":
        return h.Marker(unhex(fields["lineage"]), fields["stamp"], fields["salt"])
    if kind in ("a", "u"):
        return h.Fragment(entries, fields["count"], fields["salt"])
    subject = None if fields["subject"] is None else unhex(fields["subject"])
    times = (fields[time] for time in ("born", "renewed", "auth", "seen"))
    root = unhex(fields["lineage"]), *times, subject, fields["salt"], entries
    return h.Single(*root, entries_of("fields")) if kind == "single" else h.Root(*root)


def view_of(case):
    """What a server of a fleet knows; without a fleet, nothing."""
    return fleet.View.of(case["revocations"], case.get("confirmed")) if "revocations" in case else None


def read(case, cookies=None):
    view = view_of(case)
    life, policy = case["lifetime"], case["policy"]
    lifetime = h.Lifetime(life["idle"], life["absolute"], life["leeway"])
    declared = [policy["subject"], *policy["identity"]]
    if "header" in case:
        return h.read_header(ring_of(case), case["header"], lifetime, case["now"], case["values"], declared, view)
    return h.read(ring_of(case), case["base"], lifetime, case["now"], cookies or case["cookies"], declared, view)


def show_reading(r):
    w = r.winner
    return {
        "winner": w.lineage.hex() if w else None,
        "session_id": r.session_id.hex() if w else None,
        "subject": w.subject.hex() if w and w.subject is not None else None,
        "adopted": [lineage.hex() for lineage in r.adopted],
        "closed": [lineage.hex() for lineage in r.closed],
        "losing": [lineage.hex() for lineage in r.losing],
        "state": {
            name.hex(): {"stamp": entry.stamp, "under_subject": under} | show_content(entry)
            for name, (under, entry) in sorted(r.state.items())
        },
        "identity": {name.hex(): show_content(entry) for name, entry in sorted(r.identity.items())},
        "misplaced": [name.hex() for name in r.misplaced],
        "rejected": dict(sorted(r.rejected.items())),
        "foreign": sorted(r.foreign),
        "unopened": sorted(r.unopened),
        "orphans": r.orphans,
        "partial": r.partial,
    }


def situation(case):
    """The request of a case of `maintain/`."""
    ring, life, policy = ring_of(case), case["lifetime"], case["policy"]
    keys = [m.Key(kid, *times) for kid, times in zip(ring.keys, case["ring"]["times"], strict=True)]
    defaults = {unhex(name): unhex(content) for name, content in policy["defaults"].items()}
    lifetime = h.Lifetime(life["idle"], life["absolute"], life["leeway"])
    names = policy["subject"], tuple(policy["identity"]), tuple(policy["keep"])
    declared = m.Policy(case["base"], lifetime, *names, defaults, **case["budget"])
    took = case.get("request", {}).get("took", case["now"] - case.get("received", case["now"]))
    return m.Situation(ring, keys, declared, case["now"], case["cookies"], took, view_of(case), case.get("learnt", ()))


def request(case):
    """What a case of `event/` asks of its session."""
    asked = dict(case["request"])
    changes = {unhex(name): content and unhex(content) for name, content in asked.pop("changes").items()}
    lineages = [unhex(lineage) for lineage in asked.pop("lineages")]
    return events.Request(changes, lineages=lineages, **asked)


def show_draft(draft, age):
    frame = draft.frame.encode().hex()
    return {"set": draft.name, "kind": draft.kind, "scope": draft.scope().hex(), "frame": frame, "max_age": age}


def show_told(case, response):
    """What a response of a fleet's server tells the others; the order of what it publishes means nothing."""
    if "revocations" not in case:
        same("told without a fleet", (response.publishes, response.listed), ([], None))
        return {}
    told = {"listed": response.listed and response.listed.text()}
    return told | ({"publishes": sorted(r.text() for r in response.publishes)} if "request" in case else {})


def show_response(response):
    lines = [{"delete": line[1]} if line[0] == "delete" else show_draft(*line[1:]) for line in response.lines]
    return {"lines": lines, "waiting": response.waiting, "chars": response.chars}


# --- The checks ------------------------------------------------------------------------------


def same(what, got, want):
    if got != want:
        raise AssertionError(f"{what}\n     got {got}\n    want {want}")


def outcome(action):
    try:
        action()
    except h.Rejection as rejection:
        return str(rejection)
    return "ok"


def check_envelope(case):
    ring, channel, scope, text = ring_of(case), case["channel"], unhex(case["scope"]), case["text"]
    same("outcome", outcome(lambda: h.unseal(ring, channel, scope, text)), case["expect"])
    if case["expect"] != "ok":
        return
    plaintext, nonce = unhex(case["plaintext"]), unhex(case["nonce"])
    same("key id", ring.sealing.hex(), case["key_id"])
    same("seal key", ring.keys[ring.sealing].hex(), case["seal_key"])
    head = h.unb64(text[:16])
    same("associated data", h.associated_data(head, channel, scope).hex(), case["associated_data"])
    same("text", h.seal(ring, channel, scope, nonce, plaintext), text)
    same("plaintext", h.unseal(ring, channel, scope, text), plaintext)
    for at in range(min(len(text), 200)):  # every altered character is noticed
        altered = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        if outcome(lambda altered=altered: h.unseal(ring, channel, scope, altered)) == "ok":
            raise AssertionError(f"opens with character {at} altered")


def check_frame(case):
    parse = h.FRAMES[case["kind"]].parse
    frame = unhex(case["frame"])
    same("outcome", outcome(lambda: parse(frame)), case["expect"])
    if case["expect"] != "ok":
        return
    ring, kind, fields = ring_of(case), case["kind"], case["fields"]
    same("padded", h.padme(frame).hex(), case["padded"])
    for given in ("frame", "padded", "also_accepted"):
        if given in case:
            same(f"fields of {given}", show(parse(unhex(case[given]))), fields)
    same("encoding", build(kind, fields).encode().hex(), case["frame"])
    lineage = unhex(case.get("lineage") or fields["lineage"])
    subject = unhex(case.get("subject") or "")
    same("name", "" if kind == "single" else h.suffix(ring, kind, lineage, frame), case["name"])
    same("scope", h.scope(kind, lineage, subject).hex(), case["scope"])
    if kind in ("r", "single"):
        root = parse(frame)
        same("session id", ring.session_id(lineage, root.renewed).hex(), case["session_id"])
        same("revocation id", ring.revocation_id(lineage, root.subject).hex(), case["revocation_id"])


def show_join(case, cookies=None):
    reading, view = read(case, cookies), view_of(case)
    served = {"served": view.served(case["now"], reading.winner)} if view and view.confirmed is not None else {}
    return show_reading(reading) | served


def check_join(case):
    same("reading", show_join(case), case["expect"])
    if not case["expect"]["unopened"]:
        reversed_jar = show_join(case, case["cookies"][::-1])
        same("reading of the jar in reverse", reversed_jar, case["expect"])


def respond(case):
    """The response to a case of `maintain/` or `event/`."""
    room = case["room"]["other_headers"], case["room"]["maintenance"], case["room"].get("fetch")
    if "request" not in case:
        response = maintained(situation(case), *room)
        return show_response(response) | show_told(case, response)
    response, error = events.respond(situation(case), request(case), *room)
    return show_response(response) | {"error": error} | show_told(case, response)


def maintained(situation, *room):
    """The response to a request that changed nothing."""
    response = m.respond(situation, None, *room)
    response.listed = listed.lists(situation, m.Event(), response, None)
    return response


def check_response(case):
    expect = case["expect"]
    same("response", respond(case), expect)
    if not expect["waiting"]:  # then the order of the cookies decides nothing but the order of the lines
        backwards = respond(case | {"cookies": case["cookies"][::-1]})
        same("lines for the jar in reverse", *(sorted(map(str, r["lines"])) for r in (backwards, expect)))


def check_record(case):
    try:
        record = fleet.Record.parse(case["text"])
    except fleet.Skipped as why:
        same("outcome", str(why), case["expect"])
        return
    same("outcome", "ok", case["expect"])
    same("text", record.text(), case["text"])
    got = {name: getattr(record, name) for name in fleet.KINDS[record.kind]}
    fields = {name: value.hex() if isinstance(value, bytes) else value for name, value in got.items()}
    same("fields", {"kind": record.kind} | fields, case["fields"])


def check_listed(case):
    try:
        record = listed.Listed.parse(case["text"])
    except fleet.Skipped as why:
        same("outcome", str(why), case["expect"])
        return
    same("outcome", "ok", case["expect"])
    same("text", record.text(), case["text"])
    fields = {name: value.hex() if isinstance(value, bytes) else value for name, value in vars(record).items()}
    same("fields", fields, case["fields"])
    if "revocations" in case:
        same("ended", record.has_ended(view_of(case)), case["ended"])
    if "opened" in case:
        opened = record.label and listed.open_label(ring_of(case), record.id, record.label)
        same("label", opened, case["opened"])
    if "said" in case:
        label = listed.label_of(case["said"])
        same("label of what was said", label, case["opened"])
        same("sealed label", label and listed.seal(ring_of(case), record.id, label), record.label)


def show_index(case):
    """What a server holds that has read these records, and what it tells of its own."""
    index = listed.Index()
    for line in case["records"]:
        try:
            index.read(listed.Listed.parse(line), case["now"])
        except fleet.Skipped:
            continue
    tells = {"tells": index.tell(listed.Listed.parse(case["lists"])).text()} if "lists" in case else {}
    return tells | {"holds": sorted(record.text() for record in index.held.values())}


def check_index(case):
    same("index", show_index(case), case["expect"])
    backwards = show_index(case | {"records": case["records"][::-1]})
    same("index of the records in reverse", backwards, case["expect"])


def check_sealed(case):
    keys = [h.unb64(key) for key in case["keys"]]
    same("names", [sealed.name_of(key) for key in keys], case["names"])
    try:
        ring, got = sealed.open_document(case["document"], case["revision"], keys), "ok"
    except sealed.Refused as why:
        ring, got = None, str(why)
    same("outcome", got, case["expect"])
    same("ring", ring, case.get("ring"))


def check_token(case):
    ring, token = ring_of(case), case["token"]
    same("outcome", csrf.verify(ring, read(case), token), case["expect"])
    if "tag" in case:
        subject = unhex(case["subject"]) if case["subject"] else None
        same("tag", ring.csrf_tag(unhex(case["lineage"]), subject).hex(), case["tag"])
        same("token", csrf.masked(unhex(case["tag"]), unhex(case["mask"])), token)
        same("tag of the token", csrf.unmasked(token).hex(), case["tag"])


def primitives():
    """Published vectors of what everything else stands on."""
    yield "SipHash-2-4, reference vector", h.siphash24(bytes(range(16)), bytes(range(15))).hex(), "e545be4961ca29a1"
    prk = h.hkdf_extract(bytes(range(13)), b"\x0b" * 22)
    okm = h.hkdf_expand(prk, bytes(range(0xF0, 0xFA)), 42).hex()
    yield (
        "HKDF, RFC 5869 A.1",
        okm,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    )
    key, nonce = b"\x01" + bytes(31), b"\x03" + bytes(11)
    yield (
        "AES-256-GCM-SIV, RFC 8452 C.2",
        AESGCMSIV(key).encrypt(nonce, b"", b"").hex(),
        "07f5f4169bbf55a8400cd47ea6fd400f",
    )
    lengths = {1: 1, 8: 8, 9: 10, 22: 22, 23: 24, 25: 26, 47: 48, 100: 104, 1000: 1024, 1025: 1088}
    yield "Padmé", {n: len(h.padme(bytes(n))) for n in lengths}, lengths
    yield (
        "LEB128",
        [h.varint(n).hex() for n in (0, 127, 128, 300, h.U64)],
        ["00", "7f", "8001", "ac02", "ff" * 9 + "01"],
    )


CHECKS = {
    "envelope": check_envelope,
    "root": check_frame,
    "marker": check_frame,
    "fragment": check_frame,
    "join": check_join,
    "maintain": check_response,
    "event": check_response,
    "csrf": check_token,
    "revocation": check_record,
    "listed": check_listed,
    "index": check_index,
    "sealed": check_sealed,
}


def main():
    def attempt(name, check, *arguments):
        try:
            check(*arguments)
        except Exception as error:  # a crash is a mismatch too
            print(f"FAILED {name}: {type(error).__name__}: {error}")
            return False
        return True

    groups = {"primitives": [attempt(f"primitives/{name}", same, name, got, want) for name, got, want in primitives()]}
    for group, check in CHECKS.items():
        groups[group] = []
        for path in sorted((VECTORS / group).glob("*.json")):
            case = json.loads(path.read_text())
            groups[group].append(attempt(f"{group}/{path.stem}", check, case))
    for group, results in groups.items():
        print(f"{group}: {sum(results)} of {len(results)}")
    every = [result for results in groups.values() for result in results]
    failed = every.count(False) + sum(not results for results in groups.values())  # an empty group is a failure
    print(f"{sum(every)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
