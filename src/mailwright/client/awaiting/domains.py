"""Asynchronous calls: domains.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, Content, body, given, once, part
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.domains import (
    Domain,
    SmarthostWanted,
    Verification,
)
from mailwright.client.shapes.page import Page


class AsyncDomains:
    """Operations on domains."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def add(
        self,
        *,
        domain: str | None = None,
        name: str | None = None,
        dkim_key_type: Literal["ed25519", "rsa2048"] | None = None,
        dmarc_policy: Literal["none", "quarantine", "reject"] | None = None,
        dmarc_rua: str | None = None,
        smarthost: SmarthostWanted | None = None,
        client_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Domain:
        """Add a domain, and learn which records to publish."""
        call = Call(
            "POST",
            "/v1/domains",
            body=body(
                {
                    "domain": domain,
                    "name": name,
                    "dkim_key_type": dkim_key_type,
                    "dmarc_policy": dmarc_policy,
                    "dmarc_rua": dmarc_rua,
                    "smarthost": smarthost,
                    "client_id": client_id,
                }
            ),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, Domain)

    def list(self, *, after: str | None = None, limit: int | None = None) -> AsyncPages[Domain]:
        """List domains."""
        call = Call("GET", "/v1/domains", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[Domain])

    async def get(self, domain_id: str) -> Domain:
        """Read a domain."""
        call = Call("GET", f"/v1/domains/{part(domain_id)}")
        return await self._line.ask(call, Domain)

    async def zone_file(self, domain_id: str) -> Content:
        """The records of a domain as a zone file."""
        call = Call("GET", f"/v1/domains/{part(domain_id)}/zone-file")
        return await self._line.content(call)

    async def verify(self, domain_id: str, *, idempotency_key: str | None = None) -> Verification:
        """Look at a domain's records in DNS now."""
        call = Call("POST", f"/v1/domains/{part(domain_id)}/verify", body=body({}), once=once(idempotency_key))
        return await self._line.ask(call, Verification)

    async def change(
        self,
        domain_id: str,
        *,
        smarthost: SmarthostWanted | UnsetType | None = UNSET,
        dmarc_policy: Literal["none", "quarantine", "reject"] | UnsetType = UNSET,
        dmarc_rua: UnsetType | str | None = UNSET,
    ) -> Domain:
        """Change a domain's smarthost or DMARC policy."""
        call = Call(
            "PATCH",
            f"/v1/domains/{part(domain_id)}",
            body=body({}, {"smarthost": smarthost, "dmarc_policy": dmarc_policy, "dmarc_rua": dmarc_rua}),
        )
        return await self._line.ask(call, Domain)

    async def remove(self, domain_id: str) -> None:
        """Remove a domain that no mailbox uses."""
        call = Call("DELETE", f"/v1/domains/{part(domain_id)}")
        await self._line.nothing(call)
