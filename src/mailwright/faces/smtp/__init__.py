"""SMTP from outside: sockets and deadlines around a session that knows the protocol and a core that decides.

Standards: those of wire/smtp_server; RFC 5321 §4.5.3.2 (time-outs), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS).
`serve` listens; `connection.py` is the pump, `conversation.py` brings events to core and answers back, `doors.py` counts who
comes in, `translation.py` turns paths into addresses and refusals into replies. Nothing is decided here.
"""

from mailwright.faces.smtp.connection import Timing
from mailwright.faces.smtp.conversation import Tarpit
from mailwright.faces.smtp.doors import DoorLimits
from mailwright.faces.smtp.metrics import Metrics, metrics
from mailwright.faces.smtp.server import Listen, Server, ServerOptions, serve
from mailwright.faces.smtp.translation import Reception, in_time, reception

__all__ = [
    "DoorLimits",
    "Listen",
    "Metrics",
    "Reception",
    "Server",
    "ServerOptions",
    "Tarpit",
    "Timing",
    "in_time",
    "metrics",
    "reception",
    "serve",
]
