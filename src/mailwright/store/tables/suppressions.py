"""Suppressions: addresses that must not be written to."""

from __future__ import annotations

from collections.abc import Sequence

from mailwright.core.model import Suppression
from mailwright.store.database import Database
from mailwright.store.rows import SUPPRESSION, words_to_json
from mailwright.store.statements import load
from mailwright.store.tables.base import NamedRows

_SQL = load("suppressions", SUPPRESSION.columns)


class Suppressions(NamedRows[Suppression]):
    """`core.ports.Suppressions`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, SUPPRESSION, _SQL)

    async def matching(self, tenant_id: str, addresses: Sequence[str]) -> list[Suppression]:
        """The entries of those addresses, letter for letter, by address."""
        if len(addresses) == 1:  # most messages have one recipient
            return await self._all("of_address", tenant_id, addresses[0])
        return await self._all("matching", tenant_id, words_to_json(list(addresses)))
