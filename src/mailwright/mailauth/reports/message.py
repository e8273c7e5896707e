"""Which part of a message is a report, and of which kind?

Standards: RFC 9990 §3.2 (attachment and its name), RFC 8460 §5.3 (multipart/report; report-type=tlsrpt, TLS-Report-Domain).
Reporters keep to none of these all the time, so where no other sign is there the first octets of the content decide.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from mailwright.mail.mime import Part, leaves
from mailwright.mailauth.reports.dmarc import parse_dmarc_report
from mailwright.mailauth.reports.model import DmarcReport, TlsReport, Unreadable, Unusable
from mailwright.mailauth.reports.tls import parse_tls_report
from mailwright.mailauth.reports.unpacking import MAX_OCTETS, beginning, unpacked

Report: TypeAlias = DmarcReport | TlsReport

MAX_PARTS = 5  # that are tried
_HEAD = 4096  # octets of a part that are looked at to see what it is

_TLS_TYPES = ("application/tlsrpt+json", "application/tlsrpt+gzip")
_TYPE_NAMES = """
application/gzip application/x-gzip application/zip application/x-zip application/x-zip-compressed text/xml
application/xml application/gzip-compressed application/json application/tlsrpt+json application/tlsrpt+gzip
"""
_TYPES = frozenset(_TYPE_NAMES.split())
_NAMED = re.compile(r"(?:\.xml|\.json|\.xml\.gz|\.json\.gz|\.gz|\.zip)$", re.IGNORECASE)
_FILE = re.compile(r"^[^!]{1,255}![^!]{1,255}!\d{1,15}!\d{1,15}")  # receiver!policydomain!begin!end
_SUBJECT = re.compile(r"report\s{1,4}domain:", re.IGNORECASE)
_OPENING = re.compile(rb"<(?:[A-Za-z0-9_-]{1,20}:)?feedback[\s>]|[{,]\s{0,20}\"(?:organization-name|report-id)\"\s{0,5}:")


def read_report(root: Part) -> Report | Unreadable | None:
    """The report that a message carries; None where it shows no sign of being one. Never raises.

    It shows one by its header, by the name of a file, by a type that only reports have, or by how a file begins.
    """
    parts = [part for part in leaves(root) if _may_hold(part)][:MAX_PARTS]
    if not parts or not (_announced(root) or any(map(_signed, parts)) or any(map(_begins, parts))):
        return None
    trouble: Unreadable | None = None
    for part in parts:
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
    name = part.filename or ""
    if part.content_type in _TYPES or _NAMED.search(name) or _FILE.match(name):
        return True
    # RFC 2046 §4.5.1: octets of whatever kind; a name without an ending tells no more.
    return part.content_type == "application/octet-stream" and "." not in name


def _announced(root: Part) -> bool:
    if _SUBJECT.search((root.header.value("subject") or "")[:1000]):
        return True
    return root.params.get("report-type", "").lower() == "tlsrpt" or root.header.first("tls-report-domain") is not None


def _begins(part: Part) -> bool:
    # Without its NULs, UTF-16 is ASCII enough.
    return _OPENING.search(beginning(part.decoded(_HEAD), _HEAD).replace(b"\0", b"")) is not None


def _signed(part: Part) -> bool:
    return part.content_type in _TLS_TYPES or bool(_FILE.match(part.filename or ""))
