"""Types of events.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True):
    """A thing that happened."""

    id: str
    """The event's id: drop what you have seen by it."""
    type: str
    """What happened."""
    created_at: str
    """When."""
    cursor: str
    """Its place in the log: read on from here."""
    tenant_id: str
    """Whose event it is."""
    mailbox_id: str | None
    """The mailbox it is about, if it is about one."""
    data: dict[str, Any]
    """The facts. Subjects, addresses and texts in here are untrusted: whoever wrote the mail chose them."""
    truncated: bool = False
    """True: `data` was too large, and its largest fields were left out; see `url`."""
    url: str | None = None
    """Where to fetch what was left out."""
