"""The server as a process of an operating system: rights, signals, the supervisor's questions, the log."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import structlog

from mailwright.app.assembly import MODULES, OPERATOR_KEY, Running, counts, start
from mailwright.app.sockets import CannotStart, Sockets, listen
from mailwright.config import Config
from mailwright.logs import set_up_log as set_up
from mailwright.system import privileges, supervisor
from mailwright.system.machine import run_loop, settle_memory
from mailwright.system.nursery import Nursery

log = structlog.get_logger()


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. What is written is for this user alone: there are keys and mail in it."""
    os.umask(0o077)
    set_up_log(config)
    try:
        who = privileges.identity(config.server.user, run_as_root=config.server.run_as_root)
        privileges.own_folder(Path(config.server.data), who)
        sockets = listen(config)
        if who is not None:
            privileges.become(who)
            privileges.check_reach(who)
    except privileges.BadUser as wrong:
        raise CannotStart(str(wrong)) from None
    # Now or never: what has threads can't be copied.
    nursery = Nursery.copied(MODULES) if any(counts(config)) else None
    with contextlib.suppress(KeyboardInterrupt):
        run_loop(_serve(config, sockets, nursery))


async def _serve(config: Config, sockets: Sockets, nursery: Nursery | None) -> None:
    running = await start(config, sockets, nursery)
    settle_memory()
    log.info("started", api=running.api_url, smtp=running.smtp_port, data=config.server.data)
    if running.operator_key:
        log.info("first start: an operator key was made", file=str(Path(config.server.data) / OPERATOR_KEY))
    alive = asyncio.create_task(supervisor.watchdog(running.stopping))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reread, running)
    supervisor.notify("READY=1", f"STATUS=API {running.api_url}, SMTP port {running.smtp_port}")
    await until_signal()
    supervisor.notify("STOPPING=1", "STATUS=Letting what is under way end")
    log.info("stopping", within=config.server.drain_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end_at_once)
    await running.close()
    await alive
    log.info("stopped")


def _reread(running: Running) -> None:
    supervisor.reloading()
    log.info("reloading")
    running.reread.set()
    supervisor.notify("READY=1")


def _end_at_once() -> None:
    """A second signal: as a kill would, which loses nothing that was accepted (I1)."""
    log.warning("stopped at once")
    os._exit(1)


async def until_signal() -> None:
    """Return at SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def set_up_log(config: Config) -> None:
    """As the configuration says."""
    set_up(config.log.level, json_lines=config.log.json_lines)
