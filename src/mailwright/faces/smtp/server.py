"""Listen, and stop in good order.

Standards: RFC 5321 §3.8 (421 when a server goes down). When no file descriptor is left, the loop itself stops accepting for a
moment and tries again; connections that are open go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from mailwright.faces.smtp.connection import Connection, Shared, Timing
from mailwright.faces.smtp.conversation import Tarpit
from mailwright.faces.smtp.doors import Door, DoorLimits, Doors
from mailwright.faces.smtp.metrics import Metrics
from mailwright.faces.smtp.translation import SHUTTING_DOWN, Reception
from mailwright.wire.smtp_server import Options

log = structlog.get_logger("mailwright.smtp")

BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: an address, or a socket that is bound already. `implicit_tls` is for port 465 (RFC 8314)."""

    host: str = "127.0.0.1"
    port: int = 25
    implicit_tls: bool = False
    bound: socket.socket | None = None


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the server offers, bears and waits for. With a `context` STARTTLS is offered."""

    protocol: Options = field(default_factory=Options)
    doors: DoorLimits = field(default_factory=DoorLimits)
    timing: Timing = field(default_factory=Timing)
    tarpit: Tarpit = field(default_factory=Tarpit)
    context: ssl.SSLContext | None = None
    metrics: Metrics | None = None


@dataclass(slots=True)
class Server:
    """A server at work."""

    _listeners: list[asyncio.Server]
    _shared: Shared

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets it listens on."""
        return [found for listener in self._listeners for found in listener.sockets]

    @property
    def port(self) -> int:
        """The port of the first of them."""
        return int(self.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._shared.connections)

    async def adopt(self, peer: socket.socket, ip: str, *, implicit_tls: bool = False) -> None:
        """Serve a connection that somebody else accepted, from that address."""
        shared = self._shared
        context = shared.context if implicit_tls else None
        limit = shared.timing.handshake if context else None
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: Connection(shared, ip), peer, ssl=context, ssl_handshake_timeout=limit)
        except OSError as error:  # ssl.SSLError and TimeoutError are among them
            log.info("smtp.handshake_failed", ip=ip, reason=str(error))
            peer.close()
            shared.doors.leave(ip)

    async def close(self, grace: float = 10.0) -> None:
        """Take no more; let each client finish its message, for `grace` seconds at most; then hang up."""
        for listener in self._listeners:
            listener.close()
        for connection in list(self._shared.connections):
            connection.drain(SHUTTING_DOWN)
        await self._emptied(grace)
        for connection in list(self._shared.connections):
            connection.hang_up(SHUTTING_DOWN)
        await self._emptied(0.5)
        for connection in list(self._shared.connections):
            connection.abort()
        if self._shared.tasks:
            # What core has in hand is not torn out of it: it may be committing, though nobody is left to hear of it.
            await asyncio.wait(self._shared.tasks, timeout=grace)

    async def _emptied(self, within: float) -> None:
        if self._shared.connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._shared.quiet.wait(), within)


async def serve(listen: Sequence[Listen], reception: Reception, options: ServerOptions, door: Door | None = None) -> Server:
    """Listen on all of these; raises OSError if one of them is taken, and listens on none then.

    `door` takes the place of one that counts by `options.doors`.
    """
    loop = asyncio.get_running_loop()
    protocol = replace(options.protocol, starttls=options.context is not None)
    door = door or Doors(options.doors)
    shared = Shared(reception, protocol, options.timing, options.tarpit, door, options.context, options.metrics)
    listeners: list[asyncio.Server] = []
    try:
        for place in listen:
            context = options.context if place.implicit_tls else None
            where = {"sock": place.bound} if place.bound else {"host": place.host, "port": place.port}
            listeners.append(await loop.create_server(lambda: Connection(shared), **where, backlog=BACKLOG, ssl=context))
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return Server(listeners, shared)
