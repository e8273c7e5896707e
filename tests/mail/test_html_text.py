"""Plain text out of HTML, for reading and for previews."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.mime import html_to_text, preview


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", ""),
        ("just text", "just text"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<br><br>three", "one\ntwo\n\nthree"),
        ("<div>one</div><div>two<div>three</div></div>", "one\ntwo\nthree"),
        ("  a \n\t b <b>c</b>d <i> e </i> f", "a b cd e f"),
        ("a&nbsp;b &amp; c &lt;d&gt; &#233; &#x1F986; &unknown;", "a\xa0b & c <d> é 🦆 &unknown;"),
        ("&#" + "9" * 5000 + "; &#xD800; &#0;", "\ufffd \ufffd \ufffd"),
        ("<ul><li>one<li>two</ul>after", "- one\n- two\n\nafter"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>", "a b\nc"),
        ("<pre>a  b\n  c</pre>d", "a  b\n  c\n\nd"),
        ("before<hr>after", "before\n\n---\n\nafter"),
        ("<blockquote>one<blockquote>two</blockquote></blockquote>three", "> one\n>\n> > two\n\nthree"),
        ('<a href="https://x.example/?a=1&amp;b=2">here</a>', "here <https://x.example/?a=1&b=2>"),
        ('<a href="https://x.example/">https://x.example/</a>', "https://x.example/"),
        ('<a href="mailto:a@x.example">a@x.example</a>', "a@x.example"),
        ('<a href="javascript:alert(1)">here</a> <a name=x>there</a>', "here there"),
        ("<a href=' https://x.example/a<b '>here</a>", "here <https://x.example/a%3Cb>"),
        ('<img src=x alt="A duck"> <img src=y>', "A duck"),
        ("<script>var a = '<p>x</p>';</script>y", "y"),
        ("<style>p{}</style><title>t</title>y", "y"),
        ("<SCRIPT>x</SCRIPT >y", "y"),
        ("<script>never closed <p>x</p>", ""),
        ("<!-- a <p>b</p> -->c<!doctype html><?xml?>d<!-->e", "cde"),
        ("a <!-- never closed", "a"),
        ("<html><head><meta x><body>shown", "shown"),
        ("<head><style>x</style></head>shown", "shown"),
        ('<div style="display:none">hidden<div>too</div></div>shown', "shown"),
        ("<span style='color:red; DISPLAY : NONE'>hidden</span>shown", "shown"),
        ('<span style="font-size:0px">hidden</span><span style="font-size:0.9em">shown</span>', "shown"),
        ('<div style="mso-hide:all">hidden</div><div style="opacity:0">hidden</div>shown', "shown"),
        ("<p hidden>hidden</p><p>shown", "shown"),
        ("<p hidden>hidden<p>shown", "shown"),
        ('<i class="hidden" aria-hidden="true">shown</i>', "shown"),
        ('<div hidden="">hidden<div/></div>shown', "shown"),
        ("a < b > c << d", "a < b > c << d"),
        ("a <3 you", "a <3 you"),
        ('<p title="a > b">c', "c"),
        ("<p title='a\">b</p>c", "b\n\nc"),
        ("<p", "<p"),
        ("</unknown></>x", "x"),
        ("a\0b", "ab"),
        ("one</p></div></blockquote>two", "one\n\ntwo"),
    ],
)
def test_html_reads_as_text(source: str, expected: str) -> None:
    assert expected == html_to_text(source)


def test_s13_no_more_is_read_and_written_than_the_limit() -> None:
    assert html_to_text("<p>hello world</p>", 8) == "hello"
    assert len(html_to_text("<blockquote>" * 1000 + "<br>x" * 100_000, 100_000)) < 200_000


# Within the unit run a size at which a loop of Python in a loop shows; with the slow ones, at which one of C does.
SIZES = [10_000, pytest.param(250_000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "piece",
    ["<", ">", "<p", "<p>", "<div><b>", "<a href='", '<a href="x">', '<p "', "<p '\">", "<!--", "<!", "&", "&#", "&#9",
     "<script>", "</script", "<a b=c ", " ", "<br>", "<blockquote>", "<pre>\n", "<p hidden>", "<li>", "<i style='a", "x ",
     "<p a='\"' b=\"'\">", "<head>", "<title>"],
)  # fmt: skip
@pytest.mark.slow
def test_s13_time_is_in_proportion_to_length(piece: str, size: int) -> None:
    source = piece * (size // len(piece))
    in_time(size / 20_000, lambda: (html_to_text(source), html_to_text(source + ">" + "'\"")))


@settings(max_examples=100)
@given(
    st.lists(
        st.sampled_from("< > / p div a br script style title pre li !-- -- \" ' = hidden & # 9 ; x".split(" "))  # noqa: SIM905
        | st.just(" ")
    ).map("".join)
)
def test_whatever_comes_text_is_returned(source: str) -> None:
    assert isinstance(preview(html_to_text(source)), str)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  Hello,\n\n  Bob  ", "Hello, Bob"),
        ("> quoted\nanswer", "answer"),
        ("> only\n> quoted", "only"),
        ("Hello\n-- \nAda\nCountess", "Hello"),
        ("-- \nAda", "Ada"),
        ("read this <https://x.example/very/long> now", "read this now"),
        ("a\n-----\n====\nb", "a b"),
        ("word " * 100, "word " * 39 + "word…"),
        ("x" * 500, "x" * 199 + "…"),
    ],
)
def test_a_preview_is_one_line_of_what_is_new(text: str, expected: str) -> None:
    assert expected == preview(text)


def test_a_preview_may_be_shorter() -> None:
    assert preview("one two three", 8) == "one two…"
