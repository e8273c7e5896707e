"""Where does a message end, and is every line of it clean?

Standards: RFC 5321 §2.3.8, §4.1.1.4, §4.5.2, §4.5.3.1.6; RFC 3030 §2.
Works on blocks as they come, not on lines; keeps at most four octets back. Under any split the same octets come out,
and the same verdict. Only CRLF.CRLF ends DATA; a bare CR, bare LF or NUL is told at once (S1), in BDAT as well.
"""

from __future__ import annotations

import re
from enum import StrEnum

END = b"\r\n.\r\n"
_LONE_CR = re.compile(rb"\r(?!\n)")


class ContentDefect(StrEnum):
    """What is wrong with the octets of a message."""

    BARE_LF = "bare-lf"
    BARE_CR = "bare-cr"
    NUL = "nul"


class DotReader:
    """Finds the end of DATA and takes the stuffed dots out."""

    __slots__ = ("_kept", "_lead")

    def __init__(self) -> None:
        # The CRLF of the DATA command counts as the line end before the first line; it is not part of the message.
        self._kept = b"\r\n"
        self._lead = 2

    def feed(self, block: bytes) -> tuple[bytes, bytes | None]:
        """Gives the text so far known, and what follows the end of data (None while the end has not come)."""
        seen = self._kept + block
        end = seen.find(END)
        if end >= 0:
            return self._text(seen[: end + 2]), seen[end + 5 :]
        keep = next((size for size in (4, 3, 2, 1) if seen.endswith(END[:size])), 0)
        self._kept = seen[len(seen) - keep :]
        return self._text(seen[: len(seen) - keep]), None

    def _text(self, seen: bytes) -> bytes:
        # RFC 5321 §4.5.2: a dot that begins a line goes, whatever follows it.
        text = seen.replace(b"\r\n.", b"\r\n") if seen.rfind(b"\r\n.") >= 0 else seen  # looking is cheaper than replacing
        if self._lead and text:
            text, self._lead = text[2:], 0
        return text


class ChunkReader:
    """Joins BDAT chunks, so that a CRLF cut in two by chunks is one."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, block: bytes, last: bool) -> bytes:
        """Gives the text so far known; `last` gives all."""
        text = self._kept + block if self._kept else block
        self._kept = b""
        if not last and text.endswith(b"\r"):
            self._kept, text = b"\r", text[:-1]
        return text


class Inspector:
    """Counts a message's octets and looks for what must not be in it."""

    __slots__ = ("_column", "_max_line", "long_line", "size")

    def __init__(self, max_line: int) -> None:
        self._max_line = max_line
        self._column = 0
        self.size = 0
        self.long_line = False  # a line (CRLF included) went over the limit

    def look(self, text: bytes) -> ContentDefect | None:
        """Take the next text into account. It must not end between CR and LF."""
        self.size += len(text)
        # As many of one as of the other, and none without the other: cheaper to see than how many pairs there are.
        if text.count(b"\n") != text.count(b"\r") or _LONE_CR.search(text) or b"\0" in text:
            return first_defect(text)
        if not self.long_line:
            self._measure(text)
        return None

    def _measure(self, text: bytes) -> None:
        """Jump from line end to line end, each time to the last one within reach: linear, and few steps."""
        limit, size = self._max_line, len(text)
        start, reach = 0, limit - self._column
        while size - start > reach:
            end = text.rfind(b"\n", start, start + reach)
            if end < 0:
                self.long_line = True
                return
            start, reach = end + 1, limit
        last = text.rfind(b"\n")
        self._column = size - last - 1 if last >= 0 else self._column + size


def first_defect(text: bytes) -> ContentDefect | None:
    """The first octet that must not be in a message; None for clean text."""
    lf = text.find(b"\n")
    while lf > 0 and text[lf - 1] == 13:
        lf = text.find(b"\n", lf + 1)
    cr = text.find(b"\r")
    while 0 <= cr < len(text) - 1 and text[cr + 1] == 10:
        cr = text.find(b"\r", cr + 1)
    places = {lf: ContentDefect.BARE_LF, cr: ContentDefect.BARE_CR, text.find(b"\0"): ContentDefect.NUL}
    places.pop(-1, None)
    return places[min(places)] if places else None
