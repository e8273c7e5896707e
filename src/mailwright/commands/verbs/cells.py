"""What a value looks like on one line. What strangers wrote is text: no control character of theirs reaches the terminal."""

from __future__ import annotations

import unicodedata
from typing import Any


def clean(value: object) -> str:
    """Text without control characters, and without those that turn its direction: shown, not obeyed, on one line."""
    return "".join(_safe(c) for c in str(value).replace("\r\n", " ").replace("\n", " ").replace("\t", " "))


def clean_text(value: str) -> str:
    """As `clean`; lines stay lines."""
    return "\n".join(clean(line) for line in value.splitlines())


def cell(value: Any) -> str:
    """A value on one line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(cell(one) for one in value)
        case dict() if "address" in value:
            return clean(value["address"])
        case dict():
            return ", ".join(f"{clean(name)}={cell(one)}" for name, one in value.items() if one not in (None, "", []))
        case _:
            return clean(value)


def _safe(c: str) -> str:
    # Cc: control characters, with them every escape sequence. Cf: among others what turns the direction of text.
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cs") or c in _TURNING else c


_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
