"""Mailboxes: addresses with their mail, and how much a person stands between an agent and them.

New mailboxes start `gated_send`. Tightening the oversight takes effect at once; loosening it is an operator's, and releases
nothing that was held before.
Not here: messages (messages.py), threads (threads.py), the oversight modes' meaning (policy.py).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from mailwright.core import agents, audit, choosing
from mailwright.core.accounts import mailbox_of
from mailwright.core.errors import AlreadyExists, InvalidInput, MissingPermission
from mailwright.core.events import EventType, publish
from mailwright.core.model import Agent, Caller, Mailbox, OversightMode, Permission
from mailwright.core.ports import Ports, Taken, Tx
from mailwright.mail.address import InvalidAddress, parse_mailbox


@dataclass(frozen=True, slots=True)
class NewMailbox:
    """What a new mailbox shall be. `agent_id` None makes an agent named after the local part.

    The address, or its two parts; what is None of these is chosen (choosing.py).
    """

    address: str | None = None
    display_name: str = ""
    agent_id: str | None = None
    oversight_mode: OversightMode = OversightMode.GATED_SEND
    overseer: str | None = None
    at_most_once: bool = False
    client_id: str | None = None
    username: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class MailboxChange:
    """What shall be different; None leaves a value as it is."""

    display_name: str | None = None
    oversight_mode: OversightMode | None = None
    overseer: str | None = None
    at_most_once: bool | None = None


async def create(tx: Tx, ports: Ports, caller: Caller, wanted: NewMailbox) -> Mailbox:
    """Make a mailbox on one of the tenant's domains; with a client_id seen before, the one that it made then."""
    if wanted.client_id and (known := await tx.mailboxes.by_client_id(caller.tenant_id, wanted.client_id)):
        return known
    address = _own_form("address", wanted.address or await choosing.address(tx, ports, caller, wanted.username, wanted.domain))
    domain = await tx.domains.named(caller.tenant_id, address.rpartition("@")[2])
    if domain is None:
        raise InvalidInput.at("address", f"add the domain {address.rpartition('@')[2]} first: POST /v1/domains")
    _check_overseer(wanted.oversight_mode, wanted.overseer)
    agent = await _agent_for(tx, ports, caller, wanted, address)
    now = ports.clock.now()
    mailbox = Mailbox(
        id=ports.ids.new("mbx"),
        tenant_id=caller.tenant_id,
        domain_id=domain.id,
        agent_id=agent.id,
        address=address,
        display_name=_one_line("display_name", wanted.display_name),
        oversight_mode=wanted.oversight_mode,
        status=agent.status,  # a paused agent does not send by way of a new mailbox
        uid_validity=now // 1000,
        uid_next=1,
        modseq=1,
        created_at=now,
        overseer=_own_form("overseer", wanted.overseer) if wanted.overseer else None,
        at_most_once=wanted.at_most_once,
        client_id=wanted.client_id,
    )
    try:
        await tx.mailboxes.add(mailbox)
    except Taken:
        raise AlreadyExists(f"There is a mailbox {address} already.") from None
    data = {"mailbox_id": mailbox.id, "address": address, "oversight_mode": mailbox.oversight_mode.value}
    await publish(tx, ports, EventType.MAILBOX_CREATED, tenant_id=caller.tenant_id, mailbox_id=mailbox.id, data=data)
    await audit.record(tx, ports, caller, "mailbox.created", mailbox.id, {"mode": mailbox.oversight_mode.value})
    return mailbox


async def _agent_for(tx: Tx, ports: Ports, caller: Caller, wanted: NewMailbox, address: str) -> Agent:
    if wanted.agent_id is not None:
        return await agents.load(tx, caller, wanted.agent_id)
    local = address.rpartition("@")[0]
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in local).strip("._-")[:48] or "agent"
    try:
        return await agents.create(tx, ports, caller, agents.NewAgent(name))
    except AlreadyExists:
        suffix = ports.ids.new("x")[-8:]
        return await agents.create(tx, ports, caller, agents.NewAgent(f"{name}-{suffix}"))


def _own_form(path: str, text: str) -> str:
    try:
        parsed = parse_mailbox(text)
    except InvalidAddress as wrong:
        raise InvalidInput.at(path, str(wrong)) from None
    return f"{own_local_part(parsed.local_part)}@{parsed.domain_ascii}"


def own_local_part(text: str) -> str:
    """The one form in which a local part of ours is kept and looked for, however it was typed."""
    # RFC 6532 §3.1: NFC is what is to be written; some systems write é as two characters all the same (NFD).
    return unicodedata.normalize("NFC", text.lower())


def _one_line(path: str, text: str) -> str:
    if any(ord(c) < 32 or ord(c) == 127 for c in text) or len(text) > 200:
        raise InvalidInput.at(path, "at most 200 characters, no line breaks or control characters")
    return text.strip()


def _check_overseer(mode: OversightMode, overseer: str | None) -> None:
    if mode is OversightMode.MONITORED and not overseer:
        raise InvalidInput.at("overseer", "a monitored mailbox needs the address of the person who gets the copies")


async def get(ports: Ports, caller: Caller, mailbox_id: str) -> Mailbox:
    """The mailbox, by id."""
    return await ports.store.read(lambda tx: mailbox_of(tx, caller, mailbox_id))


async def page(ports: Ports, caller: Caller, after: str | None, limit: int) -> list[Mailbox]:
    """The mailboxes that the caller may see."""
    if caller.mailbox_id is not None:
        return [] if after else [await get(ports, caller, caller.mailbox_id)]
    agent_id = caller.agent_id
    if agent_id is not None:
        own = await ports.store.read(lambda tx: tx.mailboxes.of_agent(caller.tenant_id, agent_id))
        return [m for m in sorted(own, key=lambda m: m.id) if after is None or m.id > after][:limit]
    return await ports.store.browse(lambda tx: tx.mailboxes.page(caller.tenant_id, after, limit))


async def change(tx: Tx, ports: Ports, caller: Caller, mailbox_id: str, wanted: MailboxChange) -> Mailbox:
    """Change a mailbox. Anyone who may read it may tighten its oversight; all else needs `mailboxes:manage`."""
    mailbox = await mailbox_of(tx, caller, mailbox_id)
    mode = wanted.oversight_mode or mailbox.oversight_mode
    loosens = mode.autonomy > mailbox.oversight_mode.autonomy
    other = (wanted.display_name, wanted.overseer, wanted.at_most_once) != (None, None, None)
    if (loosens or other) and Permission.MAILBOXES_MANAGE not in caller.permissions:
        raise MissingPermission(
            "This key may only tighten the oversight of its mailbox.",
            details={"permission": Permission.MAILBOXES_MANAGE.value},
        )
    changed = replace(
        mailbox,
        oversight_mode=mode,
        display_name=mailbox.display_name if wanted.display_name is None else _one_line("display_name", wanted.display_name),
        overseer=_own_form("overseer", wanted.overseer) if wanted.overseer else mailbox.overseer,
        at_most_once=mailbox.at_most_once if wanted.at_most_once is None else wanted.at_most_once,
    )
    _check_overseer(changed.oversight_mode, changed.overseer)
    await tx.mailboxes.put(changed)
    await audit.record(tx, ports, caller, "mailbox.changed", mailbox.id, {"mode": mode.value})
    return changed


async def remove(tx: Tx, ports: Ports, caller: Caller, mailbox_id: str) -> None:
    """Take an address away. Its messages stay readable for auditors; mail to it is refused from now on.

    What waits of it ends at once, and is told as any end: whoever claims a delivery finds no mailbox, and questions expire.
    """
    mailbox, now = await mailbox_of(tx, caller, mailbox_id), ports.clock.now()
    await tx.mailboxes.remove(caller.tenant_id, mailbox.id)
    await tx.queue.hurry(caller.tenant_id, mailbox.id, now)
    await tx.approvals.lapse(caller.tenant_id, mailbox.id, now)
    await audit.record(tx, ports, caller, "mailbox.removed", mailbox.id, of=mailbox)
