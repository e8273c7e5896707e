"""Types of suppressions.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class Suppression(Struct, frozen=True, kw_only=True):
    """An address that must not be written to."""

    id: str
    """The entry's id."""
    address: str
    """The address, in lower case."""
    reason: str
    """`hard_bounce`, `complaint`, `unsubscribe` or `manual`."""
    detail: str | None
    """What was observed, such as the receiver's reply, where the key may know."""
    message_id: str | None
    """The message that led to it, where the key may know."""
    created_at: str
    """Since when."""
