"""What a report says, and why one could not be used.

Standards: RFC 9990 §3.1 (DMARC; the element names), RFC 8460 §4.4 (TLS; the field names).
Words of the report stay as they are written but for case: "" and None stand for what it leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unusable(StrEnum):
    """Why a report can't be used."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"  # unpacked, or as it came
    INFLATED = "inflated"  # unpacks to so much more than it is that nobody honest wrote it
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"  # an archive that can't be unpacked
    DOCUMENT_TYPE = "document_type"  # XML with a DTD or an entity declared
    NOT_XML = "not_xml"
    NOT_JSON = "not_json"
    NOT_A_REPORT = "not_a_report"  # of a form that is neither
    INCOMPLETE = "incomplete"  # says not whom it is about, or ends before that


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A report that can't be used, and why."""

    reason: Unusable
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """The policy as the reporter found it in DNS."""

    domain: str
    p: str = ""
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    fo: str = ""
    pct: str = ""  # RFC 7489 only
    testing: str = ""
    discovery_method: str = ""


@dataclass(frozen=True, slots=True)
class DkimResult:
    """What came of one signature."""

    domain: str
    selector: str
    result: str
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class SpfResult:
    """What came of the SPF check."""

    domain: str
    scope: str
    result: str
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """So many messages from one address that fared alike. `dkim` and `spf` are the aligned results."""

    source_ip: str
    count: int
    disposition: str
    dkim: str
    spf: str
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    reasons: tuple[tuple[str, str], ...] = ()  # (type, comment): why another disposition than the policy's
    dkim_results: tuple[DkimResult, ...] = ()
    spf_results: tuple[SpfResult, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether DMARC passed (RFC 9989 §5.4: either suffices)."""
        return "pass" in (self.dkim, self.spf)


@dataclass(frozen=True, slots=True)
class DmarcReport:
    """One DMARC aggregate report. `begin` and `end` are seconds since 1970; `defects` tells what had to be mended."""

    org_name: str
    email: str
    report_id: str
    begin: int | None
    end: int | None
    policy: PublishedPolicy
    records: tuple[DmarcRecord, ...]
    version: str = ""
    extra_contact_info: str = ""
    generator: str = ""
    errors: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """So many sessions that failed alike."""

    result_type: str
    count: int
    sending_mta_ip: str = ""
    receiving_mx_hostname: str = ""
    receiving_mx_helo: str = ""
    receiving_ip: str = ""
    additional_information: str = ""
    failure_reason_code: str = ""


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """A policy that was applied, and how sessions under it went."""

    type: str
    domain: str
    strings: tuple[str, ...]
    mx_hosts: tuple[str, ...]
    successful: int
    failed: int
    failures: tuple[TlsFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsReport:
    """One TLS report. `start` and `end` are seconds since 1970."""

    organization_name: str
    contact_info: str
    report_id: str
    start: int | None
    end: int | None
    policies: tuple[TlsPolicy, ...]
