"""What core asks of the machine: time, randomness, processors (`core.ports.machine`); the loop that all runs on; memory."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class SystemClock:
    """The system's time."""

    def now(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000


class RandomIds:
    """Ids and secrets from the system's randomness; for ids it is fetched in blocks, since one message takes several.

    The ids of a block begin alike, so that rows written together lie together in every index: a fifth of what is written to
    disk is saved. Nobody can tell the age of a block, or guess an id of it: 76 of its bits are its own.
    """

    def __init__(self) -> None:
        self._blocks: Iterator[str] = iter(())

    def new(self, prefix: str) -> str:
        """The prefix, and 96 random bits as 24 hexadecimal digits; the first 20 are those of its neighbours too."""
        block = next(self._blocks, None)
        if block is None:
            digits = os.urandom(12 * 256).hex()
            near = digits[:5]
            self._blocks = iter([near + digits[at + len(near) : at + 24] for at in range(0, len(digits), 24)])
            block = next(self._blocks)
        return f"{prefix}_{block}"

    def secret(self, size: int) -> bytes:
        """`size` random bytes."""
        return secrets.token_bytes(size)


class AtOnce:
    """CPU work where it is asked for: in a process that does little else, handing it to a thread takes a tenth more."""

    async def run(self, work: Callable[[], T]) -> T:
        """Run it."""
        return work()


class Threads:
    """CPU work beside the loop, on as many threads as there are processors."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(os.cpu_count() or 2, "cpu")

    async def run(self, work: Callable[[], T]) -> T:
        """Run it in a thread and wait for its result."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def settle_memory() -> None:
    """Once a process has started: what it is made of stays, and the search for cycles need not go through it again and again.

    Little of what a request makes is in a cycle; at the interpreter's own pace the search takes a twentieth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run it on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
