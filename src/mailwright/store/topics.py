"""Who waits for what: version counters that rise with commits, and those who wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Topics:
    """`version` and `wait` of `core.ports.Store`; for one event loop."""

    def __init__(self) -> None:
        """Nothing has changed yet."""
        self._versions: dict[str, int] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def version(self, topic: str) -> int:
        """How often the topic changed."""
        return self._versions.get(topic, 0)

    def bump(self, topics: Iterable[str]) -> None:
        """These changed: whoever waits for one goes on."""
        for topic in topics:
            self._versions[topic] = self._versions.get(topic, 0) + 1
            for waiter in self._waiting.pop(topic, ()):
                if not waiter.done():
                    waiter.set_result(None)

    async def wait(self, topic: str, seen: int, timeout: float) -> None:
        """Return when the version exceeds `seen`, or after `timeout` seconds."""
        if self.version(topic) > seen or timeout <= 0:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(topic, set()).add(waiter)
        timer = loop.call_later(timeout, _give_up, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiting.get(topic, set()).discard(waiter)


def _give_up(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
