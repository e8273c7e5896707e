"""What most tables have in common: rows found by tenant and id.

Not here: the rest of each table (a module for each noun).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from mailwright.core.ports import Taken
from mailwright.store.database import Database
from mailwright.store.rows import Shape
from mailwright.store.statements import Statement

ENDLESS = 1 << 62  # later than any time, higher than any seq


async def placed(db: Database, statement: Statement, tenant_id: str, before: str | None) -> tuple[int, int]:
    """The (time, seq) that a page starts before. `before` is a `core.ports.place`, or the id of a row that stays."""
    if before is None:
        return ENDLESS, ENDLESS
    at, _, id = before.rpartition(".")
    row = await db.one(statement, (tenant_id, id))
    if at.isdecimal():
        # Where the row is gone, those of the same millisecond come again: better than never.
        return int(at), row[1] if row else ENDLESS
    return (row[0], row[1]) if row else (-ENDLESS, 0)


class Identified(Protocol):
    """A noun with an id."""

    @property
    def id(self) -> str:
        """The id."""


Row = TypeVar("Row", bound=Identified)


class Rows(Generic[Row]):
    """`core.ports.Table` for a noun without a client_id."""

    def __init__(self, db: Database, shape: Shape[Row], statements: Mapping[str, Statement]) -> None:
        """The statements get, add, put and remove must be among those given."""
        self._db = db
        self._shape = shape
        self._sql = statements

    async def get(self, tenant_id: str, id: str) -> Row | None:
        """The row, if it is of that tenant."""
        return await self._one("get", tenant_id, id)

    async def add(self, row: Row) -> None:
        """Insert; raises Taken."""
        if not await self._db.run(self._sql["add"], self._shape.encode(row)):
            raise Taken(f"{self._sql['add'].noun}: {row.id}")

    async def put(self, row: Row) -> None:
        """Replace; raises KeyError where there is no such row, Taken where its new name is in use."""
        if not await self._db.run(self._sql["put"], self._shape.encode_change(row)):
            raise KeyError(row.id)

    async def remove(self, tenant_id: str, id: str) -> bool:
        """Whether there was such a row."""
        return bool(await self._db.run(self._sql["remove"], (tenant_id, id)))

    async def by_client_id(self, tenant_id: str, client_id: str) -> Row | None:
        """Nothing: rows of this noun have no client_id."""
        return None

    async def _one(self, name: str, *values: str | int | None) -> Row | None:
        row = await self._db.one(self._sql[name], values)
        return None if row is None else self._shape.decode(row)

    async def _known(self, name: str, *values: str | int | None) -> Row | None:
        """As `_one`, from what is kept where that is known already."""
        statement, kept = self._sql[name], self._db.kept
        rows = kept.of(statement.noun) if kept is not None else None
        if rows is None:
            return await self._one(name, *values)
        row: Row | None = rows.get((name, *values))
        if row is None and (row := await self._one(name, *values)) is not None:
            rows[name, *values] = row
        return row

    async def _all(self, name: str, *values: str | int | None) -> list[Row]:
        decode = self._shape.decode
        return [decode(row) for row in await self._db.all(self._sql[name], values)]


class NamedRows(Rows[Row]):
    """Rows that are listed by id, and may be found by what the caller named them."""

    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Row]:
        """Rows with an id after that one, by id."""
        return await self._all("page", tenant_id, after or "", limit)


class ClientRows(NamedRows[Row]):
    """Rows with a client_id."""

    async def by_client_id(self, tenant_id: str, client_id: str) -> Row | None:
        """The row that was made under this client_id."""
        return await self._one("by_client_id", tenant_id, client_id)


class KeptRows(ClientRows[Row]):
    """Such rows of a noun that is among `store.kept.NOUNS`."""

    async def get(self, tenant_id: str, id: str) -> Row | None:
        """The row, if it is of that tenant."""
        return await self._known("get", tenant_id, id)
