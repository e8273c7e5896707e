"""What the main process and a carrying process say to each other."""

from __future__ import annotations

from mailwright.config import Config
from mailwright.core.delivery import Job
from mailwright.core.ports import Report, Route, Settings, TlsResult
from mailwright.mail.outcomes import Deferred, Delivered, Outcome, Rejected, Unknown
from mailwright.system.line import Drain, Frame, Ping, Pong, Ready

_OUTCOMES = {kind.__name__: kind for kind in (Delivered, Deferred, Rejected)}


class Setup(Frame, frozen=True, tag=True, array_like=True):
    """The first frame: all that a process needs to know."""

    settings: Settings
    config: Config


class Carry(Frame, frozen=True, tag=True, array_like=True):
    """Take this there."""

    number: int
    job: Job
    route: Route
    raw: bytes


class Carried(Frame, frozen=True, tag=True, array_like=True):
    """What came of it, and the fields that were put on top."""

    number: int
    outcomes: tuple[tuple[str, int | None, str | None, str], ...]  # the kind's name, code, enhanced code, text
    transcript: tuple[str, ...]
    host: str | None
    address: str | None
    tls: str | None
    prefix: bytes
    tls_results: tuple[TlsResult, ...]

    def report(self) -> Report:
        """As core knows it."""
        return Report(tuple(map(_outcome, self.outcomes)), self.transcript, self.host, self.address, self.tls, self.tls_results)


ToProcess = Setup | Carry | Ping | Drain
FromProcess = Carried | Ready | Pong


def carried(number: int, report: Report, prefix: bytes) -> Carried:
    """As it is said."""
    outcomes = tuple(
        (type(one).__name__, getattr(one, "code", None), getattr(one, "enhanced", None), one.text) for one in report.outcomes
    )
    return Carried(number, outcomes, report.transcript, report.host, report.address, report.tls, prefix, report.tls_results)


def _outcome(said: tuple[str, int | None, str | None, str]) -> Outcome:
    kind, code, enhanced, text = said
    if kind == Unknown.__name__:
        return Unknown(text)
    outcome: Outcome = _OUTCOMES[kind](code, enhanced, text)  # type: ignore[arg-type]
    return outcome
