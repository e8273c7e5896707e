"""Messages in a mailbox: reading them, their parts, their labels.

What an agent may not see yet (mail that waits for a person in a `gated_all` mailbox) does not exist for it.
Not here: how they come in (receiving.py) and go out (sending.py), what happened to them (timeline.py).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailwright.core import audit
from mailwright.core.accounts import mailbox_of, owns, scope
from mailwright.core.errors import InvalidInput, NotFound
from mailwright.core.model import Caller, Delivery, Direction, Message, MessageStatus, Permission
from mailwright.core.ports import MessageFilter, Ports, Tx
from mailwright.mail import mime
from mailwright.mail.header import Header, Raw, parse_header
from mailwright.mailauth import authres

MAX_TEXT = 1024 * 1024  # characters of text or HTML given out in one message
MAX_LABELS = 50
LOOK = 1000  # rows that are looked at once at most, where many are withheld: anybody may write to a mailbox
ASIDE = 256 * 1024  # bytes: a longer message is taken apart where it holds up nobody (S12)


@dataclass(frozen=True, slots=True)
class Content:
    """A message with what was read out of its bytes. All of it is untrusted: somebody else wrote it.

    The header of an incoming one is without fields that claim to be this server's verdict (S9).
    """

    message: Message
    header: Header
    root: mime.Part
    raw: Raw
    deliveries: tuple[Delivery, ...]


async def load(tx: Tx, caller: Caller, message_id: str) -> Message:
    """The message, where the caller may know of it."""
    message = await tx.messages.get(caller.tenant_id, message_id)
    if message is not None and caller.bound:
        mailbox = await tx.mailboxes.get(caller.tenant_id, message.mailbox_id)
        if mailbox is None or not owns(caller, mailbox) or withheld(caller, message):
            message = None
    if message is None:
        raise NotFound(f"There is no message {message_id[:40]}.")
    return message


def withheld(caller: Caller, message: Message) -> bool:
    """Whether the message was not released by a person whom this caller is not: it waits, was refused, or ran out of time."""
    unreleased = (MessageStatus.HELD, MessageStatus.REJECTED, MessageStatus.EXPIRED)
    waiting = message.direction is Direction.INBOUND and message.status in unreleased
    return waiting and kept_apart(caller)


def kept_apart(caller: Caller) -> bool:
    """Whether the caller reads for an agent: a key of some mailboxes that does not decide what they get to see."""
    return caller.bound and Permission.APPROVALS_DECIDE not in caller.permissions


async def get(ports: Ports, caller: Caller, message_id: str) -> Message:
    """The facts about a message."""
    return await ports.store.read(lambda tx: load(tx, caller, message_id))


async def content(ports: Ports, caller: Caller, message_id: str) -> Content:
    """The message with its header, part tree and bytes."""

    async def script(tx: Tx) -> tuple[Message, list[Delivery]]:
        message = await load(tx, caller, message_id)
        return message, await tx.queue.of_message(caller.tenant_id, message.id)

    message, deliveries = await ports.store.read(script)
    raw = await ports.store.blobs.open(message.blob_id)

    def read() -> Content:
        header = parse_header(raw)
        root = mime.parse(raw, header)
        if message.foreign and (forged := authres.strip(header, ports.settings.hostname)):
            shown = replace(header, fields=tuple(one for place, one in enumerate(header.fields) if place not in forged))
            return Content(message, shown, root, raw, tuple(deliveries))
        return Content(message, header, root, raw, tuple(deliveries))

    return await ports.cpu.run(read) if len(raw) > ASIDE else read()


async def whole(ports: Ports, caller: Caller, message_id: str) -> tuple[Message, Raw]:
    """The message and its bytes: those that came, but for fields that claim to be this server's verdict (S9)."""
    message = await get(ports, caller, message_id)
    raw = await ports.store.blobs.open(message.blob_id)
    if message.foreign:
        raw = authres.without_claims(raw, parse_header(raw), ports.settings.hostname)
    return message, raw


async def page(ports: Ports, caller: Caller, narrow: MessageFilter, before_id: str | None, limit: int) -> list[Message]:
    """Messages that the caller may see, newest first."""
    narrow = replace(narrow, mailbox_id=await scope(ports, caller, narrow.mailbox_id))
    shown: list[Message] = []
    look = limit
    while len(shown) < limit:  # what is withheld leaves gaps, which must not look like the end
        page = functools.partial(_page, caller=caller, narrow=narrow, before_id=before_id, limit=look)
        found = await ports.store.browse(page)
        shown += [message for message in found if not withheld(caller, message)]
        if len(found) < look:
            break
        before_id, look = found[-1].id, min(2 * look, LOOK)
    return shown[:limit]


async def _page(tx: Tx, *, caller: Caller, narrow: MessageFilter, before_id: str | None, limit: int) -> list[Message]:
    return await tx.messages.page(caller.tenant_id, narrow, before_id, limit)


async def label(tx: Tx, ports: Ports, caller: Caller, message_id: str, add: Sequence[str], remove: Sequence[str]) -> Message:
    """Put labels on a message and take others off."""
    message = await load(tx, caller, message_id)
    await mailbox_of(tx, caller, message.mailbox_id)  # what a removed mailbox left behind can only be read
    gone = set(remove)
    labels = tuple(dict.fromkeys([one for one in message.labels if one not in gone] + checked_labels(add)))
    if len(labels) > MAX_LABELS:
        raise InvalidInput.at("add_labels", f"a message has at most {MAX_LABELS} labels")
    _, modseq = await tx.mailboxes.advance(message.mailbox_id, 0)
    changed = replace(message, labels=labels, modseq=modseq)
    await tx.messages.put(changed)
    await audit.record(tx, ports, caller, "message.labelled", message.id)
    return changed


def checked_labels(labels: Sequence[str]) -> list[str]:
    """The labels, if each is 1 to 64 printable characters; raises InvalidInput."""
    for index, one in enumerate(labels):
        if not 0 < len(one) <= 64 or not one.isprintable():
            raise InvalidInput.at(f"labels[{index}]", "1 to 64 printable characters")
    return list(labels)
