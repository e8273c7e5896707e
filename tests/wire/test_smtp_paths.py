"""Paths name one mailbox or are refused; nothing in between."""

from __future__ import annotations

from pathlib import Path as File
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtp_script import exceptions_of

from mailwright.wire.smtp_paths import NULL_PATH, Path, PathDefect, take_forward_path, take_path, take_reverse_path

L64 = "l" * 64
D63 = "d" * 63


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a@b>", Path("a", "b")),
        ("<a.b+c@b.example>", Path("a.b+c", "b.example")),
        ("<!#$%&'*+-/=?^_`{|}~@b.example>", Path("!#$%&'*+-/=?^_`{|}~", "b.example")),
        ('<"a b"@b.example>', Path("a b", "b.example")),
        ('<""@b.example>', Path("", "b.example")),
        (r'<"a\"b\\c\d"@b.example>', Path('a"b\\cd', "b.example")),
        ("<a@[192.0.2.1]>", Path("a", "[192.0.2.1]")),
        ("<a@[IPv6:2001:db8::1]>", Path("a", "[IPv6:2001:db8::1]")),
        ("<a@[ipv6:2001:db8::192.0.2.1]>", Path("a", "[ipv6:2001:db8::192.0.2.1]")),
        ("<@x.example,@y.example:a@b.example>", Path("a", "b.example")),
        ("<π@bücher.example>", Path("π", "bücher.example")),
        (f"<{L64}@b.example>", Path(L64, "b.example")),
        (f"<a@{D63}.example>", Path("a", f"{D63}.example")),
        ("<>", PathDefect.SYNTAX),
        ("", PathDefect.SYNTAX),
        ("a@b.example", PathDefect.SYNTAX),
        ("<a@b_c.example>", PathDefect.SYNTAX),
        ("<a@-b.example>", PathDefect.SYNTAX),
        ("<a@b-.example>", PathDefect.SYNTAX),
        ("<a@b.-example>", PathDefect.SYNTAX),
        ("<a@b.example->", PathDefect.SYNTAX),
        (f"<a@{D63}d.example>", PathDefect.SYNTAX),
        ("<a@b.example.>", PathDefect.SYNTAX),
        ("<a@b..example>", PathDefect.SYNTAX),
        ("<a..b@b.example>", PathDefect.SYNTAX),
        ("<a.@b.example>", PathDefect.SYNTAX),
        ('<"a\tb"@b.example>', PathDefect.SYNTAX),
        ('<"a@b.example>', PathDefect.SYNTAX),
        ("<a@[192.0.2.256]>", PathDefect.SYNTAX),
        ("<a@[x400:c=fr]>", PathDefect.SYNTAX),
        ("<a@[]>", PathDefect.SYNTAX),
        ("<a\u0085@b.example>", PathDefect.SYNTAX),
        ("<a\u2028@b.example>", PathDefect.SYNTAX),
        ("<a@b\u2028.example>", PathDefect.SYNTAX),
        ("<@x.example;a@b.example>", PathDefect.SYNTAX),
        ("<@x_y.example:a@b.example>", PathDefect.SYNTAX),
        (f"<{L64}l@b.example>", PathDefect.LOCAL_PART_TOO_LONG),
        (f"<{'π' * 33}@b.example>", PathDefect.LOCAL_PART_TOO_LONG),
        (f"<a@{'.'.join([D63] * 4)}.e>", PathDefect.DOMAIN_TOO_LONG),
        (f"<{L64}@{'.'.join([D63] * 3)}>", PathDefect.PATH_TOO_LONG),
    ],
)
def test_a_path_is_read_strictly(text: str, expected: Path | PathDefect):
    found = take_path(text)
    assert expected == (found if isinstance(found, PathDefect) else found[0])


def test_the_null_path_is_a_reverse_path_only():
    assert (NULL_PATH, 7) == take_reverse_path("FROM:<>", 5)
    assert NULL_PATH.is_null
    assert PathDefect.SYNTAX == take_forward_path("<>")


def test_postmaster_needs_no_domain():
    assert (Path("PostMaster", ""), 12) == take_forward_path("<PostMaster>")
    assert not Path("PostMaster", "").is_null
    assert PathDefect.SYNTAX == take_reverse_path("<postmaster>")


def test_the_end_of_the_path_is_given():
    assert (Path("a", "b.example"), 18) == take_path("FROM:<a@b.example> SIZE=1", 5)
    assert (Path("a>b", "c.example"), 22) == take_path('FROM:<"a>b"@c.example> SIZE=1', 5)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (Path("a.b", "c.example"), "a.b@c.example"),
        (Path("a b", "c.example"), '"a b"@c.example'),
        (Path('a"\\b', "c.example"), '"a\\"\\\\b"@c.example'),
        (Path("", "c.example"), '""@c.example'),
        (Path("postmaster", ""), "postmaster"),
        (NULL_PATH, ""),
    ],
)
def test_a_path_is_written_as_it_must_be_sent(path: Path, expected: str):
    assert expected == str(path)


@settings(max_examples=100)
@given(st.text(alphabet=st.sampled_from('<>@",:\\[].a-π\udc80 \t\0:')) | st.text(), st.integers(0, 5))
def test_no_text_makes_it_raise(text: str, at: int):
    for take in (take_path, take_forward_path, take_reverse_path):
        found = take("<" + text + ">", at)
        if not isinstance(found, PathDefect) and not found[0].is_null:
            assert found[0] == (take(f"<{found[0]}>") or [None])[0]  # type: ignore[index]


@pytest.mark.corpora
def test_the_isemail_addresses_are_paths_where_rfc_5321_has_them(shared: File):
    exceptions = exceptions_of("isemail")
    wrong = []
    for case in ElementTree.parse(shared / "corpora/addresses/isemail/tests.xml").getroot().iter("test"):
        address = case.findtext("address") or ""
        for code in range(33):
            address = address.replace(chr(0x2400 + code), chr(code))
        category = case.findtext("category") or ""
        found = take_path(f"<{address}>")
        whole = not isinstance(found, PathDefect) and found[1] == len(address) + 2
        expected = category in ("ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN", "ISEMAIL_RFC5321")
        if whole != expected and (case.get("id"), category) not in exceptions:
            wrong.append((case.get("id"), address, category))
    assert [] == wrong
