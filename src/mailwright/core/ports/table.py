"""What every table of the store does, and where a list by time goes on."""

from __future__ import annotations

from typing import Protocol, TypeVar

Row = TypeVar("Row")


class Table(Protocol[Row]):
    """Rows of one noun. Every read names the tenant; another tenant's row is as good as none (S26).

    Lists that take `after` go by id, so that a page goes on even where its last row is gone. Lists that take `before_id` go
    by time, latest first; see `place`.
    """

    async def get(self, tenant_id: str, id: str) -> Row | None: ...
    async def add(self, row: Row) -> None:
        """Insert. Raises `Taken` when a unique value (id, name, address, client_id) is there already."""

    async def put(self, row: Row) -> None:
        """Replace the row of the same id; counters that only rise (uid_next, modseq) are left to their own methods.

        Raises KeyError where there is no such row, and `Taken` where its new name is in use.
        """

    async def remove(self, tenant_id: str, id: str) -> bool: ...
    async def by_client_id(self, tenant_id: str, client_id: str) -> Row | None: ...


class Taken(Exception):
    """A unique value is in use already."""


def place(at: int, id: str) -> str:
    """Where a page ended that lists by time: what to give as `before_id` for the next one.

    It stays good when that row moves (a thread does, with each message) or is removed. An id alone does while neither happens.
    """
    return f"{at}.{id}"
