"""Asynchronous calls: tenants.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, body, given, once
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.accounts import NewTenant, Tenant
from mailwright.client.shapes.page import Page


class AsyncTenants:
    """Operations on tenants."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def create(self, *, name: str, idempotency_key: str | None = None) -> NewTenant:
        """Make a tenant with its first operator key."""
        call = Call("POST", "/v1/tenants", body=body({"name": name}), once=once(idempotency_key))
        return await self._line.ask(call, NewTenant)

    def list(self, *, after: str | None = None, limit: int | None = None) -> AsyncPages[Tenant]:
        """List tenants."""
        call = Call("GET", "/v1/tenants", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[Tenant])
