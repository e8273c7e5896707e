"""The event log as server-sent events: from a cursor on, without end, and without skipping (I7).

Standards: WHATWG HTML §9.2 (server-sent events).
A stream is told what is new (bell.py), and reads by itself where it was busy meanwhile. It holds one page of events at most: it
goes on when its client has taken the last one, and a client that takes too long is cut off and comes back with its last id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from starlette.types import Receive, Send

from mailwright.contract.events import NOW
from mailwright.contract.operations.events import EventStream, checked_types, place, read_after
from mailwright.core.accounts import scope
from mailwright.core.errors import InvalidInput, Refusal
from mailwright.core.model import Caller, Event
from mailwright.core.ports import Ports
from mailwright.faces.rest.bell import Bell, Ring, written

PAGE = 50  # events read at once
READY = "stream.ready"


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


async def follow(
    ports: Ports, bell: Bell, what: Following, receive: Receive, send: Send, still_allowed: Callable[[], Awaitable[object]]
) -> None:
    """Send events until the client goes, its key ends, or the server closes. The head of the answer was sent before."""
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        async for chunk in _chunks(ports, bell, what, gone, still_allowed):
            async with asyncio.timeout(bell.pace.patience):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
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
    loop, at, public_url = asyncio.get_running_loop(), what.start, ports.settings.public_url
    checked, complete = loop.time(), -1  # up to which place of the bell's all was told
    yield b"retry: 2000\n" + _ready(ports, what, at)
    while True:
        if loop.time() - checked >= bell.pace.recheck:
            try:
                await still_allowed()
                await scope(ports, what.caller, what.mailbox_id)  # its mailbox may be gone
            except Refusal:
                return
            checked = loop.time()
        if bell.closing:
            return
        ring = bell.next(what.caller.tenant_id, what.mailbox_id)
        # I7: where the bell told others meanwhile, or never told us, what came in between is read.
        if complete != bell.end(what.caller.tenant_id):
            found = await read_after(ports, what.caller, at, mailbox_id=what.mailbox_id, types=what.types, limit=PAGE)
            if found:
                at = found[-1].cursor
                yield b"".join(written(one, public_url) for one in found)
                continue
        await _until_either(ring, gone, bell.pace.heartbeat)
        complete = -1
        if not ring.done() or gone.done():
            yield b": still here\n"  # no empty line behind it: some clients would take that for an event
            continue
        news = ring.result()
        if news is not None and len(news.rows) <= PAGE:
            complete = news.until
            rows = [one for one in news.rows if one.cursor > at and (not what.types or one.type in what.types)]
            if rows:
                at = rows[-1].cursor
                yield b"".join(news.told(one, public_url) for one in rows)


async def _until_either(ring: Ring, gone: asyncio.Future[None], seconds: float) -> None:
    """As `asyncio.wait`, at a fraction of its price: a thousand streams do this for every event."""
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def wake(*_: object) -> None:
        if not woken.done():
            woken.set_result(None)

    timer = loop.call_later(seconds, wake)
    ring.add_done_callback(wake)
    gone.add_done_callback(wake)
    try:
        await woken
    finally:
        timer.cancel()
        ring.remove_done_callback(wake)
        gone.remove_done_callback(wake)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _ready(ports: Ports, what: Following, at: int) -> bytes:
    # Tells the client where it stands before anything happened: a connection lost right now then skips nothing.
    row = Event(ports.ids.new("evt"), READY, what.caller.tenant_id, what.mailbox_id, ports.clock.now(), {}, at)
    return written(row, ports.settings.public_url)
