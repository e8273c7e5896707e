"""Types of accounts.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class NewApiKey(Struct, frozen=True, kw_only=True):
    """A credential just made, with its secret."""

    id: str
    """The key's id; it is no secret."""
    name: str
    """What the key is for, in its maker's words."""
    role: str
    """Who the key speaks for."""
    permissions: tuple[str, ...]
    """What the key may do, in alphabetical order."""
    hint: str
    """The last four characters of the secret."""
    mailbox_id: str | None
    """The one mailbox that the key may know of; null if it is not bound to one."""
    agent_id: str | None
    """The one agent whose mailboxes the key may know of; null if not bound to one."""
    created_at: str
    """When it was made."""
    expires_at: str | None
    """When it stops working; null means never."""
    last_used_at: str | None
    """When it was last used, to the minute; null means never."""
    key: str
    """The secret. It is shown this once, and only its hash is kept."""


class ApiKey(Struct, frozen=True, kw_only=True):
    """A credential, without its secret."""

    id: str
    """The key's id; it is no secret."""
    name: str
    """What the key is for, in its maker's words."""
    role: str
    """Who the key speaks for."""
    permissions: tuple[str, ...]
    """What the key may do, in alphabetical order."""
    hint: str
    """The last four characters of the secret."""
    mailbox_id: str | None
    """The one mailbox that the key may know of; null if it is not bound to one."""
    agent_id: str | None
    """The one agent whose mailboxes the key may know of; null if not bound to one."""
    created_at: str
    """When it was made."""
    expires_at: str | None
    """When it stops working; null means never."""
    last_used_at: str | None
    """When it was last used, to the minute; null means never."""


class NewTenant(Struct, frozen=True, kw_only=True):
    """A tenant just made, with its first operator key."""

    tenant: Tenant
    """The tenant."""
    api_key: NewApiKey
    """Its first operator key, with the secret."""


class Tenant(Struct, frozen=True, kw_only=True):
    """One customer of this server; nothing crosses between tenants."""

    id: str
    """The tenant's id."""
    name: str
    """What it is called."""
    created_at: str
    """When it was made."""
