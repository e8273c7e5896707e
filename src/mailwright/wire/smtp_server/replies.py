"""What a server says: a code, an enhanced code and a sentence.

Standards: RFC 5321 §4.2, RFC 2034, RFC 3463 and its registry (RFC 5248).
Promises: a reply is never more or less than the lines it says, whatever stands in the text; ASCII, 512 octets a line.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mailwright.values import dataclass

MAX_TEXT = 480  # octets of text in a line: RFC 5321 §4.5.3.1.5 allows 512 with the codes and CRLF
_UNSAFE = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. Each line of `text` becomes a line of it; `enhanced` is None for greetings and 3xx."""

    code: int
    enhanced: str | None
    text: str

    def render(self) -> bytes:
        """The bytes for the wire. Characters that are not printable ASCII become `?`; long lines are cut in two or more."""
        return _render(self)

    def __str__(self) -> str:
        return self.render().decode("ascii").rstrip()


@lru_cache(maxsize=256)
def _render(reply: Reply) -> bytes:
    start = f"{reply.code}-{reply.enhanced} " if reply.enhanced else f"{reply.code}-"
    lines = [_UNSAFE.sub("?", line) for line in reply.text.split("\n")]
    if max(map(len, lines)) > MAX_TEXT:
        lines = [line[at : at + MAX_TEXT] for line in lines for at in range(0, len(line) or 1, MAX_TEXT)]
    # RFC 5321 §4.2.1: a hyphen behind the code in all lines but the last.
    last = f"{start[:3]} {start[4:]}{lines.pop()}\r\n"
    return "".join([*(f"{start}{line}\r\n" for line in lines), last]).encode("ascii")


MAIL_OK = Reply(250, "2.1.0", "Reverse path OK")
RCPT_OK = Reply(250, "2.1.5", "Recipient OK")
RESET = Reply(250, "2.0.0", "Reset")
NOTHING_DONE = Reply(250, "2.0.0", "OK")
BYE = Reply(221, "2.0.0", "Bye")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
AUTHENTICATED = Reply(235, "2.7.0", "Authentication successful")
# RFC 5321 §3.5.3 and §7.3: 252 neither confirms nor denies, so that nobody harvests the directory (S20).
CANNOT_VERIFY = Reply(252, "2.0.0", "Send some mail and see")
HELP = Reply(214, "2.0.0", "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT AUTH STARTTLS\nSee RFC 5321")
CHUNK_OK = Reply(250, "2.0.0", "Chunk received")
GO_AHEAD = Reply(354, None, "End with <CRLF>.<CRLF>")

TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TOO_MANY_LOGINS = Reply(421, "4.7.0", "Too many failed logins")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands without mail")
TOO_MANY_MESSAGES = Reply(421, "4.7.0", "Enough for one connection; please connect again")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")

LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
UNKNOWN_COMMAND = Reply(500, "5.5.2", "Command not recognised")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
BAD_SYNTAX = Reply(501, "5.5.4", "Syntax error in parameters")
NO_PARAMETERS = Reply(501, "5.5.4", "This command takes no parameters")
BAD_PARAMETER = Reply(501, "5.5.4", "Parameter value not valid, or given twice")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Parameter not recognised")
BAD_REVERSE_PATH = Reply(501, "5.1.7", "Reverse path not valid")
BAD_FORWARD_PATH = Reply(501, "5.1.3", "Recipient address not valid")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "Address needs SMTPUTF8, which was not asked for")

SAY_EHLO = Reply(503, "5.5.1", "Say EHLO first")
BAD_SEQUENCE = Reply(503, "5.5.1", "Bad sequence of commands")
NEED_RECIPIENT = Reply(503, "5.5.1", "Need RCPT first")
NO_VALID_RECIPIENT = Reply(554, "5.5.1", "No valid recipients")
TLS_FIRST = Reply(530, "5.7.0", "Issue STARTTLS first")
AUTH_FIRST = Reply(530, "5.7.0", "Authentication required")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Encryption required for authentication")
UNKNOWN_MECHANISM = Reply(504, "5.5.4", "Mechanism not supported")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
AUTH_NOT_BASE64 = Reply(501, "5.5.2", "Not base64")
AUTH_TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line is too long")

TOO_BIG = Reply(552, "5.3.4", "Message too big")
TEXT_LINE_TOO_LONG = Reply(554, "5.6.0", "Message has a line that is too long")

# What follows ends the session: the peer and we no longer agree on where a command or a message ends.
BARE_LF = Reply(521, "5.5.2", "Bare <LF> received: lines end in <CR><LF>")
BARE_CR = Reply(521, "5.5.2", "Bare <CR> received: lines end in <CR><LF>")
NUL = Reply(521, "5.5.2", "NUL received")
OUT_OF_STEP = Reply(554, "5.5.0", "Protocol synchronisation error: wait for the reply")
NOT_SMTP = Reply(554, "5.5.0", "This is SMTP")
BAD_CHUNK_SIZE = Reply(521, "5.5.4", "Chunk size not valid")
