"""Blocking calls: tenants.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.calling import Call, body, given, once
from mailwright.client.line import Line
from mailwright.client.pages import Pages
from mailwright.client.shapes.accounts import NewTenant, Tenant
from mailwright.client.shapes.page import Page


class Tenants:
    """Operations on tenants."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def create(self, *, name: str, idempotency_key: str | None = None) -> NewTenant:
        """Make a tenant with its first operator key."""
        call = Call("POST", "/v1/tenants", body=body({"name": name}), once=once(idempotency_key))
        return self._line.ask(call, NewTenant)

    def list(self, *, after: str | None = None, limit: int | None = None) -> Pages[Tenant]:
        """List tenants."""
        call = Call("GET", "/v1/tenants", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[Tenant])
