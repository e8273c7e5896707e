"""What the machine gives: time, randomness, processors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Time, in milliseconds since 1970 UTC."""

    def now(self) -> int:
        """The time now."""


class Ids(Protocol):
    """Randomness."""

    def new(self, prefix: str) -> str:
        """A new id: the prefix, `_`, and at least 76 random bits of its own in lower-case letters and digits."""

    def secret(self, size: int) -> bytes:
        """`size` random bytes for keys and tokens."""


class Cpu(Protocol):
    """Work that must not stall the loop (signing, large messages): runs a function in a thread."""

    async def run(self, work: Callable[[], T]) -> T: ...
