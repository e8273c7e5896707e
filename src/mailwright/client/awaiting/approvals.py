"""Asynchronous calls: approvals.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Literal

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.approvals import Approval
from mailwright.client.shapes.page import Page


class AsyncApprovals:
    """Operations on approvals."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        status: Literal["pending", "approved", "rejected", "expired", "voided"] | None = None,
        mailbox_id: str | None = None,
    ) -> AsyncPages[Approval]:
        """List what a person is asked to decide."""
        call = Call(
            "GET", "/v1/approvals", query=given({"after": after, "limit": limit, "status": status, "mailbox_id": mailbox_id})
        )
        return self._line.pages(call, Page[Approval])

    async def get(self, approval_id: str) -> Approval:
        """Read an approval."""
        call = Call("GET", f"/v1/approvals/{part(approval_id)}")
        return await self._line.ask(call, Approval)

    async def approve(
        self, approval_id: str, *, digest: str, note: str | None = None, idempotency_key: str | None = None
    ) -> Approval:
        """Approve exactly what was seen."""
        call = Call(
            "POST",
            f"/v1/approvals/{part(approval_id)}/approve",
            body=body({"digest": digest, "note": note}),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, Approval)

    async def reject(
        self, approval_id: str, *, digest: str, note: str | None = None, idempotency_key: str | None = None
    ) -> Approval:
        """Refuse a message."""
        call = Call(
            "POST",
            f"/v1/approvals/{part(approval_id)}/reject",
            body=body({"digest": digest, "note": note}),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, Approval)
