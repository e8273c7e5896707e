"""A line between two processes of ours: whole frames, each its length (4 octets), then MessagePack.

A frame is bounded: large messages go by the names of their files. An end that says one longer than that is out of its mind, and
the line to it is cut before any of it is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from mailwright.system.counting import Family

log = structlog.get_logger()

HEAD = 4
MAX_FRAME = 16 * 1024 * 1024  # octets: a message of 256 KiB, and some times as much that was found out about it


class Frame(Struct, frozen=True, tag=True, array_like=True):
    """Something to say over a line."""


class Ready(Frame, frozen=True, tag=True, array_like=True):
    """From a process: work may come."""


class Ping(Frame, frozen=True, tag=True, array_like=True):
    """To a process: are you there?"""


class Pong(Frame, frozen=True, tag=True, array_like=True):
    """From a process: it is; and what it counted so far."""

    counted: list[Family]


class Drain(Frame, frozen=True, tag=True, array_like=True):
    """To a process: end what you have in hand, within that many seconds, and then yourself."""

    grace: float


class Line(asyncio.Protocol):
    """One end of the line."""

    def __init__(self, speaks: Any, take: Callable[[Any], None], lost: Callable[[], None]) -> None:
        """`speaks` is the type of the frames that come in; `lost` is told when the other end is gone."""
        self._decode = msgspec.msgpack.Decoder(speaks).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._take, self._lost = take, lost
        self._held = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line stands."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Give on every frame that is whole now."""
        held = self._held
        held += data
        at = 0
        with memoryview(held) as view:
            while len(held) - at >= HEAD:
                size = int.from_bytes(view[at : at + HEAD], "big")
                end = at + HEAD + size
                if size > MAX_FRAME:
                    self._cut(size)
                    at = len(held)
                    break
                if len(held) < end:
                    break
                self._take(self._decode(view[at + HEAD : end]))
                at = end
        del held[:at]

    def _cut(self, size: int) -> None:
        log.error("line.frame_too_long", octets=size, limit=MAX_FRAME)
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        self._transport = None
        self._lost()

    def send(self, frame: Frame) -> None:
        """One frame; raises ValueError for one that is longer than the other end takes."""
        if self._transport is not None:
            body = self._encode(frame)
            if len(body) > MAX_FRAME:
                raise ValueError(f"{type(frame).__name__} has {len(body)} octets; a frame has {MAX_FRAME} at most")
            self._transport.writelines((len(body).to_bytes(HEAD, "big"), body))

    def close(self) -> None:
        """Hang up, after what was sent."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
