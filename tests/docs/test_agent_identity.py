"""The published vectors of Agent-Identity are what the signer makes, and both verifiers give each its verdict."""

from __future__ import annotations

import importlib.util
import json
from base64 import b64decode
from collections import Counter
from typing import Any

import pytest
from repository import ROOT, read

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth import provenance


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PUBLISHED = read("docs/agent-identity-vectors.json")
VECTORS: dict[str, Any] = json.loads(PUBLISHED)
ZONE = Zone({(name, "TXT"): (text,) for name, text in VECTORS["zone"].items()})
SINGLE = script("verify_agent_identity")


def test_the_published_vectors_are_what_the_signer_makes_now() -> None:
    """If this fails: scripts/agent_identity_vectors.py, and look at what changed; others have the old ones."""
    assert script("agent_identity_vectors").text() == PUBLISHED


def test_every_verdict_has_its_vector_but_the_one_that_takes_a_broken_dns() -> None:
    found = Counter(case["expect"] for case in VECTORS["cases"])
    assert set(provenance.Verdict) - set(found) == {provenance.Verdict.TEMPERROR}
    assert max(Counter(case["name"] for case in VECTORS["cases"]).values()) == 1


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_both_verifiers_agree_with_the_vector(case: dict[str, Any]) -> None:
    raw = b64decode(case["message"])
    ours = answer(provenance.verify(parse_header(raw), raw, now=case["now"], rcpt=case["rcpt"]), ZONE)
    single = SINGLE.verify(raw, lambda name: list(ZONE.records.get((name, "TXT"), ())), case["now"], case["rcpt"])
    assert (case["expect"], case["expect"]) == (ours.verdict, single["verdict"])


def test_the_page_names_every_tag_and_every_verdict() -> None:
    from mailwright.mailauth.provenance.tags import _FORMS, _REQUIRED, LEAST_SIGNED, MODES

    page = read("docs/agent-identity.md")
    words = [f"`{word}`" for word in (*_FORMS, *_REQUIRED, *MODES, *provenance.Verdict)]
    assert [] == [word for word in words if word not in page]
    assert " ".join(LEAST_SIGNED) in " ".join(page.split())
