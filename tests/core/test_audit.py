"""The log that only grows: a changed, missing or moved entry shows (I10)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from mailwright.core import audit
from mailwright.core.accounts import system
from mailwright.core.audit import GENESIS, entry_hash, first_break
from mailwright.core.errors import BlockedByPolicy, InvalidInput
from mailwright.core.model import AuditEntry
from mailwright.core.ports import AuditFilter


def whole_log(internet) -> list[AuditEntry]:
    """All entries of all tenants, in order."""
    tenants = internet.read(lambda tx: tx.tenants.page(None, 100))
    found: list[AuditEntry] = []
    for tenant in tenants:
        found += internet.read(lambda tx, id=tenant.id: tx.audit.page(id, audit.ANY, -1, 1000))
    return sorted(found, key=lambda entry: entry.index)


@pytest.fixture
def log(internet) -> list[AuditEntry]:
    """The log of a server that was busy for two tenants."""
    internet.person("bob@there.example")
    internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    internet.tenant("rival.example").agent("rex").send(to="ada@agents.example", subject="x")
    internet.run()
    return whole_log(internet)


def test_entries_are_numbered_without_a_gap_over_all_tenants(log):
    assert (list(range(len(log))), 2) == ([entry.index for entry in log], len({entry.tenant_id for entry in log}))
    assert None is first_break(log)


def test_an_entry_says_who_did_what_to_what_and_when(internet):
    ada = internet.agent("ada")
    internet.clock.advance(hours=1)
    mail = ada.send(to="bob@there.example", subject="Tea?")
    (entry,) = internet.audit(subject=mail.id)
    assert (ada.caller.actor, "message.queued", internet.clock.now(), internet.home.id) == (
        entry.actor,
        entry.action,
        entry.at,
        entry.tenant_id,
    )


def test_nothing_that_was_written_stands_in_the_log(internet):
    ada, bob = internet.agent("ada"), internet.person("bob@there.example")
    sent = ada.send(to="bob@there.example", subject="Secret subject", text="Secret text")
    bob.reply(sent, "Secret answer")
    bob.complain(sent)
    text = json.dumps([entry.data for entry in whole_log(internet)])
    for word in ("Secret", "bob@", "there.example", "ada@"):
        assert word not in text


CHANGES = {
    "index": 99,
    "tenant_id": "ten_x",
    "at": 1,
    "actor": "somebody",
    "action": "nothing.happened",
    "subject": "msg_x",
    "data": {"digest": "x"},
    "hash": "0" * 64,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_entry_shows(log, name):
    at = len(log) // 2
    changed = replace(log[at], **{name: CHANGES[name]})
    found = first_break([*log[:at], changed, *log[at + 1 :]])
    assert changed.index == found


def test_an_entry_that_was_changed_with_its_hash_shows_in_the_next(log):
    at = len(log) // 2
    forged = replace(log[at], actor="somebody", hash="")
    forged = replace(forged, hash=entry_hash(log[at - 1].hash, forged))
    assert log[at + 1].index == first_break([*log[:at], forged, *log[at + 1 :]])


def test_a_missing_entry_shows_wherever_it_stood_but_at_the_end(log):
    for at in range(len(log) - 1):
        assert log[at + 1].index == first_break([*log[:at], *log[at + 1 :]])
    assert None is first_break(log[:-1])


def test_entries_that_changed_places_show(log):
    for at in range(len(log) - 1):
        assert log[at + 1].index == first_break([*log[:at], log[at + 1], log[at], *log[at + 2 :]])


def test_an_entry_that_was_put_in_shows(log):
    extra = replace(log[3], action="key.created")
    assert extra.index == first_break([*log[:4], extra, *log[4:]])


def test_a_part_of_the_log_is_checked_from_the_hash_before_it(log):
    assert None is first_break(log[5:], log[4].hash)
    assert 5 == first_break(log[5:], log[3].hash)
    assert None is first_break([], GENESIS)


def test_the_hash_of_an_entry_never_changes():
    """Fixed: whoever checks an old log must find the same."""
    entry = AuditEntry(0, "ten_1", 1_780_000_000_000, "key_1", "message.queued", "msg_1", {"ä": [1, None], "a": "b"}, "")
    text = json.dumps(
        [GENESIS, 0, "ten_1", 1_780_000_000_000, "key_1", "message.queued", "msg_1", {"a": "b", "ä": [1, None]}, [None] * 3],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    assert hashlib.sha256(text.encode()).hexdigest() == entry_hash(GENESIS, entry)


def test_a_refused_act_leaves_no_entry_and_no_gap(internet):
    ada = internet.agent("ada", mode="read_only")
    before = len(whole_log(internet))
    with pytest.raises(Exception, match="read_only"):
        ada.send(to="bob@there.example", subject="Tea?")
    internet.agent("eve")
    log = whole_log(internet)
    assert (None, True) == (first_break(log), len(log) > before)


def test_entries_are_read_by_subject_and_action_page_by_page(internet):
    ports, operator = internet.ports, internet.home.operator
    for name in ("ada", "eve", "ida"):
        internet.agent(name)

    def page(subject=None, action=None, **part):
        return internet.do(audit.page(ports, operator, AuditFilter(subject, action), **part))

    created = page(action="mailbox.created")
    assert (3, {"mailbox.created"}) == (len(created), {entry.action for entry in created})
    assert created[1:] == page(action="mailbox.created", after=created[0].index)
    assert [created[0]] == page(subject=created[0].subject, action="mailbox.created")
    assert 2 == len(page(limit=2))


def test_S26_each_tenant_reads_its_own_part(internet):
    rival = internet.tenant("rival.example")
    mail = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    assert [] == rival.audit(subject=mail.id)
    assert {rival.id} == {entry.tenant_id for entry in rival.audit()}


def test_an_entry_names_the_agent_the_mailbox_and_the_domain_that_it_concerned(internet):
    ada, eve = internet.agent("ada", mode="gated_send"), internet.agent("eve")
    held = ada.send(to="bob@there.example", subject="Tea?")
    eve.send(to="bob@there.example", subject="Coffee?")
    internet.run()

    def actions(**narrow):
        found = internet.do(audit.page(internet.ports, internet.home.operator, AuditFilter(**narrow), limit=200))
        return {entry.action for entry in found}

    mailbox = internet.read(lambda tx: tx.mailboxes.get(internet.home.id, ada.mailbox_id))
    assert {"mailbox.created", "message.held"} <= actions(mailbox_id=ada.mailbox_id)
    assert {"agent.created", "message.held"} <= actions(agent_id=mailbox.agent_id)
    assert not {"message.queued", "delivery.delivered"} & actions(agent_id=mailbox.agent_id)
    assert {"domain.added", "message.held", "message.queued"} <= actions(domain="agents.example")
    assert set() == actions(domain="there.example")
    assert held.id


def refuse(internet, refusal=BlockedByPolicy, subject=None):
    caller = system(internet.home.id)
    internet.do(audit.refused(internet.ports, caller, "messages.send", subject, refusal()))


def test_I10_a_refused_request_stands_in_the_log_beside_what_was_done(internet):
    ada = internet.agent("ada")
    refuse(internet, subject=ada.mailbox_id)
    (entry,) = internet.audit(action="request.refused")
    assert (ada.mailbox_id, {"operation": "messages.send", "code": "blocked_by_policy"}) == (entry.subject, entry.data)
    assert (ada.mailbox_id, "agents.example") == (entry.mailbox_id, entry.domain)
    assert None is first_break(whole_log(internet))


def test_a_slip_of_the_pen_is_no_decision(internet):
    refuse(internet, InvalidInput)
    assert [] == internet.audit(action="request.refused")


def test_a_key_that_asks_in_a_loop_fills_the_log_at_most_at_a_pace(internet):
    for _ in range(audit.REFUSALS_A_MINUTE + 5):
        refuse(internet)
    entries = internet.audit(action="request.refused")
    assert audit.REFUSALS_A_MINUTE == len(entries)
    assert [False] * (len(entries) - 1) + [True] == ["more_not_written" in entry.data for entry in entries]
    internet.pass_time(minutes=1)
    refuse(internet)
    assert audit.REFUSALS_A_MINUTE + 1 == len(internet.audit(action="request.refused"))
