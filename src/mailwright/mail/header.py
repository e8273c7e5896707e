"""Header fields, kept byte for byte and in order.

Standards: RFC 5322 §2.2, RFC 2047 (encoded words, read leniently), RFC 6532 (UTF-8).
Pure. A message is `Raw`: bytes, or an mmap of a large one; slicing either gives bytes.
Not here: addresses (address.py), the body (mime.py), writing (compose.py).
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

Raw: TypeAlias = bytes | mmap.mmap

MAX_HEADER = 256 * 1024  # a header block longer than this is cut there and reported as a defect (S12)
MAX_FIELDS = 1000

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands in the message. `raw` holds the whole of it, line ends included."""

    name: str  # lower case
    raw: bytes

    @property
    def body(self) -> bytes:
        """All after the colon, unfolded (RFC 5322 §2.2.3), without the final line end; spaces kept."""
        return _FOLD.sub(b"", self.raw[self.raw.index(b":") + 1 :].rstrip(b"\r\n"))

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

    `defects` names what is wrong with the block: "no-separator", "junk-line", "too-long", "too-many-fields",
    "null-byte", "bare-cr".
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

    def all(self, name: str) -> list[Field]:
        """Every field of that name (lower case), top to bottom."""
        return self._by_name.get(name, [])

    def first(self, name: str) -> Field | None:
        """The topmost field of that name, or None."""
        found = self._by_name.get(name)
        return found[0] if found else None

    def value(self, name: str) -> str | None:
        """The topmost field's unfolded value, or None."""
        field = self.first(name)
        return None if field is None else field.value


def parse_header(raw: Raw) -> Header:
    """Split the header block of a message into its fields. Never raises: what is wrong is told in `defects`.

    Lines may end in CRLF or LF. The body starts after the first empty line (`body_start` = len(raw) if there is none).
    """
    block, body_start, defects = _block(raw)
    fields: list[Field] = []
    at = 0
    while at < len(block):
        match = _FIELD.match(block, at)
        if match is None:
            end = block.find(b"\n", at) + 1 or len(block)
            defects.add("junk-line")
            at = end
            continue
        if len(fields) == MAX_FIELDS:
            defects.add("too-many-fields")
            break
        fields.append(Field(match[1].decode("ascii").lower(), match[0]))
        at = match.end()
    return Header(tuple(fields), body_start, tuple(sorted(defects)))


def _block(raw: Raw) -> tuple[bytes, int, set[str]]:
    defects: set[str] = set()
    crlf, lf = raw.find(b"\r\n\r\n"), raw.find(b"\n\n")
    if raw[:2] == b"\r\n" or raw[:1] == b"\n":
        return b"", 2 if raw[:1] == b"\r" else 1, defects
    if crlf >= 0 and (lf < 0 or crlf < lf):
        end, start = crlf + 2, crlf + 4
    elif lf >= 0:
        end, start = lf + 1, lf + 2
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
