"""What comes back to the return path of a delivery: believed about that recipient, and answered by nobody (DS-3, DS-4, I4)."""

from __future__ import annotations

import pytest

from mailwright.core import return_path, suppression
from mailwright.core.model import MessageStatus
from mailwright.core.ports import Delivered
from mailwright.testing.internet.reports import bounce, complaint

BOB = "bob@there.example"


def delivered(internet, *to: str):
    """A message that bob has, and who he is."""
    bob = internet.person(BOB)
    sent = internet.agent("ada").send(to=to or (BOB,), subject="Tea?", text="At four?")
    return sent, bob, bob.letter(sent)


def told(internet) -> list[str]:
    return [event.type for event in internet.events() if event.type.startswith(("message", "suppression"))][2:]


def listed(internet) -> dict[str, str]:
    page = internet.do(suppression.page(internet.ports, internet.home.operator, None, 10))
    return {entry.address: entry.reason for entry in page}


def test_a_bounce_ends_the_delivery_and_suppresses_a_dead_address(internet):
    sent, bob, _ = delivered(internet)
    assert bob.bounce(sent, "5.1.1").accepted
    row = sent.recipients[BOB]
    assert (MessageStatus.BOUNCED, MessageStatus.BOUNCED, "5.1.1") == (sent.status, row.status, row.enhanced)
    assert ["message.bounced", "suppression.added"] == told(internet)
    event = internet.events("message.bounced")[0]
    assert (sent.id, sent.thread_id, BOB, "5.1.1", True) == tuple(
        event.data[name] for name in ("message_id", "thread_id", "recipient", "enhanced", "returned")
    )
    assert (internet.agent("ada").mailbox_id, {BOB: "hard_bounce"}) == (event.mailbox_id, listed(internet))
    assert ["delivery.delivered", "bounce.received"] == [entry.action for entry in internet.audit(subject=row.id)]


def test_a_bounce_is_no_message_in_anybodys_mailbox(internet):
    sent, bob, _ = delivered(internet)
    bob.bounce(sent)
    assert ([], []) == (internet.agent("ada").inbox(), internet.events("message.received"))


@pytest.mark.parametrize("status", ["5.2.2", "5.7.1", "5.0.0", "4.4.7"])
def test_a_failure_that_says_nothing_of_the_address_suppresses_nobody(internet, status):
    sent, bob, _ = delivered(internet)
    bob.bounce(sent, status)
    assert (MessageStatus.BOUNCED, ["message.bounced"], {}) == (sent.status, told(internet), listed(internet))


@pytest.mark.parametrize(("status", "action"), [("4.4.1", "delayed"), ("2.0.0", "delivered"), ("2.0.0", "relayed")])
def test_a_report_of_anything_but_failure_changes_nothing(internet, status, action):
    sent, bob, _ = delivered(internet)
    assert bob.bounce(sent, status, action).accepted
    assert (MessageStatus.DELIVERED, []) == (sent.status, told(internet))


def test_a_bounce_that_comes_twice_is_told_once(internet):
    sent, bob, _ = delivered(internet)
    for _ in range(2):
        assert bob.bounce(sent).accepted
    assert ["message.bounced", "suppression.added"] == told(internet)
    assert 2 == len(internet.audit(action="bounce.received"))


def test_a_bounce_after_a_refusal_is_told_once(internet):
    """The host refused the second recipient in the dialog, and reports it all the same."""
    _, bob, letter = delivered(internet)
    bob.answers("550 5.7.1 no")
    other = internet.agent("ada").send(to=BOB, subject="Again?")
    internet.run()
    row = other.recipients[BOB]
    before = len(told(internet))
    internet.write(lambda tx: tx.queue.put(row))
    local = return_path.local_part(internet.ports.settings.verp_secret, row.id)
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    assert isinstance(bob.send_raw(raw, f"{local}@bounce.agents.example", mail_from=""), Delivered)
    assert (before, {}) == (len(told(internet)), listed(internet))


def test_a_bounce_stops_what_would_be_tried_again(internet):
    """The connection was lost after the final dot; the receiver had it, and returns it."""
    bob = internet.person(BOB)
    bob.vanishes(times=1)
    sent = internet.agent("ada").send(to=BOB, subject="Tea?")
    internet.run()
    bob.bounce(sent)
    internet.pass_time(days=1)
    assert (MessageStatus.BOUNCED, 1, 1) == (sent.status, len(bob.inbox()), len(sent.attempts))


def test_each_recipient_bounces_for_itself(internet):
    carol = internet.person("carol@there.example")
    sent, _, _ = delivered(internet, BOB, "carol@there.example")
    carol.bounce(sent)
    assert {BOB: "delivered", "carol@there.example": "bounced"} == {
        address: row.status for address, row in sent.recipients.items()
    }
    assert (MessageStatus.BOUNCED, {"carol@there.example": "hard_bounce"}) == (sent.status, listed(internet))


def test_a_complaint_suppresses_at_once_and_the_message_stays_delivered(internet):
    sent, bob, _ = delivered(internet)
    internet.pass_time(hours=1)
    assert bob.complain(sent).accepted
    assert (MessageStatus.DELIVERED, ["message.complained", "suppression.added"]) == (sent.status, told(internet))
    event = internet.events("message.complained")[0]
    assert (sent.id, sent.thread_id, BOB, "abuse", "Box/1.0") == tuple(
        event.data[name] for name in ("message_id", "thread_id", "recipient", "feedback_type", "user_agent")
    )
    assert {BOB: "complaint"} == listed(internet)
    assert "complained" == sent.timeline()[-1].outcome


def test_a_report_that_a_message_is_no_spam_is_no_complaint(internet):
    _, bob, letter = delivered(internet)
    bob.send_raw(complaint(letter, "there.example", "not-spam"), letter.mail_from, mail_from="")
    assert ([], {}) == (told(internet), listed(internet))


def test_what_is_neither_bounce_nor_complaint_is_noted_and_changes_nothing(internet):
    sent, bob, letter = delivered(internet)
    assert isinstance(bob.send_raw(b"From: bob@there.example\r\nSubject: away\r\n\r\nx\r\n", letter.mail_from), Delivered)
    assert (MessageStatus.DELIVERED, [], [{"mail_from": False}]) == (
        sent.status,
        told(internet),
        [entry.data for entry in internet.audit(action="bounce.received")],
    )


# --- DS-3: a forged one does nothing ------------------------------------------------------------------------------------


def changed(local: str, index: int) -> str:
    return local[:index] + ("a" if local[index] != "a" else "b") + local[index + 1 :]


@pytest.mark.parametrize("place", ["delivery", "mac", "both", "no mac", "nothing"])
def test_DS3_a_return_path_that_we_did_not_make_is_refused(internet, place):
    sent, bob, letter = delivered(internet)
    local = letter.mail_from.rpartition("@")[0]
    forged = {
        "delivery": changed(local, 5),
        "mac": changed(local, len(local) - 1),
        "both": "b+dlv.mac",
        "no mac": local.rpartition(".")[0],
        "nothing": "b+",
    }[place]
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    outcome = bob.send_raw(raw, f"{forged}@bounce.agents.example", mail_from="")
    assert ("5.1.1", 550) == (outcome.enhanced, outcome.code)
    assert (MessageStatus.DELIVERED, [], {}) == (sent.status, told(internet), listed(internet))


def test_DS3_a_report_is_believed_about_its_own_recipient_whomever_it_names(internet):
    """Bob's host says that carol is dead: only bob's return path was proved."""
    sent, bob, letter = delivered(internet)
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed").replace(BOB.encode(), b"carol@else.example")
    bob.send_raw(raw, letter.mail_from, mail_from="")
    assert {BOB: "hard_bounce"} == listed(internet)
    assert MessageStatus.BOUNCED is sent.status


def test_DS3_a_bounce_to_the_mailbox_itself_is_a_message_and_nothing_more(internet):
    sent, bob, letter = delivered(internet)
    bob.send_raw(bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed"), "ada@agents.example", mail_from="")
    assert (MessageStatus.DELIVERED, {}) == (sent.status, listed(internet))
    assert 1 == len(internet.agent("ada").inbox())


def test_a_return_path_whose_delivery_is_gone_is_taken_and_forgotten(internet):
    _, bob, letter = delivered(internet)
    local = return_path.local_part(internet.ports.settings.verp_secret, "dlv_gone")
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    assert Delivered(250, "2.0.0", "Accepted ") == bob.send_raw(raw, f"{local}@bounce.agents.example", mail_from="")
    assert ([], {}) == (told(internet), listed(internet))


def test_a_return_path_of_another_domain_of_ours_is_taken(internet):
    """The token proves the delivery; the domain is only where it came in."""
    internet.home.add_domain("other.example")
    sent, bob, letter = delivered(internet)
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    bob.send_raw(raw, letter.mail_from.replace("agents", "other"), mail_from="")
    assert MessageStatus.BOUNCED is sent.status


def test_a_return_path_in_capitals_is_the_same(internet):
    sent, bob, letter = delivered(internet)
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    bob.send_raw(raw, letter.mail_from.upper(), mail_from="")
    assert MessageStatus.BOUNCED is sent.status


def test_S26_another_tenants_mailbox_can_not_take_the_place_of_a_return_path(internet):
    """Somebody adds bounce.agents.example, with a mailbox whose subaddresses look like our return paths."""
    rival = internet.tenant("rival.example")
    rival.add_domain("bounce.agents.example", publish=False)
    thief = rival.agent("b@bounce.agents.example")
    sent, bob, _ = delivered(internet)
    bob.bounce(sent)
    assert (MessageStatus.BOUNCED, []) == (sent.status, thief.inbox())


def test_a_bounce_that_went_round_in_circles_is_refused(internet):
    sent, bob, letter = delivered(internet)
    hops = b"Received: from a by b; Mon, 1 Jan 2026 00:00:00 +0000\r\n" * 31
    raw = hops + bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    assert "5.4.6" == bob.send_raw(raw, letter.mail_from, mail_from="").enhanced
    assert MessageStatus.DELIVERED is sent.status


def test_a_refused_copy_for_a_mailbox_leaves_the_bounce_beside_it_undone(internet):
    """One message to a return path and to a mailbox: it is refused as a whole, so nothing of it happens."""
    sent, _, letter = delivered(internet)
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    raw = raw.replace(b"From: ", b"From: x@y.example\r\nFrom: ", 1)
    outcome = internet.inject(raw, to=(letter.mail_from, "ada@agents.example"))
    assert (550, MessageStatus.DELIVERED, []) == (outcome.code, sent.status, told(internet))


def test_I4_nobody_is_answered(internet):
    sent, bob, _ = delivered(internet)
    bob.bounce(sent)
    internet.pass_time(days=3)
    assert ([sent.rfc_message_id], [sent.id]) == (
        [letter.rfc_message_id for letter in bob.inbox()],
        [mail.id for mail in internet.agent("ada").sent()],
    )
