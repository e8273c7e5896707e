"""Types of page.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """A part of a list."""

    items: tuple[T, ...]
    next_cursor: str | None = None
    """Give it as `after` to read on; None: there is nothing more."""
