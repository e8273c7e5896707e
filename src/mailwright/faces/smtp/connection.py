"""The pump: one connection between a socket, a session and a conversation. It neither parses nor decides.

Events are handled as they come, without a task; only what must be waited for (a recipient, a message, a handshake) starts
one, and what the client sends meanwhile waits in the session, up to BACKLOG. One timer a connection: the deadline is a
number that moves. A record has a deadline, not an octet: whoever sends one octet a second runs out of time (S21).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import structlog

from mailwright.faces.smtp.conversation import Conversation, Tarpit
from mailwright.faces.smtp.doors import Door, plain_address
from mailwright.faces.smtp.metrics import Metrics
from mailwright.faces.smtp.translation import BUG, SHUTTING_DOWN, TIMEOUT, Reception
from mailwright.wire.smtp_server import Event, Options, Reply, Session, StartTls, State, Why

log = structlog.get_logger("mailwright.smtp")

BACKLOG = 64 * 1024  # octets that may wait while something is decided; then reading stops
_CONTENT = frozenset([State.DATA, State.CHUNK])
_MID_MESSAGE = frozenset([Why.SMUGGLING, Why.TOO_BIG])  # ends for which no client waits: it is talking


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, but for `rate`."""

    command: float = 300.0  # RFC 5321 §4.5.3.2.7: a server waits five minutes for the next command
    block: float = 180.0  # for the next block of a message
    rate: float = 500.0  # octets a second; a message that comes slower runs out of time
    handshake: float = 30.0
    linger: float = 10.0  # for the last reply to be taken, and for a client that talks on to come to its end
    greeting: float = 0.0  # before 220: who talks meanwhile is sent away (S4)


@dataclass(slots=True)
class Shared:
    """What all connections of a server have in common."""

    reception: Reception
    protocol: Options
    timing: Timing
    tarpit: Tarpit
    doors: Door
    context: ssl.SSLContext | None = None
    metrics: Metrics | None = None
    connections: set[Connection] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)  # outlive their connections
    quiet: asyncio.Event = field(default_factory=asyncio.Event)  # no connection is left


class Connection(asyncio.Protocol):
    """See the module."""

    _transport: asyncio.Transport
    _session: Session
    _conversation: Conversation
    _timer: asyncio.TimerHandle

    def __init__(self, shared: Shared, ip: str | None = None) -> None:
        """`ip` where somebody else has accepted it, and knows."""
        self._shared = shared
        self._ip = ip
        self._loop = asyncio.get_running_loop()
        self._admitted = self._eof = self._stuffed = self._said_all = False
        self._deadline = self._alarm = 0.0  # when time is up, and when we look whether it is: never later
        self._early: bytearray | None = None  # what came over TLS before the handshake was reported
        self.task: asyncio.Task[None] | None = None

    # --- called by the loop ------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count, greet."""
        shared, now = self._shared, self._loop.time()
        self._transport = cast(asyncio.Transport, transport)
        ip = self._ip or plain_address(str((transport.get_extra_info("peername") or ("0.0.0.0",))[0]))
        self._session = Session(shared.protocol, tls=transport.get_extra_info("ssl_object") is not None)
        self._conversation = Conversation(
            ip, self._session, shared.reception, shared.tarpit, self._flush, self._secured, shared.metrics
        )
        self._deadline = self._alarm = now + shared.timing.command
        self._timer = self._loop.call_at(self._alarm, self._on_time)
        turned_away = shared.doors.admit(ip, now)
        if turned_away is not None:
            self._turn_away(turned_away)
            return
        self._admitted = True
        shared.connections.add(self)
        shared.quiet.clear()
        if shared.metrics:
            shared.metrics.connections.inc()
        if shared.timing.greeting:
            self._loop.call_later(shared.timing.greeting, self._greet)
        else:
            self._greet()

    def data_received(self, data: bytes) -> None:
        """Pump, or let it wait while something is decided."""
        session = self._session
        if self._said_all:
            return
        if self._early is not None:
            self._early += data
            return
        if session.state in _CONTENT:
            timing = self._shared.timing
            earned = self._deadline + len(data) / timing.rate
            self._set_deadline(min(self._loop.time() + timing.block, earned))
        if self.task is None:
            self._pump(session.receive_data(data))
            return
        session.receive_data(data)
        if session.held > BACKLOG:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client says no more; what it said before is still answered."""
        self._eof = True
        if self.task is None:
            self._pump(self._session.receive_eof())
        return self.task is not None and not self._session.tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Void what is unfinished. A message that core has in hand is not taken back from it."""
        self._timer.cancel()
        if self.task is None:
            for event in self._session.receive_eof():
                self._conversation.handle(event)
        else:
            self._session.hang_up(SHUTTING_DOWN)
        if self._admitted:
            self._admitted = False
            shared = self._shared
            shared.doors.leave(self._conversation.ip)
            shared.connections.discard(self)
            if shared.metrics:
                shared.metrics.connections.dec()
            if not shared.connections:
                shared.quiet.set()

    def pause_writing(self) -> None:
        """The client does not take its replies: don't read what would make more of them."""
        self._stuffed = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It took them."""
        self._stuffed = False
        self._read_on()

    # --- called by the server ------------------------------------------------------------

    def drain(self, reply: Reply) -> None:
        """End it in good order."""
        self._session.drain(reply)
        if self.task is None:
            self._pump(self._session.receive_data(b""))

    def hang_up(self, reply: Reply) -> None:
        """End it now; a decision under way comes too late to be told."""
        self._session.hang_up(reply)
        if self.task is None:
            self._pump(self._session.receive_data(b""))
        else:
            self._flush()

    def abort(self) -> None:
        """End it without a word."""
        self._transport.abort()

    # --- the pump ------------------------------------------------------------

    def _greet(self) -> None:
        if not self._session.closed:
            self._session.greet()
            self._flush()

    def _turn_away(self, reply: Reply) -> None:
        if self._shared.metrics:
            self._shared.metrics.turned_away.inc()
        self._session.hang_up(reply)
        self._flush()

    def _pump(self, events: Iterator[Event]) -> None:
        waiting = self._next_wait(events)
        if waiting is not None:
            self.task = self._loop.create_task(self._wait(waiting, events))
            self._shared.tasks.add(self.task)
            self.task.add_done_callback(self._shared.tasks.discard)
        else:
            self._flush()

    def _next_wait(self, events: Iterator[Event]) -> Coroutine[Any, Any, None] | None:
        """Handle events up to one that must be waited for."""
        for event in events:
            waiting = self._on_starttls() if isinstance(event, StartTls) else self._conversation.handle(event)
            if waiting is not None:
                return waiting
        return None

    async def _wait(self, waiting: Coroutine[Any, Any, None] | None, events: Iterator[Event]) -> None:
        """Wait for one decision, and for all that follow from octets that are here already."""
        try:
            while waiting is not None:
                await waiting
                waiting = self._next_wait(events)
        except Exception:
            log.exception("smtp.bug", ip=self._conversation.ip)
            self._session.hang_up(BUG)
            self._conversation.drop_message()
        finally:
            self.task = None
        self._flush()
        if self._eof:
            self._pump(self._session.receive_eof())
        else:
            self._read_on()

    def _flush(self) -> None:
        """Send what is to be sent, and close after the last of it; the next record has all its time before it."""
        if self._transport.is_closing():
            return
        output = self._session.bytes_to_send()
        if output:
            timing, state = self._shared.timing, self._session.state
            self._transport.write(output)
            self._set_deadline(self._loop.time() + (timing.block if state in _CONTENT else timing.command))
        if self._session.closed:
            self._let_go()

    def _let_go(self) -> None:
        """Close, in `linger` at the latest. Whoever is in the middle of a message is listened to until it has said all.

        Octets that nobody reads would make the system reset the connection, and most clients then don't
        see the reply: they would take a no for trouble on the line, and come again with the same message for days.
        """
        self._timer.cancel()
        if self._session.why in _MID_MESSAGE and self._transport.can_write_eof() and not self._said_all:
            self._said_all = True
            self._transport.write_eof()
            self._read_on()
        else:
            self._transport.close()
        self._timer = self._loop.call_later(self._shared.timing.linger, self._transport.abort)

    def _read_on(self) -> None:
        if not (self._stuffed or self.task or self._transport.is_closing() or self._transport.is_reading()):
            self._transport.resume_reading()

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        if deadline < self._alarm:
            self._timer.cancel()
            self._look_again()

    def _look_again(self) -> None:
        self._alarm = self._deadline
        self._timer = self._loop.call_at(self._alarm, self._on_time)

    def _on_time(self) -> None:
        now = self._loop.time()
        if self.task is not None:
            self._deadline = now + self._shared.timing.command  # it is us who take long
        if self._deadline <= now:
            self.hang_up(TIMEOUT)
        else:
            self._look_again()

    # --- TLS ------------------------------------------------------------

    def _on_starttls(self) -> Coroutine[Any, Any, None]:
        # S5: from here on nothing is read as plain text any more.
        self._transport.pause_reading()
        return self._start_tls()

    async def _start_tls(self) -> None:
        context, limit = self._shared.context, self._shared.timing.handshake
        assert context is not None
        self._flush()
        self._early = bytearray()
        try:
            secured = await self._loop.start_tls(self._transport, self, context, server_side=True, ssl_handshake_timeout=limit)
        except OSError as error:  # TimeoutError and ssl.SSLError are among them
            log.info("smtp.handshake_failed", ip=self._conversation.ip, reason=str(error))
            secured = None
        early, self._early = bytes(self._early), None
        if secured is None or self._session.closed:
            self._transport.abort()
            self.connection_lost(None)  # a loop does not tell us of the loss of a connection in its handshake
            return
        self._transport = secured
        self._session.tls_started()
        self._session.receive_data(early)

    def _secured(self) -> str:
        """How the line is protected, as in `TLSv1.3 TLS_AES_256_GCM_SHA384`; "" for plain text."""
        tls: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return f"{tls.version()} {(tls.cipher() or '?')[0]}" if tls else ""
