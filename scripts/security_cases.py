"""The attack cases with the tests that try them, as a page.

A test is of a case when its name says so: `test_s5_...`, or `test_s12_s13_...` of two. What each case is stands in
tests/security/cases.tsv; a last column there says which part of it there is nothing to try of yet.
"""

from __future__ import annotations

import ast
import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
NAMED = re.compile(r"test(?:_(?!s\d)[a-z]+_?\d+)?((?:_s\d+)+)_(?=\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    attack: str
    answer: str
    missing: str


@dataclass(frozen=True)
class Test:
    """One test function; `path` is from the project's root."""

    path: str
    name: str


def cases() -> list[Case]:
    """Every case, in order."""
    with (TESTS / "security" / "cases.tsv").open(encoding="utf-8", newline="") as file:
        return [Case(*row) for row in csv.reader(file, delimiter="\t")][1:]


def tests() -> dict[str, list[Test]]:
    """The tests of each case, by its name."""
    found: dict[str, list[Test]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (named := NAMED.match(node.name)):
                for case in named[1].upper().strip("_").split("_"):
                    found[case].append(Test(path.relative_to(ROOT).as_posix(), node.name))
    return found


def page() -> Iterator[str]:
    """The page's blocks."""
    found = tests()
    yield "# Attack cases"
    yield "<!-- Written by scripts/docs.py from tests/security/cases.tsv and the names of the tests. -->"
    yield (
        "What attackers try, what this server answers, and which tests try it: `pytest -k test_s5_` runs those of S5. They run "
        "against the parts alone, against a server in the same process, and against a server as an operator runs it."
    )
    for case in cases():
        yield f"## {case.name}: {case.attack}"
        if case.answer:
            yield f"Answer: {case.answer}."
        if case.missing:
            yield f"Not there yet: {case.missing}."
        by_file: dict[str, list[str]] = defaultdict(list)
        for test in found[case.name]:
            by_file[test.path].append(test.name)
        lines = [f"- [{path}](../{path}): {', '.join(map(_sentence, names))}" for path, names in by_file.items()]
        if lines:
            yield "\n".join(lines)


def _sentence(name: str) -> str:
    return NAMED.sub("", name).replace("_", " ")
