"""The table: for each fault its rounds, what was acknowledged, what was lost, what came twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from crash.oracle import Verdict

ROW = "{:<29} {:>6} {:>7} {:>7} {:>7} {:>5} {:>9} {:>11} {:>6}"
HEAD = ROW.format("fault", "rounds", "struck", "250s", "202s", "lost", "dup. told", "dup. untold", "wrong")


@dataclass(slots=True)
class Line:
    """All rounds of one fault."""

    fault: str
    rounds: int = 0
    struck: int = 0
    accepted: int = 0
    taken: int = 0
    lost: int = 0
    told: int = 0
    untold: int = 0
    wrong: int = 0  # rounds in which some other promise was broken

    def add(self, verdict: Verdict, *, struck: bool) -> None:
        """One more round."""
        self.rounds += 1
        self.struck += struck
        self.accepted += verdict.accepted
        self.taken += verdict.taken
        self.lost += len(verdict.lost)
        self.told += verdict.told
        self.untold += len(verdict.untold)
        self.wrong += bool(verdict.wrongs)

    def __str__(self) -> str:
        """A row."""
        counts = (self.rounds, self.struck, self.accepted, self.taken, self.lost, self.told, self.untold, self.wrong)
        return ROW.format(self.fault, *counts)


@dataclass(slots=True)
class Report:
    """All rounds."""

    lines: dict[str, Line] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def add(self, fault: str, seed: int, verdict: Verdict, *, struck: bool) -> None:
        """One more round."""
        self.lines.setdefault(fault, Line(fault)).add(verdict, struck=struck)
        if not verdict.good:
            what = [f"lost {one}" for one in verdict.lost] + [f"untold duplicate {one}" for one in verdict.untold]
            self.failed.append(f"SEED={seed} ({fault}): {'; '.join([*what, *verdict.wrongs])[:600]}")

    @property
    def total(self) -> Line:
        """All faults together."""
        total = Line("all")
        for line in self.lines.values():
            for name in Line.__dataclass_fields__:
                if name != "fault":
                    setattr(total, name, getattr(total, name) + getattr(line, name))
        return total

    def table(self, order: Iterable[str]) -> str:
        """As text."""
        rows = [str(self.lines[name]) for name in order if name in self.lines]
        return "\n".join([HEAD, *rows, str(self.total)])
