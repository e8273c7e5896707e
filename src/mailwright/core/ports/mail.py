"""What was written and where it is to go: messages, threads, the queue, what a person is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailwright.core.model import Approval, ApprovalStatus, Attempt, Delivery, Message, MessageStatus, Thread
from mailwright.core.ports.table import Table
from mailwright.mail.references import Candidate


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages to list, newest first; `None` does not narrow. `after` and `before` are times, themselves left out."""

    mailbox_id: str | None = None
    thread_id: str | None = None
    direction: str | None = None
    status: str | None = None
    label: str | None = None
    text: str | None = None  # words of subject, addresses or preview: all of them, those of 3 and more letters as beginnings
    after: int | None = None
    before: int | None = None


class Messages(Table[Message], Protocol):
    async def page(self, tenant_id: str, narrow: MessageFilter, before_id: str | None, limit: int) -> list[Message]: ...
    async def forwarded_since(self, tenant_id: str, mailbox_id: str, after: int) -> int:
        """How many messages of the mailbox went on by its rules after that time."""

    async def of_thread(self, tenant_id: str, thread_id: str, limit: int) -> list[Message]:
        """Oldest first."""

    async def several(self, tenant_id: str, ids: Sequence[str]) -> list[Message]:
        """Those of the tenant, in any order."""

    async def show(self, tenant_id: str, id: str, status: MessageStatus) -> None:
        """Change the state alone; nothing happens where there is no such message."""


class Threads(Table[Thread], Protocol):
    async def candidates(self, mailbox_id: str, rfc_ids: Sequence[str]) -> list[Candidate]:
        """Threads of that mailbox that know one of these Message-IDs (own or referenced)."""

    async def remember(self, mailbox_id: str, thread_id: str, rfc_ids: Sequence[str]) -> None:
        """These Message-IDs belong to that thread from now on; one known already stays where it is."""

    async def page(self, tenant_id: str, mailbox_id: str | None, before_id: str | None, limit: int) -> list[Thread]:
        """Latest activity first."""


class Queue(Protocol):
    """Deliveries and their attempts."""

    async def add(self, rows: Sequence[Delivery]) -> None: ...
    async def get(self, delivery_id: str) -> Delivery | None: ...
    async def of_message(self, tenant_id: str, message_id: str) -> list[Delivery]: ...
    async def statuses(self, tenant_id: str, message_id: str) -> set[MessageStatus]:
        """Those that deliveries of the message have."""

    async def claim(
        self, now: int, lease_until: int, limit: int, busy_domains: Sequence[str], room: Callable[[str], int] | None = None
    ) -> list[Delivery]:
        """Take due deliveries (oldest due first), none for `busy_domains`: due_at := lease_until, fence and attempts + 1.

        Of the `limit` that it looks at it takes `room(domain)` for one domain at most.
        Due are those that are queued, deferred or scheduled; what has any other status has no way out of here (I5).
        """

    async def finish(self, row: Delivery) -> bool:
        """Write status, due_at and the last reply, unless the fence moved on: then False, and nothing is written."""

    async def held(self, rows: Sequence[Delivery]) -> list[bool]:
        """Of each claimed row whether it still is whose it was: the fence did not move on."""

    async def renew(self, row: Delivery, lease_until: int) -> bool:
        """Begin the lease of a claimed row anew; False, and nothing is written, where the fence moved on."""

    async def put(self, row: Delivery) -> None:
        """Write regardless of the fence and raise it: a person's cancel, or a bounce that came back."""

    async def next_due(self) -> int | None:
        """When the next delivery is due."""

    async def release(self, now: int) -> int:
        """Make every claimed delivery due now: for the only owner of the store, when it starts. How many."""

    async def latest(self, now: int) -> int | None:
        """The last that happened, by the clock of that time, to any delivery that waits beyond `now`; None: none waits.

        Beyond `now` itself, the clock was set back since.
        """

    async def catch_up(self, now: int) -> int:
        """Make due now what waits, but for what is claimed or scheduled: the clock was set back. How many."""

    async def hurry(self, tenant_id: str, mailbox_id: str, now: int) -> None:
        """Make due now what waits of a mailbox, scheduled or not, but for what is claimed."""

    async def start_attempts(self, rows: Sequence[Attempt]) -> None: ...
    async def finish_attempt(self, row: Attempt) -> None: ...
    async def open_attempt(self, delivery_id: str) -> Attempt | None:
        """An attempt that has no outcome: its worker died."""

    async def abandoned(self) -> list[Attempt]:
        """Attempts, of any tenant, that have no outcome though their deliveries were cancelled."""

    async def attempts(self, tenant_id: str, message_id: str) -> list[Attempt]: ...


class Approvals(Table[Approval], Protocol):
    async def page(
        self, tenant_id: str, status: ApprovalStatus | None, mailbox_id: str | None, after: str | None, limit: int
    ) -> list[Approval]:
        """Oldest first, from after the approval of that id on."""

    async def overdue(self, now: int, limit: int) -> list[Approval]:
        """Pending ones of all tenants that expired, the longest over first."""

    async def lapse(self, tenant_id: str, mailbox_id: str, now: int) -> None:
        """Let the pending ones of a mailbox expire now."""
