"""One SMTP connection: a socket on one side, a client session on the other, and nothing decided in between.

The pump of wire/smtp_client: what comes in goes to the session, what the session wants to say goes out, with
back-pressure, so a message of any size is in memory a few chunks at a time. Each state of the session has its time-out.
Standards: RFC 5321 §4.5.3.2 (time-outs). Not here: which host, which outcome, how long a connection is kept (courier.py).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mailwright.core.ports import TlsPolicy
from mailwright.faults import Point, passes
from mailwright.net.tls import describe
from mailwright.wire.smtp_client import CHUNK, Closed, Event, Session, State, Transaction

# RFC 5321 §4.5.3.2: greeting 5 min, MAIL 5, RCPT 5, DATA 2, each block 3, final dot 10; what it does not name is ours.
RFC_TIMEOUTS: Mapping[State, float] = {
    State.GREETING: 300.0,
    State.EHLO: 300.0,
    State.HELO: 300.0,
    State.STARTTLS: 120.0,
    State.HANDSHAKE: 60.0,
    State.AUTH: 120.0,
    State.READY: 20.0,  # how long a connection is kept for the next message
    State.ENVELOPE: 300.0,
    State.CONTENT: 180.0,
    State.FINAL: 600.0,
    State.QUIT: 5.0,
    State.CLOSED: 5.0,
}


@dataclass(frozen=True, slots=True)
class Place:
    """What the connection leads to."""

    host: str
    address: str
    port: int
    policy: TlsPolicy | None = None  # what TLS must show there


class Link(asyncio.Protocol):
    """A connection and its session. Made by `loop.create_connection`; `event` gives what happened, in order."""

    def __init__(
        self,
        session: Session,
        place: Place,
        timeouts: Mapping[State, float],
        deadline: float,
        on_closed: Callable[[Link], None],
    ) -> None:
        self.session = session
        self.place = place
        self.tls: str | None = None
        self.key: tuple[object, ...] = ()  # what a courier keeps it under
        self.deadline = deadline  # of whoever uses it now, by the loop's clock
        self.expires = deadline
        self._loop = asyncio.get_running_loop()
        self._timeouts = timeouts
        self._on_closed = on_closed
        self._transport: asyncio.Transport | None = None
        self._writable = True
        self._shaking_hands = False
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None

    # --- what a courier calls ------------------------------------------------------------------------------------------

    async def event(self) -> Event:
        """The next event; once Closed was given it is given again."""
        while not self._events:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._events[0] if isinstance(self._events[0], Closed) else self._events.popleft()

    def begin(self, transaction: Transaction) -> None:
        """Start a transaction; raises ValueError as `Session.begin` does, and the link stays ready."""
        self._tell(self.session.begin(transaction))
        self._pump()

    async def start_tls(
        self, context: ssl.SSLContext, name: str | None, judge: Callable[[ssl.SSLObject], None] = lambda _: None
    ) -> None:
        """Do the handshake the session waits for. Raises OSError (SSLError), ValueError or TimeoutError.

        `judge` raises one of these where the peer has not shown what it must; then nothing more is said to it.
        """
        if self._transport is None or self.session.state is not State.HANDSHAKE:
            raise ConnectionResetError("the connection was lost before the handshake")
        timeout = max(0.01, min(self._timeouts[State.HANDSHAKE], self.deadline - self._loop.time()))
        self.expires = float("inf")
        self._shaking_hands = True
        try:
            secured = await self._loop.start_tls(
                self._transport, self, context, server_hostname=name, ssl_handshake_timeout=timeout
            )
        finally:
            self._shaking_hands = False
        if secured is None or self._transport is None or self.session.state is not State.HANDSHAKE:
            raise ConnectionResetError("the connection was lost in the handshake")
        judge(secured.get_extra_info("ssl_object"))
        self._take(secured)
        self.session.tls_started(self.tls or "")
        self._pump()

    def quit(self) -> None:
        """Take leave and close, without waiting here; in the middle of something just close."""
        self.session.quit()
        self.deadline = float("inf")
        self._pump()
        if self.session.state is not State.QUIT:
            self.lose("closed")

    def lose(self, reason: str) -> None:
        """Give the connection up now. Whoever waits is told."""
        self._tell(self.session.connection_lost(reason))
        if self._transport:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Give up, or take leave of an idle peer, when the time is over. `now` by the loop's clock."""
        if now < self.expires:
            return
        if self.session.state is State.READY:
            self.quit()
        elif self.session.state is not State.CLOSED:
            what = "the time for this delivery is over" if now >= self.deadline else "timed out"
            self.lose(f"{what} in state {self.session.state}")

    @property
    def usable(self) -> bool:
        """True while a transaction can begin."""
        return self.session.state is State.READY and self._transport is not None and not self._transport.is_closing()

    # --- what the loop calls -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's call: the socket is connected (and encrypted, where TLS comes first)."""
        self._take(transport)  # type: ignore[arg-type]
        self._pump()

    def data_received(self, data: bytes) -> None:
        """The loop's call: feed the session."""
        if self.session.state is State.FINAL:
            passes(Point.DELIVERY_DOT)
        self._tell(self.session.receive_data(data))
        self._pump()

    def eof_received(self) -> None:
        """The loop's call: the peer says no more."""
        self.lose("the peer closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """The loop's call: the socket is gone."""
        self._transport = None
        if self._shaking_hands:
            return  # whoever does the handshake is told why by an exception
        self._tell(self.session.connection_lost(f"the connection was lost: {exc}" if exc else "the connection was lost"))

    def pause_writing(self) -> None:
        """The loop's call: enough is buffered."""
        self._writable = False

    def resume_writing(self) -> None:
        """The loop's call: go on."""
        self._writable = True
        self._pump()

    # --- inside --------------------------------------------------------------------------------------------------------

    def _take(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=CHUNK)
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            self.tls = describe(secured)

    def _pump(self) -> None:
        transport = self._transport
        while transport and self._writable and not transport.is_closing() and (chunk := self.session.bytes_to_send()):
            transport.write(chunk)
            if transport.is_closing():  # the system refused it, so it has not left (I6)
                self._tell(self.session.write_failed("the connection was lost while sending"))
        self.expires = min(self.deadline, self._loop.time() + self._timeouts[self.session.state])

    def _tell(self, events: list[Event]) -> None:
        if not events:
            return
        self._events.extend(events)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if isinstance(events[-1], Closed):
            if self._transport:  # not from within its own call: asyncio's TLS transport does not bear that
                self._loop.call_soon(self._transport.close)
            self._on_closed(self)
