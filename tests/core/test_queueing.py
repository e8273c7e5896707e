"""Into the queue, and what a message shows of its recipients."""

from __future__ import annotations

import itertools

import pytest

from mailwright.core import queueing
from mailwright.core.model import TERMINAL, MessageStatus
from mailwright.core.queueing import WORST_FIRST, over, worst

BOB, CAROL = "bob@there.example", "carol@there.example"
HOUR = 3_600_000

S = MessageStatus


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ([S.DELIVERED], S.DELIVERED),
        ([S.DELIVERED, S.BOUNCED], S.BOUNCED),
        ([S.DELIVERED, S.QUEUED], S.QUEUED),
        ([S.DEFERRED, S.QUEUED], S.DEFERRED),
        ([S.UNKNOWN, S.DEFERRED], S.UNKNOWN),
        ([S.UNKNOWN, S.BOUNCED], S.BOUNCED),
        ([S.SUPPRESSED, S.DELIVERED], S.SUPPRESSED),
        ([S.SUPPRESSED, S.CANCELLED], S.CANCELLED),
        ([S.SCHEDULED, S.CANCELLED], S.SCHEDULED),
        ([], S.QUEUED),
    ],
)
def test_a_message_shows_the_worst_of_its_recipients(statuses, shown):
    assert shown is worst(statuses)


def test_the_order_of_recipients_does_not_matter():
    for pair in itertools.combinations(WORST_FIRST, 2):
        assert pair[0] is worst(pair) is worst(reversed(pair))


def test_every_state_that_a_delivery_can_be_in_has_its_place():
    waiting = {S.QUEUED, S.SCHEDULED, S.DEFERRED}
    ends = {S.DELIVERED, S.BOUNCED, S.SUPPRESSED, S.CANCELLED, S.UNKNOWN}
    assert waiting | ends == set(WORST_FIRST)
    assert (ends, waiting) == ({s for s in WORST_FIRST if over(s)}, {s for s in WORST_FIRST if not over(s)})
    assert ends <= TERMINAL


def enqueue(internet, mail, *recipients: str, **options):
    message = mail.message
    return internet.write(lambda tx: queueing.enqueue(tx, internet.ports, message, recipients, **options))


def held(internet):
    return internet.agent("ada", mode="gated_send").send(to=BOB, subject="Tea?")


def test_each_recipient_gets_a_row_with_its_own_time(internet):
    mail, now = held(internet), internet.clock.now()
    enqueue(internet, mail, BOB, "Carol@There.Example", send_at=now + HOUR)
    assert [
        (BOB, "there.example", S.SCHEDULED, now + HOUR, now + 49 * HOUR),
        ("Carol@There.Example", "there.example", S.SCHEDULED, now + HOUR, now + 49 * HOUR),
    ] == [(row.recipient, row.domain, row.status, row.due_at, row.expires_at) for row in mail.recipients.values()]
    assert S.SCHEDULED is mail.status


def test_a_time_that_is_over_is_now(internet):
    mail, now = held(internet), internet.clock.now()
    enqueue(internet, mail, BOB, send_at=now - HOUR)
    assert (S.QUEUED, now) == (mail.status, mail.recipients[BOB].due_at)


def test_those_who_are_left_out_are_told_before_those_who_wait(internet):
    mail = held(internet)
    before = len(internet.events())
    enqueue(internet, mail, BOB, CAROL, suppressed=(CAROL,))
    assert ["message.suppressed", "message.queued"] == [event.type for event in internet.events()[before:]]
    suppressed, queued = internet.events()[before:]
    assert {"message_id": mail.id, "thread_id": mail.thread_id, "recipient": CAROL} == suppressed.data
    assert [(BOB, "queued"), (CAROL, "suppressed")] == [(one["address"], one["status"]) for one in queued.data["recipients"]]


def test_where_nobody_is_left_nothing_is_queued_and_nobody_told_so(internet):
    mail = held(internet)
    enqueue(internet, mail, BOB, suppressed=(BOB,))
    assert (S.SUPPRESSED, []) == (mail.status, internet.events("message.queued"))


def test_a_message_that_is_gone_shows_nothing(internet):
    assert None is internet.write(lambda tx: queueing.show_worst(tx, internet.home.id, "msg_x"))
