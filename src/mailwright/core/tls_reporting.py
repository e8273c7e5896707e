"""Telling domains how TLS to their exchangers went: sessions are counted, and reported once a day.

Standards: RFC 8460 §4 (what is counted, for whole UTC days), §3 and §5 (to whom it goes, signed by DKIM).
A report goes out even where TLS with its receiver fails: it may be what it is about (§3). Nothing is ever sent twice with
different words: ids and bytes follow from what was counted.
Not here: when (reporting.py), how a report is written (mailauth/reports/tls_write.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import unquote

from mailwright.core.model import Domain
from mailwright.core.ports import Delivered, NotPosted, Parcel, Ports, Report, Route, Signed, Tx
from mailwright.core.routing import Here, exchangers
from mailwright.core.signing import signing_keys
from mailwright.core.tls_policies import NO_POLICY
from mailwright.mail.address import Address, InvalidAddress, parse_mailbox
from mailwright.mail.compose.draft import ComposeError
from mailwright.mail.header import parse_header
from mailwright.mail.questions import RecordType, ask
from mailwright.mailauth import dkim
from mailwright.mailauth.reports.model import TlsFailure, TlsPolicy, TlsReport
from mailwright.mailauth.reports.tls_write import (
    MEDIA_TYPE,
    TlsReportMail,
    packed,
    render_tls_report,
    report_uris,
)

DAY = 86_400  # seconds
SPREAD = 4 * 3600  # seconds: RFC 8460 §4.1 asks senders not to come all at midnight


@dataclass(frozen=True, slots=True)
class Session:
    """What connections have in common that are counted together. `fault` is "" where TLS went as it must."""

    day: int  # days since 1970 UTC
    domain: str  # whom the report is for: where the policy is (for tlsa the exchanger)
    type: str
    strings: tuple[str, ...]
    mx: tuple[str, ...]
    fault: str
    host: str
    address: str


Counted = Mapping[Session, int]


def sessions(domain: str, report: Report, now: int) -> Iterator[Session]:
    """The sessions of an attempt to deliver to this domain; `now` in ms."""
    for one in report.tls_results:
        fault, policy = one.fault.type if one.fault else "", one.policy
        if policy is None:
            yield Session(now // 1000 // DAY, domain, NO_POLICY, (), (), fault, one.host, one.address)
        else:
            day = now // 1000 // DAY
            yield Session(day, policy.domain, policy.type, policy.strings, policy.mx, fault, one.host, one.address)


def due_at(day: int, domain: str) -> int:
    """When the report of a day goes out, in unix seconds: some hours after its end, each domain at its own time."""
    return (day + 1) * DAY + int.from_bytes(hashlib.sha256(domain.encode()).digest()[:4]) % SPREAD


def tls_report(ports: Ports, counted: Counted, day: int, domain: str) -> TlsReport:
    """The report on one day for one domain."""
    mine = {one: count for one, count in counted.items() if (one.day, one.domain) == (day, domain)}
    policies = sorted({(one.type, one.strings, one.mx) for one in mine})
    told = [_policy(ports, {o: n for o, n in mine.items() if (o.type, o.strings, o.mx) == which}) for which in policies]
    start, contact = day * DAY, ports.settings.tls_reports_from
    organization = contact.rpartition("@")[2]
    report_id = f"{datetime.fromtimestamp(start, UTC):%Y-%m-%d}.{domain}@{ports.settings.hostname}"
    return TlsReport(organization, contact, report_id, start, start + DAY - 1, tuple(told))


def _policy(ports: Ports, counted: Counted) -> TlsPolicy:
    first = next(iter(counted))
    own = next(iter(ports.settings.addresses), "")
    failed = sorted(((one, count) for one, count in counted.items() if one.fault), key=lambda pair: repr(pair[0]))
    return TlsPolicy(
        first.type,
        first.domain,
        first.strings,
        first.mx,
        sum(count for one, count in counted.items() if not one.fault),
        sum(count for _, count in failed),
        tuple(TlsFailure(one.fault, count, own, one.host, receiving_ip=one.address) for one, count in failed),
    )


async def send(ports: Ports, domain: str, report: TlsReport) -> bool:
    """Send a report to whoever its domain names; whether nothing is left to do."""
    reply = await ports.resolver.resolve(ask(f"_smtp._tls.{domain}", RecordType.TXT))
    if reply.trouble:
        return False
    done = [await _send_to(ports, domain, report, uri) for uri in report_uris(reply.records)]
    return not done or any(done)


async def _send_to(ports: Ports, domain: str, report: TlsReport, uri: str) -> bool:
    if uri.startswith("https:"):
        posted = await ports.poster.post(uri, [("Content-Type", MEDIA_TYPE)], packed(report))
        return not isinstance(posted, NotPosted) and 200 <= posted.status < 300
    try:
        to = parse_mailbox(unquote(uri.removeprefix("mailto:").partition("?")[0]))
        signed = await _signed(ports, domain, report, to)
    except (InvalidAddress, ComposeError):
        return True  # no such address can ever be written to
    settings = ports.settings
    here = Here(settings.hostname, (), settings.delivery_port, settings.allow_private_hosts)
    route = await ports.resolver.resolve(exchangers(to.domain_ascii, here, lambda names: None))
    if signed is None or not isinstance(route, Route):
        return False
    # §3: what its exchangers must show is no condition here.
    anyone = replace(route, hosts=tuple(replace(host, policy=None) for host in route.hosts))
    told = await ports.courier.deliver(anyone, Parcel("", (to.addr_spec,), signed))
    return isinstance(told.outcomes[0], Delivered)


async def _signed(ports: Ports, domain: str, report: TlsReport, to: Address) -> Signed | None:
    """The message under a signature of the domain that it comes from; None while that is not served here."""
    header_from, now = parse_mailbox(ports.settings.tls_reports_from), ports.clock.now() // 1000

    async def script(tx: Tx) -> Domain | None:
        return await tx.domains.by_name(header_from.domain.lower())

    owner = await ports.store.read(script)
    if owner is None:
        return None
    mail = TlsReportMail(
        report=report,
        domain=domain,
        header_from=header_from,
        to=to,
        message_id=f"<{report.report_id}>",
        sent_at=datetime.fromtimestamp(now, UTC),
    )
    raw = render_tls_report(mail)
    header = parse_header(raw)
    prefix = await ports.cpu.run(lambda: dkim.sign(header, raw[header.body_start :], signing_keys(owner), now=now))
    return Signed(prefix, raw)
