"""The event stream as it comes in, and from where to go on when it breaks.

Standards: WHATWG HTML §9.2.6 (interpreting an event stream).
Pure: takes bytes, gives events. Not here: connections (line.py, async_line.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from mailwright.client.calling import Answer, Call
from mailwright.client.errors import Garbled
from mailwright.client.retrying import Lost, Patience, failure, worth_another
from mailwright.client.shapes.events import Event

MAX_LINE = 4 * 1024 * 1024  # bytes; an event of ours has 64 KiB
QUIET = 45.0  # seconds without a sign of life (the server gives one each 15) until a stream counts as broken


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing that the stream told: its type, and its data as they came."""

    type: str
    data: str

    @property
    def is_event(self) -> bool:
        """Whether it is of the log; else it is about the stream itself."""
        return not self.type.startswith("stream.")

    def event(self) -> Event:
        """The event; raises Garbled."""
        try:
            return msgspec.json.decode(self.data, type=Event)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
            raise Garbled(f"an event is not what this client knows: {wrong}") from None


@dataclass(frozen=True, slots=True)
class Broken:
    """The stream broke, and goes on from where it was after so many seconds."""

    seconds: float


@dataclass(slots=True)
class Following:
    """One stream over all its connections: `cursor` is where it stands."""

    call: Call
    patience: Patience
    draw: Callable[[], float]
    cursor: str | None = None
    _failed: int = 0
    _lines: bytearray = field(default_factory=bytearray)
    _fields: dict[str, str] = field(default_factory=dict)

    def request(self) -> Call:
        """How to ask for what comes next."""
        self._lines.clear()
        self._fields.clear()
        return self.call.after(self.cursor)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        return (frame.event() for frame in self.frames(chunk) if frame.is_event)

    def frames(self, chunk: bytes) -> Iterator[Frame]:
        """All that these bytes complete."""
        self._lines += chunk
        *whole, rest = self._lines.split(b"\n")
        self._lines = rest
        if len(rest) > MAX_LINE:
            raise Garbled("a line of the event stream is too long")
        for line in whole:
            if line.rstrip(b"\r"):
                self._take(line.rstrip(b"\r").decode("utf-8", "replace"))
            elif (frame := self._dispatch()) is not None:
                yield frame

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name in ("id", "event", "data"):
            value = value.removeprefix(" ")
            self._fields[name] = f"{self._fields['data']}\n{value}" if name == "data" and "data" in self._fields else value

    def _dispatch(self) -> Frame | None:
        fields = dict(self._fields)
        self._fields.clear()
        self._failed, self.patience = 0, self.patience.endless()
        self.cursor = fields.get("id") or self.cursor
        return Frame(fields.get("event", ""), fields["data"]) if "data" in fields else None

    def after_failure(self, got: Answer | Lost) -> float:
        """Seconds until the next connection; raises what won't get better, and whatever failed too often in a row."""
        wrong = failure(got)
        self._failed += 1
        if self._failed >= self.patience.tries or not worth_another(got, wrong, self.patience):
            raise wrong
        return self.patience.pause(self._failed - 1, wrong.retry_after, self.draw)
