"""The queue: deliveries, claimed and finished, and their attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mailwright.core.model import TERMINAL, Attempt, Delivery, MessageStatus
from mailwright.core.ports import Taken, Topic
from mailwright.store.database import Database, Found
from mailwright.store.rows import ATTEMPT, DELIVERY, Value, to_json, words_to_json
from mailwright.store.statements import load

_SQL = load("deliveries", DELIVERY.columns)
_ATTEMPTS = load("attempts", ATTEMPT.columns)

WINDOW = 1000  # rows at the head of the queue that a claim looks at
STEPS = 500  # domains that it looks at besides, where all of those are for busy ones


class Deliveries:
    """`core.ports.Queue`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        self._db = db
        self._beyond = ""  # the domain at which the last look past a long line ended

    async def add(self, rows: Sequence[Delivery]) -> None:
        """Insert; raises Taken."""
        for row in rows:
            if not await self._db.run(_SQL["add"], DELIVERY.encode(row)):
                raise Taken(f"deliveries: {row.id}")
        self._db.notes.topics.add(Topic.QUEUE)

    async def get(self, delivery_id: str) -> Delivery | None:
        """The delivery of that id, of any tenant."""
        row = await self._db.one(_SQL["get"], (delivery_id,))
        return None if row is None else DELIVERY.decode(row)

    async def of_message(self, tenant_id: str, message_id: str) -> list[Delivery]:
        """In the order in which they were added."""
        return [DELIVERY.decode(row) for row in await self._db.all(_SQL["of_message"], (tenant_id, message_id))]

    async def statuses(self, tenant_id: str, message_id: str) -> set[MessageStatus]:
        """Those that deliveries of the message have."""
        return {MessageStatus(row[0]) for row in await self._db.all(_SQL["statuses"], (tenant_id, message_id))}

    async def claim(
        self, now: int, lease_until: int, limit: int, busy_domains: Sequence[str], room: Callable[[str], int] | None = None
    ) -> list[Delivery]:
        """Take due deliveries, oldest due first."""
        busy = words_to_json(list(busy_domains))
        due = await self._db.all(_SQL["due"], (now, busy, max(WINDOW, limit), limit))
        if not due and busy_domains:
            due = await self._past_the_line(now, limit, frozenset(busy_domains))
        seqs = [seq for seq, domain in due] if room is None else _fitting(due, room)
        if not seqs:
            return []
        taken = {seq: row for seq, *row in await self._db.all(_SQL["claim"], (to_json(seqs), lease_until))}
        return [DELIVERY.decode(taken[seq]) for seq in seqs]

    async def _past_the_line(self, now: int, limit: int, busy: frozenset[str]) -> list[Found]:
        heads = await self._db.all(_SQL["due_elsewhere"], (now, self._beyond, STEPS))
        found = [(seq, domain) for domain, seq in heads if seq is not None and domain not in busy][:limit]
        if found:
            self._beyond = found[-1][1]
        else:
            self._beyond = heads[-1][0] if len(heads) == STEPS else ""
        return found

    async def finish(self, row: Delivery) -> bool:
        """Write a result; False where the fence moved on."""
        values = (row.tenant_id, row.id, *_result(row), row.fence)
        return await self._changed("finish", row, values)

    async def held(self, rows: Sequence[Delivery]) -> list[bool]:
        """Of each whether its fence stands where it did."""
        found = set(await self._db.all(_SQL["held"], (words_to_json([row.id for row in rows]),)))
        return [(row.tenant_id, row.id, row.fence) in found for row in rows]

    async def renew(self, row: Delivery, lease_until: int) -> bool:
        """Begin the lease anew; False where the fence moved on."""
        return bool(await self._db.run(_SQL["renew"], (row.tenant_id, row.id, lease_until, row.fence)))

    async def put(self, row: Delivery) -> None:
        """Write and raise the fence; raises KeyError where there is no such delivery."""
        if not await self._changed("put", row, (row.tenant_id, row.id, *_result(row), row.expires_at)):
            raise KeyError(row.id)

    async def _changed(self, name: str, row: Delivery, values: tuple[Value, ...]) -> bool:
        if row.status not in TERMINAL:  # what is over brings nobody anything to do
            self._db.notes.topics.add(Topic.QUEUE)
        return bool(await self._db.run(_SQL[name], values))

    async def next_due(self) -> int | None:
        """When the next delivery is due."""
        row = await self._db.one(_SQL["next_due"], ())
        return row[0] if row else None

    async def release(self, now: int) -> int:
        """Make every claimed delivery due now."""
        self._db.notes.topics.add(Topic.QUEUE)
        return await self._db.run(_SQL["release"], (now,))

    async def latest(self, now: int) -> int | None:
        """The last that happened to any that waits beyond `now`."""
        row = await self._db.one(_SQL["latest"], (now,))
        return row[0] if row else None

    async def catch_up(self, now: int) -> int:
        """Make due now what waits."""
        self._db.notes.topics.add(Topic.QUEUE)
        return await self._db.run(_SQL["catch_up"], (now,))

    async def hurry(self, tenant_id: str, mailbox_id: str, now: int) -> None:
        """Make due now what waits of a mailbox, also what was scheduled."""
        self._db.notes.topics.add(Topic.QUEUE)
        await self._db.run(_SQL["hurry"], (tenant_id, mailbox_id, now))

    async def start_attempts(self, rows: Sequence[Attempt]) -> None:
        """Note that tries begin."""
        await self._db.many(_ATTEMPTS["add"], [ATTEMPT.encode(row) for row in rows])

    async def finish_attempt(self, row: Attempt) -> None:
        """Note how a try ended; raises KeyError where it never began."""
        if not await self._db.run(_ATTEMPTS["put"], ATTEMPT.encode_change(row)):
            raise KeyError(row.id)

    async def open_attempt(self, delivery_id: str) -> Attempt | None:
        """The latest try without an outcome."""
        row = await self._db.one(_ATTEMPTS["open"], (delivery_id,))
        return None if row is None else ATTEMPT.decode(row)

    async def abandoned(self) -> list[Attempt]:
        """Tries without an outcome, whose deliveries were cancelled."""
        return [ATTEMPT.decode(row) for row in await self._db.all(_ATTEMPTS["abandoned"], ())]

    async def attempts(self, tenant_id: str, message_id: str) -> list[Attempt]:
        """In the order in which they began."""
        return [ATTEMPT.decode(row) for row in await self._db.all(_ATTEMPTS["of_message"], (tenant_id, message_id))]


def _result(row: Delivery) -> tuple[Value, ...]:
    return row.status, row.due_at, row.attempts, row.code, row.enhanced, row.text, row.mx, row.at


def _fitting(due: Sequence[Found], room: Callable[[str], int]) -> list[int]:
    """The numbers of those for which there is room."""
    taken: Counter[str] = Counter()
    seqs = []
    for seq, domain in due:
        if taken[domain] < room(domain):
            taken[domain] += 1
            seqs.append(seq)
    return seqs
