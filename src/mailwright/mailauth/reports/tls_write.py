"""Writing TLS reports: who wants them, what they say, and the message that carries them.

Standards: RFC 8460 §3 (record), §4.4 (JSON), §5.1 (file name), §5.3 (message), RFC 6522 §3 (multipart/report).
Pure; the same report always gives the same bytes. What is written here, tls.py reads.
Not here: counting sessions, sending (core/tls_reporting.py), reading (tls.py).
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mailwright.mail.address import Address
from mailwright.mail.compose.body import Part, around, boundaries, encode_base64, text_part, written
from mailwright.mail.compose.checks import address_faults, own_id_faults
from mailwright.mail.compose.draft import ComposeError
from mailwright.mail.compose.fields import address_field, date_text, parameter_field, text_field
from mailwright.mailauth.reports.model import TlsFailure, TlsPolicy, TlsReport

MEDIA_TYPE = "application/tlsrpt+gzip"
MAX_URIS = 5  # of one record: nobody is owed more copies
_URI = re.compile(r"(?:mailto|https):[!-~]{1,1000}")


def report_uris(texts: Iterable[str]) -> tuple[str, ...]:
    """Where the TXT records at `_smtp._tls.<domain>` want reports: exactly one of them must be of TLSRPT (§3)."""
    ours = [text for text in texts if re.match(r"v=TLSRPTv1[ \t]*;", text)]
    if len(ours) != 1:
        return ()
    tags = [tag.strip(" \t") for tag in ours[0].split(";")[1:]]
    uris = [uri.strip(" \t") for tag in tags if tag.startswith("rua=") for uri in tag[4:].split(",")]
    return tuple(uri for uri in uris if _URI.fullmatch(uri))[:MAX_URIS]


def tls_json(report: TlsReport) -> bytes:
    """The report as JSON."""
    told = {
        "organization-name": report.organization_name,
        "date-range": {"start-datetime": _moment(report.start), "end-datetime": _moment(report.end)},
        "contact-info": report.contact_info,
        "report-id": report.report_id,
        "policies": [_policy(one) for one in report.policies],
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def _moment(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _policy(policy: TlsPolicy) -> dict[str, Any]:
    what: dict[str, Any] = {"policy-type": policy.type}
    if policy.strings:
        what["policy-string"] = policy.strings
    what["policy-domain"] = policy.domain
    if policy.mx_hosts:
        what["mx-host"] = policy.mx_hosts
    told: dict[str, Any] = {"policy": what}
    told["summary"] = {"total-successful-session-count": policy.successful, "total-failure-session-count": policy.failed}
    if policy.failures:
        told["failure-details"] = [_failure(one) for one in policy.failures]
    return told


def _failure(failure: TlsFailure) -> dict[str, Any]:
    told: dict[str, Any] = {
        "result-type": failure.result_type,
        "sending-mta-ip": failure.sending_mta_ip,
        "receiving-mx-hostname": failure.receiving_mx_hostname,
        "receiving-ip": failure.receiving_ip,
        "failure-reason-code": failure.failure_reason_code,
    }
    return {name: value for name, value in told.items() if value} | {"failed-session-count": failure.count}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReportMail:
    """A report to be mailed. `domain` is whom it is about; who writes is `header_from`."""

    report: TlsReport
    domain: str
    header_from: Address
    to: Address
    message_id: str
    sent_at: datetime


def packed(report: TlsReport) -> bytes:
    """The JSON in a gzip, without the time of packing, so that a second try sends the same."""
    return gzip.compress(tls_json(report), mtime=0)


def render_tls_report(mail: TlsReportMail) -> bytes:
    """The message. Raises ComposeError for an address or an id that can't stand in a header."""
    faults = [*address_faults(mail.header_from, "from"), *address_faults(mail.to, "to"), *own_id_faults(mail.message_id)]
    if faults:
        raise ComposeError(*faults)
    submitter, report = mail.header_from.domain, mail.report
    words = text_part("plain", f"This is a report on TLS to the mail exchangers of {mail.domain}, made automatically.\n")
    body = around("report", (words, _file(mail)), boundaries(mail.message_id, words.content), ("report-type", "tlsrpt"))
    head = (
        f"Date: {date_text(mail.sent_at)}\r\n",
        f"Message-ID: {mail.message_id}\r\n",
        address_field("From", [mail.header_from]),
        address_field("To", [mail.to]),
        text_field("Subject", f"Report Domain: {mail.domain} Submitter: {submitter} Report-ID: <{report.report_id}>"),
        text_field("TLS-Report-Domain", mail.domain),
        text_field("TLS-Report-Submitter", submitter),
        "Auto-Submitted: auto-generated\r\n",
        "MIME-Version: 1.0\r\n",
        body.fields,
    )
    return b"".join(("".join(head).encode(), b"\r\n", *written(body)))


def _file(mail: TlsReportMail) -> Part:
    report = mail.report
    name = f"{mail.header_from.domain}!{mail.domain}!{report.start}!{report.end}!001.json.gz"
    fields = parameter_field("Content-Type", MEDIA_TYPE, (("name", name),))
    fields += "Content-Transfer-Encoding: base64\r\n"
    fields += parameter_field("Content-Disposition", "attachment", (("filename", name),))
    return Part(fields, (encode_base64(packed(report)),))
