"""Messages, with the two ways of finding them that are no columns: labels and words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mailwright.core.model import Message, MessageStatus
from mailwright.core.ports import MessageFilter, Taken
from mailwright.store.database import Database
from mailwright.store.rows import MESSAGE, matches, message_words, words_from_json, words_of, words_to_json
from mailwright.store.statements import load
from mailwright.store.tables.base import ENDLESS, Rows, placed

_SQL = load("messages", MESSAGE.columns)
_PLAIN = re.compile("[a-z0-9_]{1,80}")

MAX_SEARCHED = 30  # words of one search; more would not narrow it any further


class Messages(Rows[Message]):
    """`core.ports.Messages`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, MESSAGE, _SQL)

    async def add(self, row: Message) -> None:
        """Insert; raises Taken."""
        seq = await self._db.insert(_SQL["add"], MESSAGE.encode(row))
        if seq is None:
            raise Taken(f"messages: {row.id}")
        if row.labels:
            await self._db.many(_SQL["label"], [(row.tenant_id, one, row.created_at, seq) for one in dict.fromkeys(row.labels)])
        self._db.notes.words[seq] = _words(row)

    async def put(self, row: Message) -> None:
        """Replace; raises KeyError."""
        found = await self._db.one(_SQL["now"], (row.tenant_id, row.id))
        if found is None:
            raise KeyError(row.id)
        seq, mailbox_id, thread_id, created_at, labels, *text = found
        await self._db.run(_SQL["put"], MESSAGE.encode_change(row))
        place = (row.mailbox_id, row.thread_id, row.created_at)
        if (mailbox_id, thread_id, created_at) != place:
            await self._db.run(_SQL["move"], (row.tenant_id, row.id, *place))
        await self._relabel(row, seq, created_at, words_from_json(labels))
        subject, header_from, to, cc, preview = text
        new = (row.subject, row.header_from, row.to, row.cc, row.preview)
        if mailbox_id != row.mailbox_id or (subject, header_from, words_from_json(to), words_from_json(cc), preview) != new:
            self._db.notes.rewritten[seq] = _words(row)

    async def several(self, tenant_id: str, ids: Sequence[str]) -> list[Message]:
        """Those of the tenant."""
        return await self._all("several", tenant_id, words_to_json(list(ids)))

    async def show(self, tenant_id: str, id: str, status: MessageStatus) -> None:
        """Change the state alone."""
        await self._db.run(_SQL["show"], (tenant_id, id, status))

    async def _relabel(self, row: Message, seq: int, created_at: int, before: tuple[str, ...]) -> None:
        if before == row.labels and created_at == row.created_at:
            return
        await self._db.many(_SQL["unlabel"], [(row.tenant_id, one, created_at, seq) for one in before])
        await self._db.many(_SQL["label"], [(row.tenant_id, one, row.created_at, seq) for one in dict.fromkeys(row.labels)])

    async def remove(self, tenant_id: str, id: str) -> bool:
        """Whether there was such a message. Its blob is removed by itself."""
        found = await self._db.one(_SQL["now"], (tenant_id, id))
        if found is None:
            return False
        seq, created_at, labels = found[0], found[3], found[4]
        await self._db.many(_SQL["unlabel"], [(tenant_id, one, created_at, seq) for one in words_from_json(labels)])
        await self._db.run(_SQL["remove"], (tenant_id, id))
        self._db.notes.rewritten[seq] = None
        return True

    async def index(self, forget: Iterable[int], add: Mapping[int, Sequence[str]]) -> None:
        """Change by which words messages are found, by seq."""
        await self._db.many(_SQL["forget"], [(seq,) for seq in forget])
        await self._db.many(_SQL["index"], [(seq, " ".join(words)) for seq, words in add.items()])

    async def unindexed(self) -> dict[int, Sequence[str]]:
        """The words of messages beyond the end of the index, by seq."""
        rows = await self._db.all(_SQL["unindexed"], ())
        return {seq: _words(MESSAGE.decode(row)) for seq, *row in rows}

    async def forwarded_since(self, tenant_id: str, mailbox_id: str, after: int) -> int:
        """How many messages the mailbox has forwarded since then."""
        row = await self._db.one(_SQL["forwarded_since"], (tenant_id, mailbox_id, after))
        return int(row[0]) if row else 0

    async def of_thread(self, tenant_id: str, thread_id: str, limit: int) -> list[Message]:
        """Oldest first."""
        return await self._all("of_thread", tenant_id, thread_id, limit)

    async def page(self, tenant_id: str, narrow: MessageFilter, before_id: str | None, limit: int) -> list[Message]:
        """Newest first, from after that place on."""
        at, seq = await placed(self._db, _SQL["place"], tenant_id, before_id)
        until = ENDLESS if narrow.before is None else narrow.before
        since = -ENDLESS if narrow.after is None else narrow.after
        rest = (tenant_id, min(at, until), seq, until, since, narrow.direction, narrow.status, limit)
        if narrow.text is not None and (words := words_of(narrow.text)[:MAX_SEARCHED]):
            beside = (narrow.label, narrow.thread_id, narrow.mailbox_id, *rest)
            new = [row for row in await self._all("page_of_unindexed", *beside[:-1]) if matches(words, message_words(row))]
            scope = narrow.mailbox_id or tenant_id
            match = self._db.searched(scope if _PLAIN.fullmatch(scope) else tenant_id, words)
            return new[:limit] if len(new) >= limit else new + await self._all("search", match, *beside[:-1], limit - len(new))
        if narrow.label is not None:
            return await self._all("page_of_label", narrow.label, narrow.thread_id, narrow.mailbox_id, *rest)
        if narrow.thread_id is not None:
            return await self._all("page_of_thread", narrow.thread_id, narrow.mailbox_id, *rest)
        if narrow.mailbox_id is not None:
            return await self._all("page_of_mailbox", narrow.mailbox_id, *rest)
        return await self._all("page", *rest)


def _words(row: Message) -> list[str]:
    # The ids are words too: they keep a search inside its tenant or mailbox.
    return [row.tenant_id, row.mailbox_id, *message_words(row)]
