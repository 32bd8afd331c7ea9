"""Writes `vectors/sealed/`: key ring documents as an engine holds them.

As in `generate.py`, each outcome is written here by hand.
"""

import json
import shutil

import haversack as h
import sealed
from generate import APP, SECOND, VECTORS, digest, write

KEY, OTHER_KEY = digest("key-encryption key", 32), digest("another key-encryption key", 32)
NONCE = digest("nonce of a sealed ring", 12)


def ring(revision=7, app=APP):
    key = {"suite": "A", "root": h.b64(digest("root", 32)), "created": SECOND, "seals_from": SECOND}
    members = {"version": 1, "revision": revision, "app": app, "index_key": h.b64(digest("index key", 32))}
    return json.dumps(members | {"keys": [key]})


def case(name, description, expect, document, revision=7, keys=(KEY,)):
    given = {"description": description, "expect": expect, "revision": revision}
    given |= {"keys": [h.b64(key) for key in keys], "names": [sealed.name_of(key) for key in keys]}
    try:
        got, given["ring"] = "ok", sealed.open_document(document, revision, keys)
    except sealed.Refused as why:
        got = str(why)
    assert got == expect, (name, got)
    write("sealed", name, given | {"document": document})


def changed(document, **members):
    return json.dumps(json.loads(document) | members)


def documents():
    good = sealed.seal(ring(), KEY, NONCE, APP, 7)
    case("ok_clear", "Not sealed at all.", "ok", ring())
    case("ok_sealed", "Sealed with the one key that there is.", "ok", good)
    case("ok_sealed_with_the_second_key", "While keys change there are several.", "ok", good, keys=(OTHER_KEY, KEY))
    last = h.b64(h.unb64(json.loads(good)["sealed"])[:-1] + b"\0")
    case("sum_changed", "The last byte of the tag.", "not_authentic", changed(good, sealed=last))
    case("cut_short", "Less than a nonce.", "not_authentic", changed(good, sealed=h.b64(NONCE[:11])))
    case("revision_changed", "It is bound to the seal.", "not_authentic", changed(good, revision=8), 8)
    case("app_changed", "So is the app.", "not_authentic", changed(good, app="shed.example"))
    case("revision_of_the_register", "The register says another one.", "other_revision", good, 8)
    case("revision_of_the_register_clear", "Not sealed.", "other_revision", ring(), 8)
    case("revision_inside", "Sealed for another revision.", "other_revision", sealed.seal(ring(6), KEY, NONCE, APP, 7))
    case("app_inside", "Sealed for another app.", "other_app", sealed.seal(ring(7, "shed.example"), KEY, NONCE, APP, 7))
    case("key_absent", "Sealed by a key that is not here.", "unknown_key", good, keys=(OTHER_KEY,))
    case("key_none", "No key at all.", "unknown_key", good, keys=())
    case("form_unknown", "Of a later version.", "unknown_form", changed(good, haversack_sealed_ring=2))


def main():
    shutil.rmtree(VECTORS / "sealed", ignore_errors=True)
    documents()


if __name__ == "__main__":
    main()
