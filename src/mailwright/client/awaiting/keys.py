"""Asynchronous calls: keys.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.accounts import ApiKey, NewApiKey
from mailwright.client.shapes.page import Page


class AsyncKeys:
    """Operations on keys."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def create(
        self,
        *,
        name: str,
        role: Literal["operator", "approver", "agent", "auditor"],
        permissions: Sequence[
            Literal[
                "tenants:manage",
                "keys:manage",
                "domains:read",
                "domains:manage",
                "agents:read",
                "agents:manage",
                "mailboxes:read",
                "mailboxes:manage",
                "messages:read",
                "messages:label",
                "messages:send",
                "approvals:read",
                "approvals:decide",
                "events:read",
                "webhooks:read",
                "webhooks:manage",
                "suppressions:read",
                "suppressions:manage",
                "audit:read",
            ]
        ]
        | None = None,
        mailbox_id: str | None = None,
        agent_id: str | None = None,
        expires_at: datetime | str | None = None,
        test: bool | None = None,
        idempotency_key: str | None = None,
    ) -> NewApiKey:
        """Make an API key."""
        call = Call(
            "POST",
            "/v1/api-keys",
            body=body(
                {
                    "name": name,
                    "role": role,
                    "permissions": permissions,
                    "mailbox_id": mailbox_id,
                    "agent_id": agent_id,
                    "expires_at": expires_at,
                    "test": test,
                }
            ),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, NewApiKey)

    def list(self, *, after: str | None = None, limit: int | None = None) -> AsyncPages[ApiKey]:
        """List API keys."""
        call = Call("GET", "/v1/api-keys", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[ApiKey])

    async def revoke(self, key_id: str) -> None:
        """Revoke an API key."""
        call = Call("DELETE", f"/v1/api-keys/{part(key_id)}")
        await self._line.nothing(call)
