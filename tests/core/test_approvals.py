"""A person's word: about exactly these bytes for exactly these people, once, in time (I5, S25)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from mailwright.core import approvals, mailboxes, suppression
from mailwright.core.accounts import NewKey
from mailwright.core.approvals import digest
from mailwright.core.errors import (
    AgentPaused,
    ApprovalStale,
    BlockedByPolicy,
    InvalidInput,
    MissingPermission,
    NotFound,
    NotPending,
)
from mailwright.core.model import ApprovalStatus, MessageStatus, OversightMode, Role
from mailwright.core.sending import Wanted
from mailwright.testing.internet import Approver

HOUR = 3_600_000
BOB, CAROL = "bob@there.example", "carol@there.example"
PENDING = ApprovalStatus.PENDING


def held(internet, *, to: str | tuple[str, ...] = BOB, send_at: int | None = None):
    ada = internet.agent("ada", mode="gated_send")
    recipients = (to,) if isinstance(to, str) else to
    return ada.submit(Wanted(to=recipients, subject="Tea?", text="At four?", send_at=send_at))


def told(internet, since: int = 0) -> list[str]:
    return [event.type for event in internet.events()[since:] if not event.type.startswith(("mailbox", "domain"))]


# --- the digest ---------------------------------------------------------------------------------------------------------

CONTENT = hashlib.sha256(b"message").digest()


def test_the_digest_is_of_bytes_recipients_mode_and_time():
    def of(content=CONTENT, recipients=(BOB, CAROL), mode=OversightMode.GATED_SEND, send_at=None):
        return digest(content, recipients, mode=mode, send_at=send_at)

    assert of() == of(recipients=(CAROL, BOB))
    others = {
        of(content=hashlib.sha256(b"massage").digest()),
        of(recipients=(BOB,)),
        of(recipients=(BOB, CAROL, CAROL)),
        of(recipients=(BOB + CAROL,)),
        of(mode=OversightMode.GATED_ALL),
        of(send_at=1),
        of(recipients=()),
    }
    assert (7, False) == (len(others), of() in others)


def test_a_held_message_carries_the_digest_of_what_will_leave(internet):
    sent = held(internet, to=(BOB, CAROL))
    content = hashlib.sha256(sent.raw).digest()
    expected = digest(content, (BOB, CAROL), mode=OversightMode.GATED_SEND, send_at=None)
    assert expected == sent.message.digest == sent.approval.digest


# --- the question -------------------------------------------------------------------------------------------------------


def test_a_person_is_asked_and_nothing_leaves_until_then(internet):
    bob = internet.person(BOB)
    sent = held(internet)
    internet.pass_time(hours=71)
    approval = sent.approval
    assert (MessageStatus.HELD, PENDING, []) == (sent.status, approval.status, bob.inbox())
    assert ((BOB,), sent.id, None) == (approval.recipients, approval.message_id, approval.decided_by)
    assert approval.created_at + 72 * HOUR == approval.expires_at
    assert "a person approves" in approval.reasons[0]
    assert ["approval.requested", "message.held"] == told(internet)
    requested, message_held = internet.events("approval.requested", "message.held")
    assert approval.digest == requested.data["digest"]
    assert (sent.id, approval.id, "Tea?") == tuple(message_held.data[name] for name in ("message_id", "approval_id", "subject"))


def test_questions_are_listed_oldest_first_by_how_they_stand(internet):
    first, second, third = held(internet), held(internet), held(internet)
    approver = internet.approver()
    approver.reject(second)
    assert [first.id, third.id] == [one.message_id for one in approver.pending()]
    everything = internet.do(approvals.page(internet.ports, approver.caller, None, None, None, 10))
    assert [first.id, second.id, third.id] == [one.message_id for one in everything]
    after = internet.do(approvals.page(internet.ports, approver.caller, None, None, first.approval.id, 1))
    assert [second.id] == [one.message_id for one in after]


# --- yes ----------------------------------------------------------------------------------------------------------------


def test_s25_what_is_approved_leaves_to_exactly_these_people(internet):
    bob, carol, dave = (internet.person(f"{name}@there.example") for name in ("bob", "carol", "dave"))
    ada = internet.agent("ada", mode="gated_send")
    sent = ada.send(to=BOB, bcc=CAROL, subject="Tea?", text="At four?")
    approval = internet.approver().approve(sent, note="fine")
    assert [sent.raw in person.letter(sent).raw for person in (bob, carol)] == [True, True]
    assert [] == dave.inbox()
    assert (ApprovalStatus.APPROVED, internet.approver().caller.actor, "fine") == (
        approval.status,
        approval.decided_by,
        approval.note,
    )
    assert approval == sent.approval
    assert [
        "approval.requested",
        "message.held",
        "approval.approved",
        "message.queued",
        "message.delivered",
        "message.delivered",
    ] == told(internet)
    actions = [entry.action for entry in internet.audit() if entry.subject in (sent.id, approval.id)]
    assert ["message.held", "approval.approved"] == actions


def test_what_was_scheduled_leaves_at_its_time_after_it_was_approved(internet):
    bob = internet.person(BOB)
    at = internet.clock.now() + 5 * HOUR
    sent = held(internet, send_at=at)
    internet.approver().approve(sent)
    assert MessageStatus.SCHEDULED is sent.status
    internet.pass_time(hours=6)
    assert [at] == [letter.at for letter in bob.inbox()]


def test_what_was_scheduled_and_is_approved_late_leaves_at_once(internet):
    bob = internet.person(BOB)
    sent = held(internet, send_at=internet.clock.now() + HOUR)
    internet.pass_time(hours=2)
    internet.approver().approve(sent)
    assert [internet.clock.now()] == [letter.at for letter in bob.inbox()]


# --- not as asked -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", ["", "0" * 64, "another"])
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_s25_another_digest_than_the_one_that_stands_decides_nothing(internet, verb, seen):
    sent, other = held(internet), held(internet, to=CAROL)
    with pytest.raises(ApprovalStale) as refused:
        getattr(internet.approver(), verb)(sent, digest=other.approval.digest if seen == "another" else seen)
    assert {"digest": sent.approval.digest} == refused.value.details
    assert (PENDING, MessageStatus.HELD) == (sent.approval.status, sent.status)


@pytest.mark.parametrize("first", ["approve", "reject", "cancel", "expire"])
@pytest.mark.parametrize("then", ["approve", "reject"])
def test_s25_a_question_is_decided_once(internet, first, then):
    bob = internet.person(BOB)
    sent, approver = held(internet), internet.approver()
    if first == "cancel":
        sent.cancel()
    elif first == "expire":
        internet.pass_time(hours=72)
    else:
        getattr(approver, first)(sent)
    decided = sent.approval
    with pytest.raises(NotPending) as refused:
        getattr(approver, then)(sent)
    assert {"status": decided.status} == refused.value.details
    assert (decided, int(first == "approve")) == (sent.approval, len(bob.inbox()))


def test_s25_a_question_past_its_time_can_not_be_answered_even_before_anybody_tidied_up(internet):
    sent = held(internet)
    internet.clock.at = sent.approval.expires_at
    for verb in ("approve", "reject"):
        with pytest.raises(NotPending, match="expired"):
            getattr(internet.approver(), verb)(sent)
    internet.clock.at -= 1
    assert ApprovalStatus.APPROVED is internet.approver().approve(sent).status


def test_S25_neither_the_agent_nor_an_operator_decides_and_an_approver_does_not_send(internet):
    sent = held(internet)
    ada, home = internet.agent("ada"), internet.home
    for caller in (ada.caller, home.operator):
        with pytest.raises(MissingPermission):
            Approver(home.server, caller).approve(sent)
    with pytest.raises(MissingPermission):
        replace(ada, caller=internet.approver().caller).send(to=BOB, subject="x")
    assert PENDING is sent.approval.status


def test_S26_approvers_of_another_tenant_or_another_mailbox_know_nothing_of_it(internet):
    sent = held(internet)
    eve = internet.agent("eve")
    secret = internet.home.seat.new_key(NewKey("eve's boss", Role.APPROVER, mailbox_id=eve.mailbox_id))
    narrow = Approver(internet.home.server, internet.home.seat.sit_down(secret))
    for approver in (internet.tenant("rival.example").approver(), narrow):
        assert [] == approver.pending()
        for verb in ("approve", "reject"):
            with pytest.raises(NotFound):
                getattr(approver, verb)(sent)
        with pytest.raises(NotFound):
            internet.do(approvals.get(internet.ports, approver.caller, sent.approval.id))
    assert PENDING is sent.approval.status


def test_an_approver_of_one_mailbox_decides_for_it(internet):
    sent = held(internet)
    secret = internet.home.seat.new_key(NewKey("boss", Role.APPROVER, mailbox_id=internet.agent("ada").mailbox_id))
    boss = Approver(internet.home.server, internet.home.seat.sit_down(secret))
    assert [sent.id] == [one.message_id for one in boss.pending()]
    assert ApprovalStatus.APPROVED is boss.approve(sent).status


def test_a_note_has_an_end(internet):
    sent = held(internet)
    with pytest.raises(InvalidInput, match="note"):
        internet.approver().approve(sent, note="x" * 2001)
    assert "x" * 2000 == internet.approver().approve(sent, note="x" * 2000).note


# --- policy judges once more --------------------------------------------------------------------------------------------


def pause(internet):
    internet.agent("ada").pause()


def forbid(internet):
    internet.agent("ada").set_mode("read_only")


def misalign(internet):
    internet.withdraw("_dmarc.agents.example")
    ada = internet.agent("ada")
    internet.home.server.verify(internet.home.operator, ada.mailbox.domain_id)


@pytest.mark.parametrize(("change", "why"), [(pause, "paused"), (forbid, "nothing is sent from it"), (misalign, "not aligned")])
def test_what_must_not_leave_any_more_is_not_sent_by_an_approval(internet, change, why):
    bob = internet.person(BOB)
    sent = held(internet)
    change(internet)
    since = len(internet.events())
    with pytest.raises(BlockedByPolicy, match=why):
        internet.approver().approve(sent)
    assert (PENDING, MessageStatus.HELD, [], []) == (sent.approval.status, sent.status, told(internet, since), bob.inbox())


@pytest.mark.parametrize("mode", ["autonomous", "monitored", "gated_all"])
def test_a_change_of_mode_releases_nothing_that_was_held(internet, mode):
    bob = internet.person(BOB)
    sent = held(internet)
    internet.agent("ada").set_mode(mode, overseer="boss@office.example")
    internet.pass_time(hours=1)
    assert (MessageStatus.HELD, []) == (sent.status, bob.inbox())
    internet.approver().approve(sent)
    assert 1 == len(bob.inbox())


def test_recipients_who_were_suppressed_meanwhile_are_left_out_and_told(internet):
    bob, carol = internet.person(BOB), internet.person(CAROL)
    sent = held(internet, to=(BOB, CAROL))
    operator = internet.home.operator
    internet.write(lambda tx: suppression.add(tx, internet.ports, operator, BOB, "manual"))
    internet.approver().approve(sent)
    assert ([], 1) == (bob.inbox(), len(carol.inbox()))
    assert [BOB] == [event.data["recipient"] for event in internet.events("message.suppressed")]


def test_whoever_may_be_written_to_again_when_it_is_approved_gets_it(internet):
    bob, carol = internet.person(BOB), internet.person(CAROL)
    operator, ports = internet.home.operator, internet.ports
    entry = internet.write(lambda tx: suppression.add(tx, ports, operator, BOB, "manual"))
    sent = held(internet, to=(BOB, CAROL))
    internet.write(lambda tx: suppression.remove(tx, ports, operator, entry.id))
    internet.approver().approve(sent)
    assert (1, 1, []) == (len(bob.inbox()), len(carol.inbox()), internet.events("message.suppressed"))


def test_a_message_whose_recipients_were_all_suppressed_meanwhile_ends_suppressed(internet):
    sent = held(internet)
    operator = internet.home.operator
    internet.write(lambda tx: suppression.add(tx, internet.ports, operator, BOB, "manual"))
    internet.approver().approve(sent)
    assert (MessageStatus.SUPPRESSED, []) == (sent.status, internet.events("message.queued"))


def test_a_message_that_is_held_no_longer_can_not_be_approved(internet):
    """The row was changed by somebody else: the approval finds that out and sends nothing."""
    sent = held(internet)
    message = sent.message
    internet.write(lambda tx: tx.messages.put(replace(message, status=MessageStatus.CANCELLED)))
    with pytest.raises(NotPending) as refused:
        internet.approver().approve(sent)
    assert {"status": "cancelled"} == refused.value.details
    assert PENDING is sent.approval.status


# --- no -----------------------------------------------------------------------------------------------------------------


def test_what_is_rejected_is_never_sent_and_both_sides_are_told(internet):
    bob = internet.person(BOB)
    sent = held(internet)
    internet.approver().reject(sent, note="wrong day")
    internet.pass_time(days=4)
    assert (MessageStatus.REJECTED, ApprovalStatus.REJECTED, []) == (sent.status, sent.approval.status, bob.inbox())
    assert ["approval.requested", "message.held", "approval.rejected", "message.rejected"] == told(internet)
    (event,) = internet.events("message.rejected")
    assert (sent.id, "wrong day", internet.agent("ada").mailbox_id) == (
        event.data["message_id"],
        event.data["note"],
        event.mailbox_id,
    )


def test_silence_is_a_no(internet):
    bob = internet.person(BOB)
    sent = held(internet)
    internet.pass_time(hours=72)
    assert (MessageStatus.EXPIRED, ApprovalStatus.EXPIRED) == (sent.status, sent.approval.status)
    assert (None, internet.clock.now()) == (sent.approval.decided_by, sent.approval.decided_at)
    internet.pass_time(days=10)
    assert (["approval.requested", "message.held", "approval.expired"], []) == (told(internet), bob.inbox())
    assert ["approval.expired"] == [entry.action for entry in internet.audit(subject=sent.approval.id)]


def test_questions_expire_each_at_its_time_and_a_few_in_one_go(internet):
    first = held(internet)
    internet.clock.advance(hours=1)
    second, third = held(internet), held(internet)
    internet.clock.advance(hours=71)
    assert 1 == internet.write(lambda tx: approvals.expire(tx, internet.ports))
    assert [ApprovalStatus.EXPIRED, PENDING, PENDING] == [sent.approval.status for sent in (first, second, third)]
    internet.clock.advance(hours=1)
    assert [1, 1, 0] == [internet.write(lambda tx: approvals.expire(tx, internet.ports, 1)) for _ in range(3)]


def test_a_cancelled_message_takes_its_question_with_it(internet):
    sent = held(internet)
    sent.cancel()
    assert (ApprovalStatus.VOIDED, []) == (sent.approval.status, internet.approver().pending())
    assert ["approval.voided"] == [entry.action for entry in internet.audit(subject=sent.approval.id)]


def test_a_removed_mailbox_sends_nothing_by_a_late_approval(internet):
    bob = internet.person(BOB)
    sent = held(internet)
    box, operator = internet.agent("ada").mailbox_id, internet.home.operator
    internet.write(lambda tx: mailboxes.remove(tx, internet.ports, operator, box))
    with pytest.raises(NotPending):
        internet.approver().approve(sent)
    assert [] == bob.inbox()
    internet.pass_time(minutes=2)
    assert MessageStatus.EXPIRED is sent.status


def test_a_paused_mailbox_holds_nothing_new(internet):
    ada = internet.agent("ada", mode="gated_send")
    ada.pause()
    with pytest.raises(AgentPaused):
        ada.send(to=BOB, subject="Tea?")


# --- mail that a person reads first -------------------------------------------------------------------------------------


def test_released_mail_is_told_with_all_that_is_told_of_other_mail(internet):
    ada = internet.agent("ada", mode="gated_all")
    bob = internet.person(BOB)
    bob.write(ada.address, "Tea?", "At four?")
    internet.approver().approve(ada._mail(internet.approver().pending()[0].message_id))
    ada.set_mode("autonomous")
    bob.write(ada.address, "Tea?", "At four?")
    released, direct = internet.events("message.received")
    assert list(direct.data) == list(released.data)
    own = ("message_id", "thread_id", "rfc_message_id", "truncated", "trust")
    assert {k: v for k, v in direct.data.items() if k not in own} | {"text": "At four?"} == {
        k: v for k, v in released.data.items() if k not in own
    }
    assert (True, False) == (released.data["truncated"], direct.data["truncated"])


def test_I8_released_mail_is_new_to_its_mailbox_and_gets_a_uid_above_all_others(internet):
    ada = internet.agent("ada", mode="gated_all")
    bob = internet.person(BOB)
    bob.write(ada.address, "First?")
    held = ada._mail(internet.approver().pending()[0].message_id)
    before = held.message.uid
    ada.set_mode("autonomous")
    bob.write(ada.address, "Second?")
    (second,) = ada.inbox()
    internet.approver().approve(held)
    released = ada._mail(held.id).message
    assert before < second.message.uid < released.uid
    assert second.message.modseq < released.modseq
    mailbox = internet.read(lambda tx: tx.mailboxes.get(internet.home.id, ada.mailbox_id))
    assert released.uid < mailbox.uid_next


def test_suspicious_mail_stays_flagged_when_it_is_released(internet):
    ada = internet.agent("ada", mode="gated_all")
    forged = b"From: boss@there.example\r\nTo: ada@agents.example\r\nSubject: Pay\r\n\r\nNow.\r\n"
    internet.person(BOB)
    internet.person("eve@else.example").send_raw(forged, ada.address, signed=False)
    mail = ada._mail(internet.approver().pending()[0].message_id)
    internet.approver().approve(mail)
    assert (MessageStatus.FLAGGED, [], ["Pay"]) == (
        mail.status,
        internet.events("message.received"),
        [event.data["subject"] for event in internet.events("message.received.flagged")],
    )
