"""What happened to a message, in order, in one closed vocabulary."""

from __future__ import annotations

import pytest
from core.delivering import begin, begun, record, send

from mailwright.core import delivery, suppression, timeline
from mailwright.core.errors import NotFound
from mailwright.core.events import EventType
from mailwright.core.ports import Deferred, Delivered, Rejected
from mailwright.core.timeline import FROM_EVENTS, OUTCOMES, TLS_POLICY, Stage

BOB = "bob@there.example"


def lines(mail) -> list[tuple[str, str, str]]:
    return [(entry.stage.value, entry.outcome, entry.reason_code) for entry in mail.timeline()]


def test_a_message_that_took_two_tries(internet):
    internet.person(BOB).answers("451 4.7.1 greylisted", times=1)
    sent = internet.agent("ada").send(to=BOB, subject="Tea?")
    internet.pass_time(hours=1)
    assert [
        ("queued", "queued", "policy_allows"),
        ("delivery", "deferred", "temporary_failure"),
        ("delivery", "delivered", "accepted_by_receiver"),
    ] == lines(sent)
    queued, first, second = sent.timeline()
    assert (True, True, False) == (queued.retryable, first.retryable, second.retryable)
    assert (BOB, BOB) == (first.recipient, second.recipient)
    assert queued.at <= first.at < second.at
    assert (1, "mx.there.example", 451, "4.7.1", "greylisted") == tuple(
        first.evidence[name] for name in ("attempt", "mx", "code", "enhanced", "text")
    )
    assert "C: MAIL FROM:<b+" in first.evidence["transcript"][1]
    assert "TLSv1.3 TLS_AES_256_GCM_SHA384" == second.evidence["tls"]


def test_S19_a_timeline_holds_nothing_that_a_bounce_could_be_made_up_with(internet):
    """Else whoever reads it suppresses an address for the whole tenant, its own overseer's too."""
    bob = internet.person(BOB)
    sent = internet.agent("ada").send(to=BOB, subject="Tea?")
    return_path = bob.letter(sent).mail_from
    (line,) = (one for one in sent.timeline()[-1].evidence["transcript"] if "MAIL FROM" in one)
    name, proof = return_path.partition("@")[0].rsplit(".", 1)
    assert f"<{name}....@bounce.agents.example>" in line
    assert proof not in line


@pytest.mark.parametrize("enhanced", TLS_POLICY)
def test_an_attempt_that_failed_for_want_of_proof_says_so(internet, enhanced):
    sent = send(internet)
    (job,) = begin(internet)
    outcome, told = (Deferred, "deferred") if enhanced.startswith("4") else (Rejected, "bounced")
    record(internet, job, outcome(None, enhanced, "no TLS with mx.there.example: certificate: it is another's"))
    assert ("delivery", told, "tls_policy") == next(one for one in reversed(lines(sent)) if one[0] == "delivery")


def test_a_message_that_a_person_approved(internet):
    internet.person(BOB)
    sent = internet.agent("ada", mode="gated_send").send(to=BOB, subject="Tea?")
    internet.clock.advance(1)
    internet.approver().approve(sent, note="fine")
    internet.clock.advance(1)
    internet.run()
    assert [
        ("policy", "held", "needs_approval"),
        ("review", "approved", "approved_by_person"),
        ("queued", "queued", "policy_allows"),
        ("delivery", "delivered", "accepted_by_receiver"),
    ] == lines(sent)
    held, approved, *_ = sent.timeline()
    assert (sent.approval.id, True) == (held.evidence["approval_id"], held.retryable)
    assert ("fine", internet.approver().caller.actor) == (approved.evidence["note"], approved.evidence["decided_by"])


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ("reject", ("review", "rejected", "rejected_by_person")),
        ("expire", ("review", "expired", "nobody_decided")),
        ("cancel", ("review", "cancelled", "cancelled_by_caller")),
    ],
)
def test_a_message_that_was_never_sent(internet, end, line):
    sent = internet.agent("ada", mode="gated_send").send(to=BOB, subject="Tea?")
    if end == "reject":
        internet.approver().reject(sent)
    elif end == "cancel":
        sent.cancel()
    else:
        internet.pass_time(hours=72)
    assert [("policy", "held", "needs_approval"), line] == lines(sent)


def test_a_message_that_bounced_later_and_was_complained_of(internet):
    bob = internet.person(BOB)
    sent = internet.agent("ada").send(to=BOB, subject="Tea?")
    internet.pass_time(hours=1)
    bob.complain(sent)
    internet.pass_time(hours=1)
    bob.bounce(sent)
    assert [
        ("complaint", "complained", "reported_as_spam"),
        ("delivery", "bounced", "returned_later"),
    ] == lines(sent)[2:]
    evidence = sent.timeline()[-1].evidence
    assert ("5.1.1", "5.1.1 said the host", "hard") == (evidence["enhanced"], evidence["text"], evidence["class"])
    assert evidence["remedy"]


def test_a_refusal_is_explained(internet):
    internet.person(BOB).answers("550 5.7.26 Multiple authentication checks failed")
    sent = internet.agent("ada").send(to=BOB, subject="Tea?")
    internet.run()
    (evidence,) = [one.evidence for one in sent.timeline() if one.stage == "delivery"]
    assert ("auth", True, True) == (evidence["class"], bool(evidence["reason"]), bool(evidence["remedy"]))


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        ("550 5.7.1 no", ("delivery", "bounced", "refused_by_receiver")),
        ("lost", ("delivery", "unknown", "connection_lost_after_final_dot")),
    ],
)
def test_how_an_attempt_ended(internet, reply, line):
    bob = internet.person(BOB)
    bob.vanishes() if reply == "lost" else bob.answers(reply)
    sent = internet.agent("ada", at_most_once=True).send(to=BOB, subject="Tea?")
    internet.run()
    assert line == lines(sent)[-1]


def test_an_attempt_that_is_under_way(internet):

    internet.person(BOB)
    sent = internet.agent("ada").send(to=BOB, subject="Tea?")
    (claimed,) = internet.do(delivery.claim(internet.ports, 10))
    (job,) = begun(internet, claimed)
    started = internet.clock.now()
    assert ("delivery", "running", "attempt_under_way") == lines(sent)[-1]
    internet.clock.advance(seconds=90)
    record(internet, job, Delivered(250, None, "ok"))
    running, delivered = started, sent.timeline()[-1].at
    assert (90_000, ("delivery", "delivered", "accepted_by_receiver")) == (delivered - running, lines(sent)[-1])


def test_a_recipient_who_was_left_out(internet):
    operator = internet.home.operator
    internet.write(lambda tx: suppression.add(tx, internet.ports, operator, BOB, "manual"))
    sent = internet.agent("ada").send(to=(BOB, "carol@there.example"), subject="Tea?")
    assert ("suppression", "suppressed", "on_suppression_list") == lines(sent)[0]
    assert BOB == sent.timeline()[0].recipient


@pytest.mark.parametrize(
    ("forged", "expected"),
    [
        (False, [("accepted", "received", "filed"), ("authentication", "pass", "dmarc_pass")]),
        (True, [("accepted", "flagged", "dmarc_fail"), ("authentication", "fail", "dmarc_fail")]),
    ],
)
def test_a_message_that_came_in(internet, forged, expected):
    ada, bob = internet.agent("ada"), internet.person(BOB)
    if forged:
        internet.inject(b"From: bob@there.example\r\nSubject: x\r\n\r\nx\r\n", to=ada.address, mail_from="x@y.example")
    else:
        bob.write(ada.address, "Tea?")
    (mail,) = ada.inbox()
    assert expected == lines(mail)
    assert {"spf", "dkim", "dmarc", "arc", "identity"} == set(mail.timeline()[1].evidence)


def test_S26_the_timelines_of_others_are_not_there(internet):
    sent = internet.agent("ada").send(to=BOB, subject="Tea?")
    for caller in (internet.agent("eve").caller, internet.tenant("rival.example").operator):
        with pytest.raises(NotFound):
            internet.do(timeline.of_message(internet.ports, caller, sent.id))


def test_the_timeline_of_what_waits_for_a_person_is_not_the_agents(internet):
    ada = internet.agent("ada", mode="gated_all")
    internet.person(BOB).write(ada.address, "Secret")
    (question,) = internet.approver().pending()
    with pytest.raises(NotFound):
        internet.do(timeline.of_message(internet.ports, ada.caller, question.message_id))


def test_the_vocabulary_is_made_of_events_that_there_are():
    assert set(FROM_EVENTS) <= {event.value for event in EventType}
    assert {stage for stage, _, _ in FROM_EVENTS.values()} <= set(Stage)
    assert {"delivered", "deferred", "rejected", "unknown", None} == set(OUTCOMES)
