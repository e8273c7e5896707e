"""What stands in angle brackets: message ids, list ids, URLs of lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mail.identifiers import ListId, ListUrl, parse_list_id, parse_list_urls, parse_message_ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<1@a.example>", ["1@a.example"]),
        ("<1@a.example> <2@a.example><3@a.example>", ["1@a.example", "2@a.example", "3@a.example"]),
        ("<1@a.\t example>", ["1@a.example"]),
        ('Your message of "Monday" <1@a.example>', ["1@a.example"]),
        ("1@a.example 2@a.example", ["1@a.example", "2@a.example"]),
        ("1@a.example, 2@a.example;", ["1@a.example", "2@a.example"]),
        ("(of old) 1@a.example", ["1@a.example"]),
        ("your message of Monday", []),
        ("1", ["1"]),
        ("<1@a.example", ["1@a.example"]),
        ("<1@a.example <2@a.example>", ["1@a.example", "2@a.example"]),
        ("<>", []),
        ("", []),
        ("<" * 9 + "1@a.example>", ["1@a.example"]),
    ],
)
def test_message_ids_are_what_stands_in_brackets(text: str, expected: list[str]) -> None:
    assert expected == parse_message_ids(text)


def test_of_very_many_ids_the_first_thousand_are_read() -> None:
    assert len(parse_message_ids("<a@b>" * 5000)) == 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<mailto:a@l.example>", [ListUrl("mailto:a@l.example", "")]),
        ("(Ask here) <mailto:a@l.example>", [ListUrl("mailto:a@l.example", "Ask here")]),
        ("<https://l.example/> (Web), <mailto:a@l.example>", [("https://l.example/", "Web"), ("mailto:a@l.example", "")]),
        ("<https://l.example/>, (x) <mailto:a@l.example>", [("https://l.example/", ""), ("mailto:a@l.example", "x")]),
        ("<https://l.example/?a=1,\t2>", [("https://l.example/?a=1,2", "")]),
        ("NO (closed list)", []),
        ("https://l.example/", []),
        ("<>", []),
        ("(never closed <https://l.example/>", []),
    ],
)
def test_urls_of_a_list_come_in_order_with_their_comments(text: str, expected: list[tuple[str, str]]) -> None:
    assert expected == parse_list_urls(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tea drinkers <Tea.Example.ORG>", ListId("tea.example.org", "Tea drinkers")),
        ('"Tea <3" <tea.example.org>', ListId("tea.example.org", "Tea <3")),
        ("<tea.example.org>", ListId("tea.example.org", "")),
        ("tea.example.org", ListId("tea.example.org", "")),
        ("=?utf-8?q?Th=C3=A9?= <tea.example.org>", ListId("tea.example.org", "Thé")),
        ("", ListId("", "")),
    ],
)
def test_a_list_has_an_id_and_a_description(text: str, expected: ListId) -> None:
    assert expected == parse_list_id(text)


# Within the unit run a size at which a loop of Python in a loop shows; with the slow ones, at which one of C does.
SIZES = [10_000, pytest.param(250_000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", ["<", ">", "<>", "(", "()", "<a>", "<a>()", ",", "(,", "\\"])
def test_time_is_in_proportion_to_length(piece: str, size: int) -> None:
    text = piece * (size // len(piece))
    in_time(size / 20_000, lambda: (parse_list_urls(text), parse_message_ids(text), parse_list_id(text)))


@settings(max_examples=100)
@given(st.text('<>(),@:/" \\a', max_size=40))
def test_whatever_comes_no_bracket_is_left_in_an_id(text: str) -> None:
    parse_list_urls(text)
    parse_list_id(text)
    assert all(not set("<> ") & set(item) for item in parse_message_ids(text))


@pytest.mark.corpora
def test_mail_parser_id_table(shared: Path) -> None:
    rows = json.loads((shared / "corpora/headers/mail-parser/id.json").read_text())
    values = [parse_header(b"X: " + row["header"].encode()).value("x") or "" for row in rows]
    failed = [value for value, row in zip(values, rows, strict=True) if parse_message_ids(value) != row["expected"]]
    print(f"\nid headers: {len(rows) - len(failed)}/{len(rows)}")
    assert [] == failed
