"""SPF: may this host send for this domain? And is this record a good one to publish?

Standards: RFC 7208 (lookup limits §4.6.4), RFC 7372 (reply codes), RFC 8616 (internationalised names).
Pure: asks DNS by yielding questions.
Read first: record.py (the grammar), evaluate.py (`check_host`), lint.py (advice to owners).
"""

from mailwright.mailauth.spf.evaluate import check_host
from mailwright.mailauth.spf.lint import SpfAdvice, SpfFinding, lint
from mailwright.mailauth.spf.record import Record, is_spf, parse_record
from mailwright.mailauth.spf.verdict import REFUSALS, SpfResult, SpfScope, SpfVerdict

__all__ = [
    "REFUSALS",
    "Record",
    "SpfAdvice",
    "SpfFinding",
    "SpfResult",
    "SpfScope",
    "SpfVerdict",
    "check_host",
    "is_spf",
    "lint",
    "parse_record",
]
