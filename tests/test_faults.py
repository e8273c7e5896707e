"""Fault points: a process dies where the file says, at the count it says, and nowhere without one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailwright import faults
from mailwright.faults import VARIABLE, Armed, Point

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "mailwright"


@pytest.fixture
def died() -> list[str]:
    """One entry for each death."""
    return []


def test_it_dies_at_the_count_of_that_point(tmp_path: Path, died: list[str]) -> None:
    file = tmp_path / "fault"
    passes = Armed(file, lambda: died.append("here"))
    passes(Point.GROUP_READY)  # there is no file
    file.write_text("group.ready:2")
    passes(Point.GROUP_READY)
    passes(Point.GROUP_COMMITTED)
    assert [] == died
    passes(Point.GROUP_READY)
    passes(Point.GROUP_READY)
    assert ["here"] == died


def test_a_new_order_counts_from_the_beginning(tmp_path: Path, died: list[str]) -> None:
    file = tmp_path / "fault"
    passes = Armed(file, lambda: died.append("here"))
    for order in ("group.ready:2", "", "group.ready:2"):
        file.write_text(order)
        passes(Point.GROUP_READY)
    assert [] == died
    file.write_text("blob.named")
    passes(Point.BLOB_NAMED)
    assert ["here"] == died


def test_without_the_variable_a_point_does_nothing() -> None:
    assert VARIABLE not in os.environ
    assert faults.passes is faults._nothing


def test_a_process_with_the_variable_ends_as_if_killed(tmp_path: Path) -> None:
    file = tmp_path / "fault"
    file.write_text("group.ready:1")
    code = "from mailwright.faults import Point, passes; passes(Point.GROUP_READY); print('alive')"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {VARIABLE: str(file)}, capture_output=True, check=False
    )
    assert (-signal.SIGKILL, b"") == (ended.returncode, ended.stdout)


def test_every_point_is_passed_somewhere_and_only_there() -> None:
    source = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    assert dict.fromkeys(Point, 1) == {point: source.count(f"passes(Point.{point.name})") for point in Point}


def test_every_point_stands_in_the_docs() -> None:
    page = (ROOT / "docs" / "crash.md").read_text("utf-8")
    assert [] == [point for point in Point if f"`{point}`" not in page]
