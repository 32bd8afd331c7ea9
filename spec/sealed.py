"""The key ring at rest, a second time: a ring document, in the clear or sealed.

It follows section 7 of `fleet.md`.
"""

import json

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

import haversack as h

NONCE = 12
LONGEST = 384 * 1024  # bytes of a stored document


class Refused(Exception):
    """A document is not taken; `str()` is the reason as the vectors spell it."""


def name_of(key):
    """The name of a local key-encryption key."""
    return "local:" + h.b64(AESGCMSIV(key).encrypt(bytes(NONCE), b"", b"haversack/v1/kek")[:6])


def context(app, revision):
    return b"haversack/v1/ring\0" + revision.to_bytes(8, "big") + app.encode()


def seal(ring, key, nonce, app, revision):
    """`ring` is the text of a document, `app` and `revision` are what is said beside it."""
    sealed = h.b64(nonce + AESGCMSIV(key).encrypt(nonce, ring.encode(), context(app, revision)))
    members = {"haversack_sealed_ring": 1, "revision": revision, "app": app}
    return json.dumps(members | {"wrapped_by": name_of(key), "sealed": sealed})


def open_document(text, revision, keys):
    """The text of the ring in a document that a register holds under this revision."""
    if len(text.encode()) > LONGEST:
        raise Refused("too_long")
    members = json.loads(text)
    form = members.get("haversack_sealed_ring")
    if form is None:
        return with_revision(text, revision)
    if form != 1:
        raise Refused("unknown_form")
    names = {name_of(key): key for key in keys}
    if members["wrapped_by"] not in names:
        raise Refused("unknown_key")
    sealed = h.unb64(members["sealed"])
    if len(sealed) < NONCE:
        raise Refused("not_authentic")
    bound = context(members["app"], members["revision"])
    try:
        ring = AESGCMSIV(names[members["wrapped_by"]]).decrypt(sealed[:NONCE], sealed[NONCE:], bound).decode()
    except InvalidTag:
        raise Refused("not_authentic") from None
    if json.loads(ring)["app"] != members["app"]:
        raise Refused("other_app")
    return with_revision(with_revision(ring, members["revision"]), revision)


def with_revision(ring, revision):
    if json.loads(ring)["revision"] != revision:
        raise Refused("other_revision")
    return ring
