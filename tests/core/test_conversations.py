"""Conversations, and what of them an agent may know."""

from __future__ import annotations

import pytest

from mailwright.core import threads
from mailwright.core.errors import NotFound
from mailwright.core.model import MessageStatus

BOB, CAROL = "bob@there.example", "carol@there.example"


def seen(agent) -> list[tuple[str, str, int]]:
    return [(one.thread.subject, one.thread.preview, one.thread.message_count) for one in agent.threads()]


def held_from_bob(internet, subject: str = "Secret", text: str = "The code is 1234."):
    """A message to Ada, whose mail a person reads first."""
    ada = internet.agent("ada", mode="gated_all")
    assert internet.person(BOB).write(ada.address, subject, text).accepted
    return ada, internet.approver()


# --- what a person has not released -------------------------------------------------------------------------------------


def test_a_conversation_of_mail_that_waits_for_a_person_is_not_there_for_the_agent(internet):
    ada, approver = held_from_bob(internet)
    approval = approver.pending()[0]
    mail = ada._mail(approval.message_id)
    assert [] == ada.threads()
    with pytest.raises(NotFound):
        _ = ada.thread(mail).thread
    overseen = internet.do(threads.page(internet.ports, approver.caller, None, None, 10))
    assert [("", "", (), 0)] == [(one.subject, one.preview, one.participants, one.message_count) for one in overseen]


def test_released_mail_shows_its_conversation(internet):
    ada, approver = held_from_bob(internet)
    mail = ada._mail(approver.pending()[0].message_id)
    approver.approve(mail)
    assert [("Secret", "The code is 1234.", 1)] == seen(ada)
    assert (BOB, ada.address) == ada.thread(mail).thread.participants


@pytest.mark.parametrize("decide", ["reject", "expire"])
def test_mail_that_was_never_released_stays_hidden(internet, decide):
    ada, approver = held_from_bob(internet)
    mail = ada._mail(approver.pending()[0].message_id)
    if decide == "reject":
        approver.reject(mail)
    else:
        internet.pass_time(hours=80)
    assert {"reject": MessageStatus.REJECTED, "expire": MessageStatus.EXPIRED}[decide] is mail.status
    assert ([], []) == (ada.threads(), ada.inbox())
    with pytest.raises(NotFound):
        ada.read(mail)


def test_an_answer_that_waits_for_a_person_leaves_no_mark_on_the_conversation(internet):
    bob = internet.person(BOB)
    ada = internet.agent("ada", mode="gated_all")
    sent = ada.send(to=BOB, subject="Tea?", text="At four?")
    approver = internet.approver()
    approver.approve(sent)
    before = ada.thread(sent).thread
    internet.pass_time(hours=1)
    bob.reply(sent, "The code is 1234.")
    assert before == ada.thread(sent).thread
    answer = ada._mail(approver.pending()[0].message_id)
    approver.approve(answer)
    after = ada.thread(sent).thread
    assert (2, "Tea?", "The code is 1234.") == (after.message_count, after.subject, after.preview[:17])
    assert before.last_at < after.last_at
    assert [sent.id, answer.id] == [mail.id for mail in ada.thread(sent).messages()]


def test_hidden_conversations_leave_no_gaps_in_a_list(internet):
    ada, approver = held_from_bob(internet)
    bob = internet.person(BOB)
    for number in range(5):
        internet.pass_time(minutes=1)
        bob.write(ada.address, f"Number {number}", "Hello")
    first, third = (approver.pending()[place] for place in (0, 2))
    approver.approve(ada._mail(first.message_id))
    approver.approve(ada._mail(third.message_id))
    page = internet.do(threads.page(internet.ports, ada.caller, None, None, 1))
    rest = internet.do(threads.page(internet.ports, ada.caller, None, page[-1].id, 5))
    assert (["Number 1"], ["Secret"]) == ([one.subject for one in page], [one.subject for one in rest])


# --- who takes part (S26) -----------------------------------------------------------------------------------------------


def forged(of: str, subject: str) -> bytes:
    """From bob, says the message; nothing bears that out."""
    fields = (
        f"From: {BOB}",
        "To: ada@agents.example",
        f"Subject: {subject}",
        f"In-Reply-To: {of}",
        "Message-ID: <x@else.example>",
    )
    return "\r\n".join((*fields, "", "Hello")).encode()


def test_S26_a_forged_author_joins_no_conversation_under_a_subject_of_his_own(internet):
    ada, bob, eve = internet.agent("ada"), internet.person(BOB), internet.person("eve@else.example")
    sent = ada.send(to=BOB, subject="Tea?", text="At four?")
    bob.reply(sent, "Yes")
    eve.send_raw(forged(sent.rfc_message_id, "Your bank"), ada.address, signed=False)
    mail = ada.inbox()[-1]
    assert ("Your bank", False) == (mail.subject, mail.thread_id == sent.thread_id)
    assert (ada.address,) == ada.thread(mail).thread.participants


@pytest.mark.parametrize("mode", ["autonomous", "gated_all"])
def test_S26_a_forged_author_takes_part_in_nothing(internet, mode):
    ada, eve = internet.agent("ada", mode=mode), internet.person("eve@else.example")
    internet.person(BOB)
    sent = ada.send(to=CAROL, subject="Tea?", text="At four?")
    approver = internet.approver()
    if mode == "gated_all":
        approver.approve(sent)
    eve.send_raw(forged(sent.rfc_message_id, "Re: Tea?"), ada.address, signed=False)
    if mode == "gated_all":
        approver.approve(ada._mail(approver.pending()[0].message_id))
    thread = ada.thread(sent).thread
    assert (2, {ada.address, CAROL}) == (thread.message_count, set(thread.participants))


def test_a_partner_whose_name_is_proved_may_change_the_subject(internet):
    ada, bob = internet.agent("ada"), internet.person(BOB)
    sent = ada.send(to=BOB, subject="Tea?", text="At four?")
    bob.reply(sent, "Coffee!", subject="Coffee?")
    assert [sent.thread_id] == [mail.thread_id for mail in ada.inbox()]
