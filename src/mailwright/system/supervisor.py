"""Talking with whoever started us: systemd's notify protocol, its watchdog, and sockets that it bound for us.

The protocol is sd_notify(3) and sd_listen_fds(3): a datagram, and file descriptors from 3 on. Without the environment variables
nothing happens.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import MutableMapping

FIRST = 3  # sd_listen_fds(3): where given sockets begin


def notify(*lines: str) -> None:
    """Tell our state: `READY=1`, `STOPPING=1`, ... Never raises: whoever should listen may be gone."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.connect("\0" + place[1:] if place.startswith("@") else place)
            line.send("\n".join(lines).encode())
    except OSError:
        pass


def reloading() -> None:
    """We begin to read our files again; `READY=1` ends it."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


async def watchdog(stop: asyncio.Event) -> None:
    """Say that the loop still turns, as often as was asked, until `stop`: a server that hangs is killed and started anew."""
    asked = os.environ.get("WATCHDOG_USEC", "")
    if not asked.isdecimal() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return
    while not stop.is_set():
        notify("WATCHDOG=1")
        try:
            await asyncio.wait_for(stop.wait(), int(asked) / 3_000_000)
        except TimeoutError:
            pass


def given_sockets(environ: MutableMapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """Listening sockets that were bound for us, by name (`FileDescriptorName=`); the variables are taken out."""
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}
    found = {}
    for number, name in zip(range(int(count)), names, strict=False):
        given = socket.socket(fileno=FIRST + number)
        given.set_inheritable(False)
        given.setblocking(False)
        found[name] = given
    return found
