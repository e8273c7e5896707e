"""Blocking calls: threads.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.calling import Call, given, part
from mailwright.client.line import Line
from mailwright.client.pages import Pages
from mailwright.client.shapes.page import Page
from mailwright.client.shapes.threads import Thread, ThreadDetail


class Threads:
    """Operations on threads."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def list(self, *, after: str | None = None, limit: int | None = None, mailbox_id: str | None = None) -> Pages[Thread]:
        """List conversations, the latest activity first."""
        call = Call("GET", "/v1/threads", query=given({"after": after, "limit": limit, "mailbox_id": mailbox_id}))
        return self._line.pages(call, Page[Thread])

    def get(self, thread_id: str) -> ThreadDetail:
        """Read a conversation with its messages."""
        call = Call("GET", f"/v1/threads/{part(thread_id)}")
        return self._line.ask(call, ThreadDetail)
