"""The client's end of SMTP: how we speak to a server that takes mail from us. The mirror of smtp_server.

Standards: RFC 5321, 1870, 2034, 2920, 3030, 3207, 3461, 4954, 6152, 6531, 7504, 9422.
Sans-IO: `session = Session(options)`; `receive_data(bytes) -> events`; `bytes_to_send()`; `begin(transaction)`.
Inside: states (the table of legal moves) · session (the engine) · events · replies · capabilities · demands · commands ·
content · transcript · outcomes.
"""

from mailwright.mail.outcomes import Deferred, Delivered, Outcome, Rejected, Unknown
from mailwright.wire.smtp_client.capabilities import Capabilities, parse_capabilities
from mailwright.wire.smtp_client.commands import Credentials, Recipient, Transaction, xtext
from mailwright.wire.smtp_client.content import CHUNK
from mailwright.wire.smtp_client.events import Closed, Event, Finished, Options, Ready, StartTls, Tls, Unready
from mailwright.wire.smtp_client.replies import Garbled, Replies, Reply
from mailwright.wire.smtp_client.session import Session
from mailwright.wire.smtp_client.states import TRANSITIONS, Cue, State, Verb

__all__ = [
    "CHUNK",
    "TRANSITIONS",
    "Capabilities",
    "Closed",
    "Credentials",
    "Cue",
    "Deferred",
    "Delivered",
    "Event",
    "Finished",
    "Garbled",
    "Options",
    "Outcome",
    "Ready",
    "Recipient",
    "Rejected",
    "Replies",
    "Reply",
    "Session",
    "StartTls",
    "State",
    "Tls",
    "Transaction",
    "Unknown",
    "Unready",
    "Verb",
    "parse_capabilities",
    "xtext",
]
