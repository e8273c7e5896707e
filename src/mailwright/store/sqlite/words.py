"""Which messages are found by their words already, and which wait for it.

Adding to the index of words costs a few pages each time, however little is added. So new messages wait, in memory, until there
are BATCH of them; a search looks through those that wait one by one (they are the ones beyond the end of the index, so this is
right even after a crash, when the next start finds them there). What changes in an indexed message is indexed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailwright.store.database import Notes

BATCH = 200


@dataclass(slots=True)
class Plan:
    """What a group does to the index, and what waits after it."""

    waiting: dict[int, Sequence[str]]
    forget: list[int] = field(default_factory=list)
    add: dict[int, Sequence[str]] = field(default_factory=dict)


class WordIndex:
    """The messages that wait, by seq."""

    def __init__(self, waiting: dict[int, Sequence[str]]) -> None:
        """Those that a start found beyond the end of the index."""
        self._waiting = waiting

    def plan(self, notes: Notes) -> Plan:
        """What to do in the transaction that these notes are of."""
        plan = Plan(self._waiting | notes.words)
        for seq, words in notes.rewritten.items():
            indexed = plan.waiting.pop(seq, None) is None
            if indexed:
                plan.forget.append(seq)
            if words is not None:
                (plan.add if indexed else plan.waiting)[seq] = words
        if len(plan.waiting) >= BATCH:
            plan.add |= plan.waiting
            plan.waiting = {}
        return plan

    def done(self, plan: Plan) -> None:
        """It was committed."""
        self._waiting = plan.waiting
