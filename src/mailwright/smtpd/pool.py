"""The main process's end: it listens, counts who comes in, hands connections over, and files what the processes bring."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections import Counter
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
from mailwright.smtpd.counting import Totals
from mailwright.smtpd.frames import (
    IMPLICIT,
    PLAIN,
    Arrived,
    Drain,
    Found,
    FromProcess,
    Gone,
    Line,
    No,
    Ping,
    Pong,
    Ready,
    Seen,
    SeenFrom,
    Setup,
    Taken,
    Who,
)
from mailwright.wire.smtp_server import Reply

log = structlog.get_logger("mailwright.smtp")

PATIENCE = 30.0  # seconds that a process may say nothing
BEAT = 5.0  # seconds between two questions whether it is there
AGAIN = 1.0  # seconds between two tries to start a process
BRIEF = 10.0  # seconds: the next one of a process that lived no longer has to wait
AT_ONCE = 64  # connections accepted before others get their turn
SHORT = 0.5  # seconds to wait when there is no file descriptor left
NOBODY = Reply(421, "4.3.2", "Not ready; try again soon")


class _Process:
    """One SMTP process, the line to it, and the channel over which connections are handed to it."""

    def __init__(self, answer: Callable[[_Process, Any], None], died: Callable[[_Process], None]) -> None:
        """`answer` gets what it says; `died` is told when the line ends, unless we ended it."""
        self._answer, self._died = answer, died
        self._line: Line | None = None
        self._channel: socket.socket | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._over = False
        self.ready = asyncio.Event()
        self.since = self.heard = 0.0  # of the loop's clock
        self.peers: Counter[str] = Counter()  # connections that it has, by address

    @property
    def alive(self) -> bool:
        """Whether it takes connections."""
        return self.ready.is_set() and not self._over

    @property
    def pid(self) -> int:
        """Its number; 0 before it was started."""
        return self._child.pid if self._child is not None else 0

    async def start(self, setup: Setup) -> None:
        """Start it and wait until it is ready; it ends by itself when this process does, since the line ends."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        channel, their_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            with theirs, their_channel:
                handed = (theirs.fileno(), their_channel.fileno())
                command = (sys.executable, "-m", "mailwright.smtpd.process", *map(str, handed))
                self._child = await asyncio.create_subprocess_exec(*command, pass_fds=handed, stdin=asyncio.subprocess.DEVNULL)
            for one in (ours, channel):
                one.setblocking(False)
            self._channel = channel
            self.since = self.heard = loop.time()
            _, self._line = await loop.create_connection(lambda: Line(FromProcess, self._told, self._lost), sock=ours)
            self._line.send(setup)
            async with asyncio.timeout(PATIENCE):
                await self.ready.wait()
            if self._over:
                raise OSError("it ended while it started")
        except BaseException:
            self.kill()
            ours.close()
            channel.close()
            raise

    def hand_over(self, peer: socket.socket, ip: str, implicit_tls: bool) -> None:
        """Give it a connection; raises OSError."""
        assert self._channel is not None
        socket.send_fds(self._channel, [(IMPLICIT if implicit_tls else PLAIN) + ip.encode()], [peer.fileno()])
        self.peers[ip] += 1

    def send(self, frame: Any) -> None:
        """Say something, if it is there."""
        if self._line is not None and not self._over:
            self._line.send(frame)

    def _told(self, frame: Any) -> None:
        self.heard = asyncio.get_running_loop().time()
        self._answer(self, frame)

    def _lost(self) -> None:
        ended_by_itself, self._over = not self._over, True
        self.ready.set()
        if ended_by_itself:
            self._died(self)

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._over = True
        for one in (self._line, self._channel):
            if one is not None:
                one.close()
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()

    async def gone(self) -> None:
        """Wait until it has ended."""
        if self._child is not None:
            await self._child.wait()


class Smtpd:
    """Some processes and the ports in front of them. The one with the fewest connections gets the next."""

    def __init__(self, count: int, ports: Ports, setup: Setup, doors: DoorLimits) -> None:
        """For `count` processes, each told `setup`; `ports` are those of the running core."""
        self._ports = ports
        self._setup = setup
        self._doors = Doors(doors)
        self._processes = [_Process(self._answer, self._died) for _ in range(count)]
        own = CollectorRegistry()
        self._turned_away = metrics(own).turned_away
        self.totals = Totals(own)
        self._gates: list[_Gate] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Start all of them; raises OSError."""
        await asyncio.gather(*(process.start(self._setup) for process in self._processes))
        self._spawn(self._watch())

    def listen(self, listener: socket.socket, implicit_tls: bool = False) -> None:
        """Take connections from that socket, which is bound and listens."""
        self._gates.append(_Gate(listener, lambda peer, ip: self._come_in(peer, ip, implicit_tls)))

    @property
    def ready(self) -> bool:
        """Whether there is a process that takes connections now."""
        return any(process.alive for process in self._processes)

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
        for process in sorted((one for one in self._processes if one.alive), key=lambda one: one.peers.total()):
            try:
                process.hand_over(peer, ip, implicit_tls)
            except OSError:
                continue  # it has not taken those before
            return None
        return NOBODY

    def _left(self, process: _Process, ip: str) -> None:
        if process.peers[ip] > 0:
            process.peers[ip] -= 1
            if not process.peers[ip]:
                del process.peers[ip]
            self._doors.leave(ip)

    # --- what they say --------------------------------------------------------------------------------------------------

    def _answer(self, process: _Process, frame: FromProcess) -> None:
        match frame:
            case Arrived():
                self._spawn(self._said(process, frame.number, self._take(frame)))
            case Who():
                self._spawn(self._said(process, frame.number, self._find(frame)))
            case Gone(ip):
                self._left(process, ip)
            case Pong(counted):
                self.totals.told(process.pid, counted)
            case SeenFrom(number, peer, mail_from):
                process.send(Seen(number, receiving.seen_from_outside(self._ports.settings, peer, mail_from)))
            case Ready():
                process.ready.set()

    async def _said(self, process: _Process, number: int, doing: Coroutine[Any, Any, Found | Taken]) -> None:
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
            spool.discard()
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

    # --- their lives ----------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Ask each now and then; one that says nothing for a while hangs."""
        while not await self._closes_within(BEAT):
            now = asyncio.get_running_loop().time()
            for process in [one for one in self._processes if one.alive]:
                if now - process.heard > PATIENCE:
                    log.error("smtpd.hangs", pid=process.pid)
                    self._replace(process)
                else:
                    process.send(Ping())

    def _died(self, process: _Process) -> None:
        if not self._closed.is_set():
            log.error("smtpd.died", pid=process.pid)
        self._replace(process)

    def _replace(self, broken: _Process) -> None:
        for ip in list(broken.peers.elements()):
            self._left(broken, ip)
        self.totals.ended(broken.pid)
        if self._closed.is_set() or broken not in self._processes:
            return
        fresh = _Process(self._answer, self._died)
        self._processes[self._processes.index(broken)] = fresh
        broken.kill()
        self._spawn(self._mend(broken, fresh))

    async def _mend(self, broken: _Process, fresh: _Process) -> None:
        """Start a fresh one, however often that fails: a system short of memory or processes now has some again later."""
        await broken.gone()
        # One that dies as soon as it stands must not keep us busy with starting it.
        pause = AGAIN if asyncio.get_running_loop().time() - broken.since < BRIEF else 0.0
        while not await self._closes_within(pause):
            try:
                await fresh.start(self._setup)
                return
            except Exception as wrong:
                log.error("smtpd.not_started", reason=str(wrong) or type(wrong).__name__)
            renewed = _Process(self._answer, self._died)
            self._processes[self._processes.index(fresh)] = renewed
            fresh, pause = renewed, AGAIN

    async def _closes_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)
        return self._closed.is_set()

    def _spawn(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, grace: float = 10.0) -> None:
        """Take no more connections; let each client finish its message, for `grace` seconds at most; end all processes."""
        if self._closed.is_set():
            return
        self._closed.set()
        for gate in self._gates:
            gate.close()
        for process in self._processes:
            process.send(Drain(grace))
        ends = [asyncio.create_task(process.gone()) for process in self._processes]
        await asyncio.wait(ends, timeout=grace + 2)
        for process in self._processes:
            process.kill()
        await asyncio.wait(ends)
        if self._tasks:
            # What core has in hand is not torn out of it: it may be committing, though nobody is left to hear of it.
            await asyncio.wait(self._tasks, timeout=grace)


class _Gate:
    """Accepts connections from a socket that listens."""

    def __init__(self, listener: socket.socket, come_in: Callable[[socket.socket, str], None]) -> None:
        self._listener, self._come_in = listener, come_in
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self._open()

    def _open(self) -> None:
        self._later = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
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
        if self._later is not None:
            self._later.cancel()
        else:
            self._loop.remove_reader(self._listener)
        self._listener.close()
