"""MTA-STS: records and policies as RFC 8461 writes them, and how long a promise holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timing import in_time

from mailwright.mailauth.mta_sts import MAX_AGE, Cached, Mode, Next, Policy, next_step, parse_policy, parse_record, policy_id

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "mta-sts" / "mox"
ENFORCE = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
DAY = 86_400


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpora here")
def test_corpus_of_records_and_policies(capsys: pytest.CaptureFixture[str]) -> None:
    records = json.loads((CORPUS / "record.json").read_text())
    policies = json.loads((CORPUS / "policy.json").read_text())
    wrong = [case for case in records if (parse_record(case["input"]) is not None) != case["valid"]]
    wrong += [case for case in policies if (parse_policy(case["input"].encode()) is not None) != case["valid"]]
    total = len(records) + len(policies)
    with capsys.disabled():
        print(f"\nMTA-STS: {total - len(wrong)}/{total}")
    assert [] == wrong


def test_a_policy_says_its_mode_its_exchangers_and_how_long_it_holds() -> None:
    policy = parse_policy(ENFORCE.encode())
    assert Policy(Mode.ENFORCE, ("mx1.example.com", "*.example.net"), 604_800) == policy


@pytest.mark.parametrize(
    "change",
    [("\r\n", "\n"), ("mode: ", "mode:"), ("max_age: 604800\r\n", "max_age: 604800 \t"), ("mode:", "new.field: møx\nmode:")],
)
def test_forms_that_mean_the_same(change: tuple[str, str]) -> None:
    assert parse_policy(ENFORCE.encode()) == parse_policy(ENFORCE.replace(*change).encode())


@pytest.mark.parametrize(
    "change",
    [
        ("STSv1", "stsv1"),
        ("mode: enforce", "mode: strict"),
        ("604800", "-1"),
        ("604800", "12345678901"),
        ("mx1.example.com", "*mx1.example.com"),
        ("mx1.example.com", "mx1..example.com"),
        ("mx1.example.com", "192.0.2.1]"),
        ("mode: enforce\r\n", "mode: enforce\r\n\r\n"),
        ("mode", " mode"),
        ("mx1", "mx\0"),
        ("604800\r\n", "604800\r"),  # §3.2: a line ends in LF or CRLF
        ("mode: enforce", "note: a\0b\r\nmode: enforce"),
        ("mx1.example.com", ".".join(["a" * 63] * 4) + ".b"),
    ],
)
def test_what_is_no_policy(change: tuple[str, str]) -> None:
    assert parse_policy(ENFORCE.replace(*change).encode()) is None


def test_of_fields_that_come_twice_the_first_counts() -> None:
    policy = parse_policy(ENFORCE.encode() + b"mode: none\nmax_age: 1\n")
    assert policy is not None
    assert (Mode.ENFORCE, 604_800) == (policy.mode, policy.max_age)


def test_nobody_promises_more_than_a_year_and_nobody_sends_more_than_64_kb() -> None:
    assert 31_557_600 == MAX_AGE
    assert MAX_AGE == parse_policy(b"version: STSv1\nmode: none\nmax_age: 9999999999").max_age  # type: ignore[union-attr]
    filled = ENFORCE.encode() + b"x: "
    whole = filled + b"y" * (64 * 1024 - len(filled) - 1) + b"\n"
    assert parse_policy(whole) is not None
    assert parse_policy(whole[:-1] + b"y\n") is None


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("mx1.example.com", True),
        ("MX1.Example.COM.", True),
        ("a.example.net", True),
        ("a.b.example.net", False),
        ("example.net", False),
        ("mx2.example.com", False),
        ("aexample.net", False),
    ],
)
def test_a_wildcard_stands_for_one_label(host: str, covered: bool) -> None:
    policy = parse_policy(ENFORCE.encode())
    assert policy is not None
    assert covered == policy.covers(host)


def test_exactly_one_record_must_be_of_mta_sts() -> None:
    assert "1" == policy_id(["v=spf1 -all", "v=STSv1; id=1"])
    assert policy_id(["v=STSv1; id=1", "v=STSv1; id=2"]) is None
    assert policy_id(["v=STSv1; id=1; id=2"]) is None
    assert policy_id([]) is None


def cached(age: int = 0, max_age: int = 30 * DAY, id: str = "1") -> Cached:
    return Cached(Policy(Mode.ENFORCE, ("mx.example.com",), max_age), id, 1_000_000 - age)


@pytest.mark.parametrize(
    ("record_id", "known", "step"),
    [
        (None, None, Next.USE),
        (None, cached(), Next.USE),  # the record vanished: the promise stands
        ("1", None, Next.FETCH),
        ("1", cached(), Next.USE),
        ("2", cached(), Next.FETCH),
        ("1", cached(age=31 * DAY), Next.FETCH),
        ("1", cached(age=2 * DAY), Next.FETCH),
        ("1", cached(age=31, max_age=60), Next.FETCH),
        ("1", cached(age=-5), Next.FETCH),  # the clock was set back
    ],
)
def test_when_a_policy_is_fetched(record_id: str | None, known: Cached | None, step: Next) -> None:
    assert step is next_step(record_id, known, 1_000_000)


@given(st.one_of(st.text(), st.text("v=STSv1;id \tab0."), st.from_regex(r"v=STSv1(; ?[a-z]{1,3}=[a-z0-9]{0,4}){0,4}")))
def test_no_record_is_too_much(text: str) -> None:
    assert parse_record(text) is None or text.startswith("v=STSv1")


@given(st.one_of(st.binary(), st.text("version:STSv1\nmode:nonemax_age:0 \r*.").map(str.encode)))
def test_no_policy_is_too_much(content: bytes) -> None:
    policy = parse_policy(content)
    assert policy is None or policy == parse_policy("\n".join(policy.strings).encode())


def test_the_largest_input_is_read_at_once() -> None:
    def read() -> None:
        for text in ("v=STSv1" + " \t" * 30_000, "v=STSv1;" * 8000, "v=STSv1; id=" + "a" * 60_000):
            parse_record(text)
        for unit in (b"mx:" + b"a." * 100 + b"\n", b"mx: " + b" " * 60, b"\r\n", b"a" * 60):
            parse_policy(unit * (65_536 // len(unit)))

    in_time(1, read)
