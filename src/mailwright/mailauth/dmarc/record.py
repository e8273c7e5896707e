"""What does this DMARC policy record say?

Standards: RFC 9989 §4.6-§4.8 (format), §4.10.1 (records without a usable policy); RFC 6376 §3.2 (tag lists).
Pure, linear, never raises: what is wrong with a record is told in its `defects`, and defaults stand in (§4.8).
Records read lately are kept in a small table keyed by their text.
Not here: finding the record (discovery.py), advice to owners (lint.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeVar

# Deviates: RFC 9989 sets no limit. No owner needs this much; a stranger might, to keep us busy.
MAX_RECORD = 10_000
_MAX_KEPT = 1024  # characters; longer records are rare and are read each time

E = TypeVar("E", bound=StrEnum)

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_VALUE = re.compile(r"[ -:<-~]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@$&'()*+=-]|%[0-9A-Fa-f]{2})+")
_SIZE = re.compile(r"![0-9]+[kmgtKMGT]?\Z")
REMOVED_TAGS = frozenset(["pct", "rf", "ri"])  # RFC 9989 §9.3: historic


class Policy(StrEnum):
    """What the owner wants done with mail that fails (RFC 9989 §4.7), from weak to strong."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Alignment(StrEnum):
    """How near an authenticated domain must be to the author's (RFC 9989 §3.2.10)."""

    RELAXED = "r"
    STRICT = "s"


class Psd(StrEnum):
    """Whether the record is of a public suffix (RFC 9989 §4.7)."""

    YES = "y"
    NO = "n"
    UNKNOWN = "u"


class DmarcDefect(StrEnum):
    """What is wrong with one tag."""

    MISSING = "missing"
    INVALID = "invalid"
    UNKNOWN = "unknown"
    REPEATED = "repeated"
    REMOVED = "removed"
    SIZE_SUFFIX = "size-suffix"


class TagDefect(NamedTuple):
    """A defect and the tag it is about ("" where there is no tag to name)."""

    defect: DmarcDefect
    tag: str


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A policy record, read, with the defaults of RFC 9989 §4.7 filled in.

    `applies` is false where nothing may be concluded from it (§4.10.1): no valid policy, and nobody to report to.
    Where only the policy is unusable, it stands as `p=none`. `rua` and `ruf` hold valid URIs without size suffixes.
    """

    text: str
    p: Policy = Policy.NONE
    sp: Policy | None = None
    np: Policy | None = None
    psd: Psd = Psd.UNKNOWN
    testing: bool = False
    adkim: Alignment = Alignment.RELAXED
    aspf: Alignment = Alignment.RELAXED
    rua: tuple[str, ...] = ()
    ruf: tuple[str, ...] = ()
    fo: tuple[str, ...] = ("0",)
    applies: bool = True
    defects: tuple[TagDefect, ...] = ()


def parse_record(text: str) -> DmarcRecord | None:
    """Read a TXT record, its strings joined. None: it is no DMARC record of this version (§4.7: MUST be ignored)."""
    if len(text) > MAX_RECORD or text[:1] != "v":
        return None
    return _parse_kept(text) if len(text) <= _MAX_KEPT else _parse(text)


def _parse(text: str) -> DmarcRecord | None:
    version = _VERSION.match(text)
    if version is None:
        return None
    tags = _Tags(text[version.end() :])
    p, sp, np = (tags.choice(name, Policy) for name in ("p", "sp", "np"))
    rua, ruf = tags.uris("rua"), tags.uris("ruf")
    # RFC 9989 §4.10.1: no valid p, or an invalid sp or np, makes the whole policy unusable.
    usable = p is not None and not tags.invalid & {"sp", "np"}
    if "p" not in tags.values:
        tags.note(DmarcDefect.MISSING, "p")
    return DmarcRecord(
        text,
        p=p if usable and p is not None else Policy.NONE,
        sp=sp if usable else None,
        np=np if usable else None,
        psd=tags.choice("psd", Psd) or Psd.UNKNOWN,
        testing=tags.choice("t", _YesNo) is _YesNo.YES,
        adkim=tags.choice("adkim", Alignment) or Alignment.RELAXED,
        aspf=tags.choice("aspf", Alignment) or Alignment.RELAXED,
        rua=rua,
        ruf=ruf,
        fo=tags.options(),
        applies=usable or bool(rua),
        defects=tuple(tags.defects),
    )


_parse_kept = lru_cache(maxsize=1024)(_parse)


class _YesNo(StrEnum):
    YES = "y"
    NO = "n"


_KNOWN = frozenset("p sp np psd t adkim aspf rua ruf fo".split())  # noqa: SIM905 (it reads better so)


class _Tags:
    """The tags after the version, and what is wrong with them."""

    def __init__(self, text: str) -> None:
        self.values: dict[str, str] = {}
        self.invalid: set[str] = set()
        self.defects: dict[TagDefect, None] = {}
        for part in text.split(";"):
            if part.strip(" \t"):
                self._add(part)

    def _add(self, part: str) -> None:
        # RFC 6376 §3.2: tag names are case-sensitive.
        name, equals, value = part.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not equals or _VALUE.fullmatch(value) is None:
            self.note(DmarcDefect.INVALID, name[:20])
            self.invalid.add(name)
        elif name in REMOVED_TAGS:
            self.note(DmarcDefect.REMOVED, name)
        elif name not in _KNOWN:
            self.note(DmarcDefect.UNKNOWN, name[:20])  # RFC 9989 §4.7: unknown tags MUST be ignored
        elif name in self.values:
            # RFC 9989 §4.8: a syntax error after the version is ignored outright, so the first value stands.
            self.note(DmarcDefect.REPEATED, name)
        else:
            self.values[name] = value

    def note(self, defect: DmarcDefect, tag: str) -> None:
        self.defects[TagDefect(defect, tag)] = None

    def choice(self, name: str, choices: type[E]) -> E | None:
        value = self.values.get(name)
        if value is None:
            return None
        try:
            return choices(value.lower())  # RFC 5234 §2.3: "none" and its like match in any case
        except ValueError:
            self.note(DmarcDefect.INVALID, name)
            self.invalid.add(name)
            return None

    def uris(self, name: str) -> tuple[str, ...]:
        found = []
        for part in self.values.get(name, "").split(",") if name in self.values else ():
            uri = _SIZE.sub("", part.strip(" \t"))
            if uri != part.strip(" \t"):
                self.note(DmarcDefect.SIZE_SUFFIX, name)  # RFC 9989 §4.8: obsolete, ignored
            if _valid_uri(uri):
                found.append(uri)
            else:
                self.note(DmarcDefect.INVALID, name)
        return tuple(found)

    def options(self) -> tuple[str, ...]:
        value = self.values.get("fo")
        if value is None:
            return ("0",)
        found = tuple(option.strip(" \t").lower() for option in value.split(":"))
        if set(found) <= set("01ds") and len(set(found)) == len(found) and not {"0", "1"} <= set(found):
            return found
        self.note(DmarcDefect.INVALID, "fo")
        return ("0",)


def _valid_uri(uri: str) -> bool:
    if _URI.fullmatch(uri) is None:
        return False
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        return True
    local_part, at, domain = rest.partition("?")[0].rpartition("@")
    return bool(local_part and at and domain)
