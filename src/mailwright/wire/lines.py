"""One bounded buffer for all line protocols: when is there a whole line, and is it clean?

Standards: RFC 5321 §2.3.8 (only CRLF ends a line), RFC 9051 §2.2, RFC 1939 §3.
Promises: linear in what is fed, however it is cut up; never raises on what a peer sends; once everything that can be
taken is taken, less than one longest line is kept. The same bytes give the same lines and defects under any split.
Not here: what a line means (smtp_server, smtp_client, imap, pop3), nor the message between the lines.
"""

from __future__ import annotations

from enum import StrEnum


class LineDefect(StrEnum):
    """What is wrong with a line that was taken. All but TOO_LONG mean that the two ends may disagree on what a line is."""

    BARE_LF = "bare-lf"
    BARE_CR = "bare-cr"
    NUL = "nul"
    TOO_LONG = "too-long"


class LineBuffer:
    """Bytes from a peer, taken out as lines or as counted octets. `len()` is the number of octets held."""

    __slots__ = ("_held", "_scanned", "_skipping", "_told")

    def __init__(self) -> None:
        self._held = bytearray()
        self._scanned = 0  # octets at the front that are known to hold no LF
        self._skipping = False  # the rest of an over-long line is still to come
        self._told = False  # and a defect in it was reported

    def __len__(self) -> int:
        return len(self._held)

    def feed(self, received: bytes) -> None:
        """Add what the peer sent."""
        self._held += received

    def take_line(self, limit: int) -> bytes | LineDefect | None:
        """Take the next line without its CRLF; None while it is not whole.

        `limit` counts octets with the CRLF. A longer line is reported once, as soon as it is known, and the rest of it
        is dropped unseen, except that its first bare CR or LF or NUL is still reported. A line with a defect is gone
        from the buffer.
        """
        if self._skipping:
            defect = self._skip(len(self._held))
            if self._skipping or defect is not None:
                return defect
        held = self._held
        end = held.find(b"\n", self._scanned, limit)
        if end < 0:
            if len(held) < limit:
                self._scanned = len(held)
                return None
            self._skipping = True
            return self._skip(limit) or LineDefect.TOO_LONG
        line = bytes(held[: end + 1])
        del held[: end + 1]
        self._scanned = 0
        return _defect(line) or line[:-2]

    def take_up_to(self, count: int | None = None) -> bytes:
        """Take what is there, at most `count` octets; b"" when nothing is."""
        held = self._held
        self._scanned = 0
        if count is None or count >= len(held):
            taken = bytes(held)
            held.clear()
            return taken
        taken = bytes(held[:count])
        del held[:count]
        return taken

    def clear(self) -> None:
        """Forget everything that is held, as after STARTTLS (RFC 3207 §4.2)."""
        self._held.clear()
        self._scanned = 0
        self._skipping = self._told = False

    def _skip(self, count: int) -> LineDefect | None:
        """Drop up to `count` octets of an over-long line; `_skipping` ends with its LF."""
        held = self._held
        end = held.find(b"\n", 0, count)
        if end >= 0:
            self._skipping = False
            return self._once(_defect(self.take_up_to(end + 1)))
        # A CR at the very end stays: whether it is bare is known only with the next octet.
        keep = 1 if count and held[count - 1] == 13 else 0
        return self._once(_defect(self.take_up_to(count - keep) + b"\r\n"))

    def _once(self, defect: LineDefect | None) -> LineDefect | None:
        """Only the first defect within an over-long line is told: how many follow would depend on the split."""
        told, self._told = self._told, self._skipping and (self._told or defect is not None)
        return None if told else defect


def _defect(line: bytes) -> LineDefect | None:
    """The first thing wrong with a line that ends in LF."""
    cr, nul = line.find(b"\r"), line.find(b"\0")
    if 0 <= cr == len(line) - 2 and nul < 0:
        return None
    if nul >= 0 and (cr < 0 or nul < cr):
        return LineDefect.NUL
    return LineDefect.BARE_LF if cr < 0 else LineDefect.BARE_CR
