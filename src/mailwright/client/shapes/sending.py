"""Types of sending.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class AttachmentIn(Struct, frozen=True, kw_only=True):
    """A file that travels with the message."""

    filename: str
    """Its name."""
    content: bytes
    """The file."""
    content_type: str = "application/octet-stream"
    """Its type."""
    content_id: str | None = None
    """Shows it inside the HTML, as `cid:<content_id>`."""
