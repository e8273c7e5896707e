"""The public SPF test suite (203 cases), read at run time. Expectations we do not share: tests/exceptions/spf.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailwright.mail.questions import Answer, Question, Zone, answer
from mailwright.mailauth.spf import check_host

pytestmark = pytest.mark.corpora


class SuiteZone:
    """A scenario's `zonedata` as a lookup function: SPF entries stand for TXT, TIMEOUT for the types not listed."""

    def __init__(self, zonedata: dict[str, list[Any]]) -> None:
        table: dict[tuple[str, str], tuple[str, ...]] = {}
        for name, entries in zonedata.items():
            for record_type, values in self._records(entries).items():
                table[name.lower(), record_type] = tuple(values)
        self.zone = Zone(table)

    @staticmethod
    def _records(entries: list[Any]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for entry in entries:
            if entry == "TIMEOUT":
                found.setdefault("*", []).append("!timeout")
                continue
            ((record_type, value),) = entry.items()
            found.setdefault(record_type, []).append(SuiteZone._text(record_type, value))
        texts = found.pop("SPF", [])
        if "TXT" not in found and texts:
            found["TXT"] = texts
        if found.get("TXT") == ["NONE"]:
            del found["TXT"]
        return found

    @staticmethod
    def _text(record_type: str, value: Any) -> str:
        if record_type in ("TXT", "SPF"):
            return "".join(value) if isinstance(value, list) else str(value)
        return " ".join(str(word) for word in value) if isinstance(value, list) else str(value)

    def __call__(self, question: Question) -> Answer:
        return self.zone(question)


def cases(shared: Path) -> Iterator[tuple[str, dict[str, Any], SuiteZone]]:
    path = shared / "corpora/spf/openspf-rfc7208/rfc7208-tests.yml"
    for scenario in yaml.load_all(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        zone = SuiteZone(scenario["zonedata"])
        for name, case in scenario["tests"].items():
            yield name, case, zone


def agrees(case: dict[str, Any], zone: SuiteZone | Zone) -> bool:
    check = check_host(ip_address(case["host"]), mail_from=case["mailfrom"], helo=case["helo"])
    verdict = answer(check, zone)
    accepted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    explanation = {"DEFAULT": ""}.get(case.get("explanation"), case.get("explanation"))
    return verdict.result in accepted and explanation in (None, verdict.explanation)


def test_every_case_of_the_public_suite_agrees(shared: Path) -> None:
    outcomes = {name: agrees(case, zone) for name, case, zone in cases(shared)}
    print(f"spf: {sum(outcomes.values())}/{len(outcomes)}")
    assert [] == [name for name, agreed in outcomes.items() if not agreed]
    assert len(outcomes) == 203


def plain(text: str) -> str:
    return quoted(text) if "\n" in text else text  # the one thing that a line can't hold


def quoted(text: str) -> str:
    pieces = [text[at : at + 40] for at in range(0, len(text), 40)] or [""]
    escaped = [piece.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\010") for piece in pieces]
    return " ".join(f'"{piece}"' for piece in escaped)


@pytest.mark.parametrize("write", [plain, quoted])
def test_every_case_agrees_when_its_zone_is_a_file(shared: Path, write: Callable[[str], str]) -> None:
    def as_file(zone: SuiteZone) -> str:
        lines = []
        for (name, kind), values in zone.zone.records.items():
            for value in values:
                lines.append(f"{name}. {kind} {write(value) if kind == 'TXT' and value[:1] != '!' else value}")
        return "\n".join(lines)

    outcomes = {name: agrees(case, Zone.parse(as_file(zone))) for name, case, zone in cases(shared)}
    assert [] == [name for name, agreed in outcomes.items() if not agreed]
