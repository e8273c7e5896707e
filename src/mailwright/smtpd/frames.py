"""What the main process and an SMTP process say to each other."""

from __future__ import annotations

from mailwright.core import errors
from mailwright.core.examining import Examined, Peer
from mailwright.core.ports import Settings
from mailwright.core.receiving import Arrival, Recipient
from mailwright.faces.smtp.connection import Timing
from mailwright.faces.smtp.conversation import Tarpit
from mailwright.mail.arf import Complaint
from mailwright.mail.dsn import Dsn
from mailwright.net.resolver import ResolverOptions
from mailwright.system.line import Drain, Frame, Ping, Pong, Ready
from mailwright.wire.smtp_server import Options as Protocol

IMPLICIT, PLAIN = b"\1", b"\0"  # with a connection that is handed over: whether TLS begins at once; then the address


class Setup(Frame, frozen=True, tag=True, array_like=True):
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


class No(Frame, frozen=True, tag=True, array_like=True):
    """A refusal: the name of its class in core.errors."""

    number: int
    refusal: str
    message: str


class Found(Frame, frozen=True, tag=True, array_like=True):
    """The answer to Who."""

    number: int
    recipient: Recipient


class Seen(Frame, frozen=True, tag=True, array_like=True):
    """The answer to SeenFrom."""

    number: int
    peer: Peer


class Taken(Frame, frozen=True, tag=True, array_like=True):
    """The answer to Arrived: it is durable."""

    number: int
    ids: tuple[str, ...]


class Renew(Frame, frozen=True, tag=True, array_like=True):
    """Read the certificate again."""


ToProcess = Setup | Renew | No | Found | Seen | Taken | Ping | Drain

# --- from an SMTP process -------------------------------------------------------------------------------------------------


class Who(Frame, frozen=True, tag=True, array_like=True):
    """Whom does this envelope recipient stand for?"""

    number: int
    address: str


class SeenFrom(Frame, frozen=True, tag=True, array_like=True):
    """How do others see this peer, which looks like ourselves?"""

    number: int
    peer: Peer
    mail_from: str


class Arrived(Frame, frozen=True, tag=True, array_like=True):
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


class Gone(Frame, frozen=True, tag=True, array_like=True):
    """A connection from there is over."""

    ip: str


FromProcess = Ready | Who | SeenFrom | Arrived | Gone | Pong


def refusal_of(told: No) -> errors.Refusal:
    """The refusal that was told."""
    found = getattr(errors, told.refusal, errors.ExaminationFailed)
    refusal: errors.Refusal = found(told.message)
    return refusal
