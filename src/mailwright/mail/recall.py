"""Was this asked before, and was the answer the same? Then so is the verdict, and nobody has to come to it again.

A check that asks by yielding depends on its arguments and on what it is told, on nothing else. A `Memory` keeps what checks
asked, what they were told and what they came to. The next time the questions are asked as ever, and where all answers are what
they were, so is the verdict: nothing outlives what DNS says.
Pure. Bounded in number and size. Not here: keeping answers (net/resolver.py).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeAlias, TypeVar

from mailwright.mail.questions import Answer, Asks

T = TypeVar("T")
Round: TypeAlias = tuple[Any, Any]  # what was asked, and the answer or the answers

MAX_HELD = 2000  # checks
MAX_TOLD = 4096  # characters of records that one check was told; who needs more is asked anew each time


class Memory(Generic[T]):
    """What checks of one kind came to, by their arguments."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[tuple[Round, ...], T]] = {}

    def recall(self, key: Hashable, afresh: Callable[[], Asks[T]], lasts: Callable[[T], bool] = lambda _: True) -> Asks[T]:
        """The verdict of `afresh`. It is kept where it `lasts`: where it depends on `key` and the answers alone."""
        told: list[Any] = []
        held = self._held.get(key)
        if held is not None:
            for wanted, before in held[0]:
                reply = yield wanted
                told.append(reply)
                if reply is not before and reply != before:
                    break
            else:
                return held[1]
        rounds: list[Round] = []
        verdict = yield from _recorded(afresh(), told, rounds)
        if lasts(verdict) and sum(map(_size, rounds)) <= MAX_TOLD:
            if len(self._held) >= MAX_HELD:
                self._held.clear()
            self._held[key] = tuple(rounds), verdict
        return verdict


def _recorded(check: Asks[T], told: list[Any], rounds: list[Round]) -> Asks[T]:
    """Drive a check, first with what is `told` already."""
    reply: Any = None
    try:
        while True:
            wanted = check.send(reply)
            reply = told[len(rounds)] if len(rounds) < len(told) else (yield wanted)
            rounds.append((wanted, reply))
    except StopIteration as stop:
        verdict: T = stop.value
        return verdict


def _size(one: Round) -> int:
    answers = (one[1],) if isinstance(one[1], Answer) else one[1]
    return sum(len(record) for answer in answers for record in answer.records)
