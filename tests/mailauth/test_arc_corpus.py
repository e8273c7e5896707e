"""The public ARC suite, read at run time: chains to validate, and sets to write, octet for octet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mailwright.mail.header import Header, parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth.arc import seal, verify
from mailwright.mailauth.authres import own_results
from mailwright.mailauth.dkim import load_key

pytestmark = pytest.mark.corpora

NOW = 1_730_000_000


def scenarios(shared: Path, name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((shared / f"corpora/arc/arc_test_suite/{name}.half.yml").read_text()))


def zone_of(scenario: dict[str, Any]) -> Zone:
    return Zone({(name, "TXT"): (" ".join(text.split()),) for name, text in scenario["txt-records"].items()})


def message_of(case: dict[str, Any]) -> tuple[Header, bytes]:
    raw = case["message"].replace("\n", "\r\n").encode()
    return parse_header(raw), raw


def test_every_chain_is_judged_as_expected(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, total = [], 0
    for scenario in scenarios(shared, "arc-draft-validation-tests"):
        zone = zone_of(scenario)
        for name, case in scenario["tests"].items():
            header, raw = message_of(case)
            verdict = answer(verify(header, raw, now=NOW), zone)
            total += 1
            if verdict.result != case["cv"].lower():
                wrong.append((name, case["cv"], verdict))
    with capsys.disabled():
        print(f"\narc: {total - len(wrong)}/{total} (validation)")
    assert [] == wrong


def tags(text: str) -> list[str]:
    """A field's tags, whatever the folding."""
    return ["".join(tag.split()) for tag in text.split(";")]


def words(text: str) -> list[str]:
    return text.split()


def test_every_set_is_written_as_expected(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, total = [], 0
    for scenario in scenarios(shared, "arc-draft-sign-tests"):
        key = load_key(scenario["domain"], scenario["sel"], scenario["privatekey"].encode())
        zone = zone_of(scenario)
        for name, case in scenario["tests"].items():
            header, raw = message_of(case)
            written = seal(
                header,
                raw[header.body_start :],
                key,
                chain=answer(verify(header, raw, now=NOW), zone),
                authserv_id=case["srv-id"],
                results=own_results(header, case["srv-id"]),
                now=case["t"],
                names=case["sig-headers"].split(":"),
            )
            total += 1
            found = [field.value for field in parse_header(written).fields]
            expected = [case["AS"], case["AMS"], case["AAR"]]
            if not found:
                agreed = expected == ["", "", ""]
            else:
                agreed = [*map(tags, found[:2]), words(found[2])] == [*map(tags, expected[:2]), words(expected[2])]
            if not agreed:
                wrong.append((name, found, expected))
    with capsys.disabled():
        print(f"\narc: {total - len(wrong)}/{total} (signing)")
    assert [] == wrong
