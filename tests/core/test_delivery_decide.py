"""What an outcome leads to: pure, so tabled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.delivery import dead_address, decide
from mailwright.core.events import EventType
from mailwright.core.model import Delivery, MessageStatus
from mailwright.core.ports import Deferred, Delivered, Rejected, Unknown

HOUR = 3_600_000
ROW = Delivery(
    id="dlv_1",
    tenant_id="ten_1",
    mailbox_id="mbx_1",
    message_id="msg_1",
    recipient="bob@example.com",
    domain="example.com",
    status=MessageStatus.QUEUED,
    due_at=0,
    expires_at=48 * HOUR,
    created_at=0,
    attempts=1,
    fence=1,
)


def step(outcome, *, row=ROW, at_most_once=False, now=HOUR):
    return decide(row, outcome, at_most_once=at_most_once, now=now, spread=0.5)


def test_delivered_is_the_end():
    found = step(Delivered(250, "2.0.0", "queued"))
    assert (MessageStatus.DELIVERED, EventType.MESSAGE_DELIVERED, False) == (found.row.status, found.event, found.suppress)


def test_a_temporary_failure_is_tried_again_a_minute_later():
    found = step(Deferred(450, "4.2.1", "later"))
    assert (MessageStatus.DEFERRED, EventType.MESSAGE_DEFERRED) == (found.row.status, found.event)
    assert HOUR + 60_000 == found.row.due_at


def test_a_temporary_failure_past_its_age_bounces_and_is_told():
    found = step(Deferred(450, "4.2.1", "later"), now=48 * HOUR - 1)
    assert (MessageStatus.BOUNCED, EventType.MESSAGE_BOUNCED, False) == (found.row.status, found.event, found.suppress)
    assert "given up after 47 h" in found.row.text


def test_it_ends_by_age_and_not_by_count():
    assert MessageStatus.DEFERRED is step(Deferred(450, None, "x"), row=replace(ROW, attempts=500)).row.status


def test_a_permanent_failure_bounces():
    found = step(Rejected(550, "5.7.1", "no"))
    assert (MessageStatus.BOUNCED, EventType.MESSAGE_BOUNCED, False) == (found.row.status, found.event, found.suppress)


def test_a_dead_address_is_suppressed():
    assert step(Rejected(550, "5.1.1", "no such user")).suppress


def test_a_domain_that_dns_does_not_know_bounces_and_is_held_against_nobody():
    found = step(Rejected(None, "5.1.2", "the domain there.example does not exist"))
    assert (MessageStatus.BOUNCED, EventType.MESSAGE_BOUNCED, False) == (found.row.status, found.event, found.suppress)


def test_a_receiver_that_says_so_and_an_owner_who_wants_no_mail_are_believed():
    assert step(Rejected(550, "5.1.2", "no such domain")).suppress
    assert step(Rejected(None, "5.1.10", "it publishes a null MX")).suppress


def test_unknown_is_told_and_tried_again():
    found = step(Unknown("lost"))
    assert (MessageStatus.DEFERRED, EventType.MESSAGE_UNKNOWN) == (found.row.status, found.event)


def test_unknown_is_the_end_where_at_most_once_is_asked():
    found = step(Unknown("lost"), at_most_once=True)
    assert (MessageStatus.UNKNOWN, EventType.MESSAGE_UNKNOWN) == (found.row.status, found.event)


@pytest.mark.parametrize(
    ("code", "enhanced", "dead"),
    [
        (550, "5.1.1", True),
        (550, "5.1.10", True),
        (None, "5.1.2", True),
        (550, None, False),
        (550, "5.7.1", False),
        (552, "5.2.2", False),
        (550, "5.1.8", False),
        (450, "4.1.1", False),
    ],
)
def test_only_a_word_on_the_address_itself_is_held_against_it(code, enhanced, dead):
    assert dead is dead_address(code, enhanced)
