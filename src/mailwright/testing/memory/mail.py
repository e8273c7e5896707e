"""Messages, threads, blobs, approvals, suppressions and reports, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mailwright.core.model import Approval, ApprovalStatus, Message, MessageStatus, Report, Suppression, Thread
from mailwright.core.ports import MessageFilter, Spool, Taken
from mailwright.mail.references import Candidate
from mailwright.store.rows import matches, message_words, words_of
from mailwright.testing.memory.journal import Journal, Shelf, Table

Place = tuple[float, float]

_NEWEST: Place = (float("inf"), float("inf"))


class BlobRows:
    """`core.ports.BlobRows`, and the bytes themselves."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self._journal = journal
        self.content: dict[str, bytes] = {}

    async def add(self, blob_id: str, spool: Spool | bytes) -> None:
        """Insert; raises Taken."""
        if blob_id in self.content:
            raise Taken(blob_id)
        self._journal.changing(lambda: self._restore(blob_id, None))
        self.content[blob_id] = spool if isinstance(spool, bytes) else bytes(spool.raw())

    async def read(self, blob_id: str) -> bytes | None:
        """The bytes."""
        return self.content.get(blob_id)

    async def remove(self, blob_id: str) -> None:
        """The blob is gone."""
        before = self.content.get(blob_id)
        self._journal.changing(lambda: self._restore(blob_id, before))
        self.content.pop(blob_id, None)

    def _restore(self, blob_id: str, before: bytes | None) -> None:
        if before is None:
            self.content.pop(blob_id, None)
        else:
            self.content[blob_id] = before


class Messages(Table[Message]):
    """`core.ports.Messages`."""

    async def page(  # type: ignore[override]
        self, tenant_id: str, narrow: MessageFilter, before_id: str | None, limit: int
    ) -> list[Message]:
        """Newest first, from after that place on."""
        start = _start(self.rows, tenant_id, before_id, lambda row: row.created_at)
        found = [
            (row.created_at, seq, row)
            for seq, row in self.rows.items()
            if row.tenant_id == tenant_id and (row.created_at, seq) < start and _passes(row, narrow)
        ]
        return [row for _, _, row in sorted(found, key=lambda one: one[:2], reverse=True)[:limit]]

    async def forwarded_since(self, tenant_id: str, mailbox_id: str, after: int) -> int:
        """How many messages the mailbox has forwarded since then."""
        ours = (row for row in self.rows if (row.tenant_id, row.mailbox_id) == (tenant_id, mailbox_id))
        return sum(row.created_at > after and row.forwarded_by is not None for row in ours)

    async def several(self, tenant_id: str, ids: Sequence[str]) -> list[Message]:
        """Those of the tenant."""
        return [row for id in dict.fromkeys(ids) if (row := await self.get(tenant_id, id))]

    async def show(self, tenant_id: str, id: str, status: MessageStatus) -> None:
        """Change the state alone."""
        if row := await self.get(tenant_id, id):
            await self.put(replace(row, status=status))

    async def of_thread(self, tenant_id: str, thread_id: str, limit: int) -> list[Message]:
        """Oldest first."""
        found = [row for row in self.rows if (row.tenant_id, row.thread_id) == (tenant_id, thread_id)]
        return sorted(found, key=lambda row: row.created_at)[:limit]


def _passes(row: Message, narrow: MessageFilter) -> bool:
    same = (
        (narrow.mailbox_id, row.mailbox_id),
        (narrow.thread_id, row.thread_id),
        (narrow.direction, row.direction),
        (narrow.status, row.status),
    )
    return (
        all(wanted is None or wanted == there for wanted, there in same)
        and (narrow.label is None or narrow.label in row.labels)
        and (narrow.after is None or row.created_at > narrow.after)
        and (narrow.before is None or row.created_at < narrow.before)
        and (narrow.text is None or matches(words_of(narrow.text), message_words(row)))
    )


class Threads(Table[Thread]):
    """`core.ports.Threads`."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        super().__init__(journal)
        self._known: Shelf[tuple[str, str], str] = Shelf(journal)

    async def candidates(self, mailbox_id: str, rfc_ids: Sequence[str]) -> list[Candidate]:
        """Threads of the mailbox that know one of these Message-IDs, each with those that it knows."""
        known: dict[str, set[str]] = {}
        for one in rfc_ids:
            thread_id = self._known.get((mailbox_id, one))
            if thread_id is not None:
                known.setdefault(thread_id, set()).add(one)
        rows = [row for id in known if (row := self.rows.get(id)) is not None and row.mailbox_id == mailbox_id]
        return [
            Candidate(row.id, frozenset(known[row.id]), frozenset(row.participants), row.base_subject, row.last_at / 1000)
            for row in rows
        ]

    async def remember(self, mailbox_id: str, thread_id: str, rfc_ids: Sequence[str]) -> None:
        """These Message-IDs belong to the thread, unless another one has them."""
        for one in rfc_ids:
            there = self._known.get((mailbox_id, one))
            if there is None or self.rows.get(there) is None:
                self._known.set((mailbox_id, one), thread_id)

    async def page(  # type: ignore[override]
        self, tenant_id: str, mailbox_id: str | None, before_id: str | None, limit: int
    ) -> list[Thread]:
        """Latest activity first, from after that place on."""
        start = _start(self.rows, tenant_id, before_id, lambda row: row.last_at)
        found = [
            (row.last_at, seq, row)
            for seq, row in self.rows.items()
            if row.tenant_id == tenant_id and mailbox_id in (None, row.mailbox_id) and (row.last_at, seq) < start
        ]
        return [row for _, _, row in sorted(found, key=lambda one: one[:2], reverse=True)[:limit]]


def _start(rows: Shelf[str, Any], tenant_id: str, before: str | None, time_of: Callable[[Any], int]) -> Place:
    if before is None:
        return _NEWEST
    at, _, id = before.rpartition(".")
    row = rows.get(id)
    if row is not None and row.tenant_id != tenant_id:
        row = None
    seq = rows.seq(id) if row is not None else None
    if at.isdecimal():
        return int(at), _NEWEST[1] if seq is None else seq
    return (-1, 0) if row is None or seq is None else (time_of(row), seq)


class Approvals(Table[Approval]):
    """`core.ports.Approvals`."""

    async def page(  # type: ignore[override]
        self, tenant_id: str, status: ApprovalStatus | None, mailbox_id: str | None, after: str | None, limit: int
    ) -> list[Approval]:
        """Oldest first, from after that approval on."""
        start: float = 0
        if after is not None:
            start = (self.rows.seq(after) or _NEWEST[0]) if await self.get(tenant_id, after) else _NEWEST[0]
        return [
            row
            for seq, row in self.rows.items()
            if (row.tenant_id == tenant_id and seq > start)
            and status in (None, row.status)
            and mailbox_id in (None, row.mailbox_id)
        ][:limit]

    async def overdue(self, now: int, limit: int) -> list[Approval]:
        """Pending ones of all tenants whose time is over, the longest over first."""
        found = [row for row in self.rows if row.status is ApprovalStatus.PENDING and row.expires_at <= now]
        return sorted(found, key=lambda row: row.expires_at)[:limit]

    async def lapse(self, tenant_id: str, mailbox_id: str, now: int) -> None:
        """The time of a mailbox's open questions is over."""
        for row in self.rows:
            if (row.tenant_id, row.mailbox_id, row.status) == (tenant_id, mailbox_id, ApprovalStatus.PENDING):
                await self.put(replace(row, expires_at=now))


class Suppressions(Table[Suppression]):
    """`core.ports.Suppressions`."""

    unique = (lambda row: (row.tenant_id, row.address),)

    async def matching(self, tenant_id: str, addresses: Sequence[str]) -> list[Suppression]:
        """The entries of those addresses, letter for letter, by address."""
        found = [row for row in self.rows if row.tenant_id == tenant_id and row.address in addresses]
        return sorted(found, key=lambda row: row.address)


class Reports(Table[Report]):
    """`core.ports.Reports`."""

    unique = (lambda row: (row.tenant_id, row.kind, row.domain, row.organization, row.report_id),)
