"""Lines come out whole, bounded and clean, and the same however the bytes were cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.wire.lines import LineBuffer, LineDefect

LIMIT = 12


def lines_of(*pieces: bytes, limit: int = LIMIT) -> list[bytes | LineDefect]:
    buffer, taken = LineBuffer(), []
    for piece in pieces:
        buffer.feed(piece)
        while (line := buffer.take_line(limit)) is not None:
            taken.append(line)
        assert len(buffer) <= limit
    return taken


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b"NOOP", []),
        (b"NOOP\r", []),
        (b"NOOP\r\n", [b"NOOP"]),
        (b"\r\n\r\n", [b"", b""]),
        (b"a\r\nb\r\nc", [b"a", b"b"]),
        (b"a\n", [LineDefect.BARE_LF]),
        (b"a\nb\r\n", [LineDefect.BARE_LF, b"b"]),
        (b"a\rb\r\n", [LineDefect.BARE_CR]),
        (b"a\r\r\n", [LineDefect.BARE_CR]),
        (b"a\0b\r\n", [LineDefect.NUL]),
        (b"\0\r\r\n", [LineDefect.NUL]),
        (b"\r\0\r\n", [LineDefect.BARE_CR]),
        (b"0123456789\r\n", [b"0123456789"]),
        (b"0123456789a\r\n", [LineDefect.TOO_LONG]),
        (b"0123456789ab", [LineDefect.TOO_LONG]),
        (b"0123456789ab" * 9 + b"\r\nb\r\n", [LineDefect.TOO_LONG, b"b"]),
        (b"0123456789ab" * 9 + b"\nb\r\n", [LineDefect.TOO_LONG, LineDefect.BARE_LF, b"b"]),
        (b"0123456789ab" + b"c\rd\r\nb\r\n", [LineDefect.TOO_LONG, LineDefect.BARE_CR, b"b"]),
        (b"0123456789ab" + b"c\0d\r\nb\r\n", [LineDefect.TOO_LONG, LineDefect.NUL, b"b"]),
        (b"012345678\rab\r\nb\r\n", [LineDefect.BARE_CR, b"b"]),
    ],
)
def test_lines_and_defects_are_told_in_order(raw: bytes, expected: list[bytes | LineDefect]):
    assert expected == lines_of(raw)
    assert expected == lines_of(*(bytes([octet]) for octet in raw))


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=8) | st.sampled_from([b"\r\n", b"\r", b"\n", b"x" * 30]), max_size=12))
def test_any_bytes_give_the_same_lines_under_any_split(pieces: list[bytes]):
    assert lines_of(b"".join(pieces)) == lines_of(*pieces)


def test_a_line_that_never_ends_is_not_kept():
    buffer = LineBuffer()
    held = []
    for _ in range(1000):
        buffer.feed(b"x" * 100)
        buffer.take_line(LIMIT)
        held.append(len(buffer))
    assert max(held) < 100 + LIMIT


def test_one_octet_at_a_time_costs_no_rescan():
    class Counting(bytearray):
        looked = 0

        def find(self, *args):  # type: ignore[no-untyped-def]
            Counting.looked += max(0, min(args[2], len(self)) - args[1])
            return super().find(*args)

    buffer = LineBuffer()
    buffer._held = Counting()
    for octet in b"x" * 5000:
        buffer.feed(bytes([octet]))
        buffer.take_line(10_000)
    assert Counting.looked == 5000


def test_counted_octets_come_out_between_lines():
    buffer = LineBuffer()
    buffer.feed(b"BDAT 4\r\nab\n\0NOOP\r\n")
    assert b"BDAT 4" == buffer.take_line(LIMIT)
    assert b"ab\n\0" == buffer.take_up_to(4)
    assert b"NOOP" == buffer.take_line(LIMIT)
    assert b"" == buffer.take_up_to(5)


def test_taking_octets_forgets_what_was_scanned():
    buffer = LineBuffer()
    buffer.feed(b"abcdef")
    assert None is buffer.take_line(LIMIT)
    assert b"abcd" == buffer.take_up_to(4)
    buffer.feed(b"\r\n")
    assert b"ef" == buffer.take_line(LIMIT)
    buffer.feed(b"rest")
    assert b"rest" == buffer.take_up_to()


@pytest.mark.parametrize("held", [1, LIMIT, 3 * LIMIT])
def test_after_clear_nothing_is_left_of_the_time_before(held: int):
    buffer = LineBuffer()
    buffer.feed(b"x" * held)
    buffer.take_line(LIMIT)
    buffer.clear()
    assert 0 == len(buffer)
    buffer.feed(b"EHLO x\r\n")
    assert b"EHLO x" == buffer.take_line(LIMIT)
