"""What receivers report of our mail: DMARC aggregate reports and TLS reports, read.

Standards: RFC 9990 and the older RFC 7489 appendix C (DMARC), RFC 8460 (TLS-RPT), RFC 1952 (gzip).
Pure; never raises: what can't be used is an `Unreadable` that says why. Whatever a report unpacks to is bounded, in size and
in what it grows by (S12); XML with a document type or an entity of its own is refused.
Nothing in a report is proved by the report: whoever knows the address may send one.
Not here: failure reports (mail/arf.py reads them), sending reports.
"""

from mailwright.mailauth.reports.dmarc import parse_dmarc_report
from mailwright.mailauth.reports.message import Report, read_report
from mailwright.mailauth.reports.model import (
    DkimResult,
    DmarcRecord,
    DmarcReport,
    PublishedPolicy,
    SpfResult,
    TlsFailure,
    TlsPolicy,
    TlsReport,
    Unreadable,
    Unusable,
)
from mailwright.mailauth.reports.summary import summary
from mailwright.mailauth.reports.tls import parse_tls_report

__all__ = [
    "DkimResult",
    "DmarcRecord",
    "DmarcReport",
    "PublishedPolicy",
    "Report",
    "SpfResult",
    "TlsFailure",
    "TlsPolicy",
    "TlsReport",
    "Unreadable",
    "Unusable",
    "parse_dmarc_report",
    "parse_tls_report",
    "read_report",
    "summary",
]
