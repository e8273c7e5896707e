"""Who there is: tenants, keys, domains, agents, mailboxes."""

from __future__ import annotations

from typing import Protocol

from mailwright.core.model import Agent, ApiKey, Domain, Mailbox, Tenant
from mailwright.core.ports.table import Table


class Tenants(Protocol):
    async def get(self, tenant_id: str) -> Tenant | None: ...
    async def add(self, row: Tenant) -> None: ...
    async def page(self, after: str | None, limit: int) -> list[Tenant]: ...


class Keys(Table[ApiKey], Protocol):
    async def by_hash(self, secret_hash: str) -> ApiKey | None:
        """Across tenants: this is how a request finds its tenant."""

    async def touch(self, key_id: str, at: int) -> None: ...
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[ApiKey]: ...


class Domains(Table[Domain], Protocol):
    async def by_name(self, name: str) -> Domain | None:
        """Across tenants: the one row that owns the name."""

    async def named(self, tenant_id: str, name: str) -> Domain | None:
        """The tenant's row of that name, whether it owns it or not."""

    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Domain]: ...


class Agents(Table[Agent], Protocol):
    async def named(self, name: str) -> list[Agent]:
        """Across tenants: the agent of that id, then all of that name, the eldest first."""

    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Agent]: ...


class Mailboxes(Table[Mailbox], Protocol):
    async def by_address(self, address: str) -> Mailbox | None:
        """Across tenants, case-insensitively, on the domain that owns its name: this is how incoming mail finds its tenant."""

    async def addressed(self, tenant_id: str, address: str) -> Mailbox | None:
        """The tenant's mailbox of that address, case-insensitively."""

    async def advance(self, mailbox_id: str, uids: int) -> tuple[int, int]:
        """Take `uids` UIDs and one MODSEQ: the first new UID and the new MODSEQ (I8). `get` may tell older ones for a while."""

    async def advanced(self, tenant_id: str, id: str) -> Mailbox | None:
        """Take one UID and one MODSEQ, and get the mailbox as it is then: the UID is the one before its `uid_next`."""

    async def of_domain(self, tenant_id: str, domain_id: str, limit: int) -> list[Mailbox]: ...
    async def of_agent(self, tenant_id: str, agent_id: str) -> list[Mailbox]: ...
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Mailbox]: ...
