"""Replies of an SMTP server, read out of a byte stream.

Standards: RFC 5321 §4.2 (form, several lines), §4.5.3.1.5 (length), §2.3.8 (CRLF), RFC 2034 and 3463 (enhanced codes).
Pure. Never raises: a reply that can't be read is a `Garbled`, after which nothing more is read. Memory is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailwright.wire.lines import LineBuffer, LineDefect

# RFC 5321 §4.5.3.1.5 says 512 octets; longer ones are met in the wild, so four times as much is tolerated.
MAX_LINE = 2048
MAX_LINES = 100

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)")
_UNPRINTABLE = re.compile(r"[^\t -~\u00a0-\ud7ff\ue000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply: the code, and the text of each line without it."""

    code: int
    lines: tuple[str, ...]

    @property
    def kind(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 never (RFC 5321 §4.2.1)."""
        return self.code // 100

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code, where there is one and it agrees with the code (RFC 2034 §4)."""
        found = _ENHANCED.match(self.lines[-1]) or _ENHANCED.match(self.lines[0])
        return found[1] if found and int(found[1][0]) == self.kind else None

    @property
    def text(self) -> str:
        """The lines as one, the enhanced code left where it stands."""
        return " ".join(line for line in self.lines if line) if len(self.lines) > 1 else self.lines[0]


@dataclass(frozen=True, slots=True)
class Garbled:
    """Something that is no reply; `text` says why."""

    text: str


class Replies:
    """Collects octets and gives out whole replies."""

    __slots__ = ("_broken", "_buffer", "_lines")

    def __init__(self) -> None:
        self._buffer = LineBuffer()
        self._lines: list[str] = []
        self._broken = False

    @property
    def pending(self) -> bool:
        """True where octets were received that no reply given out so far accounts for."""
        return bool(len(self._buffer) or self._lines)

    def feed(self, data: bytes) -> None:
        """Take what the peer sent; after a `Garbled` nothing is kept any more."""
        if not self._broken:
            self._buffer.feed(data)

    def next(self) -> Reply | Garbled | None:
        """The next reply, or None where it is not complete yet."""
        while not self._broken and (line := self._buffer.take_line(MAX_LINE)) is not None:
            if isinstance(line, LineDefect):
                return self._garbled(f"a reply line with a defect: {line.value}")
            match = _LINE.fullmatch(line)
            if match is None:
                return self._garbled(f"not an SMTP reply: {printable(line)[:80]!r}")
            self._lines.append(printable(match[3] or b""))
            if match[2] != b"-":
                # Deviates: RFC 5321 §4.2.1 wants the same code on each line; where they differ the last one counts.
                lines = tuple(self._lines)
                self._lines.clear()
                return Reply(int(match[1]), lines)
            if len(self._lines) >= MAX_LINES:
                return self._garbled("a reply has too many lines")
        return None

    def _garbled(self, text: str) -> Garbled:
        self._broken = True
        self._buffer.clear()
        self._lines.clear()
        return Garbled(text)


def printable(line: bytes) -> str:
    """The octets as one line of text that may stand in a log: controls and what is not UTF-8 are replaced (S23)."""
    if line.isascii() and (text := line.decode("ascii")).isprintable():
        return text
    return _UNPRINTABLE.sub("\ufffd", line.decode("utf-8", "replace")).replace("\u2028", " ").replace("\u2029", " ")
