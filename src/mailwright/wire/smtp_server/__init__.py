"""SMTP as a server speaks it: bytes in, events out; decisions in, bytes out. No sockets.

Standards: RFC 5321; 1870 SIZE, 2034 and 3463 status codes, 2920 PIPELINING, 3030 CHUNKING (without BINARYMIME),
3207 STARTTLS, 3461 DSN, 4954 AUTH, 6152 8BITMIME, 6531 SMTPUTF8, 8689 REQUIRETLS, 9422 LIMITS.
Read states.py (what is legal when), then events.py, then session.py. Not here: who may send what to whom (core),
sockets and deadlines (faces/smtp.py), the SASL mechanisms themselves (sasl.py).
"""

from mailwright.wire.smtp_server.commands import Options
from mailwright.wire.smtp_server.events import (
    Auth,
    AuthCancelled,
    AuthResponse,
    Body,
    Chunk,
    Closed,
    DataStarted,
    Event,
    Hello,
    MailFrom,
    MessageAborted,
    MessageEnd,
    Notify,
    RcptTo,
    Reset,
    Ret,
    StartTls,
    Why,
)
from mailwright.wire.smtp_server.replies import Reply
from mailwright.wire.smtp_server.session import Session
from mailwright.wire.smtp_server.states import TRANSITIONS, State, Verb

__all__ = [
    "TRANSITIONS",
    "Auth",
    "AuthCancelled",
    "AuthResponse",
    "Body",
    "Chunk",
    "Closed",
    "DataStarted",
    "Event",
    "Hello",
    "MailFrom",
    "MessageAborted",
    "MessageEnd",
    "Notify",
    "Options",
    "RcptTo",
    "Reply",
    "Reset",
    "Ret",
    "Session",
    "StartTls",
    "State",
    "Verb",
    "Why",
]
