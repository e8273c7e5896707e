"""Processes of ours beside the main one: started, asked now and then whether they are there, replaced when they are not.

A process is a module whose `main` is given a line (line.py), and a channel over which sockets are handed to it where it takes
any. It is told its setup, says `Ready`, answers `Ping` with `Pong`, and ends when its line does. A pool that has had nothing
to do for a while rests: its processes end, and are there again some hundredths of a second after somebody wants them.
Not here: what it is for (smtpd/, couriers/), where it comes from (nursery.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from mailwright.system.counting import Totals
from mailwright.system.line import Drain, Frame, Line, Ping, Pong, Ready
from mailwright.system.machine import run_loop
from mailwright.system.nursery import Child, Nursery

log = structlog.get_logger()

PATIENCE = 30.0  # seconds that a process may say nothing
BEAT = 5.0  # seconds between two questions whether it is there
AGAIN = 1.0  # seconds between two tries to start a process
BRIEF = 10.0  # seconds: the next one of a process that lived no longer has to wait
IDLE = 30.0  # seconds without work until a pool rests


class Process:
    """One process and the line to it."""

    def __init__(self, kind: Kind, told: Callable[[Process, Any], None], died: Callable[[Process], None]) -> None:
        """`told` gets what it says; `died` is told when the line ends, unless we ended it."""
        self._kind, self._told_to, self._died = kind, told, died
        self._line: Line | None = None
        self._child: Child | None = None
        self._over = False
        self._ready = asyncio.Event()
        self.channel: socket.socket | None = None
        self.since = self.heard = self.worked = 0.0  # of the loop's clock
        self.load = 0  # what it has in hand, by the count of whoever gives it work

    @property
    def alive(self) -> bool:
        """Whether it takes work."""
        return self._ready.is_set() and not self._over

    @property
    def pid(self) -> int:
        """Its number; 0 before it was started."""
        return self._child.pid if self._child is not None else 0

    async def start(self) -> None:
        """Start it and wait until it is ready; it ends by itself when this process does, since the line ends."""
        loop, kind = asyncio.get_running_loop(), self._kind
        ours, theirs = socket.socketpair()
        self.channel, their_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            with theirs, their_channel:
                self._child = await kind.nursery.birth(kind.module, theirs, their_channel)
            for one in (ours, self.channel):
                one.setblocking(False)
            self.since = self.heard = self.worked = loop.time()
            _, self._line = await loop.create_connection(lambda: Line(kind.speaks, self._told, self._lost), sock=ours)
            self._line.send(kind.setup)
            async with asyncio.timeout(PATIENCE):
                await self._ready.wait()
            if self._over:
                raise OSError("it ended while it started")
        except BaseException:
            self.kill()
            ours.close()
            raise

    def send(self, frame: Frame) -> None:
        """Say something, if it is there."""
        if self._line is not None and not self._over:
            self._line.send(frame)

    def _told(self, frame: Any) -> None:
        if self._over:
            return  # a last word of one that was dismissed
        self.heard = asyncio.get_running_loop().time()
        if isinstance(frame, Ready):
            self._ready.set()
        else:
            self._told_to(self, frame)

    def _lost(self) -> None:
        ended_by_itself, self._over = not self._over, True
        self._ready.set()
        if ended_by_itself:
            self._died(self)

    def takes(self) -> None:
        """It has one more thing in hand."""
        self.load += 1

    def leaves(self) -> None:
        """It is done with one."""
        self.load -= 1
        self.worked = asyncio.get_running_loop().time()

    def dismiss(self) -> None:
        """Have it end: it has nothing in hand. Nothing that it says is heard from now on."""
        self.send(Drain(0))
        self._over = True

    async def see_off(self) -> None:
        """Wait until one that was dismissed has ended."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone(), PATIENCE)
        self.kill()

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._over = True
        for one in (self._line, self.channel):
            if one is not None:
                one.close()
        if self._child is not None:
            self._child.kill()

    async def gone(self) -> None:
        """Wait until it has ended."""
        if self._child is not None:
            await self._child.gone()


@dataclass(frozen=True, slots=True)
class Kind:
    """What all processes of a pool have in common. `speaks` is the type of the frames that come from them."""

    module: str
    setup: Frame
    speaks: Any
    nursery: Nursery


class Pool:
    """Some processes of one kind."""

    def __init__(
        self,
        kind: Kind,
        count: int,
        totals: Totals,
        told: Callable[[Process, Any], None],
        ended: Callable[[Process], None],
    ) -> None:
        """`told` gets what they say; `ended` is told of one that died or was ended because it hung."""
        self._kind, self._totals = kind, totals
        self._told_to, self._ended = told, ended
        self.processes = [self._new() for _ in range(count)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        self._awake = asyncio.Event()
        self._awake.set()
        self._rests = False

    def _new(self) -> Process:
        return Process(self._kind, self._told, self._died)

    def _told(self, process: Process, frame: Any) -> None:
        if isinstance(frame, Pong):
            self._totals.told(process.pid, frame.counted)
        else:
            self._told_to(process, frame)

    @property
    def alive(self) -> list[Process]:
        """Those that take work, the one with the least in hand first."""
        return sorted((one for one in self.processes if one.alive), key=lambda one: one.load)

    async def start(self) -> None:
        """Start all of them; raises OSError."""
        await asyncio.gather(*(process.start() for process in self.processes))
        self.spawn(self.watch())

    @property
    def dozes(self) -> bool:
        """Whether it rests, or was woken and has not got up yet."""
        return not self._awake.is_set()

    def spawn(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do that beside; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def watch(self) -> None:
        """Ask each now and then; one that says nothing for a while hangs."""
        while not await self._closes_within(BEAT):
            now = asyncio.get_running_loop().time()
            for process in [one for one in self.processes if one.alive]:
                if now - process.heard > PATIENCE:
                    log.error("process.hangs", pid=process.pid, module=self._kind.module)
                    self._replace(process)
                else:
                    process.send(Ping())
            if not self._rests and all(one.alive and not one.load and now - one.worked > IDLE for one in self.processes):
                self._rest()

    def _rest(self) -> None:
        self._rests = True
        self._awake.clear()
        for process in self.processes:
            process.dismiss()
            self._ended(process)
            self._totals.ended(process.pid)
            self.spawn(process.see_off())
        self.processes = [self._new() for _ in self.processes]

    async def wake(self) -> None:
        """Where it rests, start all of them again; return once one takes work, or none can be started just now."""
        if self._rests:
            self._rests = False
            for fresh in self.processes:
                self.spawn(self._bring_up(fresh, 0.0))
        await self._awake.wait()

    def _died(self, process: Process) -> None:
        if not self._closed.is_set():
            log.error("process.died", pid=process.pid, module=self._kind.module)
        self._replace(process)

    def _replace(self, broken: Process) -> None:
        self._ended(broken)
        self._totals.ended(broken.pid)
        if self._closed.is_set() or broken not in self.processes:
            return
        fresh = self._new()
        self.processes[self.processes.index(broken)] = fresh
        broken.kill()
        self.spawn(self._mend(broken, fresh))

    async def _mend(self, broken: Process, fresh: Process) -> None:
        await broken.gone()
        # One that dies as soon as it stands must not keep us busy with starting it.
        await self._bring_up(fresh, AGAIN if asyncio.get_running_loop().time() - broken.since < BRIEF else 0.0)

    async def _bring_up(self, fresh: Process, pause: float) -> None:
        """Start it, however often that fails: a system short of memory or processes now has some again later."""
        while not await self._closes_within(pause):
            try:
                await fresh.start()
                return
            except Exception as wrong:
                log.error("process.not_started", module=self._kind.module, reason=str(wrong) or type(wrong).__name__)
            finally:
                self._awake.set()
            renewed = self._new()
            self.processes[self.processes.index(fresh)] = renewed
            fresh, pause = renewed, AGAIN

    async def _closes_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)
        return self._closed.is_set()

    async def close(self, grace: float) -> None:
        """Let all end what they have in hand, for `grace` seconds at most; end them."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._awake.set()
        for process in self.processes:
            process.send(Drain(grace))
        ends = [asyncio.create_task(process.gone()) for process in self.processes]
        await asyncio.wait(ends, timeout=grace + 2)
        for process in self.processes:
            process.kill()
        await asyncio.wait(ends)
        if self._tasks:
            # What core has in hand is not torn out of it: it may be committing, though nobody is left to hear of it.
            await asyncio.wait(self._tasks, timeout=max(grace, 1.0))


# --- in the process -------------------------------------------------------------------------------------------------------


def serve(run: Coroutine[Any, Any, None]) -> None:
    """The whole of such a process: `run`, until it returns."""

    async def whole() -> None:
        await run
        await asyncio.sleep(0)  # what was said is sent
        os._exit(0)  # a thread that hangs would be waited for

    run_loop(whole())
