"""Types of reports.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Report(Struct, frozen=True, kw_only=True):
    """What a receiver reported of a domain's mail."""

    id: str
    """The report's id."""
    kind: str
    """`dmarc` or `tls`."""
    domain: str
    """The domain that it is about."""
    organization: str
    """Who wrote it, as it says."""
    report_id: str
    """Its writer's id for it."""
    begins_at: str | None
    """The time it covers begins here."""
    ends_at: str | None
    """And ends here."""
    verified_domain: str | None
    """The domain that vouches for the message that brought it; null: nobody does."""
    message_id: str
    """The message that brought it."""
    content: dict[str, Any]
    """What it says, with its first 200 rows. Untrusted: whoever wrote the mail chose it."""
    created_at: str
    """When it came."""
