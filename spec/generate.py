"""Writes `vectors/`: one JSON file per case, the same bytes on every run.

What a case must come to is written here by hand; the Python implementation makes the bytes and is
checked against the hand-written outcome while it does.
"""

import hashlib
import json
import shutil
from pathlib import Path

import haversack as h
from haversack import Entry, Fragment, Marker, Root, Single, cbor
from verify import read, ring_of, show, show_join

VECTORS = Path(__file__).parent / "vectors"
INDEX_KEY = bytes(range(0x20, 0x40))
KEY_1 = bytes(range(0x00, 0x20))
KEY_2 = bytes(range(0x40, 0x60))
KEY_ABSENT = bytes(range(0x60, 0x80))  # of our index key, but in no ring of the vectors
OTHER_INDEX_KEY = bytes(range(0x80, 0xA0))
APP = "shop.example"
BASE = "__Host-Http-hv"

NOW = 1_800_000_000_000  # milliseconds
SECOND = NOW // 1000
HOUR, DAY = 3600, 86_400
GRACE_S = h.GRACE // 1000


def digest(text, n):
    return hashlib.sha256(text.encode()).digest()[:n]


LINEAGE, LINEAGE_2, LINEAGE_3 = (digest(f"lineage {i}", 16) for i in (1, 2, 3))
COLLIDING = LINEAGE[:2] + digest("lineage of the same hint", 14)
RING = h.Ring(INDEX_KEY, [KEY_1], APP)
ADA, BOB = (RING.subject(cbor(user)) for user in ("ada", "bob"))


def write(group, name, case):
    path = VECTORS / group / f"{name}.json"
    assert not path.exists(), path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(case, indent=2, ensure_ascii=True) + "\n")


def ring_fields(index_key=INDEX_KEY, keys=(KEY_1,), app=APP, tenant="", purpose="session"):
    return {
        "ring": {"index_key": index_key.hex(), "keys": [k.hex() for k in keys]},
        "app": app,
        "tenant": tenant,
        "purpose": purpose,
    }


def outcome(action):
    try:
        action()
    except h.Rejection as rejection:
        return str(rejection)
    return "ok"


# --- envelope --------------------------------------------------------------------------------

CHANNEL = "c:__Host-hv"
NONCE = bytes(range(12))
PLAIN = b"hello, stateless world"


def envelope_ok(name, description, channel=CHANNEL, scope=b"", nonce=NONCE, plaintext=PLAIN, **context):
    case = {"description": description, "expect": "ok", **ring_fields(**context), "suite": "A"}
    ring = ring_of(case)
    head = h.unb64("hv1A") + ring.sealing
    case |= {
        "channel": channel,
        "scope": scope.hex(),
        "nonce": nonce.hex(),
        "plaintext": plaintext.hex(),
        "key_id": ring.sealing.hex(),
        "seal_key": ring.keys[ring.sealing].hex(),
        "associated_data": h.associated_data(head, channel, scope).hex(),
        "text": h.seal(ring, channel, scope, nonce, plaintext),
    }
    write("envelope", name, case)
    return case["text"]


def envelope_bad(name, description, expect, text, channel=CHANNEL, scope=b"", **context):
    case = {"description": description, "expect": expect, **ring_fields(**context)}
    case |= {"channel": channel, "scope": scope.hex(), "text": text}
    got = outcome(lambda: h.unseal(ring_of(case), channel, scope, text))
    assert got == expect, (name, got)
    write("envelope", name, case)


def flip(text, at):
    data = bytearray(h.unb64(text))
    data[at] ^= 1
    return h.b64(bytes(data))


def envelopes():
    text = envelope_ok("ok_design", "The vector of the design: empty scope, raw plaintext.")
    assert text == "hv1AmjnZzStRlF3CAAECAwQFBgcICQoLC8_w8QGkk5Cpo0FokSWcMi7TJIF-u26-_SlB160HzJcJFdHfr-w"
    envelope_ok("ok_empty_plaintext", "The shortest envelope: 40 bytes.", plaintext=b"")
    scoped = envelope_ok("ok_scope_lineage", "The scope of an `a` fragment.", scope=LINEAGE)
    envelope_ok("ok_scope_lineage_and_subject", "The scope of a `u` fragment.", scope=LINEAGE + ADA)
    envelope_ok(
        "ok_tenant_and_purpose",
        "Tenant and purpose are in every derived key but not in the key id.",
        tenant="acme",
        purpose="csrf-free",
    )
    envelope_ok("ok_name_not_ascii", "Lengths in lp count UTF-8 bytes.", app="caf\u00e9.example")
    second = envelope_ok("ok_second_key", "Another root of the same ring: other id, same mark.", keys=(KEY_2, KEY_1))
    longest = bytes(i % 251 for i in range(3021))
    channel = "c:__Host-Http-hv"
    full = envelope_ok("ok_4096_characters", "Name and value together at the limit.", channel, b"", NONCE, longest)
    assert len(channel) - 2 + len(full) == h.HARD_LIMIT

    bad = envelope_bad
    bad("key_id_flipped", "One bit of the six bytes that name the key.", "unknown_key", flip(text, 3))
    bad("key_not_in_ring", "Sealed under a root that this ring does not hold.", "unknown_key", second)
    bad("mark_flipped", "One bit of the ring mark.", "foreign", flip(text, 11))
    bad("nonce_flipped", "One bit of the nonce.", "inauthentic", flip(text, 12))
    bad("ciphertext_flipped", "One bit of the ciphertext.", "inauthentic", flip(text, 24))
    bad("tag_flipped", "The last bit of the tag.", "inauthentic", flip(text, -1))
    bad("tag_cut_short", "The last byte is missing.", "inauthentic", h.b64(h.unb64(text)[:-1]))
    bad("byte_appended", "A zero byte after the tag.", "inauthentic", h.b64(h.unb64(text) + b"\0"))
    bad("cut_below_minimum", "39 bytes cannot hold header, nonce and tag.", "malformed", h.b64(h.unb64(text)[:39]))
    bad("header_only", "Version and key id, nothing else.", "malformed", text[:16])
    bad("padding_appended", "Base64 padding is never written.", "malformed", text + "=")
    bad("standard_alphabet", "`/` where `_` belongs.", "malformed", text.replace("_", "/"))
    bad("unused_bits_set", "The last character has bits that no byte uses.", "malformed", text[:-1] + "x")
    bad("length_one_modulo_four", "No byte string encodes to this length.", "malformed", text[:81])
    bad("space_appended", "Nothing but the alphabet.", "malformed", text + " ")
    bad("newline_appended", "Nothing but the alphabet, not even at the end.", "malformed", text + "\n")
    bad("quoted", "In double quotes the value does not begin with hv.", "not_ours", f'"{text}"')
    bad("suite_unknown", "hv1 with a suite letter that means nothing yet.", "unknown_version", "hv1B" + text[4:])
    bad("version_two", "A later version.", "unknown_version", "hv2A" + text[4:])
    bad(
        "version_two_other_alphabet",
        "Of a later version only the first characters are looked at.",
        "unknown_version",
        "hv2A%7B~",
    )
    bad("version_cut_short", "hv, followed by neither 1A nor 1F.", "unknown_version", "hv")
    data = h.unb64(text)
    suite_f = h.unb64("hv1F") + data[3:12] + bytes(24) + data[24:]
    bad("suite_f", "No ring can hold a key of the reserved suite.", "unknown_key", h.b64(suite_f))
    bad("suite_f_foreign", "The mark is looked at before the key.", "foreign", flip(h.b64(suite_f), 11))
    bad("suite_f_cut_below_minimum", "Suite F needs 52 bytes.", "malformed", h.b64(suite_f[:51]))
    bad("name_changed", "Moved to a cookie of another name.", "inauthentic", text, "c:__Host-hw")
    bad("channel_header", "Moved from a cookie to a header of the same name.", "inauthentic", text, "h:__Host-hv")
    in_header = envelope_ok("ok_channel_header", "Sealed for a header: its name in lower case.", "h:haversack-session")
    bad(
        "channel_cookie",
        "Moved from a header to a cookie of the same name.",
        "inauthentic",
        in_header,
        "c:haversack-session",
    )
    bad("channel_other_header", "Moved to another header.", "inauthentic", in_header, "h:x-session")
    bad("channel_header_upper_case", "The channel is in lower case.", "inauthentic", in_header, "h:Haversack-Session")
    bad("scope_added", "Sealed without scope, opened within a lineage.", "inauthentic", text, scope=LINEAGE)
    bad("scope_missing", "Sealed within a lineage, opened without.", "inauthentic", scoped)
    bad("scope_of_other_lineage", "Opened within another lineage.", "inauthentic", scoped, scope=LINEAGE_2)
    bad(
        "scope_with_subject",
        "Written while anonymous, opened under a subject.",
        "inauthentic",
        scoped,
        scope=LINEAGE + ADA,
    )
    bad("app_other", "Another app has another ring mark.", "foreign", text, app="blog.example")
    bad("tenant_other", "Another tenant has another ring mark.", "foreign", text, tenant="acme")
    bad("purpose_other", "Another purpose has another ring mark.", "foreign", text, purpose="csrf")
    bad(
        "context_boundary_moved", "shop.exampl + e is not shop.example.", "foreign", text, app="shop.exampl", tenant="e"
    )
    bad("index_key_other", "Another index key has another ring mark.", "foreign", text, index_key=OTHER_INDEX_KEY)
    long_text = h.seal(RING, channel, b"", NONCE, longest + b"!")
    bad("oversized_by_one", "4,097 characters of name and value.", "oversized", long_text, channel)
    bad("oversized_version_two", "Size is judged before version.", "oversized", "hv2" + "A" * 4094, channel)


# --- frames ----------------------------------------------------------------------------------


GROUP = {"r": "root", "e": "marker", "a": "fragment", "u": "fragment", "single": "root"}


def frame_ok(name, description, frame, kind=None, lineage=LINEAGE, subject=None, also=None):
    kind = kind or frame.kind
    plain = frame.encode()
    padded = h.padme(plain)
    lineage = getattr(frame, "lineage", lineage)
    for given in (plain, padded, also or plain):
        assert type(frame).parse(given) == frame, name
    case = {"description": description, "expect": "ok", **ring_fields(), "kind": kind}
    if kind in "au":
        case |= {"lineage": lineage.hex(), "subject": subject.hex() if subject else None}
    case |= {
        "frame": plain.hex(),
        "padded": padded.hex(),
    }
    if also:
        case["also_accepted"] = also.hex()
    case |= {
        "name": "" if kind == "single" else h.suffix(RING, kind, lineage, plain),
        "scope": h.scope(kind, lineage, subject or b"").hex(),
        "fields": show(frame),
    }
    if kind in ("r", "single"):
        case["session_id"] = RING.session_id(frame.lineage, frame.renewed).hex()
        case["revocation_id"] = RING.revocation_id(frame.lineage, frame.subject).hex()
    write(GROUP[kind], name, case)


def frame_bad(kind):
    def bad(name, description, frame, expect="malformed"):
        got = outcome(lambda: h.FRAMES[kind].parse(frame))
        assert got == expect, (kind, name, got)
        case = {"description": description, "expect": expect, "kind": kind, "frame": frame.hex()}
        write(GROUP[kind], name, case)

    return bad


def value(name, content, stamp=NOW, encoding=h.OPEN):
    """An entry; bytes are taken as encoded already."""
    name = name if isinstance(name, bytes) else name.encode()
    return Entry(name, content if isinstance(content, bytes) else cbor(content), encoding, stamp)


def tombstone(name, stamp=NOW):
    return Entry(name.encode(), None, h.OPEN, stamp)


def roots():
    def root(**changes):
        return Root(**({"lineage": LINEAGE, "born": SECOND, "renewed": NOW + 123} | changes))

    def in_root(*entries):
        return [Entry(e.name, e.value, e.encoding, NOW + 123) for e in entries]

    who = in_root(value("user", "ada"), value("roles", ["admin", "staff"]))
    who.sort(key=lambda e: e.name)
    ok = frame_ok
    ok("ok_anonymous", "The smallest root: created and never touched.", root())
    ok("ok_renewed_on_the_second", "renewed is 1000 times born: the varint is 0.", root(renewed=NOW))
    ok(
        "ok_signed_in",
        "Subject and identity entries; the login renewed a lineage of an hour.",
        root(born=SECOND - HOUR, subject=ADA, entries=who),
    )
    ok("ok_touched", "seen later than renewed.", root(seen=SECOND + 2160))
    ok(
        "ok_seen_before_renewed",
        "A touch rounds down, so seen can lie before renewed.",
        root(born=SECOND - 100, seen=SECOND - 60),
    )
    ok(
        "ok_auth_before_renewed",
        "Renewed without authentication.",
        root(born=SECOND - DAY, auth=SECOND - HOUR, subject=ADA, entries=who),
    )
    ok(
        "ok_auth_ahead_of_renewed",
        "Authentication pushed past a not-before.",
        root(auth=SECOND + 5, subject=ADA, entries=who),
    )
    ok("ok_seen_and_auth_at_born", "The deltas may be zero.", root(renewed=NOW + 60_000, auth=SECOND, seen=SECOND))
    ok("ok_salted", "The salt gives the same root another name.", root(salt=1))
    ok(
        "ok_all_flags",
        "Every part present.",
        root(born=SECOND - DAY, auth=SECOND - HOUR, seen=SECOND + 60, subject=ADA, salt=255, entries=who),
    )
    ok("ok_renewed_last_stamp", "renewed is 2^48-1.", root(renewed=h.U48))
    ok("ok_subject_zero", "Eight zero bytes are a subject like any other.", root(subject=bytes(8), entries=who))
    ok(
        "ok_entries_without_subject",
        "Identity fields of an anonymous visitor.",
        root(entries=in_root(value("roles", ["guest"]))),
    )
    ok(
        "ok_encoding_unknown",
        "An encoding that the reader does not know is carried.",
        root(entries=in_root(value("roles", b"\x01\x02\x03", encoding=2))),
    )
    ok(
        "ok_value_empty",
        "A value may have no bytes; its meaning is the encoding's affair.",
        root(entries=in_root(value("x", b""))),
    )
    ok(
        "ok_name_of_255_bytes",
        "The longest name; the head takes two bytes.",
        root(entries=in_root(value("n" * 255, 1))),
    )
    ok(
        "ok_padded_by_one",
        "Padding is a writer's policy; a reader takes one zero.",
        root(),
        also=root().encode() + b"\0",
    )
    ok(
        "ok_padded_beyond",
        "A reader takes any number of zeros.",
        root(entries=who),
        also=root(entries=who).encode() + bytes(100),
    )

    bad = frame_bad("r")
    fixed = LINEAGE + SECOND.to_bytes(4, "big")
    plain = root().encode()
    one = h.encode_entries([value("user", "ada")])
    bad("empty", "No flags.", b"")
    bad("lineage_cut_short", "15 bytes of lineage.", plain[:16])
    bad("born_cut_short", "3 bytes of born.", plain[:20])
    bad("renewed_missing", "Nothing after born.", plain[:21])
    bad("renewed_varint_not_ended", "The last byte announces another.", b"\0" + fixed + b"\xfb")
    bad("renewed_varint_not_minimal", "123 in two bytes.", b"\0" + fixed + b"\xfb\x00")
    bad("renewed_varint_of_eleven_bytes", "At most ten bytes.", b"\0" + fixed + b"\x80" * 10 + b"\x01")
    bad("renewed_varint_over_u64", "2^64.", b"\0" + fixed + b"\x80" * 9 + b"\x02")
    bad("renewed_over_u48", "The sum with born passes 2^48-1.", b"\0" + fixed + h.varint(h.U48 - NOW + 1))
    bad("auth_present_but_equal", "auth equals renewed's second and so must be absent.", b"\x02" + fixed + b"\x7b\x00")
    bad("seen_present_but_equal", "seen equals renewed's second and so must be absent.", b"\x04" + fixed + b"\x7b\x00")
    bad("auth_missing", "The flag without the field.", b"\x02" + fixed + b"\x7b")
    bad(
        "seen_over_u48",
        "A time after 2^48-1 milliseconds.",
        b"\x04" + fixed + b"\x7b" + h.varint(h.U48 // 1000 - SECOND + 1),
    )
    bad("subject_cut_short", "7 bytes of subject.", b"\x01" + fixed + b"\x7b" + ADA[:7])
    bad("salt_zero", "A salt of zero is an absent salt.", b"\x08" + fixed + b"\x7b\x00")
    bad("salt_missing", "The flag without the byte.", b"\x08" + fixed + b"\x7b")
    bad("entries_flag_without_entries", "The flag, then the end.", b"\x10" + fixed + b"\x7b")
    bad("entries_flag_then_padding", "The flag, then only zeros.", b"\x10" + fixed + b"\x7b\x00\x00")
    bad("entries_without_flag", "An entry where padding must be.", b"\x00" + fixed + b"\x7b" + one)
    bad(
        "entry_tombstone",
        "A root has no tombstones: its entries are whole.",
        b"\x10" + fixed + b"\x7b" + h.encode_entries([tombstone("user")]),
    )
    bad("entry_names_equal", "Names ascend strictly.", b"\x10" + fixed + b"\x7b" + one + one)
    bad(
        "entry_names_descending",
        "Names ascend.",
        b"\x10" + fixed + b"\x7b" + one + h.encode_entries([value("roles", 1)]),
    )
    bad("entry_value_cut_short", "The value is longer than the frame.", b"\x10" + fixed + b"\x7b" + one[:-1])
    bad("padding_not_zero", "One bit after the end.", plain + b"\x00\x01")
    bad("flag_single", "Layout Single is told by the name too: this one has a kind.", b"\x20" + plain[1:])
    bad("flag_single_and_unknown", "Unknown flags come first.", b"\x60" + plain[1:], "unknown_version")
    bad("flag_unknown", "A flag that nobody has defined.", b"\x80" + plain[1:], "unknown_version")
    bad("flag_unknown_cut_short", "Unknown flags are noticed before anything else.", b"\x40", "unknown_version")


def singles():
    def single(*fields, **changes):
        fields = sorted(fields, key=lambda e: e.name)
        return Single(**({"lineage": LINEAGE, "born": SECOND, "renewed": NOW + 123, "fields": fields} | changes))

    def in_root(*entries):
        return [Entry(e.name, e.value, e.encoding, NOW + 123) for e in entries]

    who = in_root(value("roles", ["admin"]), value("user", "ada"))
    dark, lang = value("theme", "dark", NOW + 7), value("lang", "de", NOW - 129)
    ok = frame_ok
    ok("ok_single_without_fields", "A whole session that holds nothing: flag 5, and newest is 0.", single())
    ok("ok_single_one_field", "One write.", single(dark))
    ok("ok_single_own_stamps", "Fields that were written at different times.", single(dark, lang))
    ok("ok_single_shared_stamp", "Fields that were written at once.", single(dark, value("lang", "de", NOW + 7)))
    ok(
        "ok_single_signed_in",
        "Identity entries, the zero that ends them, then the fields.",
        single(dark, lang, born=SECOND - HOUR, subject=ADA, entries=who),
    )
    ok("ok_single_identity_alone", "Identity entries and no fields.", single(subject=ADA, entries=who))
    ok("ok_single_touched", "seen and auth as in any root.", single(dark, seen=SECOND + 2160, auth=SECOND + 9))
    ok("ok_single_tombstone", "A removal that something could bring back.", single(tombstone("note", NOW + 9), dark))
    ok("ok_single_stamp_zero", "The oldest stamp is also newest when nothing is.", single(value("lang", "de", 0)))
    ok("ok_single_padded_beyond", "Any number of zeros.", single(dark), also=single(dark).encode() + bytes(100))

    bad = frame_bad("single")
    head = b"\x20" + LINEAGE + SECOND.to_bytes(4, "big") + b"\x7b"
    with_who = b"\x30" + head[1:] + h.encode_entries(who)
    newest = (NOW + 7).to_bytes(6, "big")
    one = h.encode_entries([dark])
    bad("single_without_flag", "A root of layout Merging under the base alone.", b"\x00" + head[1:])
    bad("single_salted", "One name for all contents needs no salt.", b"\x28" + head[1:] + b"\x01" + bytes(7))
    bad("single_flag_unknown", "A flag that nobody has defined.", b"\xa0" + head[1:] + bytes(7), "unknown_version")
    bad("single_fields_missing", "The frame ends before the fields.", head)
    bad("single_newest_cut_short", "5 bytes of newest.", head + bytes(6))
    bad("single_newest_without_fields", "Without fields newest is 0.", head + b"\0" + newest)
    bad("single_count", "Fields are not folded: no count.", head + b"\x01" + newest + b"\x01" + one)
    bad("single_fields_salted", "No salt here either.", head + b"\x04" + newest + b"\x01" + one)
    bad("single_fields_flag_unknown", "A flag of a later version.", head + b"\x08" + newest + one, "unknown_version")
    bad("single_own_stamps_without_fields", "Own stamps of nothing.", head + b"\x02" + newest)
    bad("single_own_stamps_all_equal", "One stamp is no own stamp.", head + b"\x02" + newest + one)
    bad(
        "single_entries_not_ended",
        "No zero between identity entries and fields: what follows reads as an entry of a later form.",
        with_who + b"\x02" + newest + one,
        "unknown_version",
    )
    bad("single_entries_then_nothing", "The frame ends after the identity entries.", with_who)
    bad("single_entries_flag_without_entries", "The flag, then the fields.", b"\x30" + head[1:] + b"\0" + bytes(7))
    removed = h.encode_entries([tombstone("user", NOW + 123)])
    bad("single_identity_tombstone", "Identity entries are values.", b"\x30" + head[1:] + removed + b"\0" + bytes(7))
    bad("single_entry_form_two", "A later form.", head + b"\0" + newest + b"\x16theme", "unknown_version")
    bad("single_padding_not_zero", "One bit after the end.", head + b"\0" + newest + one + b"\x00\x01")


def markers():
    marker = Marker(LINEAGE, NOW + 123)
    plain = marker.encode()
    frame_ok("ok_plain", "Lineage and stamp.", marker)
    frame_ok("ok_salted", "The salt gives the same marker another name.", Marker(LINEAGE, NOW + 123, 7))
    frame_ok("ok_stamp_last", "The stamp is 2^48-1.", Marker(LINEAGE, h.U48))
    frame_ok("ok_padded_by_one", "A reader takes one zero.", marker, also=plain + b"\0")
    bad = frame_bad("e")
    bad("empty", "No flags.", b"")
    bad("lineage_cut_short", "15 bytes of lineage.", plain[:16])
    bad("stamp_cut_short", "5 bytes of stamp.", plain[:22])
    bad("salt_zero", "A salt of zero is an absent salt.", b"\x01" + plain[1:] + b"\x00")
    bad("salt_missing", "The flag without the byte.", b"\x01" + plain[1:])
    bad("salt_without_flag", "A byte where padding must be.", plain + b"\x07")
    bad("padding_not_zero", "One bit after the end.", plain + b"\x00\x80")
    bad("flag_unknown", "A flag that nobody has defined.", b"\x02" + plain[1:], "unknown_version")


def fragments():
    ok = frame_ok
    theme = value("theme", "dark", NOW + 7)
    ok("ok_one_value", "One write.", Fragment([theme]), "a")
    ok("ok_under_subject", "The same frame of kind u: other name, other scope.", Fragment([theme]), "u", subject=ADA)
    ok("ok_tombstone", "One removal.", Fragment([tombstone("theme", NOW + 7)]), "a")
    ok(
        "ok_shared_stamp",
        "Two entries of one write share the newest stamp.",
        Fragment([value("lang", "de"), value("theme", "dark")]),
        "a",
    )
    ok(
        "ok_own_stamps",
        "A fold: each entry has its own stamp.",
        Fragment([value("lang", "de", NOW - 129), tombstone("note", NOW - 128), theme], 1),
        "a",
    )
    ok("ok_own_stamp_zero", "The oldest stamp there is.", Fragment([value("lang", "de", 0), theme], 1), "a")
    ok("ok_count_of_two_bytes", "The 128th fold of a line.", Fragment([theme], 128), "a")
    ok("ok_count_last", "count is 2^64-1.", Fragment([theme], h.U64), "a")
    ok("ok_salted", "The salt gives the same content another name.", Fragment([theme], salt=1), "a")
    ok("ok_all_flags", "Every part present.", Fragment([value("lang", "de", NOW), theme], 3, 2), "u", subject=ADA)
    ok(
        "ok_each_entries",
        "Entries of an Each field: name, zero, key in CBOR.",
        Fragment([value(b"cart\0" + cbor(key), {"n": n}) for n, key in ((1, 7), (2, 300), (3, "tea"))]),
        "a",
    )
    ok(
        "ok_names_by_prefix",
        "A name comes before those that it begins.",
        Fragment([value("a", 1), value(b"a\0", 2), value("aa", 3), value("b", 4)]),
        "a",
    )
    ok("ok_name_not_utf8", "Names are bytes.", Fragment([value(b"\xff\xfe", 1)]), "a")
    ok("ok_name_of_255_bytes", "The longest name.", Fragment([value("n" * 255, 1)]), "a")
    ok(
        "ok_encoding_unknown",
        "An encoding that the reader does not know is carried.",
        Fragment([value("theme", b"\x00\x00", NOW, 2)]),
        "a",
    )
    ok(
        "ok_encoding_zero",
        "Zero is an encoding byte like any other.",
        Fragment([value("theme", b"\x00\x00", NOW, 0)]),
        "a",
    )
    ok(
        "ok_value_ends_in_zeros",
        "The length, not the padding, says where a value ends.",
        Fragment([value("theme", bytes(9), NOW, 2)]),
        "a",
    )
    ok("ok_padded_by_one", "A reader takes one zero.", Fragment([theme]), "a", also=Fragment([theme]).encode() + b"\0")
    ok(
        "ok_padded_beyond",
        "A reader takes any number of zeros.",
        Fragment([theme]),
        "a",
        also=Fragment([theme]).encode() + bytes(64),
    )

    bad = frame_bad("a")
    newest = NOW.to_bytes(6, "big")
    plain, own = b"\0" + newest, b"\2" + newest
    entry = h.encode_entries([value("theme", "dark")])
    lang = h.encode_entries([value("lang", "de")])
    bad("empty", "No flags.", b"")
    bad("newest_cut_short", "5 bytes of stamp.", plain[:6])
    bad("no_entries", "A fragment has at least one entry.", plain)
    bad("no_entries_but_padding", "Zeros are no entry.", plain + bytes(17))
    bad("count_zero", "A count of zero is an absent count.", b"\1" + newest + b"\0" + entry)
    bad("count_over_u64", "2^64.", b"\1" + newest + b"\x80" * 9 + b"\x02" + entry)
    bad("count_of_eleven_bytes", "At most ten bytes.", b"\1" + newest + b"\x80" * 10 + b"\x01" + entry)
    bad("count_not_minimal", "1 in two bytes.", b"\1" + newest + b"\x81\x00" + entry)
    bad("salt_zero", "A salt of zero is an absent salt.", b"\4" + newest + b"\0" + entry)
    both = [value("lang", "de"), value("theme", "dark")]
    for e, stamp in zip(both, (NOW - 1, NOW)):
        e.stamp = stamp
    bad(
        "own_stamps_all_equal",
        "Equal stamps are written once.",
        own + h.encode_entries([value("lang", "de"), value("theme", "dark")], NOW),
    )
    bad(
        "own_stamps_of_one_entry",
        "A single entry has the newest stamp.",
        own + h.encode_entries([value("theme", "dark")], NOW),
    )
    bad("own_stamps_none_newest", "No entry has the newest stamp.", own + h.encode_entries(both, NOW + 1))
    early = b"\2" + (5).to_bytes(6, "big")
    bad(
        "own_stamp_before_zero",
        "The delta is larger than the newest stamp.",
        early + h.encode_entries([value("lang", "de", -1), value("theme", "dark", 5)], 5),
    )
    bad(
        "own_stamp_not_minimal",
        "A delta of 1 in two bytes.",
        own + h.encode_entries(both, NOW).replace(b"lang\x01\x01", b"lang\x01\x81\x00"),
    )
    bad("names_equal", "Names ascend strictly.", plain + entry + entry)
    bad("names_descending", "Names ascend.", plain + entry + lang)
    bad("name_empty", "At least one byte, here of a value.", plain + b"\x01" + entry[6:])
    bad("name_of_256_bytes", "At most 255 bytes.", plain + h.encode_entries([value("n" * 256, 1)]))
    bad("name_cut_short", "The name is longer than the frame.", plain + entry[:4])
    bad("head_not_minimal", "The head 0x15 in two bytes.", plain + b"\x95\x00" + entry[1:])
    bad("head_zero_not_minimal", "A zero in two bytes does not end the entries.", plain + entry + b"\x80\x00")
    bad("encoding_missing", "The frame ends after the name.", plain + entry[:6])
    bad("value_length_missing", "The frame ends after the encoding.", plain + entry[:7])
    bad("value_length_not_minimal", "5 in two bytes.", plain + entry[:7] + b"\x85\x00" + entry[8:])
    bad("value_length_over_u64", "2^64.", plain + entry[:7] + b"\x80" * 9 + b"\x02" + entry[8:])
    bad("value_cut_short", "The value is longer than the frame.", plain + entry[:-1])
    bad("entry_after_end", "After the zero head everything is zero.", plain + lang + b"\0" + entry)
    bad("padding_not_zero", "One bit after the end.", plain + entry + b"\x00\x01")
    bad("flag_unknown", "A flag that nobody has defined.", b"\x08" + newest + entry, "unknown_version")
    bad("entry_form_two", "A form that nobody has defined.", plain + b"\x16" + entry[1:], "unknown_version")
    bad("entry_form_three", "A form that nobody has defined.", plain + b"\x17" + entry[1:], "unknown_version")
    bad(
        "entry_form_two_without_name",
        "Nothing is known of what follows a later form.",
        plain + b"\x02",
        "unknown_version",
    )
    bad("entry_form_three_cut_short", "Not even its length.", plain + b"\x17theme"[:4], "unknown_version")


# --- join ------------------------------------------------------------------------------------

TOMBSTONE = object()


class Jar:
    """Seals parcels into a cookie jar; a parcel's label is how the expectation names it."""

    def __init__(self, case, ring=RING):
        self.case, self.ring, self.cookies, self.parcels, self.labels = case, ring, [], [], {}
        self.values = []  # of a header's lines

    def add(
        self, label, kind, frame, lineage=None, subject=None, ring=None, name=None, kid=None, raw=None, padded=None
    ):
        ring = ring or self.ring
        lineage = lineage or frame.lineage
        plain = raw if raw is not None else frame.encode()
        name = name or f"{BASE}.{h.suffix(ring, kind, lineage, plain)}"
        nonce = digest(f"{self.case} {len(self.cookies)}", 12)
        scope = h.scope(kind, lineage, subject or b"")
        text = h.seal(ring, "c:" + name, scope, nonce, padded or h.padme(plain), kid)
        parcel = {"name": name, "kind": kind, "scope": scope.hex(), "frame": plain.hex()}
        self.parcels.append(parcel | ({"fields": show(frame)} if raw is None else {}))
        return self.put(label, name, text)

    def put(self, label, name, text):
        self.cookies.append([name, text])
        self.labels[label] = name
        return self

    def root(
        self, label="root", lineage=LINEAGE, born=-HOUR, renewed=None, user=None, roles=None, more=(), how=None, **times
    ):
        """Times are seconds from now; `renewed` milliseconds from now, at first that of `born`."""
        renewed = NOW + (1000 * born if renewed is None else renewed)
        entries = [value("user", user, renewed)] if user else []
        entries += [value("roles", roles, renewed)] if roles else []
        entries += [Entry(e.name, e.value, e.encoding, renewed) for e in more]
        entries.sort(key=lambda e: e.name)
        subject = self.ring.subject(cbor(user)) if user else None
        times = {k: SECOND + v for k, v in times.items()}
        frame = Root(lineage, SECOND + born, renewed, subject=subject, entries=entries, **times)
        return self.add(label, "r", frame, **(how or {}))

    def single(self, label="single", *fields, lineage=LINEAGE, born=-HOUR, renewed=None, user=None, how=None, **times):
        """A whole session, in the cookie named by the base alone."""
        frame, name = self.whole(fields, lineage, born, renewed, user, times), BASE
        return self.add(label, "single", frame, **({"name": name} | (how or {})))

    def whole(self, fields=(), lineage=LINEAGE, born=-HOUR, renewed=None, user=None, times=None):
        renewed = NOW + (1000 * born if renewed is None else renewed)
        entries = [value("user", user, renewed)] if user else []
        subject = self.ring.subject(cbor(user)) if user else None
        times = {k: SECOND + v for k, v in (times or {}).items()}
        fields = sorted(fields, key=lambda e: e.name)
        return Single(lineage, SECOND + born, renewed, subject=subject, entries=entries, fields=fields, **times)

    def marker(self, label="marker", lineage=LINEAGE, at=0, **how):
        return self.add(label, "e", Marker(lineage, NOW + at), **how)

    def fragment(self, label, *entries, lineage=LINEAGE, subject=None, kind=None, count=0, **how):
        kind = kind or ("u" if subject else "a")
        entries = sorted(entries, key=lambda e: e.name)
        return self.add(label, kind, Fragment(entries, count), lineage, subject, **how)


def decoded(entry):
    return TOMBSTONE if entry.value is None else entry.value


def join(
    name,
    description,
    jar,
    *,
    winner=None,
    state=None,
    under=(),
    identity=None,
    adopted=(),
    closed=(),
    losing=(),
    rejected=None,
    foreign=(),
    unopened=(),
    orphans=(),
    misplaced=(),
    partial=False,
    idle=DAY,
    absolute=14 * DAY,
    leeway=60,
    keys=(KEY_1,),
    header=None,
    revocations=None,
    confirmed=None,
    served=None,
):
    """`state` and `identity` map names to (content, milliseconds from now) or to content."""
    case = {"description": description, "expect": {}, **ring_fields(keys=keys), "base": BASE}
    case |= {
        "lifetime": {"idle": idle, "absolute": absolute, "leeway": leeway},
        "now": NOW,
        "policy": {"subject": "user", "identity": ["roles"]},
        "cookies": jar.cookies,
        "parcels": jar.parcels,
    }
    if header:
        case |= {"header": header, "values": jar.values}
    if revocations is not None:
        case |= {"revocations": list(revocations)} | ({} if confirmed is None else {"confirmed": NOW + confirmed})
    reading = read(case)

    def named(labels):
        return sorted(jar.labels[label] for label in labels)

    def plain(content):
        return content if content is TOMBSTONE or isinstance(content, bytes) else cbor(content)

    def key(text):
        return text if isinstance(text, bytes) else text.encode()

    want_state = {key(k): (plain(c), NOW + at, key(k) in map(key, under)) for k, (c, at) in (state or {}).items()}
    got_state = {k: (decoded(e), e.stamp, u) for k, (u, e) in reading.state.items()}
    checks = {
        "winner": (reading.winner and reading.winner.lineage, winner),
        "state": (got_state, want_state),
        "identity": (
            {k: e.value for k, e in reading.identity.items()},
            {key(k): plain(c) for k, c in (identity or {}).items()},
        ),
        "adopted": (reading.adopted, sorted(adopted)),
        "closed": (reading.closed, sorted(closed)),
        "losing": (reading.losing, sorted(losing)),
        "rejected": (reading.rejected, {jar.labels[k]: v for k, v in (rejected or {}).items()}),
        "foreign": (sorted(reading.foreign), named(foreign)),
        "unopened": (sorted(reading.unopened), named(unopened)),
        "orphans": (reading.orphans, named(orphans)),
        "misplaced": (reading.misplaced, sorted(map(key, misplaced))),
        "partial": (reading.partial, partial),
        "served": (show_join(case).get("served"), served),
    }
    for what, (got, want) in checks.items():
        assert got == want, f"join/{name}: {what}\n got {got}\nwant {want}"
    case["expect"] = show_join(case)
    write("join", name, case)


def joins():
    def case(name, description, build, **expect):
        """`build` fills the jar; what it returns is not used."""
        ring = h.Ring(INDEX_KEY, expect.get("keys", (KEY_1,)), APP)
        jar = Jar(name, ring)
        build(jar)
        join(name, description, jar, **expect)

    ada = {"user": "ada"}
    L, L2, L3 = LINEAGE, LINEAGE_2, LINEAGE_3
    dark, light = value("theme", "dark", NOW - 5000), value("theme", "light", NOW - 4000)
    lang = value("lang", "de", NOW - 3000)

    # Plain jars.
    case("empty_jar", "No cookies: a fresh session.", lambda j: None)
    case(
        "anonymous_session",
        "A root and two writes.",
        lambda j: j.root().fragment("f1", dark).fragment("f2", lang),
        winner=L,
        state={"theme": ("dark", -5000), "lang": ("de", -3000)},
    )
    case(
        "signed_in_session",
        "A root with identity and a write under its subject.",
        lambda j: j.root(user="ada", roles=["admin"], renewed=-60_000).fragment("f", dark, subject=ADA),
        winner=L,
        state={"theme": ("dark", -5000)},
        under=["theme"],
        identity=ada | {"roles": ["admin"]},
    )
    case(
        "second_key_opens",
        "A parcel under a key that no longer seals.",
        lambda j: j.root(how={"kid": list(j.ring.keys)[1]}).fragment("f", dark),
        winner=L,
        state={"theme": ("dark", -5000)},
        keys=(KEY_2, KEY_1),
    )

    # Torn jars.
    case(
        "torn_jar_without_root",
        "A fragment arrived, its root did not.",
        lambda j: j.fragment("f", dark),
        orphans=["f"],
    )
    case(
        "torn_jar_without_fragment",
        "The root arrived, one of two fragments did not.",
        lambda j: j.root().fragment("f", lang),
        winner=L,
        state={"lang": ("de", -3000)},
    )
    case(
        "torn_jar_old_root_left",
        "The login's root arrived, the deletion of the older root did not.",
        lambda j: j.root("old").root("new", user="ada", renewed=-1000).fragment("f", dark),
        winner=L,
        state={"theme": ("dark", -5000)},
        identity=ada,
    )
    case(
        "torn_jar_inputs_of_fold_left",
        "A fold arrived, the deletions of its inputs did not.",
        lambda j: j.root().fragment("in1", dark).fragment("in2", lang).fragment("fold", dark, lang, count=1),
        winner=L,
        state={"theme": ("dark", -5000), "lang": ("de", -3000)},
    )
    case(
        "torn_jar_root_under_subject_lost",
        "Written under the subject, but only the older anonymous root came.",
        lambda j: j.root().fragment("a", dark).fragment("u", light, subject=ADA),
        winner=L,
        state={"theme": ("dark", -5000)},
        orphans=["u"],
    )

    # Heads.
    case(
        "head_with_subject_over_later_renewed",
        "An anonymous root renewed later is not the head.",
        lambda j: j.root("in", user="ada", renewed=-9000).root("renewed", renewed=-1000),
        winner=L,
        identity=ada,
    )
    case(
        "head_by_renewed",
        "Of two roots with a subject the one renewed later, whole: the older one's roles are not mixed in.",
        lambda j: j.root("old", user="ada", roles=["admin"], renewed=-9000).root("new", user="ada", renewed=-1000),
        winner=L,
        identity=ada,
    )
    case(
        "head_by_identity_bytes",
        "Renewed in the same millisecond: the higher bytes of the encoded entries.",
        lambda j: j.root("b", user="ada", roles=["b"], renewed=-9000).root("a", user="ada", roles=["a"], renewed=-9000),
        winner=L,
        identity=ada | {"roles": ["b"]},
    )
    case(
        "head_by_identity_bytes_over_seen",
        "The higher identity bytes though seen earlier.",
        lambda j: j.root("b", user="ada", roles=["b"], renewed=-9000).root(
            "a", user="ada", roles=["a"], renewed=-9000, seen=-1
        ),
        winner=L,
        identity=ada | {"roles": ["b"]},
    )
    case(
        "head_by_seen_not_by_its_encoding",
        "256 is later than 255 though its varint has the lower bytes: at the idle limit, not past it.",
        lambda j: j.root("later", born=-DAY - 60 - 256, seen=-DAY - 60).root(
            "earlier", born=-DAY - 60 - 256, seen=-DAY - 61
        ),
        winner=L,
    )
    case(
        "head_by_seen",
        "The touched root is the head, so the session is not idle.",
        lambda j: j.root("touched", born=-2 * DAY, seen=-60).root("untouched", born=-2 * DAY),
        winner=L,
    )

    # Several lineages.
    case(
        "two_lineages_adopted",
        "Two first visits at once: the earlier born wins, the other is adopted.",
        lambda j: j.root("r2", L2, born=-HOUR + 1).root("r1").fragment("f1", dark).fragment("f2", lang, lineage=L2),
        winner=L,
        adopted=[L2],
        state={"theme": ("dark", -5000), "lang": ("de", -3000)},
    )
    case(
        "earliest_born_wins_though_renewed_last",
        "Of anonymous lineages the age decides, not the last identity event.",
        lambda j: j.root("r1", born=-DAY, renewed=-1000).root("r2", L2),
        winner=L,
        adopted=[L2],
    )
    case(
        "same_born_lowest_lineage_wins",
        "Born in the same second.",
        lambda j: [j.root(f"r{i}", lineage) for i, lineage in enumerate((L, L2, L3))],
        winner=min(L, L2, L3),
        adopted=sorted((L, L2, L3))[1:],
    )
    case(
        "adopted_later_stamp_wins",
        "Among anonymous writes the stamp decides, whichever lineage.",
        lambda j: j.root().root("r2", L2, born=-60).fragment("f1", dark).fragment("f2", light, lineage=L2),
        winner=L,
        adopted=[L2],
        state={"theme": ("light", -4000)},
    )
    case(
        "adopted_entries_of_root_not_taken",
        "Of an adopted lineage the fragments join, nothing else.",
        lambda j: j.root().root("r2", L2, born=-60, roles=["guest"]).fragment("f2", lang, lineage=L2),
        winner=L,
        adopted=[L2],
        state={"lang": ("de", -3000)},
    )
    case(
        "signed_in_adopts_anonymous",
        "Signed in later than the anonymous visit began, and yet the winner.",
        lambda j: (
            j.root("anon", born=-2 * HOUR)
            .root("in", L2, born=-60, user="ada")
            .fragment("a", lang)
            .fragment("u", dark, lineage=L2, subject=ADA)
        ),
        winner=L2,
        adopted=[L],
        state={"theme": ("dark", -5000), "lang": ("de", -3000)},
        under=["theme"],
        identity=ada,
    )
    case(
        "under_subject_over_later_stamp",
        "What was written under the subject is never overridden by an anonymous write.",
        lambda j: j.root(user="ada", renewed=-60_000).fragment("u", dark, subject=ADA).fragment("a", light),
        winner=L,
        state={"theme": ("dark", -5000)},
        under=["theme"],
        identity=ada,
    )
    case(
        "under_subject_tombstone_over_later_value",
        "The same holds for a removal.",
        lambda j: (
            j.root(user="ada", renewed=-60_000)
            .fragment("u", tombstone("theme", NOW - 5000), subject=ADA)
            .fragment("a", light)
        ),
        winner=L,
        state={"theme": (TOMBSTONE, -5000)},
        under=["theme"],
        identity=ada,
    )
    case(
        "double_login_race_same_subject",
        "Two requests signed the same visitor in: one subject, both roots open its fragments.",
        lambda j: (
            j.root("in1", user="ada", renewed=-9000)
            .root("in2", user="ada", renewed=-8000)
            .fragment("u1", dark, subject=ADA)
            .fragment("u2", lang, subject=ADA)
        ),
        winner=L,
        state={"theme": ("dark", -5000), "lang": ("de", -3000)},
        under=["theme", "lang"],
        identity=ada,
    )
    case(
        "double_login_race_two_subjects",
        "Two logins of one lineage at once: the later wins; what was written under the other is not read, and no orphan while its root is there.",
        lambda j: (
            j.root("ada", user="ada", renewed=-9000)
            .root("bob", user="bob", renewed=-8000)
            .fragment("u1", light, lang, subject=ADA)
            .fragment("u2", dark, subject=BOB)
        ),
        winner=L,
        state={"theme": ("dark", -5000)},
        under=["theme"],
        identity={"user": "bob"},
    )
    case(
        "signed_in_renewed_last_wins_though_born_first",
        "Of signed-in lineages the last identity event decides, not the age.",
        lambda j: j.root("r1", born=-DAY, renewed=-1000, user="ada").root("r2", L2, user="bob"),
        winner=L,
        losing=[L2],
        identity=ada,
    )
    case(
        "two_signed_in_lineages",
        "The one renewed later wins; the other is losing, its fragments are neither read nor orphans.",
        lambda j: (
            j.root("r1", user="ada")
            .root("r2", L2, born=-60, user="bob")
            .fragment("u1", dark, subject=ADA)
            .fragment("u2", lang, lineage=L2, subject=BOB)
        ),
        winner=L2,
        losing=[L],
        state={"lang": ("de", -3000)},
        under=["lang"],
        identity={"user": "bob"},
    )
    case(
        "signed_in_renewed_at_once_highest_lineage_wins",
        "Two signed-in lineages renewed in the same millisecond.",
        lambda j: j.root("r1", min(L, L2), user="ada").root("r2", max(L, L2), user="bob"),
        winner=max(L, L2),
        losing=[min(L, L2)],
        identity={"user": "bob"},
    )
    case(
        "hint_collision_of_two_lineages",
        "Two lineages share the hint; each fragment opens in its own.",
        lambda j: j.root().root("r2", COLLIDING, born=-60).fragment("f1", dark).fragment("f2", lang, lineage=COLLIDING),
        winner=L,
        adopted=[COLLIDING],
        state={"theme": ("dark", -5000), "lang": ("de", -3000)},
    )

    # End markers.
    case(
        "marker_closes_its_lineage",
        "Signed out; the root's deletion was lost.",
        lambda j: j.root(user="ada").marker(at=-1000).fragment("u", dark, subject=ADA),
        closed=[L],
    )
    case(
        "marker_closes_its_lineage_though_renewed_later",
        "A renewal that raced with the logout.",
        lambda j: j.root(user="ada", renewed=-500).marker(at=-1000),
        closed=[L],
    )
    case(
        "marker_closes_lineage_arriving_later",
        "A second login, renewed before the logout, whose response landed after it.",
        lambda j: j.marker(at=-1000).root("late", L2, born=-2, user="bob").fragment("u", dark, lineage=L2, subject=BOB),
        closed=[L2],
    )
    case(
        "marker_closes_equal_renewed",
        "Not later is enough.",
        lambda j: j.marker(at=-1000).root("r2", L2, renewed=-1000),
        closed=[L2],
    )
    case(
        "marker_leaves_lineage_renewed_later",
        "A millisecond after the marker begins the next session.",
        lambda j: j.marker(at=-1000).root("r2", L2, born=-1, renewed=-999).fragment("f", dark, lineage=L2),
        winner=L2,
        state={"theme": ("dark", -5000)},
    )
    case(
        "marker_closes_anonymous_lineage_too",
        "Every lineage renewed before, signed in or not, is closed.",
        lambda j: j.marker(at=-1000).root("r2", L2).root("r3", L3, born=0),
        winner=L3,
        closed=[L2],
    )
    case(
        "marker_without_clock",
        "A marker holds however far its stamp lies ahead.",
        lambda j: j.marker(lineage=L2, at=1000 * DAY).root(),
        closed=[L],
    )
    case(
        "closed_head_is_not_judged",
        "Closed and not yet valid: closed, so nothing is kept.",
        lambda j: j.marker(at=-1000).root(born=0, seen=DAY),
        closed=[L],
    )

    case(
        "marker_and_root_of_a_switch",
        "Another user: the old lineage is closed, the new one begins a millisecond later.",
        lambda j: (
            j.root("old", user="ada")
            .marker(at=-1000)
            .root("new", L2, born=-1, renewed=-999, user="bob")
            .fragment("u1", light, subject=ADA)
            .fragment("u2", dark, lineage=L2, subject=BOB)
        ),
        winner=L2,
        closed=[L],
        state={"theme": ("dark", -5000)},
        under=["theme"],
        identity={"user": "bob"},
    )

    # The clock.
    limit = DAY + 60
    case("idle_limit_reached", "Exactly idle and leeway after seen: admitted.", lambda j: j.root(born=-limit), winner=L)
    case(
        "idle_limit_passed",
        "One second more.",
        lambda j: j.root(born=-limit - 1).fragment("f", dark),
        rejected={"root": "expired"},
    )
    case(
        "leeway_zero_idle_limit_passed",
        "Without leeway.",
        lambda j: j.root(born=-DAY - 1),
        rejected={"root": "expired"},
        leeway=0,
    )
    case(
        "absolute_limit_reached",
        "Exactly the absolute limit and leeway after auth: admitted.",
        lambda j: j.root(born=-14 * DAY - 60, seen=-60),
        winner=L,
    )
    case(
        "absolute_limit_passed",
        "One second more, however recently seen.",
        lambda j: j.root(born=-14 * DAY - 61, seen=-60),
        rejected={"root": "expired"},
    )
    case(
        "absolute_limit_runs_from_auth",
        "Born long ago, authenticated again.",
        lambda j: j.root(born=-40 * DAY, user="ada", renewed=-60_000),
        winner=L,
        identity=ada,
    )
    case(
        "renewal_does_not_move_auth",
        "Renewed just now, authenticated too long ago.",
        lambda j: j.root(born=-40 * DAY, user="ada", renewed=-60_000, auth=-15 * DAY),
        rejected={"root": "expired"},
        losing=[L],
    )
    case(
        "without_idle_limit",
        "No idle limit: only the absolute one.",
        lambda j: j.root(born=-13 * DAY),
        winner=L,
        idle=None,
    )
    case("ahead_by_grace_admitted", "A clock ahead of ours by exactly grace.", lambda j: j.root(born=GRACE_S), winner=L)
    case(
        "not_yet_valid_kept",
        "Further ahead: kept, and the session is partial.",
        lambda j: j.root(born=GRACE_S + 1).fragment("f", dark),
        rejected={"root": "not_yet_valid"},
        partial=True,
    )
    case(
        "ahead_within_grace_moves_now",
        "Five minutes ahead is taken for the present: then the absolute limit has passed.",
        lambda j: j.root(born=-14 * DAY - 60, seen=GRACE_S),
        rejected={"root": "expired"},
    )
    case(
        "not_yet_valid_auth",
        "auth is judged as well.",
        lambda j: j.root(user="ada", renewed=-1000, auth=GRACE_S + 1),
        rejected={"root": "not_yet_valid"},
        partial=True,
    )
    case(
        "not_yet_valid_seen",
        "seen is judged as well.",
        lambda j: j.root(seen=GRACE_S + 1),
        rejected={"root": "not_yet_valid"},
        partial=True,
    )
    case(
        "stamps_are_not_judged",
        "renewed and an entry's stamp lie days ahead; born, auth and seen do not.",
        lambda j: j.root(renewed=2 * DAY * 1000, auth=-HOUR, seen=-HOUR).fragment(
            "f", value("theme", "dark", NOW + 3 * DAY * 1000)
        ),
        winner=L,
        state={"theme": ("dark", 3 * DAY * 1000)},
    )
    case(
        "expired_head_takes_lineage_with_it",
        "The older root would be in time but does not become head.",
        lambda j: (
            j.root("head", born=-3 * DAY, user="ada", renewed=-2 * DAY * 1000)
            .root("older", born=-3 * DAY, seen=-60)
            .fragment("a", dark)
        ),
        rejected={"head": "expired"},
        losing=[L],
    )
    case(
        "not_yet_valid_head_takes_lineage_with_it",
        "The newer root is refused; the older does not stand in for it.",
        lambda j: j.root("head", user="ada", renewed=-1000, seen=DAY).root("older").fragment("a", dark),
        rejected={"head": "not_yet_valid"},
        partial=True,
    )
    case(
        "expired_latest_login_lets_no_older_one_win",
        "Of the signed-in lineages only the one renewed last is considered.",
        lambda j: (
            j.root("late", L2, born=-2 * DAY, user="bob")
            .root("early", born=-3 * DAY, seen=-60, user="ada")
            .fragment("u", dark, subject=ADA)
        ),
        rejected={"late": "expired"},
        losing=[L, L2],
    )
    case(
        "losing_lineage_not_judged",
        "Neither past its times nor ahead of the clock: of the signed-in lineages only the highest is judged.",
        lambda j: (
            j.root(user="ada", renewed=-1000)
            .root("r2", L2, born=-20 * DAY, user="bob")
            .root("r3", COLLIDING, born=-60, seen=DAY, user="bob")
        ),
        winner=L,
        identity=ada,
        losing=[L2, COLLIDING],
    )
    case(
        "expired_login_lets_anonymous_win",
        "If the signed-in lineage is refused, an anonymous one wins.",
        lambda j: j.root("in", L2, born=-2 * DAY, user="ada").root().fragment("a", dark),
        winner=L,
        rejected={"in": "expired"},
        losing=[L2],
        state={"theme": ("dark", -5000)},
    )
    case(
        "adopted_idle_asked_when_winner_was_seen",
        "Nobody touches adopted lineages: idle now, but not when the winner was last seen.",
        lambda j: (
            j.root(born=-2 * DAY, seen=-HOUR)
            .root("r2", L2, born=-DAY - HOUR - 60 - 900)
            .fragment("f2", lang, lineage=L2)
        ),
        winner=L,
        adopted=[L2],
        state={"lang": ("de", -3000)},
    )
    case(
        "adopted_idle_when_winner_was_seen",
        "One second more than idle, leeway and three graces before the winner's seen.",
        lambda j: (
            j.root(born=-2 * DAY, seen=-HOUR)
            .root("r2", L2, born=-DAY - HOUR - 60 - 901)
            .fragment("f2", lang, lineage=L2)
        ),
        winner=L,
        rejected={"r2": "expired"},
    )
    case(
        "adopted_idle_when_winner_was_born",
        "Over before the winner began, by one second: a new session brings nothing back.",
        lambda j: (
            j.root(born=-60)
            .root("r2", L2, born=-60 - DAY - 60 - 1)
            .fragment("f2", lang, lineage=L2)
        ),
        winner=L,
        rejected={"r2": "expired"},
    )
    case(
        "adopted_alive_when_winner_was_born",
        "In time until the second in which the winner began.",
        lambda j: (
            j.root(born=-60)
            .root("r2", L2, born=-60 - DAY - 60)
            .fragment("f2", lang, lineage=L2)
        ),
        winner=L,
        adopted=[L2],
        state={"lang": ("de", -3000)},
    )
    case(
        "adopted_absolute_asked_now",
        "The absolute limit of an adopted lineage is asked at the present.",
        lambda j: j.root("in", L2, born=-60, user="ada").root(born=-14 * DAY - 61, seen=-60),
        winner=L2,
        identity=ada,
        rejected={"root": "expired"},
    )

    # What cannot be judged is kept.
    absent = h.Ring(INDEX_KEY, [KEY_ABSENT], APP)
    case(
        "unknown_key_root_kept",
        "A kept root could be the session's: fresh, partial, and no fragment is an orphan.",
        lambda j: j.root("kept", L2, how={"ring": absent}).root().fragment("f1", dark).fragment("f2", lang, lineage=L2),
        rejected={"kept": "unknown_key"},
        partial=True,
    )
    case(
        "unknown_key_marker_kept",
        "A kept marker could close anything.",
        lambda j: j.marker("kept", ring=absent).root(),
        rejected={"kept": "unknown_key"},
        partial=True,
    )
    case(
        "unknown_key_fragment_kept",
        "A kept fragment: what could be joined is read.",
        lambda j: j.root().fragment("f1", dark).fragment("kept", lang, ring=absent),
        winner=L,
        state={"theme": ("dark", -5000)},
        rejected={"kept": "unknown_key"},
        partial=True,
    )
    case(
        "unknown_version_fragment_kept",
        "A fragment of a later version.",
        lambda j: j.root().fragment("f", dark).put("kept", f"{BASE}.a{h.hint(L)}AAAAAA", "hv2Aabcd"),
        winner=L,
        state={"theme": ("dark", -5000)},
        rejected={"kept": "unknown_version"},
        partial=True,
    )
    case(
        "unknown_version_of_unknown_kind_kept",
        "A name we cannot read with a version we cannot read: it could be a root.",
        lambda j: j.root().put("kept", f"{BASE}.z1", "hv2Aabcd"),
        rejected={"kept": "unknown_version"},
        partial=True,
    )
    case(
        "unknown_flags_fragment_kept",
        "Authentic, with a flag of a later writer.",
        lambda j: j.root().fragment("f", dark).add("kept", "a", None, L, raw=b"\x80" + Fragment([lang]).encode()[1:]),
        winner=L,
        state={"theme": ("dark", -5000)},
        rejected={"kept": "unknown_version"},
        partial=True,
    )
    case(
        "unknown_flags_fragment_of_losing_lineage_kept",
        "Every fragment that a root opens is parsed, whether it joins or not.",
        lambda j: (
            j.root(user="ada", renewed=-1000)
            .root("r2", L2, born=-60, user="bob")
            .add("kept", "u", None, L2, BOB, raw=b"\x80" + Fragment([lang]).encode()[1:])
        ),
        winner=L,
        identity=ada,
        losing=[L2],
        rejected={"kept": "unknown_version"},
        partial=True,
    )
    case(
        "malformed_fragment_of_closed_lineage",
        "The same of a closed lineage.",
        lambda j: j.root().marker("end", L).add("bad", "a", None, L, raw=b"\0" + NOW.to_bytes(6, "big")),
        closed=[L],
        rejected={"bad": "malformed"},
    )
    case(
        "unknown_flags_root_kept",
        "Authentic, with a flag of a later writer.",
        lambda j: j.root().add("kept", "r", None, L2, raw=b"\x80" + Root(L2, SECOND, NOW).encode()[1:]),
        rejected={"kept": "unknown_version"},
        partial=True,
    )
    case(
        "single_unknown_flag_kept",
        "A whole session of a later version could be the session.",
        lambda j: j.root().single("kept", how={"raw": b"\x60" + j.whole((dark,), L2).encode()[1:], "lineage": L2}),
        rejected={"kept": "unknown_version"},
        partial=True,
    )
    case(
        "base_without_flag_single",
        "The base itself names a whole session only.",
        lambda j: j.root().add("bad", "r", Root(L2, SECOND, NOW), name=BASE),
        winner=L,
        rejected={"bad": "malformed"},
    )
    case(
        "single_named_as_root",
        "A whole session under the name of a root.",
        lambda j: j.root().add("bad", "r", Single(L2, SECOND, NOW)),
        winner=L,
        rejected={"bad": "malformed"},
    )

    # Layout Single.
    case(
        "single_anonymous",
        "One cookie, one session.",
        lambda j: j.single("s", dark, lang),
        winner=L,
        state={"theme": ("dark", -5000), "lang": ("de", -3000)},
    )
    case("single_without_fields", "A whole session that holds nothing.", lambda j: j.single("s"), winner=L)
    case(
        "single_signed_in",
        "Its fields count as written under its subject.",
        lambda j: j.single("s", dark, user="ada", renewed=-9000),
        winner=L,
        state={"theme": ("dark", -5000)},
        under=["theme"],
        identity=ada,
    )
    case(
        "single_identity_in_fields_never_taken",
        "A declared identity field among its fields is reported.",
        lambda j: j.single("s", value("roles", ["admin"]), dark, user="ada", renewed=-9000),
        winner=L,
        state={"theme": ("dark", -5000)},
        under=["theme"],
        identity=ada,
        misplaced=["roles"],
    )
    case(
        "single_adopted",
        "Several cookies win by their age, one cookie is adopted: the later stamp wins.",
        lambda j: j.root().fragment("f", dark).single("s", light, lang, lineage=L2, born=-60),
        winner=L,
        adopted=[L2],
        state={"theme": ("light", -4000), "lang": ("de", -3000)},
    )
    case(
        "single_adopts",
        "One cookie wins by its age, several are adopted.",
        lambda j: j.single("s", light).root("r", L2, born=-60).fragment("f", dark, lang, lineage=L2),
        winner=L,
        adopted=[L2],
        state={"theme": ("light", -4000), "lang": ("de", -3000)},
    )
    case(
        "single_signed_in_adopts",
        "What one cookie holds under its subject is not overridden by later anonymous writes.",
        lambda j: (
            j.single("s", dark, user="ada", renewed=-9000)
            .root("r", L2, born=-60)
            .fragment("f", light, lang, lineage=L2)
        ),
        winner=L,
        adopted=[L2],
        state={"theme": ("dark", -5000), "lang": ("de", -3000)},
        under=["theme"],
        identity=ada,
    )
    case(
        "single_losing",
        "Two signed-in sessions: the one renewed last, of several cookies, wins whole.",
        lambda j: j.single("s", dark, user="ada", renewed=-9000).root("r", L2, user="bob", renewed=-1000),
        winner=L2,
        losing=[L],
        identity={"user": "bob"},
    )
    case(
        "single_closed",
        "An end marker closes it as any other.",
        lambda j: j.single("s", dark).marker(),
        closed=[L],
    )
    case(
        "single_expired",
        "Past its idle limit.",
        lambda j: j.single("s", dark, born=-2 * DAY),
        rejected={"s": "expired"},
    )
    case(
        "single_not_yet_valid_kept",
        "Made further ahead than clocks may differ.",
        lambda j: j.root().single("s", dark, lineage=L2, born=GRACE_S + 1),
        rejected={"s": "not_yet_valid"},
        partial=True,
    )
    case(
        "single_unknown_key_kept",
        "It could be the session: fresh and partial.",
        lambda j: j.root().single("s", dark, lineage=L2, how={"ring": h.Ring(INDEX_KEY, [KEY_ABSENT], APP)}),
        rejected={"s": "unknown_key"},
        partial=True,
    )
    case(
        "single_twice",
        "The one name twice: nothing is believed.",
        lambda j: j.single("s", dark).single("s", light),
        rejected={"s": "duplicate_name"},
    )
    case(
        "single_of_same_lineage_as_root",
        "No server writes that, and every server reads it alike: the head is the root renewed last, all entries join.",
        lambda j: j.root(renewed=-1000).fragment("f", dark).single("s", light, lang),
        winner=L,
        state={"theme": ("light", -4000), "lang": ("de", -3000)},
    )

    # The header.
    def in_header(name, description, values, **expect):
        jar = Jar(name)
        jar.labels["h"] = "x-session"
        jar.root("cookie", L2, user="bob").fragment("f", lang, lineage=L2)  # not read
        text = h.seal(RING, "h:x-session", b"", digest(name, 12), h.padme(jar.whole((dark,)).encode()))
        jar.values = values(text)
        join(name, description, jar, header="X-Session", **expect)

    opened = {"winner": L, "state": {"theme": ("dark", -5000)}}
    in_header("header", "The request is read from its header alone, in layout Single.", lambda v: [v], **opened)
    in_header("header_spaces_around", "Spaces and tabs are no part of the value.", lambda v: [f" {v}\t"], **opened)
    in_header("header_empty", "An empty value is a fresh session.", lambda v: [""])
    bad = {"rejected": {"h": "malformed"}}
    in_header("header_not_ours", "The header is ours alone: anything else in it is bad.", lambda v: ["Bearer x"], **bad)
    in_header("header_list", "Two values that a proxy joined.", lambda v: [f"{v}, {v}"], **bad)
    in_header("header_twice", "Two lines: nothing is believed.", lambda v: [v, v], rejected={"h": "duplicate_name"})
    in_header("header_empty_and_not", "Two lines, one empty.", lambda v: ["", v], rejected={"h": "duplicate_name"})
    in_header(
        "header_of_later_version",
        "Kept: fresh and partial.",
        lambda v: ["hv2A" + v[4:]],
        rejected={"h": "unknown_version"},
        partial=True,
    )
    in_header("header_too_long", "4,097 characters.", lambda v: ["hv1A" + "A" * 4084], rejected={"h": "oversized"})
    whole = h.seal(RING, f"c:{BASE}", b"", NONCE, h.padme(Single(L, SECOND, NOW).encode()))
    in_header("header_from_cookie", "A cookie's value.", lambda v: [whole], rejected={"h": "inauthentic"})
    foreign = h.seal(h.Ring(OTHER_INDEX_KEY, [KEY_1], APP), "h:x-session", b"", NONCE, bytes(40))
    in_header("header_foreign", "Of another ring.", lambda v: [foreign], foreign=["h"])

    # What is not ours, and what is bad.
    foreign = h.Ring(OTHER_INDEX_KEY, [KEY_1], APP)
    case(
        "foreign_ring_left_alone",
        "Parcels of another ring under our base are not counted.",
        lambda j: (
            j.root()
            .fragment("f", dark)
            .root("other", L2, user="bob", how={"ring": foreign})
            .marker("end", L2, ring=foreign)
        ),
        winner=L,
        state={"theme": ("dark", -5000)},
        foreign=["other", "end"],
    )
    case(
        "other_cookies_left_alone",
        "Values that do not begin with hv and names that are not of our base.",
        lambda j: (
            j.root()
            .put("x", f"{BASE}.rAAAAAAAA", "deleted")
            .put("y", "__Host-Http-hvx", "hv1A!")
            .put("z", "theme", "hv1A")
        ),
        winner=L,
    )
    case(
        "name_malformed",
        "Sealed by us under a name that no parcel has.",
        lambda j: j.root().fragment("bad", dark, name=f"{BASE}.a{h.hint(L)}12345"),
        winner=L,
        rejected={"bad": "malformed"},
    )
    case(
        "kind_unknown",
        "A kind letter that hv1 does not have.",
        lambda j: j.root().fragment("bad", dark, name=f"{BASE}.x{h.hint(L)}123456"),
        winner=L,
        rejected={"bad": "malformed"},
    )
    case(
        "fragment_frame_malformed",
        "Authentic and not canonical.",
        lambda j: j.root().fragment("f", dark).add("bad", "a", None, L, raw=b"\0" + NOW.to_bytes(6, "big")),
        winner=L,
        state={"theme": ("dark", -5000)},
        rejected={"bad": "malformed"},
    )
    case(
        "oversized_fragment",
        "Too large to be looked at.",
        lambda j: j.root().fragment("f", dark).put("big", f"{BASE}.a{h.hint(L)}AAAAAA", "hv1A" + "A" * 4096),
        winner=L,
        state={"theme": ("dark", -5000)},
        rejected={"big": "oversized"},
    )

    def renamed(j, label, name):
        """The sealed text under another name; `parcels` goes on saying what it was sealed as."""
        for cookie in j.cookies:
            if cookie[0] == j.labels[label]:
                cookie[0] = j.labels[label] = name

    case(
        "root_renamed",
        "A root under another name.",
        lambda j: renamed(j.root("moved"), "moved", f"{BASE}.r{h.hint(L)}AAAAAA"),
        rejected={"moved": "inauthentic"},
    )
    case(
        "root_renamed_to_marker",
        "The kind is part of the name and so is authentic.",
        lambda j: renamed(j.root("moved", L2).root(), "moved", f"{BASE}.e{h.hint(L2)}AAAAAA"),
        winner=L,
        rejected={"moved": "inauthentic"},
    )
    case(
        "fragment_renamed",
        "A fragment under another name opens in no lineage.",
        lambda j: renamed(j.root().fragment("moved", dark), "moved", f"{BASE}.a{h.hint(L)}AAAAAA"),
        winner=L,
        orphans=["moved"],
    )
    case(
        "fragment_of_other_lineage_pasted_in",
        "A fragment from somebody else's jar, under its own name.",
        lambda j: j.root().fragment("f", dark).fragment("pasted", lang, lineage=L2),
        winner=L,
        state={"theme": ("dark", -5000)},
        orphans=["pasted"],
    )
    case(
        "fragment_of_colliding_lineage_pasted_in",
        "The same with a lineage of the same hint: tried, and not opened.",
        lambda j: j.root().fragment("f", dark).fragment("pasted", lang, lineage=COLLIDING),
        winner=L,
        state={"theme": ("dark", -5000)},
        orphans=["pasted"],
    )
    case(
        "fragment_under_other_subject",
        "Written under another subject of whom there is no root.",
        lambda j: j.root(user="ada", renewed=-9000).fragment("u1", dark, subject=ADA).fragment("u2", lang, subject=BOB),
        winner=L,
        state={"theme": ("dark", -5000)},
        under=["theme"],
        identity=ada,
        orphans=["u2"],
    )
    case(
        "fragment_kind_changed",
        "Sealed as an anonymous write, renamed to one under the subject.",
        lambda j: j.root(user="ada", renewed=-9000).fragment("u", dark, kind="a", name=f"{BASE}.u{h.hint(L)}AAAAAA"),
        winner=L,
        identity=ada,
        orphans=["u"],
    )

    def twice(j):
        j.root().fragment("f", dark).fragment("g", lang)
        j.cookies.append(j.cookies[1])

    case(
        "duplicate_names",
        "One name twice, even with the same value: nothing of the jar is read. The session is fresh and can be written.",
        twice,
        rejected={"f": "duplicate_name"},
        unopened=["root", "g"],
    )

    # The order of entries.
    case(
        "later_stamp_wins",
        "Among writes of one rank the highest stamp.",
        lambda j: j.root().fragment("f1", light).fragment("f2", dark),
        winner=L,
        state={"theme": ("light", -4000)},
    )
    case(
        "later_value_wins_over_tombstone",
        "Written again after the removal.",
        lambda j: j.root().fragment("f1", light).fragment("f2", tombstone("theme", NOW - 5000)),
        winner=L,
        state={"theme": ("light", -4000)},
    )
    case(
        "tombstone_wins_at_equal_stamp",
        "Removed and written in the same millisecond.",
        lambda j: j.root().fragment("f1", light).fragment("f2", tombstone("theme", NOW - 4000)),
        winner=L,
        state={"theme": (TOMBSTONE, -4000)},
    )
    case(
        "higher_encoding_wins_at_equal_stamp",
        "Encoding before bytes.",
        lambda j: j.root().fragment("f1", light).fragment("f2", value("theme", b"\x00", NOW - 4000, 2)),
        winner=L,
        state={"theme": (b"\x00", -4000)},
    )
    case(
        "higher_bytes_win_at_equal_stamp",
        "Compared as bytes: e before light in CBOR, since its head is lower; mild after light.",
        lambda j: [j.root()] + [j.fragment(v, value("theme", v, NOW - 4000)) for v in ("mild", "light", "e")],
        winner=L,
        state={"theme": ("light", -4000)},
    )
    case(
        "longer_bytes_win_at_equal_stamp",
        "A value comes before those that it begins.",
        lambda j: [j.root()] + [j.fragment(str(n), value("x", bytes(n), NOW, 2)) for n in (3, 1, 2)],
        winner=L,
        state={"x": (bytes(3), 0)},
    )
    case(
        "count_does_not_decide",
        "A fold of older entries does not override a write.",
        lambda j: j.root().fragment("fold", dark, lang, count=9).fragment("f", light),
        winner=L,
        state={"theme": ("light", -4000), "lang": ("de", -3000)},
    )
    case(
        "each_entries_apart",
        "Entries of an Each field are joined one by one.",
        lambda j: (
            j.root()
            .fragment("f1", value(b"cart\0" + cbor("tea"), 1, NOW - 9))
            .fragment("f2", value(b"cart\0" + cbor("jam"), 2, NOW - 8))
            .fragment("f3", Entry(b"cart\0" + cbor("tea"), None, h.OPEN, NOW - 7))
        ),
        winner=L,
        state={b"cart\0" + cbor("jam"): (2, -8), b"cart\0" + cbor("tea"): (TOMBSTONE, -7)},
    )

    # Identity.
    case(
        "identity_in_fragment_never_taken",
        "A declared identity field in a fragment is reported; the head has none of it.",
        lambda j: j.root(user="ada", renewed=-9000).fragment("u", value("roles", ["admin"], NOW), dark, subject=ADA),
        winner=L,
        state={"theme": ("dark", -5000)},
        under=["theme"],
        identity=ada,
        misplaced=["roles"],
    )
    case(
        "identity_of_head_though_not_declared",
        "What the head holds is an identity field for every program.",
        lambda j: j.root(user="ada", renewed=-9000, more=[value("plan", "basic")]).fragment(
            "u", value("plan", "gold", NOW), subject=ADA
        ),
        winner=L,
        identity=ada | {"plan": "basic"},
        misplaced=["plan"],
    )
    case(
        "identity_each_entry_in_fragment",
        "An entry of an identity field that is an Each field.",
        lambda j: j.root(user="ada", renewed=-9000).fragment(
            "u", value(b"roles\0" + cbor("admin"), True, NOW), subject=ADA
        ),
        winner=L,
        identity=ada,
        misplaced=[b"roles\0" + cbor("admin")],
    )

    # Bounds.
    most = h.MAX_OPENED
    entries = [value(f"k{i:03}", i, NOW - 1000) for i in range(most + 2)]
    case(
        f"more_than_{most}_parcels",
        f"A root and {most - 1} fragments are opened, in order of arrival; the rest makes the session partial.",
        lambda j: [j.fragment(e.name.decode(), e) for e in entries] + [j.root()],
        winner=L,
        state={e.name: (e.value, -1000) for e in entries[: most - 1]},
        unopened=[e.name.decode() for e in entries[most - 1 :]],
        partial=True,
    )
    large = [value(f"k{i}", "x" * 2100, NOW - 1000) for i in range(6)]
    case(
        "more_than_16000_characters",
        "Five large fragments and the root fit, the sixth does not.",
        lambda j: [j.fragment(e.name.decode(), e) for e in large] + [j.root()],
        winner=L,
        state={e.name: (e.value, -1000) for e in large[:5]},
        unopened=["k5"],
        partial=True,
    )
    case(
        "nothing_opened_after_the_first_that_does_not_fit",
        "The sixth large fragment does not fit; a small one after it would, and is not opened either.",
        lambda j: [j.fragment(e.name.decode(), e) for e in large] + [j.fragment("f", dark).root()],
        winner=L,
        state={e.name: (e.value, -1000) for e in large[:5]},
        unopened=["k5", "f"],
        partial=True,
    )
    case(
        f"more_than_{most}_roots",
        "A root that was not opened could be the session's: fresh and partial, as with a kept one.",
        lambda j: [j.root(f"r{i}", digest(f"root {i}", 16)) for i in range(most + 1)] + [j.fragment("f", dark)],
        unopened=[f"r{most}", "f"],
        partial=True,
    )


def main():
    for group in ("envelope", "root", "marker", "fragment", "join"):
        shutil.rmtree(VECTORS / group, ignore_errors=True)
    envelopes()
    roots()
    singles()
    markers()
    fragments()
    joins()
    import generate_csrf  # they build on this file
    import generate_events
    import generate_fleet
    import generate_index
    import generate_listed
    import generate_maintain
    import generate_sealed

    generate_maintain.main()
    generate_events.main()
    generate_csrf.main()
    generate_fleet.main()
    generate_listed.main()
    generate_index.main()
    generate_sealed.main()


if __name__ == "__main__":
    main()
