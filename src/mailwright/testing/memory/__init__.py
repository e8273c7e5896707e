"""A store in memory, with the manners of a real one: for tests that are about something else.

Same contract, same test suite (`tests/store`). Nothing is durable, a write is undone as a whole when its script raises, and a
script that waits for anything but its transaction is refused. `refusing` makes it behave as a full disk does.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

from mailwright.core import ports
from mailwright.core.errors import StorageBusy
from mailwright.core.ports import Script, Spool
from mailwright.mail.header import Raw
from mailwright.store.database import drive
from mailwright.store.topics import Topics
from mailwright.testing.memory.accounts import Agents, Domains, Keys, Mailboxes, Tenants
from mailwright.testing.memory.journal import Journal
from mailwright.testing.memory.log import Audit, Events, Idempotency, Nonces
from mailwright.testing.memory.mail import Approvals, BlobRows, Messages, Reports, Suppressions, Threads
from mailwright.testing.memory.queues import Queue, Webhooks

T = TypeVar("T")


class MemoryTx:
    """`core.ports.Tx`."""

    def __init__(self, journal: Journal) -> None:
        """Empty tables, all of which write to one journal."""
        self.journal = journal
        self.tenants: ports.Tenants = Tenants(journal)
        self.keys: ports.Keys = Keys(journal)
        domains = Domains(journal)
        self.domains: ports.Domains = domains
        self.agents: ports.Agents = Agents(journal)
        self.mailboxes: ports.Mailboxes = Mailboxes(journal, domains)
        self.messages: ports.Messages = Messages(journal)
        self.threads: ports.Threads = Threads(journal)
        self.queue: ports.Queue = Queue(journal)
        self.approvals: ports.Approvals = Approvals(journal)
        events = Events(journal)
        self.events: ports.Events = events
        self.webhooks: ports.Webhooks = Webhooks(journal, events)
        self.suppressions: ports.Suppressions = Suppressions(journal)
        self.reports: ports.Reports = Reports(journal)
        self.audit: ports.Audit = Audit(journal)
        self.idempotency: ports.Idempotency = Idempotency(journal)
        self.nonces: ports.Nonces = Nonces(journal)
        self.blob_rows = BlobRows(journal)
        self.blobs: ports.BlobRows = self.blob_rows


class MemorySpool:
    """`core.ports.Spool`."""

    path = None

    def __init__(self) -> None:
        """Empty."""
        self.size = 0
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._chunks.append(bytes(chunk))
        self.size += len(chunk)

    def raw(self) -> Raw:
        """All of it so far."""
        return b"".join(self._chunks)

    def discard(self) -> None:
        """Forget it."""
        self._chunks = []


class MemoryBlobs:
    """`core.ports.Blobs`."""

    def __init__(self, rows: BlobRows) -> None:
        """What is in these rows is all there is."""
        self._rows = rows

    def spool(self) -> Spool:
        """A new empty spool."""
        return MemorySpool()

    def adopt(self, name: str) -> Spool:
        """There are no files, so nobody else can have filled one."""
        raise FileNotFoundError(name)

    async def settle(self, spool: Spool, blob_id: str) -> None:
        """Nothing has to be done."""

    async def unsettle(self, blob_id: str) -> None:
        """What has no row is nowhere."""

    async def open(self, blob_id: str) -> Raw:
        """The bytes; raises KeyError."""
        return self._rows.content[blob_id]


class MemoryStore:
    """`core.ports.Store`."""

    def __init__(self) -> None:
        """Empty."""
        self._tx = MemoryTx(Journal())
        self._topics = Topics()
        self.refusing = False
        self.blobs = MemoryBlobs(self._tx.blob_rows)

    async def write(self, script: Script[T]) -> T:
        """Run the script; all of it or nothing is kept."""
        await asyncio.sleep(0)  # others get their turn, as they would with a disk
        if self.refusing:
            raise StorageBusy(details={"reason": "full"})
        journal = self._tx.journal
        journal.begin(writing=True)
        try:
            result = drive(script, self._tx)
        except BaseException:
            journal.undo()
            raise
        finally:
            journal.end()
        self._topics.bump(journal.topics)
        return result

    async def read(self, script: Script[T]) -> T:
        """Run a script that writes nothing."""
        journal = self._tx.journal
        journal.begin(writing=False)
        try:
            return drive(script, self._tx)
        finally:
            journal.end()

    async def browse(self, script: Script[T]) -> T:
        """As `read`."""
        await asyncio.sleep(0)
        return await self.read(script)

    async def sweep(self) -> int:
        """What has no row is nowhere."""
        return 0

    async def clear_spools(self) -> int:
        """Spools are in memory."""
        return 0

    def version(self, topic: str) -> int:
        """How often that topic changed so far."""
        return self._topics.version(topic)

    async def wait(self, topic: str, seen: int, timeout: float) -> None:
        """Return when the version exceeds `seen`, or after `timeout` seconds."""
        await self._topics.wait(topic, seen, timeout)

    async def close(self) -> None:
        """Nothing is left behind."""
