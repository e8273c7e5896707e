"""Blocking calls: approvals.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Literal

from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.line import Line
from mailwright.client.pages import Pages
from mailwright.client.shapes.approvals import Approval
from mailwright.client.shapes.page import Page


class Approvals:
    """Operations on approvals."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        status: Literal["pending", "approved", "rejected", "expired", "voided"] | None = None,
        mailbox_id: str | None = None,
    ) -> Pages[Approval]:
        """List what a person is asked to decide."""
        call = Call(
            "GET", "/v1/approvals", query=given({"after": after, "limit": limit, "status": status, "mailbox_id": mailbox_id})
        )
        return self._line.pages(call, Page[Approval])

    def get(self, approval_id: str) -> Approval:
        """Read an approval."""
        call = Call("GET", f"/v1/approvals/{part(approval_id)}")
        return self._line.ask(call, Approval)

    def approve(
        self, approval_id: str, *, digest: str, note: str | None = None, idempotency_key: str | None = None
    ) -> Approval:
        """Approve exactly what was seen."""
        call = Call(
            "POST",
            f"/v1/approvals/{part(approval_id)}/approve",
            body=body({"digest": digest, "note": note}),
            once=once(idempotency_key),
        )
        return self._line.ask(call, Approval)

    def reject(self, approval_id: str, *, digest: str, note: str | None = None, idempotency_key: str | None = None) -> Approval:
        """Refuse a message."""
        call = Call(
            "POST",
            f"/v1/approvals/{part(approval_id)}/reject",
            body=body({"digest": digest, "note": note}),
            once=once(idempotency_key),
        )
        return self._line.ask(call, Approval)
