"""What a store that was put back tells, and what it does not do again by itself."""

from __future__ import annotations

from mailwright.core import audit, restoring
from mailwright.core.model import ApprovalStatus, MessageStatus

BOB, EVE = "bob@there.example", "eve@there.example"


def settle(internet, *, close_queue: bool = True) -> restoring.Settled:
    return internet.do(restoring.settle(internet.ports, 1_000, close_queue=close_queue))


def test_what_waited_is_closed_as_unknown_and_told_for_each_recipient(internet):
    internet.dns_fails("there.example")
    sent = internet.agent("ada").send(to=(BOB, EVE), subject="Tea?", text="At four?")
    assert 2 == settle(internet).deliveries
    assert (MessageStatus.UNKNOWN, {MessageStatus.UNKNOWN}) == (sent.status, {row.status for row in sent.recipients.values()})
    told = internet.events("message.unknown")
    assert [BOB, EVE] == sorted(event.data["recipient"] for event in told)
    assert {restoring.TEXT} == {event.data["text"] for event in told}


def test_nothing_of_it_is_sent_afterwards(internet):
    internet.dns_fails("there.example")
    sent = internet.agent("ada").send(to=BOB, subject="Tea?", text="At four?")
    settle(internet)
    internet.dns_recovers("there.example")
    internet.pass_time(days=3)
    assert MessageStatus.UNKNOWN is sent.status
    assert 1 == len(internet.events("message.unknown"))
    assert [] == internet.events("message.delivered")


def test_what_waited_is_sent_where_the_operator_knows_that_it_was_not(internet):
    internet.person(BOB)
    internet.dns_fails("there.example")
    sent = internet.agent("ada").send(to=BOB, subject="Tea?", text="At four?")
    assert 0 == settle(internet, close_queue=False).deliveries
    internet.dns_recovers("there.example")
    internet.pass_time(hours=3)
    assert MessageStatus.DELIVERED is sent.status


def test_what_was_delivered_before_stays_delivered(internet):
    internet.person(BOB)
    sent = internet.agent("ada").send(to=BOB, subject="Tea?", text="At four?")
    internet.run()
    assert 0 == settle(internet).deliveries
    assert MessageStatus.DELIVERED is sent.status


def test_an_open_question_stays_open_and_says_that_it_may_have_been_answered(internet):
    ada = internet.agent("ada", mode="gated_send")
    ada.send(to=BOB, subject="Tea?", text="At four?")
    assert 1 == settle(internet).approvals
    pending = internet.approver().pending()
    assert [ApprovalStatus.PENDING] == [one.status for one in pending]
    assert restoring.REASON == pending[0].reasons[-1]
    assert ApprovalStatus.APPROVED is internet.approver().approve(pending[0]).status


def test_the_event_log_and_the_audit_log_say_that_it_happened(internet):
    internet.dns_fails("there.example")
    internet.agent("ada").send(to=BOB, subject="Tea?", text="At four?")
    settle(internet)
    assert [{"made_at": 1_000, "deliveries_unknown": 1}] == [event.data for event in internet.events("store.restored")]
    entries = internet.audit()
    assert "store.restored" in {entry.action for entry in entries}
    assert audit.first_break(entries) is None
