"""What does this SPF record say? The whole grammar, read before anything is evaluated.

Standards: RFC 7208 §4.5, §4.6, §5, §6, §12.
Pure, linear, never raises: a record that breaks the grammar anywhere comes back with its `error` (§4.6: permerror).
Records read lately are kept in a small table keyed by their text.
Not here: asking DNS and matching (evaluate.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from mailwright.mail.questions import Question, RecordType
from mailwright.mailauth.names import to_dns_name
from mailwright.mailauth.spf.macros import MacroString, MacroSyntaxError, parse_domain_spec, parse_macro_string
from mailwright.mailauth.spf.verdict import SpfResult

# Deviates: RFC 7208 §3.4 sets no limit. Eleven records of this length still cost only some 20 ms of work.
MAX_RECORD = 10_000
_MAX_KEPT = 1024  # characters; longer records are rare and are read each time

_QUALIFIERS = {
    "+": SpfResult.PASS,
    "-": SpfResult.FAIL,
    "~": SpfResult.SOFTFAIL,
    "?": SpfResult.NEUTRAL,
}
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=")
_NAME = re.compile(r"[^:/]*")
_DUAL_CIDR = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z")
_IP4 = re.compile(r":([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?:/(0|[1-9][0-9]?))?")
_IP6 = re.compile(r":([0-9A-Fa-f:.]+)(?:/(0|[1-9][0-9]{0,2}))?")
_ALL_32 = (1 << 32) - 1
_ALL_128 = (1 << 128) - 1


class Kind(StrEnum):
    """The mechanisms of RFC 7208 §5."""

    ALL = "all"
    INCLUDE = "include"
    A = "a"
    MX = "mx"
    PTR = "ptr"
    IP4 = "ip4"
    IP6 = "ip6"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One directive: `result` is the verdict when it matches, `text` the term as published.

    `ip4` and `ip6` match where `address & mask == network`. For `a` and `mx`, `mask` and `mask6` are the two lengths.
    `question` is what the term asks first, where that does not depend on the message.
    """

    kind: Kind
    result: SpfResult
    text: str
    target: MacroString | None = None
    network: int = 0
    mask: int = _ALL_32
    mask6: int = _ALL_128
    question: Question | None = None
    question6: Question | None = None
    local: bool = False  # it asks nothing: all, ip4, ip6


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was read; where `error` is not empty, only what stood before the fault is here."""

    text: str
    mechanisms: tuple[Mechanism, ...] = ()
    redirect: MacroString | None = None
    exp: MacroString | None = None
    error: str = ""


class _Broken(ValueError):
    pass


def is_spf(text: str) -> bool:
    """True for a TXT record whose version section is `v=spf1`, ended by a space or by the record (RFC 7208 §4.5)."""
    return text[:6].lower() == "v=spf1" and text[6:7] in ("", " ")


def parse_record(text: str) -> Record:
    """Read a TXT record for which `is_spf` holds, its strings joined without spaces (§3.3)."""
    if len(text) > MAX_RECORD:
        return Record(text[:MAX_RECORD], error=f"the record is longer than {MAX_RECORD} characters")
    return _parse_kept(text) if len(text) <= _MAX_KEPT else _parse(text)


def _parse(text: str) -> Record:
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, MacroString] = {}
    error = ""
    try:
        if not text.isascii():
            raise _Broken("the record has characters outside ASCII")  # RFC 7208 §3.1
        for term in text[6:].split(" "):
            if term:
                _add_term(term, mechanisms, modifiers)
    except (_Broken, MacroSyntaxError) as fault:
        error = str(fault)
    return Record(text, tuple(mechanisms), modifiers.get("redirect"), modifiers.get("exp"), error)


_parse_kept = lru_cache(maxsize=1024)(_parse)


def _add_term(term: str, mechanisms: list[Mechanism], modifiers: dict[str, MacroString]) -> None:
    match = _MODIFIER.match(term)
    if match is None:
        mechanisms.append(_mechanism(term))
        return
    name, value = match[1].lower(), term[match.end() :]
    if name not in ("redirect", "exp"):
        parse_macro_string(value)  # RFC 7208 §6: an unknown modifier is ignored, yet its syntax is checked
    elif name in modifiers:
        raise _Broken(f"{name}= stands twice")  # §6: MUST NOT appear more than once
    else:
        modifiers[name] = parse_domain_spec(value)


def _mechanism(term: str) -> Mechanism:
    result = _QUALIFIERS.get(term[0])
    body = term if result is None else term[1:]
    name = _NAME.match(body)[0]  # type: ignore[index]  # it matches anything
    try:
        kind = Kind(name.lower())
    except ValueError:
        raise _Broken(f"{term[:80]!r} is not a mechanism") from None
    return _READERS[kind](term, result or SpfResult.PASS, kind, body[len(name) :])


def _read_all(term: str, result: SpfResult, kind: Kind, rest: str) -> Mechanism:
    if rest:
        raise _Broken(f"{term[:80]!r}: `all` takes no argument")
    return Mechanism(kind, result, term, local=True)


def _read_target(term: str, result: SpfResult, kind: Kind, rest: str) -> Mechanism:
    if kind is Kind.PTR and not rest:
        return Mechanism(kind, result, term)
    if rest[:1] != ":":
        raise _Broken(f"{term[:80]!r} needs a domain after a colon")
    target = parse_domain_spec(rest[1:])
    asked = {Kind.INCLUDE: RecordType.TXT, Kind.EXISTS: RecordType.A}.get(kind)
    question = _question(target, asked)
    return Mechanism(kind, result, term, target, question=question, question6=question)


def _read_hosts(term: str, result: SpfResult, kind: Kind, rest: str) -> Mechanism:
    lengths = _DUAL_CIDR.search(rest)
    assert lengths is not None  # it matches the empty end of any text
    mask, mask6 = _mask(lengths[1], 32, term), _mask(lengths[2], 128, term)
    rest = rest[: lengths.start()]
    if not rest:
        return Mechanism(kind, result, term, mask=mask, mask6=mask6)
    if rest[0] != ":":
        raise _Broken(f"{term[:80]!r} has a malformed prefix length")
    target = parse_domain_spec(rest[1:])
    first, second = (RecordType.MX, RecordType.MX) if kind is Kind.MX else (RecordType.A, RecordType.AAAA)
    asked, asked6 = _question(target, first), _question(target, second)
    return Mechanism(kind, result, term, target, mask=mask, mask6=mask6, question=asked, question6=asked6)


def _read_ip4(term: str, result: SpfResult, kind: Kind, rest: str) -> Mechanism:
    match = _IP4.fullmatch(rest)
    if match is None or any(int(octet) > 255 or (octet[0] == "0" and octet != "0") for octet in match.groups()[:4]):
        raise _Broken(f"{term[:80]!r} is not an IPv4 network")
    mask = _mask(match[5], 32, term)
    address = int.from_bytes(bytes(int(octet) for octet in match.groups()[:4]), "big")
    return Mechanism(kind, result, term, network=address & mask, mask=mask, local=True)


def _read_ip6(term: str, result: SpfResult, kind: Kind, rest: str) -> Mechanism:
    match = _IP6.fullmatch(rest)
    try:
        address = int(IPv6Address(match[1])) if match else None
    except AddressValueError:
        address = None
    if match is None or address is None:
        raise _Broken(f"{term[:80]!r} is not an IPv6 network")
    mask = _mask(match[2], 128, term)
    return Mechanism(kind, result, term, network=address & mask, mask=mask, local=True)


_READERS = {
    Kind.ALL: _read_all,
    Kind.INCLUDE: _read_target,
    Kind.A: _read_hosts,
    Kind.MX: _read_hosts,
    Kind.PTR: _read_target,
    Kind.IP4: _read_ip4,
    Kind.IP6: _read_ip6,
    Kind.EXISTS: _read_target,
}


def _mask(length: str | None, bits: int, term: str) -> int:
    if length is None:
        return (1 << bits) - 1
    if int(length) > bits:
        raise _Broken(f"{term[:80]!r} has a prefix longer than {bits} bits")
    return ((1 << int(length)) - 1) << (bits - int(length))


def _question(target: MacroString, record_type: RecordType | None) -> Question | None:
    name = None if target.fixed is None or record_type is None else to_dns_name(target.fixed)
    return None if name is None or record_type is None else Question(name, record_type)
