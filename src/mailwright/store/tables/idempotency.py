"""What requests with an Idempotency-Key were answered."""

from __future__ import annotations

from mailwright.core.ports import SavedResponse, Taken
from mailwright.store.database import Database
from mailwright.store.rows import SAVED_RESPONSE
from mailwright.store.statements import load

_SQL = load("idempotency", SAVED_RESPONSE.columns)


class Idempotency:
    """`core.ports.Idempotency`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        self._db = db

    async def get(self, tenant_id: str, key: str) -> SavedResponse | None:
        """The answer that was given."""
        row = await self._db.one(_SQL["get"], (tenant_id, key))
        return None if row is None else SAVED_RESPONSE.decode(row)

    async def add(self, tenant_id: str, key: str, saved: SavedResponse) -> None:
        """Keep the answer; raises Taken where there is one."""
        if not await self._db.run(_SQL["add"], (tenant_id, key, *SAVED_RESPONSE.encode(saved))):
            raise Taken(f"idempotency: {key}")

    async def forget_before(self, created_at: int) -> int:
        """Drop old answers; how many."""
        return await self._db.run(_SQL["forget_before"], (created_at,))
