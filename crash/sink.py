"""Somebody else's mail server that counts every final dot, and behaves badly around it when told to.

Not here: who is told of a dot (oracle.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from live.zone import Background

EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 60000000\r\n250 ENHANCEDSTATUSCODES\r\n"


class Conduct(StrEnum):
    """What it does with one message."""

    GOOD = "good"
    RESET_BEFORE = "reset before the final dot is read"
    RESET_AFTER = "reset after the final dot, without a reply"
    HALF_REPLY = "half a reply, then a reset"
    RESET_REPLIED = "the reply and a reset at once"
    STALL = "no reply, for as long as it lasts"


@dataclass(slots=True)
class Sink:
    """`dots` counts final dots by recipient. A share of the messages meets with one of `conducts`, the others with GOOD."""

    background: Background
    chance: random.Random = field(default_factory=random.Random)
    pause: float = 0.0
    share: float = 0.0
    conducts: tuple[Conduct, ...] = ()
    dots: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _patience: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    def start(self) -> Sink:
        """Listen on a free port of loopback."""

        async def listen() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**26)
            self.port = self._server.sockets[0].getsockname()[1]

        self.background.run(listen())
        return self

    def misbehave(self, share: float, *conducts: Conduct) -> None:
        """From now on."""
        self.share, self.conducts = share, conducts

    def heal(self) -> None:
        """Behave, and let go of whoever waits for a reply."""
        self.share, self.conducts, self.pause = 0.0, (), 0.0

        async def release() -> None:
            self._patience.set()
            self._patience = asyncio.Event()

        self.background.run(release())

    def _conduct(self) -> Conduct:
        return self.chance.choice(self.conducts) if self.conducts and self.chance.random() < self.share else Conduct.GOOD

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who is still connected when the loop ends is no news; asyncio would print a stack for each.
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            writer.write(b"220 sink.example\r\n")
            rcpt_to: list[str] = []
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(EHLO)
                elif verb == b"RCPT":
                    rcpt_to.append(line.partition(b"<")[2].partition(b">")[0].decode())
                    writer.write(b"250 2.1.5 Ok\r\n")
                elif verb == b"DATA":
                    if not await self._take(reader, writer, rcpt_to):
                        return
                    rcpt_to = []
                elif verb == b"QUIT":
                    writer.write(b"221 2.0.0 Bye\r\n")
                    break
                else:
                    writer.write(b"250 2.0.0 Ok\r\n")
        writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rcpt_to: list[str]) -> bool:
        conduct = self._conduct()
        writer.write(b"354 Go on\r\n")
        if conduct is Conduct.RESET_BEFORE:
            await reader.readuntil(b"\r\n")
            return _reset(writer)
        await reader.readuntil(b"\r\n.\r\n")
        self.dots.update(rcpt_to)
        if self.pause:
            await asyncio.sleep(self.pause)
        match conduct:
            case Conduct.RESET_AFTER:
                return _reset(writer)
            case Conduct.HALF_REPLY:
                writer.write(b"250 2.0")
                await asyncio.sleep(0.01)
                return _reset(writer)
            case Conduct.STALL:
                await self._patience.wait()
                return _reset(writer)
        writer.write(b"250 2.0.0 Got it\r\n")
        if conduct is Conduct.RESET_REPLIED:
            await asyncio.sleep(0.01)
            return _reset(writer)
        return True

    def close(self) -> None:
        """Stop listening."""

        async def close() -> None:
            assert self._server is not None
            self._server.close()

        self.background.run(close())


def _reset(writer: asyncio.StreamWriter) -> bool:
    line: socket.socket = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False
