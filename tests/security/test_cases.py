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


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "security-testing.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 10
    missing = [(path, name) for path, name in named if f"def {name}(" not in (ROOT / path).read_text("utf-8")]
    assert [] == missing
    files = re.findall(r"(tests/[\w/]+(?:\.\w+)?)", page)
    assert [] == [path for path in files if not (ROOT / path).exists()]


def test_every_fault_that_the_page_names_is_one_of_the_harness() -> None:
    page = (ROOT / "docs" / "security-testing.md").read_text("utf-8")
    table = page.partition("| fault | harness |")[2].partition("\n\n")[0]
    named = {one.split("|")[2].partition(",")[0].strip() for one in table.splitlines()[2:]}
    known = (ROOT / "docs" / "crash.md").read_text("utf-8")
    assert [] == [one for one in named if one and f"{one}" not in known]


@pytest.mark.corpora
def test_the_table_knows_every_case_of_the_design(script: ModuleType, shared: Path) -> None:
    design = (shared / "design" / "security.md").read_text("utf-8")
    assert re.findall(r"^\| (S\d+) \|", design, re.MULTILINE) == [case.name for case in script.cases()]
