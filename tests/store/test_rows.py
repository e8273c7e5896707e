"""Rows: every noun there and back, and what counts as a word."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mailwright.store import rows
from mailwright.store.rows import Shape, matches, words_of

from . import examples
from .examples import EVENT, MAILBOX, MESSAGE

SHAPES = {
    name: (shape, getattr(examples, {"AUDIT": "ENTRY", "SAVED_RESPONSE": "SAVED"}.get(name, name)))
    for name, shape in vars(rows).items()
    if isinstance(shape, Shape)
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_noun_is_the_same_after_it_was_a_row(name: str) -> None:
    shape, value = SHAPES[name]
    row = shape.encode(value)
    assert all(part is None or isinstance(part, str | int | bytes) for part in row)
    read = row[: len(shape.columns.read)]
    assert value == shape.decode(read)
    for field in dataclasses.fields(value):
        assert type(getattr(value, field.name)) is type(getattr(shape.decode(read), field.name)), field.name


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_missing_stays_missing(name: str) -> None:
    shape, value = SHAPES[name]
    optional: dict[str, Any] = {f.name: None for f in dataclasses.fields(value) if f.default is None}
    bare = dataclasses.replace(value, **optional)
    assert bare == shape.decode(shape.encode(bare)[: len(shape.columns.read)])


def test_computed_columns_are_written_and_not_read() -> None:
    assert "ada@here.example" == rows.MAILBOX.encode(MAILBOX)[-1]
    assert ("address_key", False) == (rows.MAILBOX.columns.inserted[-1], "address_key" in rows.MAILBOX.columns.read)
    assert "msg_1" == rows.EVENT.encode(EVENT)[-1]


def test_a_change_leaves_out_what_is_fixed() -> None:
    assert not {"id", "tenant_id", "uid_next", "modseq", "uid_validity"} & set(rows.MAILBOX.columns.changed)
    assert 2 + len(rows.MAILBOX.columns.changed) == len(rows.MAILBOX.encode_change(MAILBOX))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Tea at four? TEA!", ["tea", "at", "four"]),
        ("Bob <bob_b@there.example>", ["bob", "b", "there", "example"]),
        ("ÑANDÚ ñandú n\u0303andu\u0301", ["ñandú"]),
        ("Straße STRASSE", ["strasse"]),
        ("東京tower会議", ["東", "京", "tower", "会", "議"]),
        ("회의는 네시", ["회의는", "네시"]),
        ("Tea at four, and then…", ["tea", "at", "four", "and", "then"]),
        ("x" * 100, ["x" * 60]),
        ("a\0b\r\nc", ["a", "b", "c"]),
    ],
)
def test_words_are_runs_of_letters_and_digits_whatever_their_case(text: str, words: list[str]) -> None:
    assert words == words_of(text)


def test_words_of_a_giant_text_are_bounded() -> None:
    assert rows.MAX_WORDS == len(words_of(" ".join(f"w{n}" for n in range(5000))))
    assert rows.MAX_WORDS == len(words_of(" ".join(f"ẅ{n}" for n in range(5000))))


def test_long_words_match_beginnings_and_short_ones_whole_words() -> None:
    there = ["garden", "at", "four"]
    assert matches(["gar", "at"], there)
    assert matches([], there)
    assert not matches(["ga"], there)
    assert not matches(["garden", "tea"], there)


def test_the_words_of_a_message_are_those_of_its_heading_and_preview() -> None:
    words = rows.message_words(MESSAGE)
    assert {"tea", "garden", "bob", "ada", "carol"} <= set(words)
    assert not {"inbox", "mbx"} & set(words)
