"""What is said in one connection: the envelope as it grows, the message on its way to core, the answer that comes back.

`handle` answers a session's event at once, or gives a coroutine that will. Not here: sockets, time, TLS (connection.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from mailwright.core.errors import BodyTooLarge, Refusal, StorageBusy, UnusableMessage
from mailwright.core.ports import Spool
from mailwright.core.receiving import Peer, Recipient
from mailwright.core.sending import IN_MEMORY
from mailwright.faces.smtp.metrics import Metrics
from mailwright.faces.smtp.translation import (
    DISK_FULL,
    NO_LOGIN,
    OUR_FAULT,
    Reception,
    address_of,
    addresses_of,
    protocol_name,
    reply_to,
)
from mailwright.faults import Point, passes
from mailwright.wire.smtp_server import (
    Auth,
    AuthResponse,
    Chunk,
    Closed,
    DataStarted,
    Event,
    Hello,
    MailFrom,
    MessageAborted,
    MessageEnd,
    RcptTo,
    Reply,
    Reset,
    Session,
    Why,
)

log = structlog.get_logger("mailwright.smtp")

BLOCK = 16 * 1024  # octets of a large message that are worth a thread's while
_WHY = {DISK_FULL.code: StorageBusy.code, 552: BodyTooLarge.code}  # of what is refused before its end
_SUSPICIOUS = frozenset([Why.SMUGGLING, Why.OUT_OF_STEP, Why.NOT_SMTP])


@dataclass(frozen=True, slots=True)
class Tarpit:
    """S20: who guesses names waits `seconds` before each refusal after the first `after`."""

    seconds: float = 1.0
    after: int = 5


@dataclass(slots=True)
class Conversation:
    """See the module. `flush` sends what was said so far; `secured` describes the encryption, "" for none."""

    ip: str
    session: Session
    reception: Reception
    tarpit: Tarpit
    flush: Callable[[], None]
    secured: Callable[[], str]
    metrics: Metrics | None = None
    _hello: Hello = field(default_factory=lambda: Hello("", esmtp=False))
    _mail: MailFrom | None = None
    _recipients: list[Recipient] = field(default_factory=list)
    _refused: int = 0
    _spool: Spool | None = None

    def handle(self, event: Event) -> Coroutine[Any, Any, None] | None:
        """Answer an event, or give what must be waited for."""
        match event:
            case Chunk(content):
                return self._keep(content)
            case RcptTo():
                return None if self._is_known(event) else self._on_recipient(event)
            case MailFrom():
                self._mail, self._recipients = event, []
                self.session.accept()
            case DataStarted():
                self._begin()
            case MessageEnd(size):
                return self._on_message(size)
            case Hello():
                self._hello = event
            case MessageAborted():
                self._note_refused()
                self.drop_message()
            case Reset():
                self.drop_message()
            case Auth() | AuthResponse():
                self.session.refuse(NO_LOGIN)
            case Closed(why):
                self.drop_message()
                self._note_end(why)
        return None

    def drop_message(self) -> None:
        """Forget a message that is half here."""
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.discard()

    # --- the message ------------------------------------------------------------

    def _begin(self) -> None:
        try:
            self._spool = self.reception.spool()
        except OSError:
            log.exception("smtp.spool_failed", ip=self.ip)
            self.session.refuse(DISK_FULL)
        else:
            self.session.accept()

    def _keep(self, content: bytes) -> Coroutine[Any, Any, None] | None:
        spool = self._spool
        if spool is None:
            return None
        if len(content) >= BLOCK and spool.size + len(content) > IN_MEMORY:
            return self._keep_aside(spool, content)
        try:
            spool.write(content)
        except OSError:
            self._no_room()
        return None

    async def _keep_aside(self, spool: Spool, content: bytes) -> None:
        # S12: a disk that is behind makes whoever writes wait, for a fifth of a second and more. Others go on meanwhile; and
        # nothing more is read of this message before that, so a fast sender has its turn like everybody.
        try:
            await asyncio.to_thread(spool.write, content)
        except OSError:
            self._no_room()

    def _no_room(self) -> None:
        log.exception("smtp.spool_failed", ip=self.ip)
        self.session.abandon(DISK_FULL)

    async def _on_message(self, size: int) -> None:
        spool, self._spool = self._spool, None
        assert spool is not None
        assert self._mail is not None
        protocol = protocol_name(self._hello.esmtp, self._mail.smtputf8)
        peer = Peer(self.ip, self._hello.name, self.secured(), protocol, self._mail.require_tls)
        mail_from = address_of(self._mail.reverse_path)
        try:
            receipt = await self.reception.receive(peer, mail_from, tuple(self._recipients), spool)
        except Refusal as refusal:
            log.info("smtp.refused", ip=self.ip, code=refusal.code, reason=refusal.message, size=size)
            self._refuse(reply_to(refusal))
        except Exception:
            log.exception("smtp.receive_failed", ip=self.ip)
            self._refuse(OUR_FAULT)
        else:
            passes(Point.MESSAGE_CONFIRMED)
            # The client may be gone: the message is ours all the same, and it will send it again (I6).
            log.info("smtp.accepted", ip=self.ip, ids=receipt.ids, size=size, told=not self.session.closed)
            if self.metrics:
                self.metrics.accepted.inc()
            if not self.session.closed:
                self.session.accept("Accepted " + " ".join(receipt.ids))
                passes(Point.MESSAGE_ANSWERED)
        finally:
            await self._put_away(spool)

    async def _put_away(self, spool: Spool) -> None:
        if spool.size > IN_MEMORY:
            self.flush()
            await asyncio.to_thread(spool.discard)  # to take a file away waits for whoever syncs its folder
        else:
            spool.discard()

    # --- recipients ------------------------------------------------------------

    def _is_known(self, event: RcptTo) -> bool:
        found = self.reception.known(address_of(event.forward_path))
        if found is not None:
            self._recipients.append(found)
            self.session.accept()
        return found is not None

    async def _on_recipient(self, event: RcptTo) -> None:
        reply = OUR_FAULT
        for address in addresses_of(event.forward_path, self.session.options.hostname):
            try:
                self._recipients.append(await self.reception.recipient(address))
            except Refusal as refusal:
                reply = reply_to(refusal)
            except Exception:
                log.exception("smtp.recipient_failed", ip=self.ip)
                reply = OUR_FAULT
            else:
                if not self.session.closed:
                    self.session.accept()
                return
        await self._refuse_recipient(reply)

    async def _refuse_recipient(self, reply: Reply) -> None:
        self._refused += 1
        if self._refused > self.tarpit.after:
            self.flush()
            await asyncio.sleep(self.tarpit.seconds)
        self._refuse(reply)

    # --- small parts ------------------------------------------------------------

    def _note_refused(self) -> None:
        """The session will refuse the message at its end."""
        reply, spool = self.session.verdict, self._spool
        if reply is not None:
            log.info(
                "smtp.refused",
                ip=self.ip,
                code=_WHY.get(reply.code, UnusableMessage.code),
                reason=reply.text,
                size=spool.size if spool else 0,
            )
            self._count(reply)

    def _count(self, reply: Reply) -> None:
        if self.metrics:
            self.metrics.refused.labels(str(reply.code)).inc()

    def _refuse(self, reply: Reply) -> None:
        self._count(reply)
        if not self.session.closed:
            self.session.refuse(reply)

    def _note_end(self, why: Why) -> None:
        if self.metrics:
            self.metrics.ended.labels(why.value).inc()
        if why in _SUSPICIOUS:
            log.warning("smtp.dropped", ip=self.ip, why=why.value, helo=self._hello.name)
