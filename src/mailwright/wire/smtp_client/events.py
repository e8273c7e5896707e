"""What a session is told at the start, and what it tells while it runs.

Standards: none of its own; the words are those of RFC 5321. Pure values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from mailwright.mail.outcomes import Deferred, Outcome, Rejected
from mailwright.wire.smtp_client.capabilities import Capabilities
from mailwright.wire.smtp_client.commands import Credentials
from mailwright.wire.smtp_client.states import State


class Tls(StrEnum):
    """What to do about STARTTLS. A connection that is encrypted from its start wants NEVER and `encrypted`."""

    NEVER = "never"
    IF_OFFERED = "if-offered"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Options:
    """How to behave. `hello_name` is our own fully qualified name (RFC 5321 §2.3.5)."""

    hello_name: str
    tls: Tls = Tls.IF_OFFERED
    encrypted: bool = False
    credentials: Credentials | None = None
    plaintext_auth: bool = False  # let credentials go over an unencrypted connection
    chunking: bool = True  # use BDAT where it is offered


@dataclass(frozen=True, slots=True)
class Ready:
    """A transaction may begin."""

    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class StartTls:
    """The peer awaits a TLS handshake: do it, then call `tls_started`, or `connection_lost` where it fails."""


@dataclass(frozen=True, slots=True)
class Unready:
    """The session will never be ready; `state` is where it ended. Nothing was asked about any recipient."""

    outcome: Deferred | Rejected
    state: State


@dataclass(frozen=True, slots=True)
class Finished:
    """A transaction is over. `outcomes` in the order of its recipients.

    `content_begun` is False where no octet of the message had left: then all of it may be tried again elsewhere.
    """

    outcomes: tuple[Outcome, ...]
    transcript: tuple[str, ...]
    content_begun: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more will be sent or read: close the connection."""

    reason: str


Event: TypeAlias = Ready | StartTls | Unready | Finished | Closed
