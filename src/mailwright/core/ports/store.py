"""The store: scripts in transactions over all tables, and the bytes of messages beside them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from mailwright.core.ports.accounts import Agents, Domains, Keys, Mailboxes, Tenants
from mailwright.core.ports.log import Audit, Events, Idempotency, Nonces, Reports, Suppressions, Webhooks
from mailwright.core.ports.mail import Approvals, Messages, Queue, Threads
from mailwright.mail.header import Raw

T = TypeVar("T")


class Spool(Protocol):
    """A message while it comes in: in memory while it is small, in a file once it is not."""

    size: int

    @property
    def path(self) -> str | None:
        """Its file, while it is in one and is not settled."""

    def write(self, chunk: bytes) -> None:
        """Append. Raises OSError when the disk is full."""

    def raw(self) -> Raw:
        """All of it so far: bytes, or an mmap of the file. Valid until `discard`, or until it is settled."""

    def discard(self) -> None:
        """Forget it; safe to call twice and after it was settled."""


class Blobs(Protocol):
    """Message bytes outside the transaction."""

    def spool(self) -> Spool:
        """A new empty spool."""

    def adopt(self, name: str) -> Spool:
        """A spool that another process of ours filled: the file of that name in the spools' folder. Raises OSError."""

    async def settle(self, spool: Spool, blob_id: str) -> None:
        """Make it durable under that id, ready for `Tx.blobs.add`. Small ones wait for the transaction itself."""

    async def unsettle(self, blob_id: str) -> None:
        """Take away what was settled under that id and got no row. Never raises: `Store.sweep` finds what is left."""

    async def open(self, blob_id: str) -> Raw:
        """The bytes of a stored blob; raises KeyError if there is none."""


class BlobRows(Protocol):
    """The rows that make blobs exist: blob first, then row; row deleted first, then blob."""

    async def add(self, blob_id: str, spool: Spool | bytes) -> None: ...
    async def read(self, blob_id: str) -> bytes | None:
        """The bytes of a small one; None for one that is a file, or is not there."""

    async def remove(self, blob_id: str) -> None: ...


class Tx(Protocol):
    """One transaction."""

    tenants: Tenants
    keys: Keys
    domains: Domains
    agents: Agents
    mailboxes: Mailboxes
    messages: Messages
    threads: Threads
    queue: Queue
    approvals: Approvals
    events: Events
    webhooks: Webhooks
    suppressions: Suppressions
    reports: Reports
    audit: Audit
    idempotency: Idempotency
    nonces: Nonces
    blobs: BlobRows


Script = Callable[[Tx], Awaitable[T]]


class Topic:
    """What a waiter can wait for: changed by any commit that appends events, or adds or alters deliveries."""

    EVENTS = "events"
    QUEUE = "queue"
    WEBHOOKS = "webhooks"


class Store(Protocol):
    """Where it is kept."""

    @property
    def blobs(self) -> Blobs:
        """Message bytes outside the transaction."""

    async def write(self, script: Script[T]) -> T:
        """Run the script in one transaction; durable when this returns (I1). Raises StorageBusy when that can't be."""

    async def read(self, script: Script[T]) -> T:
        """Run a reading script on committed data. For few rows found by index: it may run on the event loop."""

    async def browse(self, script: Script[T]) -> T:
        """As `read`, for lists and searches: runs beside the event loop."""

    async def sweep(self) -> int:
        """Delete what was settled long ago and never got a row; how many. After a start, and daily."""

    async def clear_spools(self) -> int:
        """Delete what a process was receiving that died; how many. Now and then."""

    def version(self, topic: str) -> int:
        """How often that topic changed so far; take it before reading, then `wait` for more."""

    async def wait(self, topic: str, seen: int, timeout: float) -> None:
        """Return when the version exceeds `seen`, or after `timeout` seconds."""
