"""TLS reports: could others reach us over TLS, and if not, why?

Standards: RFC 8460 §4.4 (fields), §4.3 (result types; unknown ones are kept).
Not here: which attachment of a message it is (message.py), sending them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from mailwright.mail.json_text import whole_characters
from mailwright.mailauth.reports.model import TlsFailure, TlsPolicy, TlsReport, Unreadable, Unusable
from mailwright.mailauth.reports.unpacking import unpacked

MAX_JSON = 5 * 1024 * 1024  # as objects it takes twenty times the room
MAX_ITEMS = 10_000  # of one list
MAX_TEXT = 1000


def parse_tls_report(octets: bytes) -> TlsReport | Unreadable:
    """The report in a file: JSON, plain or in a gzip or zip. Never raises."""
    document = unpacked(octets)
    if isinstance(document, Unreadable):
        return document
    if len(document) > MAX_JSON:
        return Unreadable(Unusable.TOO_LARGE)
    try:
        found = json.loads(whole_characters(document.decode("utf-8-sig", "replace")))
    except (ValueError, RecursionError) as wrong:
        return Unreadable(Unusable.NOT_JSON, str(wrong)[:200])
    if not isinstance(found, dict) or not isinstance(found.get("policies"), list):
        return Unreadable(Unusable.NOT_A_REPORT, "no list of policies")
    dates = _table(found.get("date-range"))
    return TlsReport(
        organization_name=_text(found, "organization-name"),
        contact_info=_text(found, "contact-info"),
        report_id=_text(found, "report-id"),
        start=_moment(dates, "start-datetime"),
        end=_moment(dates, "end-datetime"),
        policies=tuple(_policy(_table(one)) for one in found["policies"][:MAX_ITEMS]),
    )


def _policy(found: dict[str, Any]) -> TlsPolicy:
    policy, summary = _table(found.get("policy")), _table(found.get("summary"))
    return TlsPolicy(
        type=_text(policy, "policy-type").lower(),
        domain=_text(policy, "policy-domain").lower(),
        strings=_texts(policy, "policy-string"),
        # RFC 8460 §4.4 shows both names, and erratum 5889 both a string and a list.
        mx_hosts=_texts(policy, "mx-host") or _texts(policy, "mx-host-pattern"),
        successful=_count(summary, "total-successful-session-count"),
        failed=_count(summary, "total-failure-session-count"),
        failures=tuple(_failure(_table(one)) for one in _list(found.get("failure-details"))),
    )


def _failure(found: dict[str, Any]) -> TlsFailure:
    return TlsFailure(
        result_type=_text(found, "result-type").lower(),
        count=_count(found, "failed-session-count"),
        sending_mta_ip=_text(found, "sending-mta-ip"),
        receiving_mx_hostname=_text(found, "receiving-mx-hostname"),
        receiving_mx_helo=_text(found, "receiving-mx-helo"),
        receiving_ip=_text(found, "receiving-ip"),
        additional_information=_text(found, "additional-information") or _text(found, "additional-info-uri"),
        failure_reason_code=_text(found, "failure-reason-code") or _text(found, "failure-error-code"),
    )


def _table(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _list(found: Any) -> list[Any]:
    return found[:MAX_ITEMS] if isinstance(found, list) else []


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _texts(found: dict[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name)
    items = [value] if isinstance(value, str) else _list(value)
    return tuple(one[:MAX_TEXT] for one in items if isinstance(one, str))


def _count(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) and 0 <= value < 10**15 else 0


def _moment(found: dict[str, Any], name: str) -> int | None:
    try:
        moment = datetime.fromisoformat(_text(found, name).strip())
        # RFC 8460 §4.4: in UTC, also where somebody leaves that out.
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
