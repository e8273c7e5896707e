"""Each numbered rule for authentication has tests that bear its number, and one message costs a bounded amount of work."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest
from dkim_reference import ED, NOW, forge
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Answer, Question, RecordType, Status, answer
from mailwright.mailauth.authenticate import Authentication, authenticate

TESTS = Path(__file__).parents[1]
ELSEWHERE = {f"DM-{number}" for number in range(16, 20)}  # reports: tests/mail and tests/core


@pytest.mark.corpora
def test_every_rule_has_a_test_of_its_name(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design = (shared / "design/standards.md").read_text("utf-8")
    section = design[design.index("### 1.1 SPF") : design.index("### 1.5 DKIM2")] + design[design.index("- AR-1") :]
    rules = dict.fromkeys(re.findall(r"^- ((?:SPF|DKIM|DM|ARC|AR)-\d+)\b", section, re.MULTILINE))
    names = "\n".join(re.findall(r"def (test_\w+)", "".join(path.read_text("utf-8") for path in TESTS.rglob("test_*.py"))))
    table = {rule: len(re.findall(rf"test_{rule.lower().replace('-', '_')}_\D", names)) for rule in rules}
    with capsys.disabled():
        print(f"\nrules: {sum(count > 0 for count in table.values())}/{len(set(table) - ELSEWHERE)}")
    assert [] == [rule for rule, count in table.items() if not count and rule not in ELSEWHERE]


# --- S17: what one message can make us do -----------------------------------------------------------------------------------


class Hostile:
    """DNS of somebody who wants us busy: an answer to everything, as large as it may be, and nothing ever matches."""

    def __init__(self, record: str) -> None:
        self.record = record
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        name = question.name
        match question.type:
            case RecordType.TXT if name.startswith("_dmarc."):
                return Answer(Status.OK, ("v=DMARC1; p=reject; np=none",) if name.count(".") == 1 else ())
            case RecordType.TXT:
                return Answer(Status.OK, (self.record, *("v=DKIM1; p=" + "A" * 4000 for _ in range(50))))
            case RecordType.MX:
                return Answer(Status.OK, tuple(f"{n} h{n}.{name[-200:]}" for n in range(10)))
            case RecordType.PTR:
                return Answer(Status.OK, tuple(f"p{n}.hostile.test" for n in range(1000)))
            case RecordType.A:
                return Answer(Status.OK, tuple(f"10.0.{n}.1" for n in range(200)))
            case _:
                return Answer(Status.NODATA)


RECORDS = {
    "mx": "v=spf1 " + " ".join(f"mx:m{n}.hostile.test" for n in range(30)) + " -all",
    "exists": "v=spf1 " + " ".join("exists:%{ir}.%{l1r+-/=}.%{d}.hostile.test" for n in range(30)) + " -all",
    "ptr": "v=spf1 " + "ptr:gone.test " * 30 + "-all",
    "include": "v=spf1 include:a.%{d} include:b.%{d} include:c.%{d} -all",
    "redirect": "v=spf1 redirect=x.%{d}",
    "long": "v=spf1 " + "ip4:192.0.2.77 " * 600 + "a:%{p}.hostile.test -all",
}


def crowd() -> bytes:
    """A message with hundreds of signatures, each with a key of its own."""
    message = b"From: a@deep.er.and.deep.er.and.deep.hostile.test\r\nTo: b@there.test\r\n\r\n" + b"x  \r\n" * 20_000
    signed = forge(message, ED, {"d": "hostile.test"})
    own = signed[: len(signed) - len(message)]
    return b"".join(own.replace(b"s=e1", b"s=e%d" % n) for n in range(900)) + message


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.slow
def test_s17_one_message_costs_a_bounded_number_of_lookups_and_seconds(record: str) -> None:
    message = crowd()

    def judged() -> tuple[Authentication, Hostile]:
        dns = Hostile(record)
        questions = authenticate(
            message,
            parse_header(message),
            ip=ipaddress.ip_address("192.0.2.1"),
            helo="helo.hostile.test",
            mail_from="x." * 20 + "@deep.er.and.deep.er.and.deep.hostile.test",
            now=NOW,
        )
        return answer(questions, dns), dns

    found, dns = in_time(2, judged)
    # RFC 7208 §4.6.4: MAIL FROM and HELO, ten terms each, of ten hosts each; ten signatures; a walk of eight.
    assert len(dns.asked) <= 2 * (1 + 10 * 11) + 10 + 8
    assert 10 == len(found.dkim)
    assert found.spf.result in ("permerror", "fail")
    assert sum(map(len, found.spf.steps)) < 200_000
