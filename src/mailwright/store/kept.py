"""Rows that seldom change, kept as they were read: every message asks for its key, mailbox, domain and agent.

For scripts that run on the event loop, those that write and those that read. Whoever writes a row of a noun makes
all that is kept of it void from that statement on; until the commit (or its failure) such rows are read from the database,
by everybody, so that nobody sees what is not committed, and a reading script sees one state.
The counters of a mailbox are no part of this: `advance` changes them at every message, and tells them.
Not here: scripts that browse in threads; they read for themselves.
"""

from __future__ import annotations

from typing import Any

from mailwright.store.rows import Value

NOUNS = frozenset({"keys", "domains", "agents", "mailboxes"})
MOST = 10_000  # rows of one noun


class Kept:
    """What is kept of some nouns, by the statement and the values that found it."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._rows: dict[str, dict[tuple[Value, ...], Any]] = {noun: {} for noun in NOUNS}
        self._changing: set[str] = set()

    def of(self, noun: str) -> dict[tuple[Value, ...], Any] | None:
        """The rows of a noun, to look into and to add to; None while it is being changed."""
        if noun in self._changing:
            return None
        rows = self._rows[noun]
        if len(rows) >= MOST:
            rows.clear()
        return rows

    def changes(self, noun: str) -> None:
        """A script writes such a row."""
        if noun in NOUNS:
            self._changing.add(noun)

    def settle(self) -> None:
        """What was written is committed, or undone."""
        for noun in self._changing:
            self._rows[noun].clear()
        self._changing.clear()
