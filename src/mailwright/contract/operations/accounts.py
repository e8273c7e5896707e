"""Operations on tenants and API keys."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from mailwright.contract.operations.listing import Listing, listed
from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.resources import accounts as shown
from mailwright.contract.resources.page import Page
from mailwright.contract.scalars import ONE_LINE, Id, Moment, doc, milliseconds
from mailwright.core import accounts
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller, Permission, Role
from mailwright.core.ports import Ports, Tx

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=ONE_LINE)]


class KeyCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: Annotated[Name, doc("What the key is for.", example="ada's worker")]
    role: Annotated[Role, doc("Who the key speaks for.", example="agent")]
    permissions: Annotated[
        tuple[Permission, ...] | None,
        doc("What the key may do; left out, all that its role may. Never more than the key that asks."),
    ] = None
    mailbox_id: Annotated[Id | None, doc("Bind it to one mailbox: nothing else exists for it.")] = None
    agent_id: Annotated[Id | None, doc("Bind it to one agent: its mailboxes are all that exists for it.")] = None
    expires_at: Annotated[Moment | None, doc("When it stops working; left out, never.")] = None
    test: Annotated[bool, doc("Mark it as a test key (`mw_test_...`), so that it is not taken for a live one.")] = False


class KeyId(Struct, frozen=True, forbid_unknown_fields=True):
    """One key."""

    key_id: Annotated[Id, doc("The key's id.")]


class TenantCreate(Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant to be made."""

    name: Annotated[Name, doc("What it is called.", example="Example Ltd")]


async def _create_key(tx: Tx, ports: Ports, caller: Caller, given: KeyCreate) -> shown.NewApiKey:
    expires_at = milliseconds("expires_at", given.expires_at) if given.expires_at else None
    if expires_at is not None and expires_at <= ports.clock.now():
        raise InvalidInput.at("expires_at", "a time that is still to come")
    wanted = accounts.NewKey(
        name=given.name,
        role=given.role,
        permissions=frozenset(given.permissions) if given.permissions is not None else None,
        mailbox_id=given.mailbox_id,
        agent_id=given.agent_id,
        expires_at=expires_at,
        test=given.test,
    )
    return shown.new_api_key(*await accounts.create_key(tx, ports, caller, wanted))


async def _list_keys(ports: Ports, caller: Caller, given: Listing) -> Page[shown.ApiKey]:
    return await listed(given, "key", lambda after, limit: accounts.page_keys(ports, caller, after, limit), shown.api_key)


async def _revoke_key(tx: Tx, ports: Ports, caller: Caller, given: KeyId) -> None:
    await accounts.revoke_key(tx, ports, caller, given.key_id)


async def _create_tenant(tx: Tx, ports: Ports, caller: Caller, given: TenantCreate) -> shown.NewTenant:
    tenant, key, secret = await accounts.create_tenant(tx, ports, caller, given.name)
    return shown.NewTenant(shown.tenant(tenant), shown.new_api_key(key, secret))


async def _list_tenants(ports: Ports, caller: Caller, given: Listing) -> Page[shown.Tenant]:
    return await listed(given, "ten", lambda after, limit: accounts.page_tenants(ports, caller, after, limit), shown.tenant)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="keys.create",
        summary="Make an API key",
        permission=Permission.KEYS_MANAGE,
        method="POST",
        path="/v1/api-keys",
        status=201,
        input=KeyCreate,
        output=shown.NewApiKey,
        act=_create_key,
        secret=True,
        command="keys create",
        examples=(Example("A key for one agent", {"name": "ada's worker", "role": "agent", "agent_id": "{agent_id}"}),),
        notes="The secret is in this answer and nowhere else: only its hash is kept. No key can make a stronger one, none may "
        "both send and approve, and an agent's may not approve at all (`permission_escalation`).",
    ),
    Operation(
        name="keys.list",
        summary="List API keys",
        permission=Permission.KEYS_MANAGE,
        method="GET",
        path="/v1/api-keys",
        input=Listing,
        output=Page[shown.ApiKey],
        read=_list_keys,
        command="keys list",
    ),
    Operation(
        name="keys.revoke",
        summary="Revoke an API key",
        permission=Permission.KEYS_MANAGE,
        method="DELETE",
        path="/v1/api-keys/{key_id}",
        status=204,
        input=KeyId,
        output=None,
        act=_revoke_key,
        destructive=True,
        command="keys revoke",
        notes="The key is refused from the next request on.",
    ),
    Operation(
        name="tenants.create",
        summary="Make a tenant with its first operator key",
        permission=Permission.TENANTS_MANAGE,
        method="POST",
        path="/v1/tenants",
        status=201,
        input=TenantCreate,
        output=shown.NewTenant,
        act=_create_tenant,
        secret=True,
        command="tenants create",
        examples=(Example("A new customer", {"name": "Example Ltd"}),),
    ),
    Operation(
        name="tenants.list",
        summary="List tenants",
        permission=Permission.TENANTS_MANAGE,
        method="GET",
        path="/v1/tenants",
        input=Listing,
        output=Page[shown.Tenant],
        read=_list_tenants,
        command="tenants list",
    ),
)
