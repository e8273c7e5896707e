"""Tenants, keys, domains, agents and mailboxes, in memory."""

from __future__ import annotations

from dataclasses import replace

from mailwright.core.model import Agent, ApiKey, Domain, Mailbox, Tenant
from mailwright.core.ports import Taken
from mailwright.testing.memory.journal import Journal, Shelf, Table, by_id, client_key


class Tenants:
    """`core.ports.Tenants`."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self._rows: Shelf[str, Tenant] = Shelf(journal)

    async def get(self, tenant_id: str) -> Tenant | None:
        """The tenant of that id."""
        return self._rows.get(tenant_id)

    async def add(self, row: Tenant) -> None:
        """Insert; raises Taken."""
        if self._rows.get(row.id) is not None:
            raise Taken(row.id)
        self._rows.set(row.id, row)

    async def page(self, after: str | None, limit: int) -> list[Tenant]:
        """Tenants with an id after that one, by id."""
        return by_id(self._rows, after, limit)


class Keys(Table[ApiKey]):
    """`core.ports.Keys`."""

    unique = (lambda row: row.secret_hash,)

    async def by_hash(self, secret_hash: str) -> ApiKey | None:
        """The key of that hash, of any tenant."""
        return self.find(None, lambda row: row.secret_hash == secret_hash)

    async def touch(self, key_id: str, at: int) -> None:
        """Note that the key was used."""
        row = self.rows.get(key_id)
        if row is not None:
            self.rows.set(key_id, replace(row, last_used_at=at))


class Domains(Table[Domain]):
    """`core.ports.Domains`."""

    unique = (
        lambda row: (row.tenant_id, row.name),
        lambda row: None if row.owned_at is None else row.name,
        client_key,
    )

    async def by_name(self, name: str) -> Domain | None:
        """The domain that owns the name, of any tenant."""
        return self.find(None, lambda row: row.name == name and row.owned_at is not None)

    async def named(self, tenant_id: str, name: str) -> Domain | None:
        """The tenant's row of that name."""
        return self.find(tenant_id, lambda row: row.name == name)


class Agents(Table[Agent]):
    """`core.ports.Agents`."""

    unique = (lambda row: (row.tenant_id, row.name), client_key)

    async def named(self, name: str) -> list[Agent]:
        """The agent of that id, then all of that name, of any tenant, the eldest first."""
        of_name = sorted((row for row in self.rows if row.name == name), key=lambda row: (row.created_at, row.id))
        return [row for row in self.rows if row.id == name] + of_name[:20]


class Mailboxes(Table[Mailbox]):
    """`core.ports.Mailboxes`."""

    unique = (lambda row: (row.domain_id, row.address.lower()), client_key)
    fixed = ("uid_validity", "uid_next", "modseq")

    def __init__(self, journal: Journal, domains: Domains) -> None:
        """Empty."""
        super().__init__(journal)
        self._domains = domains

    async def by_address(self, address: str) -> Mailbox | None:
        """The mailbox of that address in whatever case, of any tenant, on the domain that owns its name."""
        return self.find(None, lambda row: row.address.lower() == address.lower() and self._received(row))

    def _received(self, row: Mailbox) -> bool:
        domain = self._domains.rows.get(row.domain_id)
        return domain is not None and domain.owned_at is not None

    async def addressed(self, tenant_id: str, address: str) -> Mailbox | None:
        """The tenant's mailbox of that address in whatever case."""
        return self.find(tenant_id, lambda row: row.address.lower() == address.lower())

    async def advance(self, mailbox_id: str, uids: int) -> tuple[int, int]:
        """The first of `uids` new UIDs, and the new MODSEQ; raises KeyError."""
        row = self.rows.get(mailbox_id)
        if row is None:
            raise KeyError(mailbox_id)
        self.rows.set(row.id, replace(row, uid_next=row.uid_next + uids, modseq=row.modseq + 1))
        return row.uid_next, row.modseq + 1

    async def advanced(self, tenant_id: str, id: str) -> Mailbox | None:
        """The tenant's mailbox, after one UID and one MODSEQ were taken."""
        if await self.get(tenant_id, id) is not None:
            await self.advance(id, 1)
        return await self.get(tenant_id, id)

    async def of_domain(self, tenant_id: str, domain_id: str, limit: int) -> list[Mailbox]:
        """Mailboxes of a domain, by id."""
        return by_id((row for row in self.rows if (row.tenant_id, row.domain_id) == (tenant_id, domain_id)), None, limit)

    async def of_agent(self, tenant_id: str, agent_id: str) -> list[Mailbox]:
        """Mailboxes of an agent, by id."""
        found = [row for row in self.rows if (row.tenant_id, row.agent_id) == (tenant_id, agent_id)]
        return by_id(found, None, len(found))
