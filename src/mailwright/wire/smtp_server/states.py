"""Which command is legal when, as a table: the session obeys it, tests walk it, the docs draw it.

Standards: RFC 5321 §4.1.4 (order of commands), RFC 3030 §2 (BDAT), RFC 3207 §4.2, RFC 4954 §4.
Not here: what a command may say (grammar.py), what happens then (session.py).
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a session stands."""

    SILENT = "silent"  # connected, and not greeted by us yet
    GREETED = "greeted"  # greeted, or TLS just begun; EHLO is due
    READY = "ready"  # between transactions
    MAIL = "mail"  # has a reverse path
    RCPT = "rcpt"  # has a recipient
    CHUNKED = "chunked"  # between two BDAT chunks of one message
    DATA = "data"  # inside the text of a message
    CHUNK = "chunk"  # inside a BDAT chunk
    AUTH = "auth"  # inside a SASL exchange
    HANDSHAKE = "handshake"  # 220 was sent to STARTTLS; the next octets are TLS
    CLOSED = "closed"


class Verb(StrEnum):
    """The commands that are known."""

    HELO = "HELO"
    EHLO = "EHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BDAT = "BDAT"
    RSET = "RSET"
    NOOP = "NOOP"
    HELP = "HELP"
    VRFY = "VRFY"
    EXPN = "EXPN"
    AUTH = "AUTH"
    STARTTLS = "STARTTLS"
    QUIT = "QUIT"


WAITING = (State.GREETED, State.READY, State.MAIL, State.RCPT, State.CHUNKED)  # for a command

TRANSITIONS: dict[tuple[State, Verb], State] = {
    (State.READY, Verb.MAIL): State.MAIL,
    (State.READY, Verb.AUTH): State.AUTH,
    (State.READY, Verb.STARTTLS): State.HANDSHAKE,
    (State.MAIL, Verb.RCPT): State.RCPT,
    (State.RCPT, Verb.RCPT): State.RCPT,
    (State.RCPT, Verb.DATA): State.DATA,
    (State.RCPT, Verb.BDAT): State.CHUNK,
    (State.CHUNKED, Verb.BDAT): State.CHUNK,
    (State.GREETED, Verb.RSET): State.GREETED,
}
for _state in WAITING:
    TRANSITIONS[_state, Verb.EHLO] = TRANSITIONS[_state, Verb.HELO] = State.READY
    TRANSITIONS.setdefault((_state, Verb.RSET), State.READY)
    TRANSITIONS[_state, Verb.QUIT] = State.CLOSED
    for _verb in (Verb.NOOP, Verb.HELP, Verb.VRFY, Verb.EXPN):
        TRANSITIONS[_state, _verb] = _state
"""(state, command) -> the state once the command was accepted. What is not in it is 503 5.5.1."""

# RFC 2920 §3.1, RFC 4954 §4, RFC 3207 §4: the client must wait for the answer to these before it says more.
LAST_IN_GROUP = frozenset([Verb.EHLO, Verb.HELO, Verb.DATA, Verb.AUTH, Verb.STARTTLS])
