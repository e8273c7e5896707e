"""Values: as the library's frozen dataclasses, for whoever checks types and for whoever compares them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mypy import api

from mailwright.values import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A value."""

    x: int
    y: int = 0


def test_values_are_equal_and_hashed_by_their_fields() -> None:
    assert Point(1, 2) == replace(Point(1), y=2)
    assert {Point(1, 2)} == {Point(1, 2), Point(x=1, y=2)}
    assert Point(1, 2) != Point(2, 1)


def test_a_value_has_no_fields_but_its_own() -> None:
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]


def test_the_type_checker_lets_nobody_change_a_value() -> None:
    code = "from mailwright.values import dataclass\n@dataclass(frozen=True, slots=True)\nclass P:\n    x: int\n\nP(1).x = 2\n"
    said, _, _ = api.run(["--config-file=", "--follow-imports=silent", "-c", code])
    assert 'Property "x" defined in "P" is read-only' in said
