"""What a caller gave: numbers may be texts where all is text, and nothing else is bent until it fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from mailwright.contract.given import converted, from_texts, number, numbers_of
from mailwright.contract.scalars import Limit, Moment
from mailwright.core.errors import InvalidInput


class Asked(Struct, forbid_unknown_fields=True):
    """One of each kind."""

    limit: Limit = 9
    ratio: float | None = None
    sure: bool | None = None
    at: Moment | None = None
    name: str | None = None
    names: tuple[str, ...] = ()


def test_fields_that_are_numbers_or_yes_and_no_are_known_by_their_types() -> None:
    assert {"limit", "ratio", "sure"} == numbers_of(Asked)


def test_texts_become_the_numbers_that_they_write() -> None:
    assert Asked(5, -0.5, True, name="5") == from_texts(Asked, {"limit": "5", "ratio": "-0.5", "sure": "True", "name": "5"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("at", 1_700_000_000), ("at", "1700000000"), ("at", "0.5"), ("at", "null"), ("at", True), ("limit", "null"),
        ("limit", "5e3"), ("limit", "0x5"), ("limit", " 5"), ("limit", "٥"), ("limit", "1" * 30), ("limit", 1000),
        ("sure", "1"), ("sure", 1), ("names", "a"), ("name", 5), ("unknown", "x"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_named(name: str, said: object) -> None:
    for read in (converted, from_texts):
        with pytest.raises(InvalidInput) as refused:
            read(Asked, {name: said})
        assert [name] == [one["path"] for one in refused.value.details]


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_stays_as_it_is(text: str) -> None:
    found = number(text)
    assert found is text or isinstance(found, int | float)
