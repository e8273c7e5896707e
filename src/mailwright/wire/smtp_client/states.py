"""The states of a client session and the only ways from one to another, as data.

Standards: RFC 5321 §3.1-3.3, §4.1.4 (order of commands), RFC 3207 §4.2 (start again after STARTTLS).
Pure. session.py moves along this table and nowhere else; tests and docs read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where the session stands; also what a driver waits for, so time-outs are tables over this."""

    GREETING = "greeting"
    EHLO = "ehlo"
    HELO = "helo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"  # the driver's turn: TLS, then `tls_started`
    AUTH = "auth"
    READY = "ready"  # a transaction may begin
    ENVELOPE = "envelope"  # MAIL, RCPT and DATA are under way
    CONTENT = "content"  # the message is being handed out
    FINAL = "final"  # its end was handed out; the reply decides
    QUIT = "quit"
    CLOSED = "closed"


class Cue(StrEnum):
    """What moves a session on."""

    GREETED = "greeted"
    NOT_KNOWN = "ehlo-not-known"
    SECURE = "wants-tls"
    SECURED = "tls-started"
    LOG_IN = "wants-login"
    READY = "ready"
    REFUSED = "refused"
    BEGIN = "begin"
    GO_AHEAD = "go-ahead"
    SENT = "all-sent"
    DONE = "done"
    LEAVE = "leave"
    LOST = "lost"


TRANSITIONS: Mapping[State, Mapping[Cue, State]] = {
    State.GREETING: {Cue.GREETED: State.EHLO, Cue.REFUSED: State.QUIT, Cue.LOST: State.CLOSED},
    State.EHLO: {
        Cue.NOT_KNOWN: State.HELO,
        Cue.SECURE: State.STARTTLS,
        Cue.LOG_IN: State.AUTH,
        Cue.READY: State.READY,
        Cue.REFUSED: State.QUIT,
        Cue.LOST: State.CLOSED,
    },
    State.HELO: {Cue.READY: State.READY, Cue.REFUSED: State.QUIT, Cue.LOST: State.CLOSED},
    State.STARTTLS: {
        Cue.GO_AHEAD: State.HANDSHAKE,
        Cue.LOG_IN: State.AUTH,
        Cue.READY: State.READY,
        Cue.REFUSED: State.QUIT,
        Cue.LOST: State.CLOSED,
    },
    State.HANDSHAKE: {Cue.SECURED: State.EHLO, Cue.LOST: State.CLOSED},
    State.AUTH: {Cue.READY: State.READY, Cue.REFUSED: State.QUIT, Cue.LOST: State.CLOSED},
    State.READY: {Cue.BEGIN: State.ENVELOPE, Cue.LEAVE: State.QUIT, Cue.LOST: State.CLOSED},
    State.ENVELOPE: {Cue.GO_AHEAD: State.CONTENT, Cue.DONE: State.READY, Cue.LOST: State.CLOSED},
    State.CONTENT: {Cue.SENT: State.FINAL, Cue.LOST: State.CLOSED},
    State.FINAL: {Cue.DONE: State.READY, Cue.LOST: State.CLOSED},
    State.QUIT: {Cue.LOST: State.CLOSED},
    State.CLOSED: {},
}


class Verb(StrEnum):
    """What a reply answers."""

    GREETING = "greeting"
    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    RSET = "RSET"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    END = "end of message"
    EMPTY_END = "end of an empty message"
    QUIT = "QUIT"
