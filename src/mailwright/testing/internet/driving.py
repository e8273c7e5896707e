"""Running coroutines to their end for a test that is no coroutine itself.

In the box nothing waits: the store is in memory, the network is function calls, time stands still. So a coroutine is stepped
through at once, without an event loop, and a test may be `async` or not. With a store that does wait (a disk), a loop is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Driver(Protocol):
    """Runs a coroutine to its end and gives its result, or raises what it raises."""

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it."""


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits; raises RuntimeError where it does."""
    try:
        while work.send(None) is None:
            pass
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("something in the box waits for the world outside of it")


class Looping:
    """A driver with an event loop of its own."""

    def __init__(self) -> None:
        """Start the loop."""
        self._runner = asyncio.Runner()

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it."""
        return self._runner.run(work)

    def close(self) -> None:
        """End the loop."""
        self._runner.close()
