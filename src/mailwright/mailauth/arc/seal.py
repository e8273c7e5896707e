"""ARC: a new set on a message that we hand on, so that the next receiver can know what we saw.

Standards: RFC 8617 §5.1; RFC 6376 §5 for the signature. Legacy: nobody should need it for mail of his own.
The form is the one that the public test suite asks for: tags in alphabetical order, relaxed/relaxed, `b=` on one line.
The message must be what goes on the wire, changed in whatever way it will be.
Not here: the chain so far (verify.py), what was seen (authenticate.py).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence

from mailwright.mail.header import Header, parse_header
from mailwright.mailauth.arc.fields import MAX_INSTANCE, RESULTS, SEAL, ArcSet, read_chain
from mailwright.mailauth.arc.verify import ArcResult, ArcVerdict, signed_by_seals
from mailwright.mailauth.authres import FIELD
from mailwright.mailauth.dkim.canonical import BodyHash, Canonicalisation, canonical_header, hash_body, signed_fields
from mailwright.mailauth.dkim.keys import SigningKey
from mailwright.mailauth.dkim.sign import covered_names
from mailwright.mailauth.dkim.signature import Signature

WIDTH = 78
_NEVER = frozenset((RESULTS, SEAL, FIELD))  # RFC 8617 §4.1.2


def seal(
    header: Header,
    body: bytes | Iterable[bytes],
    key: SigningKey,
    *,
    chain: ArcVerdict,
    authserv_id: str,
    results: str,
    now: int,
    names: Sequence[str] = (),
) -> bytes:
    """The three fields to put on top, CRLF at the end of each; b"" where nobody may seal any more.

    `chain` is what `verify` said of this very message before we changed anything. `results` is what Authentication-Results
    says behind the identifier (`authres.own_results` takes it from the fields that we wrote). `names` is `h=`, else what
    DKIM would sign. Raises ValueError for what must not be sealed: no From, a malformed header, an unknown chain.
    """
    if chain.result is ArcResult.TEMPERROR:
        raise ValueError("whether the chain holds is not known: try again later")
    if not header.first("from") or (header.defects and header.defects != ("no-separator",)):
        raise ValueError("a message without From or with a malformed header can't be sealed")
    # RFC 8617 §5.1 step 2: after cv=fail the chain is over; §4.2.1: it has 50 sets at most.
    if chain.ended or chain.instance >= MAX_INSTANCE:
        return b""
    instance = chain.instance + 1
    # RFC 8601 §2.2: nothing found is said by a word.
    own = _field(f"ARC-Authentication-Results: i={instance}; {authserv_id};", results.split() or ["none"])
    tags = _tags(key, instance, now)
    message = _message_signature(header, body, key, tags, tuple(names) or _names(header))
    return _sealed(header, key, tags | {"cv": chain.result.value}, (own, message))


def _sealed(header: Header, key: SigningKey, tags: dict[str, str], own: tuple[bytes, bytes]) -> bytes:
    instance = int(tags["i"])
    unsigned = _field("ARC-Seal:", _words(tags | {"b": ""}))
    results, message, seal_field = (parse_header(raw).fields[0] for raw in (*own, unsigned))
    # RFC 8617 §5.1.2: over a chain that fails, the seal covers its own set alone.
    before = () if tags["cv"] == "fail" else read_chain(header).sets
    new = ArcSet(instance, results, Signature(message), Signature(seal_field), tags["cv"])
    *_, signed = signed_by_seals((*before, new))
    signature = b64encode(key.sign(signed)).decode()
    return _field("ARC-Seal:", _words(tags | {"b": signature})) + own[1] + own[0]


def _message_signature(
    header: Header, body: bytes | Iterable[bytes], key: SigningKey, tags: dict[str, str], names: Sequence[str]
) -> bytes:
    body_hash = BodyHash(Canonicalisation.RELAXED)
    hash_body((body,) if isinstance(body, bytes) else body, (body_hash,))
    listed = [name.lower() for name in names]
    if _NEVER.intersection(listed):
        raise ValueError(f"a message signature never covers {', '.join(sorted(_NEVER))}")
    tags = tags | {"bh": b64encode(body_hash.digest()).decode(), "c": "relaxed/relaxed", "h": _list(listed)}
    unsigned = _field("ARC-Message-Signature:", _words(tags | {"b": ""}))
    covered = [field.raw for field in signed_fields(header, listed)]
    signed = canonical_header((*covered, unsigned), Canonicalisation.RELAXED)
    return _field("ARC-Message-Signature:", _words(tags | {"b": b64encode(key.sign(signed)).decode()}))


def _tags(key: SigningKey, instance: int, now: int) -> dict[str, str]:
    return {"a": key.algorithm, "d": key.domain, "i": str(instance), "s": key.selector, "t": str(now)}


def _words(tags: dict[str, str]) -> list[str]:
    words = [f"{name}={value};" for name, value in sorted(tags.items())]
    words[-1] = words[-1].removesuffix(";")
    return words


def _list(names: Sequence[str]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) + 4 > WIDTH:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n ".join(lines).removesuffix(":")


def _field(start: str, words: Iterable[str]) -> bytes:
    """A field of words with a space between them, folded where they are longer than a line; CRLF at its end."""
    out, column = [start], len(start)
    for word in words:
        fold = column + 1 + len(word) > WIDTH
        out.append(f"\r\n {word}" if fold else f" {word}")
        column = len(word.rpartition("\n")[2]) + 1 + (0 if fold else column)
    return "".join((*out, "\r\n")).encode("utf-8", "replace")


def _names(header: Header) -> tuple[str, ...]:
    # RFC 8617 §4.1.2: DKIM signatures that are there should be covered.
    return (*covered_names(header), *("dkim-signature" for _ in header.all("dkim-signature")))
