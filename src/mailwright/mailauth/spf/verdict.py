"""What SPF says of one message, as a value that explains itself.

Standards: RFC 7208 §2.6 (results), RFC 7372 §3 (reply codes).
Pure; no code but the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from mailwright.values import dataclass


class SpfResult(StrEnum):
    """The seven results, by the names that Authentication-Results uses (RFC 8601 §2.7.2)."""

    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class SpfScope(StrEnum):
    """Which identity was checked (RFC 7208 §2.3, §2.4)."""

    MFROM = "mfrom"
    HELO = "helo"


@dataclass(frozen=True, slots=True)
class SpfVerdict:
    """The answer of `check_host`, with what led to it.

    `mechanism` is the term that matched, as published; `record` the text of the record that decided. `reason` says
    in words why there was an error or no record. `explanation` is the owner's text for a fail: words of strangers.
    `lookups` counts terms that ask DNS (at most 10 without an error), `void_lookups` those that found nothing.
    """

    result: SpfResult
    domain: str
    scope: SpfScope
    mechanism: str | None = None
    explanation: str = ""
    lookups: int = 0
    void_lookups: int = 0
    record: str | None = None
    reason: str = ""
    steps: tuple[str, ...] = ()


# RFC 7372 §3.2: the reply of a receiver that refuses for this result. Results that are not here are never refused.
REFUSALS: Mapping[SpfResult, tuple[int, str]] = MappingProxyType(
    {
        SpfResult.FAIL: (550, "5.7.23"),
        SpfResult.TEMPERROR: (451, "4.7.24"),
        SpfResult.PERMERROR: (550, "5.7.24"),
    }
)
