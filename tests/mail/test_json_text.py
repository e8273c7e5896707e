"""Half of a surrogate pair is no character (RFC 8259 §8.2)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwright.mail.json_text import whole_characters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"\uDFFFx"', "\ufffdx"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'"\ude00\ud83d"', "\ufffd\ufffd"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\\ud800"', "\\ud800"),
        (r'"\\\ud800"', "\\\ufffd"),
        (r'"\u00e9\n\"\\"', 'é\n"\\'),
        ('"plain"', "plain"),
    ],
)
def test_half_a_pair_is_replaced_and_nothing_else(text: str, expected: str) -> None:
    assert expected == json.loads(whole_characters(text))


@given(st.lists(st.sampled_from(["\\", "u", "d800", "\\ud83d", "\\ude00", '"', "\\\\", "a", "\\u0041"])).map("".join))
def test_whatever_is_read_can_be_written(inner: str) -> None:
    try:
        found = json.loads(whole_characters(f'"{inner}"'))
    except ValueError:
        return
    found.encode()


@given(st.text())
def test_what_is_whole_stays_as_it_is(text: str) -> None:
    assert text == json.loads(whole_characters(json.dumps(text)))
