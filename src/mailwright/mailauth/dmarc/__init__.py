"""DMARC: is the author domain authenticated, and what does its owner want done if it is not?

Standards: RFC 9989 (obsoletes 7489 and 9091): DNS Tree Walk in place of public suffix lists.
Pure: asks DNS by yielding questions.
Read first: record.py (the grammar), discovery.py (the walk), evaluate.py (`evaluate`), lint.py (advice to owners).
Not here: aggregate reports (dmarc_reports.py).
"""

from mailwright.mailauth.dmarc.discovery import Discovery, discover, organizational_domain
from mailwright.mailauth.dmarc.evaluate import (
    DmarcResult,
    DmarcVerdict,
    Identifier,
    Method,
    author_domain,
    evaluate,
    identifiers,
    judge,
    not_applicable,
)
from mailwright.mailauth.dmarc.lint import DmarcAdvice, DmarcFinding, lint
from mailwright.mailauth.dmarc.record import Alignment, DmarcRecord, Policy, Psd, parse_record

__all__ = [
    "Alignment",
    "Discovery",
    "DmarcAdvice",
    "DmarcFinding",
    "DmarcRecord",
    "DmarcResult",
    "DmarcVerdict",
    "Identifier",
    "Method",
    "Policy",
    "Psd",
    "author_domain",
    "discover",
    "evaluate",
    "identifiers",
    "judge",
    "lint",
    "not_applicable",
    "organizational_domain",
    "parse_record",
]
