"""Types of forwards.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class ForwardRule(Struct, frozen=True, kw_only=True):
    """A rule of a mailbox: what comes in goes on to another address, as it came."""

    id: str
    """The rule's id."""
    to: str
    """Where it goes on to."""
    keep_copy: bool
    """Whether the mailbox keeps a copy, and its agent is told of it."""
    header_from: str | None
    """Only what this address wrote, or anybody at this domain and below it."""
    trust: str | None
    """Only what is trusted that far at least."""
    created_at: str
    """When it was made."""
