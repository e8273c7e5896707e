"""Domains: the records to publish, whether they are there, and the keys to sign with.

A domain gets an RSA-2048 and an Ed25519 key at once; mail leaves it only when `inspection` finds every record in place,
so that the first message already authenticates. A record is `missing`, `invalid` or `valid`, with what was expected, what
was observed and why that is not good enough.
A name may be added by any tenant; it is owned by the one a DKIM key of whom DNS shows, and only its owner gets its mail.
Not here: signing (signing.py), what receivers do with the records (mailauth/).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from mailwright.core import audit, identity, promises
from mailwright.core.accounts import system
from mailwright.core.errors import AlreadyExists, InUse, InvalidInput, NotFound
from mailwright.core.events import EventType, publish
from mailwright.core.model import Alignment, Caller, DkimKey, Domain, Json, KeyState, Smarthost
from mailwright.core.ports import Ports, Settings, Tx
from mailwright.mail.address import Address, InvalidAddress, domain_to_ascii, parse_mailbox
from mailwright.mail.questions import Answer, Asks, Question, RecordType, ask_all, together
from mailwright.mailauth import dkim, dmarc, mta_sts, spf


class Unchanged(Enum):
    """Not a value: what is there stays."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
POLICIES = ("none", "quarantine", "reject")
IDENTITY_POLICY = "v=AGENTID1; req=2"


OWNED_ELSEWHERE = (
    "All records are in place, but the name is owned by another tenant of this server, whose DKIM keys are published too: "
    "take those out, and verify again."
)
OTHER_STS = "it announces another policy than the one that is served here: senders keep to the one that they know"
LOST = "Another tenant has shown to own the name, and no DKIM key of yours is published any more."


class Found(StrEnum):
    """How a record stands in DNS."""

    MISSING = "missing"
    INVALID = "invalid"
    VALID = "valid"
    UNKNOWN = "unknown"  # DNS did not answer


class Purpose(StrEnum):
    """What a record is for."""

    MX = "mx"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    RETURN_PATH_MX = "return_path_mx"
    RETURN_PATH_SPF = "return_path_spf"
    IDENTITY = "identity"
    IDENTITY_POLICY = "identity_policy"
    MTA_STS = "mta_sts"
    MTA_STS_HOST = "mta_sts_host"
    TLS_REPORTS = "tls_reports"

    @property
    def required(self) -> bool:
        """Whether mail waits for it. Receivers that know nothing of agents, or of MTA-STS, lose nothing where it is missing."""
        return self not in RECOMMENDED


RECOMMENDED = (Purpose.IDENTITY, Purpose.IDENTITY_POLICY, Purpose.MTA_STS, Purpose.MTA_STS_HOST, Purpose.TLS_REPORTS)
WHY = {
    Purpose.MX: "Mail to this domain comes here.",
    Purpose.SPF: "These hosts, and no others, send for the domain.",
    Purpose.DKIM: "Receivers check our signatures with this key.",
    Purpose.DMARC: "Receivers learn what to do with mail that does not authenticate.",
    Purpose.RETURN_PATH_MX: "Bounces come here.",
    Purpose.RETURN_PATH_SPF: "SPF passes for the return path, which receivers check first.",
    Purpose.IDENTITY: "Recommended: anybody can check which agent wrote a message, and who allowed it.",
    Purpose.IDENTITY_POLICY: "Optional: agents' mail of this domain without a signed identity is not from its agents.",
    Purpose.MTA_STS: "Recommended: senders learn that mail to this domain comes in over TLS, and that they may insist on it.",
    Purpose.MTA_STS_HOST: "Where senders fetch that promise; the name must be in the certificate of the API.",
    Purpose.TLS_REPORTS: "Recommended: senders report when they could not reach this domain over TLS.",
}


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish."""

    type: RecordType
    name: str
    value: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Check:
    """A record as it stands: what was expected, what DNS has, and why that is not enough."""

    record: Record
    found: Found
    observed: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Checks:
    """All records of a domain, and what follows."""

    status: Alignment
    checks: tuple[Check, ...]
    detail: str
    vacated: str | None = None  # the row that owns the name so far, where DNS no longer has any key of it


# --- records ------------------------------------------------------------------------------------------------------------


def records(domain: Domain, settings: Settings) -> tuple[Record, ...]:
    """What to publish for a domain, in the order in which it makes sense to."""
    bounce = f"{settings.bounce_label}.{domain.name}"
    sends = _spf_value(settings)
    keys = [
        Record(RecordType.TXT, f"{key.selector}._domainkey.{domain.name}", key.record, Purpose.DKIM) for key in domain.dkim_keys
    ]
    reports = f"; rua=mailto:{domain.dmarc_rua}" if domain.dmarc_rua else ""
    who = [
        Record(RecordType.TXT, f"{key.selector}._agentid.{domain.name}", key.record, Purpose.IDENTITY)
        for key in domain.identity_keys
    ]
    if who:
        who.append(Record(RecordType.TXT, f"_policy._agentid.{domain.name}", IDENTITY_POLICY, Purpose.IDENTITY_POLICY))
    return (
        Record(RecordType.MX, domain.name, f"10 {settings.hostname}", Purpose.MX),
        Record(RecordType.TXT, domain.name, sends, Purpose.SPF),
        *keys,
        Record(RecordType.TXT, f"_dmarc.{domain.name}", f"v=DMARC1; p={domain.dmarc_policy}{reports}", Purpose.DMARC),
        Record(RecordType.MX, bounce, f"10 {settings.hostname}", Purpose.RETURN_PATH_MX),
        Record(RecordType.TXT, bounce, sends, Purpose.RETURN_PATH_SPF),
        *who,
        *_promises(domain, settings),
    )


def _promises(domain: Domain, settings: Settings) -> list[Record]:
    found = [Record(RecordType.TXT, f"_smtp._tls.{domain.name}", promises.report_record(domain), Purpose.TLS_REPORTS)]
    if host := promises.policy_host(settings):
        announced = promises.policy_record(settings)
        found.append(Record(RecordType.TXT, f"_mta-sts.{domain.name}", announced, Purpose.MTA_STS))
        found.append(Record(RecordType.CNAME, f"{promises.LABEL}.{domain.name}", host, Purpose.MTA_STS_HOST))
    return found


def _spf_value(settings: Settings) -> str:
    terms = [f"ip{ipaddress.ip_address(address).version}:{address}" for address in settings.addresses]
    return " ".join(["v=spf1", *(terms or [f"a:{settings.hostname}"]), "-all"])


def zone_file(domain: Domain, settings: Settings) -> str:
    """The records in zone-file form (RFC 1035 §5), to paste into a DNS provider's import or a zone of one's own."""
    lines = [f"; mail records of {domain.name}", "$TTL 3600"]
    for record in records(domain, settings):
        value = _quoted(record.value) if record.type is RecordType.TXT else f"{record.value}."
        lines.append(f"{record.name}. IN {record.type} {value}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # RFC 1035 §3.3.14: a character string holds at most 255 octets; longer values are several, side by side.
    return " ".join(
        '"' + text[at : at + 250].replace("\\", "\\\\").replace('"', '\\"') + '"' for at in range(0, len(text), 250)
    )


# --- inspection ---------------------------------------------------------------------------------------------------------


def inspection(domain: Domain, settings: Settings) -> Asks[Checks]:
    """Ask DNS for every record and judge each. Aligned when all are valid that are required."""
    wanted = records(domain, settings)
    questions = [Question(record.name, record.type) for record in wanted]
    answers, verdicts = yield from together(ask_all(questions), _spf_passes(domain, settings))
    checks = tuple(_check(record, reply, verdicts) for record, reply in zip(wanted, answers, strict=True))
    return Checks(*_conclusion(checks))


def _conclusion(checks: Sequence[Check]) -> tuple[Alignment, tuple[Check, ...], str]:
    wrong = [check for check in checks if check.found is not Found.VALID and check.record.purpose.required]
    status = Alignment.ALIGNED
    if wrong:
        bad = any(check.found is Found.INVALID for check in wrong)
        status = Alignment.MISALIGNED if bad else Alignment.PENDING
    detail = "; ".join(f"{check.record.name} {check.record.type}: {check.why}" for check in wrong)
    return status, tuple(checks), detail or "All records are in place: SPF and DKIM align with the From domain."


def _spf_passes(domain: Domain, settings: Settings) -> Asks[dict[str, spf.SpfVerdict]]:
    """The verdict of a receiver for the worst of our addresses, for the domain and for its return path."""
    names = (domain.name, f"{settings.bounce_label}.{domain.name}")
    verdicts: dict[str, spf.SpfVerdict] = {}
    for name in names:
        for address in settings.addresses:
            ip = ipaddress.ip_address(address)
            verdict = yield from spf.check_host(ip, mail_from=f"postmaster@{name}", helo=settings.hostname)
            if name not in verdicts or verdict.result is not spf.SpfResult.PASS:
                verdicts[name] = verdict
    return verdicts


def _check(record: Record, reply: Answer, verdicts: dict[str, spf.SpfVerdict]) -> Check:
    if reply.trouble:
        return Check(record, Found.UNKNOWN, (), f"DNS did not answer ({reply.status}); try again")
    match record.purpose:
        case Purpose.MX | Purpose.RETURN_PATH_MX:
            return _check_mx(record, reply)
        case Purpose.SPF | Purpose.RETURN_PATH_SPF:
            return _check_spf(record, reply, verdicts.get(record.name))
        case Purpose.DKIM | Purpose.IDENTITY:
            return _check_key(record, reply)
        case Purpose.IDENTITY_POLICY:
            return _check_policy(record, reply)
        case Purpose.DMARC:
            return _check_dmarc(record, reply)
        case Purpose.MTA_STS:
            return _check_sts(record, reply)
        case Purpose.MTA_STS_HOST | Purpose.TLS_REPORTS:
            return _check_there(record, reply)


def _check_mx(record: Record, reply: Answer) -> Check:
    hosts = [entry.partition(" ")[2].rstrip(".").lower() for entry in reply.records]
    if not hosts:
        return Check(record, Found.MISSING, (), "there is no MX record")
    if record.value.partition(" ")[2] not in hosts:
        return Check(record, Found.INVALID, reply.records, "mail goes to other hosts, so it never comes here")
    return Check(record, Found.VALID, reply.records, "")


def _check_spf(record: Record, reply: Answer, verdict: spf.SpfVerdict | None) -> Check:
    texts = tuple(text for text in reply.records if spf.is_spf(text))
    if not texts:
        return Check(record, Found.MISSING, (), "there is no SPF record")
    if len(texts) > 1:
        return Check(record, Found.INVALID, texts, f"there are {len(texts)} SPF records, so receivers use none: merge them")
    if verdict is not None and verdict.result is spf.SpfResult.TEMPERROR:
        return Check(record, Found.UNKNOWN, texts, "DNS did not answer for a host that the record names; try again")
    if verdict is not None and verdict.result is not spf.SpfResult.PASS:
        why = verdict.reason or verdict.mechanism or "no term matches"
        return Check(record, Found.INVALID, texts, f"SPF says {verdict.result} for our address: {why}")
    if verdict is None and record.value.split()[1] not in texts[0].split():
        return Check(record, Found.INVALID, texts, f"it does not contain {record.value.split()[1]}")
    return Check(record, Found.VALID, texts, "")


def _check_policy(record: Record, reply: Answer) -> Check:
    if not reply.records:
        return Check(record, Found.MISSING, (), "the policy is not published")
    same = "".join(record.value.split()) in {"".join(text.split()).rstrip(";") for text in reply.records}
    return Check(record, Found.VALID if same else Found.INVALID, reply.records, "" if same else "it says something else")


def _check_sts(record: Record, reply: Answer) -> Check:
    if not reply.records:
        return Check(record, Found.MISSING, (), "the policy is not announced, so senders do not look for it")
    same = mta_sts.policy_id(reply.records) == mta_sts.parse_record(record.value)
    return Check(record, Found.VALID if same else Found.INVALID, reply.records, "" if same else OTHER_STS)


def _check_there(record: Record, reply: Answer) -> Check:
    """Something of the kind will do: reports may go elsewhere, and another host may serve the policy."""
    kind = record.value.partition(";")[0] if record.type is RecordType.TXT else ""
    found = tuple(text for text in reply.records if text.startswith(kind))
    return Check(record, Found.VALID, found, "") if found else Check(record, Found.MISSING, (), "there is no such record")


def _check_key(record: Record, reply: Answer) -> Check:
    if not reply.records:
        return Check(record, Found.MISSING, (), "the key is not published")
    wanted = _key_of(record.value)
    if all(_key_of(text) != wanted for text in reply.records):
        return Check(record, Found.INVALID, reply.records, "another key is published than the one we sign with")
    if len(reply.records) > 1:
        return Check(record, Found.INVALID, reply.records, "several records stand at this selector: leave only this one")
    return Check(record, Found.VALID, reply.records, "")


def _key_of(text: str) -> str:
    tags = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    return "".join(tags.get("p", "").split())


def _check_dmarc(record: Record, reply: Answer) -> Check:
    texts = tuple(text for text in reply.records if text.lstrip().lower().startswith("v=dmarc1"))
    if not texts:
        return Check(record, Found.MISSING, (), "there is no DMARC record")
    if len(texts) > 1:
        return Check(record, Found.INVALID, texts, "there are several DMARC records, so receivers use none: leave one")
    if dmarc.parse_record(texts[0]) is None:
        return Check(record, Found.INVALID, texts, "receivers can't read it: compare it with the expected value")
    return Check(record, Found.VALID, texts, "")


# --- verbs --------------------------------------------------------------------------------------------------------------


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
    stamp = ports.ids.new("s").partition("_")[2][:6]

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
    if owner is None or owner.id == domain.id or not _proven(checks):
        return checks
    still = await ports.resolver.resolve_afresh(_key_inspection(owner, ports.settings))
    gone = not {Found.VALID, Found.UNKNOWN} & {check.found for check in still}
    return replace(checks, vacated=owner.id if gone else None)


def _key_inspection(domain: Domain, settings: Settings) -> Asks[tuple[Check, ...]]:
    wanted = [record for record in records(domain, settings) if record.purpose is Purpose.DKIM]
    answers = yield from ask_all([Question(record.name, record.type) for record in wanted])
    return tuple(_check(record, reply, {}) for record, reply in zip(wanted, answers, strict=True))


def _proven(checks: Checks) -> bool:
    """Whether DNS has a key of this very row: only who controls the name can have put it there, and only for this tenant."""
    return any(check.record.purpose is Purpose.DKIM and check.found is Found.VALID for check in checks.checks)


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
    if domain.owned_at is not None or not _proven(checks):
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


def as_json(checks: Checks) -> Json:
    """The checks as callers are told them."""
    rows = [
        {
            "type": check.record.type.value,
            "name": check.record.name,
            "purpose": check.record.purpose.value,
            "status": check.found.value,
            "expected": check.record.value,
            "observed": list(check.observed),
            "why": check.why,
        }
        for check in checks.checks
    ]
    return {"records": rows, "detail": checks.detail}


async def remove(tx: Tx, ports: Ports, caller: Caller, domain_id: str) -> None:
    """Remove a domain that no mailbox uses any more."""
    domain = await load(tx, caller, domain_id)
    users = await tx.mailboxes.of_domain(caller.tenant_id, domain.id, 10)
    if users:
        raise InUse(f"{domain.name} still has mailboxes.", details={"mailboxes": [mailbox.id for mailbox in users]})
    await audit.record(tx, ports, caller, "domain.removed", domain.id)
    await tx.domains.remove(caller.tenant_id, domain.id)
