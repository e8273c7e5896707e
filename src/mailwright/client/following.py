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
        self._lines += chunk
        *whole, rest = self._lines.split(b"\n")
        self._lines = rest
        if len(rest) > MAX_LINE:
            raise Garbled("a line of the event stream is too long")
        for line in whole:
            if line.rstrip(b"\r"):
                self._take(line.rstrip(b"\r").decode("utf-8", "replace"))
            elif (event := self._dispatch()) is not None:
                yield event

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name in ("id", "event", "data"):
            value = value.removeprefix(" ")
            self._fields[name] = f"{self._fields['data']}\n{value}" if name == "data" and "data" in self._fields else value

    def _dispatch(self) -> Event | None:
        fields = dict(self._fields)
        self._fields.clear()
        self._failed, self.patience = 0, self.patience.endless()
        cursor = fields.get("id")
        event = _event(fields) if "data" in fields and not fields.get("event", "").startswith("stream.") else None
        self.cursor = cursor or self.cursor
        return event

    def after_failure(self, got: Answer | Lost) -> float:
        """Seconds until the next connection; raises what won't get better, and whatever failed too often in a row."""
        wrong = failure(got)
        self._failed += 1
        if self._failed >= self.patience.tries or not worth_another(got, wrong, self.patience):
            raise wrong
        return self.patience.pause(self._failed - 1, wrong.retry_after, self.draw)


def _event(fields: dict[str, str]) -> Event:
    try:
        return msgspec.json.decode(fields["data"], type=Event)
    except msgspec.MsgspecError as wrong:
        raise Garbled(f"an event is not what this client knows: {wrong}") from None
