"""The main process's end: each delivery goes to the process with the least in hand."""

from __future__ import annotations

import asyncio
import itertools

from prometheus_client import CollectorRegistry

from mailwright.core.delivery import Job
from mailwright.core.ports import Report, Route
from mailwright.couriers import MODULE
from mailwright.couriers.frames import Carried, Carry, FromProcess, Setup
from mailwright.mail.outcomes import Deferred, Unknown
from mailwright.system.counting import Totals
from mailwright.system.nursery import Nursery
from mailwright.system.processes import Kind, Pool, Process

NOBODY = Report((Deferred(None, "4.3.0", "no process that sends is up just now"),), ())
DIED = Report((Unknown("the process that sent it died: the message may have been delivered"),), ())


class Couriers:
    """`core.ports.Carrier` over some processes."""

    def __init__(self, count: int, setup: Setup, nursery: Nursery) -> None:
        """Over that many, each told `setup`."""
        kind = Kind(MODULE, setup, FromProcess, nursery)
        self.pool = Pool(kind, count, Totals(CollectorRegistry()), self._told, self._ended)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[Process, asyncio.Future[tuple[Report, bytes]]]] = {}

    async def start(self) -> None:
        """Start all of them; raises OSError."""
        await self.pool.start()

    async def carry(self, job: Job, route: Route, raw: bytes) -> tuple[Report, bytes]:
        """Have a message signed and handed over; the report, and the fields that were put on top. Never raises."""
        await self.pool.wake()
        alive = self.pool.alive
        if not alive:
            return NOBODY, b""
        process, number = alive[0], next(self._numbers)
        answer: asyncio.Future[tuple[Report, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = process, answer
        process.takes()
        try:
            process.send(Carry(number, job, route, raw))
            return await answer
        finally:
            process.leaves()
            self._waiting.pop(number, None)

    def _told(self, process: Process, frame: Carried) -> None:
        _, answer = self._waiting.get(frame.number, (None, None))
        if answer is not None and not answer.done():
            answer.set_result((frame.report(), frame.prefix))

    def _ended(self, broken: Process) -> None:
        for process, answer in self._waiting.values():
            if process is broken and not answer.done():
                answer.set_result((DIED, b""))

    async def close(self, grace: float = 0.0) -> None:
        """End them; what they have in hand for `grace` seconds at most."""
        await self.pool.close(grace)
