"""Inspection: are a domain's records in DNS, and do they say what they must?

A record is `missing`, `invalid` or `valid`, with what was expected, what was observed and why that is not good enough.
Not here: what is done about it (domains.py), what receivers do with the records (mailauth/).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailwright.core.model import Alignment, Domain, Json
from mailwright.core.ports import Settings
from mailwright.core.records import Purpose, Record, records
from mailwright.mail.questions import Answer, Asks, Question, RecordType, ask_all, together
from mailwright.mailauth import dmarc, mta_sts, spf

OTHER_STS = "it announces another policy than the one that is served here: senders keep to the one that they know"


class Found(StrEnum):
    """How a record stands in DNS."""

    MISSING = "missing"
    INVALID = "invalid"
    VALID = "valid"
    UNKNOWN = "unknown"  # DNS did not answer


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


def key_inspection(domain: Domain, settings: Settings) -> Asks[tuple[Check, ...]]:
    """The checks of its DKIM keys alone."""
    wanted = [record for record in records(domain, settings) if record.purpose is Purpose.DKIM]
    answers = yield from ask_all([Question(record.name, record.type) for record in wanted])
    return tuple(_check(record, reply, {}) for record, reply in zip(wanted, answers, strict=True))


def proven(checks: Checks) -> bool:
    """Whether DNS has a key of this very row: only who controls the name can have put it there, and only for this tenant."""
    return any(check.record.purpose is Purpose.DKIM and check.found is Found.VALID for check in checks.checks)


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
