"""Asynchronous calls: agents.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.mailboxes import Agent
from mailwright.client.shapes.page import Page


class AsyncAgents:
    """Operations on agents."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def create(
        self, *, name: str, responsible: str | None = None, client_id: str | None = None, idempotency_key: str | None = None
    ) -> Agent:
        """Make an agent."""
        call = Call(
            "POST",
            "/v1/agents",
            body=body({"name": name, "responsible": responsible, "client_id": client_id}),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, Agent)

    def list(self, *, after: str | None = None, limit: int | None = None) -> AsyncPages[Agent]:
        """List agents."""
        call = Call("GET", "/v1/agents", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[Agent])

    async def get(self, agent_id: str) -> Agent:
        """Read an agent."""
        call = Call("GET", f"/v1/agents/{part(agent_id)}")
        return await self._line.ask(call, Agent)

    async def change(self, agent_id: str, *, responsible: UnsetType | str | None = UNSET) -> Agent:
        """Change who answers for an agent."""
        call = Call("PATCH", f"/v1/agents/{part(agent_id)}", body=body({}, {"responsible": responsible}))
        return await self._line.ask(call, Agent)

    async def pause(self, agent_id: str, *, idempotency_key: str | None = None) -> Agent:
        """Stop everything that leaves an agent's mailboxes."""
        call = Call("POST", f"/v1/agents/{part(agent_id)}/pause", body=body({}), once=once(idempotency_key))
        return await self._line.ask(call, Agent)

    async def resume(self, agent_id: str, *, idempotency_key: str | None = None) -> Agent:
        """Let a paused agent send again."""
        call = Call("POST", f"/v1/agents/{part(agent_id)}/resume", body=body({}), once=once(idempotency_key))
        return await self._line.ask(call, Agent)
