"""The examples of docs/testing.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mailwright.testing import Internet

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_there_are_examples():
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs(example):
    names: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), names)
    for test in [value for name, value in names.items() if name.startswith("test_")]:
        with Internet() as internet:
            test(internet)
