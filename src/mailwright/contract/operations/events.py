"""Reading the event log: page by page, waiting for more, or as a stream."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Annotated, Any

from msgspec import Meta, Struct

from mailwright.contract.events import NOW, START, Event, cursor_of, event, place_of
from mailwright.contract.operations.row import Operation
from mailwright.contract.resources.page import Page
from mailwright.contract.scalars import After, Limit, doc
from mailwright.core import model
from mailwright.core.accounts import scope
from mailwright.core.errors import InvalidInput
from mailwright.core.events import EventType
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports, Topic

MAX_WAIT = 60  # seconds

Types = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=40)]


class EventStream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events to follow."""

    after: Annotated[
        After | None,
        doc("A cursor; `start` for the beginning of the log, `now` for what is still to come. Left out: `now`."),
    ] = None
    mailbox_id: Annotated[
        Annotated[str, Meta(max_length=64)] | None, doc("Only events of one mailbox. A key bound to several must name one.")
    ] = None
    type: Annotated[Types, doc("Only these types; may be given several times.", example="message.received")] = ()


class EventList(EventStream, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events to read."""

    after: Annotated[
        After | None,
        doc("A cursor; `start` for the beginning of the log, `now` for what is still to come. Left out: `start`."),
    ] = None
    limit: Annotated[Limit, doc("How many to return at most, 1 to 200.")] = 50
    wait: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_WAIT)], doc("Where there is nothing yet, wait for up to so many seconds (0 to 60).")
    ] = 0


async def place(ports: Ports, caller: Caller, after: str) -> int:
    """The place in the log that a caller names: a cursor, `start` or `now`; raises InvalidInput."""
    if after == START:
        return 0
    named = None if after == NOW else place_of(after)
    last = await ports.store.read(lambda tx: tx.events.last(caller.tenant_id))
    if named is not None and named > last:  # I7: whoever waits there is told nothing until the log has come that far
        raise InvalidInput.at("after", "beyond the end of this log: the cursor is another server's; use `start` or `now`")
    return last if named is None else named


def checked_types(types: Sequence[str]) -> tuple[str, ...]:
    """The event types, if there are such; raises InvalidInput."""
    known = {one.value for one in EventType}
    for index, one in enumerate(types):
        if one not in known:
            raise InvalidInput.at(f"type[{index}]", f"there is no event type {one!r}: see /docs#events")
    return tuple(types)


async def read_after(
    ports: Ports, caller: Caller, after: int, *, mailbox_id: str | None, types: tuple[str, ...], limit: int
) -> list[model.Event]:
    """Events after that place, oldest first; `mailbox_id` is one that the caller may know of."""
    return await ports.store.read(lambda tx: tx.events.after(caller.tenant_id, after, mailbox_id, types, limit))


async def _list(ports: Ports, caller: Caller, given: EventList) -> Page[Event]:
    types = checked_types(given.type)
    after = await place(ports, caller, given.after or START)
    deadline = monotonic() + given.wait  # the clock on the wall may be set meanwhile
    while True:
        seen = ports.store.version(Topic.EVENTS)
        mailbox_id = await scope(ports, caller, given.mailbox_id)
        found = await read_after(ports, caller, after, mailbox_id=mailbox_id, types=types, limit=given.limit)
        left = deadline - monotonic()
        if found or left <= 0:
            break
        await ports.store.wait(Topic.EVENTS, seen, left)
    items = tuple(event(row, ports.settings.public_url) for row in found)
    return Page(items, items[-1].cursor if items else cursor_of(after))


async def _stream(ports: Ports, caller: Caller, given: EventStream) -> Page[Event]:
    return await _list(ports, caller, EventList(after=given.after or NOW, mailbox_id=given.mailbox_id, type=given.type))


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="events.list",
        summary="Read events, and wait for more",
        permission=Permission.EVENTS_READ,
        method="GET",
        path="/v1/events",
        input=EventList,
        output=Page[Event],
        read=_list,
        waits=True,
        tool="read_events",
        command="events list",
        notes="`next_cursor` is never null here: give it as `after` to go on where this answer ended. Nothing is skipped and "
        "nothing changes its order; an event may come twice after a lost connection, so drop what you have seen by its `id`.",
    ),
    Operation(
        name="events.stream",
        summary="Follow events as they happen",
        permission=Permission.EVENTS_READ,
        method="GET",
        path="/v1/events/stream",
        input=EventStream,
        output=Event,
        read=_stream,
        streams=True,
        command="events follow",
        notes="Server-sent events: `id` is the cursor, `event` the type, `data` what `GET /v1/events` gives. The first "
        "one is `stream.ready` and tells where the stream starts. After a lost connection send the last `id` as "
        "`Last-Event-ID` (browsers do) or as `after`. A client that reads too slowly is cut off and goes on from there.",
    ),
)
