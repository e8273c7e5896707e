"""What came of one recipient, as a value.

Delivered, Deferred and Rejected follow the peer's reply or our own knowledge before anything was sent. Unknown is told
exactly when the end of the message left and no readable reply to it came back (I6): it may or may not have arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Delivered:
    """The peer took over the responsibility (RFC 5321 §4.2.5)."""

    code: int
    enhanced: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now; another attempt may succeed. `code` is None where the peer said nothing."""

    code: int | None
    enhanced: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never in this form. `code` is None where we knew without asking (SIZE, SMTPUTF8, 8BITMIME)."""

    code: int | None
    enhanced: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The whole message went out, and the reply to it never came."""

    text: str


Outcome: TypeAlias = Delivered | Deferred | Rejected | Unknown
