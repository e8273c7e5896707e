"""Asynchronous calls: suppressions.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.page import Page
from mailwright.client.shapes.suppressions import Suppression


class AsyncSuppressions:
    """Operations on suppressions."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    def list(
        self, *, after: str | None = None, limit: int | None = None, address: str | None = None
    ) -> AsyncPages[Suppression]:
        """List the addresses that must not be written to."""
        call = Call("GET", "/v1/suppressions", query=given({"after": after, "limit": limit, "address": address}))
        return self._line.pages(call, Page[Suppression])

    async def add(self, *, address: str, detail: str | None = None, idempotency_key: str | None = None) -> Suppression:
        """Never write to an address again."""
        call = Call("POST", "/v1/suppressions", body=body({"address": address, "detail": detail}), once=once(idempotency_key))
        return await self._line.ask(call, Suppression)

    async def remove(self, suppression_id: str) -> None:
        """Allow writing to an address again."""
        call = Call("DELETE", f"/v1/suppressions/{part(suppression_id)}")
        await self._line.nothing(call)
