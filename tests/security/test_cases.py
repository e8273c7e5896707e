"""The table of attack cases is whole: every case has tests that bear its name, or says that there is nothing to try."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
EVERY = [f"S{number}" for number in range(1, 31)]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """scripts/security_cases.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "scripts")
        return importlib.import_module("security_cases")


def test_every_case_stands_in_the_table_once(script: ModuleType) -> None:
    assert EVERY == [case.name for case in script.cases()]


def test_every_case_that_has_an_answer_has_a_test_and_no_other_is_named(script: ModuleType) -> None:
    tests = script.tests()
    assert {case.name for case in script.cases() if case.answer} == set(tests)
    assert [] == [case.name for case in script.cases() if not case.answer and not case.missing]


@pytest.mark.corpora
def test_the_table_knows_every_case_of_the_design(script: ModuleType, shared: Path) -> None:
    design = (shared / "design" / "security.md").read_text("utf-8")
    assert re.findall(r"^\| (S\d+) \|", design, re.MULTILINE) == [case.name for case in script.cases()]
