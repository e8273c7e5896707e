"""Verification of anything at all: it returns, soon, and never with a pass that nobody signed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dkim_reference import ED, MESSAGE, NOW, forge
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import Field, parse_header
from mailwright.mail.questions import Answer, Question, Status, Zone, answer
from mailwright.mailauth.dkim import Verdict, dns_record, verify
from mailwright.mailauth.dkim.signature import parse_signature

ZONE = Zone({(ED.name, "TXT"): (dns_record(ED),)})
SIGNED = forge(MESSAGE, ED, {"t": str(NOW), "x": str(NOW + 9), "i": "ada@example.com"})
END = SIGNED.index(b"Received:")

Lookup = Callable[[Question], Answer]


def verdicts(message: bytes, lookup: Lookup = ZONE) -> list[Verdict]:
    return [result.result for result in answer(verify(parse_header(message), message, now=NOW), lookup)]


@settings(max_examples=80)
@given(st.integers(0, END - 3), st.binary(min_size=1, max_size=3))
def test_a_damaged_signature_field_gives_some_verdict(place: int, octets: bytes) -> None:
    assert isinstance(verdicts(SIGNED[:place] + octets + SIGNED[place + len(octets) :]), list)


@settings(max_examples=60)
@given(st.integers(END, len(SIGNED.rstrip()) - 2), st.integers(0x21, 0x7E))
def test_a_changed_character_in_what_is_signed_never_passes(place: int, octet: int) -> None:
    if SIGNED.find(b"Received:") <= place < SIGNED.find(b"From:") or chr(SIGNED[place]).isspace():
        return
    changed = bytearray(SIGNED)
    changed[place] = octet
    if SIGNED[place : place + 1].lower() != bytes([octet]).lower():
        assert verdicts(bytes(changed)) in ([Verdict.FAIL], [Verdict.PERMERROR])


@settings(max_examples=60)
@given(st.one_of(st.binary(max_size=90), st.text(alphabet="vabcdhstxilq=;:1 \r\n@.", max_size=90).map(str.encode)))
def test_any_field_body_reads_as_a_signature_or_a_problem(body: bytes) -> None:
    found = parse_signature(Field("dkim-signature", b"DKIM-Signature:" + body + b"\r\n"))
    assert bool(found.problem) is (found.verdict is not Verdict.NONE)


@settings(max_examples=30)
@given(st.sampled_from(Status), st.lists(st.text(max_size=40), max_size=3).map(tuple))
def test_any_answer_from_dns_gives_some_verdict(status: Status, records: tuple[str, ...]) -> None:
    assert [] != verdicts(SIGNED, lambda question: Answer(status, records))


@pytest.mark.parametrize(
    "hostile",
    [
        b"DKIM-Signature: " + b"a=b;" * 60_000,
        b"DKIM-Signature: " + b"; " * 120_000,
        b"DKIM-Signature: v=1; h=" + b"from:" * 50_000 + b"from",
        b"DKIM-Signature: v=1; b=" + b" \r\n\t" * 50_000,
        b"DKIM-Signature: v=1; d=" + b"a." * 100_000,
        b"DKIM-Signature: v=1; d=" + "ü".encode() * 100_000,
        b"DKIM-Signature: v=1; t=" + b"9" * 200_000,
        b"DKIM-Signature: v=1; i=" + b"=41" * 60_000,
    ],
    ids=["tags", "semicolons", "names", "folds", "labels", "umlauts", "digits", "quoted"],
)
def test_s17_hostile_signatures_are_refused_in_no_time(hostile: bytes) -> None:
    assert [Verdict.PERMERROR] == in_time(0.5, lambda: verdicts(hostile + b"\r\n" + MESSAGE))


def test_s17_ten_signatures_with_ten_lengths_cost_one_pass_over_the_body() -> None:
    body = b"A line  of text \r\n" * 30_000
    message = b"From: a@example.com\r\n\r\n" + body
    field = forge(message, ED).partition(b"From:")[0]
    ten = b"".join(field.replace(b"v=1;", b"v=1; l=%d;" % (1000 * number), 1) for number in range(10)) + message
    assert [Verdict.FAIL] * 10 == in_time(0.5, lambda: verdicts(ten))
