"""Domains: adding, changing, verifying and removing them, and the keys to sign with.

A domain gets an RSA-2048 and an Ed25519 key at once; mail leaves it only when `inspection` finds every record in place,
so that the first message already authenticates.
A name may be added by any tenant; it is owned by the one a DKIM key of whom DNS shows, and only its owner gets its mail.
Not here: the records (records.py), looking for them in DNS (inspection.py), signing (signing.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from mailwright.core import audit, identity
from mailwright.core.accounts import system
from mailwright.core.errors import AlreadyExists, InUse, InvalidInput, NotFound
from mailwright.core.events import EventType, publish
from mailwright.core.inspection import Checks, Found, as_json, inspection, key_inspection, proven
from mailwright.core.model import Alignment, Caller, DkimKey, Domain, KeyState, Smarthost
from mailwright.core.ports import Ports, Tx
from mailwright.mail.address import Address, InvalidAddress, domain_to_ascii, parse_mailbox
from mailwright.mailauth import dkim


class Unchanged(Enum):
    """Not a value: what is there stays."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
POLICIES = ("none", "quarantine", "reject")
OWNED_ELSEWHERE = (
    "All records are in place, but the name is owned by another tenant of this server, whose DKIM keys are published too: "
    "take those out, and verify again."
)
LOST = "Another tenant has shown to own the name, and no DKIM key of yours is published any more."


@dataclass(frozen=True, slots=True)
class NewDomain:
    """What a new domain shall be, with the keys that `make_keys` made."""

    name: str
    keys: tuple[DkimKey, ...]
    dmarc_policy: str = "none"
    dmarc_rua: str | None = None
    smarthost: Smarthost | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class DomainChange:
    """What shall be different; UNCHANGED leaves a value as it is, and None takes it away."""

    smarthost: Smarthost | Unchanged | None = UNCHANGED
    dmarc_policy: str | Unchanged = UNCHANGED
    dmarc_rua: str | Unchanged | None = UNCHANGED


def domain_name(text: str) -> str:
    """The name in lower-case A-labels; raises InvalidInput."""
    try:
        name = domain_to_ascii(text.strip().rstrip("."))
    except InvalidAddress as wrong:
        raise InvalidInput.at("domain", str(wrong)) from None
    if "." not in name:
        raise InvalidInput.at("domain", "a full name such as mail.example.com")
    return name


async def make_keys(ports: Ports, name: str) -> tuple[DkimKey, ...]:
    """A new RSA-2048 and a new Ed25519 key (0.1 s of CPU in a thread): receivers that can't check one check the other."""
    stamp = ports.ids.new("s")[-6:]  # drawn anew each time; an id's first digits are its neighbours' too

    def generate() -> tuple[DkimKey, ...]:
        made = (dkim.generate_rsa(name, f"r{stamp}"), dkim.generate_ed25519(name, f"e{stamp}"))
        return tuple(DkimKey(k.selector, k.algorithm.value, k.pem().decode(), dkim.dns_record(k)) for k in made)

    return await ports.cpu.run(generate)


async def add(tx: Tx, ports: Ports, caller: Caller, wanted: NewDomain) -> Domain:
    """Add a domain; with a client_id seen before, the one that it made then."""
    if wanted.client_id and (known := await tx.domains.by_client_id(caller.tenant_id, wanted.client_id)):
        return known
    _one_of_policies(wanted.dmarc_policy)
    rua = None if wanted.dmarc_rua is None else _report_address("dmarc_rua", wanted.dmarc_rua)
    domain = Domain(
        id=ports.ids.new("dom"),
        tenant_id=caller.tenant_id,
        name=domain_name(wanted.name),
        status=Alignment.PENDING,
        dkim_keys=wanted.keys,
        dmarc_policy=wanted.dmarc_policy,
        created_at=ports.clock.now(),
        dmarc_rua=rua,
        smarthost=wanted.smarthost,
        client_id=wanted.client_id,
        identity_keys=(identity.new_key(ports, domain_name(wanted.name), KeyState.SIGNING),),
    )
    known = await tx.domains.named(caller.tenant_id, domain.name)
    if known is not None:
        raise AlreadyExists(f"The domain {domain.name} is there already.", details={"id": known.id})
    if not ports.settings.require_alignment and await tx.domains.by_name(domain.name) is None:
        domain = replace(domain, owned_at=ports.clock.now())  # where nobody asks DNS, whoever comes first owns it
    await tx.domains.add(domain)
    await audit.record(tx, ports, caller, "domain.added", domain.id)
    return domain


def _one_of_policies(policy: str) -> None:
    if policy not in POLICIES:
        raise InvalidInput.at("dmarc_policy", f"one of {', '.join(POLICIES)}")


def _report_address(path: str, text: str) -> str:
    """The bare address; it becomes a URI in a record, whose own signs it must not hold (RFC 9989 §4.7, RFC 6068 §2)."""
    try:
        parsed = parse_mailbox(text)
    except InvalidAddress as wrong:
        raise InvalidInput.at(path, str(wrong)) from None
    address = Address("", parsed.local_part, parsed.domain_ascii).addr_spec
    if not address.isascii() or any(sign in address for sign in ' !"%&,;?/'):
        raise InvalidInput.at(path, "an address that can stand in a record: letters, digits, dots, plus signs and hyphens")
    return address


async def change(tx: Tx, ports: Ports, caller: Caller, domain_id: str, wanted: DomainChange) -> Domain:
    """Change how a domain's mail leaves, or what its DMARC record shall say; what waits in the queue takes the new way."""
    domain = await load(tx, caller, domain_id)
    if not isinstance(wanted.smarthost, Unchanged):
        domain = replace(domain, smarthost=wanted.smarthost)
    if not isinstance(wanted.dmarc_policy, Unchanged):
        _one_of_policies(wanted.dmarc_policy)
        domain = replace(domain, dmarc_policy=wanted.dmarc_policy)
    if not isinstance(wanted.dmarc_rua, Unchanged):
        rua = None if wanted.dmarc_rua is None else _report_address("dmarc_rua", wanted.dmarc_rua)
        domain = replace(domain, dmarc_rua=rua)
    await tx.domains.put(domain)
    await audit.record(tx, ports, caller, "domain.changed", domain.id, {"smarthost": domain.smarthost is not None})
    return domain


async def load(tx: Tx, caller: Caller, domain_id: str) -> Domain:
    """The domain, by id."""
    domain = await tx.domains.get(caller.tenant_id, domain_id)
    if domain is None:
        raise NotFound(f"There is no domain {domain_id[:40]}.")
    return domain


async def get(ports: Ports, caller: Caller, domain_id: str) -> Domain:
    """The domain, by id."""
    return await ports.store.read(lambda tx: load(tx, caller, domain_id))


async def page(ports: Ports, caller: Caller, after: str | None, limit: int) -> list[Domain]:
    """The tenant's domains."""
    return await ports.store.browse(lambda tx: tx.domains.page(caller.tenant_id, after, limit))


async def inspect(ports: Ports, caller: Caller, domain_id: str) -> Checks:
    """Look at the domain's records in DNS as they are now, and at the keys of whoever owns the name so far."""
    domain = await get(ports, caller, domain_id)
    checks = await ports.resolver.resolve_afresh(inspection(domain, ports.settings))
    owner = await ports.store.read(lambda tx: tx.domains.by_name(domain.name))
    if owner is None or owner.id == domain.id or not proven(checks):
        return checks
    still = await ports.resolver.resolve_afresh(key_inspection(owner, ports.settings))
    gone = not {Found.VALID, Found.UNKNOWN} & {check.found for check in still}
    return replace(checks, vacated=owner.id if gone else None)


async def verified(tx: Tx, ports: Ports, caller: Caller, domain_id: str, checks: Checks) -> Domain:
    """Keep the result of an inspection, and tell when it changed something."""
    domain = await _owned(tx, ports, await load(tx, caller, domain_id), checks)
    if domain.owned_at is None and checks.status is Alignment.ALIGNED:
        checks = replace(checks, status=Alignment.PENDING, detail=OWNED_ELSEWHERE)
    # An aligned domain does not lose that word because DNS was silent for a moment; what was seen to be wrong counts.
    silent = {check.found for check in checks.checks if check.record.purpose.required} - {Found.VALID} == {Found.UNKNOWN}
    status = domain.status if silent else checks.status
    keys = {check.record.value for check in checks.checks if check.found is Found.VALID}
    known = identity.seen(domain, keys, ports.clock.now())
    changed = replace(known, status=status, checks=as_json(checks), verified_at=ports.clock.now())
    await tx.domains.put(changed)
    if known is not domain:
        signs = next(key.selector for key in known.identity_keys if key.state is KeyState.SIGNING)
        data = {"domain_id": domain.id, "domain": domain.name, "kind": "identity", "selector": signs}
        event = EventType.DOMAIN_KEY_ROTATED
        await publish(tx, ports, event, tenant_id=caller.tenant_id, mailbox_id=None, data=data)
    if status is not domain.status and Alignment.ALIGNED in (status, domain.status):
        event = EventType.DOMAIN_ALIGNED if status is Alignment.ALIGNED else EventType.DOMAIN_DEGRADED
        data = {"domain_id": domain.id, "domain": domain.name, "status": status.value, **as_json(checks)}
        await publish(tx, ports, event, tenant_id=caller.tenant_id, mailbox_id=None, data=data)
    await audit.record(tx, ports, caller, "domain.verified", domain.id, {"status": status.value})
    return changed


async def _owned(tx: Tx, ports: Ports, domain: Domain, checks: Checks) -> Domain:
    """The domain, as its owner where DNS shows so: the first of all tenants, or the next once the first one's keys are gone."""
    if domain.owned_at is not None or not proven(checks):
        return domain
    owner = await tx.domains.by_name(domain.name)
    if owner is not None and checks.vacated != owner.id:
        return domain
    if owner is not None:
        await _lose(tx, ports, owner)
    return replace(domain, owned_at=ports.clock.now())


async def _lose(tx: Tx, ports: Ports, owner: Domain) -> None:
    await tx.domains.put(replace(owner, owned_at=None, status=Alignment.MISALIGNED))
    data = {"domain_id": owner.id, "domain": owner.name, "status": Alignment.MISALIGNED.value, "detail": LOST, "records": []}
    await publish(tx, ports, EventType.DOMAIN_DEGRADED, tenant_id=owner.tenant_id, mailbox_id=None, data=data)
    await audit.record(tx, ports, system(owner.tenant_id), "domain.lost", owner.id)


async def remove(tx: Tx, ports: Ports, caller: Caller, domain_id: str) -> None:
    """Remove a domain that no mailbox uses any more."""
    domain = await load(tx, caller, domain_id)
    users = await tx.mailboxes.of_domain(caller.tenant_id, domain.id, 10)
    if users:
        raise InUse(f"{domain.name} still has mailboxes.", details={"mailboxes": [mailbox.id for mailbox in users]})
    await audit.record(tx, ports, caller, "domain.removed", domain.id)
    await tx.domains.remove(caller.tenant_id, domain.id)
