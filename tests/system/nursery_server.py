"""A server with a nursery that is its copy, for the tests: it prints who is who, and waits for its end."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

from mailwright.system.nursery import Nursery


def memory(pid: int) -> dict[str, int]:
    """kB of that process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


async def serve(nursery: Nursery, order: bytes) -> None:
    """Have two processes, give each that order, and tell of them."""
    lines = []
    for _ in range(2):
        ours, theirs = socket.socketpair()
        with theirs:
            child = await nursery.birth("nursery_child", theirs)
        assert ours.recv(100)
        ours.send(order)
        sizes = memory(child.pid)
        print(child.pid, sizes["Rss"], sizes["Private_Dirty"], flush=True)
        lines.append(ours)
    await asyncio.sleep(60)


if __name__ == "__main__":
    everything = [bytearray(os.urandom(1000)) for _ in range(20_000)]  # what a server has imported
    asyncio.run(serve(Nursery.copied(["nursery_child"]), sys.argv[1].encode()))
