"""Who is told of what is new in the event log: one task waits for the store on behalf of all streams.

It reads what is new and hands it to those whom it concerns: an event is read once and written down once, however many follow.
Not here: what a stream does with it (streaming.py).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from mailwright.contract import events
from mailwright.core.errors import RateLimited
from mailwright.core.model import Event
from mailwright.core.ports import Store, Topic, Tx

NEWS = 500  # events looked through for whom they concern; beyond that all are rung for
MAX_STREAMS = 50  # of one key at a time


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between signs of life, until a client that takes nothing is cut off, and between looks at its key."""

    heartbeat: float = 15.0
    patience: float = 30.0
    recheck: float = 60.0


@dataclass(frozen=True, slots=True)
class News:
    """Why a ring rang: what came since the look before, up to that place in the log, as far as it concerns who waited."""

    until: int
    rows: list[Event]
    _written: dict[int, bytes]  # by place: of all who are told of this look

    def told(self, row: Event, public_url: str) -> bytes:
        """The event as it is sent."""
        found = self._written.get(row.cursor)
        if found is None:
            found = self._written[row.cursor] = written(row, public_url)
        return found


Ring = asyncio.Future[News | None]


@dataclass(slots=True)
class Bell:
    """Rings for the streams of a mailbox or a tenant when their part of the log grows, and for all when the server closes.

    One task waits for the store; after a commit it looks once at the log's end for each tenant that is listened to. A stream is
    rung for only where it is concerned, and told the news with it: with a thousand of them each would read the log for every
    event otherwise. What rings without news says: look for yourself.
    """

    store: Store
    pace: Pace = field(default_factory=Pace)
    closing: bool = False
    streams: Counter[str] = field(default_factory=Counter)
    # By tenant and mailbox (None: all of its mailboxes). Weak: what nobody waits for any more is not rung for.
    _rings: dict[str, WeakValueDictionary[str | None, Ring]] = field(default_factory=dict)
    _ends: dict[str, int] = field(default_factory=dict)
    _version: int = 0
    _task: asyncio.Task[None] | None = None

    def end(self, tenant_id: str) -> int | None:
        """Up to which place in the tenant's log the last look told who waited; None where nobody did."""
        return self._ends.get(tenant_id)

    def next(self, tenant_id: str, mailbox_id: str | None = None) -> Ring:
        """What is done at the next ring of the tenant, or of its mailbox. Take it before reading: nothing falls in between."""
        if self._task is None or self._task.done():
            self._version = self.store.version(Topic.EVENTS)
            self._task = asyncio.create_task(self._watch(), name="event bell")
        rings = self._rings.setdefault(tenant_id, WeakValueDictionary())
        ring = rings.get(mailbox_id)
        if ring is None:
            ring = rings[mailbox_id] = asyncio.get_running_loop().create_future()
        return ring

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.closing:
            await self.store.wait(Topic.EVENTS, self._version, 3600)
            self._version = self.store.version(Topic.EVENTS)
            started = loop.time()
            await self._look()
            await asyncio.sleep(4 * (loop.time() - started))  # looking takes a fifth of the time at most

    async def _look(self) -> None:
        self._rings = {tenant_id: rings for tenant_id, rings in self._rings.items() if rings}
        listening, known = list(self._rings), self._ends

        async def news(tx: Tx) -> dict[str, tuple[int, list[Event] | None]]:
            return {tenant_id: await _news(tx, tenant_id, known.get(tenant_id)) for tenant_id in listening}

        found = await self.store.read(news)
        self._ends = {tenant_id: end for tenant_id, (end, _) in found.items()}
        for tenant_id, (end, rows) in found.items():
            if rows is None:
                self._ring(tenant_id)
            elif rows:
                self._tell(tenant_id, end, rows)

    def _tell(self, tenant_id: str, end: int, rows: list[Event]) -> None:
        once: dict[int, bytes] = {}
        concerned: dict[str | None, list[Event]] = {None: rows}
        for row in rows:
            if row.mailbox_id is not None:
                concerned.setdefault(row.mailbox_id, []).append(row)
        rings = self._rings[tenant_id]
        for mailbox_id, theirs in concerned.items():
            ring = rings.pop(mailbox_id, None)
            if ring is not None and not ring.done():
                ring.set_result(News(end, theirs, once))

    def _ring(self, tenant_id: str) -> None:
        rings = self._rings.pop(tenant_id, None)
        for ring in list(rings.values() if rings else ()):
            if not ring.done():
                ring.set_result(None)

    def close(self) -> None:
        """End all streams soon."""
        self.closing = True
        if self._task is not None:
            self._task.cancel()
        for tenant_id in list(self._rings):
            self._ring(tenant_id)

    @contextmanager
    def seat(self, actor: str) -> Iterator[None]:
        """Count a stream of a key; raises RateLimited for one too many."""
        if self.streams[actor] >= MAX_STREAMS:
            raise RateLimited(f"This key has {MAX_STREAMS} streams open already.", retry_after=30)
        self.streams[actor] += 1
        try:
            yield
        finally:
            self.streams[actor] -= 1
            if not self.streams[actor]:
                del self.streams[actor]


async def _news(tx: Tx, tenant_id: str, known: int | None) -> tuple[int, list[Event] | None]:
    """The end of a tenant's log, and how it grew; None where that is not known, or too much."""
    rows = await tx.events.after(tenant_id, known, None, (), NEWS) if known is not None else []
    if known is None or len(rows) == NEWS:
        return await tx.events.last(tenant_id), None
    return rows[-1].cursor if rows else known, rows


def sse(event: str, cursor: str, data: bytes) -> bytes:
    """One event in the stream's form; `data` is JSON on one line."""
    return b"".join((b"id: ", cursor.encode(), b"\nevent: ", event.encode(), b"\ndata: ", data, b"\n\n"))


def written(row: Event, public_url: str) -> bytes:
    """An event as it is sent."""
    return sse(row.type, events.cursor_of(row.cursor), events.encode(row, public_url))
