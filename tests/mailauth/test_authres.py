"""Authentication-Results: reading what others wrote, writing what nobody can bend, and removing what claims to be ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from dkim_reference import ED, MESSAGE, NOW, forge
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth.authres import (
    MAX_RESULTS,
    AuthResults,
    Defect,
    MethodResult,
    Property,
    dkim_results,
    parse,
    render,
    strip,
    topmost,
    without_claims,
)
from mailwright.mailauth.dkim import dns_record, verify

US = "mx.example.net"


def result(method: str, found: str, *properties: str, reason: str = "", version: int = 1, comment: str = "") -> MethodResult:
    split = (text.partition("=") for text in properties)
    named = tuple(Property(*key.split("."), value) for key, _, value in split)
    return MethodResult(method, found, version, reason, named, comment)


# Reading


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # RFC 8601 appendix B
        ("example.org 1; none", AuthResults("example.org")),
        (
            "example.com;\r\n spf=pass smtp.mailfrom=example.net",
            AuthResults("example.com", 1, (result("spf", "pass", "smtp.mailfrom=example.net"),)),
        ),
        (
            "example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net",
            AuthResults(
                "example.com",
                1,
                (
                    result("auth", "pass", "smtp.auth=sender@example.net", comment="cram-md5"),
                    result("spf", "pass", "smtp.mailfrom=example.net"),
                ),
            ),
        ),
        (
            'example.com;\r\n dkim=pass reason="good signature" header.i=@mail-router.example.net;\r\n'
            ' dkim=fail reason="bad signature" header.i=@newyork.example.com',
            AuthResults(
                "example.com",
                1,
                (
                    result("dkim", "pass", "header.i=@mail-router.example.net", reason="good signature"),
                    result("dkim", "fail", "header.i=@newyork.example.com", reason="bad signature"),
                ),
            ),
        ),
        (
            "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
            "  policy (A dot can go here) . (like that) expired (this surprised me)\r\n"
            "  = (as I wasn't expecting it) 1362471462",
            AuthResults(
                "foo.example.net",
                1,
                (
                    result(
                        "dkim",
                        "fail",
                        "policy.expired=1362471462",
                        comment="Because I like it One yay wait for it A dot can go here like that this surprised me"
                        " as I wasn't expecting it",
                    ),
                ),
            ),
        ),
        # and what else the grammar allows
        ('"mx 1"; none', AuthResults("mx 1")),
        ("bücher.example; none", AuthResults("bücher.example")),
    ],
)
def test_a_proper_field_is_read_without_defects(value: str, expected: AuthResults) -> None:
    assert expected == parse(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DKIM=PASS Header.D=Example.com", result("dkim", "pass", "header.d=Example.com")),
        ("dkim/2=pass", result("dkim", "pass", version=2)),
        ('spf=pass smtp.mailfrom="a b"@example.com', result("spf", "pass", "smtp.mailfrom=a b@example.com")),
        (r'x-y=huh reason="say \"a;b\" (c)"', result("x-y", "huh", reason='say "a;b" (c)')),
        ('spf=fail reason="folded\r\n reason"', result("spf", "fail", reason="folded reason")),
        (r"dkim=pass (nested (pair) \) ; spf=fail)", result("dkim", "pass", comment="nested (pair) ) ; spf=fail")),
        ("spf=pass smtp.mailfrom=a/b=c@b.example", result("spf", "pass", "smtp.mailfrom=a/b=c@b.example")),
        ("dkim=pass header.i=@bücher.example", result("dkim", "pass", "header.i=@bücher.example")),
        ("1x=pass", result("1x", "pass")),
    ],
)
def test_a_result_is_read_in_every_dress_the_grammar_allows(text: str, expected: MethodResult) -> None:
    assert AuthResults("a.example", 1, (expected,)) == parse("a.example; " + text)


@pytest.mark.parametrize(
    ("value", "methods", "defects"),
    [
        ("", [], {Defect.NO_ID, Defect.NO_RESULT}),
        ("a.example", [], {Defect.NO_RESULT}),
        ("a.example;", [], {Defect.EMPTY_RESULT, Defect.NO_RESULT}),
        ("a.example; dkim=pass;", ["dkim"], {Defect.EMPTY_RESULT}),
        ("a.example;; dkim=pass", ["dkim"], {Defect.EMPTY_RESULT}),
        ("; dkim=pass", ["dkim"], {Defect.NO_ID}),
        ("dkim=pass header.d=b.example", ["dkim"], {Defect.NO_ID, Defect.SEPARATOR}),
        ("a/b; dkim=pass", ["dkim"], {Defect.BAD_ID}),
        ("a.example dkim=pass", ["dkim"], {Defect.SEPARATOR}),
        ("a.example 2; dkim=pass", [], {Defect.VERSION}),
        ("a.example 1x; dkim=pass", [], {Defect.VERSION}),
        ("a.example; dkim; spf=pass", ["spf"], {Defect.METHOD}),
        ("a.example; =pass; spf=pass", ["spf"], {Defect.METHOD}),
        ("a.example; dkim=; spf=pass", ["spf"], {Defect.METHOD}),
        ('a.example; dkim="pass"; spf=pass', ["spf"], {Defect.METHOD}),
        ("a.example; dk!m=pass; spf=pass", ["spf"], {Defect.METHOD}),
        ("a.example; dkim=pass header.d; spf=pass", ["dkim", "spf"], {Defect.PROPERTY}),
        ("a.example; dkim=pass oops header.d=b.example", ["dkim"], {Defect.PROPERTY}),
        ("a.example; dmarc=pass action=none; compauth=pass reason=100", ["dmarc", "compauth"], {Defect.PROPERTY}),
        ("a.example; dkim=pass (open; spf=pass", ["dkim", "spf"], {Defect.PROPERTY, Defect.UNCLOSED}),
        ('a.example; dkim=pass reason="open; spf=pass', ["dkim", "spf"], {Defect.PROPERTY, Defect.UNCLOSED, Defect.VALUE}),
        ("a.example; dkim=pass header.b=ab/c+d==; spf=pass", ["dkim", "spf"], {Defect.VALUE}),
        ("a.example; dkim=pass header.d=; spf=pass", ["dkim", "spf"], {Defect.VALUE}),
        ("a.example; spf=pass smtp.mailfrom=<>", ["spf"], {Defect.VALUE}),
        ("a.example; iprev=pass policy.iprev=2001:db8::1", ["iprev"], {Defect.VALUE}),
        ("a.example; dkim=pass header.i=a@b@c.example", ["dkim"], {Defect.VALUE}),
        ("a.example; dkim=pass ) ] header.d=b; spf=pass", ["dkim", "spf"], {Defect.PROPERTY}),
        ("a.example" + "; x=y" * (MAX_RESULTS + 1), ["x"] * MAX_RESULTS, {Defect.TOO_MANY}),
    ],
)  # fmt: skip
def test_a_defect_is_told_and_hides_no_other_result(value: str, methods: list[str], defects: set[Defect]) -> None:
    found = parse(value)
    assert (methods, defects) == ([each.method for each in found.results], set(found.defects))


def test_a_value_that_should_have_been_quoted_is_kept_as_it_stands() -> None:
    assert "ab/c+d==" == parse("a.example; dkim=pass header.b=ab/c+d==").results[0].get("header.b")


def test_a_property_is_found_by_its_name() -> None:
    found = result("dkim", "pass", "header.d=a.example", "header.d=b.example")
    assert ("a.example", None) == (found.get("header.d"), found.get("header.i"))


FUZZ = st.text(alphabet=' \t\r\n;=.()"\\/@ab1ü\0', max_size=60)


@settings(max_examples=70)
@given(st.one_of(FUZZ, st.text(max_size=60), FUZZ.map("a.example; dkim=pass ".__add__)))
def test_no_value_makes_the_parser_stumble(value: str) -> None:
    assert isinstance(parse(value), AuthResults)


@pytest.mark.parametrize("size", [4_000, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("junk", ['\\"', "(", '"', "((a)", ";", "a=b ", "a ", ". ", ")", "a(\\", "=", "a.", "/"])
@pytest.mark.slow
def test_s13_hostile_values_take_linear_time(junk: str, size: int) -> None:
    value = (junk * size)[:size]
    header = parse_header(f"Authentication-Results: {value}\r\n\r\n".encode())
    in_time(size / 50_000, lambda: (parse(value), parse("a.example; dkim=pass " + value), strip(header, US)))


# Writing


def test_a_field_is_folded_with_one_result_a_line() -> None:
    field = render(
        US,
        (
            result("spf", "pass", "smtp.mailfrom=ada@example.com", "smtp.helo=mail.example.com"),
            result("dkim", "fail", "header.d=example.com", reason="body was changed", comment="2048-bit key"),
            result("x-agent-identity", "pass", "header.d=example.com", "policy.agent=ada"),
        ),
    )
    assert (
        b"Authentication-Results: mx.example.net;\r\n"
        b" spf=pass smtp.mailfrom=ada@example.com smtp.helo=mail.example.com;\r\n"
        b' dkim=fail (2048-bit key) reason="body was changed" header.d=example.com;\r\n'
        b" x-agent-identity=pass header.d=example.com policy.agent=ada\r\n"
    ) == field


def test_no_results_are_written_as_none() -> None:
    assert render(US, ()) == b"Authentication-Results: mx.example.net;\r\n none\r\n"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("example.com", "example.com"),
        ("@example.com", "@example.com"),
        ("ada+tea@example.com", "ada+tea@example.com"),
        ("", '""'),
        ("a b", '"a b"'),
        ("ab/c", '"ab/c"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("a;b", '"a;b"'),
        ("a(b", '"a(b"'),
        ("käthe@example.com", '"käthe@example.com"'),
        ("a\r\nb", '"a b"'),
        ("a\0b", '"a b"'),
        ("<>", '"<>"'),
    ],
)
def test_a_value_is_quoted_only_when_it_must_be(value: str, written: str) -> None:
    field = render(US, (MethodResult("spf", "pass", properties=(Property("smtp", "mailfrom", value),)),))
    assert f"smtp.mailfrom={written}\r\n" == field.decode().partition(" spf=pass ")[2]


@settings(max_examples=70)
@given(
    st.text(max_size=20),
    st.lists(
        st.builds(
            MethodResult,
            st.text(max_size=12),
            st.text(max_size=12),
            st.integers(0, 9),
            st.text(max_size=300),
            st.lists(st.builds(Property, st.text(max_size=9), st.text(max_size=9), st.text(max_size=1500)), max_size=2).map(
                tuple
            ),
            st.text(max_size=90),
        ),
        max_size=3,
    ),
)
def test_whatever_goes_in_one_field_comes_out(authserv_id: str, results: list[MethodResult]) -> None:
    field = render(authserv_id, results)
    header = parse_header(field + b"\r\n")
    assert ["authentication-results"] == [each.name for each in header.fields]
    assert () == header.defects
    lines = field.split(b"\r\n")
    assert lines.pop() == b""
    assert all(line.strip() for line in lines)
    assert max(map(len, lines)) <= 998
    assert not re.search(rb"[\0\r\n]", field.replace(b"\r\n", b""))


WORDS = st.text(alphabet='abz09 .@;()"\\=/-ü', max_size=80).map(lambda text: " ".join(text.split()))
NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,9}[a-z0-9])?", fullmatch=True)


@settings(max_examples=30)
@given(
    st.from_regex(r"[a-z][a-z0-9.-]{0,30}", fullmatch=True),
    st.lists(
        st.builds(
            MethodResult,
            NAMES,
            NAMES,
            st.integers(0, 9),
            WORDS,
            st.lists(st.builds(Property, NAMES, NAMES, WORDS), max_size=3).map(tuple),
            WORDS,
        ),
        max_size=3,
    ).map(tuple),
)
def test_what_we_write_we_read(authserv_id: str, results: tuple[MethodResult, ...]) -> None:
    text = render(authserv_id, results).decode().partition(":")[2]
    assert AuthResults(authserv_id, 1, results) == parse(text)
    assert all(len(line) <= 78 or len(line.split()) == 1 for line in text.split("\r\n")[1:])


def test_dkim_verdicts_are_written_with_what_tells_them_apart() -> None:
    message = forge(forge(MESSAGE, ED, {"l": "10"}), ED, {"i": "ada@example.com"}).replace(b"a=ed", b"a=no", 1)
    zone = Zone({(ED.name, "TXT"): (dns_record(ED) + "; t=y",)})
    written = dkim_results(answer(verify(parse_header(message), message, now=NOW), zone))
    assert ["neutral", "pass"] == [each.result for each in written]
    assert written[0].reason == "unknown algorithm"
    assert written[1].comment == "256-bit key, testing, body only signed in part"
    assert ("example.com", "@example.com", "e1", "ed25519-sha256") == tuple(written[1].get(f"header.{name}") for name in "disa")
    assert 8 == len(written[1].get("header.b") or "")


def test_an_unsigned_message_is_written_as_none() -> None:
    assert (MethodResult("dkim", "none"),) == dkim_results(())


# Removing what claims to be ours (AR-1, S9)


@pytest.mark.parametrize(
    "value",
    [
        "mx.example.net; dkim=pass header.d=bank.example",
        "MX.Example.NET; dkim=pass",
        "mx.example.net 1; dkim=pass",
        "mx.example.net 2; dkim=pass",
        "mx.example.net 99 ; dkim=pass",
        "mx.example.net/1; dkim=pass",
        '"mx.example.net"; dkim=pass',
        '"mx\\.example.net"; dkim=pass',
        "(hello) mx.example.net; dkim=pass",
        "(a;b (c)) mx.example.net (d) 1; dkim=pass",
        "\r\n mx.example.net\r\n ;dkim=pass",
        "mx.example.net",
        "mx.example.net dkim=pass",
        "mx.example.net.; dkim=pass",
        "mx.example.net;;;=(",
        "mx.example.net (open",
        "(open mx.example.net",
        '"mx.example.net; dkim=pass',
        "dkim=pass mx.example.net; spf=pass",
        "<mx.example.net>; dkim=pass",
        "\0mx.example.net; dkim=pass",
        "mx.example.net,other.example; dkim=pass",
    ],
)
def test_ar_1_s9_a_field_that_claims_to_be_ours_is_removed(value: str) -> None:
    header = parse_header(f"Received: x\r\nAUTHENTICATION-results : {value}\r\nFrom: a@b.example\r\n\r\n".encode())
    assert (1,) == strip(header, US)


@pytest.mark.parametrize(
    "value",
    [
        "mx.example.org; dkim=pass header.d=mx.example.net",
        "example.net; dkim=pass",
        "a.mx.example.net; dkim=pass",
        "mx.example.net.evil.example; dkim=pass",
        "xmx.example.net; dkim=pass",
        "; dkim=pass",
        "",
    ],
)
def test_ar_1_the_fields_of_others_stay(value: str) -> None:
    assert () == strip(parse_header(f"Authentication-Results: {value}\r\n\r\n".encode()), US)


def test_ar_1_s9_other_fields_stay_and_every_forged_one_goes() -> None:
    block = b"ARC-Authentication-Results: i=1; mx.example.net; none\r\nX-Authentication-Results: mx.example.net; none\r\n"
    forged = b"Authentication-Results: mx.example.net; none\r\n"
    assert (0, 3, 4) == strip(parse_header(forged + block + forged + forged + b"\r\n"), US)


FORGED = b"Authentication-Results: mx.example.net;\r\n\tdkim=pass\r\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FORGED + b"From: a@b.example\r\n\r\n", b"From: a@b.example\r\n\r\n"),
        (b"From: a@b.example\r\n" + FORGED + FORGED, b"From: a@b.example\r\n"),
        (b"From: a@b.example\r\n" + FORGED.rstrip(), b"From: a@b.example\r\n"),
        (b"From: a@b.example\r\nno field\r\n" + FORGED + b"\r\n", b"From: a@b.example\r\nno field\r\n\r\n"),
        (b"From: a@b.example\r\n\r\n" + FORGED, b"From: a@b.example\r\n\r\n" + FORGED),  # in the body it is text
        (b"X: " + FORGED + b"\r\n", b"X: " + FORGED + b"\r\n"),  # in the line of another field it is text too
        (b"X: y\n" * 1200 + FORGED + b"\n", b"X: y\n" * 1200 + b"\n"),
        (b"X: " + b"y" * 300_000 + b"\r\n" + FORGED + b"\r\n", b"X: " + b"y" * 300_000 + b"\r\n\r\n"),
    ],
    ids=["first", "twice", "cut", "junk", "body", "value", "beyond the limit of fields", "beyond the limit of size"],
)
def test_ar_1_s9_a_message_is_given_out_without_forged_fields(before: bytes, after: bytes) -> None:
    assert after == without_claims(before, parse_header(before), US)


def test_ar_1_a_message_without_forged_fields_is_given_out_as_it_is() -> None:
    raw = b"Authentication-Results: other.example; none\r\nFrom: a@b.example\r\n\r\nHi\r\n"
    assert without_claims(raw, parse_header(raw), US) is raw


def test_ar_1_s9_a_name_in_another_script_is_ours_in_either_form() -> None:
    header = parse_header("Authentication-Results: mx.bücher.example; none\r\n\r\n".encode())
    assert (0,) == strip(header, "mx.xn--bcher-kva.example")
    assert (0,) == strip(header, "mx.BÜCHER.example")


def test_ar_1_s9_only_the_topmost_of_our_own_is_believed() -> None:
    header = parse_header(
        b"Authentication-Results: other.example; dkim=fail\r\n"
        b"Authentication-Results: mx.example.net; dkim=none\r\n"
        b"Authentication-Results: mx.example.net; dkim=pass\r\n\r\n"
    )
    assert AuthResults(US, 1, (MethodResult("dkim", "none"),)) == topmost(header, US)
    assert topmost(header, "third.example") is None


# Foreign messages


NAIVE = re.compile(r"(?:^|;)\s*([a-z-]+)=([a-z]+)")
FILE_NAMES: dict[str, Callable[[AuthResults, MethodResult], bool]] = {
    "arh-valid": lambda field, dkim: dkim.result == "pass",
    "arh-failed": lambda field, dkim: dkim.result == "fail",
    "no_reason": lambda field, dkim: dkim.reason == "",
    "sdid_and_auid": lambda field, dkim: None not in (dkim.get("header.i"), dkim.get("header.d")),
    "no_sdid_or_auid": lambda field, dkim: dkim.properties == (),
    "valid_relaxed": lambda field, dkim: Defect.EMPTY_RESULT in field.defects,
    "no_authserv": lambda field, dkim: field.authserv_id == "" and Defect.NO_ID in field.defects,
    "parsing_error": lambda field, dkim: field.defects != (),
    "unknown_method": lambda field, dkim: field.results[0].method == "foo" and not field.defects,
}


@pytest.mark.corpora
def test_foreign_fields_are_read(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a field says is known from a naive reading of it, and from the name of the file."""
    wrong, total = [], 0
    for path in sorted((shared / "corpora/authres/dkim_verifier-arh").glob("*.eml")):
        total += 1
        texts = [field.value for field in parse_header(path.read_bytes()).all("authentication-results")]
        fields = [parse(text) for text in texts]
        dkim = next(each for field in fields for each in (*field.results, MethodResult("", "")) if each.method != "spf")
        agreed = [NAIVE.findall(text) for text in texts] == [
            [(each.method, each.result) for each in field.results] for field in fields
        ]
        if not agreed or not all(holds(fields[0], dkim) for word, holds in FILE_NAMES.items() if word in path.name):
            wrong.append(path.name)
    with capsys.disabled():
        print(f"\nauthres: {total - len(wrong)}/{total}")
    assert [] == wrong
