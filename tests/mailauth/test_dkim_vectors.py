"""Every rule of DKIM has messages that keep it and messages that break it: vectors/dkim/expected.tsv names the verdicts.

The messages are stored with LF and read with CRLF. They were signed at or before NOW with keys.zone published.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from dkim_reference import NOW

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth.dkim import Result, verify

VECTORS = Path(__file__).parent / "vectors" / "dkim"
ZONE = Zone.parse((VECTORS / "keys.zone").read_text())
CASES = [line.split("\t") for line in (VECTORS / "expected.tsv").read_text().splitlines()[1:]]


def results_of(name: str) -> tuple[Result, ...]:
    raw = (VECTORS / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n")
    return answer(verify(parse_header(raw), raw, now=NOW), ZONE)


@pytest.mark.parametrize("rule", dict.fromkeys(row[0] for row in CASES))
def test_the_vectors_of_a_rule_get_the_verdicts_that_it_asks_for(rule: str) -> None:
    found = {}
    for _, name, _, _ in (row for row in CASES if row[0] == rule):
        results = results_of(name)
        found[name] = (",".join(result.result for result in results), results[0].reason)
    assert {row[1]: (row[2], row[3]) for row in CASES if row[0] == rule} == found


def test_every_message_has_its_line() -> None:
    assert sorted(row[1] for row in CASES) == sorted(path.stem for path in VECTORS.glob("*.eml"))
