"""Free ports for servers that are started in processes of their own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

# Below those that the system gives to whoever connects: one of these would be taken between our look and the server's start.
_FIRST, _LAST = 10_000, 32_000


def _turns() -> Iterator[int]:
    # Every process begins elsewhere, and none names a port twice before it has named all.
    at = _FIRST + os.getpid() * 101 % (_LAST - _FIRST)
    while True:
        yield at
        at = at + 1 if at + 1 < _LAST else _FIRST


_next = _turns()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many in a row that nobody listens on, for TCP and UDP."""
    run: list[int] = []
    for port in _next:
        run = [*run, port] if _free(port) and (not run or port == run[-1] + 1) else []
        if len(run) == count:
            return run[0]
    raise AssertionError("unreachable")


def _free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
