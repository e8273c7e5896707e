"""What was measured, as tables: medians with their range, and ratios against the figure that was aimed at."""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Values = dict[str, float]  # what one run gave, by column


@dataclass(frozen=True, slots=True)
class Options:
    """How often, and where there is room for files."""

    repeats: int
    folder: Path
    profile: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What was aimed at: ours against a peer's row as a ratio, or against a figure of its own."""

    what: str
    row: str
    column: str
    bound: float
    beside: str = ""  # the peer's row; without one the bound is the figure itself
    at_most: bool = False

    def line(self, table: Table) -> tuple[str, str, str, str]:
        """What was aimed at, what was reached, whether."""
        ours, peer = table.median(self.row, self.column), table.median(self.beside, self.column) if self.beside else None
        sign = "at most" if self.at_most else "at least"
        aim = f"{sign} {self.bound:g}{' times' if self.beside else ''}"
        if ours is None or (self.beside and not peer):
            return self.what, aim, "not measured", ""
        reached = ours / peer if peer else ours
        met = reached <= self.bound if self.at_most else reached >= self.bound
        return self.what, aim, f"{_digits(reached)}{' times' if peer else ''}", "yes" if met else "no"


@dataclass(slots=True)
class Table:
    """The rows of one part: by name of row and column, the values of all repeats."""

    title: str
    columns: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    disturbed: int = 0  # runs that began while others were at work on the machine

    def add(self, row: str, values: Mapping[str, float]) -> None:
        """One more repeat of a row."""
        cells = self.rows.setdefault(row, defaultdict(list))
        for column, value in values.items():
            cells[column].append(value)

    def median(self, row: str, column: str) -> float | None:
        """The median of all repeats; None where nothing was measured."""
        values = self.rows.get(row, {}).get(column)
        return statistics.median(values) if values else None

    def markdown(self) -> str:
        """As people read it."""
        rows = [(name, *[_spread(cells.get(column, ())) for column in self.columns]) for name, cells in self.rows.items()]
        text = f"## {self.title}\n\n{_grid(('', *self.columns), rows)}\n"
        if self.targets:
            aims = [one.line(self) for one in self.targets]
            text += f"\n{_grid(('aimed at', '', 'reached', 'met'), aims)}\n"
        begun_late = [f"{self.disturbed} runs began while others were at work on this machine."] if self.disturbed else []
        return text + "".join(f"\n{note}\n" for note in (*self.notes, *begun_late))


def interleave(table: Table, contenders: Mapping[str, Callable[[], Values]], repeats: int) -> None:
    """Each in turn, and all of that again, so that the machine's moods meet everybody."""
    for repeat in range(repeats):
        for name, run in contenders.items():
            table.disturbed += not quiet()
            values = run()
            table.add(name, values)
            shown = ", ".join(f"{column} {_digits(value)}" for column, value in values.items())
            tell(f"{repeat + 1}/{repeats} {name}: {shown}")


def quiet(seconds: float = 15.0) -> bool:
    """Wait until the machine has little else to do; False where it never had."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        busy, idle = _processors()
        time.sleep(0.25)
        busy_then, idle_then = _processors()
        if idle_then - idle >= 0.8 * (busy_then + idle_then - busy - idle):
            return True
    return False


def _processors() -> tuple[int, int]:
    """Ticks of all processors since the start of the machine: at work, idle."""
    user, nice, system, idle, waiting, *rest = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    return user + nice + system + sum(rest), idle + waiting


def tell(line: str) -> None:
    """How it goes, on standard error."""
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


def percentile(values: list[float], part: float) -> float:
    """The value that this part of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _spread(values: list[float] | tuple[()]) -> str:
    if not values:
        return "-"
    middle = _digits(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({_digits(min(values))}–{_digits(max(values))})"


def _grid(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
