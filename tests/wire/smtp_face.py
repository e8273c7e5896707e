"""The other side of a session, for the state machine: accepts almost everything, and keeps what it accepted."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from smtp_script import read_replies
from smtp_words import RIGHT

from mailwright.wire.smtp_paths import Path
from mailwright.wire.smtp_server import (
    Auth,
    AuthResponse,
    Chunk,
    DataStarted,
    Event,
    MailFrom,
    MessageAborted,
    MessageEnd,
    Options,
    RcptTo,
    Reply,
    Reset,
    Session,
    StartTls,
)
from mailwright.wire.smtp_server.events import DECISIONS

NO = Reply(450, "4.2.0", "Not now")


class Face:
    """The other side of the session: it knows nobody at refused.example, and keeps what it accepted."""

    def __init__(self, options: Options, tls: bool) -> None:
        self.session = Session(options, tls=tls)
        self.accepted: list[tuple[str, list[str], bytes]] = []
        self.disk_full = self.handshake = False
        self._from: Path | None = None
        self._to: list[Path] = []
        self._content: list[bytes] = []

    def take(self, events: Iterable[Event]) -> list[int]:
        """Answer events; the codes that are sent."""
        for event in events:
            refusal = self._refusal(event)
            if refusal is not None:
                self.session.refuse(refusal)
                if isinstance(event, MessageEnd) or event == DataStarted(chunked=True):
                    self._from = None
            else:
                self._note(event)
                if type(event) in DECISIONS:
                    self._accept(event)
        return [int(reply[:3]) for reply in read_replies(self.session.bytes_to_send())]

    def _refusal(self, event: Event) -> Reply | None:
        match event:
            case MailFrom(path) if path.local_part == "never":
                return NO
            case RcptTo(path) if path.domain == "refused.example":
                return Reply(550, "5.1.1", "No such mailbox\r\n250 2.0.0 Queued")
            case DataStarted() if self._from is not None and self._from.local_part == "nodata":
                return NO
            case MessageEnd() if b"X-Refuse" in b"".join(self._content):
                return Reply(550, "5.7.1", "Not this one")
            case _:
                return None

    def _note(self, event: Event) -> None:
        match event:
            case MailFrom(path):
                assert self._from is None, "a transaction was dropped, and nobody was told"
                self._from, self._to = path, []
            case Reset():
                self._from = None
            case RcptTo(path):
                self._to.append(path)
            case DataStarted():
                self._content = []
            case MessageAborted():
                self._from, self._content = None, []
            case Chunk(content):
                self._content.append(content)
                if self.disk_full:
                    self.session.abandon(Reply(452, "4.3.1", "Disk full"))
            case StartTls():
                self.handshake = True
            case MessageEnd(size):
                content = b"".join(self._content)
                assert len(content) == size
                assert self._from is not None
                self.accepted.append((str(self._from), [str(path) for path in self._to], content))
                self._from = None

    def _accept(self, event: Event) -> None:
        if isinstance(event, Auth | AuthResponse):
            response = event.initial if isinstance(event, Auth) else event.response
            if response is None:
                self.session.challenge(b"")
            elif response == base64.b64decode(RIGHT):
                self.session.accept()
            else:
                self.session.refuse(Reply(535, "5.7.8", "Wrong name or password"))
        else:
            self.session.accept()
