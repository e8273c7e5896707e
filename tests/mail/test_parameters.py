"""Content-Type and Content-Disposition, as the standard has them and as they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mail.parameters import ParameterDefect, comment_end, parse_content_type, parse_disposition

EXCEPTIONS = Path(__file__).parents[1] / "exceptions" / "headers.md"


def exceptions() -> set[str]:
    return {line.split("`")[1] for line in EXCEPTIONS.read_text().splitlines() if line.startswith("- `")}


@pytest.mark.parametrize(
    ("text", "kind", "params"),
    [
        ("text/plain", "text/plain", {}),
        ("Text/HTML; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ('text/plain; charset="utf-8"; format=flowed', "text/plain", {"charset": "utf-8", "format": "flowed"}),
        ('multipart/mixed; boundary="a;b=c(d"', "multipart/mixed", {"boundary": "a;b=c(d"}),
        ('multipart/mixed; boundary="=?utf-8?q?a?="', "multipart/mixed", {"boundary": "=?utf-8?q?a?="}),
        ("text/plain; charset=us-ascii (Plain text)", "text/plain", {"charset": "us-ascii"}),
        ("(a (b)) text (c)/(d) plain (e); (f) charset = utf-8", "text/plain", {"charset": "utf-8"}),
        ("a/b; charset(c) (d)= (e) utf-8(f); name=(1).pdf", "a/b", {"charset": "utf-8", "name": "(1).pdf"}),
        ('a/b; name="x \\"y\\" \\\\z"', "a/b", {"name": 'x "y" \\z'}),
        ("a/b; name=report (1).pdf", "a/b", {"name": "report (1).pdf"}),
        ("a/b; name=two words.pdf; x=y", "a/b", {"name": "two words.pdf", "x": "y"}),
        ("a/b name=x charset=y", "a/b", {"name": "x", "charset": "y"}),
        ("a/b; boundary=x, charset=y", "a/b", {"boundary": "x", "charset": "y"}),
        ("a/b;;; name=x;", "a/b", {"name": "x"}),
        ("a/b; name=", "a/b", {}),
        ('a/b; name=""', "a/b", {"name": ""}),
        ('a/b; name="open; charset=x', "a/b", {"name": "open", "charset": "x"}),
        ("a/b; =x; y; z=1", "a/b", {"z": "1"}),
        ("a/b; x=1; X=2", "a/b", {"x": "1"}),
        ("a/b; name==?utf-8?q?caf=C3=A9?=", "a/b", {"name": "café"}),
        ('a/b; name="=?utf-8?q?caf=C3?= =?utf-8?q?=A9?="', "a/b", {"name": "café"}),
        ("text", "text/", {}),
        ("text/; a=b", "text/", {"a": "b"}),
        ("/plain; a=b", "/", {"a": "b"}),
        ("", "/", {}),
        (";", "/", {}),
    ],
)
def test_a_content_type_is_read(text: str, kind: str, params: dict[str, str]) -> None:
    read = parse_content_type(text)
    assert kind == f"{read.type}/{read.subtype}"
    assert params == read.params


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("filename*=utf-8''caf%C3%A9.txt", "café.txt"),
        ("filename*=utf-8'fr'caf%C3%A9.txt", "café.txt"),
        ("filename*=\"iso-8859-1''caf%E9.txt\"", "café.txt"),
        ("filename*=caf%C3%A9.txt", "café.txt"),
        ("filename*=iso-8859-1'caf%E9.txt", "café.txt"),
        ("filename*=it'caf%C3%A9.txt", "it'café.txt"),
        ("filename*0=caf; filename*1=e.txt", "cafe.txt"),
        ("filename*1=e.txt; filename*0=caf", "cafe.txt"),
        ("filename*0*=utf-8''caf%C3; filename*1*=%A9; filename*2=.txt", "café.txt"),
        ("filename*0*=iso-8859-1''a%E9; filename*1*=iso-8859-1'b%E9", "aébé"),
        ("filename*0=a; filename*2=c", "ac"),
        ('filename*0="=?utf-8?q?caf=C3"; filename*1="=A9?= =?utf-8?q?.txt?="', "café.txt"),
        ("filename*0*=''=?utf-8?q?a?=; filename*1==?utf-8?q?b?=", "=?utf-8?q?a?==?utf-8?q?b?="),
        ("filename=\"plain.txt\"; filename*=utf-8''caf%C3%A9.txt", "café.txt"),
        ("filename*=utf-8''100%; x=y", "100%"),
        ("filename*=no-such''caf%C3%A9", "café"),
        ("filename*99999=x; filename=a", "a"),
    ],
)
def test_long_and_foreign_values_are_put_together(parameters: str, expected: str) -> None:
    read = parse_disposition(f"attachment; {parameters}")
    assert read.kind == "attachment"
    assert expected == read.params["filename"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text/plain; a=b", set()),
        ("; a=b", {ParameterDefect.NO_TYPE}),
        ("text", {ParameterDefect.NO_SUBTYPE}),
        ("a/b; x=1; x=2", {ParameterDefect.DUPLICATE}),
        ("a/b; x*0=1; x*0=2", {ParameterDefect.DUPLICATE}),
        ('a/b; x="1', {ParameterDefect.UNCLOSED}),
        ("a/b; (x", {ParameterDefect.UNCLOSED}),
        ("a/b; junk", {ParameterDefect.JUNK}),
        ("a/b; x=two words", {ParameterDefect.JUNK}),
        ("a/b; x*y=1", {ParameterDefect.JUNK}),
        ("a/b; x=" + "y" * 70_000, {ParameterDefect.TOO_LONG}),
        ("a/b" + "".join(f"; x{number}=\\" for number in range(201)), {ParameterDefect.TOO_LONG}),
    ],
)
def test_defects_are_told(text: str, expected: set[ParameterDefect]) -> None:
    assert expected == parse_content_type(text).defects


def test_comments_nest_and_need_an_end() -> None:
    assert comment_end("(a(b\\))c)d", 0) == 9
    assert comment_end("(a(b)", 0) == -1


# Within the unit run a size at which a loop of Python in a loop shows; with the slow ones, at which one of C does.
SIZES = [10_000, pytest.param(250_000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "piece", ["(", ")", '"', '\\"', ";", "=", "a=", 'a="', " ", "a ", "a=b ", "a*1=b;", "a\t=\n", "a=; ", "%41", "=?", "'"]
)
@pytest.mark.slow
def test_time_is_in_proportion_to_length(piece: str, size: int) -> None:
    text = "a/b; name*=" + piece * (size // len(piece))
    in_time(size / 20_000, lambda: (parse_content_type(text), parse_disposition(piece * (size // len(piece)))))


@settings(max_examples=100)
@given(st.text("a/;=\"()\\*0%'? \t\r\né", max_size=60))
def test_whatever_comes_something_is_returned(text: str) -> None:
    parse_disposition(text)
    read = parse_content_type(text)
    assert read.type or ParameterDefect.NO_TYPE in read.defects


@pytest.mark.corpora
def test_mail_parser_content_type_table(shared: Path) -> None:
    rows = json.loads((shared / "corpora/headers/mail-parser/content_type.json").read_text())
    failed = [row["header"] for row in rows if shape(row["header"]) != expectation(row["expected"])]
    failed = [header for header in failed if " ".join(header.split()) not in exceptions()]
    print(f"\ncontent type headers: {len(rows) - len(failed)}/{len(rows)}")
    assert [] == failed


def shape(header: str) -> Any:
    read = parse_content_type(parse_header(b"X: " + header.encode()).value("x") or "")
    return (read.type, read.subtype or None, dict(read.params)) if read.type else None


def expectation(expected: Any) -> Any:
    if expected is None:
        return None
    params = {name: value for name, value in expected["attributes"] or [] if not name.endswith("-language")}
    return expected["c_type"], expected["c_subtype"], params
