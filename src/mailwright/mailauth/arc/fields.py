"""The fields of ARC sets, and how they stand together.

Standards: RFC 8617 §4.1 (the three fields), §4.2.1 (instances), §5.2 step 3 (structure).
Promises: never raises; one pass over the header; what is wrong with the chain as a whole is its `problem`.
Not here: keys and signatures (verify.py), writing (seal.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mailwright.mail.header import Field, Header
from mailwright.mailauth.dkim.canonical import Canonicalisation
from mailwright.mailauth.dkim.signature import (
    Problem,
    Signature,
    read_algorithm,
    read_methods,
    read_number,
    read_octets,
    read_place,
    read_times,
    read_with,
    require,
)
from mailwright.mailauth.dkim.tags import parse_tags, split_list, without_space
from mailwright.values import dataclass

RESULTS, MESSAGE, SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"
MAX_INSTANCE = 50  # RFC 8617 §4.2.1

_COMMENT = r"(?:[ \t\r\n]|\([^()\\]*\))*+"  # CFWS, as deep as anybody writes it
_INSTANCE = re.compile(rf"{_COMMENT}i{_COMMENT}={_COMMENT}([0-9]+){_COMMENT};")


@dataclass(frozen=True, slots=True)
class ArcSet:
    """What one handler of the message put on it: what it saw, its signature on the message, its seal on the chain."""

    instance: int
    results: Field
    message: Signature
    seal: Signature
    status: str  # cv= of the seal


@dataclass(frozen=True, slots=True)
class Chain:
    """The sets of a message, oldest first; with a `problem`, none of them.

    `highest` is the highest instance that was read, whatever else is wrong; `failed`: its seal says `cv=fail`.
    """

    sets: tuple[ArcSet, ...] = ()
    problem: str = ""
    highest: int = 0
    failed: bool = False


def read_chain(header: Header) -> Chain:
    """Read all ARC fields of a message and check that they form a chain (RFC 8617 §5.2 steps 1 to 3)."""
    fields = {name: header.all(name) for name in (RESULTS, MESSAGE, SEAL)}
    if not any(fields.values()):
        return Chain()
    instances = {name: [_instance_of(field) for field in found[: 2 * MAX_INSTANCE]] for name, found in fields.items()}
    highest = max(max(found, default=0) for found in instances.values())
    seals = dict(zip(instances[SEAL], fields[SEAL], strict=False))
    failed = highest in seals and parse_tags(_text(seals[highest])).tags.get("cv") == "fail"
    problem = "the newest seal says that the chain failed before" if failed else _gap(instances, highest)
    if problem:
        return Chain((), problem, highest, failed)
    return _chain([dict(zip(instances[name], fields[name], strict=True)) for name in (RESULTS, MESSAGE, SEAL)], highest)


def _gap(instances: Mapping[str, Sequence[int]], highest: int) -> str:
    """What keeps the fields from being sets 1 to `highest` of one of each; "" if nothing does."""
    for name, found in instances.items():
        if 0 in found:
            return f"{name} without an instance from 1 to {MAX_INSTANCE}"
        instance, times = next(iter(Counter(found).most_common(1)), (0, 0))
        if times > 1:
            return f"{name} stands {times} times for i={instance}"
        missing = set(range(1, highest + 1)).difference(found)
        if missing:
            return f"{name} is missing for i={min(missing)}"
    return ""


def _chain(fields: Sequence[Mapping[int, Field]], highest: int) -> Chain:
    results, messages, seals = fields
    sets = []
    for instance in range(1, highest + 1):
        seal = parse_seal(seals[instance])
        sets.append(ArcSet(instance, results[instance], parse_message_signature(messages[instance]), seal, _status(seal)))
    problem = _out_of_line(sets)
    return Chain((), problem, highest) if problem else Chain(tuple(sets), "", highest)


def _out_of_line(sets: Iterable[ArcSet]) -> str:
    for one in sets:
        if one.seal.problem:
            return f"the seal of i={one.instance}: {one.seal.problem}"
        # RFC 8617 §5.2 step 3: the first set has no chain to speak of, all others must have found one that passes.
        expected = "none" if one.instance == 1 else "pass"
        if one.status != expected:
            return f"the seal of i={one.instance} says cv={one.status}, not {expected}"
    return ""


def parse_message_signature(field: Field) -> Signature:
    """Read one ARC-Message-Signature field (RFC 8617 §4.1.2): as DKIM's, but without v=, and with another i=."""
    return read_with(_read_message_signature, field)


def parse_seal(field: Field) -> Signature:
    """Read one ARC-Seal field (RFC 8617 §4.1.3). It signs no body, and the header fields of its chain alone."""
    return read_with(_read_seal, field)


def _read_message_signature(field: Field, tags: Mapping[str, str]) -> Signature:
    require(tags, ("a", "b", "bh", "d", "h", "s"))
    # Deviates: RFC 8617 §4.1.2 takes c= over from DKIM, whose default is simple. Those who leave it out mean relaxed, says
    # the public test suite (`ams_fields_c_na`), and hardly anybody leaves it out.
    algorithm, header_form, body_form = read_methods({"c": "relaxed/relaxed", **tags})
    domain, selector = read_place(tags)
    signed_at, expires_at = read_times(tags)
    return Signature(
        field,
        domain,
        selector,
        algorithm,
        identity_domain=domain,
        header_form=header_form,
        body_form=body_form,
        names=_names(tags["h"]),
        signature=read_octets(tags, "b"),
        body_hash=read_octets(tags, "bh"),
        length=read_number(tags, "l", 76),
        signed_at=signed_at,
        expires_at=expires_at,
        label=without_space(tags["b"])[:8],
    )


def _read_seal(field: Field, tags: Mapping[str, str]) -> Signature:
    require(tags, ("a", "b", "cv", "d", "s"))
    if "h" in tags:
        raise Problem("a seal has no h=")  # RFC 8617 §4.1.3: with it the chain fails. Other tags are ignored.
    domain, selector = read_place(tags)
    return Signature(
        field,
        domain,
        selector,
        read_algorithm(tags["a"]),
        identity_domain=domain,
        header_form=Canonicalisation.RELAXED,
        signature=read_octets(tags, "b"),
        signed_at=read_number(tags, "t", 12),
        label=without_space(tags["b"])[:8],
    )


def _names(value: str) -> tuple[str, ...]:
    # RFC 8617 §4.1.2: a seal is not signed, for it comes later. Nothing has to be: the seal holds the chain together.
    names = tuple(name for name in split_list(value.lower()) if name)
    joined = "".join(names)
    if not (joined.isascii() and joined.isprintable()) or " " in joined:
        raise Problem("signature syntax: h= is not a list of field names")
    if SEAL in names:
        raise Problem("h= lists ARC-Seal")
    return names


def _status(seal: Signature) -> str:
    return parse_tags(_text(seal.field)).tags.get("cv", "")[:20]


def _instance_of(field: Field) -> int:
    """The instance that a field says it is of; 0 where it can't be told."""
    if field.name == RESULTS:
        match = _INSTANCE.match(_text(field).decode("latin-1"))
        return _instance(match[1] if match else "")
    return _instance(parse_tags(_text(field)).tags.get("i", ""))


def _instance(value: str) -> int:
    # RFC 8617 §4.2.1: one or two digits.
    number = int(value) if value.isascii() and value.isdigit() and len(value) <= 2 else 0
    return number if number <= MAX_INSTANCE else 0


def _text(field: Field) -> bytes:
    return field.raw.partition(b":")[2]
