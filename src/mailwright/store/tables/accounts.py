"""Tenants, keys, domains, agents and mailboxes: who there is."""

from __future__ import annotations

from mailwright.core.model import Agent, ApiKey, Domain, Mailbox, Tenant
from mailwright.core.ports import Taken
from mailwright.store.database import Database
from mailwright.store.rows import AGENT, DOMAIN, KEY, MAILBOX, TENANT
from mailwright.store.statements import load
from mailwright.store.tables.base import KeptRows, NamedRows

_TENANTS = load("tenants", TENANT.columns)
_KEYS = load("keys", KEY.columns)
_DOMAINS = load("domains", DOMAIN.columns)
_AGENTS = load("agents", AGENT.columns)
_MAILBOXES = load("mailboxes", MAILBOX.columns)


class Tenants:
    """`core.ports.Tenants`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        self._db = db

    async def get(self, tenant_id: str) -> Tenant | None:
        """The tenant of that id."""
        row = await self._db.one(_TENANTS["get"], (tenant_id,))
        return None if row is None else TENANT.decode(row)

    async def add(self, row: Tenant) -> None:
        """Insert; raises Taken."""
        if not await self._db.run(_TENANTS["add"], TENANT.encode(row)):
            raise Taken(f"tenants: {row.id}")

    async def page(self, after: str | None, limit: int) -> list[Tenant]:
        """Tenants with an id after that one, by id."""
        return [TENANT.decode(row) for row in await self._db.all(_TENANTS["page"], (after or "", limit))]


class Keys(NamedRows[ApiKey]):
    """`core.ports.Keys`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, KEY, _KEYS)

    async def by_hash(self, secret_hash: str) -> ApiKey | None:
        """The key of that hash, of any tenant."""
        return await self._known("by_hash", secret_hash)

    async def touch(self, key_id: str, at: int) -> None:
        """Note that the key was used."""
        await self._db.run(self._sql["touch"], (key_id, at))


class Domains(KeptRows[Domain]):
    """`core.ports.Domains`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, DOMAIN, _DOMAINS)

    async def by_name(self, name: str) -> Domain | None:
        """The domain that owns the name, of any tenant."""
        return await self._known("by_name", name)

    async def named(self, tenant_id: str, name: str) -> Domain | None:
        """The tenant's row of that name."""
        return await self._one("named", tenant_id, name)


class Agents(KeptRows[Agent]):
    """`core.ports.Agents`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, AGENT, _AGENTS)

    async def named(self, name: str) -> list[Agent]:
        """The agent of that id, then all of that name, of any tenant, the eldest first."""
        return await self._all("of_id", name) + await self._all("named", name)


class Mailboxes(KeptRows[Mailbox]):
    """`core.ports.Mailboxes`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, MAILBOX, _MAILBOXES)

    async def by_address(self, address: str) -> Mailbox | None:
        """The mailbox of that address in whatever case, of any tenant, on the domain that owns its name."""
        return await self._one("by_address", address.lower())

    async def addressed(self, tenant_id: str, address: str) -> Mailbox | None:
        """The tenant's mailbox of that address in whatever case."""
        return await self._one("addressed", tenant_id, address.lower())

    async def advance(self, mailbox_id: str, uids: int) -> tuple[int, int]:
        """The first of `uids` new UIDs, and the new MODSEQ; raises KeyError."""
        row = await self._db.one(self._sql["advance"], (mailbox_id, uids))
        if row is None:
            raise KeyError(mailbox_id)
        return row[0] - uids, row[1]

    async def advanced(self, tenant_id: str, id: str) -> Mailbox | None:
        """The tenant's mailbox, after one UID and one MODSEQ were taken."""
        return await self._one("advanced", tenant_id, id)

    async def of_domain(self, tenant_id: str, domain_id: str, limit: int) -> list[Mailbox]:
        """Mailboxes of a domain, by id."""
        return await self._all("of_domain", tenant_id, domain_id, limit)

    async def of_agent(self, tenant_id: str, agent_id: str) -> list[Mailbox]:
        """Mailboxes of an agent, by id."""
        return await self._all("of_agent", tenant_id, agent_id)
