"""Records: what a domain publishes in DNS so that its mail comes here, and authenticates where it goes.

Not here: whether they are published (inspection.py).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from mailwright.core import promises
from mailwright.core.model import Domain
from mailwright.core.ports import Settings
from mailwright.mail.questions import RecordType

IDENTITY_POLICY = "v=AGENTID1; req=2"


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
