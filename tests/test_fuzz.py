"""The targets of `make fuzz` take what they usually eat, and pieces of it; atheris makes up the rest."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

RUNNER = Path(__file__).parents[1] / "fuzz/run.py"


def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_run", RUNNER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_run"] = module
    spec.loader.exec_module(module)
    return module


TARGETS = runner().every_target()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_whole_cut_and_doubled(name: str) -> None:
    target = TARGETS[name]
    assert target.seeds
    for seed in (*target.seeds, b""):
        for octets in (seed, seed[::-1], seed * 3, *(seed[:at] for at in range(0, len(seed), 7))):
            target.feed(octets)


# What one of isdigit, \d and int takes for a number and another does not; and more digits than int likes.
ODD = [
    *(one.encode() for one in ("¹", "٣", "①", "½", "-1", "+1", "1_0", "1e9", "nan")),
    b"\xb9",
    b"9" * 5000,
    b"0" * 5000 + b"1",
]


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.slow
def test_a_target_takes_whatever_stands_where_a_number_does(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        for place in list(re.finditer(rb"\d+", seed))[:20]:
            for odd in ODD:
                target.feed(seed[: place.start()] + odd + seed[place.end() :])
                target.feed(seed[: place.end()] + odd + seed[place.end() :])
