"""Mail in and mail out at once, each message with a tag, and every yes written down.

What got no yes is sent again: over SMTP as peers do, over REST with the same Idempotency-Key.
"""

from __future__ import annotations

import random
import smtplib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import httpx2
from live.rest import Refused

from crash.world import World

CONNECTIONS = 3  # in, and as many out
FIRST_PAUSE = 0.05  # seconds
LARGE = 300_000  # octets: kept in a file of its own
PATIENCE = 60.0  # seconds for the whole load
LINE = b"x" * 70 + b"\r\n"
AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)  # answers that mean: come again. 500 is counted apart


@dataclass(slots=True)
class Load:
    """What is sent in one round and what was said to it."""

    world: World
    seed: int
    size: int
    rude: float = 0.0  # this share of incoming messages is broken off after its final dot, and sent again
    accepted: set[str] = field(default_factory=set)  # in: got a 250
    resent: set[str] = field(default_factory=set)  # in: went out more than once, since no yes was heard
    taken: set[str] = field(default_factory=set)  # out: got a 202
    wrongs: list[str] = field(default_factory=list)  # answers that nobody should get
    moved: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)
    _deadline: float = 0.0

    @property
    def tags(self) -> list[str]:
        """One for each message in; those out have the same."""
        return [f"r{self.seed}x{number}" for number in range(self.size)]

    @property
    def count(self) -> int:
        """How often yes was said so far."""
        return len(self.accepted) + len(self.taken)

    def start(self) -> Load:
        """Begin, in threads."""
        self._deadline = time.monotonic() + PATIENCE
        for work in (self._deliver, self._send):
            for number in range(CONNECTIONS):
                share = self.tags[number::CONNECTIONS]
                chance = random.Random(f"{self.seed} {number}")
                thread = threading.Thread(target=work, args=(share, chance), daemon=True)
                self._threads.append(thread)
                thread.start()
        return self

    def wait_for(self, count: int, seconds: float) -> None:
        """Return at so many yeses, or after this time."""
        with self.moved:
            self.moved.wait_for(lambda: self.count >= count, seconds)

    @property
    def running(self) -> bool:
        """Whether something is still to be sent."""
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        """Wait until all of it was said yes to; what is not, in all that time, is wrong."""
        for thread in self._threads:
            thread.join(max(0.1, self._deadline + 5 - time.monotonic()))
        missing = 2 * self.size - self.count
        if missing:
            self.wrongs.append(f"{missing} messages got no yes within {PATIENCE:.0f} s")

    def _note(self, where: set[str], tag: str) -> None:
        with self.moved:
            where.add(tag)
            self.moved.notify_all()

    @property
    def _in_time(self) -> bool:
        return time.monotonic() < self._deadline

    # --- in --------------------------------------------------------------------------------------------------------------

    def raw(self, tag: str) -> bytes:
        """The message of that tag: one in ten is large."""
        head = f"From: <bob@there.example>\r\nSubject: {tag}\r\nMessage-ID: <{tag}@there.example>\r\n\r\n"
        return head.encode() + LINE * ((LARGE if tag.endswith("7") else 2000) // len(LINE))

    def _deliver(self, tags: list[str], chance: random.Random) -> None:
        left, tried, pause = list(reversed(tags)), set[str](), FIRST_PAUSE
        while left and self._in_time:
            try:
                with smtplib.SMTP("127.0.0.1", self.world.smtp_port, "there.example", timeout=5) as client:
                    while left and self._in_time:
                        self._deliver_one(client, left[-1], tried, rude=chance.random() < self.rude)
                        self._note(self.accepted, left.pop())
                        pause = FIRST_PAUSE
            except smtplib.SMTPRecipientsRefused as refused:
                if any(code >= 500 for code, _ in refused.recipients.values()):
                    self.wrongs.append(f"{left[-1]} was refused: {refused.recipients}")
                    return
                time.sleep(0.05)
            except (OSError, smtplib.SMTPException):
                time.sleep(pause)  # who comes back too often in a minute is turned away (S21)
                pause = min(1.0, 2 * pause)

    def _deliver_one(self, client: smtplib.SMTP, tag: str, tried: set[str], *, rude: bool) -> None:
        if tag in tried:
            self.resent.add(tag)
        tried.add(tag)
        if not rude:
            client.sendmail("bob@there.example", ["ada@agents.example"], self.raw(tag))
            return
        client.ehlo_or_helo_if_needed()
        client.mail("bob@there.example")
        client.rcpt("ada@agents.example")
        client.docmd("DATA")
        line = client.sock
        assert line is not None
        line.sendall(self.raw(tag) + b".\r\n")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
        raise ConnectionResetError("by ourselves")

    # --- out -------------------------------------------------------------------------------------------------------------

    def _send(self, tags: list[str], chance: random.Random) -> None:
        api = self.world.server.api(self.world.api.key)
        with api:
            for tag in tags:
                box = self.world.once if tag.endswith("3") else self.world.ada
                body = {"to": [f"{tag}@sink.example"], "subject": tag, "text": "Hello."}
                while self._in_time and tag not in self.taken:
                    try:
                        api.post(f"/v1/mailboxes/{box['id']}/send", body, key=tag)
                        self._note(self.taken, tag)
                    except httpx2.HTTPError:
                        time.sleep(0.02)
                    except Refused as refused:
                        if refused.answer.status_code not in AGAIN or refused.answer.status_code == 500:
                            self.wrongs.append(str(refused))
                            if refused.answer.status_code != 500:
                                return
                        time.sleep(0.05)
