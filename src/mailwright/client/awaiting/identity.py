"""Asynchronous calls: identity.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.shapes.domains import (
    Domain,
)
from mailwright.client.shapes.identity import PublicKey, Verified


class AsyncIdentity:
    """Operations on identity."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def public_key(self, agent_id: str, *, domain: str | None = None) -> PublicKey:
        """The public key that an agent's mail is signed with."""
        call = Call("GET", f"/v1/identity/pubkey/{part(agent_id)}", query=given({"domain": domain}))
        return await self._line.ask(call, PublicKey)

    async def verify(self, *, message: str, recipient: str | None = None) -> Verified:
        """Verify the Agent-Identity of a message."""
        call = Call("POST", "/v1/identity/verify", body=body({"message": message, "recipient": recipient}))
        return await self._line.ask(call, Verified)

    async def rotate(self, domain_id: str, *, idempotency_key: str | None = None) -> Domain:
        """Make the next identity key of a domain."""
        call = Call("POST", f"/v1/domains/{part(domain_id)}/identity/rotate", body=body({}), once=once(idempotency_key))
        return await self._line.ask(call, Domain)
