"""Tenants and API keys, as told to callers. A key's secret is in one answer only: the one that created it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339, rfc3339_or_none
from mailwright.core import model
from mailwright.core.model import Permission, Role


class Tenant(Struct, frozen=True):
    """One customer of this server; nothing crosses between tenants."""

    id: Annotated[str, doc("The tenant's id.", example="ten_5qm3tk8v0w1x2y3z4a5b")]
    name: Annotated[str, doc("What it is called.", example="Example Ltd")]
    created_at: Annotated[Time, doc("When it was made.", example="2026-11-20T09:30:00.000Z")]


class ApiKey(Struct, frozen=True, kw_only=True):
    """A credential, without its secret."""

    id: Annotated[str, doc("The key's id; it is no secret.", example="key_5qm3tk8v0w1x2y3z4a5b")]
    name: Annotated[str, doc("What the key is for, in its maker's words.", example="ada's worker")]
    role: Annotated[Role, doc("Who the key speaks for.")]
    permissions: Annotated[tuple[Permission, ...], doc("What the key may do, in alphabetical order.")]
    hint: Annotated[str, doc("The last four characters of the secret.", example="k7qa")]
    mailbox_id: Annotated[str | None, doc("The one mailbox that the key may know of; null if it is not bound to one.")]
    agent_id: Annotated[str | None, doc("The one agent whose mailboxes the key may know of; null if not bound to one.")]
    created_at: Annotated[Time, doc("When it was made.")]
    expires_at: Annotated[Time | None, doc("When it stops working; null means never.")]
    last_used_at: Annotated[Time | None, doc("When it was last used, to the minute; null means never.")]


class NewApiKey(ApiKey, frozen=True, kw_only=True):
    """A credential just made, with its secret."""

    key: Annotated[str, doc("The secret. It is shown this once, and only its hash is kept.", example="mw_live_...")]


class NewTenant(Struct, frozen=True):
    """A tenant just made, with its first operator key."""

    tenant: Annotated[Tenant, doc("The tenant.")]
    api_key: Annotated[NewApiKey, doc("Its first operator key, with the secret.")]


def tenant(row: model.Tenant) -> Tenant:
    """A tenant, as told."""
    return Tenant(row.id, row.name, rfc3339(row.created_at))


def api_key(row: model.ApiKey) -> ApiKey:
    """A key, as told."""
    return ApiKey(
        id=row.id,
        name=row.name,
        role=row.role,
        permissions=tuple(sorted(row.permissions)),
        hint=row.hint,
        mailbox_id=row.mailbox_id,
        agent_id=row.agent_id,
        created_at=rfc3339(row.created_at),
        expires_at=rfc3339_or_none(row.expires_at),
        last_used_at=rfc3339_or_none(row.last_used_at),
    )


def new_api_key(row: model.ApiKey, secret: str) -> NewApiKey:
    """A key with its secret, for the one answer that shows it."""
    shown = api_key(row)
    return NewApiKey(**{name: getattr(shown, name) for name in ApiKey.__struct_fields__}, key=secret)
