"""Tag lists (`v=1; a=rsa-sha256; ...`): the one syntax that DKIM signatures, key records, ARC and DMARC share.

Standards: RFC 6376 §3.2, RFC 8616 §3 (UTF-8 in values).
Promises: never raises; one pass; the tags before and after a defect are still there, so that a caller may be lenient.
Not here: what a tag means (signature.py, keys.py).
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping
from enum import StrEnum

from mailwright.values import dataclass

FWS = " \t\r\n"
_HEX = frozenset("0123456789ABCDEF")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROLS = bytes(octet for octet in range(128) if _CONTROL.match(chr(octet)))


class TagDefect(StrEnum):
    """Why a tag list is not valid as a whole."""

    EMPTY = "no tags"
    SYNTAX = "tag syntax"
    DUPLICATE = "duplicate tag"
    CONTROL = "control character"


@dataclass(frozen=True, slots=True)
class TagList:
    """Tags in their order, values trimmed with inner white space kept; of a repeated tag the first value.

    `defect` is None when the list is valid. A caller that keeps to RFC 6376 refuses the whole list otherwise.
    """

    tags: Mapping[str, str]
    defect: TagDefect | None = None


def parse_tags(text: bytes | str) -> TagList:
    """Read a tag list (RFC 6376 §3.2), folded or not. Bytes are UTF-8; what isn't becomes U+FFFD."""
    if isinstance(text, str):
        control = not text.isprintable() and _CONTROL.search(text) is not None
    else:
        control = len(text.translate(None, _CONTROLS)) < len(text)
        text = text.decode(errors="replace")
    tags: dict[str, str] = {}
    defect: TagDefect | None = None
    specs = text.split(";")
    if len(specs) > 1 and not specs[-1].strip(FWS):
        specs.pop()  # RFC 6376 §3.2: one final semicolon is allowed.
    for spec in specs:
        name, equals, value = spec.partition("=")
        name = name.strip(FWS)
        # ALPHA *(ALPHA / DIGIT / "_"): just what ASCII identifiers are, less a leading underscore.
        if not equals or not (name.isidentifier() and name.isascii()) or name[0] == "_":
            defect = defect or TagDefect.SYNTAX
        elif name in tags:
            defect = TagDefect.DUPLICATE  # RFC 6376 §3.2: the entire list is invalid then.
        else:
            tags[name] = value.strip(FWS)
    if control:
        defect = defect or TagDefect.CONTROL
    if not tags and not text.strip(FWS):
        defect = TagDefect.EMPTY
    return TagList(tags, defect)


def without_space(value: str) -> str:
    """The value less all white space, as names, numbers and base64 are to be read."""
    return value.replace(" ", "").replace("\t", "").replace("\r", "").replace("\n", "")


def split_list(value: str) -> tuple[str, ...]:
    """The items of a colon-separated value, white space around them dropped; an empty item stays "" (a syntax error)."""
    return tuple([item.strip(FWS) for item in value.split(":")])


def decode_base64(value: str) -> bytes | None:
    """The octets of a base64 value with white space in it; None where it can't be read."""
    packed = without_space(value)
    if "=" not in packed:
        # RFC 6376 §2.10: the grammar leaves the padding optional.
        packed += "=" * (-len(packed) % 4)
    try:
        return a2b_base64(packed, strict_mode=True)
    except (Base64Error, ValueError):
        return None


def decode_quoted(value: str) -> str | None:
    """Undo dkim-quoted-printable (RFC 6376 §2.11); None where an equals sign doesn't introduce two upper-case digits."""
    packed = without_space(value)
    if "=" not in packed:
        return packed
    plain, *coded = packed.split("=")
    out = bytearray(plain, "utf-8", "replace")
    for piece in coded:
        if len(piece) < 2 or not set(piece[:2]) <= _HEX:
            return None
        out.append(int(piece[:2], 16))
        out += piece[2:].encode("utf-8", "replace")
    return out.decode("utf-8", "replace")
