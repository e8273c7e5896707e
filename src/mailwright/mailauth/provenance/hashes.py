"""What of a message is hashed, and how: header, body, parts, recipient.

Standard: docs/agent-identity.md §4; RFC 6376 §3.4 for the relaxed forms.
Promises: linear in the message; each hash has a prefix of its own, so that none can stand for another.
Not here: signatures.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from itertools import islice

from mailwright.mail import mime
from mailwright.mail.header import Header, Raw
from mailwright.mail.words import exact_codec
from mailwright.mailauth.dkim.canonical import BodyHash, Canonicalisation, body_chunks, canonical_header, hash_body
from mailwright.mailauth.provenance.tags import MAX_PARTS

CORE = ("from", "date", "message-id")

_CUT_SHORT = frozenset((mime.MimeDefect.TOO_DEEP, mime.MimeDefect.TOO_MANY_PARTS, mime.MimeDefect.TOO_LARGE))
_SURROGATE = re.compile("[\ud800-\udfff]")


def text_of(digest: bytes) -> str:
    """A digest as the field writes it: base64url without padding."""
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def hash_of(prefix: bytes, data: bytes) -> str:
    """H(prefix, data)."""
    return text_of(sha256(prefix + b"\0" + data).digest())


def header_hash(header: Header, names: Iterable[str]) -> str:
    """`hh`, and `ch` over CORE. How many fields there are of each name is hashed too, so that an added one shows."""
    fields = [(name, header.all(name)) for name in names]
    raw = [field.raw for _, found in fields for field in reversed(found)]
    # In its canonical form a field is one line, and all at once take a third of the time.
    lines = iter(canonical_header(raw, Canonicalisation.RELAXED).split(b"\r\n"))
    covered: list[bytes] = []
    for name, found in fields:
        covered.append(b"%b#%d" % (name.encode("ascii"), len(found)))
        covered += islice(lines, len(found))
    return hash_of(b"aid2-h", b"".join([line + b"\r\n" for line in covered]))


def body_hash(raw: Raw, start: int) -> str:
    """`bh`: the body from `start` on, in DKIM's relaxed form."""
    body = BodyHash(Canonicalisation.RELAXED, prefix=b"aid2-b\0")
    hash_body(body_chunks(raw, start), (body,))
    return text_of(body.digest())


def recipient_hash(nonce: str, rcpt: str) -> str:
    """`rc`: who knows the address can compare; who does not, learns nothing (the nonce is in no two messages the same)."""
    return hash_of(b"aid2-r", hmac.digest(bytes.fromhex(nonce), rcpt.lower().encode(), "sha256"))


def part_hashes(raw: Raw, header: Header) -> list[str] | None:
    """The hashes of all leaf parts in their order; None for a message too deep or too large to be taken apart."""
    root = mime.parse(raw, header)
    if _CUT_SHORT & mime.all_defects(root):
        return None
    return [hash_of(b"aid2-p", _part(part)) for part in mime.leaves(root)]


def parts_tag(hashes: list[str] | None) -> str:
    """`ph`, from the hashes of all parts."""
    return "none" if hashes is None or len(hashes) > MAX_PARTS else ".".join(hashes)


def _part(part: mime.Part) -> bytes:
    content = _text(part) if part.type == "text" else part.decoded()
    return b"\0".join((part.content_type.encode("utf-8", "replace"), part.filename.encode("utf-8", "replace"), content))


def _text(part: mime.Part) -> bytes:
    # What relays do to text undone: transfer encodings, other charsets, line ends, white space before them.
    text = part.decoded().decode(exact_codec(part.params.get("charset", "")) or "utf-8", "replace")
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join([line.rstrip(" \t") for line in lines]).rstrip("\n").encode()
