"""The DNS of the private world: what it always holds, and the records of every domain that the server knows.

A domain's records stand here from the moment it is added, as if its owner had published them at once; so `verify` finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mailwright.core.records import Record
from mailwright.mail.questions import Answer, Question, Zone

Published = Callable[[], Iterable[Record]]


class WorldZone:
    """Ask it a question. `fixed` is in the text form of `Zone`; `published` gives the records of the server's domains."""

    def __init__(self, fixed: str, published: Published) -> None:
        self._fixed = Zone.parse(fixed).records
        self._published = published

    def __call__(self, question: Question) -> Answer:
        table = dict(self._fixed)
        for record in self._published():
            key = (record.name, record.type.value)
            table[key] = (*table.get(key, ()), record.value)
        return Zone(table)(question)
