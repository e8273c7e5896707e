"""What a client did, as values. Those in `DECISIONS` want an answer before the next event is asked for.

Standards: RFC 5321 §4.1.1, RFC 3461 §4 (DSN parameters), RFC 6531, RFC 4954, RFC 8689 §2.
Addresses are `Path`s; sizes are octets; text is decoded.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from mailwright.values import dataclass
from mailwright.wire.smtp_paths import Path


class Body(StrEnum):
    """BODY of MAIL (RFC 6152)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"


class Ret(StrEnum):
    """RET of MAIL: how much of the message a failure report brings back (RFC 3461 §4.3)."""

    FULL = "FULL"
    HDRS = "HDRS"


class Notify(StrEnum):
    """NOTIFY of RCPT: when to report (RFC 3461 §4.1). NEVER stands alone."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


class Why(StrEnum):
    """Why a session ended."""

    QUIT = "quit"  # the client said QUIT
    EOF = "eof"  # the client went without a word
    SMUGGLING = "smuggling"  # a bare CR, bare LF or NUL
    OUT_OF_STEP = "out-of-step"  # the client talked when it had to wait, or before STARTTLS took effect
    NOT_SMTP = "not-smtp"  # HTTP, say
    ERRORS = "errors"  # too many errors, failed logins, or commands to no purpose
    TOO_BIG = "too-big"  # a message went on far beyond the limit
    LIMIT = "limit"  # messages of one connection
    SERVER = "server"  # this side: `hang_up`, `drain`, or a refusal with 421 or 521


@dataclass(frozen=True, slots=True)
class Hello:
    """EHLO or HELO. `name` is what the client calls itself: printable, without spaces, and no more than a claim."""

    name: str
    esmtp: bool


@dataclass(frozen=True, slots=True)
class MailFrom:
    """MAIL: a transaction begins. `size` is what the client announced; `auth` is AUTH= (RFC 4954 §5), a claim."""

    reverse_path: Path
    size: int | None = None
    body: Body | None = None
    smtputf8: bool = False
    ret: Ret | None = None
    envid: str | None = None
    auth: str | None = None
    require_tls: bool = False


@dataclass(frozen=True, slots=True)
class RcptTo:
    """RCPT: one recipient. `notify` is empty when nothing was asked; `orcpt` is `type;address`, decoded."""

    forward_path: Path
    notify: frozenset[Notify] = frozenset()
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class DataStarted:
    """The message is about to come, by DATA or in BDAT chunks."""

    chunked: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of the message: CRLF line ends, dots unstuffed."""

    content: bytes


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """The message is there, `size` octets: accepting it takes responsibility for it."""

    size: int


@dataclass(frozen=True, slots=True)
class MessageAborted:
    """The message that was coming is refused, by the session or through `abandon`: throw away what came of it.

    No MessageEnd follows; the client is told at the end of its message.
    """


@dataclass(frozen=True, slots=True)
class StartTls:
    """220 is to be sent; then do the handshake, then call `tls_started`."""


@dataclass(frozen=True, slots=True)
class Auth:
    """AUTH began. `initial` is the decoded initial response, None if there was none (b"" if it was `=`)."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class AuthResponse:
    """The client's decoded answer to `challenge`."""

    response: bytes


@dataclass(frozen=True, slots=True)
class AuthCancelled:
    """The exchange ended without a decision: `*`, or something that is not base64. Already answered."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A transaction was dropped by RSET, EHLO or HELO."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over, and any message that was not accepted with it. Send what is to be sent, and close."""

    why: Why


Decision: TypeAlias = MailFrom | RcptTo | DataStarted | MessageEnd | Auth | AuthResponse
Event: TypeAlias = Decision | Hello | Chunk | MessageAborted | StartTls | AuthCancelled | Reset | Closed

DECISIONS: frozenset[type] = frozenset([MailFrom, RcptTo, DataStarted, MessageEnd, Auth, AuthResponse])
"""Answer these with `accept`, `refuse` or (the two of AUTH) `challenge`."""
