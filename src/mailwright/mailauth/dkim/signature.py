"""The DKIM-Signature field, read and checked as far as that goes without the message and without DNS.

Standards: RFC 6376 §3.5, §6.1.1; RFC 8301 (no SHA-1), RFC 8463, RFC 8616.
Promises: never raises; `problem` says what is wrong, and what could be read is there all the same.
Not here: keys (keys.py), the verdict on the message (verify.py), what ARC has otherwise (arc/fields.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from mailwright.mail.header import Field
from mailwright.mailauth.dkim.canonical import Canonicalisation
from mailwright.mailauth.dkim.keys import Algorithm, domain_name
from mailwright.mailauth.dkim.tags import decode_base64, decode_quoted, parse_tags, split_list, without_space
from mailwright.values import dataclass

_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")
_FORMS = {form.value: form for form in Canonicalisation}
ALGORITHMS = {algorithm.value: algorithm for algorithm in Algorithm}
FOREVER = 10**12  # RFC 6376 §3.5 x=: longer numbers may be taken as infinite.


class Verdict(StrEnum):
    """What is said of a signature, in the words of RFC 8601 §2.7.1."""

    NONE = "none"
    """The message is not signed."""
    PASS = "pass"
    """The signature is valid."""
    FAIL = "fail"
    """The signature does not match the message, or it has expired."""
    POLICY = "policy"
    """The signature matches, but leaves out something we insist on."""
    NEUTRAL = "neutral"
    """The signature is of a kind that we don't know, so nothing can be said."""
    TEMPERROR = "temperror"
    """DNS failed; a later attempt may succeed."""
    PERMERROR = "permerror"
    """The signature or its key is broken, revoked, missing or too weak; no later attempt will succeed."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The tags of one signature. With a `problem`, the other values are as far as reading got."""

    field: Field
    domain: str = ""  # d=, A-labels, lower case
    selector: str = ""  # s=, likewise
    algorithm: str = ""  # a=
    identity: str = ""  # i=, decoded; @d where it is not given
    identity_domain: str = ""
    header_form: Canonicalisation = Canonicalisation.SIMPLE
    body_form: Canonicalisation = Canonicalisation.SIMPLE
    names: tuple[str, ...] = ()  # h=, lower case
    signature: bytes = b""  # b=
    body_hash: bytes = b""  # bh=
    length: int | None = None  # l=
    signed_at: int | None = None  # t=
    expires_at: int | None = None  # x=
    label: str = ""  # the first characters of b=, which tell signatures apart (RFC 6008)
    verdict: Verdict = Verdict.NONE  # what the problem amounts to; NONE without one
    problem: str = ""

    @property
    def key_name(self) -> str:
        """Where its key is published (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


class _Signer(NamedTuple):
    """What is the same in all that one signs: part of a Signature, in its order."""

    domain: str
    selector: str
    algorithm: str
    identity: str
    identity_domain: str
    header_form: Canonicalisation
    body_form: Canonicalisation


class Problem(Exception):
    """Why a signature can't be used; never leaves this module and those that read with its functions."""

    def __init__(self, problem: str, verdict: Verdict = Verdict.PERMERROR) -> None:
        super().__init__(problem)
        self.problem, self.verdict = problem, verdict


Reader: TypeAlias = Callable[[Field, Mapping[str, str]], Signature]


def parse_signature(field: Field) -> Signature:
    """Read one DKIM-Signature field (RFC 6376 §3.5, §6.1.1)."""
    return read_with(_read, field)


def read_with(read: Reader, field: Field) -> Signature:
    """Read a field with the function that knows its tags; what that raises becomes the signature's `problem`."""
    listed = parse_tags(field.raw.partition(b":")[2])
    tags = listed.tags
    try:
        if listed.defect:
            raise Problem(f"signature syntax: {listed.defect}")
        return read(field, tags)
    except Problem as found:
        return Signature(
            field,
            domain=domain_name(tags.get("d", "")) or "",
            selector=domain_name(tags.get("s", "")) or "",
            algorithm=tags.get("a", "")[:40],
            label=without_space(tags.get("b", ""))[:8],
            verdict=found.verdict,
            problem=found.problem,
        )


def require(tags: Mapping[str, str], names: Iterable[str]) -> None:
    """Raises Problem for a tag that has to be there and is not."""
    for name in names:
        if name not in tags:
            raise Problem(f"signature syntax: no {name}=")


def _read(field: Field, tags: Mapping[str, str]) -> Signature:
    require(tags, _REQUIRED)
    if tags["v"] != "1":
        raise Problem("unknown version")
    signer = _signer_of(tags)
    signed_at, expires_at = read_times(tags)
    return Signature(
        field,
        *signer,
        _names(tags["h"]),
        read_octets(tags, "b"),
        read_octets(tags, "bh"),
        read_number(tags, "l", 76),
        signed_at,
        expires_at,
        label=without_space(tags["b"])[:8],
    )


_SIGNER = ("a", "c", "q", "d", "s", "i")


def _signer_of(tags: Mapping[str, str]) -> _Signer:
    said = tuple([tags.get(name) for name in _SIGNER])
    # Only q= and i= may be long: where another is, it is refused, and a refusal is not kept (S17).
    return _kept_signer(*said) if len(said[2] or "") + len(said[5] or "") < 500 else _signer(*said)


def _signer(*said: str | None) -> _Signer:
    tags = {name: value for name, value in zip(_SIGNER, said, strict=True) if value is not None}
    algorithm, header_form, body_form = read_methods(tags)
    domain, selector = read_place(tags)
    return _Signer(domain, selector, algorithm, *_identity(tags.get("i"), domain), header_form, body_form)


_kept_signer = lru_cache(maxsize=512)(_signer)


def read_methods(tags: Mapping[str, str]) -> tuple[Algorithm, Canonicalisation, Canonicalisation]:
    """What a=, c= and q= say: the algorithm, and the forms of header and body."""
    algorithm = read_algorithm(tags["a"])
    header_form, body_form = _forms(tags.get("c", "simple/simple"))
    # RFC 6376 §3.5 q=: unknown methods are skipped; "dns" without "/txt" is none of ours.
    if "q" in tags and "dns/txt" not in split_list(tags["q"]):
        raise Problem("unknown query method", Verdict.NEUTRAL)
    return algorithm, header_form, body_form


def read_place(tags: Mapping[str, str]) -> tuple[str, str]:
    """What d= and s= say: where the key is."""
    domain, selector = domain_name(tags["d"]), domain_name(tags["s"])
    # RFC 6376 §3.5 d=: a domain has two labels at least.
    if domain is None or "." not in domain:
        raise Problem("signature syntax: d= is not a domain")
    if selector is None or len(selector) + len(domain) > 253 - len("._domainkey."):
        raise Problem("signature syntax: s= is not a selector")
    return domain, selector


def read_times(tags: Mapping[str, str]) -> tuple[int | None, int | None]:
    """What t= and x= say."""
    signed_at, expires_at = read_number(tags, "t", 12), read_number(tags, "x", 12)
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise Problem("signature syntax: x= is not later than t=")
    return signed_at, expires_at


def read_algorithm(value: str) -> Algorithm:
    """What a= says."""
    known = ALGORITHMS.get(value)
    if known is None:
        # RFC 8301 §3.1: rsa-sha1 must not be used to verify. Of other names we know nothing and say nothing.
        if value == "rsa-sha1":
            raise Problem("rsa-sha1 is not accepted")
        raise Problem("unknown algorithm", Verdict.NEUTRAL)
    return known


def _forms(value: str) -> tuple[Canonicalisation, Canonicalisation]:
    header, slash, body = value.partition("/")
    try:
        return _FORMS[header], _FORMS[body if slash else "simple"]  # RFC 6376 §3.5 c=: one name is for the header.
    except KeyError:
        raise Problem("unknown canonicalisation", Verdict.NEUTRAL) from None


def _identity(value: str | None, domain: str) -> tuple[str, str]:
    if value is None:
        return "@" + domain, domain
    local, at, host = (decode_quoted(value) or "").rpartition("@")
    name = domain_name(host)
    if not at or name is None:
        raise Problem("signature syntax: i= is not an address")
    # RFC 6376 §3.5 i=: the same domain as d=, or one below it.
    if name != domain and not name.endswith("." + domain):
        raise Problem("i= is not within d=")
    return f"{local}@{name}", name


def _names(value: str) -> tuple[str, ...]:
    # A signer names the same fields in all of its messages.
    return _kept_names(value) if len(value) <= 2000 else _read_names(value)


def _read_names(value: str) -> tuple[str, ...]:
    names = split_list(value.lower())
    joined = "".join(names)
    if not (all(names) and joined.isascii() and joined.isprintable()) or " " in joined:
        raise Problem("signature syntax: h= is not a list of field names")
    if "from" not in names:
        raise Problem("From is not signed")  # RFC 6376 §5.4, §6.1.1
    return names


_kept_names = lru_cache(maxsize=512)(_read_names)


def read_octets(tags: Mapping[str, str], name: str) -> bytes:
    """The octets of a tag in base64."""
    octets = decode_base64(tags[name])
    if not octets:
        raise Problem(f"signature syntax: {name}= is not base64")
    return octets


def read_number(tags: Mapping[str, str], name: str, digits: int) -> int | None:
    """The number of a tag; None where it is not there, FOREVER where it is longer than `digits`."""
    value = tags.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()):
        raise Problem(f"signature syntax: {name}= is not a number")
    return int(value) if len(value) <= digits else FOREVER
