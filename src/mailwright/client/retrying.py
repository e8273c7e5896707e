"""When is a request tried again, and after how long? And what is raised when it is not?

Pure: `asking` yields what to do next (`Try`, `Pause`) and is told what came of it; the lines are its pumps.
Standards: RFC 9110 §10.2.3 (Retry-After).
Tried again: lost connections, 429, 502, 503, 504, and 409 `idempotency_in_flight`, which is our own first try at work. Every
POST carries an Idempotency-Key, so that a second try never acts twice.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import StrEnum
from itertools import count
from time import time
from typing import Any

from mailwright.client.calling import Answer, Call
from mailwright.client.errors import Garbled, MailwrightError, RateLimited, Refused, TimedOut, Unavailable, Unreachable, kind_of

AGAIN = frozenset({429, 502, 503, 504})


class Loss(StrEnum):
    """Why no answer came."""

    NOT_REACHED = "not_reached"  # nobody took the connection
    LATE = "late"  # nothing was heard for too long
    BROKEN = "broken"  # the connection ended in the middle


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try again, and how long to wait: doubling from `first` to `longest` seconds, with jitter.

    A server that asks for more than `most` seconds is not waited for: its refusal is raised, with `retry_after`.
    """

    tries: int = 5
    first: float = 0.5
    longest: float = 8.0
    most: float = 60.0
    bears: frozenset[Loss] = frozenset(Loss)  # the losses after which it tries again

    def endless(self) -> Patience:
        """The same, without an end: for what went well before and shall outlive a restart of the server."""
        return replace(self, tries=sys.maxsize, bears=frozenset(Loss))

    def pause(self, attempt: int, asked: float | None, draw: Callable[[], float]) -> float:
        """Seconds before the next try; `draw` gives a number from 0 to 1. Never less than what the server asked for."""
        backoff = min(self.longest, self.first * 2.0 ** min(attempt, 30)) * (0.5 + draw() / 2)
        return backoff if asked is None else asked + draw() * self.first


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came."""

    reason: str
    why: Loss = Loss.BROKEN


@dataclass(frozen=True, slots=True)
class Try:
    """Send it."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


Asking = Generator[Try | Pause, Answer | Lost | None, Answer]


def asking(call: Call, patience: Patience, draw: Callable[[], float]) -> Asking:
    """Ask until there is an answer that counts; raises MailwrightError."""
    for attempt in count():
        got = yield Try()
        assert got is not None
        if isinstance(got, Answer) and 200 <= got.status < 300:
            return got
        if attempt and call.method == "DELETE" and isinstance(got, Answer) and got.status == 404:
            return Answer(204, got.headers, b"")  # the try before, whose answer was lost, took it away
        wrong = failure(got)
        if attempt + 1 >= patience.tries or not worth_another(got, wrong, patience):
            raise wrong
        yield Pause(patience.pause(attempt, wrong.retry_after, draw))
    raise AssertionError


def worth_another(got: Answer | Lost, wrong: MailwrightError, patience: Patience) -> bool:
    """Whether another try may go better, soon enough."""
    if isinstance(got, Lost):
        return got.why in patience.bears
    if (wrong.retry_after or 0) > patience.most:
        return False
    return got.status in AGAIN or wrong.code == "idempotency_in_flight"


def failure(got: Answer | Lost) -> MailwrightError:
    """What is raised for it."""
    if isinstance(got, Lost):
        kind = TimedOut if got.why is Loss.LATE else Unreachable
        return kind(f"{got.reason}.", fix="Is the address right, and does the server run?")
    request_id = got.headers.get("x-request-id", "")
    told = _error_in(got.body)
    if told is None:
        wrong: MailwrightError = Garbled(f"status {got.status} without a reason that we understand", request_id=request_id)
        if got.status in AGAIN:  # a proxy before the server
            before = RateLimited if got.status == 429 else Unavailable
            wrong = before(f"Something before the server says {got.status}.", code="unavailable")
    else:
        wrong = _refusal(got.status, told)
    wrong.status = got.status
    wrong.retry_after = seconds_in(got.headers.get("retry-after", ""))
    return wrong


def _error_in(body: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(body)["error"]
        return told if isinstance(told, dict) else None
    except (ValueError, TypeError, LookupError):
        return None


def _refusal(status: int, told: dict[str, Any]) -> Refused:
    texts = {name: str(told.get(name) or "") for name in ("code", "fix", "request_id")}
    return kind_of(status)(str(told.get("message") or ""), details=told.get("details"), **texts)


def seconds_in(text: str) -> float | None:
    """Retry-After in seconds: it is a number or a date."""
    if text.strip().isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, OverflowError):
        return None
