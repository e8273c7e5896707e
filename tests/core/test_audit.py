"""The log that only grows: a changed, missing or moved entry shows (I10)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from mailwright.core import audit
from mailwright.core.audit import GENESIS, entry_hash, first_break
from mailwright.core.model import AuditEntry


def whole_log(internet) -> list[AuditEntry]:
    """All entries of all tenants, in order."""
    tenants = internet.read(lambda tx: tx.tenants.page(None, 100))
    found: list[AuditEntry] = []
    for tenant in tenants:
        found += internet.read(lambda tx, id=tenant.id: tx.audit.page(id, None, None, -1, 1000))
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
        [GENESIS, 0, "ten_1", 1_780_000_000_000, "key_1", "message.queued", "msg_1", {"a": "b", "ä": [1, None]}],
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

    def page(**narrow):
        return internet.do(audit.page(ports, operator, **narrow))

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
