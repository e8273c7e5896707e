"""One message on its way in, by DATA or BDAT: text passed on, limits kept, verdict remembered.

Standards: RFC 5321 §4.5.3.1.7 and §4.5.3.1.9, RFC 1870 §6.3, RFC 3030 §2.
Nothing of the message is kept here but the few octets that content.py holds back. Not here: the commands around it.
"""

from __future__ import annotations

from typing import TypeAlias

from mailwright.wire.smtp_server import replies
from mailwright.wire.smtp_server.commands import Ending, Options
from mailwright.wire.smtp_server.content import ChunkReader, ContentDefect, DotReader, Inspector
from mailwright.wire.smtp_server.events import Chunk, MessageAborted, MessageEnd, Why
from mailwright.wire.smtp_server.replies import Reply

SMUGGLED: dict[ContentDefect, Ending] = {
    ContentDefect.BARE_LF: Ending(replies.BARE_LF, Why.SMUGGLING),
    ContentDefect.BARE_CR: Ending(replies.BARE_CR, Why.SMUGGLING),
    ContentDefect.NUL: Ending(replies.NUL, Why.SMUGGLING),
}
Progress: TypeAlias = Chunk | MessageAborted | Ending | None


class Incoming:
    """A message that is coming in."""

    __slots__ = ("_abandoned", "_chunks", "_dots", "_dropping", "_inspector", "_max_size")

    def __init__(self, options: Options) -> None:
        self._max_size = options.max_size
        self._dots = DotReader()
        self._chunks = ChunkReader()
        self._inspector = Inspector(options.max_text_line)
        self._abandoned: Reply | None = None
        self._dropping = False

    def data(self, block: bytes) -> tuple[Progress, bytes | None]:
        """Take octets after DATA; gives also what follows the end of data, None while the message goes on."""
        text, rest = self._dots.feed(block)
        return self._pass(text), rest

    def chunk(self, block: bytes, last: bool) -> Progress:
        """Take octets of a BDAT chunk; `last` with the last of the last chunk."""
        return self._pass(self._chunks.feed(block, last))

    def abandon(self, reply: Reply) -> bool:
        """Refuse the message; what is still to come is looked at and dropped. False if it was refused before."""
        if self._dropping:
            return False
        self._abandoned, self._dropping = reply, True
        return True

    @property
    def verdict(self) -> Reply | None:
        """The reply with which the message will be refused; None while all is well."""
        if self._abandoned is not None:
            return self._abandoned
        if self._inspector.size > self._max_size:
            return replies.TOO_BIG
        return replies.TEXT_LINE_TOO_LONG if self._inspector.long_line else None

    def end(self) -> MessageEnd | Reply:
        """The message is whole: the event, or the reply that refuses it."""
        return self.verdict or MessageEnd(self._inspector.size)

    def _pass(self, text: bytes) -> Progress:
        if not text:
            return None
        defect = self._inspector.look(text)
        if defect is not None:
            return SMUGGLED[defect]
        if self._inspector.size > 2 * self._max_size:
            # Dropping goes on for as much again, so that the client hears why; not for ever (S12).
            return Ending(replies.TOO_BIG, Why.TOO_BIG)
        if self._dropping:
            return None
        if self.verdict is None:
            return Chunk(text)
        self._dropping = True
        return MessageAborted()
