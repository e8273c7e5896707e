"""Domains and their DNS records, as told to callers. Private keys and passwords are never told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339, rfc3339_or_none
from mailwright.core import model
from mailwright.core.inspection import Found
from mailwright.core.model import Alignment, KeyState
from mailwright.core.ports import Settings
from mailwright.core.records import WHY, Purpose, Record, records

# From bad to good: what several records of one kind amount to is the first of these that any of them is.
_WORST_FIRST = (Found.INVALID, Found.MISSING, Found.UNKNOWN, Found.VALID)


class DnsRecord(Struct, frozen=True, kw_only=True):
    """A record to publish."""

    type: Annotated[str, doc("Its type.", example="TXT")]
    name: Annotated[str, doc("Its full name.", example="_dmarc.agents.example.com")]
    value: Annotated[str, doc("Its value; long TXT values are split by most DNS providers by themselves.")]
    purpose: Annotated[Purpose, doc("What it is for.")]
    reason: Annotated[str, doc("What it is for, in a sentence.")]
    required: Annotated[bool, doc("Whether the domain's mail waits for it.")]


class RecordCheck(Struct, frozen=True, kw_only=True):
    """A record as it stood when it was looked at."""

    type: Annotated[str, doc("Its type.")]
    name: Annotated[str, doc("Its full name.")]
    purpose: Annotated[Purpose, doc("What it is for.")]
    status: Annotated[Found, doc("`valid`, `invalid`, `missing`, or `unknown` where DNS did not answer.")]
    expected: Annotated[str, doc("What should be there.")]
    observed: Annotated[tuple[str, ...], doc("What DNS has.")]
    why: Annotated[str, doc("Why that is not enough; empty where it is.")]
    required: Annotated[bool, doc("Whether the domain's mail waits for it.")]


class DkimKey(Struct, frozen=True):
    """A key that signs, without its private half."""

    selector: Annotated[str, doc("Its selector.", example="r5qm3tk")]
    algorithm: Annotated[str, doc("Its algorithm.", example="rsa-sha256")]


class IdentityKey(Struct, frozen=True):
    """A key that signs Agent-Identity, without its private half."""

    selector: Annotated[str, doc("Its selector.", example="a5qm3tk")]
    state: Annotated[KeyState, doc("`signing`; `next`: signs once it was seen in DNS; `retired`: keep it published.")]


class SmarthostShown(Struct, frozen=True, kw_only=True):
    """The relay that a domain's mail goes through, without its password."""

    host: Annotated[str, doc("Its name.", example="smtp.relay.example")]
    port: Annotated[int, doc("Its port.", example=587)]
    username: Annotated[str | None, doc("Who we log in as.")]
    tls: Annotated[str, doc("`starttls`, `implicit` or `none`.", example="starttls")]


class Domain(Struct, frozen=True, kw_only=True):
    """A domain that mail is sent from and received for."""

    id: Annotated[str, doc("The domain's id.", example="dom_5qm3tk8v0w1x2y3z4a5b")]
    domain: Annotated[str, doc("Its name, in A-labels.", example="agents.example.com")]
    status: Annotated[Alignment, doc("`aligned`: every record is in place, and its mail authenticates.")]
    dkim_selector: Annotated[str, doc("The selector of its RSA key.", example="r5qm3tk")]
    dkim_keys: Annotated[tuple[DkimKey, ...], doc("All keys that sign for it.")]
    identity_keys: Annotated[tuple[IdentityKey, ...], doc("The keys by which its agents are known; never those of DKIM.")]
    dns_records: Annotated[tuple[DnsRecord, ...], doc("What to publish.")]
    dmarc_policy: Annotated[str, doc("The policy in its DMARC record.", example="none")]
    dmarc_rua: Annotated[str | None, doc("Where receivers send DMARC reports.")]
    record_checks: Annotated[tuple[RecordCheck, ...], doc("The records as they stood when last looked at; empty before that.")]
    detail: Annotated[str | None, doc("What the last look came to, in a sentence.")]
    verified_at: Annotated[Time | None, doc("When the records were last looked at.")]
    owned_at: Annotated[
        Time | None,
        doc("Since when DNS shows one of these DKIM keys, so that the name is this tenant's; no mail is received before."),
    ]
    override_alignment: Annotated[bool, doc("Whether mail leaves although the records are not in place.")]
    smarthost: Annotated[SmarthostShown | None, doc("The relay that its mail goes through; null: straight to the receivers.")]
    created_at: Annotated[Time, doc("When it was added.")]
    client_id: Annotated[str | None, doc("The id that its maker gave it.")]


class Verdicts(Struct, frozen=True, kw_only=True):
    """What the records amount to, by purpose: the worst of each."""

    spf: Annotated[Found, doc("The SPF record of the domain.")]
    dkim: Annotated[Found, doc("The DKIM keys.")]
    dmarc: Annotated[Found, doc("The DMARC record.")]
    alignment: Annotated[Found, doc("SPF through the return path, and DKIM: what DMARC aligns with.")]


class Verification(Struct, frozen=True, kw_only=True):
    """What a look at a domain's records found."""

    status: Annotated[Alignment, doc("`aligned`: mail may leave. `misaligned`: a record is wrong. `pending`: one is missing.")]
    checks: Annotated[Verdicts, doc("The records by purpose.")]
    records: Annotated[tuple[RecordCheck, ...], doc("Every record: what was expected, what is there, and why that is wrong.")]
    detail: Annotated[str, doc("What is wrong, in a sentence.")]


def domain(row: model.Domain, settings: Settings) -> Domain:
    """A domain, as told."""
    checks = row.checks or {}
    return Domain(
        id=row.id,
        domain=row.name,
        status=row.status,
        dkim_selector=_selector(row),
        dkim_keys=tuple(DkimKey(key.selector, key.algorithm) for key in row.dkim_keys),
        identity_keys=tuple(IdentityKey(key.selector, key.state) for key in row.identity_keys),
        dns_records=tuple(dns_record(one) for one in records(row, settings)),
        dmarc_policy=row.dmarc_policy,
        dmarc_rua=row.dmarc_rua,
        record_checks=_record_checks(checks),
        detail=checks.get("detail"),
        verified_at=rfc3339_or_none(row.verified_at),
        owned_at=rfc3339_or_none(row.owned_at),
        override_alignment=row.override_alignment,
        smarthost=_smarthost(row.smarthost),
        created_at=rfc3339(row.created_at),
        client_id=row.client_id,
    )


def _selector(row: model.Domain) -> str:
    rsa = (key.selector for key in row.dkim_keys if key.algorithm.startswith("rsa"))
    return next(rsa, row.dkim_keys[0].selector if row.dkim_keys else "")


def _smarthost(row: model.Smarthost | None) -> SmarthostShown | None:
    return SmarthostShown(host=row.host, port=row.port, username=row.username, tls=row.tls) if row else None


def dns_record(record: Record) -> DnsRecord:
    """A record to publish, as told."""
    return DnsRecord(
        type=record.type.value,
        name=record.name,
        value=record.value,
        purpose=record.purpose,
        reason=WHY[record.purpose],
        required=record.purpose.required,
    )


def _record_checks(checks: dict[str, Any]) -> tuple[RecordCheck, ...]:
    return tuple(
        RecordCheck(
            type=one["type"],
            name=one["name"],
            purpose=Purpose(one["purpose"]),
            status=Found(one["status"]),
            expected=one["expected"],
            observed=tuple(one["observed"]),
            why=one["why"],
            required=Purpose(one["purpose"]).required,
        )
        for one in checks.get("records", ())
    )


def verification(row: model.Domain) -> Verification:
    """What was found when the domain was last looked at, as told."""
    records = _record_checks(row.checks or {})
    return Verification(
        status=row.status,
        checks=verdicts(records),
        records=records,
        detail=(row.checks or {}).get("detail", "The records have not been looked at yet."),
    )


def verdicts(records: Iterable[RecordCheck]) -> Verdicts:
    """The worst of each kind; `missing` where there is none of a kind."""
    by_purpose: dict[Purpose, list[Found]] = {}
    for one in records:
        by_purpose.setdefault(one.purpose, []).append(one.status)

    def worst(*purposes: Purpose) -> Found:
        found = [status for purpose in purposes for status in by_purpose.get(purpose, [Found.MISSING])]
        return min(found, key=_WORST_FIRST.index)

    return Verdicts(
        spf=worst(Purpose.SPF),
        dkim=worst(Purpose.DKIM),
        dmarc=worst(Purpose.DMARC),
        alignment=worst(Purpose.RETURN_PATH_SPF, Purpose.DKIM),
    )
