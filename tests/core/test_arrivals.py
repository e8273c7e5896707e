"""Telling of mail that came in: at once, or when a person releases it; the same either way."""

from __future__ import annotations

import pytest

from mailwright.core import mailboxes
from mailwright.core.errors import MissingPermission, NotPending
from mailwright.core.examining import EVENT_TEXT
from mailwright.core.model import MessageStatus
from mailwright.testing import Approver

BOB = "bob@there.example"
FORGED = b"From: bob@there.example\r\nTo: ada@agents.example\r\nSubject: Bank\r\n\r\nPay here.\r\n"


def arrive(internet, *, forged: bool = False, mode: str = "autonomous", text: str = "At four?"):
    """Ada's mail: one message, from bob or from somebody who says so."""
    ada, bob = internet.agent("ada", mode=mode), internet.person(BOB)
    if forged:
        internet.inject(FORGED, to=ada.address, mail_from="x@y.example")
    else:
        bob.write(ada.address, "Tea?", text, cc=("carol@there.example",))
    return ada


def told(internet):
    return [event for event in internet.events() if event.type.startswith(("message", "approval"))]


def test_a_message_is_told_with_all_that_one_wants_to_know_first(internet):
    ada = arrive(internet)
    (mail,), (event,) = ada.inbox(), told(internet)
    message = mail.message
    assert ("message.received", ada.mailbox_id) == (event.type, event.mailbox_id)
    assert {
        "message_id": mail.id,
        "thread_id": mail.thread_id,
        "rfc_message_id": message.rfc_message_id,
        "from": "Bob <bob@there.example>" if "Bob" in message.header_from else BOB,
        "to": ["ada@agents.example"],
        "cc": ["carol@there.example"],
        "subject": "Tea?",
        "preview": "At four?",
        "text": "At four?",
        "truncated": False,
        "in_reply_to": None,
        "attachments": 0,
        "automatic": None,
        "trust": "dmarc_pass",
        "authentication": {"spf": "pass", "dkim": ["pass"], "dmarc": "pass", "identity": "none"},
    } == event.data | {"text": event.data["text"].strip()}


def test_a_long_text_is_cut_and_says_so(internet):
    arrive(internet, text="word " * 2000)
    (event,) = told(internet)
    assert (EVENT_TEXT, True) == (len(event.data["text"]), event.data["truncated"])


def test_s27_a_message_whose_author_is_not_proved_is_flagged(internet):
    ada = arrive(internet, forged=True)
    (event,) = told(internet)
    assert ("message.received.flagged", "fail", "unauthenticated") == (
        event.type,
        event.data["authentication"]["dmarc"],
        event.data["trust"],
    )
    assert MessageStatus.FLAGGED is ada.inbox()[0].status


# --- what a person reads first ------------------------------------------------------------------------------------------


def test_a_gated_mailbox_asks_a_person_and_tells_the_agent_nothing_of_what_it_says(internet):
    ada = arrive(internet, mode="gated_all")
    (question,) = internet.approver().pending()
    mail = ada._mail(question.message_id)
    assert (MessageStatus.HELD, "inbound", mail.message.digest) == (mail.status, question.direction, question.digest)
    (event,) = told(internet)
    assert ("approval.requested", mail.id) == (event.type, event.data["message_id"])
    for word in ("Tea?", "four", BOB, "carol"):
        assert word not in str(event.data)
    assert ([], []) == (ada.inbox(), ada.threads())


@pytest.mark.parametrize(
    ("forged", "status", "event"),
    [(False, MessageStatus.RECEIVED, "message.received"), (True, MessageStatus.FLAGGED, "message.received.flagged")],
)
def test_what_is_released_is_told_as_if_it_had_just_come_with_the_same_verdict(internet, forged, status, event):
    ada = arrive(internet, mode="gated_all", forged=forged)
    (question,) = internet.approver().pending()
    mail = ada._mail(question.message_id)
    before = mail.message.modseq
    internet.pass_time(hours=1)
    internet.approver().approve(question)
    assert (status, [mail.id]) == (mail.status, [one.id for one in ada.inbox()])
    assert before < mail.message.modseq == ada.mailbox.modseq
    requested, approved, released = told(internet)
    assert ["approval.requested", "approval.approved", event] == [one.type for one in (requested, approved, released)]
    assert (mail.message.preview, mail.message.preview, True) == tuple(
        released.data[name] for name in ("preview", "text", "truncated")
    )


def test_released_mail_names_the_same_things_as_mail_that_was_never_held(internet):
    arrive(internet)
    held = internet.agent("eve", mode="gated_all")
    internet.person(BOB).write(held.address, "Tea?", "At four?")
    internet.approver().approve(internet.approver().pending()[0])
    direct, released = internet.events("message.received")
    assert set(direct.data) == set(released.data)


def test_whoever_released_mail_names_takes_part_as_dns_knows_him(internet):
    ada = internet.agent("ada", mode="gated_all")
    internet.inject("From: x@y.example\r\nTo: Eva <Eva@bücher.example>\r\n\r\nx\r\n".encode(), to=ada.address)
    (question,) = internet.approver().pending()
    internet.approver().approve(question)
    assert ("eva@xn--bcher-kva.example",) == ada.threads()[0].thread.participants


def test_what_is_refused_is_told_to_nobody_but_those_who_decide(internet):
    ada = arrive(internet, mode="gated_all")
    (question,) = internet.approver().pending()
    internet.approver().reject(question)
    internet.pass_time(days=4)
    assert ["approval.requested", "approval.rejected"] == [event.type for event in told(internet)]
    assert ([], MessageStatus.REJECTED) == (ada.inbox(), ada._mail(question.message_id).status)


def test_s27_what_nobody_decides_stays_away_from_the_agent(internet):
    ada = arrive(internet, mode="gated_all")
    (question,) = internet.approver().pending()
    internet.pass_time(hours=72)
    assert ["approval.requested", "approval.expired"] == [event.type for event in told(internet)]
    assert ([], [], MessageStatus.EXPIRED) == (ada.inbox(), ada.threads(), ada._mail(question.message_id).status)


def test_loosening_a_mailbox_releases_nothing_that_waits(internet):
    ada = arrive(internet, mode="gated_all")
    ada.set_mode("autonomous")
    internet.person(BOB).write(ada.address, "Later")
    assert ["Later"] == [mail.subject for mail in ada.inbox()]


def test_what_came_for_a_mailbox_that_was_removed_can_not_be_released(internet):
    ada = arrive(internet, mode="gated_all")
    (question,) = internet.approver().pending()
    operator = internet.home.operator
    internet.write(lambda tx: mailboxes.remove(tx, internet.ports, operator, ada.mailbox_id))
    with pytest.raises(NotPending):
        internet.approver().approve(question)
    internet.pass_time(minutes=2)
    assert [] == internet.approver().pending()


def test_what_is_released_is_there_though_its_conversation_is_gone(internet):
    ada = arrive(internet, mode="gated_all")
    (question,) = internet.approver().pending()
    thread_id = ada._mail(question.message_id).thread_id
    internet.write(lambda tx: tx.threads.remove(internet.home.id, thread_id))
    internet.approver().approve(question)
    assert ["Tea?"] == [mail.subject for mail in ada.inbox()]


def test_an_agent_does_not_release_its_own_mail(internet):
    ada = arrive(internet, mode="gated_all")
    (question,) = internet.approver().pending()
    with pytest.raises(MissingPermission):
        Approver(internet.home.server, ada.caller).approve(question)
