"""The event log as server-sent events: from a cursor on, without end, and without skipping (I7).

Standards: WHATWG HTML §9.2 (server-sent events).
One task waits for the store on behalf of all streams. A stream holds one page of events at most: it reads on when its
client has taken the last one, and a client that takes too long is cut off and comes back with its last id.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from starlette.types import Receive, Send

from mailwright.contract import events
from mailwright.contract.events import NOW
from mailwright.contract.operations.events import EventStream, checked_types, place, read_after
from mailwright.core.accounts import scope
from mailwright.core.errors import InvalidInput, RateLimited, Refusal
from mailwright.core.model import Caller, Event
from mailwright.core.ports import Ports, Store, Topic, Tx

PAGE = 50  # events read at once
NEWS = 500  # events looked through for whom they concern; beyond that all are rung for
MAX_STREAMS = 50  # of one key at a time
READY = "stream.ready"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between signs of life, until a client that takes nothing is cut off, and between looks at its key."""

    heartbeat: float = 15.0
    patience: float = 30.0
    recheck: float = 60.0


@dataclass(slots=True)
class Bell:
    """Rings for the streams of a mailbox or a tenant when their part of the log grows, and for all when the server closes.

    One task waits for the store; after a commit it looks once at the log's end for each tenant that is listened to. A stream is
    rung for only where it is concerned: with a thousand of them each would read the log for every event otherwise.
    """

    store: Store
    pace: Pace = field(default_factory=Pace)
    closing: bool = False
    streams: Counter[str] = field(default_factory=Counter)
    # By tenant and mailbox (None: all of its mailboxes). Weak: what nobody waits for any more is not rung for.
    _rings: dict[str, WeakValueDictionary[str | None, asyncio.Future[None]]] = field(default_factory=dict)
    _ends: dict[str, int] = field(default_factory=dict)
    _version: int = 0
    _task: asyncio.Task[None] | None = None

    def next(self, tenant_id: str, mailbox_id: str | None = None) -> asyncio.Future[None]:
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

        async def news(tx: Tx) -> dict[str, tuple[int, set[str | None] | None]]:
            return {tenant_id: await _news(tx, tenant_id, known.get(tenant_id)) for tenant_id in listening}

        found = await self.store.read(news)
        self._ends = {tenant_id: end for tenant_id, (end, _) in found.items()}
        for tenant_id, (_, concerned) in found.items():
            self._ring(tenant_id, concerned)

    def _ring(self, tenant_id: str, mailboxes: set[str | None] | None = None) -> None:
        rings = self._rings.get(tenant_id)
        for mailbox_id in list(rings or ()) if mailboxes is None else mailboxes:
            ring = rings.pop(mailbox_id, None) if rings else None
            if ring is not None and not ring.done():
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


async def _news(tx: Tx, tenant_id: str, known: int | None) -> tuple[int, set[str | None] | None]:
    """The end of a tenant's log, and whom it concerns that it grew; None for all, where that is not known."""
    rows = await tx.events.after(tenant_id, known, None, (), NEWS) if known is not None else []
    if known is None or len(rows) == NEWS:
        return await tx.events.last(tenant_id), None
    return (rows[-1].cursor, {None, *(row.mailbox_id for row in rows)}) if rows else (known, set())


@dataclass(frozen=True, slots=True)
class Following:
    """What one stream follows, checked: from which place on, which mailbox, which types."""

    caller: Caller
    start: int
    mailbox_id: str | None
    types: tuple[str, ...]


async def begin(ports: Ports, caller: Caller, given: EventStream, last_event_id: bytes | None) -> Following:
    """Check what is asked; raises Refusals. What the client saw last counts for more than where it first began."""
    after = given.after or NOW
    if last_event_id:
        after = last_event_id.decode("latin-1")
        if len(after) > 200:
            raise InvalidInput.at("Last-Event-ID", "this is no cursor of the event log")
    types = checked_types(given.type)
    mailbox_id = await scope(ports, caller, given.mailbox_id)
    return Following(caller, await place(ports, caller, after), mailbox_id, types)


def sse(event: str, cursor: str, data: bytes) -> bytes:
    """One event in the stream's form; `data` is JSON on one line."""
    return b"".join((b"id: ", cursor.encode(), b"\nevent: ", event.encode(), b"\ndata: ", data, b"\n\n"))


async def follow(
    ports: Ports, bell: Bell, what: Following, receive: Receive, send: Send, still_allowed: Callable[[], Awaitable[object]]
) -> None:
    """Send events until the client goes, its key ends, or the server closes. The head of the answer was sent before."""
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        async for chunk in _chunks(ports, bell, what, gone, still_allowed):
            await asyncio.wait_for(send({"type": "http.response.body", "body": chunk, "more_body": True}), bell.pace.patience)
            if gone.done():
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        pass  # returning without an end cuts the connection; the client comes back with its last id
    finally:
        gone.cancel()


async def _chunks(
    ports: Ports, bell: Bell, what: Following, gone: asyncio.Future[None], still_allowed: Callable[[], Awaitable[object]]
) -> AsyncIterator[bytes]:
    loop, at = asyncio.get_running_loop(), what.start
    checked = loop.time()
    yield b"retry: 2000\n" + _ready(ports, what, at)
    while True:
        if loop.time() - checked >= bell.pace.recheck:
            try:
                await still_allowed()
            except Refusal:
                return
            checked = loop.time()
        if bell.closing:
            return
        ring = bell.next(what.caller.tenant_id, what.mailbox_id)
        found = await read_after(ports, what.caller, at, mailbox_id=what.mailbox_id, types=what.types, limit=PAGE)
        if found:
            at = found[-1].cursor
            yield b"".join(_told(one, ports) for one in found)
            continue
        await asyncio.wait((ring, gone), timeout=bell.pace.heartbeat, return_when=asyncio.FIRST_COMPLETED)
        if not ring.done() or gone.done():
            yield b": still here\n"  # no empty line behind it: some clients would take that for an event


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _told(row: Event, ports: Ports) -> bytes:
    return sse(row.type, events.cursor_of(row.cursor), events.encode(row, ports.settings.public_url))


def _ready(ports: Ports, what: Following, at: int) -> bytes:
    # Tells the client where it stands before anything happened: a connection lost right now then skips nothing.
    row = Event(ports.ids.new("evt"), READY, what.caller.tenant_id, what.mailbox_id, ports.clock.now(), {}, at)
    return _told(row, ports)
