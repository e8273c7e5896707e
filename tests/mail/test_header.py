"""The header block: every field as it came, in order, and linear whatever comes."""

from __future__ import annotations

import mmap
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import MAX_FIELDS, MAX_HEADER, Field, parse_header

MESSAGE = b"From: ada@example.org\r\nSubject: Tea\r\n at four\r\nX-Odd : 1\r\nfrom: bob@example.org\r\n\r\nBody\r\n"


def names(raw: bytes) -> list[str]:
    return [field.name for field in parse_header(raw).fields]


def test_fields_keep_their_bytes_and_their_order() -> None:
    header = parse_header(MESSAGE)
    assert ["from", "subject", "x-odd", "from"] == [field.name for field in header.fields]
    assert MESSAGE[: MESSAGE.index(b"\r\n\r\n") + 2] == b"".join(field.raw for field in header.fields)
    assert MESSAGE[header.body_start :] == b"Body\r\n"
    assert header.defects == ()


def test_a_field_is_asked_for_by_its_lower_case_name() -> None:
    header = parse_header(MESSAGE)
    assert header.value("from") == "ada@example.org"
    assert [field.value for field in header.all("from")] == ["ada@example.org", "bob@example.org"]
    assert header.value("x-odd") == "1"
    assert header.value("date") is None
    assert header.first("date") is None
    assert header.all("date") == []


def test_folding_is_undone_and_nothing_else() -> None:
    field = Field("subject", b"Subject: Tea\r\n\t at\n  four \r\n")
    assert field.body == b" Tea\t at  four "
    assert field.value == "Tea\t at  four"


@pytest.mark.parametrize(
    ("raw", "value"),
    [("X: Zoë\r\n".encode(), "Zoë"), ("X: Zoë\r\n".encode("latin-1"), "Zoë"), (b"X:\r\n", ""), (b"X:", "")],
)
def test_values_are_utf_8_and_else_latin_1(raw: bytes, value: str) -> None:
    assert value == parse_header(raw).value("x")


@pytest.mark.parametrize(
    ("raw", "body", "defects"),
    [
        (b"A: b\n\nbody", b"body", ()),
        (b"A: b\r\n\nbody\r\n\r\nmore", b"body\r\n\r\nmore", ()),
        (b"A: b\n\r\nbody\n\nmore", b"body\n\nmore", ()),
        (b"\r\nbody\r\n\r\n", b"body\r\n\r\n", ()),
        (b"\nbody", b"body", ()),
        (b"", b"", ("no-separator",)),
        (b"A: b\r\n", b"", ("no-separator",)),
        (b"A: b\r\njunk\r\nC: d\r\n\r\nbody", b"body", ("junk-line",)),
        (b"Dear Bob,\r\n\r\nbody", b"Dear Bob,\r\n\r\nbody", ("junk-line", "no-header")),
        (b"A: \0\r\n\r\nbody", b"body", ("null-byte",)),
        (b"A: b\rc\r\n\r\nbody", b"body", ("bare-cr",)),
    ],
)
def test_the_body_starts_after_the_first_empty_line(raw: bytes, body: bytes, defects: tuple[str, ...]) -> None:
    header = parse_header(raw)
    assert body == raw[header.body_start :]
    assert defects == header.defects


def test_s18_junk_between_fields_hides_no_field() -> None:
    assert names(b"A: 1\njunk\nB: 2\nno colon: x y\n: 3\nC: 4\n\n") == ["a", "b", "c"]


def test_s12_too_many_fields_and_too_long_a_header_are_cut_and_told() -> None:
    many = parse_header(b"A: b\r\n" * (MAX_FIELDS + 1) + b"\r\nbody")
    assert len(many.fields) == MAX_FIELDS
    assert many.defects == ("too-many-fields",)
    long = parse_header(b"A: b\r\n" + b"X: " + b"y" * 10_000_000 + b"\r\n\r\nbody")
    assert sum(len(field.raw) for field in long.fields) == MAX_HEADER
    assert long.defects == ("too-long",)
    assert long.body_start == 6 + 3 + 10_000_000 + 4


def test_a_mapped_file_reads_like_bytes() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(MESSAGE)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert parse_header(MESSAGE) == parse_header(mapped)


@pytest.mark.parametrize("piece", [b"a", b"a ", b"a:", b"a\n", b"\n ", b": \n", b"\r", b"a\r\n", b" \n", b"a :", b"a:\n b\n"])
@pytest.mark.slow
def test_s13_time_is_in_proportion_to_length(piece: bytes) -> None:
    raw = piece * (MAX_HEADER // len(piece))
    in_time(0.5, lambda: parse_header(raw))


@settings(max_examples=100)
@given(st.binary(max_size=80) | st.text("ab: \t\r\n\0", max_size=80).map(str.encode))
def test_whatever_comes_is_split_into_places_of_the_message(raw: bytes) -> None:
    header = parse_header(raw)
    assert 0 <= header.body_start <= len(raw)
    assert all(field.raw in raw and field.name == field.name.lower() for field in header.fields)
    assert all(isinstance(field.value, str) for field in header.fields)
