"""The end of a message, its dots and its lines, against plain models that look at one octet or line at a time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.wire.smtp_server.content import ChunkReader, ContentDefect, DotReader, Inspector, first_defect
from mailwright.wire.smtp_server.replies import MAX_TEXT, Reply

pieces = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\0", b"x", b"\r\n", b"\r\n.", b"\r\n.\r\n"]), max_size=14)
lines = st.lists(st.text(alphabet=".xy", max_size=5).map(str.encode), max_size=12)


def read_all(octets: bytes, step: int) -> tuple[bytes, bytes | None]:
    reader, text = DotReader(), b""
    for at in range(0, len(octets), step):
        found, rest = reader.feed(octets[at : at + step])
        text += found
        if rest is not None:
            return text, rest + octets[at + step :]
    return text, None


@given(lines, st.integers(1, 9))
def test_stuffed_lines_come_out_as_they_were(lines: list[bytes], step: int):
    message = b"".join(line + b"\r\n" for line in lines)
    wire = b"".join((b"." if line[:1] == b"." else b"") + line + b"\r\n" for line in lines) + b".\r\n"
    assert (message, b"QUIT\r\n") == read_all(wire + b"QUIT\r\n", step)


@settings(max_examples=200)
@given(pieces, st.integers(1, 4))
def test_octets_of_any_kind_end_at_the_same_place_under_any_split(pieces: list[bytes], step: int):
    octets = b"".join(pieces)
    whole, rest = read_all(octets, len(octets) or 1)
    text, other = read_all(octets, step)
    assert rest == other
    assert whole == text
    end = (b"\r\n" + octets).find(b"\r\n.\r\n")
    assert (rest is None) == (end < 0)


def test_few_octets_are_kept_back():
    reader = DotReader()
    assert (b"", None) == reader.feed(b".")
    assert (b"", None) == reader.feed(b"\r")
    assert (b"", b"") == reader.feed(b"\n")
    reader = DotReader()
    assert (b"x" * 1000, None) == reader.feed(b"x" * 1000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", None),
        (b"a\r\nb\r\n", None),
        (b"a\nb\0", ContentDefect.BARE_LF),
        (b"a\rb\n", ContentDefect.BARE_CR),
        (b"a\0b\n", ContentDefect.NUL),
        (b"\n", ContentDefect.BARE_LF),
        (b"\r\n\r", ContentDefect.BARE_CR),
        (b"\r\n\n", ContentDefect.BARE_LF),
        (b"\n\r", ContentDefect.BARE_LF),
        (b"\r\r\n", ContentDefect.BARE_CR),
    ],
)
def test_the_first_thing_wrong_is_named(text: bytes, expected: ContentDefect | None):
    assert expected == first_defect(text)
    assert expected == Inspector(1000).look(text)


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(2, 24), st.integers(1, 40))
def test_a_line_over_the_limit_is_noticed_under_any_split(lengths: list[int], limit: int, step: int):
    """Blocks never end between CR and LF, as both readers see to."""
    text = b"".join(b"x" * length + b"\r\n" for length in lengths)
    inspector, reader = Inspector(limit), ChunkReader()
    for at in range(0, len(text), step):
        assert inspector.look(reader.feed(text[at : at + step], last=False)) is None
    inspector.look(reader.feed(b"", last=True))
    assert any(length + 2 > limit for length in lengths) == inspector.long_line
    assert len(text) == inspector.size


def test_a_cr_at_the_end_of_the_last_chunk_is_bare():
    reader = ChunkReader()
    assert b"a" == reader.feed(b"a\r", last=False)
    assert b"\r\nb" == reader.feed(b"\nb", last=False)
    assert b"\r" == reader.feed(b"\r", last=True)


@pytest.mark.parametrize(
    ("reply", "wire"),
    [
        (Reply(250, "2.0.0", "OK"), b"250 2.0.0 OK\r\n"),
        (Reply(220, None, "mx.example ESMTP"), b"220 mx.example ESMTP\r\n"),
        (Reply(550, "5.7.1", "No\nSee docs"), b"550-5.7.1 No\r\n550 5.7.1 See docs\r\n"),
        (Reply(250, "2.0.0", "a\r\nb"), b"250-2.0.0 a?\r\n250 2.0.0 b\r\n"),
        (Reply(550, "5.1.1", "no π\0\t\x7f"), b"550 5.1.1 no ????\r\n"),
        (Reply(354, None, ""), b"354 \r\n"),
    ],
)
def test_a_reply_is_never_more_than_its_lines(reply: Reply, wire: bytes):
    assert wire == reply.render()
    assert wire.decode().rstrip() == str(reply)


def test_a_long_reply_is_cut_into_lines_of_at_most_512_octets():
    reply = Reply(550, "5.7.1", "x" * 1000 + "\n" + "y")
    rendered = reply.render()
    assert [MAX_TEXT + 10, MAX_TEXT + 10, 50, 11] == [len(line) for line in rendered.split(b"\r\n")[:-1]]
    assert rendered.count(b"550-5.7.1 ") == 3
