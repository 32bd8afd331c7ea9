"""Form tokens, section 18 of `haversack-v1.md`."""

import hmac

import haversack as h

LEN = 16  # bytes of a tag, and of the mask over it


def masked(tag, mask):
    return h.b64(mask + bytes(a ^ b for a, b in zip(mask, tag, strict=True)))


def unmasked(token):
    """The tag in a token; None if the text is not one."""
    try:
        data = h.unb64(token)
    except h.Rejection:
        return None
    if len(data) != 2 * LEN:
        return None
    return bytes(a ^ b for a, b in zip(data[:LEN], data[LEN:], strict=True))


def addressee(events):
    """The lineage, or None for one that begins, and the subject of the session after the response."""
    head, request, reading = events.r.winner, events.request, events.r
    if head:
        after = events.changed_subject() if events.closes(head) else events.subject_after(head)
        return None if events.closes(head) else head.lineage, after
    subject = events.changed_subject()
    if reading.kept_root and subject is None and not request.end:
        anonymous = [root for root in reading.admissible if root.subject is None]
        if anonymous:
            return min(anonymous, key=lambda root: (root.born, root.lineage)).lineage, None
    return None, subject


def verify(ring, reading, token):
    """"ok", or why the token is not of the session that was read."""
    tag = unmasked(token)
    if tag is None:
        return "malformed"

    def is_of(root, subject):
        return hmac.compare_digest(tag, ring.csrf_tag(root.lineage, subject))

    winner, others = reading.winner, reading.admissible
    if winner is None and reading.kept_root:
        return "ok" if any(is_of(root, root.subject) for root in others) else "unavailable"
    if winner is None:
        return "no_session"
    if is_of(winner, winner.subject):
        return "ok"
    if any(is_of(root, None) for root in others):
        return "ok" if winner.subject is None else "before_login"
    return "wrong"
