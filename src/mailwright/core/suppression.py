"""Who we must not write to: addresses that bounced for good, complained or unsubscribed, or that a person listed.

The list is the tenant's: it tells whom its mailboxes wrote to. A key of some mailboxes learns of one address at a time, which
it would by writing there, and of the mail that led to it only where that is its own (S26).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailwright.core import audit
from mailwright.core.accounts import owns
from mailwright.core.errors import InvalidInput, NotFound
from mailwright.core.events import EventType, publish
from mailwright.core.model import Caller, Suppression
from mailwright.core.ports import Ports, Tx
from mailwright.mail.address import Address, InvalidAddress, parse_mailbox

EVERY_LABEL = "+*"  # an entry `name+*@domain` stands for `name+label@domain`, whatever the label


def normal(address: str) -> str:
    """The form by which addresses are compared here: all lower case, since receivers that care for case are a myth."""
    return address.strip().lower()


async def add(
    tx: Tx, ports: Ports, caller: Caller, address: str, reason: str, *, detail: str | None = None, message_id: str | None = None
) -> Suppression:
    """Put an address on the tenant's list; one that is there already stays as it is."""
    wanted = _in_envelope(address)
    known = await tx.suppressions.matching(caller.tenant_id, [wanted])
    if known:
        return known[0]
    entry = Suppression(ports.ids.new("sup"), caller.tenant_id, wanted, reason, ports.clock.now(), detail, message_id)
    await tx.suppressions.add(entry)
    data = {"suppression_id": entry.id, "address": wanted, "reason": reason, "message_id": message_id}
    await publish(tx, ports, EventType.SUPPRESSION_ADDED, tenant_id=caller.tenant_id, mailbox_id=None, data=data)
    await audit.record(tx, ports, caller, "suppression.added", entry.id, {"reason": reason})
    return entry


def _in_envelope(address: str) -> str:
    try:
        parsed = parse_mailbox(address)
    except InvalidAddress as wrong:
        raise InvalidInput.at("address", str(wrong)) from None
    return normal(Address("", parsed.local_part, parsed.domain_ascii).addr_spec)


async def remove(tx: Tx, ports: Ports, caller: Caller, suppression_id: str) -> None:
    """Take an entry off the list."""
    entry = await tx.suppressions.get(caller.tenant_id, suppression_id)
    if entry is None or not await tx.suppressions.remove(caller.tenant_id, suppression_id):
        raise NotFound(f"There is no suppression {suppression_id[:40]}.")
    data = {"suppression_id": entry.id, "address": entry.address}
    await publish(tx, ports, EventType.SUPPRESSION_REMOVED, tenant_id=caller.tenant_id, mailbox_id=None, data=data)
    await audit.record(tx, ports, caller, "suppression.removed", entry.id)


async def suppressed(tx: Tx, tenant_id: str, addresses: Sequence[str]) -> dict[str, Suppression]:
    """Those of the addresses (as given) that must not be written to, each with its entry."""
    listed_as = {address: _listed_as(normal(address)) for address in addresses}
    found = await tx.suppressions.matching(tenant_id, list({form for forms in listed_as.values() for form in forms}))
    entries = {entry.address: entry for entry in found}
    return {address: entries[form] for address, forms in listed_as.items() for form in forms[::-1] if form in entries}


def _listed_as(address: str) -> tuple[str, ...]:
    """The forms in which an entry may name the address, its own first."""
    local, _, domain = address.rpartition("@")
    name, plus, _ = local.partition("+")
    return (address, f"{name}{EVERY_LABEL}@{domain}") if plus else (address,)


async def page(ports: Ports, caller: Caller, after: str | None, limit: int) -> list[Suppression]:
    """The tenant's list; raises InvalidInput for a caller who may not see all of it."""
    if caller.bound:
        raise InvalidInput.at("address", "a key of one agent or mailbox asks about one address at a time: name it")
    return await ports.store.browse(lambda tx: tx.suppressions.page(caller.tenant_id, after, limit))


async def of_address(ports: Ports, caller: Caller, address: str) -> Suppression | None:
    """What keeps mail from that address, if anything does."""
    wanted = _in_envelope(address)

    async def script(tx: Tx) -> Suppression | None:
        entry = (await suppressed(tx, caller.tenant_id, [wanted])).get(wanted)
        if entry is None or not caller.bound or await _led_to(tx, caller, entry):
            return entry
        return replace(entry, detail=None, message_id=None)

    return await ports.store.read(script)


async def _led_to(tx: Tx, caller: Caller, entry: Suppression) -> bool:
    """Whether it was mail of the caller's that led to the entry."""
    message = await tx.messages.get(caller.tenant_id, entry.message_id) if entry.message_id else None
    mailbox = await tx.mailboxes.get(caller.tenant_id, message.mailbox_id) if message else None
    return mailbox is not None and owns(caller, mailbox)
