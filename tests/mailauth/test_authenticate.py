"""All checks of one message together, and the From field that decides whom they are about."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from dkim_reference import forge
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Answer, Question, Status, Zone, answer
from mailwright.mailauth.authenticate import Authentication, authenticate, authentication_results
from mailwright.mailauth.authors import Authors, authors_of
from mailwright.mailauth.authres import parse
from mailwright.mailauth.dkim import Verdict, dns_record, generate_ed25519, sign
from mailwright.mailauth.dmarc import DmarcResult, Policy
from mailwright.mailauth.spf import SpfResult

CLIENT = IPv4Address("192.0.2.1")
NOW = 1_795_000_000
KEY = generate_ed25519("example.com", "s1")
ZONE_TEXT = """
example.com TXT v=spf1 ip4:192.0.2.1 -all
bounce.example.com TXT v=spf1 ip4:192.0.2.1 -all
mx.example.com TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.example.com TXT v=DMARC1; p=reject
good.test TXT v=spf1 -all
_dmarc.good.test TXT v=DMARC1; p=reject
bad.test TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.bad.test TXT v=DMARC1; p=none
"""
ZONE = Zone({**Zone.parse(ZONE_TEXT).records, (KEY.name, "TXT"): (dns_record(KEY),)})
MESSAGE = (
    b"From: Ada <ada@example.com>\r\nTo: bob@there.test\r\nSubject: Tea\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@example.com>\r\n\r\nAt four?\r\n"
)


def signed(message: bytes) -> bytes:
    header = parse_header(message)
    return sign(header, message[header.body_start :], (KEY,), now=NOW) + message


def run(message: bytes, *, mail_from: str = "", helo: str = "mx.test", **options: Any) -> Authentication:
    zone = options.pop("zone", ZONE)
    check = authenticate(message, parse_header(message), ip=CLIENT, helo=helo, mail_from=mail_from, now=NOW, **options)
    return answer(check, zone)


def from_field(text: bytes) -> Authors:
    return authors_of(parse_header(b"From: " + text + b"\r\nSubject: x\r\n\r\n"))


def test_signed_mail_from_the_right_host_passes_everything() -> None:
    found = run(signed(MESSAGE), mail_from="ada@example.com", helo="mx.example.com")
    assert (SpfResult.PASS, SpfResult.PASS) == (found.spf.result, found.spf_helo and found.spf_helo.result)
    assert [Verdict.PASS] == [signature.result for signature in found.dkim]
    assert (DmarcResult.PASS, ("example.com",)) == (found.dmarc.result, found.header_from)
    assert ["spf", "dkim"] == [identifier.method for identifier in found.dmarc.aligned]


def test_mail_changed_on_the_way_and_forwarded_fails_and_is_quarantined() -> None:
    found = run(signed(MESSAGE).replace(b"four", b"five"), mail_from="list@bad.test")
    assert [Verdict.FAIL] == [signature.result for signature in found.dkim]
    assert (DmarcResult.FAIL, Policy.QUARANTINE) == (found.dmarc.result, found.dmarc.disposition)


def test_reject_is_carried_out_where_we_are_told_to() -> None:
    assert Policy.REJECT is run(MESSAGE, mail_from="x@bad.test", honor_reject=True).dmarc.disposition


def test_a_null_reverse_path_is_authenticated_by_helo() -> None:
    found = run(MESSAGE, helo="mx.example.com")
    assert None is found.spf_helo
    assert (SpfResult.PASS, DmarcResult.PASS) == (found.spf.result, found.dmarc.result)


def test_helo_vouches_for_no_author_where_there_is_a_reverse_path() -> None:
    found = run(MESSAGE, mail_from="x@bad.test", helo="mx.example.com")
    assert SpfResult.PASS == (found.spf_helo and found.spf_helo.result)
    assert DmarcResult.FAIL == found.dmarc.result


def test_a_signature_that_leaves_the_body_open_vouches_for_no_author() -> None:
    found = run(forge(MESSAGE, KEY, {"l": "3"}))
    assert [(Verdict.PASS, True)] == [(signature.result, signature.partial) for signature in found.dkim]
    assert DmarcResult.FAIL == found.dmarc.result


def test_a_key_that_could_not_be_fetched_leaves_the_message_in_doubt() -> None:
    def lookup(question: Question) -> Answer:
        return Answer(Status.TIMEOUT) if "_domainkey" in question.name else ZONE(question)

    found = run(signed(MESSAGE), mail_from="x@bad.test", zone=lookup)
    assert (DmarcResult.TEMPERROR, Policy.NONE) == (found.dmarc.result, found.dmarc.disposition)


def test_spf_dkim_and_the_policy_are_asked_for_side_by_side() -> None:
    message = signed(MESSAGE)
    check = authenticate(message, parse_header(message), ip=CLIENT, helo="mx.test", mail_from="a@example.com", now=NOW)
    first = check.send(None)
    assert isinstance(first, tuple)
    expected = {"example.com", "mx.test", "s1._domainkey.example.com", "_dmarc.example.com"}
    assert expected == {question.name for question in first}
    with pytest.raises(StopIteration):
        check.send(tuple(map(ZONE, first)))


def test_mail_without_an_author_is_checked_all_the_same_but_asks_for_no_policy() -> None:
    asked: list[str] = []

    def lookup(question: Question) -> Answer:
        asked.append(question.name)
        return ZONE(question)

    found = run(MESSAGE.replace(b"From:", b"Form:"), mail_from="ada@example.com", zone=lookup)
    assert (DmarcResult.PERMERROR, Policy.REJECT) == (found.dmarc.result, found.dmarc.disposition)
    assert SpfResult.PASS == found.spf.result
    assert not [name for name in asked if name.startswith("_dmarc")]


SOUND = [
    (b"ada@example.com", ["example.com"]),
    (b"Ada <ada@Example.COM>", ["example.com"]),
    (b'"Lovelace, Ada" <ada@example.com>', ["example.com"]),
    (b"Ada (at home) <ada@example.com> (really)", ["example.com"]),
    (b"Ada\r\n <ada@example.com>", ["example.com"]),
    (b"\r\n ada@example.com", ["example.com"]),
    (b"=?utf-8?q?Ad=C3=A1?= <ada@example.com>", ["example.com"]),
    ("Adá <ada@example.com>".encode(), ["example.com"]),
    (b"Ad\xe1 <ada@example.com>", ["example.com"]),
    ("ada@bücher.test".encode(), ["xn--bcher-kva.test"]),
    (b"a@example.com, b@example.com", ["example.com"]),
    (b"a@example.com, b@bad.test", ["example.com", "bad.test"]),
    (b"Friends: a@example.com, b@example.com;", ["example.com"]),
    # What is no address takes no part, however it looks.
    (b'"alice@good.test" <mallory@bad.test>', ["bad.test"]),
    (b'"alice@good.test>" <mallory@bad.test>', ["bad.test"]),
    (b'"\\"alice@good.test\\" <alice@good.test>" <mallory@bad.test>', ["bad.test"]),
    (b"=?utf-8?q?alice=40good.test?= <mallory@bad.test>", ["bad.test"]),
    (b"=?utf-8?b?PGFsaWNlQGdvb2QudGVzdD4=?= <mallory@bad.test>", ["bad.test"]),
    (b"=?utf-8?q?alice=40good.test_via_list?= <list@bad.test>", ["bad.test"]),
    (b'"alice@good.test"@bad.test', ["bad.test"]),
    (b"ada@under_score.example.com", ["under_score.example.com"]),
    # The grammar is broken, yet all readers find one domain.
    (b"ada@example.com <ada@example.com>", ["example.com"]),
    (b"Ada, Inc. <ada@example.com>", ["example.com"]),
    (b"[Tea] Ada <ada@example.com>", ["example.com"]),
    (b"<<ada@example.com>>", ["example.com"]),
    (b"Ada <ada@example.com", ["example.com"]),
    (b"Ada Q. Lovelace <ada@example.com>", ["example.com"]),
]


@pytest.mark.parametrize(("text", "domains"), SOUND)
def test_s11_the_author_domain_is_the_one_that_all_readers_find(text: bytes, domains: list[str]) -> None:
    assert Authors(tuple(domains)) == from_field(text)


REFUSED = [
    b"alice@good.test <mallory@bad.test>",
    b"alice@good.test(<mallory@bad.test>",
    b"alice@good.test, <mallory@bad.test",
    b"alice@good.test@bad.test",
    b"<alice@good.test>, <mallory@bad.test",
    b"<alice@good.test> <mallory@bad.test>",
    b"alice@good.test\\, <mallory@bad.test>",
    b'"alice@good.test" mallory@bad.test',
    b'"alice <alice@good.test> <mallory@bad.test>',
    b"<@good.test:mallory@bad.test>",
    b"alice@good.test: mallory@bad.test;",
    b"alice@good . test",
    b"alice@good.test\0@bad.test",
    b"alice@good.test\0",
    b"alice@good.test\rmallory@bad.test",
    b"=?utf-8?q?alice=40good.test?= mallory@bad.test",
    b"=?utf-8?q?alice=40good.test_?=<mallory@bad.test",
    b"=?utf-8?q?alice=40good.test?=",
    b"alice@=?utf-8?q?good.test?=",
    b"alice@good.test;mallory@bad.test",
    b"alice@good\xe9.test",
    "alice@good․test".encode(),
    b"alice@[192.0.2.1]",
    b"alice@good..test",
    b"alice@-good.test,",
    b"alice",
    b"",
    b"undisclosed recipients:;",
    b"(alice@good.test)",
    b'"alice@good.test"',
    b"@good.test",
    b"alice@",
]


@pytest.mark.parametrize("text", REFUSED)
def test_s11_a_from_on_which_readers_may_disagree_names_no_author_and_is_refused(text: bytes) -> None:
    found = run(b"From: " + text + b"\r\n\r\nhello\r\n", mail_from="mallory@bad.test")
    assert (DmarcResult.PERMERROR, Policy.REJECT) == (found.dmarc.result, found.dmarc.disposition)
    assert found.dmarc.reason


def test_dm_12_authors_of_two_domains_are_refused() -> None:
    found = run(b"From: alice@good.test, mallory@bad.test\r\n\r\n", mail_from="mallory@bad.test")
    assert (DmarcResult.PERMERROR, Policy.REJECT) == (found.dmarc.result, found.dmarc.disposition)
    assert ("good.test", "bad.test") == found.header_from


@pytest.mark.parametrize(
    "second", [b"From: mallory@bad.test\r\n", b"from : mallory@bad.test\r\n", b"FROM:\r\n ada@example.com\r\n"]
)
def test_dm_12_two_from_fields_are_refused_even_where_they_agree(second: bytes) -> None:
    assert "there are 2 From fields" == run(second + MESSAGE).dmarc.reason


def test_dm_12_a_crowd_of_authors_is_refused_without_asking_for_each() -> None:
    crowd = b", ".join(b"a@d%d.test" % number for number in range(500))
    assert Authors((), "From names a crowd of authors") == from_field(crowd)


def test_dm_15_results_are_written_down_with_their_properties() -> None:
    field = authentication_results(run(signed(MESSAGE), mail_from="ada@example.com", helo="mx.example.com"), "here.test")
    assert field.startswith(b"Authentication-Results: here.test;")
    assert field.endswith(b"\r\n")
    found = parse(parse_header(field + b"\r\n").fields[0].value)
    assert ["spf", "spf", "dkim", "dmarc", "arc"] == [result.method for result in found.results]
    assert ["pass"] * 4 + ["none"] == [result.result for result in found.results]
    mail_from, helo, dkim, dmarc, _ = found.results
    assert ("example.com", "mx.example.com") == (mail_from.get("smtp.mailfrom"), helo.get("smtp.helo"))
    assert ("example.com", "s1") == (dkim.get("header.d"), dkim.get("header.s"))
    assert dkim.get("header.b")
    assert ("example.com", "reject") == (dmarc.get("header.from"), dmarc.get("policy.dmarc"))


@pytest.mark.parametrize(
    ("mail_from", "expected"),
    [("a@bad.test", ("pass", "bad.test")), ("a@good.test", ("fail", "good.test")), ("a@gone.test", ("none", "gone.test"))],
)
def test_spf_9_the_result_of_spf_is_written_down(mail_from: str, expected: tuple[str, str]) -> None:
    field = authentication_results(run(MESSAGE, mail_from=mail_from), "here.test").decode()
    spf = parse(field.partition(":")[2]).results[0]
    assert ("spf", *expected) == (spf.method, spf.result, spf.get("smtp.mailfrom"))


def test_dm_15_a_failure_is_written_down_with_its_reason() -> None:
    found = parse(authentication_results(run(MESSAGE, mail_from="x@bad.test"), "here.test").decode().partition(":")[2])
    spf, dkim, dmarc, _ = found.results
    assert ("pass", "none", "fail") == (spf.result, dkim.result, dmarc.result)
    assert "nothing that SPF or DKIM authenticates is aligned with example.com" == dmarc.reason


def test_dm_15_no_author_is_written_down_without_a_domain() -> None:
    found = parse(authentication_results(run(b"\r\n"), "here.test").decode().partition(":")[2])
    assert ("permerror", None) == (found.results[-2].result, found.results[-2].get("header.from"))


def test_names_from_the_envelope_can_not_break_out_of_the_field() -> None:
    evil = "x@bad.test\r\nX-Evil: 1;dmarc=pass"
    field = authentication_results(run(MESSAGE, mail_from=evil, helo=evil), "here.test")
    assert 1 == len(parse_header(field + b"\r\n").fields)
    assert not [result for result in parse(field.decode().partition(":")[2]).results if result == ("dmarc", "pass")]


# Rows of that table which RFC 9989 §5.3.1 and §11.5 decide otherwise: tests/exceptions/dmarc.md.
EXCEPTIONS = (Path(__file__).parents[1] / "exceptions/dmarc.md").read_text()


@pytest.mark.corpora
def test_opendmarc_from_fields_agree_or_are_listed(shared: Path) -> None:
    rows = json.loads((shared / "corpora/dmarc/opendmarc-tables/tables.json").read_text())["from_header_to_domain"]
    outcomes = {row["from"]: from_field(row["from"].encode()).domains == (row["domain"],) for row in rows}
    print(f"dmarc from: {sum(outcomes.values())}/{len(outcomes)}")
    assert [] == [text for text, agreed in outcomes.items() if agreed is (f"- `{text}`:" in EXCEPTIONS)]


PIECES = st.sampled_from(
    [
        *["alice@good.test", "mallory@bad.test", "<", ">", "(", ")", '"', "\\", ",", ";", ":", "@", " ", "\r\n ", "[", "]"],
        *["=?utf-8?q?alice=40good.test?=", "=?", "?=", "é", "\0", "Group:", ".", "good.test", "\ud7ff", "\r", "\n"],
    ]
)
FIELDS = st.one_of(st.lists(PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode()), st.binary(max_size=60))


@settings(max_examples=300)
@given(FIELDS)
def test_any_from_field_is_read_without_raising_and_names_only_domains_that_stand_in_it(text: bytes) -> None:
    found = from_field(text.replace(b"\n\n", b"").replace(b"\r\n\r\n", b""))
    assert not (found.domains and found.problem)
    for domain in found.domains:
        assert domain.isascii()
        assert domain.startswith("xn--") or ".xn--" in domain or domain.encode() in text.lower().replace(b"\r\n", b"")


@settings(max_examples=60)
@given(st.binary(max_size=200), st.text(max_size=30), st.text(max_size=30))
def test_any_message_is_authenticated_without_raising(message: bytes, mail_from: str, helo: str) -> None:
    found = run(message, mail_from=mail_from, helo=helo)
    assert 1 == len(parse_header(authentication_results(found, "here.test") + b"\r\n").fields)
