"""Asynchronous calls: audit.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from datetime import datetime

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, given
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.audit import AuditEntry
from mailwright.client.shapes.page import Page


class AsyncAudit:
    """Operations on audit."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        subject: str | None = None,
        action: str | None = None,
        agent_id: str | None = None,
        mailbox_id: str | None = None,
        domain: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> AsyncPages[AuditEntry]:
        """Read the audit log, oldest first."""
        call = Call(
            "GET",
            "/v1/audit",
            query=given(
                {
                    "after": after,
                    "limit": limit,
                    "subject": subject,
                    "action": action,
                    "agent_id": agent_id,
                    "mailbox_id": mailbox_id,
                    "domain": domain,
                    "from": since,
                    "to": until,
                }
            ),
        )
        return self._line.pages(call, Page[AuditEntry])
