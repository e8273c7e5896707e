"""Is there room for more work? When there is not, new work is refused in time, and what was begun ends in good order.

Three things are looked at: the memory of all our processes, free space of the disk, and how long the store takes to say yes.
While one is beyond its limit, recipients get 451 and requests that change something get 503 `storage_busy` with Retry-After.
Not here: connections (the faces' doors), the length of the writer's line (store/sqlite/writer.py).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import structlog

from mailwright.core.errors import StorageBusy

log = structlog.get_logger()

EVERY = 1.0  # seconds between two looks
UNLIMITED = 10  # looks, of which one measures memory that nothing limits: the kernel goes through every page for it
RETRY_AFTER = 10
REASONS = ("memory", "disk", "store")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROPORTION = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond which there is no room. 0 bytes of memory: no limit."""

    memory: int = 0
    free_disk: int = 64 * 1024 * 1024
    store_seconds: float = 5.0


@dataclass(slots=True)
class Strain:
    """What the last look found. `admit` is asked before new work."""

    limits: Limits
    data: Path
    beside: Callable[[], Iterable[int]] = tuple  # processes of ours that may no longer stand below this one
    memory: int = 0
    free_disk: int = 0
    store_seconds: float = 0.0
    reasons: frozenset[str] = frozenset()
    _asked_at: float | None = field(default=None)
    _looks: int = 0

    def admit(self) -> None:
        """Raises StorageBusy while there is no room."""
        if self.reasons:
            raise StorageBusy(details={"reason": min(self.reasons)}, retry_after=RETRY_AFTER)

    def look(self) -> None:
        """Measure."""
        limits = self.limits
        if limits.memory or self._looks % UNLIMITED == 0:
            self.memory = memory_of_all(self.beside())
        self._looks += 1
        self.free_disk = shutil.disk_usage(self.data).free
        waited = self.store_seconds if self._asked_at is None else max(self.store_seconds, monotonic() - self._asked_at)
        beyond = {
            "memory": 0 < limits.memory < self.memory,
            "disk": self.free_disk < limits.free_disk,
            "store": waited > limits.store_seconds,
        }
        found = frozenset(reason for reason, there in beyond.items() if there)
        if found != self.reasons:
            log.warning("strain", reasons=sorted(found), memory=self.memory, free_disk=self.free_disk, store_seconds=waited)
        self.reasons = found

    async def ask(self, probe: Callable[[], Awaitable[object]]) -> None:
        """Measure how long the store takes: `probe` writes nothing, in the line of those who do."""
        self._asked_at = monotonic()
        try:
            await probe()
        except StorageBusy:
            pass  # it answers, and says itself what is wrong
        finally:
            self.store_seconds = monotonic() - self._asked_at
            self._asked_at = None


async def watch(strain: Strain, probe: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Look every second, until `stop`."""
    asking: asyncio.Task[None] | None = None
    while not stop.is_set():
        if asking is None or asking.done():
            asking = asyncio.create_task(strain.ask(probe))
        await asyncio.to_thread(strain.look)
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            pass
    if asking is not None:
        asking.cancel()


def memory_of_all(beside: Iterable[int] = ()) -> int:
    """Bytes that this process, those below it and those beside it hold in memory; a page that they share counts once."""
    return sum(map(_held, {os.getpid(), *_below(os.getpid()), *beside}))


def _held(pid: int) -> int:
    found = _PROPORTION.search(_read(f"/proc/{pid}/smaps_rollup"))
    if found:
        return int(found[1]) * 1024
    # The kernel does not tell us about somebody who has been root; then a shared page counts in each.
    return int((_read(f"/proc/{pid}/statm").split() or ["0", "0"])[1]) * _PAGE


def _read(file: str) -> str:
    try:
        return Path(file).read_text()
    except OSError:  # it is gone, or the kernel does not tell
        return ""


def _below(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:  # it is gone, or the kernel does not tell
        return found
    return found + [one for child in found for one in _below(child)]
