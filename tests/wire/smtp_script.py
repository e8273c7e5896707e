"""A shell without sockets around an SMTP session, and the dialog files that are played to it.

A dialog file is a transcript: `C:` what the client sends (lines in a row go out together), `S:` the reply, by prefix, with
`...` for anything between; `(closed)` is the end. `O:` sets options at the top, `X:` sends raw octets with Python's
escapes, `T:` does the TLS handshake. A `#` opens a comment.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mailwright.wire.smtp_server import (
    Auth,
    AuthResponse,
    Chunk,
    Closed,
    Event,
    MessageAborted,
    MessageEnd,
    Options,
    RcptTo,
    Reply,
    Session,
    Why,
)
from mailwright.wire.smtp_server.events import DECISIONS

UNKNOWN = Reply(550, "5.1.1", "No such mailbox")
LOGIN = [b"Username:", b"Password:"]


@dataclass
class Shell:
    """Accepts everything but the recipients at refused.example and wrong passwords; keeps what happened."""

    options: Options = field(default_factory=lambda: Options(hostname="mx.example"))
    tls: bool = False
    decide: Callable[[Session, Event], bool] | None = None
    events: list[Event] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    most_held: int = 0

    def __post_init__(self) -> None:
        self.session = Session(self.options, tls=self.tls)
        self._content: list[bytes] = []
        self._login: list[bytes] = []

    def greeted(self) -> Shell:
        """Greet, and forget the greeting."""
        self.session.greet()
        self.session.bytes_to_send()
        return self

    def helloed(self, name: str = "client.example") -> Shell:
        """Greet and take an EHLO, and forget both."""
        self.greeted().send(f"EHLO {name}\r\n")
        self.events.clear()
        self.replies.clear()
        return self

    def send(self, octets: bytes | str, step: int = 0) -> list[str]:
        """Send octets, `step` at a time (0: at once); gives the replies."""
        octets = octets.encode() if isinstance(octets, str) else octets
        before = len(self.replies)
        for at in range(0, len(octets), step or len(octets) or 1):
            self.handle(self.session.receive_data(octets[at : at + step] if step else octets))
            self.most_held = max(self.most_held, self.session.held)
        return self.replies[before:]

    def handle(self, events: Iterable[Event]) -> None:
        """Answer events, and note them."""
        for event in events:
            self.events.append(event)
            if isinstance(event, Chunk):
                self._content.append(event.content)
            elif isinstance(event, MessageEnd):
                self.messages.append(b"".join(self._content))
            if not isinstance(event, Chunk):
                self._content.clear()
            if not (self.decide and self.decide(self.session, event)):
                self._answer(event)
        self.replies += read_replies(self.session.bytes_to_send())

    def _answer(self, event: Event) -> None:
        session = self.session
        if isinstance(event, Auth | AuthResponse):
            self._authenticate(event)
        elif isinstance(event, RcptTo) and event.forward_path.domain == "refused.example":
            session.refuse(UNKNOWN)
        elif type(event) in DECISIONS:
            session.accept()

    def _authenticate(self, event: Auth | AuthResponse) -> None:
        if isinstance(event, Auth):
            self._login = []
            self._mechanism = event.mechanism
        response = event.initial if isinstance(event, Auth) else event.response
        if response is not None:
            self._login.append(response)
        plain = self._mechanism == "PLAIN"
        if len(self._login) < (1 if plain else 2):
            self.session.challenge(b"" if plain else LOGIN[len(self._login)])
        elif self._login in ([b"\0ada\0secret"], [b"ada", b"secret"]):
            self.session.accept()
        else:
            self.session.refuse(Reply(535, "5.7.8", "Wrong name or password"))

    @property
    def why(self) -> Why | None:
        """Why the session ended, if it did."""
        return next((event.why for event in self.events if isinstance(event, Closed)), None)

    def of(self, kind: type[Event]) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def told(self) -> list[Event]:
        """All events, the chunks of a finished message joined; nothing of a message that went down with its session."""
        told: list[Event] = []
        held: list[bytes] = []
        for event in self.events:
            if isinstance(event, Chunk):
                held.append(event.content)
                continue
            if isinstance(event, MessageEnd):
                told.append(Chunk(b"".join(held)))
            if isinstance(event, Closed) and told[-1:] == [MessageAborted()]:
                told.pop()
            held.clear()
            told.append(event)
        return told


def read_replies(octets: bytes) -> list[str]:
    """Replies with their lines joined by a space, codes of the later lines left out."""
    assert octets == b"" or octets.endswith(b"\r\n")
    replies: list[str] = []
    going_on = False
    for line in octets.decode("ascii").split("\r\n")[:-1]:
        assert len(line) <= 510
        assert line.isprintable()
        text = f"{line[:3]} {line[4:]}"
        if going_on:
            replies[-1] += " " + line[4:]
        else:
            replies.append(text)
        going_on = line[3:4] == "-"
    assert not going_on
    return replies


def matches(pattern: str, reply: str) -> bool:
    """True where the reply begins with the pattern; `...` in it stands for anything."""
    first, *others = pattern.split("...")
    at = len(first.rstrip()) if reply.startswith(first.rstrip()) else -1
    for other in others:
        found = reply.find(other.strip(), at) if at >= 0 else -1
        at = found + len(other.strip()) if found >= 0 else -1
    return at >= 0


def options_of(words: Iterable[str], base: Options) -> tuple[Options, bool]:
    """Options from words such as `starttls max_size=100 auth_mechanisms=PLAIN,LOGIN tls`; the flag is implicit TLS."""
    given: dict[str, object] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name == "auth_mechanisms":
            given[name] = tuple(value.split(","))
        else:
            given[name] = int(value) if value else True
    tls = bool(given.pop("tls", False))
    return replace(base, **given), tls  # type: ignore[arg-type]


def play(file: Path) -> Shell:
    """Play a dialog; AssertionError names the line that went otherwise."""
    lines = [line for line in enumerate(file.read_text().splitlines(), 1) if line[1] and line[1][0] != "#"]
    words = [word for _, line in lines if line.startswith("O:") for word in line[2:].split()]
    options, tls = options_of(words, Options(hostname="mx.example"))
    shell = Shell(options, tls)
    shell.session.greet()
    shell.handle(())
    waiting: Iterator[str] = iter(shell.replies)
    sending = b""
    for number, line in lines:
        mark, text = line[:2], line[3:]
        if mark == "C:" or mark == "X:":
            sending += text.encode() + b"\r\n" if mark == "C:" else text.encode().decode("unicode_escape").encode("latin-1")
            continue
        if sending:
            unread = list(waiting)
            assert [] == unread, f"{file.name}:{number}: not expected: {unread}"
            waiting = iter(shell.send(sending))
            sending = b""
        if mark == "T:":
            shell.session.tls_started()
        elif text == "(closed)":
            assert shell.session.closed, f"{file.name}:{number}: still open"
        elif mark == "S:":
            reply = next(waiting, "(nothing)")
            assert matches(text, reply), f"{file.name}:{number}: expected {text!r}, got {reply!r}"
    assert [] == sending or b"" == sending, f"{file.name}: ends with words of the client"
    unread = list(waiting)
    assert [] == unread, f"{file.name}: not expected: {unread}"
    return shell


def exceptions_of(file: str) -> dict[tuple[str, str], str]:
    """The rows of exceptions/smtp.md on one foreign file: (case, their answer) -> ours."""
    table = (Path(__file__).parents[1] / "exceptions" / "smtp.md").read_text()
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table.splitlines() if line[:1] == "|"]
    return {(case, theirs): ours for name, case, theirs, ours, _ in rows if name == file}


def plain(name: str, password: str) -> str:
    """The initial response of AUTH PLAIN."""
    return base64.b64encode(f"\0{name}\0{password}".encode()).decode()


__all__ = ["Shell", "exceptions_of", "matches", "options_of", "plain", "play", "read_replies"]
