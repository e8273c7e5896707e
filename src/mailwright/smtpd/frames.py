"""What the main process and an SMTP process say to each other. A frame is its length (4 octets), then MessagePack."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from mailwright.core import errors
from mailwright.core.examining import Examined, Peer
from mailwright.core.ports import Settings
from mailwright.core.receiving import Arrival, Recipient
from mailwright.faces.smtp.connection import Timing
from mailwright.faces.smtp.conversation import Tarpit
from mailwright.mail.arf import Complaint
from mailwright.mail.dsn import Dsn
from mailwright.net.resolver import ResolverOptions
from mailwright.smtpd.counting import Family
from mailwright.wire.smtp_server import Options as Protocol

HEAD = 4
IMPLICIT, PLAIN = b"\1", b"\0"  # with a connection that is handed over: whether TLS begins at once; then the address


class Setup(Struct, frozen=True, tag=True, array_like=True):
    """The first frame: all that a process needs to know. The settings come without their secret."""

    settings: Settings
    resolver: ResolverOptions
    protocol: Protocol
    spools: str  # the folder for large messages that come in
    certificate: str = ""  # PEM files
    key: str = ""
    timing: Timing = Timing()
    tarpit: Tarpit = Tarpit()
    log_level: str = "info"
    log_json: bool = False


# --- from the main process -----------------------------------------------------------------------------------------------


class No(Struct, frozen=True, tag=True, array_like=True):
    """A refusal: the name of its class in core.errors."""

    number: int
    refusal: str
    message: str


class Found(Struct, frozen=True, tag=True, array_like=True):
    """The answer to Who."""

    number: int
    recipient: Recipient


class Seen(Struct, frozen=True, tag=True, array_like=True):
    """The answer to SeenFrom."""

    number: int
    peer: Peer


class Taken(Struct, frozen=True, tag=True, array_like=True):
    """The answer to Arrived: it is durable."""

    number: int
    ids: tuple[str, ...]


class Ping(Struct, frozen=True, tag=True, array_like=True):
    """Are you there?"""


class Drain(Struct, frozen=True, tag=True, array_like=True):
    """Let each client finish its message, within that many seconds, and end."""

    grace: float


ToProcess = Setup | No | Found | Seen | Taken | Ping | Drain

# --- from an SMTP process -------------------------------------------------------------------------------------------------


class Ready(Struct, frozen=True, tag=True, array_like=True):
    """Connections may come."""


class Who(Struct, frozen=True, tag=True, array_like=True):
    """Whom does this envelope recipient stand for?"""

    number: int
    address: str


class SeenFrom(Struct, frozen=True, tag=True, array_like=True):
    """How do others see this peer, which looks like ourselves?"""

    number: int
    peer: Peer
    mail_from: str


class Arrived(Struct, frozen=True, tag=True, array_like=True):
    """A message came in: keep and file it. Its bytes, or the name of its file."""

    number: int
    mail_from: str
    recipients: tuple[Recipient, ...]
    examined: Examined | None
    dsn: Dsn | None
    complaint: Complaint | None
    raw: bytes
    file: str = ""

    def arrival(self) -> Arrival:
        """As core knows it."""
        return Arrival(self.mail_from, self.recipients, self.dsn or self.complaint, self.examined)


class Gone(Struct, frozen=True, tag=True, array_like=True):
    """A connection from there is over."""

    ip: str


class Pong(Struct, frozen=True, tag=True, array_like=True):
    """I am; and what was counted so far."""

    counted: list[Family]


FromProcess = Ready | Who | SeenFrom | Arrived | Gone | Pong


def refusal_of(told: No) -> errors.Refusal:
    """The refusal that was told."""
    found = getattr(errors, told.refusal, errors.ExaminationFailed)
    refusal: errors.Refusal = found(told.message)
    return refusal


class Line(asyncio.Protocol):
    """One end of the line: whole frames in, whole frames out."""

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
                end = at + HEAD + int.from_bytes(view[at : at + HEAD], "big")
                if len(held) < end:
                    break
                self._take(self._decode(view[at + HEAD : end]))
                at = end
        del held[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        self._transport = None
        self._lost()

    def send(self, frame: Struct) -> None:
        """One frame."""
        if self._transport is not None:
            body = self._encode(frame)
            self._transport.writelines((len(body).to_bytes(HEAD, "big"), body))

    def close(self) -> None:
        """Hang up, after what was sent."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
