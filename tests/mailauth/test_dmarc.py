"""RFC 9989, rule by rule. The tables are in vectors/dmarc; each stands alone with its own zone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mail.questions import Answer, Asks, Question, RecordType, Status, Zone, answer
from mailwright.mailauth.dmarc import (
    Alignment,
    DmarcAdvice,
    DmarcResult,
    DmarcVerdict,
    Identifier,
    Method,
    Policy,
    Psd,
    discover,
    evaluate,
    lint,
    organizational_domain,
    parse_record,
)

VECTORS = Path(__file__).parent / "vectors/dmarc"


def pairs(text: str) -> list[tuple[str, str]]:
    found = [word.partition("=") for word in text.split() if word != "-"]
    return [(domain, result or "pass") for domain, _, result in found]


def disagreements(file: str, rule: str = "") -> list[str]:
    text = (VECTORS / file).read_text().replace("\\\n", "")
    zone_text, _, table = text.partition("[cases]\n")
    zone = Zone.parse(zone_text.partition("[zone]\n")[2])
    rows = [[cell.strip() for cell in row.split("|")] for row in table.splitlines() if row.startswith(rule)]
    assert rows, f"no case of {rule} in {file}"
    return [found for row in rows for found in compare(zone, row)]


def compare(zone: Zone, row: list[str]) -> list[str]:
    name, authors, spf, dkim, expected = row
    verdict = answer(evaluate(authors.split(), pairs(spf), pairs(dkim)), zone)
    actual = {
        "result": verdict.result,
        "policy": verdict.policy or "",
        "disposition": verdict.disposition,
        "org": verdict.org_domain,
        "at": verdict.policy_domain,
    }
    claims = [claim.partition("=") for claim in expected.split()]
    return [f"{name}: {key}={actual[key]}, {verdict.reason}" for key, _, value in claims if actual[key] != value]


def test_dm_1_only_a_single_record_of_exactly_this_version_counts() -> None:
    assert [] == disagreements("records.txt", "DM-1 ")


def test_dm_2_removed_tags_are_ignored() -> None:
    assert [] == disagreements("records.txt", "DM-2 ")


def test_dm_2_a_size_suffix_is_ignored() -> None:
    record = parse_record("v=DMARC1; p=none; rua=mailto:a@b.test!10m, https://c.test/x!5 ,mailto:d@e.test")
    assert record is not None
    assert ("mailto:a@b.test", "https://c.test/x", "mailto:d@e.test") == record.rua


def test_dm_3_an_unusable_policy_stands_as_none_only_where_reports_are_wanted() -> None:
    assert [] == disagreements("records.txt", "DM-3 ")


def test_dm_4_testing_weakens_the_policy_by_one_step() -> None:
    assert [] == disagreements("records.txt", "DM-4 ")


def test_dm_4_new_tags_and_their_defaults() -> None:
    bare = parse_record("v=DMARC1; p=reject")
    full = parse_record("v=DMARC1; p=reject; sp=none; np=quarantine; psd=n; t=y")
    assert bare is not None
    assert full is not None
    assert (None, None, Psd.UNKNOWN, False) == (bare.sp, bare.np, bare.psd, bare.testing)
    assert (Policy.NONE, Policy.QUARANTINE, Psd.NO, True) == (full.sp, full.np, full.psd, full.testing)


def test_dm_5_alignment_modes_and_failure_options_have_their_defaults() -> None:
    assert [] == disagreements("records.txt", "DM-5 ")
    bare = parse_record("v=DMARC1; p=reject")
    full = parse_record("v=DMARC1; p=reject; adkim=S; aspf=s; fo=1:d:s; ruf=mailto:f@x.test")
    assert bare is not None
    assert full is not None
    assert (Alignment.RELAXED, Alignment.RELAXED, ("0",), ()) == (bare.adkim, bare.aspf, bare.fo, bare.ruf)
    expected = (Alignment.STRICT, Alignment.STRICT, ("1", "d", "s"), ("mailto:f@x.test",))
    assert expected == (full.adkim, full.aspf, full.fo, full.ruf)


@pytest.mark.parametrize("text", ["0:1", "x", "d:d", "", ":"])
def test_dm_5_failure_options_that_make_no_sense_are_the_default(text: str) -> None:
    record = parse_record(f"v=DMARC1; p=none; fo={text}")
    assert record is not None
    assert ("0",) == record.fo


URIS = [
    ("mailto:a@b.test", True),
    ("mailto:a%2Cb@c.test", True),
    ("https://r.test/post?x=1", True),
    ("ftp://abuse.test", True),
    ("mailto:", False),
    ("mailto:nobody", False),
    ("a@b.test", False),
    ("mailto:a b@c.test", False),
    ("mailto:a%2@b.test", False),
    ("1x:y", False),
    ("", False),
]


@pytest.mark.parametrize(("uri", "valid"), URIS)
def test_dm_3_a_reporting_uri_must_be_a_uri(uri: str, valid: bool) -> None:
    record = parse_record(f"v=DMARC1; rua={uri}")
    assert record is not None
    assert valid is record.applies


def rounds(check: Asks[object], lookup: Callable[[Question], Answer]) -> list[list[str]]:
    """What a check asks, round by round."""
    asked: list[list[str]] = []
    reply: object = None
    while True:
        try:
            wanted = check.send(reply)
        except StopIteration:
            return asked
        questions = (wanted,) if isinstance(wanted, Question) else wanted
        asked.append([question.name for question in questions])
        reply = lookup(wanted) if isinstance(wanted, Question) else tuple(lookup(question) for question in wanted)


def test_dm_6_a_walk_asks_eight_questions_at_most() -> None:
    assert [] == disagreements("walk.txt", "DM-6 ")
    asked = rounds(discover("a.b.c.d.e.f.g.h.i.j.mail.example.com"), Zone())
    above = ["g.h.i.j.mail", "h.i.j.mail", "i.j.mail", "j.mail", "mail"]
    expected = [*(f"_dmarc.{name}.example.com" for name in above), "_dmarc.example.com", "_dmarc.com"]
    assert [["_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com"], expected] == asked


@pytest.mark.parametrize("labels", [1, 2, 6, 7, 8, 9, 20])
def test_dm_6_the_names_of_a_walk_are_counted(labels: int) -> None:
    domain = ".".join(f"l{number}" for number in range(labels))
    asked = [name for names in rounds(discover(domain), Zone()) for name in names]
    assert min(labels, 8) == len(set(asked)) == len(asked)


def test_dm_6_a_domain_with_its_own_record_is_asked_for_once() -> None:
    zone = Zone.parse("_dmarc.mail.example.com TXT v=DMARC1; p=none")
    assert [["_dmarc.mail.example.com"]] == rounds(discover("mail.example.com"), zone)


def test_dm_6_a_name_too_long_for_the_prefix_is_not_asked_for() -> None:
    domain = ".".join(["a" * 61] * 4)
    asked = [name for names in rounds(discover(domain), Zone()) for name in names]
    assert all(len(name) <= 253 for name in asked)


def test_dm_7_the_organizational_domain_is_found_by_psd_or_by_the_fewest_labels() -> None:
    assert [] == disagreements("walk.txt", "DM-7 ")


def test_dm_7_the_organizational_domain_of_any_name_can_be_asked_for() -> None:
    zone = Zone.parse("_dmarc.example.com TXT v=DMARC1; p=none\n_dmarc.b.net TXT !servfail")
    assert "example.com" == answer(organizational_domain("a.b.Example.com"), zone)
    assert None is answer(organizational_domain("a.b.net"), zone)
    assert None is answer(organizational_domain("not a\nname"), zone)


def test_dm_8_the_policy_is_the_authors_else_the_organizations_else_the_suffixs() -> None:
    assert [] == disagreements("walk.txt", "DM-8 ")


def test_dm_9_identifiers_align_by_organizational_domain_or_strictly() -> None:
    assert [] == disagreements("walk.txt", "DM-9 ")


WALK_ZONE = Zone.parse(
    """
    _dmarc.example.com TXT v=DMARC1; p=reject
    _dmarc.strict.com TXT v=DMARC1; p=reject; adkim=s; aspf=s
    """
)


def test_dm_9_equal_names_need_no_walk() -> None:
    check = evaluate(["example.com"], [("example.com", "pass")], [("example.com", "pass"), ("esp.net", "pass")])
    assert [["_dmarc.example.com"]] == rounds(check, WALK_ZONE)


def test_dm_9_strict_alignment_needs_no_walk_of_identifiers() -> None:
    check = evaluate(["strict.com"], [("bounce.strict.com", "pass")], [("strict.com", "pass")])
    assert [["_dmarc.strict.com"]] == rounds(check, WALK_ZONE)


def test_dm_9_only_names_under_the_organizational_domain_are_walked_for() -> None:
    signatures = [(f"evil{number}.com", "pass") for number in range(9)] + [("a.example.com", "pass")]
    asked = rounds(evaluate(["example.com"], [], signatures), WALK_ZONE)
    assert [["_dmarc.example.com"], ["_dmarc.com"], ["_dmarc.a.example.com"]] == asked


def test_dm_10_existence_and_own_records_follow_the_standard() -> None:
    assert [] == disagreements("walk.txt", "DM-10 ")


def test_dm_10_existence_is_asked_for_only_where_it_decides() -> None:
    zone = Zone.parse("_dmarc.example.com TXT v=DMARC1; p=none; np=reject\n_dmarc.same.com TXT v=DMARC1; p=none; np=none")
    walk = [["_dmarc.a.example.com"], ["_dmarc.example.com", "_dmarc.com"]]
    assert [*walk, ["a.example.com"]] == rounds(discover("a.example.com"), zone)
    assert 2 == len(rounds(discover("a.same.com"), zone))


def test_dm_11_any_aligned_pass_is_a_pass_and_doubt_is_no_failure() -> None:
    assert [] == disagreements("verdicts.txt", "DM-11 ")


def test_dm_12_a_message_without_exactly_one_author_domain_is_refused() -> None:
    assert [] == disagreements("verdicts.txt", "DM-12 ")


def test_dm_13_reject_is_carried_out_only_where_we_are_told_to() -> None:
    assert [] == disagreements("verdicts.txt", "DM-13 ")
    verdicts = [answer(evaluate(["example.com"], [], [], honor_reject=honor), WALK_ZONE) for honor in (False, True)]
    assert [Policy.QUARANTINE, Policy.REJECT] == [verdict.disposition for verdict in verdicts]
    assert [Policy.REJECT, Policy.REJECT] == [verdict.policy for verdict in verdicts]


LINTED: list[tuple[list[str], list[DmarcAdvice]]] = [
    (["v=DMARC1; p=quarantine; rua=mailto:d@x.test"], []),
    ([], [DmarcAdvice.NO_RECORD]),
    (["hello"], [DmarcAdvice.NO_RECORD]),
    (["v=DMARC1; p=none", "v=DMARC1; p=none"], [DmarcAdvice.SEVERAL_RECORDS]),
    (["v=DMARC1; p=none"], [DmarcAdvice.NO_REPORTS]),
    (["v=DMARC1; rua=mailto:d@x.test"], [DmarcAdvice.MISSING_TAG]),
    (["v=DMARC1"], [DmarcAdvice.MISSING_TAG, DmarcAdvice.WITHOUT_EFFECT, DmarcAdvice.NO_REPORTS]),
    (["v=DMARC1; p=none; pct=50; rua=mailto:d@x.test"], [DmarcAdvice.REMOVED_TAG]),
    (["v=DMARC1; p=none; rua=mailto:d@x.test!10m"], [DmarcAdvice.SIZE_SUFFIX]),
    (["v=DMARC1; p=none; P=none; rua=mailto:d@x.test"], [DmarcAdvice.UNKNOWN_TAG]),
    (["v=DMARC1; p=none; p=none; rua=mailto:d@x.test"], [DmarcAdvice.REPEATED_TAG]),
    (["v=DMARC1; p=none; adkim=x; rua=mailto:d@x.test"], [DmarcAdvice.INVALID_TAG]),
    (["v=DMARC1; p=none; t=y; rua=mailto:d@x.test"], [DmarcAdvice.TESTING]),
]


@pytest.mark.parametrize(("texts", "expected"), LINTED)
def test_dm_2_the_lint_names_what_a_record_has_wrong(texts: list[str], expected: list[DmarcAdvice]) -> None:
    assert expected == [finding.code for finding in lint("x.test", texts, signs=True, people=True)]


def test_dm_14_reject_without_dkim_or_for_people_is_advised_against() -> None:
    texts = ["v=DMARC1; p=reject; rua=mailto:d@x.test"]
    assert () == lint("agents.x.test", texts, signs=True, people=False)
    codes = [finding.code for finding in lint("x.test", texts, signs=False, people=True)]
    assert [DmarcAdvice.SPF_ALONE, DmarcAdvice.REJECT_FOR_PEOPLE] == codes


def test_the_verdict_says_what_was_seen_and_why() -> None:
    text = "v=DMARC1; p=reject; sp=quarantine; t=y"
    zone = Zone.parse(f"_dmarc.example.com TXT {text}\nmail.example.com A 192.0.2.1")
    verdict = answer(evaluate(["mail.example.com"], [("esp.net", "pass")], [("example.com", "pass")]), zone)
    reason = "dkim authenticates example.com, which is aligned with mail.example.com"
    expected = DmarcVerdict(
        DmarcResult.PASS,
        "mail.example.com",
        org_domain="example.com",
        policy=Policy.NONE,
        aligned=(Identifier(Method.DKIM, "example.com", "pass"),),
        policy_domain="example.com",
        record=parse_record(text),
        reason=reason,
        steps=(
            "_dmarc.mail.example.com TXT: nxdomain",
            f"_dmarc.example.com TXT: {text}",
            "_dmarc.com TXT: nxdomain",
            "the policy record for mail.example.com is the one of example.com",
            "quarantine is being tested (t=y): it counts as none",
            f"pass: {reason}",
        ),
    )
    assert expected == verdict


TEXTS = st.one_of(
    st.lists(
        st.sampled_from(
            [
                *["p=none", "p=reject", "sp=none", "np=reject", "psd=y", "psd=n", "t=y", "adkim=s", "rua=mailto:a@b.c"],
                *["p=x", "sp=", "=", "", "a=b", "pct=5", "fo=1:d", "p = none ", "rua=!", "rua=,,", "ruf=a:b!9m"],
            ]
        ),
        max_size=6,
    ).map(lambda tags: "; ".join(["v=DMARC1", *tags])),
    st.text(max_size=40),
    st.text(max_size=40).map(lambda text: "v=DMARC1;" + text),
)
DOMAINS = st.one_of(
    st.sampled_from(["example.com", "a.example.com", "b.a.example.com", "com", "x.net", "é.example.com", "", "..", "\x00"]),
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=12).map(".".join),
    st.text(max_size=12),
)
RESULTS = st.tuples(DOMAINS, st.sampled_from(["pass", "fail", "temperror", ""]))


@settings(max_examples=150)
@given(
    st.lists(DOMAINS, max_size=3),
    st.lists(RESULTS, max_size=1),
    st.lists(RESULTS, max_size=4),
    st.lists(st.tuples(TEXTS, st.sampled_from([Status.OK, Status.NODATA, Status.NXDOMAIN, Status.TIMEOUT])), max_size=8),
)
def test_whatever_is_published_the_verdict_comes_within_eight_questions_a_walk(
    authors: list[str], spf: list[tuple[str, str]], dkim: list[tuple[str, str]], published: list[tuple[str, Status]]
) -> None:
    asked: list[Question] = []

    def lookup(question: Question) -> Answer:
        asked.append(question)
        if question.type is not RecordType.TXT or not published:
            return Answer(Status.NXDOMAIN)
        text, status = published[sum(question.name.encode()) % len(published)]
        return Answer(status, (text,) if status is Status.OK else ())

    verdict = answer(evaluate(authors, spf, dkim), lookup)
    assert len(asked) <= 8 * (1 + len(spf) + len(dkim)) + 1
    assert len(asked) == len(set(asked))
    if verdict.result is DmarcResult.PASS:
        assert verdict.aligned
    if verdict.result not in (DmarcResult.FAIL, DmarcResult.PERMERROR):
        assert Policy.NONE is verdict.disposition
