"""DNS for a test: the zone server in a thread, whose records grow while it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from mailwright.mail.questions import Zone
from mailwright.testing.dns import ZoneServer, serve_zone

T = TypeVar("T")


class Background:
    """An event loop in a thread, for what must go on while a test blocks."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def close(self) -> None:
        """Stop the loop."""
        self.run(_cancel_rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


async def _cancel_rest() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


class Dns:
    """A DNS server. `port` is where it listens."""

    def __init__(self, background: Background, text: str = "", *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._records = dict(Zone.parse(text).records)
        self._background = background
        self.server: ZoneServer = background.run(serve_zone(Zone(self._records), host, port))
        self.port = self.server.port

    def add(self, text: str) -> None:
        """More records, in the text form of `Zone`."""
        for key, values in Zone.parse(text).records.items():
            self._records[key] = (*self._records.get(key, ()), *values)
        self.server.zone = Zone(dict(self._records))

    def publish(self, domain: dict[str, Any]) -> None:
        """Exactly the records that the API told to publish for a domain."""
        self.add("\n".join(f"{one['name']} {one['type']} {one['value']}" for one in domain["dns_records"]))

    def close(self) -> None:
        """Stop listening."""

        async def close() -> None:
            self.server.close()

        self._background.run(close())
