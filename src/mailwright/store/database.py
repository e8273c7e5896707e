"""What the tables need of a database, whichever it is; and what a script leaves behind for the commit.

Not here: what is asked (queries/, tables/), transactions and connections (sqlite/).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from mailwright.core.ports import Script, Tx
from mailwright.store.kept import Kept
from mailwright.store.rows import Value
from mailwright.store.statements import Statement

T = TypeVar("T")
Found = tuple[Any, ...]


@dataclass(slots=True)
class Notes:
    """What a script did that concerns others once it is committed; forgotten when it is rolled back."""

    topics: set[str] = field(default_factory=set)
    words: dict[int, Sequence[str]] = field(default_factory=dict)  # of new messages, by seq
    rewritten: dict[int, Sequence[str] | None] = field(default_factory=dict)  # of messages that changed; None: that went
    unneeded: list[str] = field(default_factory=list)  # blobs whose file may go

    def take(self, other: Notes) -> None:
        """Add what another script left."""
        self.topics |= other.topics
        self.words |= other.words
        self.rewritten |= other.rewritten
        self.unneeded += other.unneeded


class Database(Protocol):
    """One connection inside one transaction."""

    notes: Notes
    kept: Kept | None  # where rows that seldom change need not be read each time

    async def one(self, statement: Statement, values: Sequence[Value]) -> Found | None:
        """The first row, if any."""

    async def all(self, statement: Statement, values: Sequence[Value]) -> list[Found]:
        """All rows."""

    async def run(self, statement: Statement, values: Sequence[Value]) -> int:
        """How many rows were changed. Raises Taken where a unique value is in use."""

    async def insert(self, statement: Statement, values: Sequence[Value]) -> int | None:
        """The number that the new row got from its identity column, or None where a unique value is in use."""

    async def many(self, statement: Statement, rows: Iterable[Sequence[Value]]) -> None:
        """Run it once for each."""

    def searched(self, scope: str, words: Sequence[str]) -> str:
        """How this database is asked for the messages within `scope` (an id) that have all the words."""


def drive(script: Script[T], tx: Tx) -> T:
    """Run a script whose transaction never suspends, to its end, at once.

    Raises RuntimeError for one that awaits anything else: between two statements nobody else may come in.
    """
    steps = script(tx).__await__()
    try:
        next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result
    getattr(steps, "close", lambda: None)()
    raise RuntimeError("a script may await nothing but its transaction")
