"""May it leave, may it be read: every mode, every reason to say no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.model import (
    Active,
    Alignment,
    Approval,
    ApprovalStatus,
    Direction,
    Domain,
    Mailbox,
    OversightMode,
)
from mailwright.core.policy import Hold, Inbound, Outgoing, Refuse, Send, judge, judge_incoming, tighten

NOW = 1_000_000
DOMAIN = Domain("dom_1", "ten_1", "agents.example", Alignment.ALIGNED, (), "none", 0)
MAILBOX = Mailbox(
    id="mbx_1",
    tenant_id="ten_1",
    domain_id="dom_1",
    agent_id="agt_1",
    address="ada@agents.example",
    display_name="Ada",
    oversight_mode=OversightMode.GATED_SEND,
    status=Active.ACTIVE,
    uid_validity=1,
    uid_next=1,
    modseq=1,
    created_at=0,
    overseer="boss@example.com",
)
APPROVAL = Approval(
    id="apr_1",
    tenant_id="ten_1",
    mailbox_id="mbx_1",
    message_id="msg_1",
    direction=Direction.OUTBOUND,
    status=ApprovalStatus.APPROVED,
    digest="d1",
    recipients=("bob@example.com",),
    reasons=(),
    created_at=0,
    expires_at=NOW,
    decided_by="key_1",
    decided_at=NOW - 1,
)


def decide(mode: OversightMode, approval: Approval | None = None, *, mailbox: Mailbox = MAILBOX, domain: Domain = DOMAIN):
    return judge(Outgoing("d1", mode, approval), mailbox, domain, require_alignment=True, now=NOW)


@pytest.mark.parametrize(
    ("mode", "outbound", "inbound"),
    [
        (OversightMode.READ_ONLY, Refuse, Inbound.DELIVER),
        (OversightMode.GATED_ALL, Hold, Inbound.HOLD),
        (OversightMode.GATED_SEND, Hold, Inbound.DELIVER),
        (OversightMode.MONITORED, Send, Inbound.DELIVER),
        (OversightMode.AUTONOMOUS, Send, Inbound.DELIVER),
    ],
)
def test_each_mode_without_an_approval(mode, outbound, inbound):
    assert outbound is type(decide(mode))
    assert inbound is judge_incoming(replace(MAILBOX, oversight_mode=mode))


def test_only_a_monitored_mailbox_copies_its_overseer():
    assert "boss@example.com" == decide(OversightMode.MONITORED).copy_to
    assert None is decide(OversightMode.AUTONOMOUS).copy_to


@pytest.mark.parametrize("mode", list(OversightMode))
def test_monitoring_by_an_overseer_who_must_not_be_written_to_is_gated(mode):
    found = judge(Outgoing("d1", mode, copied=False), MAILBOX, DOMAIN, require_alignment=True, now=NOW)
    assert (Hold if mode is OversightMode.MONITORED else type(decide(mode))) is type(found)


@pytest.mark.parametrize("mode", [OversightMode.GATED_ALL, OversightMode.GATED_SEND])
def test_an_approval_of_these_bytes_opens_the_gate(mode):
    assert Send is type(decide(mode, APPROVAL))


@pytest.mark.parametrize(
    ("circumstance", "change", "code"),
    [
        ("other bytes", {"digest": "d2"}, "approval_stale"),
        ("still pending", {"status": ApprovalStatus.PENDING}, "blocked_by_policy"),
        ("rejected", {"status": ApprovalStatus.REJECTED}, "blocked_by_policy"),
        ("expired", {"status": ApprovalStatus.EXPIRED}, "blocked_by_policy"),
        ("voided", {"status": ApprovalStatus.VOIDED}, "blocked_by_policy"),
        ("decided after its time", {"expires_at": NOW - 2}, "blocked_by_policy"),
        ("decided in the future", {"decided_at": NOW + 1, "expires_at": NOW + 2}, "blocked_by_policy"),
        ("never decided", {"decided_at": None}, "blocked_by_policy"),
    ],
)
def test_any_other_approval_keeps_it_shut(circumstance, change, code):
    decision = decide(OversightMode.GATED_SEND, replace(APPROVAL, **change))
    assert (Refuse, code) == (type(decision), decision.code), circumstance


def test_an_approval_does_not_open_a_mailbox_that_only_reads():
    assert Refuse is type(decide(OversightMode.READ_ONLY, APPROVAL))


@pytest.mark.parametrize("mode", list(OversightMode))
def test_a_paused_mailbox_sends_nothing_in_any_mode(mode):
    decision = decide(mode, APPROVAL, mailbox=replace(MAILBOX, status=Active.PAUSED))
    assert "agent_paused" == decision.code


@pytest.mark.parametrize("status", [Alignment.PENDING, Alignment.MISALIGNED])
def test_a_domain_that_is_not_aligned_sends_nothing_unless_overridden(status):
    domain = replace(DOMAIN, status=status)
    assert "domain_not_aligned" == decide(OversightMode.AUTONOMOUS, domain=domain).code
    assert Send is type(decide(OversightMode.AUTONOMOUS, domain=replace(domain, override_alignment=True)))


def test_a_request_tightens_and_never_loosens():
    for own in OversightMode:
        for asked in OversightMode:
            assert min(own.autonomy, asked.autonomy) == tighten(own, asked).autonomy
        assert own is tighten(own, None)
