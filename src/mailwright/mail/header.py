"""Header fields, kept byte for byte and in order.

Standards: RFC 5322 §2.2, RFC 2047 (encoded words, read leniently), RFC 6532 (UTF-8).
Pure. A message is `Raw`: bytes, or an mmap of a large one; slicing either gives bytes.
Not here: addresses (address.py), the body (mime.py), writing (compose.py).
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeAlias

Raw: TypeAlias = bytes | mmap.mmap

MAX_HEADER = 256 * 1024  # a header block longer than this is cut there and reported as a defect (S12)
MAX_FIELDS = 1000

# A field and its name, or a line that is none: always matches where the last match ended, which keeps it linear.
_LINES = re.compile(rb"(([!-9;-~]+)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?)|[^\n]+\n?|\n")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")


class Field(NamedTuple):
    """One field as it stands in the message. `raw` holds the whole of it, line ends included."""

    name: str  # lower case
    raw: bytes

    @property
    def body(self) -> bytes:
        """All after the colon, unfolded (RFC 5322 §2.2.3), without the final line end; spaces kept."""
        body = self.raw[self.raw.index(b":") + 1 :].rstrip(b"\r\n")
        return _FOLD.sub(b"", body) if b"\n" in body else body

    @property
    def value(self) -> str:
        """The unfolded body as text, trimmed; encoded words are left as they are. UTF-8, else Latin-1."""
        body = self.body.strip(b" \t")
        try:
            return body.decode()
        except UnicodeDecodeError:
            return body.decode("latin-1")


@dataclass(frozen=True)
class Header:
    """The fields of one message, and where its body starts.

    `defects` names what is wrong with the block: "no-separator", "no-header" (the first line is no field, nor is any
    other: all is body), "junk-line", "too-long", "too-many-fields", "null-byte", "bare-cr".
    """

    fields: tuple[Field, ...]
    body_start: int
    defects: tuple[str, ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, list[Field]]:
        table: dict[str, list[Field]] = {}
        for field in self.fields:
            table.setdefault(field.name, []).append(field)
        return table

    @property
    def names(self) -> Collection[str]:
        """The names that occur, in lower case, each once."""
        return self._by_name.keys()

    def all(self, name: str) -> list[Field]:
        """Every field of that name (lower case), top to bottom."""
        return self._by_name.get(name, [])

    def first(self, name: str) -> Field | None:
        """The topmost field of that name, or None."""
        found = self._by_name.get(name)
        return found[0] if found else None

    def value(self, name: str) -> str | None:
        """The topmost field's unfolded value, or None."""
        found = self._by_name.get(name)
        return found[0].value if found else None


def parse_header(raw: Raw) -> Header:
    """Split the header block of a message into its fields. Never raises: what is wrong is told in `defects`.

    Lines may end in CRLF or LF. The body starts after the first empty line (`body_start` = len(raw) if there is none).
    """
    block, body_start, defects = _block(raw)
    found = _LINES.findall(block)
    named = [item for item in found if item[1]]
    if len(named) != len(found):
        defects.add("junk-line")
    if block and not named:
        return Header((), 0, tuple(sorted(defects | {"no-header"})))
    if len(named) > MAX_FIELDS:
        defects.add("too-many-fields")
    fields = tuple([Field(_name(name) if len(name) < 80 else _lower(name), whole) for whole, name in named[:MAX_FIELDS]])
    return Header(fields, body_start, tuple(sorted(defects)))


def _lower(name: bytes) -> str:
    return name.decode("ascii").lower()


_name = lru_cache(maxsize=2048)(_lower)  # for names of usual length: the few there are come again and again


def _block(raw: Raw) -> tuple[bytes, int, set[str]]:
    defects: set[str] = set()
    if raw[:2] == b"\r\n" or raw[:1] == b"\n":
        return b"", 2 if raw[:1] == b"\r" else 1, defects
    crlf = raw.find(b"\n\r\n")
    lf = raw.find(b"\n\n", 0, len(raw) if crlf < 0 else crlf)
    if lf >= 0:
        end, start = lf + 1, lf + 2
    elif crlf >= 0:
        end, start = crlf + 1, crlf + 3
    else:
        end = start = len(raw)
        defects.add("no-separator")
    if end > MAX_HEADER:
        end = MAX_HEADER
        defects.add("too-long")
    block = raw[:end]
    if b"\0" in block:
        defects.add("null-byte")
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        defects.add("bare-cr")
    return block, start, defects
