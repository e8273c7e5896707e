"""Conversations: which one a message belongs to, and reading them.

A message joins a conversation of its own mailbox only, and only by the rule of mail/references.py: a reference alone is
not enough where a stranger brings a subject of his own, and a subject alone never is (S26).
What a person has not released yet leaves no mark on its conversation, and one that holds nothing else is not there for agents.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace

from mailwright.core.accounts import owns, scope
from mailwright.core.errors import NotFound
from mailwright.core.messages import LOOK, kept_apart, withheld
from mailwright.core.model import Caller, Mailbox, Message, Thread
from mailwright.core.ports import Ports, Tx, place
from mailwright.mail.address import parse_address_list
from mailwright.mail.references import Arrival, MessageIds, choose_thread, conversation_subject
from mailwright.values import dataclass

MAX_PARTICIPANTS = 100  # kept per thread: enough to recognise a conversation, bounded for a mailing list
MAX_REMEMBERED = 20  # ids of one message that the index learns
MAX_MESSAGES = 200  # of one thread, shown at once
SHOWN = 200  # characters of a subject that a list shows


@dataclass(frozen=True, slots=True)
class Joining:
    """What a message brings along when it looks for its conversation. Addresses are bare and in lower case.

    `header_from` is "" where nothing proves it: such an author takes part in nothing.
    """

    ids: MessageIds
    header_from: str
    others: tuple[str, ...]
    subject: str
    preview: str
    at: int
    withheld: bool = False  # until a person releases it: see `reveal`


async def join(tx: Tx, ports: Ports, mailbox: Mailbox, new: Joining, thread_id: str | None = None) -> Thread:
    """The conversation that the message belongs to, brought up to date; `thread_id` where it is known already."""
    subject = conversation_subject(new.subject)
    known = list(dict.fromkeys(([new.ids.own] if new.ids.own else []) + list(new.ids.nearest_first)))[:MAX_REMEMBERED]
    if thread_id is None and new.ids.nearest_first:
        candidates = await tx.threads.candidates(mailbox.id, known)
        arrival = Arrival(new.ids, new.header_from, frozenset(new.others), subject, new.at / 1000)
        thread_id = choose_thread(candidates, arrival)
    thread = await tx.threads.get(mailbox.tenant_id, thread_id) if thread_id else None
    if thread is None:
        shown = not new.withheld
        thread = Thread(
            id=ports.ids.new("thr"),
            tenant_id=mailbox.tenant_id,
            mailbox_id=mailbox.id,
            subject=new.subject if shown else "",
            base_subject=subject.base,
            participants=_people((new.header_from, *new.others)) if shown else (),
            message_count=1 if shown else 0,
            preview=new.preview if shown else "",
            created_at=new.at,
            last_at=new.at,
        )
        await tx.threads.add(thread)
    elif not new.withheld:
        thread = _grown(thread, new)
        await tx.threads.put(thread)
    if known:
        await tx.threads.remember(mailbox.id, thread.id, known)
    return thread


async def reveal(tx: Tx, message: Message) -> None:
    """A message that was withheld is released: now it counts in its conversation."""
    thread = await tx.threads.get(message.tenant_id, message.thread_id)
    if thread is None:
        return
    ids = MessageIds(message.rfc_message_id, (), message.references)
    people = parse_address_list(", ".join((*message.to, *message.cc))).mailboxes
    others = tuple(f"{one.local_part}@{one.domain_ascii}".lower() for one in people)
    author = message.from_address if message.verified_domain else ""
    new = Joining(ids, author, others, message.subject[:SHOWN], message.preview, message.date)
    await tx.threads.put(_grown(thread, new))


def _grown(thread: Thread, new: Joining) -> Thread:
    return replace(
        thread,
        subject=thread.subject if thread.message_count else new.subject,
        participants=_people((*thread.participants, new.header_from, *new.others)),
        message_count=thread.message_count + 1,
        preview=new.preview if new.at >= thread.last_at else thread.preview,
        last_at=max(thread.last_at, new.at),
    )


def _people(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(a for a in addresses if a))[:MAX_PARTICIPANTS]


async def load(tx: Tx, caller: Caller, thread_id: str) -> Thread:
    """The thread, where the caller may know of its mailbox."""
    thread = await tx.threads.get(caller.tenant_id, thread_id)
    mailbox = await tx.mailboxes.get(caller.tenant_id, thread.mailbox_id) if thread else None
    foreign = caller.bound and (mailbox is None or not owns(caller, mailbox))
    if thread is None or foreign or _hidden(caller, thread):
        raise NotFound(f"There is no thread {thread_id[:40]}.")
    return thread


def _hidden(caller: Caller, thread: Thread) -> bool:
    return thread.message_count == 0 and kept_apart(caller)


async def get(ports: Ports, caller: Caller, thread_id: str) -> tuple[Thread, list[Message]]:
    """A thread with its messages, oldest first; messages that a person has not released are not there for an agent."""

    async def script(tx: Tx) -> tuple[Thread, list[Message]]:
        thread = await load(tx, caller, thread_id)
        found = await tx.messages.of_thread(caller.tenant_id, thread.id, MAX_MESSAGES)
        # What a rule hands on is no part of what is said here.
        return thread, [one for one in found if not withheld(caller, one) and one.forwarded_by is None]

    return await ports.store.browse(script)


async def page(ports: Ports, caller: Caller, mailbox_id: str | None, before_id: str | None, limit: int) -> list[Thread]:
    """Threads that the caller may see, the latest activity first."""
    narrow = await scope(ports, caller, mailbox_id)
    shown: list[Thread] = []
    look = limit
    while len(shown) < limit:  # what is hidden leaves gaps, which must not look like the end
        found = await ports.store.browse(functools.partial(_page, caller=caller, narrow=narrow, before=before_id, limit=look))
        shown += [thread for thread in found if not _hidden(caller, thread)]
        if len(found) < look:
            break
        before_id, look = place(found[-1].last_at, found[-1].id), min(2 * look, LOOK)
    return shown[:limit]


async def _page(tx: Tx, *, caller: Caller, narrow: str | None, before: str | None, limit: int) -> list[Thread]:
    return await tx.threads.page(caller.tenant_id, narrow, before, limit)
