"""Time and randomness that a test holds in its hand."""

from __future__ import annotations

import hashlib

START = 1_780_000_000_000  # 28 May 2026, 20:26:40 UTC


class ManualClock:
    """A clock that stands still until it is moved (`core.ports.Clock`)."""

    def __init__(self, at: int = START) -> None:
        """`at` in milliseconds since 1970."""
        self.at = at

    def now(self) -> int:
        """The time that was set last."""
        return self.at

    def advance(self, milliseconds: int = 0, *, seconds: float = 0, hours: float = 0) -> int:
        """Move on by all of that together; the new time."""
        self.at += milliseconds + round(seconds * 1000) + round(hours * 3_600_000)
        return self.at


class CountingIds:
    """Ids that count up and secrets that follow from a seed (`core.ports.Ids`): the same in every run."""

    def __init__(self, seed: str = "") -> None:
        """Another seed gives other ids and secrets."""
        self._seed = seed
        self._count = 0

    def new(self, prefix: str) -> str:
        """The prefix, the seed, and a number; they sort in the order in which they were made."""
        self._count += 1
        return f"{prefix}_{self._seed}{self._count:024d}"

    def secret(self, size: int) -> bytes:
        """`size` bytes that look random."""
        self._count += 1
        return hashlib.shake_256(f"{self._seed}/{self._count}".encode()).digest(size)
