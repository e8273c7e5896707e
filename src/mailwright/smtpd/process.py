"""In an SMTP process: sessions over connections that are handed over; messages looked at before the main process has them."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from mailwright.core import receiving
from mailwright.core.errors import ExaminationFailed
from mailwright.core.ports import Spool
from mailwright.core.receiving import Arrival, Peer, Receipt, Recipient
from mailwright.core.sending import IN_MEMORY
from mailwright.faces import smtp
from mailwright.faults import Point, passes
from mailwright.logs import set_up_log
from mailwright.mail.arf import Complaint
from mailwright.mail.dsn import Dsn
from mailwright.net.certificates import Certificate, keep_renewed
from mailwright.net.resolver import Resolver
from mailwright.smtpd.frames import (
    IMPLICIT,
    Arrived,
    Found,
    Gone,
    No,
    Renew,
    Seen,
    SeenFrom,
    Setup,
    Taken,
    ToProcess,
    Who,
    refusal_of,
)
from mailwright.store.blobs import FileSpool
from mailwright.system.counting import families_of
from mailwright.system.line import Drain, Line, Ping, Pong, Ready
from mailwright.system.processes import serve
from mailwright.wire.smtp_server import Reply

log = structlog.get_logger("mailwright.smtp")

GRACE = 10.0  # seconds that clients get where the process has to end
FRESH = 2.0  # seconds for which a recipient that was found is taken for found; filing looks again
KNOWN = 1000  # recipients


class Desk:
    """`faces.smtp.Reception` over the line to the main process."""

    def __init__(self, setup: Setup, line: Line, worn_out: Callable[[], None]) -> None:
        """By that setup. `worn_out` is told when a thread hangs, which nothing but the end of the process can end."""
        self._settings = setup.settings
        self._spools = Path(setup.spools)
        self._resolver = Resolver(setup.resolver)
        self._line = line
        self._worn_out = worn_out
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._known: dict[str, tuple[float, Recipient]] = {}
        self.reception = smtp.Reception(self._recipient, self._receive, lambda: FileSpool(self._spools), self._known_as)

    def told(self, frame: Found | Seen | Taken | No) -> None:
        """An answer came."""
        waiting = self._asked.pop(frame.number, None)
        if waiting is not None and not waiting.done():
            if isinstance(frame, No):
                waiting.set_exception(refusal_of(frame))
            else:
                waiting.set_result(frame)

    async def _ask(self, question: Who | SeenFrom | Arrived) -> Any:
        answer = self._asked[question.number] = asyncio.get_running_loop().create_future()
        self._line.send(question)
        return await answer

    # --- whom it is for -------------------------------------------------------------------------------------------------

    def _known_as(self, address: str) -> Recipient | None:
        held = self._known.get(address)
        return held[1] if held is not None and held[0] > time.monotonic() else None

    async def _recipient(self, address: str) -> Recipient:
        found: Found = await self._ask(Who(next(self._numbers), address))
        if found.recipient.mailbox is not None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[address] = (time.monotonic() + FRESH, found.recipient)
        return found.recipient

    # --- the message ----------------------------------------------------------------------------------------------------

    async def _receive(self, peer: Peer, mail_from: str, recipients: Sequence[Recipient], spool: Spool) -> Receipt:
        if self._settings.addresses and receiving.is_ourselves(self._settings, peer):
            seen: Seen = await self._ask(SeenFrom(next(self._numbers), peer, mail_from))
            peer = seen.peer
        arrival = await self._looked_at(peer, mail_from, recipients, spool)
        passes(Point.MESSAGE_EXAMINED)
        taken: Taken = await self._ask(self._frame(arrival, spool))
        return Receipt(taken.ids)

    async def _looked_at(self, peer: Peer, mail_from: str, recipients: Sequence[Recipient], spool: Spool) -> Arrival:
        now = time.time_ns() // 1_000_000
        envelope = receiving.envelope_of(self._settings, peer, mail_from, recipients, now)
        try:
            return await smtp.in_time(receiving.looked_at(self._resolver, spool.raw(), envelope, recipients), envelope)
        except ExaminationFailed:
            if spool.size > IN_MEMORY:
                self._worn_out()
            raise

    def _frame(self, arrival: Arrival, spool: Spool) -> Arrived:
        report = arrival.report
        name = Path(spool.path).name if spool.path else ""
        return Arrived(
            next(self._numbers),
            arrival.mail_from,
            arrival.recipients,
            arrival.examined,
            report if isinstance(report, Dsn) else None,
            report if isinstance(report, Complaint) else None,
            b"" if name else bytes(spool.raw()),
            name,
        )


class _Door:
    """`faces.smtp.doors.Door` where somebody else has let them in."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def admit(self, address: str, now: float) -> Reply | None:
        return None

    def leave(self, address: str) -> None:
        self._line.send(Gone(address))


class _Process:
    """The whole process."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._registry = CollectorRegistry()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: smtp.Server | None = None
        self._desk: Desk | None = None
        self.line = Line(ToProcess, self._told, self.over_now)
        self.over = asyncio.Event()
        self._renew = asyncio.Event()

    def over_now(self) -> None:
        """The main process is gone, or wants no more of us."""
        self.over.set()

    def _told(self, frame: Any) -> None:
        match frame:
            case Found() | Seen() | Taken() | No():
                assert self._desk is not None
                self._desk.told(frame)
            case Ping():
                self.line.send(Pong(families_of(self._registry)))
            case Renew():
                self._renew.set()
            case Setup():
                self._spawn(self._set_up(frame))
            case Drain(grace):
                self._spawn(self._drain(grace))

    def _spawn(self, doing: Any) -> None:
        task = self._loop.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set_up(self, setup: Setup) -> None:
        set_up_log(setup.log_level, json_lines=setup.log_json)
        context = None
        if setup.certificate:
            certificate = Certificate(Path(setup.certificate), Path(setup.key))
            context = certificate.context
            self._spawn(keep_renewed([certificate], self._renew, self.over))
        self._desk = Desk(setup, self.line, lambda: self._spawn(self._drain(GRACE)))
        options = smtp.ServerOptions(
            protocol=setup.protocol,
            timing=setup.timing,
            tarpit=setup.tarpit,
            context=context,
            metrics=smtp.metrics(self._registry),
        )
        self._server = await smtp.serve([], self._desk.reception, options, _Door(self.line))
        self._loop.add_reader(self._channel, self._come_in)
        self.line.send(Ready())

    def _come_in(self) -> None:
        while True:
            try:
                said, handed, _, _ = socket.recv_fds(self._channel, 64, 1)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._loop.remove_reader(self._channel)
                return
            if not said:
                self._loop.remove_reader(self._channel)  # the other end is gone
                return
            ip = said[1:].decode()
            if handed and self._server is not None:
                peer = socket.socket(fileno=handed[0])
                self._spawn(self._server.adopt(peer, ip, implicit_tls=said[:1] == IMPLICIT))
            else:
                self.line.send(Gone(ip))  # S21: there was no file descriptor left for it; the system has closed it

    async def _drain(self, grace: float) -> None:
        self._loop.remove_reader(self._channel)
        self._come_in()  # those that were handed over already
        if self._server is not None:
            await self._server.close(grace)
        self.over_now()


async def _run(line: socket.socket, channel: socket.socket) -> None:
    process = _Process(channel)
    await asyncio.get_running_loop().create_connection(lambda: process.line, sock=line)
    await process.over.wait()
    process.line.close()


def main(line: socket.socket, channel: socket.socket) -> None:
    """The whole process."""
    for one in (line, channel):
        one.setblocking(False)
    serve(_run(line, channel))
