"""Whether the author's domain wants every agent's message signed: asked only where nothing is (AI-9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Status, Zone, answer
from mailwright.mailauth import provenance

PLAIN = b"From: Ada <ada@agents.example>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nTea?\r\n"
FIRST_VERSION = b"Agent-Identity: agent_id=ada; oversight=autonomous; sig=AAAA\r\n" + PLAIN
NAME = "_policy._agentid.agents.example"


def seen(raw: bytes, zone: str) -> provenance.Result:
    return answer(provenance.verify_incoming(parse_header(raw), raw, now=10**9), Zone.parse(zone))


@pytest.mark.parametrize(("raw", "verdict"), [(PLAIN, "none"), (FIRST_VERSION, "permerror")])
def test_a_message_without_a_field_of_this_version_is_by_no_agent_of_a_domain_that_always_signs(raw, verdict):
    found = seen(raw, f"{NAME} TXT v=AGENTID1; req=2")
    assert (verdict, True) == (found.verdict, found.required)
    assert "always sign" in found.steps[-2]


@pytest.mark.parametrize(
    "records",
    [
        "",
        f"{NAME} TXT v=AGENTID1; req=1",
        f"{NAME} TXT v=spf1 -all",
        f"{NAME} TXT v=AGENTID1; req=2\n{NAME} TXT v=AGENTID1; req=2; n=twice",
        "_policy._agentid.example TXT v=AGENTID1; req=2",
    ],
)
def test_a_domain_that_does_not_say_so_in_one_record_of_its_own_asks_for_nothing(records):
    assert ("none", False) == ((found := seen(PLAIN, records)).verdict, found.required)


def test_where_dns_fails_nothing_is_known():
    found = seen(PLAIN, f"{NAME} TXT !servfail")
    assert ("none", None) == (found.verdict, found.required)
    assert str(Status.SERVFAIL) in found.steps[-2]


def test_a_field_of_this_version_speaks_for_itself():
    raw = b"Agent-Identity: agent_id=ada; oversight=autonomous; sig=AAAA; v=2\r\n" + PLAIN
    assert ("permerror", None) == ((found := seen(raw, f"{NAME} TXT v=AGENTID1; req=2")).verdict, found.required)


def test_a_message_without_one_author_is_nobodys():
    raw = PLAIN.replace(b"From: Ada <ada@agents.example>", b"From: a@agents.example, b@there.example")
    assert seen(raw, f"{NAME} TXT v=AGENTID1; req=2").required is None


@given(st.lists(st.text(max_size=80), max_size=10))
def test_any_records_are_read(records):
    assert provenance.requires(records) in (True, False)
