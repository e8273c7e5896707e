"""The main process's end: it listens, counts who comes in, hands connections over, and files what the processes bring."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from mailwright.core import receiving
from mailwright.core.errors import ExaminationFailed, Refusal, StorageBusy
from mailwright.core.ports import Ports, Spool
from mailwright.faces.smtp.doors import DoorLimits, Doors, plain_address
from mailwright.faces.smtp.metrics import metrics
from mailwright.faults import Point, passes
from mailwright.smtpd import MODULE
from mailwright.smtpd.frames import (
    IMPLICIT,
    PLAIN,
    Arrived,
    Found,
    FromProcess,
    Gone,
    No,
    Renew,
    Seen,
    SeenFrom,
    Setup,
    Taken,
    Who,
)
from mailwright.system.counting import Totals
from mailwright.system.nursery import Nursery
from mailwright.system.processes import Kind, Pool, Process
from mailwright.wire.smtp_server import Reply

log = structlog.get_logger("mailwright.smtp")

AT_ONCE = 64  # connections accepted before others get their turn
SHORT = 0.5  # seconds to wait when there is no file descriptor left
NOBODY = Reply(421, "4.3.2", "Not ready; try again soon")


class Smtpd:
    """Some processes and the ports in front of them. The one with the fewest connections gets the next."""

    def __init__(self, count: int, ports: Ports, setup: Setup, doors: DoorLimits, nursery: Nursery) -> None:
        """For `count` processes, each told `setup`; `ports` are those of the running core."""
        self._ports = ports
        self._doors = Doors(doors)
        own = CollectorRegistry()
        self._turned_away = metrics(own).turned_away
        self.totals = Totals(own)
        self._peers: defaultdict[Process, Counter[str]] = defaultdict(Counter)  # connections that each has, by address
        kind = Kind(MODULE, setup, FromProcess, nursery)
        self.pool = Pool(kind, count, self.totals, self._answer, self._ended)
        self._gates: list[_Gate] = []

    async def start(self) -> None:
        """Start all of them; raises OSError."""
        await self.pool.start()

    def listen(self, listener: socket.socket, implicit_tls: bool = False) -> None:
        """Take connections from that socket, which is bound and listens."""
        self._gates.append(_Gate(listener, self.pool, lambda peer, ip: self._come_in(peer, ip, implicit_tls)))

    @property
    def ready(self) -> bool:
        """Whether there is a process that takes connections now, or soon will where one comes in."""
        return self.pool.dozes or bool(self.pool.alive)

    def renew(self, *, anyway: bool = False) -> bool:
        """Have the processes read their certificate again, where somebody asks; else each looks at it by itself."""
        for process in self.pool.processes if anyway else ():
            process.send(Renew())
        return anyway

    # --- connections ----------------------------------------------------------------------------------------------------

    def _come_in(self, peer: socket.socket, ip: str, implicit_tls: bool) -> None:
        turned_away = self._doors.admit(ip, asyncio.get_running_loop().time())
        if turned_away is None:
            turned_away = self._hand_over(peer, ip, implicit_tls)
            if turned_away is not None:
                self._doors.leave(ip)
        if turned_away is not None:
            self._turned_away.inc()
            if not implicit_tls:
                with contextlib.suppress(OSError):
                    peer.send(turned_away.render())

    def _hand_over(self, peer: socket.socket, ip: str, implicit_tls: bool) -> Reply | None:
        said = (IMPLICIT if implicit_tls else PLAIN) + ip.encode()
        for process in self.pool.alive:
            assert process.channel is not None
            try:
                socket.send_fds(process.channel, [said], [peer.fileno()])
            except OSError:
                continue  # it has not taken those before
            process.takes()
            self._peers[process][ip] += 1
            return None
        return NOBODY

    def _left(self, process: Process, ip: str) -> None:
        peers = self._peers[process]
        if peers[ip] > 0:
            peers[ip] -= 1
            process.leaves()
            if not peers[ip]:
                del peers[ip]
            self._doors.leave(ip)

    def _ended(self, process: Process) -> None:
        for ip in list(self._peers[process].elements()):
            self._left(process, ip)
        del self._peers[process]

    # --- what they say --------------------------------------------------------------------------------------------------

    def _answer(self, process: Process, frame: FromProcess) -> None:
        match frame:
            case Arrived():
                self.pool.spawn(self._said(process, frame.number, self._take(frame)))
            case Who():
                self.pool.spawn(self._said(process, frame.number, self._find(frame)))
            case Gone(ip):
                self._left(process, ip)
            case SeenFrom(number, peer, mail_from):
                process.send(Seen(number, receiving.seen_from_outside(self._ports.settings, peer, mail_from)))

    async def _said(self, process: Process, number: int, doing: Coroutine[Any, Any, Found | Taken]) -> None:
        try:
            process.send(await doing)
        except Refusal as refusal:
            process.send(No(number, type(refusal).__name__, refusal.message))
        except Exception:
            log.exception("smtpd.bug")
            process.send(No(number, ExaminationFailed.__name__, "internal"))

    async def _find(self, who: Who) -> Found:
        return Found(who.number, await receiving.recipient(self._ports, who.address))

    async def _take(self, arrived: Arrived) -> Taken:
        spool = self._spool(arrived)
        try:
            receipt = await receiving.take(self._ports, arrived.arrival(), spool)
            passes(Point.MESSAGE_STORED)
        finally:
            if arrived.file:
                await asyncio.to_thread(spool.discard)
        return Taken(arrived.number, receipt.ids)

    def _spool(self, arrived: Arrived) -> Spool:
        blobs = self._ports.store.blobs
        if not arrived.file:
            spool = blobs.spool()
            spool.write(arrived.raw)
            return spool
        try:
            return blobs.adopt(arrived.file)
        except OSError as wrong:
            raise StorageBusy(details={"reason": os.strerror(wrong.errno or 0)}) from wrong

    async def close(self, grace: float = 10.0) -> None:
        """Take no more connections; let each client finish its message, for `grace` seconds at most; end all processes."""
        gates, self._gates = self._gates, []
        for gate in gates:
            gate.close()
        await self.pool.close(grace)


class _Gate:
    """Accepts connections from a socket that listens; they wait in its line while nobody is up who would take them."""

    def __init__(self, listener: socket.socket, pool: Pool, come_in: Callable[[socket.socket, str], None]) -> None:
        self._listener, self._pool, self._come_in = listener, pool, come_in
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self._closed = False
        self._open()

    def _open(self) -> None:
        self._later = None
        if not self._closed:
            self._loop.add_reader(self._listener, self._accept)

    async def _wake(self) -> None:
        await self._pool.wake()
        self._open()

    def _accept(self) -> None:
        if self._pool.dozes:
            self._loop.remove_reader(self._listener)
            self._pool.spawn(self._wake())
            return
        for _ in range(AT_ONCE):
            try:
                peer, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # S21: no file descriptor is left; those that are open go on, and some will end.
                self._loop.remove_reader(self._listener)
                self._later = self._loop.call_later(SHORT, self._open)
                return
            with peer:
                peer.setblocking(False)
                self._come_in(peer, plain_address(str(address[0])))

    def close(self) -> None:
        """Accept no more."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
