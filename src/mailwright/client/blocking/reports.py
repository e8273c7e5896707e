"""Blocking calls: reports.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.calling import Call, given
from mailwright.client.line import Line
from mailwright.client.pages import Pages
from mailwright.client.shapes.page import Page
from mailwright.client.shapes.reports import Report


class Reports:
    """Operations on reports."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def list(self, *, after: str | None = None, limit: int | None = None) -> Pages[Report]:
        """List what receivers reported of your domains: DMARC aggregate and TLS reports."""
        call = Call("GET", "/v1/reports", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[Report])
