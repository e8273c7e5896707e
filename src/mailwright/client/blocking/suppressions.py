"""Blocking calls: suppressions.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.line import Line
from mailwright.client.pages import Pages
from mailwright.client.shapes.page import Page
from mailwright.client.shapes.suppressions import Suppression


class Suppressions:
    """Operations on suppressions."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def list(self, *, after: str | None = None, limit: int | None = None, address: str | None = None) -> Pages[Suppression]:
        """List the addresses that must not be written to."""
        call = Call("GET", "/v1/suppressions", query=given({"after": after, "limit": limit, "address": address}))
        return self._line.pages(call, Page[Suppression])

    def add(self, *, address: str, detail: str | None = None, idempotency_key: str | None = None) -> Suppression:
        """Never write to an address again."""
        call = Call("POST", "/v1/suppressions", body=body({"address": address, "detail": detail}), once=once(idempotency_key))
        return self._line.ask(call, Suppression)

    def remove(self, suppression_id: str) -> None:
        """Allow writing to an address again."""
        call = Call("DELETE", f"/v1/suppressions/{part(suppression_id)}")
        self._line.nothing(call)
