"""Claimed, begun, put back, lost: who has a delivery, and what is told where a worker dies (I2, I6)."""

from __future__ import annotations

import pytest
from delivering import BOB, FINE, HOUR, MINUTE, begin, begun, claim, record, row_of, send, told

from mailwright.core import delivery, mailboxes, suppression
from mailwright.core.delivery import LEASE, PAUSED_FOR
from mailwright.core.model import MessageStatus
from mailwright.core.ports import Deferred, Rejected, Unknown

# --- claim --------------------------------------------------------------------------------------------------------------


def test_what_is_claimed_and_not_begun_is_no_attempt(internet):
    sent = send(internet)
    (job,) = claim(internet)
    row = row_of(sent)
    assert (internet.clock.now() + LEASE, 1, 1, []) == (row.due_at, row.attempts, row.fence, sent.attempts)
    assert (row, sent.message) == (job.delivery, job.message)
    internet.pass_time(hours=1)
    assert ["message.queued", "message.delivered"] == told(internet)


def test_before_anybody_dials_the_attempt_and_the_next_time_stand_in_the_store(internet):
    sent = send(internet)
    claimed = claim(internet)[0]
    internet.clock.advance(10 * MINUTE)
    (job,) = begun(internet, claimed)
    row = row_of(sent)
    assert (internet.clock.now() + LEASE, 1, 1) == (row.due_at, row.attempts, row.fence)
    (attempt,) = sent.attempts
    assert (None, None, 1, row.id) == (attempt.outcome, attempt.finished_at, attempt.number, attempt.delivery_id)
    assert (row, attempt, internet.clock.now()) == (job.delivery, job.attempt, attempt.started_at)


def test_what_somebody_else_has_by_now_is_not_begun(internet):
    sent = send(internet)
    (late,) = claim(internet)
    internet.clock.advance(LEASE)
    (job,) = claim(internet)
    nothing, ours = begun(internet, late, job)
    assert (None, job.delivery.id) == (nothing, ours.delivery.id)
    assert 1 == len(sent.attempts)


def test_what_was_cancelled_before_it_began_is_not_begun(internet):
    sent = send(internet)
    (job,) = claim(internet)
    sent.cancel()
    assert ([None], []) == (begun(internet, job), sent.attempts)


def test_no_more_of_a_domain_is_claimed_than_there_is_room_for(internet):
    people = [f"p{n}@there.example" for n in range(5)]
    sent = send(internet, *people, "x@else.example")
    jobs = internet.do(delivery.claim(internet.ports, 10, (), {"there.example": 2, "else.example": 9}.__getitem__))
    assert [*people[:2], "x@else.example"] == [job.delivery.recipient for job in jobs]
    assert [1, 1, 0, 0, 0, 1] == [row.attempts for row in sent.recipients.values()]
    assert people[2:] == [job.delivery.recipient for job in claim(internet)]


def test_what_is_claimed_is_claimed_by_nobody_else_until_its_lease_ends(internet):
    send(internet)
    assert 1 == len(claim(internet))
    internet.clock.advance(LEASE - 1)
    assert [] == claim(internet)
    internet.clock.advance(1)
    assert 1 == len(claim(internet))


def test_what_is_not_due_is_not_claimed(internet):
    send(internet, send_at=internet.clock.now() + HOUR)
    assert [] == claim(internet)
    internet.clock.advance(hours=1)
    assert 1 == len(claim(internet))


def test_busy_domains_are_left_alone(internet):
    send(internet, BOB, "carol@else.example")
    assert ["carol@else.example"] == [job.delivery.recipient for job in claim(internet, "there.example")]


def test_a_paused_mailbox_waits_and_no_attempt_counts(internet):
    sent = send(internet)
    internet.agent("ada").pause()
    assert [] == claim(internet)
    row = row_of(sent)
    assert (0, internet.clock.now() + PAUSED_FOR, MessageStatus.QUEUED) == (row.attempts, row.due_at, row.status)
    assert [] == sent.attempts


@pytest.mark.parametrize("mode", ["read_only", "gated_all", "gated_send"])
def test_what_was_scheduled_before_the_oversight_was_tightened_waits(internet, mode):
    bob, ada = internet.person(BOB), internet.agent("ada")
    sent = send(internet, send_at=internet.clock.now() + HOUR)
    ada.set_mode(mode)
    internet.pass_time(hours=2)
    assert ([], MessageStatus.SCHEDULED, []) == (bob.inbox(), sent.status, sent.attempts)
    ada.set_mode("autonomous")
    internet.pass_time(hours=1)
    assert 1 == len(bob.inbox())


@pytest.mark.parametrize("mode", ["read_only", "gated_send"])
def test_the_overseer_sees_what_was_sent_though_the_oversight_is_tightened_then(internet, mode):
    bob, boss = internet.person(BOB), internet.person("boss@office.example")
    internet.host("office.example").goes_down()
    ada = internet.agent("ada", mode="monitored", overseer="boss@office.example")
    ada.send(to=BOB)
    assert 1 == len(bob.inbox())
    ada.set_mode(mode)
    internet.host("office.example").comes_up()
    internet.pass_time(hours=1)
    assert 1 == len(boss.inbox())


@pytest.mark.parametrize("mode", ["gated_all", "gated_send", "autonomous"])
def test_what_a_person_approved_leaves_though_the_oversight_is_tightened_then(internet, mode):
    bob, ada = internet.person(BOB), internet.agent("ada", mode="gated_send")
    sent = send(internet, send_at=internet.clock.now() + HOUR)
    internet.approver().approve(sent)
    ada.set_mode(mode)
    internet.pass_time(hours=2)
    assert 1 == len(bob.inbox())


def test_whoever_is_suppressed_while_a_message_waits_is_left_out_and_told(internet):
    bob = internet.person(BOB)
    sent = send(internet, send_at=internet.clock.now() + HOUR)
    operator = internet.home.operator
    internet.write(lambda tx: suppression.add(tx, internet.ports, operator, "BOB@there.example", "complaint"))
    internet.pass_time(hours=2)
    assert (MessageStatus.SUPPRESSED, 0, []) == (sent.status, row_of(sent).attempts, bob.inbox())
    assert ["message.queued", "message.suppressed"] == told(internet)
    assert BOB == internet.events("message.suppressed")[0].data["recipient"]
    assert ["delivery.suppressed"] == [entry.action for entry in internet.audit(subject=row_of(sent).id)]


def remove_mailbox(internet) -> None:
    ports, operator, box = internet.ports, internet.home.operator, internet.agent("ada").mailbox_id
    internet.write(lambda tx: mailboxes.remove(tx, ports, operator, box))


def test_I2_what_a_removed_mailbox_had_queued_ends_and_is_told(internet):
    bob = internet.person(BOB)
    sent = send(internet)
    remove_mailbox(internet)
    internet.pass_time(days=3)
    assert (MessageStatus.CANCELLED, []) == (sent.status, bob.inbox())
    assert ["message.queued", "message.cancelled"] == told(internet)
    assert [BOB] == internet.events("message.cancelled")[0].data["recipients"]
    assert ["delivery.cancelled"] == [entry.action for entry in internet.audit(subject=row_of(sent).id)]


def test_I6_what_a_removed_mailbox_had_under_way_when_its_worker_died_is_unknown(internet):
    sent = send(internet)
    begin(internet)
    remove_mailbox(internet)
    internet.pass_time(hours=1)
    assert (MessageStatus.UNKNOWN, ["unknown"]) == (sent.status, [one.outcome for one in sent.attempts])
    assert ["message.queued", "message.unknown"] == told(internet)


def test_a_delivery_of_a_message_that_is_gone_is_closed(internet):
    sent = send(internet)
    row = row_of(sent)
    internet.write(lambda tx: tx.messages.remove(internet.home.id, sent.id))
    assert [] == claim(internet)
    assert MessageStatus.CANCELLED is internet.read(lambda tx: tx.queue.get(row.id)).status


# --- the worker that dies -----------------------------------------------------------------------------------------------


def test_I6_what_a_dead_worker_began_is_told_as_unknown_before_anything_is_sent_again(internet):
    bob = internet.person(BOB)
    sent = send(internet)
    begin(internet)  # and nothing more: its worker died
    internet.pass_time(hours=1)
    assert (["unknown", "delivered"], 1) == ([one.outcome for one in sent.attempts], len(bob.inbox()))
    assert ["message.queued", "message.unknown", "message.delivered"] == told(internet)
    unknown = internet.events("message.unknown")[0]
    assert (BOB, unknown.created_at) == (unknown.data["recipient"], unknown.data["next_attempt_at"])
    actions = [entry.action for entry in internet.audit(subject=row_of(sent).id)]
    assert ["delivery.unknown", "delivery.delivered"] == actions


def test_I6_at_most_once_ends_what_a_dead_worker_began(internet):
    bob = internet.person(BOB)
    sent = internet.agent("ada", at_most_once=True).send(to=BOB, subject="Tea?")
    begin(internet)
    internet.pass_time(days=3)
    assert (MessageStatus.UNKNOWN, ["unknown"], []) == (sent.status, [one.outcome for one in sent.attempts], bob.inbox())
    assert ["message.queued", "message.unknown"] == told(internet)
    assert "next_attempt_at" not in internet.events("message.unknown")[0].data


def test_I6_each_death_is_told(internet):
    sent = send(internet)
    begin(internet)
    internet.clock.advance(LEASE)
    begin(internet)
    internet.pass_time(hours=1)
    assert ["unknown", "unknown", "delivered"] == [one.outcome for one in sent.attempts]
    assert [1, 2, 3] == [one.number for one in sent.attempts]


def test_I6_a_death_is_told_once_though_the_mailbox_is_paused_afterwards(internet):
    sent = send(internet)
    begin(internet)
    ada = internet.agent("ada")
    ada.pause()
    internet.pass_time(hours=1)
    assert ["message.queued", "message.unknown"] == told(internet)
    ada.resume()
    internet.pass_time(hours=1)
    assert (MessageStatus.DELIVERED, ["message.queued", "message.unknown", "message.delivered"]) == (
        sent.status,
        told(internet),
    )


def test_I6_what_died_and_is_too_old_by_now_ends_unknown(internet):
    bob = internet.person(BOB)
    sent = send(internet)
    begin(internet)
    internet.clock.advance(hours=49)
    internet.run()
    assert (MessageStatus.UNKNOWN, []) == (sent.status, bob.inbox())
    assert ["message.queued", "message.unknown"] == told(internet)


def test_a_claim_that_is_put_back_is_taken_up_at_once_and_nothing_told(internet):
    sent = send(internet)
    (job,) = claim(internet)
    internet.do(delivery.put_back(internet.ports, job))
    assert (0, internet.clock.now()) == (row_of(sent).attempts, row_of(sent).due_at)
    internet.run()
    assert ["delivered"] == [one.outcome for one in sent.attempts]
    assert ["message.queued", "message.delivered"] == told(internet)


# --- the fence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [FINE, Rejected(550, "5.1.1", "no"), Deferred(451, None, "later")])
def test_a_result_that_comes_after_its_lease_is_refused(internet, late):
    sent = send(internet)
    (first,) = begin(internet)
    internet.clock.advance(LEASE)
    (second,) = begin(internet)
    record(internet, first, late)
    assert (MessageStatus.QUEUED, 2) == (row_of(sent).status, row_of(sent).fence)
    assert ["message.queued", "message.unknown"] == told(internet)
    record(internet, second, FINE)
    assert (MessageStatus.DELIVERED, ["message.queued", "message.unknown", "message.delivered"]) == (
        sent.status,
        told(internet),
    )


def test_a_result_that_comes_after_its_lease_counts_where_nobody_began_anything_since(internet):
    """Found by `make crash`: it was dropped, and the message sent again without a word (I6)."""
    sent = send(internet)
    (first,) = begin(internet)
    internet.clock.advance(LEASE)
    room = 0  # at its destination, so that it is put back at once
    assert [] == internet.do(delivery.claim(internet.ports, 10, (), lambda domain: room))
    assert None is row_of(sent).code
    record(internet, first, FINE)
    assert (MessageStatus.DELIVERED, ["message.queued", "message.delivered"]) == (sent.status, told(internet))
    internet.pass_time(hours=1)
    assert (1, ["delivered"]) == (row_of(sent).attempts, [one.outcome for one in sent.attempts])


def test_what_arrives_although_it_was_cancelled_meanwhile_is_told_as_delivered(internet):
    sent = send(internet)
    (job,) = begin(internet)
    sent.cancel()
    record(internet, job, FINE)
    assert (MessageStatus.DELIVERED, 250) == (sent.status, row_of(sent).code)
    assert ["message.queued", "message.cancelled", "message.delivered"] == told(internet)
    assert ["queued", "cancelled", "delivered"] == [entry.outcome for entry in sent.timeline()]
    internet.pass_time(hours=1)
    assert 1 == len(sent.attempts)


def test_what_may_have_arrived_although_it_was_cancelled_is_told_as_unknown_and_not_tried_again(internet):
    sent = send(internet)
    (job,) = begin(internet)
    sent.cancel()
    record(internet, job, Unknown("the line broke"))
    assert (MessageStatus.UNKNOWN, ["message.queued", "message.cancelled", "message.unknown"]) == (sent.status, told(internet))
    assert "next_attempt_at" not in internet.events("message.unknown")[0].data
    internet.pass_time(days=5)
    assert 1 == len(sent.attempts)


def test_what_was_cancelled_while_its_server_died_is_told_as_unknown_at_the_next_start(internet):
    sent = send(internet)
    begin(internet)
    sent.cancel()
    for _ in range(2):
        internet.write(lambda tx: delivery.close_abandoned(tx, internet.ports))
    assert ["message.queued", "message.cancelled", "message.unknown"] == told(internet)
    assert (MessageStatus.UNKNOWN, ["unknown"]) == (sent.status, [one.outcome for one in sent.attempts])
    internet.pass_time(days=5)
    assert 1 == len(sent.attempts)


@pytest.mark.parametrize("late", [Rejected(550, "5.1.1", "no"), Deferred(451, None, "later")])
def test_what_did_not_arrive_and_was_cancelled_meanwhile_stays_cancelled(internet, late):
    sent = send(internet)
    (job,) = begin(internet)
    sent.cancel()
    record(internet, job, late)
    assert (MessageStatus.CANCELLED, ["message.queued", "message.cancelled"]) == (sent.status, told(internet))
    internet.pass_time(days=5)
    assert 1 == len(sent.attempts)
