"""Rates, pure: how many connections a destination bears, and when to try again.

Concurrency to a destination rises by 1/N with each success and falls to half when a run of failures begins; after
`DEAD_AFTER` failures in a row the destination gets one connection at a time until something succeeds.
Not here: who waits for what (workers.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

START, LEAST, MOST = 5.0, 1.0, 20.0
DEAD_AFTER = 8

MINUTE = 60_000
# SM-3: by the number of tries so far; the last one repeats until the delivery is too old.
BACK_OFF = tuple(m * MINUTE for m in (1, 5, 15, 30, 60, 120, 240))
GREYLISTED = 5 * MINUTE  # RFC 6647 §2.3: receivers want some minutes to pass


@dataclass(frozen=True, slots=True)
class Pace:
    """How many deliveries to one destination may run at once, and how many of the last ones failed in a row."""

    limit: float = START
    failures: int = 0

    @property
    def slots(self) -> int:
        """The limit as a whole number, at least one."""
        return max(1, int(self.limit))


def succeeded(pace: Pace) -> Pace:
    """A delivery was answered, whatever the answer said of the recipient."""
    return Pace(min(MOST, pace.limit + 1 / max(pace.limit, 1.0)), 0)


def failed(pace: Pace) -> Pace:
    """The destination could not be reached, or said that it is too much."""
    halved = pace.limit / 2 if pace.failures == 0 else pace.limit
    limit = LEAST if pace.failures + 1 >= DEAD_AFTER else max(LEAST, halved)
    return replace(pace, limit=limit, failures=pace.failures + 1)


def retry_delay(attempts: int, spread: float) -> int:
    """Milliseconds until the next try, after `attempts` tries; `spread` in [0, 1) places it within +-20 %."""
    base = BACK_OFF[min(max(attempts, 1), len(BACK_OFF)) - 1]
    return int(base * (0.8 + 0.4 * spread))
