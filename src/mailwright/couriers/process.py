"""In a carrying process: each delivery is checked, signed and handed over."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import structlog

from mailwright.core import delivery
from mailwright.core.ports import Ports, Report
from mailwright.couriers.frames import Carry, Setup, ToProcess, carried
from mailwright.couriers.options import courier_options, resolver_options
from mailwright.logs import set_up_log
from mailwright.mail.outcomes import Deferred
from mailwright.net.courier import Courier
from mailwright.net.resolver import Resolver
from mailwright.system.line import Drain, Line, Ping, Pong, Ready
from mailwright.system.machine import AtOnce, RandomIds, SystemClock
from mailwright.system.processes import serve

log = structlog.get_logger()

BROKEN = Report((Deferred(None, "4.3.0", "an internal error: see the server's log"),), ())


class _Process:
    """The whole process."""

    def __init__(self) -> None:
        self.line = Line(ToProcess, self._told, self._end)
        self.over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ports: Ports | None = None

    def _end(self) -> None:
        self.over.set()

    def _told(self, frame: Any) -> None:
        match frame:
            case Carry():
                self._spawn(self._carry(frame))
            case Ping():
                self.line.send(Pong([]))
            case Setup():
                self._set_up(frame)
            case Drain(grace):
                self._spawn(self._drain(grace))

    def _spawn(self, doing: Any) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set_up(self, setup: Setup) -> None:
        set_up_log(setup.config.log.level, json_lines=setup.config.log.json_lines)
        resolver = Resolver(resolver_options(setup.config))
        nobody: Any = None  # there is no store here, and nobody to tell
        courier = Courier(courier_options(setup.config), resolver)
        self._ports = Ports(nobody, resolver, courier, nobody, AtOnce(), SystemClock(), RandomIds(), setup.settings)
        self.line.send(Ready())

    async def _carry(self, wanted: Carry) -> None:
        assert self._ports is not None
        try:
            report, prefix = await delivery.carry(self._ports, wanted.job, wanted.route, wanted.raw)
        except Exception:
            log.exception("delivery.crashed", delivery=wanted.job.delivery.id, message=wanted.job.message.id)
            report, prefix = BROKEN, b""
        self.line.send(carried(wanted.number, report, prefix))

    async def _drain(self, grace: float) -> None:
        others = self._tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=grace)
        self._end()


async def _run(line: socket.socket) -> None:
    process = _Process()
    await asyncio.get_running_loop().create_connection(lambda: process.line, sock=line)
    await process.over.wait()
    process.line.close()


def main(line: socket.socket, channel: socket.socket) -> None:
    """The whole process; no sockets are handed to it."""
    channel.close()
    line.setblocking(False)
    serve(_run(line))
