"""How a host or a person outside takes mail: gladly, not at all, later, or by hanging up at the worst moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mailwright.core.ports import Deferred, Delivered, Outcome, Parcel, Rejected, Unknown
from mailwright.mail.dsn import split_reply

# For a parcel, one of its recipients and the time (ms): the outcome, and whether the letter is kept.
Conduct = Callable[[Parcel, str, int], tuple[Outcome, bool]]

TAKEN = Delivered(250, "2.0.0", "taken")
HUNG_UP = Unknown("the connection was lost after the final dot")
MINUTE = 60_000


def outcome_of(reply: str) -> Outcome:
    """A reply such as "550 5.1.1 no such user" as a courier reports it."""
    said = split_reply(reply)
    if said.code is None:
        raise ValueError(f"a reply starts with its code, as in '550 5.1.1 no such user': {reply!r}")
    enhanced = str(said.enhanced) if said.enhanced else None
    kinds: dict[int, type[Delivered | Deferred | Rejected]] = {2: Delivered, 4: Deferred, 5: Rejected}
    return kinds[said.code // 100](said.code, enhanced, said.text)


@dataclass
class Conducted:
    """Somebody whose conduct a test chooses. What is chosen last counts; `times` says for how many tries."""

    _conduct: Conduct | None = field(default=None, init=False)
    _times: int | None = field(default=None, init=False)

    def accepts(self) -> None:
        """Take everything, as at the beginning."""
        self._choose(None, None)

    def answers(self, reply: str, *, times: int | None = None) -> None:
        """Give this reply: "550 5.1.1 no such user" refuses for good, "451 4.7.1 later" for now."""
        outcome = outcome_of(reply)
        self._choose(lambda parcel, address, now: (outcome, isinstance(outcome, Delivered)), times)

    def greylists(self, *, minutes: float = 5) -> None:
        """Refuse each sending domain until it has been known for that long (RFC 6647)."""
        first: dict[tuple[str, str], int] = {}

        def conduct(parcel: Parcel, address: str, now: int) -> tuple[Outcome, bool]:
            met = first.setdefault((parcel.mail_from.rpartition("@")[2], address), now)
            if now - met < minutes * MINUTE:
                return Deferred(451, "4.7.1", "greylisted, come again"), False
            return TAKEN, True

        self._choose(conduct, None)

    def vanishes(self, *, keeping: bool = True, times: int | None = None) -> None:
        """Hang up after the final dot: only whoever keeps the letter knows that it came."""
        self._choose(lambda parcel, address, now: (HUNG_UP, keeping), times)

    def _choose(self, conduct: Conduct | None, times: int | None) -> None:
        self._conduct, self._times = conduct, times

    def conduct(self, parcel: Parcel, address: str, now: int) -> tuple[Outcome, bool] | None:
        """What becomes of a parcel; None where nothing was chosen."""
        if self._conduct is None or self._times == 0:
            return None
        if self._times is not None:
            self._times -= 1
        return self._conduct(parcel, address, now)
