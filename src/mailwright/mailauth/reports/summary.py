"""What a report says, as callers are told it: the same words over REST, in events and on the command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mailwright.mailauth.reports.model import DmarcReport, TlsReport

Json = dict[str, Any]


def summary(report: DmarcReport | TlsReport, rows: int | None = None) -> Json:
    """The report as JSON, with its first `rows` rows (all where that is None)."""
    return _dmarc(report, rows) if isinstance(report, DmarcReport) else _tls(report, rows)


def _dmarc(report: DmarcReport, rows: int | None) -> Json:
    return {
        "kind": "dmarc",
        "organization": report.org_name,
        "contact": report.email,
        "report_id": report.report_id,
        "begin": report.begin,
        "end": report.end,
        "domain": report.policy.domain,
        "policy": {name: value for name, value in asdict(report.policy).items() if value and name != "domain"},
        "messages": sum(one.count for one in report.records),
        "passed": sum(one.count for one in report.records if one.passed),
        "records": [_record(one) for one in report.records[:rows]],
        "truncated": rows is not None and len(report.records) > rows,
        "errors": list(report.errors),
        "defects": list(report.defects),
    }


def _record(one: Any) -> Json:
    found = asdict(one)
    found["reasons"] = [{"type": kind, "comment": comment} for kind, comment in one.reasons]
    return found


def _tls(report: TlsReport, rows: int | None) -> Json:
    return {
        "kind": "tls",
        "organization": report.organization_name,
        "contact": report.contact_info,
        "report_id": report.report_id,
        "begin": report.start,
        "end": report.end,
        "domain": next((one.domain for one in report.policies if one.domain), ""),
        "sessions": sum(one.successful + one.failed for one in report.policies),
        "failed": sum(one.failed for one in report.policies),
        "policies": [asdict(one) for one in report.policies[:rows]],
        "truncated": rows is not None and len(report.policies) > rows,
    }
