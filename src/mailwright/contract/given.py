"""What a caller gave becomes an operation's input.

Where text is all that comes (a URL), and where models write (MCP), a number may come as text, and so may yes and no. Nothing
else is bent: a lenient conversion would take a number for a time, and the word `null` for nothing given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

from mailwright.contract.errors import invalid

Input = TypeVar("Input", bound=msgspec.Struct)

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?", re.ASCII)


def converted(kind: type[Input], given: Mapping[str, Any]) -> Input:
    """The input, by the types of its fields; raises InvalidInput."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as wrong:
        raise invalid(wrong) from None


def from_texts(kind: type[Input], given: Mapping[str, Any]) -> Input:
    """As `converted`, where numbers may have come as text."""
    numbers = numbers_of(kind)
    read = {name: number(said) if name in numbers and isinstance(said, str) else said for name, said in given.items()}
    return converted(kind, read)


@cache
def numbers_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that are numbers, or yes and no."""
    return frozenset(one.encode_name for one in msgspec.structs.fields(kind) if _is_number(one.type))


def _is_number(kind: Any) -> bool:
    for text in ("1", "true"):
        try:
            if isinstance(msgspec.convert(text, kind, strict=False), int | float):
                return True
        except msgspec.ValidationError:
            pass
    return False


def number(text: str) -> Any:
    """The number, the yes or the no that stands there; anything else stays text, and is refused as such."""
    if _NUMBER.fullmatch(text):
        return msgspec.json.decode(text)
    return {"true": True, "false": False}.get(text.lower(), text)
