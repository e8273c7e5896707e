"""Blocking calls: agents.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.line import Line
from mailwright.client.pages import Pages
from mailwright.client.shapes.mailboxes import Agent
from mailwright.client.shapes.page import Page


class Agents:
    """Operations on agents."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def create(
        self, *, name: str, responsible: str | None = None, client_id: str | None = None, idempotency_key: str | None = None
    ) -> Agent:
        """Make an agent."""
        call = Call(
            "POST",
            "/v1/agents",
            body=body({"name": name, "responsible": responsible, "client_id": client_id}),
            once=once(idempotency_key),
        )
        return self._line.ask(call, Agent)

    def list(self, *, after: str | None = None, limit: int | None = None) -> Pages[Agent]:
        """List agents."""
        call = Call("GET", "/v1/agents", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[Agent])

    def get(self, agent_id: str) -> Agent:
        """Read an agent."""
        call = Call("GET", f"/v1/agents/{part(agent_id)}")
        return self._line.ask(call, Agent)

    def change(self, agent_id: str, *, responsible: UnsetType | str | None = UNSET) -> Agent:
        """Change who answers for an agent."""
        call = Call("PATCH", f"/v1/agents/{part(agent_id)}", body=body({}, {"responsible": responsible}))
        return self._line.ask(call, Agent)

    def pause(self, agent_id: str, *, idempotency_key: str | None = None) -> Agent:
        """Stop everything that leaves an agent's mailboxes."""
        call = Call("POST", f"/v1/agents/{part(agent_id)}/pause", body=body({}), once=once(idempotency_key))
        return self._line.ask(call, Agent)

    def resume(self, agent_id: str, *, idempotency_key: str | None = None) -> Agent:
        """Let a paused agent send again."""
        call = Call("POST", f"/v1/agents/{part(agent_id)}/resume", body=body({}), once=once(idempotency_key))
        return self._line.ask(call, Agent)
