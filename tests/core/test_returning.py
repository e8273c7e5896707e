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


WORDS = """From: MAILER-DAEMON@there.example\r\nSubject: failure notice\r\n\r\n<bob@there.example>:\r\n{}\r\n"""


@pytest.mark.parametrize(
    ("words", "status", "suppressed"),
    [
        ("Remote host said: 550 5.1.1 User unknown", MessageStatus.BOUNCED, {BOB: "hard_bounce"}),
        ("Remote host said: 552 5.2.2 Mailbox full", MessageStatus.BOUNCED, {}),
        ("could not be delivered yet: it has been delayed, 450 4.2.0 later", MessageStatus.DELIVERED, {}),
    ],
)
def test_a_bounce_in_no_standard_form_is_understood(internet, words, status, suppressed):
    sent, _, letter = delivered(internet)
    assert 250 == internet.inject(WORDS.format(words).encode(), to=letter.mail_from).code
    assert (status, suppressed) == (sent.status, listed(internet))


@pytest.mark.parametrize(
    ("words", "code", "enhanced"),
    [("Remote host said: 550 5.1.1 User unknown", 550, "5.1.1"), ("There is no such user here.", None, None)],
)
def test_a_bounce_shows_the_reply_that_it_quotes_and_not_that_of_the_delivery(internet, words, code, enhanced):
    sent, _, letter = delivered(internet)
    assert 250 == sent.recipients[BOB].code
    internet.inject(WORDS.format(words).encode(), to=letter.mail_from)
    row, event = sent.recipients[BOB], internet.events("message.bounced")[0]
    assert ((code, enhanced), (code, enhanced)) == ((row.code, row.enhanced), (event.data["code"], event.data["enhanced"]))


def test_a_bounce_is_told_with_its_class_and_remedy(internet):
    sent, bob, _ = delivered(internet)
    bob.bounce(sent, "5.2.2")
    data = internet.events("message.bounced")[0].data
    assert ("quota", "Mailbox full", True) == (data["class"], data["reason"], bool(data["remedy"]))


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


def test_an_answer_of_a_machine_to_the_return_path_is_filed_in_the_conversation_that_it_answers(internet):
    """RFC 3834 §4: that is where out-of-office answers go."""
    sent, bob, letter = delivered(internet)
    note = b"From: bob@there.example\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nBack on Monday.\r\n"
    assert isinstance(bob.send_raw(note, letter.mail_from, mail_from=""), Delivered)
    (mail,) = internet.agent("ada").inbox()
    assert (sent.thread_id, ("returned",), "Back on Monday.") == (mail.thread_id, mail.message.labels, mail.text)
    assert (MessageStatus.DELIVERED, {}, note) == (sent.status, listed(internet), mail.raw[-len(note) :])
    assert mail.message.automatic
    event = internet.events("message.received")[0]
    assert (mail.id, sent.thread_id) == (event.data["message_id"], event.data["thread_id"])


def test_mail_to_a_return_path_waits_for_a_person_where_all_mail_does(internet):
    _, bob, letter = delivered(internet)
    internet.agent("ada").set_mode("gated_all")
    assert isinstance(bob.send_raw(b"From: bob@there.example\r\n\r\nAway\r\n", letter.mail_from), Delivered)
    assert ([], 1) == (internet.agent("ada").inbox(), len(internet.approver().pending()))


def test_a_letter_to_a_mailbox_and_to_its_return_path_is_filed_once(internet):
    _, bob, letter = delivered(internet)
    outcome = internet.inject(b"From: bob@there.example\r\n\r\nHi\r\n", to=(letter.mail_from, "ada@agents.example"))
    assert isinstance(outcome, Delivered)
    assert [()] == [mail.message.labels for mail in internet.agent("ada").inbox()]
    assert isinstance(bob.send_raw(b"From: bob@there.example\r\n\r\nHi\r\n", letter.mail_from), Delivered)


@pytest.mark.parametrize("press", ["bounce", "complain"])
def test_the_bytes_of_a_report_are_kept_and_the_log_says_where(internet, press):
    sent, bob, _ = delivered(internet)
    getattr(bob, press)(sent)
    (entry,) = internet.audit(action={"bounce": "bounce.received", "complain": "complaint.received"}[press])
    kept = bytes(internet.do(internet.ports.store.blobs.open(entry.data["blob_id"])))
    assert b"multipart/report" in kept
    assert sent.recipients[BOB].id == entry.subject


# --- how long and how often a report is believed ------------------------------------------------------------------------


def test_a_complaint_that_comes_twice_is_told_once(internet):
    sent, bob, _ = delivered(internet)
    for _ in range(2):
        assert bob.complain(sent).accepted
    assert ["message.complained", "suppression.added"] == told(internet)


def test_s19_a_delivery_report_with_a_reverse_path_of_its_own_is_a_letter(internet):
    sent, bob, letter = delivered(internet)
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    assert isinstance(bob.send_raw(raw, letter.mail_from), Delivered)
    assert (MessageStatus.DELIVERED, {}) == (sent.status, listed(internet))
    assert [sent.thread_id] == [mail.thread_id for mail in internet.agent("ada").inbox()]


@pytest.mark.parametrize(("days", "status"), [(6, MessageStatus.BOUNCED), (8, MessageStatus.DELIVERED)])
def test_a_bounce_long_after_everybody_stopped_trying_is_not_believed(internet, days, status):
    sent, bob, _ = delivered(internet)
    internet.pass_time(hours=internet.ports.settings.delivery_hours, days=days)
    assert bob.bounce(sent).accepted
    assert status is sent.status


# --- DS-3: a forged one does nothing ------------------------------------------------------------------------------------


def changed(local: str, index: int) -> str:
    return local[:index] + ("a" if local[index] != "a" else "b") + local[index + 1 :]


@pytest.mark.parametrize("place", ["delivery", "mac", "both", "no mac", "nothing"])
def test_DS3_s19_a_return_path_that_we_did_not_make_is_refused(internet, place):
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


def test_DS3_s19_a_bounce_to_the_mailbox_itself_is_a_message_and_nothing_more(internet):
    sent, bob, letter = delivered(internet)
    bob.send_raw(bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed"), "ada@agents.example", mail_from="")
    assert (MessageStatus.DELIVERED, {}) == (sent.status, listed(internet))
    assert 1 == len(internet.agent("ada").inbox())


def test_a_return_path_whose_delivery_is_gone_is_refused(internet):
    _, bob, letter = delivered(internet)
    local = return_path.local_part(internet.ports.settings.verp_secret, "dlv_gone")
    raw = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    assert 550 == bob.send_raw(raw, f"{local}@bounce.agents.example", mail_from="").code
    assert ([], {}) == (told(internet), listed(internet))


def test_a_letter_to_the_return_path_of_a_mailbox_that_is_gone_is_refused(internet):
    _, bob, letter = delivered(internet)
    mailbox = internet.agent("ada").mailbox
    internet.write(lambda tx: tx.mailboxes.remove(mailbox.tenant_id, mailbox.id))
    assert 550 == bob.send_raw(b"From: bob@there.example\r\n\r\nHi\r\n", letter.mail_from).code


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
