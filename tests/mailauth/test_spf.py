"""RFC 7208, rule by rule. The tables are in vectors/spf; each stands alone with its own zone."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mail.questions import Answer, Question, RecordType, Status, Zone, answer
from mailwright.mailauth.spf import (
    REFUSALS,
    SpfAdvice,
    SpfFinding,
    SpfResult,
    SpfScope,
    SpfVerdict,
    check_host,
    is_spf,
    lint,
    parse_record,
)

VECTORS = Path(__file__).parent / "vectors/spf"
CLIENT = IPv4Address("192.0.2.1")


class Case(NamedTuple):
    name: str
    client: str
    mail_from: str
    helo: str
    result: str
    explanation: str | None = None


def read(file: str) -> tuple[Zone, list[Case]]:
    text = (VECTORS / file).read_text().replace("\\\n", "")
    zone, _, table = text.partition("[cases]\n")
    rows = [[cell.strip() for cell in row.split("|")] for row in table.splitlines() if row]
    return Zone.parse(zone.partition("[zone]\n")[2]), [Case(*row) for row in rows]


def verdict_of(zone: Zone, mail_from: str, *, client: str = "192.0.2.1", helo: str = "h.example") -> SpfVerdict:
    check = check_host(ip_address(client), mail_from=mail_from, helo=helo, receiver="here.example", now=1_700_000_000)
    return answer(check, zone)


def disagreements(file: str) -> list[str]:
    zone, cases = read(file)
    found = []
    for case in cases:
        verdict = verdict_of(zone, case.mail_from.replace("<>", ""), client=case.client, helo=case.helo)
        if verdict.result != case.result or case.explanation not in (None, verdict.explanation):
            found.append(f"{case.name}: {verdict.result} {verdict.explanation!r} {verdict.reason} {verdict.steps}")
    return found


def test_spf_1_s17_ten_lookups_are_allowed_and_the_eleventh_is_a_permanent_error() -> None:
    assert [] == disagreements("01-lookups.txt")


def test_spf_2_more_than_ten_mx_are_an_error_and_only_ten_ptr_names_are_looked_at() -> None:
    assert [] == disagreements("02-hosts.txt")


def test_spf_3_s17_the_third_void_lookup_is_a_permanent_error() -> None:
    assert [] == disagreements("03-void.txt")


def test_spf_4_exactly_one_record_of_version_spf1_is_selected() -> None:
    assert [] == disagreements("04-selection.txt")


def test_spf_5_dns_trouble_is_temporary_and_bad_syntax_anywhere_is_permanent() -> None:
    assert [] == disagreements("05-errors.txt")


def test_spf_6_include_and_redirect_pass_results_on_as_the_standard_tells() -> None:
    assert [] == disagreements("06-include.txt")


def test_spf_7_macros_expand_as_the_standard_tells() -> None:
    assert [] == disagreements("07-macros.txt")


def test_spf_8_identities_and_addresses_are_compared_as_the_standard_tells() -> None:
    assert [] == disagreements("08-identities.txt")


@pytest.mark.parametrize(
    ("result", "reply"),
    [("fail", (550, "5.7.23")), ("temperror", (451, "4.7.24")), ("permerror", (550, "5.7.24")), ("softfail", None)],
)
def test_spf_9_a_refusal_carries_the_registered_codes(result: str, reply: tuple[int, str] | None) -> None:
    assert reply == REFUSALS.get(SpfResult(result))


LINTED = [
    ("v=spf1 ptr -all", [SpfAdvice.PTR]),
    ("v=spf1 +all", [SpfAdvice.PASS_ALL]),
    ("v=spf1 all", [SpfAdvice.PASS_ALL]),
    ("v=spf1 ?all", [SpfAdvice.OPEN_END]),
    ("v=spf1 ip4:192.0.2.0/24", [SpfAdvice.OPEN_END]),
    ("v=spf1 ip4:10.0.0.0/8 -all", [SpfAdvice.BROAD_NETWORK]),
    ("v=spf1 ip4:10.0.0.0/9 -all", []),
    ("v=spf1 -ip4:10.0.0.0/8 ~all", []),
    ("v=spf1 ip6:2000::/3 -all", [SpfAdvice.BROAD_NETWORK]),
    ("v=spf1 a:host.example/0 -all", [SpfAdvice.BROAD_NETWORK]),
    ("v=spf1 a:host.example -all", []),
    ("v=spf1 a:six.example -all", []),
    ("v=spf1 a:gone.example -all", [SpfAdvice.VOID_LOOKUP]),
    ("v=spf1 a:gone.example a:gone2.example mx:gone3.example -all", [SpfAdvice.VOID_LOOKUP] * 4),
    ("v=spf1 include:gone.example -all", [SpfAdvice.BROKEN_INCLUDE]),
    ("v=spf1 include:twice.example -all", [SpfAdvice.BROKEN_INCLUDE]),
    ("v=spf1 include:me.example -all", [SpfAdvice.BROKEN_INCLUDE]),
    ("v=spf1 include:slow.example -all", [SpfAdvice.DNS_TROUBLE]),
    ("v=spf1 include:open.example -all", [SpfAdvice.PASS_ALL]),
    ("v=spf1 redirect=open.example", [SpfAdvice.PASS_ALL]),
    ("v=spf1 redirect=half.example", [SpfAdvice.OPEN_END]),
    ("v=spf1 -all redirect=open.example", [SpfAdvice.UNREACHABLE]),
    ("v=spf1 -all ip4:192.0.2.1", [SpfAdvice.UNREACHABLE]),
    ("v=spf1 mx:crowd.example -all", [SpfAdvice.TOO_MANY_HOSTS]),
    ("v=spf1 include:eight.example include:eight.example -all", [SpfAdvice.TOO_MANY_LOOKUPS]),
    ("v=spf1 include:eight.example exists:%{i}.x.example -all", []),
    ("v=spf1 nonsense -all", [SpfAdvice.SYNTAX]),
    ("hello", [SpfAdvice.NO_RECORD]),
]
LINT_ZONE = Zone.parse(
    """
    host.example A 192.0.2.1
    six.example AAAA 2001:db8::1
    twice.example TXT v=spf1 -all
    twice.example TXT v=spf1 ~all
    me.example TXT v=spf1 include:me.example -all
    slow.example TXT !timeout
    open.example TXT v=spf1 +all
    half.example TXT v=spf1 ip4:192.0.2.1
    eight.example TXT v=spf1 a:host.example a:host.example a:host.example a:host.example a:host.example a:host.example \
a:host.example ~all
    """
    + "\n".join(f"crowd.example MX {number} host.example" for number in range(11))
)


@pytest.mark.parametrize(("text", "expected"), LINTED)
def test_spf_10_the_lint_names_what_receivers_will_stumble_over(text: str, expected: list[SpfAdvice]) -> None:
    findings = answer(lint("me.example", [text]), LINT_ZONE)
    assert expected == [finding.code for finding in findings]


def test_spf_10_two_records_are_told_as_such() -> None:
    findings = answer(lint("Me.example", ["v=spf1 -all", "v=spf1 ~all", "other"]), LINT_ZONE)
    text = "me.example publishes 2 SPF records; receivers then use none of them. Merge them into one."
    assert (SpfFinding(SpfAdvice.SEVERAL_RECORDS, text, "me.example"),) == findings


def test_the_verdict_says_what_was_seen_and_why() -> None:
    zone = Zone.parse(
        """
        mail.example TXT v=spf1 include:in.example a:gone.example ~ip4:192.0.2.0/24 -all
        in.example TXT v=spf1 ip4:198.51.100.1 -all
        """
    )
    expected = SpfVerdict(
        SpfResult.SOFTFAIL,
        "mail.example",
        SpfScope.MFROM,
        mechanism="~ip4:192.0.2.0/24",
        lookups=2,
        void_lookups=1,
        record="v=spf1 include:in.example a:gone.example ~ip4:192.0.2.0/24 -all",
        steps=(
            "mail.example TXT: v=spf1 include:in.example a:gone.example ~ip4:192.0.2.0/24 -all",
            "in.example TXT: v=spf1 ip4:198.51.100.1 -all",
            "-all of in.example matches",
            "include:in.example of mail.example does not match",
            "gone.example A: nxdomain",
            "a:gone.example of mail.example does not match",
            "~ip4:192.0.2.0/24 of mail.example matches",
            "softfail",
        ),
    )
    assert expected == verdict_of(zone, "ada@mail.example")


def test_an_error_names_its_reason_and_the_record() -> None:
    zone = Zone.parse("mail.example TXT v=spf1 ip4:192.0.2.1 al")
    verdict = verdict_of(zone, "ada@mail.example")
    assert "the record of mail.example can't be read: 'al' is not a mechanism" == verdict.reason
    assert "v=spf1 ip4:192.0.2.1 al" == verdict.record


def rounds(zone: Zone, mail_from: str, client: str) -> list[list[str]]:
    """What a check asks, round by round."""
    check = check_host(ip_address(client), mail_from=mail_from, helo="h.example")
    asked: list[list[str]] = []
    reply: Any = None
    while True:
        try:
            wanted = check.send(reply)
        except StopIteration:
            return asked
        questions = (wanted,) if isinstance(wanted, Question) else wanted
        asked.append([f"{question.name} {question.type}" for question in questions])
        reply = zone(wanted) if isinstance(wanted, Question) else tuple(zone(question) for question in wanted)


def test_the_addresses_of_all_mail_hosts_are_asked_in_one_round() -> None:
    zone = Zone.parse("m.example TXT v=spf1 mx -all\nm.example MX 1 a.example\nm.example MX 2 b.example")
    expected = [["m.example TXT"], ["m.example MX"], ["a.example AAAA", "b.example AAAA"]]
    assert expected == rounds(zone, "a@m.example", "2001:db8::1")


def test_terms_are_asked_together_up_to_the_first_sure_match() -> None:
    zone = Zone.parse(
        """
        m.example TXT v=spf1 include:one.example mx include:two.example ip4:192.0.2.1 include:three.example -all
        one.example TXT v=spf1 -all
        two.example TXT v=spf1 -all
        m.example MX 1 a.example
        """
    )
    together = ["one.example TXT", "m.example MX", "two.example TXT"]
    assert [["m.example TXT"], together, ["a.example A"]] == rounds(zone, "a@m.example", "192.0.2.1")


def test_s17_no_record_makes_us_ask_more_than_ten_questions_ahead() -> None:
    includes = " ".join(f"include:n{number}.example" for number in range(40))
    lines = [f"n{number}.example TXT v=spf1 {includes} -all" for number in range(40)]
    asked = rounds(Zone.parse("\n".join(lines)), "a@n0.example", "192.0.2.1")
    assert sum(map(len, asked)) <= 20


def test_a_question_is_asked_once_in_a_check() -> None:
    zone = Zone.parse("m.example TXT v=spf1 a a a:m.example mx -all\nm.example A 203.0.113.1\nm.example MX 1 m.example")
    asked = [question for asked in rounds(zone, "a@m.example", "192.0.2.1") for question in asked]
    assert sorted(set(asked)) == sorted(asked)


def test_s17_a_record_of_absurd_length_is_an_error_and_costs_little() -> None:
    zone = Zone({("long.example", "TXT"): ("v=spf1 " + "ip4:192.0.2.1 " * 10_000,)})
    assert SpfResult.PERMERROR == verdict_of(zone, "a@long.example").result


def test_s17_a_macro_bomb_stays_small() -> None:
    text = "v=spf1 exists:" + "%{s}." * 1500 + "example exp=boom.example -all"
    boom = "%{s}" * 1000
    zone = Zone({("m.example", "TXT"): (text,), ("boom.example", "TXT"): (boom,)})
    verdict = verdict_of(zone, "x" * 490 + "@m.example")
    assert (SpfResult.FAIL, 500) == (verdict.result, len(verdict.explanation))


def test_a_reverse_path_longer_than_any_path_has_no_domain_to_check() -> None:
    assert SpfResult.NONE == verdict_of(Zone(), "x" * 600 + "@m.example").result


def test_an_ipv6_zone_index_takes_no_part() -> None:
    zone = Zone.parse("m.example TXT v=spf1 exists:%{i}.m.example ip6:fe80::1 -all")
    assert SpfResult.PASS == verdict_of(zone, "a@m.example", client="fe80::1%eth0").result


TERMS = st.sampled_from(
    [
        *["all", "-all", "~all", "a", "mx", "ptr", "a:%{d}", "mx:x.example/24//64", "ip4:192.0.2.0/24", "include:"],
        *["ip6:2001:db8::/32", "exists:%{ir}.x.example", "include:x.example", "redirect=x.example", "exp=x.example"],
        *["exists:%{l1r-+}.%{p}", "foo=bar", "+a:x.example/33", "ip4:1.2.3.4/", "%{", "include:%{h}", "?mx:%{o}"],
        *["a:%%%_%-.example", "exists:%{S}.x.example", "-a:%{p}"],
    ]
)
RECORDS = st.one_of(
    st.lists(TERMS, max_size=14).map(lambda terms: "v=spf1 " + " ".join(terms)),
    st.text(max_size=40).map(lambda text: "v=spf1 " + text),
    st.text(alphabet="%{}slodiphv0123456789r.-+,/_=: ae", max_size=40).map(lambda text: "v=spf1 exists:" + text),
)
ADDRESSES = st.lists(st.sampled_from(["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "junk", ""]), max_size=3)
NAMES = st.lists(st.sampled_from(["x.example", "X.example.", "10 x.example", "0 .", "10", "\\", "a..b"]), max_size=12)


class Noise:
    """A resolver that answers each question with something, the same each time."""

    def __init__(self, record: str, addresses: list[str], names: list[str], status: Status) -> None:
        self.table = {
            RecordType.TXT: (record,),
            RecordType.A: tuple(addresses),
            RecordType.AAAA: tuple(addresses),
            RecordType.MX: tuple(names),
            RecordType.PTR: tuple(names),
        }
        self.status = status

    def __call__(self, question: Question) -> Answer:
        records = self.table[question.type]
        if question.type is not RecordType.TXT and self.status is not Status.OK:
            return Answer(self.status)
        return Answer(Status.OK, records) if records else Answer(Status.NODATA)


@settings(max_examples=150)
@given(
    RECORDS,
    ADDRESSES,
    NAMES,
    st.sampled_from([Status.OK, Status.NXDOMAIN, Status.TIMEOUT]),
    st.sampled_from(["a@x.example", "", "<>", "@", "é@é.example", "a b@x.example", "x@" + "a." * 120 + "example"]),
    st.sampled_from(["x.example", "[192.0.2.1]", "", "\x00", "é.example", "h" * 400]),
)
def test_whatever_stands_in_dns_the_check_ends_within_its_limits(
    record: str, addresses: list[str], names: list[str], status: Status, mail_from: str, helo: str
) -> None:
    noise = Noise(record, addresses, names, status)
    asked: list[Question] = []

    def note(question: Question) -> Answer:
        asked.append(question)
        return noise(question)

    for ip in (CLIENT, IPv6Address("2001:db8::1")):
        asked.clear()
        verdict = answer(check_host(ip, mail_from=mail_from, helo=helo), note)
        assert verdict.lookups <= 11
        assert len(asked) <= 150
        assert verdict.explanation.isascii()
        answer(lint("x.example", [record]), noise)


@settings(max_examples=150)
@given(st.one_of(RECORDS, st.text(max_size=60)))
def test_any_text_is_read_without_raising(text: str) -> None:
    record = parse_record(text)
    assert record.error or not is_spf(text) or record.text == text
