"""Which part of a message is a report, and of which kind?

Standards: RFC 9990 §3.2 (attachment and its name), RFC 8460 §5.3 (multipart/report; report-type=tlsrpt).
Reporters differ in everything but the name of the file and the subject, so the content decides.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from mailwright.mail.mime import Part, leaves
from mailwright.mailauth.reports.dmarc import parse_dmarc_report
from mailwright.mailauth.reports.model import DmarcReport, TlsReport, Unreadable, Unusable
from mailwright.mailauth.reports.tls import parse_tls_report
from mailwright.mailauth.reports.unpacking import MAX_OCTETS, unpacked

Report: TypeAlias = DmarcReport | TlsReport

MAX_PARTS = 5  # that are tried

_TLS_TYPES = ("application/tlsrpt+json", "application/tlsrpt+gzip")
_TYPE_NAMES = """
application/gzip application/x-gzip application/zip application/x-zip application/x-zip-compressed text/xml
application/xml application/gzip-compressed application/json application/tlsrpt+json application/tlsrpt+gzip
"""
_TYPES = frozenset(_TYPE_NAMES.split())
_NAMED = re.compile(r"(?:\.xml|\.json|\.xml\.gz|\.json\.gz|\.gz|\.zip)$", re.IGNORECASE)
_FILE = re.compile(r"^[^!]{1,255}![^!]{1,255}!\d{1,15}!\d{1,15}")  # receiver!policydomain!begin!end
_SUBJECT = re.compile(r"report\s{1,4}domain:", re.IGNORECASE)


def announced(subject: str) -> bool:
    """Whether a subject is that of a report (RFC 9990 §3.5.2, RFC 8460 §5.3)."""
    return _SUBJECT.search(subject[:1000]) is not None


def read_report(root: Part) -> Report | Unreadable | None:
    """The report that a message carries; None where it shows no sign of being one. Never raises.

    It shows one by its subject, by the name of a file, or by a type that only reports have.
    """
    parts = [part for part in leaves(root) if _may_hold(part)]
    if not parts or not (_SUBJECT.search(root.header.value("subject") or "") or any(map(_signed, parts))):
        return None
    trouble: Unreadable | None = None
    for part in parts[:MAX_PARTS]:
        found = read_file(part.decoded(MAX_OCTETS + 1))
        if not isinstance(found, Unreadable):
            return found
        trouble = trouble or found
    return trouble


def read_file(octets: bytes) -> Report | Unreadable:
    """The report in a file, of either kind."""
    document = unpacked(octets)
    if isinstance(document, Unreadable):
        return document
    head = document[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return parse_dmarc_report(document)
    if head.startswith(b"{"):
        return parse_tls_report(document)
    return Unreadable(Unusable.NOT_A_REPORT, "neither XML nor JSON")


def _may_hold(part: Part) -> bool:
    return part.content_type in _TYPES or bool(_NAMED.search(part.filename or ""))


def _signed(part: Part) -> bool:
    return part.content_type in _TLS_TYPES or bool(_FILE.match(part.filename or ""))
