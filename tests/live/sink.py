"""A mail server of somebody else's that remembers every final dot, whether or not anybody heard its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field

from live.zone import Background

EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 60000000\r\n250 ENHANCEDSTATUSCODES\r\n"


@dataclass(slots=True)
class Sink:
    """`dots` counts final dots for each recipient. It takes `pause` seconds from the dot to its 250."""

    background: Background
    pause: float = 0.0
    dots: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _server: asyncio.Server | None = None

    def start(self) -> Sink:
        """Listen on a free port of loopback."""

        async def listen() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**26)
            self.port = self._server.sockets[0].getsockname()[1]

        self.background.run(listen())
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
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
                    writer.write(b"354 Go on\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    self.dots.update(rcpt_to)
                    rcpt_to = []
                    await asyncio.sleep(self.pause)
                    writer.write(b"250 2.0.0 Got it\r\n")
                elif verb == b"QUIT":
                    writer.write(b"221 2.0.0 Bye\r\n")
                    break
                else:
                    writer.write(b"250 2.0.0 Ok\r\n")
        writer.close()

    def close(self) -> None:
        """Stop listening."""

        async def close() -> None:
            assert self._server is not None
            self._server.close()

        self.background.run(close())
