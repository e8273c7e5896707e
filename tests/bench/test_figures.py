"""What the bench makes of what it measured. Nothing here takes a time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bench import figures  # noqa: E402
from bench.figures import Table, Target, interleave, percentile  # noqa: E402

FAST, SLOW = "ours", "theirs"


def table(*targets: Target) -> Table:
    found = Table("Speed", ("a second",), targets)
    for ours, theirs in ((900.0, 310.0), (1000.0, 250.0), (100.0, 290.0)):
        found.add(FAST, {"a second": ours})
        found.add(SLOW, {"a second": theirs})
    return found


def test_medians_are_compared_whatever_one_repeat_did() -> None:
    target = Target("beside them", FAST, "a second", 3, SLOW)
    assert ("beside them", "at least 3 times", "3.10 times", "yes") == target.line(table())
    assert "no" == Target("beside them", FAST, "a second", 3.2, SLOW).line(table())[3]


def test_a_figure_may_be_aimed_at_by_itself_and_from_below() -> None:
    assert ("waits", "at most 800", "900", "no") == Target("waits", FAST, "a second", 800, at_most=True).line(table())


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert ("beside others", "at least 3 times", "not measured", "") == Target("beside others", FAST, "a second", 3, "x").line(
        table()
    )


def test_a_table_shows_medians_with_their_range() -> None:
    assert "| ours | 900 (100–1,000) |" in table().markdown()


def test_contenders_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "quiet", lambda: True)
    order: list[str] = []
    runs = {name: lambda name=name: order.append(name) or {"a second": 1.0} for name in (FAST, SLOW)}
    interleave(Table("Turns", ("a second",)), runs, 2)  # type: ignore[arg-type]
    assert [FAST, SLOW, FAST, SLOW] == order


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert [1.0, 99.0, 100.0] == [percentile([float(one) for one in range(100, 0, -1)], part) for part in (0, 0.98, 1)]


def test_every_part_has_its_place_in_the_page() -> None:
    page = (ROOT / "docs/bench.md").read_text("utf-8")
    parts = {path.stem for path in (ROOT / "bench/parts").glob("*.py")} - {"__init__"}
    assert [] == [name for name in parts if f"<!-- {name}: begin -->" not in page or f"<!-- {name}: end -->" not in page]
