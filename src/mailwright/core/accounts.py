"""Tenants and API keys: who asks, and what they may do.

A key is 256 random bits, shown once and kept as its SHA-256. A key can't make a stronger key, and no key both sends and
approves (S25). An agent's key is bound to its agent or to one mailbox; anything else does not exist for it.
Not here: agents (agents.py), what a mailbox allows (policy.py).
"""

from __future__ import annotations

import contextlib
import hashlib
from base64 import b32encode
from dataclasses import dataclass

from mailwright.core import audit
from mailwright.core.errors import (
    InvalidInput,
    MissingPermission,
    NotFound,
    PermissionEscalation,
    StorageBusy,
    Unauthenticated,
)
from mailwright.core.model import ApiKey, Caller, Mailbox, Permission, Role, Tenant
from mailwright.core.ports import Ports, Tx

ALL = frozenset(Permission)
ROLES: dict[Role, frozenset[Permission]] = {
    # An operator runs everything, and yet can't approve: whoever can send must not be the one who allows it.
    Role.OPERATOR: ALL - {Permission.APPROVALS_DECIDE, Permission.TENANTS_MANAGE},
    Role.APPROVER: frozenset(
        {
            Permission.APPROVALS_READ,
            Permission.APPROVALS_DECIDE,
            Permission.MESSAGES_READ,
            Permission.MAILBOXES_READ,
            Permission.AGENTS_READ,
            Permission.EVENTS_READ,
        }
    ),
    Role.AGENT: frozenset(
        {
            Permission.MESSAGES_READ,
            Permission.MESSAGES_LABEL,
            Permission.MESSAGES_SEND,
            Permission.MAILBOXES_READ,
            Permission.AGENTS_READ,
            Permission.APPROVALS_READ,
            Permission.EVENTS_READ,
            Permission.SUPPRESSIONS_READ,
        }
    ),
    Role.AUDITOR: frozenset({Permission.AUDIT_READ}),
}
# What reaches beyond any one mailbox: a key that is bound to a mailbox or an agent can't hold it (S26).
BEYOND_A_MAILBOX = frozenset(
    {
        Permission.TENANTS_MANAGE,
        Permission.KEYS_MANAGE,
        Permission.DOMAINS_READ,  # reports of receivers stand there too
        Permission.DOMAINS_MANAGE,
        Permission.AGENTS_MANAGE,
        Permission.MAILBOXES_MANAGE,
        Permission.WEBHOOKS_READ,
        Permission.WEBHOOKS_MANAGE,
        Permission.SUPPRESSIONS_MANAGE,
        Permission.AUDIT_READ,
    }
)
TOUCH_EVERY = 60_000  # ms between two notes of a key's last use


def system(tenant_id: str) -> Caller:
    """The server itself, acting for a tenant."""
    return Caller(tenant_id, "system", Role.OPERATOR, ALL)


def require(caller: Caller, permission: Permission) -> None:
    """Refuse unless the caller holds the permission."""
    if permission not in caller.permissions:
        raise MissingPermission(
            f"This {caller.role} key lacks the permission {permission}.", details={"permission": permission.value}
        )


def owns(caller: Caller, mailbox: Mailbox) -> bool:
    """Whether the caller may know of the mailbox at all."""
    return (
        mailbox.tenant_id == caller.tenant_id
        and caller.mailbox_id in (None, mailbox.id)
        and caller.agent_id in (None, mailbox.agent_id)
    )


async def mailbox_of(tx: Tx, caller: Caller, mailbox_id: str) -> Mailbox:
    """The mailbox, where the caller may know of it; else NotFound, as for one that never was (S26)."""
    mailbox = await tx.mailboxes.get(caller.tenant_id, mailbox_id)
    if mailbox is None or not owns(caller, mailbox):
        raise NotFound(f"There is no mailbox {mailbox_id[:40]}.")
    return mailbox


async def visible_mailboxes(ports: Ports, caller: Caller) -> frozenset[str] | None:
    """The ids of all mailboxes a bound caller may see; None for a caller who may see every one of the tenant."""
    if not caller.bound:
        return None
    mailbox_id, agent_id = caller.mailbox_id, caller.agent_id

    async def script(tx: Tx) -> list[Mailbox]:
        if mailbox_id is not None:
            return [one] if (one := await tx.mailboxes.get(caller.tenant_id, mailbox_id)) else []
        return await tx.mailboxes.of_agent(caller.tenant_id, agent_id) if agent_id is not None else []

    return frozenset(mailbox.id for mailbox in await ports.store.read(script) if owns(caller, mailbox))


async def scope(ports: Ports, caller: Caller, mailbox_id: str | None) -> str | None:
    """The mailbox that a list is narrowed to: the one asked for, or a bound caller's only one; None for the whole tenant."""
    visible = await visible_mailboxes(ports, caller)
    if visible is None:
        return mailbox_id
    if not visible:
        raise NotFound("The mailbox of this key is gone, or its agent has none.")
    if mailbox_id is None and len(visible) == 1:
        return next(iter(visible))
    if mailbox_id is None:
        raise InvalidInput.at("mailbox_id", "this agent has several mailboxes: name one")
    if mailbox_id not in visible:
        raise NotFound(f"There is no mailbox {mailbox_id[:40]}.")
    return mailbox_id


# --- keys ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a new key shall be; `permissions` None means all of the role's."""

    name: str
    role: Role
    permissions: frozenset[Permission] | None = None
    mailbox_id: str | None = None
    agent_id: str | None = None
    expires_at: int | None = None
    test: bool = False


def hash_key(secret: str) -> str:
    """What is kept of a key: SHA-256, hex. The key itself is random, so that no salt or stretching is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


async def authenticate(ports: Ports, secret: str) -> Caller:
    """The caller that a key stands for; raises Unauthenticated."""
    hashed = hash_key(secret)
    key = await ports.store.read(lambda tx: tx.keys.by_hash(hashed))
    now = ports.clock.now()
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise Unauthenticated
    if key.last_used_at is None or now - key.last_used_at > TOUCH_EVERY:
        key_id = key.id
        with contextlib.suppress(StorageBusy):  # reading must work on a full disk
            await ports.store.write(lambda tx: tx.keys.touch(key_id, now))
    return Caller(key.tenant_id, key.id, key.role, key.permissions, key.mailbox_id, key.agent_id, key.expires_at)


async def create_key(tx: Tx, ports: Ports, caller: Caller, wanted: NewKey) -> tuple[ApiKey, str]:
    """Make a key; the second value is the secret, shown this once."""
    permissions = ROLES[wanted.role] if wanted.permissions is None else wanted.permissions
    _check_strength(caller, wanted, permissions)
    if wanted.role is Role.AGENT and wanted.mailbox_id is None and wanted.agent_id is None:
        raise InvalidInput.at("mailbox_id", "an agent's key is bound to a mailbox or to an agent: give mailbox_id or agent_id")
    if wanted.mailbox_id is not None:
        await mailbox_of(tx, caller, wanted.mailbox_id)
    if wanted.agent_id is not None and await tx.agents.get(caller.tenant_id, wanted.agent_id) is None:
        raise NotFound(f"There is no agent {wanted.agent_id[:40]}.")
    key, secret = _mint(ports, caller.tenant_id, wanted, permissions)
    await tx.keys.add(key)
    await audit.record(tx, ports, caller, "key.created", key.id, {"role": key.role.value})
    return key, secret


def _check_strength(caller: Caller, wanted: NewKey, permissions: frozenset[Permission]) -> None:
    # S25: capabilities only ever get weaker. An operator, who can't approve himself, may still appoint an approver.
    operator = caller.role is Role.OPERATOR
    beyond = permissions - caller.permissions - ({Permission.APPROVALS_DECIDE} if operator else frozenset())
    bound = wanted.mailbox_id is not None or wanted.agent_id is not None
    if beyond or (caller.bound and (wanted.mailbox_id, wanted.agent_id) != (caller.mailbox_id, caller.agent_id)):
        raise PermissionEscalation(details={"permissions": sorted(p.value for p in beyond)})
    if wanted.role is Role.OPERATOR and not operator:
        raise PermissionEscalation("Only an operator makes operators.")
    if caller.expires_at is not None and (wanted.expires_at is None or wanted.expires_at > caller.expires_at):
        raise PermissionEscalation("A key can't make a key that outlives it.", details={"expires_at": caller.expires_at})
    if bound and (reaching := permissions & BEYOND_A_MAILBOX):
        raise PermissionEscalation(
            "A key that is bound to a mailbox or to an agent can't hold permissions that reach beyond it.",
            details={"permissions": sorted(p.value for p in reaching)},
        )
    if {Permission.MESSAGES_SEND, Permission.APPROVALS_DECIDE} <= permissions:
        raise PermissionEscalation("A key that sends can't approve: an agent never approves itself.")
    if wanted.role is Role.AGENT and Permission.APPROVALS_DECIDE in permissions:
        # Two keys of one agent, of which one sends and the other decides, would be such a key.
        raise PermissionEscalation("An agent's key can't approve: make one of the role approver, for a person.")
    if {Permission.KEYS_MANAGE, Permission.APPROVALS_DECIDE} <= permissions:
        raise PermissionEscalation("A key that makes keys can't approve.")


def _mint(ports: Ports, tenant_id: str, wanted: NewKey, permissions: frozenset[Permission]) -> tuple[ApiKey, str]:
    random = b32encode(ports.ids.secret(32)).decode().rstrip("=").lower()
    secret = f"mw_{'test' if wanted.test else 'live'}_{random}"
    key = ApiKey(
        id=ports.ids.new("key"),
        tenant_id=tenant_id,
        name=wanted.name,
        role=wanted.role,
        permissions=permissions,
        secret_hash=hash_key(secret),
        hint=secret[-4:],
        created_at=ports.clock.now(),
        mailbox_id=wanted.mailbox_id,
        agent_id=wanted.agent_id,
        expires_at=wanted.expires_at,
    )
    return key, secret


async def revoke_key(tx: Tx, ports: Ports, caller: Caller, key_id: str) -> None:
    """A revoked key is refused from the next request on; its row goes, what it did stays in the audit log."""
    if not await tx.keys.remove(caller.tenant_id, key_id):
        raise NotFound(f"There is no key {key_id[:40]}.")
    await audit.record(tx, ports, caller, "key.revoked", key_id)


async def page_keys(ports: Ports, caller: Caller, after: str | None, limit: int) -> list[ApiKey]:
    """The tenant's keys."""
    return await ports.store.browse(lambda tx: tx.keys.page(caller.tenant_id, after, limit))


# --- tenants ------------------------------------------------------------------------------------------------------------


async def create_tenant(tx: Tx, ports: Ports, caller: Caller, name: str) -> tuple[Tenant, ApiKey, str]:
    """A tenant with its first operator key; the last value is that key's secret."""
    tenant = Tenant(ports.ids.new("ten"), name, ports.clock.now())
    await tx.tenants.add(tenant)
    key, secret = _mint(ports, tenant.id, NewKey("operator", Role.OPERATOR), ROLES[Role.OPERATOR])
    await tx.keys.add(key)
    await audit.record(tx, ports, caller, "tenant.created", tenant.id)
    return tenant, key, secret


async def page_tenants(ports: Ports, caller: Caller, after: str | None, limit: int) -> list[Tenant]:
    """All tenants: for whoever runs the server."""
    return await ports.store.browse(lambda tx: tx.tenants.page(after, limit))


async def bootstrap(tx: Tx, ports: Ports, name: str = "main") -> tuple[Tenant, ApiKey, str]:
    """The first tenant of a new server, with a key that may manage tenants too."""
    tenant = Tenant(ports.ids.new("ten"), name, ports.clock.now())
    await tx.tenants.add(tenant)
    wanted = NewKey("operator", Role.OPERATOR)
    key, secret = _mint(ports, tenant.id, wanted, ROLES[Role.OPERATOR] | {Permission.TENANTS_MANAGE})
    await tx.keys.add(key)
    await audit.record(tx, ports, system(tenant.id), "tenant.created", tenant.id)
    return tenant, key, secret
