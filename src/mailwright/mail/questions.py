"""The DNS questions that pure code may ask, and `answer()`, which drives a check without a network.

A check that needs DNS is a generator: it yields a `Question` (or a tuple of them, to be asked in parallel), is sent the
`Answer` (or the tuple of answers) and returns its verdict. `resolve` in net/resolver.py is the driver with sockets.
Records are strings in presentation form: TXT joined without quotes, MX "10 mx.example", TLSA "3 1 1 <hex>".
Names are lower case and carry no final dot.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias, TypeVar

from mailwright.mail.zone_file import parse_zone

T = TypeVar("T")


class RecordType(StrEnum):
    """The record types that mail asks for."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    NS = "NS"
    PTR = "PTR"
    SOA = "SOA"
    TLSA = "TLSA"
    TXT = "TXT"


class Question(NamedTuple):
    """What is asked: a name (lower case, no final dot) and a type."""

    name: str
    type: RecordType


class Status(StrEnum):
    """How a question was answered. NODATA: the name exists without records of this type (RFC 2308 §2.2)."""

    OK = "ok"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `records` is empty unless `status` is OK; `authenticated` is the AD bit of a resolver we trust.

    `alias` is the name that the records stand at, where that is another than was asked for.
    """

    status: Status
    records: tuple[str, ...] = ()
    ttl: int = 300
    authenticated: bool = False
    alias: str = ""

    @property
    def void(self) -> bool:
        """True where the lookup succeeded and gave nothing (RFC 7208 §4.6.4)."""
        return self.status in (Status.NODATA, Status.NXDOMAIN)

    @property
    def trouble(self) -> bool:
        """True where DNS failed, so that nothing can be said: a temporary error."""
        return self.status in (Status.SERVFAIL, Status.TIMEOUT)


Asks: TypeAlias = Generator[Question | tuple[Question, ...], Any, T]


def ask(name: str, record_type: RecordType) -> Asks[Answer]:
    """Ask one question; `answer = yield from ask(name, RecordType.TXT)`."""
    reply: Answer = yield Question(name.rstrip(".").lower(), record_type)
    return reply


def ask_all(questions: Iterable[Question]) -> Asks[tuple[Answer, ...]]:
    """Ask several questions at once; the answers come in the same order."""
    asked = tuple(questions)
    replies: tuple[Answer, ...] = (yield asked) if asked else ()
    return replies


def together(*checks: Asks[Any]) -> Asks[tuple[Any, ...]]:
    """Run several checks side by side: each round asks, in one tuple, whatever all of them want to know next."""
    results: list[Any] = [None] * len(checks)
    told: list[tuple[int, Any]] = [(index, None) for index in range(len(checks))]
    while True:
        waiting: list[tuple[int, Question | tuple[Question, ...]]] = []
        asked: dict[Question, None] = {}
        for index, reply in told:
            try:
                wanted = checks[index].send(reply)
            except StopIteration as stop:
                results[index] = stop.value
                continue
            waiting.append((index, wanted))
            if isinstance(wanted, Question):
                asked[wanted] = None
            else:
                asked.update(dict.fromkeys(wanted))
        if not waiting:
            return tuple(results)
        replies = dict(zip(asked, (yield tuple(asked)), strict=True))
        told = [(i, replies[w] if isinstance(w, Question) else tuple([replies[q] for q in w])) for i, w in waiting]


_SEEN = 1000  # characters: an RSA key of 4096 bits fits


def seen(question: Question, answer: Answer) -> str:
    """What DNS said, as one line for the `steps` of a verdict: the records as they were, or why there are none."""
    return f"{question.name} {question.type}: {' | '.join(answer.records) or answer.status}"[:_SEEN]


def answer(check: Asks[T], lookup: Callable[[Question], Answer]) -> T:
    """Drive a check with a plain function (a `Zone`, say) and return its verdict."""
    reply: Any = None
    try:
        while True:
            wanted = check.send(reply)
            reply = lookup(wanted) if isinstance(wanted, Question) else tuple(lookup(q) for q in wanted)
    except StopIteration as stop:
        verdict: T = stop.value
        return verdict


@dataclass(frozen=True, slots=True)
class Zone:
    """All of DNS as a table: call it with a question. A name that is not in it does not exist.

    Values are records in presentation form, or `!servfail`, `!timeout`, `!nxdomain`, `!nodata` for trouble.
    """

    records: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Zone:
        """Read a zone file (zone_file.py says how it is written). Raises BadZoneFile, a ValueError naming the line."""
        return cls(parse_zone(text))

    def __call__(self, question: Question) -> Answer:
        name = question.name
        for _ in range(10):  # follows CNAMEs, as a recursive resolver does
            found = self.records.get((name, question.type)) or self.records.get((name, "*"))
            if found:
                break
            alias = self.records.get((name, RecordType.CNAME))
            if not alias:
                return Answer(Status.NODATA if self._exists(name) else Status.NXDOMAIN)
            name = alias[0].rstrip(".").lower()
        else:
            return Answer(Status.SERVFAIL)
        if found[0].startswith("!"):
            return Answer(Status(found[0][1:].lower()))
        return Answer(Status.OK, found, alias="" if name == question.name else name)

    def _exists(self, name: str) -> bool:
        # RFC 8020: a name exists when it has records, or when any name below it does.
        below = "." + name
        return any(known == name or known.endswith(below) for known, _ in self.records)
