"""Asynchronous calls: events.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, given
from mailwright.client.shapes.events import Event
from mailwright.client.shapes.page import Page


class AsyncEvents:
    """Operations on events."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def list(
        self,
        *,
        after: str | None = None,
        mailbox_id: str | None = None,
        type: Sequence[str] | None = None,
        limit: int | None = None,
        wait: int | None = None,
    ) -> Page[Event]:
        """Read events, and wait for more."""
        call = Call(
            "GET",
            "/v1/events",
            query=given({"after": after, "mailbox_id": mailbox_id, "type": type, "limit": limit, "wait": wait}),
            wait=wait or 0,
        )
        return await self._line.ask(call, Page[Event])

    def poll(
        self,
        *,
        after: str | None = None,
        mailbox_id: str | None = None,
        type: Sequence[str] | None = None,
        limit: int | None = None,
        wait: int | None = None,
    ) -> AsyncIterator[Event]:
        """Read events, and wait for more. Without an end: it waits at the server, and goes on where it was."""
        call = Call(
            "GET",
            "/v1/events",
            query=given(
                {"after": after, "mailbox_id": mailbox_id, "type": type, "limit": limit, "wait": 30 if wait is None else wait}
            ),
            wait=30 if wait is None else wait,
        )
        return self._line.poll(call)

    def stream(
        self, *, after: str | None = None, mailbox_id: str | None = None, type: Sequence[str] | None = None
    ) -> AsyncIterator[Event]:
        """Follow events as they happen."""
        call = Call("GET", "/v1/events/stream", query=given({"after": after, "mailbox_id": mailbox_id, "type": type}))
        return self._line.follow(call)
