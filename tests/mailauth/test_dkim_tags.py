"""Tag lists: what is read, what is refused, and that nothing makes the parser stumble."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mailauth.dkim.tags import (
    TagDefect,
    decode_base64,
    decode_quoted,
    parse_tags,
    split_list,
)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2;", {"a": "1", "b": "2"}),
        (" a\t=\r\n\t1 ;\r\n b = 2 ; ", {"a": "1", "b": "2"}),
        ("a=", {"a": ""}),
        ("a=x y\r\n z", {"a": "x y\r\n z"}),
        ("a=b=c==", {"a": "b=c=="}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
        ("x_1=y", {"x_1": "y"}),
        ("i=käthe@bücher.example", {"i": "käthe@bücher.example"}),
    ],
)
def test_a_valid_list_gives_its_tags_in_order(text: str, tags: dict[str, str]) -> None:
    for form in (text, text.encode()):
        found = parse_tags(form)
        assert (list(tags.items()), None) == (list(found.tags.items()), found.defect)


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("", TagDefect.EMPTY),
        (" \r\n ", TagDefect.EMPTY),
        (";", TagDefect.SYNTAX),
        ("a", TagDefect.SYNTAX),
        ("a=1; b", TagDefect.SYNTAX),
        ("a=1;; b=2", TagDefect.SYNTAX),
        ("a=1;;", TagDefect.SYNTAX),
        ("=1", TagDefect.SYNTAX),
        ("1a=1", TagDefect.SYNTAX),
        ("_a=1", TagDefect.SYNTAX),
        ("a b=1", TagDefect.SYNTAX),
        ("ä=1", TagDefect.SYNTAX),
        ("a=1; a=1", TagDefect.DUPLICATE),
        ("a=1; b; a=1", TagDefect.DUPLICATE),
        ("a=x\0y", TagDefect.CONTROL),
        ("a=x\x7f", TagDefect.CONTROL),
    ],
)
def test_a_list_that_breaks_the_grammar_says_how(text: str, defect: TagDefect) -> None:
    assert defect == parse_tags(text).defect


def test_tags_around_a_defect_are_still_there_and_the_first_of_two_is_kept() -> None:
    found = parse_tags("a=1; ?; b=2; a=3")
    assert ({"a": "1", "b": "2"}, TagDefect.DUPLICATE) == (found.tags, found.defect)


def test_octets_that_are_not_utf_8_spoil_only_their_value() -> None:
    found = parse_tags(b"a=\xff\xfe; b=2")
    assert ({"a": "��", "b": "2"}, None) == (found.tags, found.defect)


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        ("aGk=", b"hi"),
        ("a G\r\n\tk =", b"hi"),
        ("aGk", b"hi"),
        ("", b""),
        ("aGk==", None),
        ("aGk=a", None),
        ("a", None),
        ("a-_=", None),
        ("aG\xa0k=", None),
    ],
)
def test_base64_is_read_with_white_space_and_without_padding_but_not_with_junk(value: str, octets: bytes | None) -> None:
    assert octets == decode_base64(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ada", "ada"),
        ("=61d=61", "ada"),
        ("a\r\n d a", "ada"),
        ("k=C3=A4the", "käthe"),
        ("käthe", "käthe"),
        ("a=", None),
        ("a=6", None),
        ("a=6a", None),
        ("a=GG", None),
    ],
)
def test_quoted_printable_wants_two_upper_case_digits(value: str, text: str | None) -> None:
    assert text == decode_quoted(value)


def test_a_colon_separated_value_gives_its_items_trimmed() -> None:
    assert ("from", "to", "") == split_list(" from\t:\r\n to : ")


@settings(max_examples=80)
@given(st.one_of(st.binary(max_size=80), st.text(max_size=80), st.text(alphabet="ab=; \r\n\t\0", max_size=40)))
def test_whatever_comes_the_parsers_return(text: bytes | str) -> None:
    found = parse_tags(text)
    for value in found.tags.values():
        decode_base64(value)
        decode_quoted(value)


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True), st.from_regex(r"[!-:<-~]{0,9}", fullmatch=True)
    )
)
def test_a_list_that_was_put_together_comes_apart_again(tags: dict[str, str]) -> None:
    if tags:
        assert tags == parse_tags(";".join(f"{name}={value}" for name, value in tags.items())).tags
