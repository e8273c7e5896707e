"""Canonical forms: the incremental way against the plain one, on any split; which fields are signed; bounded memory."""

from __future__ import annotations

import mmap
import tracemalloc
from hashlib import sha256
from pathlib import Path

import dkim_reference
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mailauth.dkim.canonical import (
    BodyHash,
    Canonicalisation,
    body_chunks,
    canonical_header,
    hash_body,
    signed_fields,
    without_signature,
)

SIMPLE, RELAXED = Canonicalisation.SIMPLE, Canonicalisation.RELAXED
PIECES = st.sampled_from([b"\r\n", b" ", b"\t", b"\r", b"\n", b"a", b"  ", b" \r\n", b"\r\n\r\n", b"b c", b"    "])


def digest(chunks: list[bytes], form: Canonicalisation) -> tuple[bytes, int]:
    body_hash = BodyHash(form)
    hash_body(chunks, (body_hash,))
    return body_hash.digest(), body_hash.size


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),
        (b"\r\n", b"\r\n", b""),
        (b"\r\n\r\n\r\n", b"\r\n", b""),
        (b" \t\r\n", b" \t\r\n", b""),
        (b" ", b" \r\n", b""),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a\r\n", b"a\r\n", b"a\r\n"),
        (b"a\r\n\r\n", b"a\r\n", b"a\r\n"),
        (b"a\r\n \r\n\r\n", b"a\r\n \r\n", b"a\r\n"),
        (b" a \t b\t\r\n", b" a \t b\t\r\n", b" a b\r\n"),
        (b"\r\n\r\na", b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n", b" C\r\nD E\r\n"),  # RFC 6376 §3.4.5
        (b"a\r", b"a\r\r\n", b"a\r\r\n"),
        (b"a\n", b"a\n\r\n", b"a\n\r\n"),
        (b"a\n\r\n\r\n", b"a\n\r\n", b"a\n\r\n"),
    ],
)
def test_the_body_has_these_canonical_forms(body: bytes, simple: bytes, relaxed: bytes) -> None:
    assert (sha256(simple).digest(), len(simple)) == digest([body], SIMPLE)
    assert (sha256(relaxed).digest(), len(relaxed)) == digest([body], RELAXED)


@settings(max_examples=150)
@given(st.lists(st.lists(PIECES, max_size=8).map(b"".join), max_size=6), st.sampled_from(Canonicalisation))
@example([b"a ", b"\r", b"\n"], RELAXED)
@example([b" ", b" \r", b"b"], RELAXED)
@example([b"\r", b"\r\n", b"\n\r\n"], SIMPLE)
@example([b"a\r\r\n\n", b"", b"\r\n"], SIMPLE)
def test_any_split_gives_what_the_plain_way_gives(chunks: list[bytes], form: Canonicalisation) -> None:
    whole = dkim_reference.canonical_body(b"".join(chunks), form.value)
    assert (sha256(whole).digest(), len(whole)) == digest(chunks, form)


@settings(max_examples=40)
@given(st.lists(PIECES, max_size=12).map(b"".join), st.lists(st.integers(0, 30), max_size=5), st.integers(1, 7))
def test_each_length_hashes_so_many_octets_in_the_same_pass(body: bytes, lengths: list[int], step: int) -> None:
    whole = dkim_reference.canonical_body(body, "relaxed")
    body_hash = BodyHash(RELAXED, lengths=lengths)
    hash_body([body[at : at + step] for at in range(0, len(body), step)], (body_hash,))
    assert [sha256(whole[:length]).digest() for length in lengths] == [body_hash.digest(length) for length in lengths]
    assert (sha256(whole).digest(), len(whole)) == (body_hash.digest(), body_hash.size)


@settings(max_examples=80)
@given(
    st.lists(
        st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"a", b":", b";", b"\xff", b"\x0b", b"\r", b"\0"]), max_size=10
    ).map(b"".join)
)
def test_a_field_has_the_form_that_the_plain_way_gives_it(value: bytes) -> None:
    raw = b"SubJect \t:" + value.rstrip(b"\r") + b"\r\n"
    for form in Canonicalisation:
        expected = dkim_reference.canonical_field(raw, form.value).removesuffix(b"\r\n")
        assert expected == canonical_header([raw], form)


def test_the_example_of_the_standard_comes_out_as_printed() -> None:
    # RFC 6376 §3.4.5
    fields = [b"A: X\r\n", b"B : Y\t\r\n\tZ  \r\n"]
    assert b"a:X\r\nb:Y Z" == canonical_header(fields, RELAXED)
    assert b"A: X\r\nB : Y\t\r\n\tZ  " == canonical_header(fields, SIMPLE)


def test_repeated_names_take_fields_from_below_and_then_nothing() -> None:
    header = parse_header(b"X: 1\r\nY: a\r\nX: 2\r\nX: 3\r\n\r\n")
    chosen = signed_fields(header, ("x", "y", "x", "z", "x", "x"))
    assert [b"X: 3\r\n", b"Y: a\r\n", b"X: 2\r\n", b"X: 1\r\n"] == [field.raw for field in chosen]


def test_a_signature_is_never_part_of_what_it_signs_even_with_a_twin_beside_it() -> None:
    header = parse_header(b"S: 1\r\nT: x\r\nS: 2\r\nS: 1\r\n\r\n")
    first, _, _, last = header.fields
    assert [b"S: 1\r\n", b"S: 2\r\n"] == [field.raw for field in signed_fields(header, ("s", "s", "s"), first)]
    assert [b"S: 2\r\n", b"S: 1\r\n"] == [field.raw for field in signed_fields(header, ("s", "s", "s"), last)]


@pytest.mark.parametrize(
    ("raw", "emptied"),
    [
        (b"S: a=1; b=xyz; c=2\r\n", b"S: a=1; b=; c=2"),
        (b"S: a=1; b= x\r\n\tyz ; c=2\r\n", b"S: a=1; b=; c=2"),
        (b"S: bh=abc=; b\t=\r\n xyz==\r\n", b"S: bh=abc=; b\t="),
        (b"S:b=x\r\n", b"S:b="),
        (b"S: xb=1; bb=2\r\n", b"S: xb=1; bb=2"),
        (b"S: b; a=b=c\r\n", b"S: b; a=b=c"),
    ],
)
def test_the_signature_and_the_space_around_it_are_taken_out(raw: bytes, emptied: bytes) -> None:
    assert emptied == without_signature(raw)


@pytest.mark.parametrize("filler", [b"The quick  brown\tfox \r\n", b"\r\n", b" ", b"\r", b"\n\r", b"a"])
@pytest.mark.slow
def test_a_large_body_is_hashed_in_bounded_memory_and_time(filler: bytes, tmp_path: Path) -> None:
    size = 2 * 1024 * 1024
    path = tmp_path / "body"
    path.write_bytes((filler * (size // len(filler) + 1))[:size])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:

        def hashed() -> None:
            hashes = [BodyHash(form, lengths=[7, 70_000]) for form in Canonicalisation]
            hash_body(body_chunks(raw, 0), hashes)
            for body_hash in hashes:
                body_hash.digest()

        in_time(1, hashed)
        tracemalloc.start()
        hashed()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1_500_000
