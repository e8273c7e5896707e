"""Threads, and which Message-IDs each of them knows."""

from __future__ import annotations

from collections.abc import Sequence

from mailwright.core.model import Thread
from mailwright.mail.references import Candidate
from mailwright.store.database import Database
from mailwright.store.rows import THREAD, words_from_json, words_to_json
from mailwright.store.statements import load
from mailwright.store.tables.base import Rows, placed

_SQL = load("threads", THREAD.columns)


class Threads(Rows[Thread]):
    """`core.ports.Threads`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, THREAD, _SQL)

    async def candidates(self, mailbox_id: str, rfc_ids: Sequence[str]) -> list[Candidate]:
        """Threads of the mailbox that know one of these Message-IDs, each with those that it knows."""
        found = await self._db.all(_SQL["candidates"], (mailbox_id, words_to_json(list(rfc_ids))))
        known: dict[str, set[str]] = {}
        for thread_id, rfc_id, *_ in found:
            known.setdefault(thread_id, set()).add(rfc_id)
        rows = {row[0]: row for row in found}
        return [
            Candidate(id, frozenset(known[id]), frozenset(words_from_json(participants)), base_subject, last_at / 1000)
            for id, _, participants, base_subject, last_at in rows.values()
        ]

    async def remember(self, mailbox_id: str, thread_id: str, rfc_ids: Sequence[str]) -> None:
        """These Message-IDs belong to the thread, unless another one has them."""
        await self._db.many(_SQL["remember"], [(mailbox_id, one, thread_id) for one in rfc_ids])

    async def page(self, tenant_id: str, mailbox_id: str | None, before_id: str | None, limit: int) -> list[Thread]:
        """Latest activity first, from after that place on."""
        at, seq = await placed(self._db, _SQL["place"], tenant_id, before_id)
        if mailbox_id is None:
            return await self._all("page", tenant_id, at, seq, limit)
        return await self._all("page_of_mailbox", mailbox_id, tenant_id, at, seq, limit)
