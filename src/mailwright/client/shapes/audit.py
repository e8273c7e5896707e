"""Types of audit.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One line of the log that only grows."""

    index: int
    """Its place in the log of this server."""
    at: str
    """When."""
    actor: str
    """Who: the id of the key, or `system`."""
    action: str
    """What: noun and verb."""
    subject: str
    """The id of what was acted upon."""
    data: dict[str, Any]
    """Further facts: ids and digests, never content."""
    agent_id: str | None
    """The agent that it concerned."""
    mailbox_id: str | None
    """The mailbox that it concerned."""
    domain: str | None
    """The domain that it concerned."""
    hash: str
    """SHA-256 (hex) over the hash of the entry before and this entry."""
