"""The public DMARC tables, read at run time. Expectations we do not share are listed in tests/exceptions/dmarc.md."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from mailwright.mail.questions import Answer, Question, Status, Zone, answer
from mailwright.mailauth.dmarc import Alignment, DmarcVerdict, evaluate, parse_record

pytestmark = pytest.mark.corpora

EXCEPTIONS = (Path(__file__).parents[1] / "exceptions/dmarc.md").read_text()


def excepted(case: str) -> bool:
    return f"- `{case}`:" in EXCEPTIONS


class CaseZone:
    """A case's `zone`: a name that is not in it does not exist, a type that is not there has no data."""

    def __init__(self, zone: dict[str, dict[str, list[Any]]]) -> None:
        self.names = {name.lower() for name in zone}
        table = {
            (name.lower(), record_type): tuple("".join(text) if isinstance(text, list) else str(text) for text in records)
            for name, types in zone.items()
            for record_type, records in types.items()
        }
        self.zone = Zone(table)

    def __call__(self, question: Question) -> Answer:
        found = self.zone(question)
        return found if found.status is not Status.NXDOMAIN or question.name not in self.names else Answer(Status.NODATA)


def run(case: dict[str, Any]) -> DmarcVerdict:
    author = case["headerFrom"]
    domains = [address.rpartition("@")[2] for address in (author if isinstance(author, list) else [author])]
    spf = [(each["domain"], "pass") for each in case["spfDomains"]]
    dkim = [(each["domain"], "pass") for each in case["dkimDomains"]]
    return answer(evaluate(domains, spf, dkim), CaseZone(case["zone"]))


def field(verdict: DmarcVerdict, path: str) -> Any:
    record = verdict.record
    return {
        "status.result": str(verdict.result),
        "policy": verdict.policy and str(verdict.policy),
        "domain": verdict.org_domain,
        "alignment.dkim.strict": record is not None and record.adkim is Alignment.STRICT,
        "alignment.spf.strict": record is not None and record.aspf is Alignment.STRICT,
        "": {"policy": verdict.policy},
    }[path]


def holds(claim: dict[str, Any], verdicts: list[DmarcVerdict]) -> bool:
    found = field(verdicts[claim["run"]], claim["field"])
    match claim["op"]:
        case "equal":
            return bool(found == claim["args"][0])
        case "true":
            return found is True
        case "false":
            return found is False
        case "not.have.property":
            return found.get(claim["args"][0]) is None
        case unknown:
            raise AssertionError(f"this table has an operation that the test does not know: {unknown}")


def test_every_recorded_case_of_rfc_9989_agrees_or_is_listed(shared: Path) -> None:
    cases = json.loads((shared / "corpora/dmarc/mailauth-rfc9989/cases.json").read_text())
    outcomes = {
        case["id"]: all(holds(claim, [run(each) for each in case["runs"]]) for claim in case["asserts"]) for case in cases
    }
    print(f"dmarc: {sum(outcomes.values())}/{len(outcomes)}; the others are listed, each with the section of RFC 9989")
    assert [] == [case for case, agreed in outcomes.items() if agreed is excepted(case)]


def test_opendmarc_records_agree_or_are_listed(shared: Path) -> None:
    rows = json.loads((shared / "corpora/dmarc/opendmarc-tables/tables.json").read_text())["record_parse"]
    outcomes = {}
    for row in rows:
        record = parse_record(row["record"])
        outcomes[row["record"]] = (record is not None and record.applies) is (row["outcome"] == "DMARC_PARSE_OKAY")
    print(f"dmarc records: {sum(outcomes.values())}/{len(outcomes)}")
    assert [] == [text for text, agreed in outcomes.items() if agreed is excepted(text)]


def shared_parent(one: str, other: str) -> str:
    """Where a record makes both one organization: that table has no DNS of its own."""
    pairs = zip(reversed(one.split(".")), reversed(other.split(".")), strict=False)
    labels = [label for label, same in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return ".".join(reversed(labels)) or other


def test_opendmarc_alignments_agree_or_are_listed(shared: Path) -> None:
    rows = json.loads((shared / "corpora/dmarc/opendmarc-tables/tables.json").read_text())["alignment"]
    outcomes = {}
    for row in rows:
        policy = f"v=DMARC1; p=none; adkim={row['mode'][0]}"
        zone = Zone({(f"_dmarc.{shared_parent(row['a'], row['b'])}", "TXT"): (policy,)})
        verdict = answer(evaluate([row["b"]], [], [(row["a"], "pass")]), zone)
        outcomes[f"{row['a']} {row['b']}"] = (verdict.result == "pass") is row["aligned"]
    print(f"dmarc alignments: {sum(outcomes.values())}/{len(outcomes)}")
    assert [] == [pair for pair, agreed in outcomes.items() if agreed is excepted(pair)]
