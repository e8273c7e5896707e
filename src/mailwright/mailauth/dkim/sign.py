"""DKIM signatures for what we send.

Standards: RFC 6376 §5, RFC 8301, RFC 8463; `l=` is never written.
Every signature is relaxed/relaxed, carries t= and x=, and is oversigned: fields that matter are listed once more than
they are there, so that none can be added. RSA comes first, Ed25519 second.
The message must be what goes on the wire: CRLF, before dot-stuffing, after any downgrade to 7 bits.
Not here: when to change keys.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache

from mailwright.mail.header import Header
from mailwright.mailauth.dkim.canonical import BodyHash, Canonicalisation, canonical_header, hash_body, signed_fields
from mailwright.mailauth.dkim.keys import Algorithm, SigningKey, domain_name

LIFETIME = 14 * 24 * 3600  # seconds; longer than any queue holds a message, short enough to limit replay
WIDTH = 78

OVERSIGNED = (
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
    "agent-identity",
    "feedback-id",
    "cfbl-address",
)
SIGNED = (
    "cfbl-feedback-id",
    "content-description",
    "content-disposition",
    "content-id",
    "content-language",
    "disposition-notification-to",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "resent-cc",
    "resent-date",
    "resent-from",
    "resent-message-id",
    "resent-reply-to",
    "resent-sender",
    "resent-to",
    "tls-report-domain",
    "tls-report-submitter",
    "tls-required",
)
_COVERED = frozenset((*OVERSIGNED, *SIGNED))


def sign(
    header: Header,
    body: bytes | Iterable[bytes],
    keys: Sequence[SigningKey],
    *,
    now: int,
    lifetime: int = LIFETIME,
    identity: str = "",
) -> bytes:
    """The DKIM-Signature fields to put before the message, one for each key, CRLF at the end of each.

    `body` is all after the empty line, whole or in pieces; it is hashed once. `identity` is `i=`, left out when empty.
    Raises ValueError for what must not be sent: no From, a malformed header, an identity outside a key's domain, no lifetime.
    """
    if lifetime <= 0:
        raise ValueError("x= must be later than t=")  # RFC 6376 §3.5
    if not header.first("from"):
        raise ValueError("a message without From can't be signed")  # RFC 6376 §5.4
    if header.defects and header.defects != ("no-separator",):
        raise ValueError(f"a malformed header can't be signed: {', '.join(header.defects)}")
    body_hash = BodyHash(Canonicalisation.RELAXED)
    hash_body((body,) if isinstance(body, bytes) else body, (body_hash,))
    names, folded_names = _names(_covered(header))
    covered = canonical_header([field.raw for field in signed_fields(header, names)], Canonicalisation.RELAXED)
    stamp = (f"t={now};", f"x={now + lifetime};")
    tail = f"{folded_names}\r\n bh={b64encode(body_hash.digest()).decode()};\r\n b="
    fields = []
    for key in sorted(keys, key=lambda key: key.algorithm is not Algorithm.RSA_SHA256):
        tags = (*_place(key), *_identity(identity, key), *stamp)
        field = (_fold("DKIM-Signature:", tags) + tail).encode()
        own = canonical_header((field,), Canonicalisation.RELAXED)
        signature = b64encode(key.sign(b"%b\r\n%b" % (covered, own)))
        fields.append(field + _fold_octets(signature) + b"\r\n")
    return b"".join(fields)


def covered_names(header: Header) -> tuple[str, ...]:
    """What a signature on this header covers, in lower case: `h=`."""
    return _names(_covered(header))[0]


def _covered(header: Header) -> tuple[str, ...]:
    return tuple([field.name for field in header.fields if field.name in _COVERED])


@lru_cache(maxsize=256)
def _names(there: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """`h=` as names and as folded text, from the fields that are there. Most mail of one sender has one shape."""
    names: list[str] = []
    for name in OVERSIGNED:
        names += [name] * (there.count(name) + 1)
    for name in SIGNED:
        names += [name] * there.count(name)
    words = [name + ":" for name in names[:-1]] + [names[-1] + ";"]
    words[0] = "h=" + words[0]
    lines, line = [], "\r\n "
    for word in words:
        if len(line) - 2 + len(word) > WIDTH:
            lines.append(line)
            line = "\r\n "
        line += word
    return tuple(names), "".join((*lines, line))


def _place(key: SigningKey) -> tuple[str, ...]:
    return "v=1;", f"a={key.algorithm};", "c=relaxed/relaxed;", f"d={key.domain};", f"s={key.selector};"


def _identity(identity: str, key: SigningKey) -> tuple[str, ...]:
    if not identity:
        return ()
    local, at, host = identity.rpartition("@")
    name = domain_name(host)
    if not at or name is None or not ("." + name).endswith("." + key.domain):
        raise ValueError(f"the identity is not within {key.domain}: {identity[:80]!r}")
    return (f"i={_quote(local)}@{name};",)


def _quote(text: str) -> str:
    """dkim-quoted-printable (RFC 6376 §2.11): all that might be misread becomes =XX."""
    return "".join(
        chr(octet) if 0x20 < octet < 0x7F and octet not in b";=" else f"={octet:02X}"
        for octet in text.encode("utf-8", "replace")
    )


def _fold(start: str, words: Iterable[str]) -> str:
    """Words with a space between them, in lines of at most WIDTH columns where the words allow it."""
    out, column = start, len(start)
    for word in words:
        if column + 1 + len(word) > WIDTH:
            out, column = out + "\r\n", 0
        out += " " + word
        column += 1 + len(word)
    return out


def _fold_octets(text: bytes) -> bytes:
    """base64 in lines of at most WIDTH columns, the first of which begins after " b="."""
    first = WIDTH - 3
    rest = (text[at : at + WIDTH - 1] for at in range(first, len(text), WIDTH - 1))
    return b"\r\n ".join((text[:first], *rest))
