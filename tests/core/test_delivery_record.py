"""How a delivery ends: told exactly once, whatever happens on the way (I2, I4, I6)."""

from __future__ import annotations

import random

import pytest
from delivering import BOB, CAROL, LOST, MINUTE, begun, row_of, send, told

from mailwright.core import delivery, suppression
from mailwright.core.errors import NotPending
from mailwright.core.model import MessageStatus
from mailwright.testing.internet.conduct import outcome_of

TERMINAL_EVENTS = ("message.delivered", "message.bounced", "message.cancelled", "message.suppressed", "message.sent")


# --- record -------------------------------------------------------------------------------------------------------------


def test_a_delivery_that_succeeded_is_told_kept_and_logged(internet):
    internet.person(BOB)
    sent = send(internet)
    internet.run()
    row, (kept,) = row_of(sent), sent.attempts
    assert (MessageStatus.DELIVERED, 250, "2.0.0", "taken", "mx.there.example", internet.clock.now()) == (
        row.status,
        row.code,
        row.enhanced,
        row.text,
        row.mx,
        row.at,
    )
    assert ("delivered", "mx.there.example", internet.host("there.example").address) == (kept.outcome, kept.mx, kept.address)
    assert ("TLSv1.3 TLS_AES_256_GCM_SHA384", "C: RCPT TO:<bob@there.example>") == (kept.tls, kept.transcript[2])
    (event,) = internet.events("message.delivered")
    assert {
        "message_id": sent.id,
        "thread_id": sent.thread_id,
        "recipient": BOB,
        "attempt_id": kept.id,
        "attempt": 1,
        "mx": "mx.there.example",
        "code": 250,
        "enhanced": "2.0.0",
        "text": "taken",
    } == event.data
    (entry,) = internet.audit(subject=row.id)
    assert ("delivery.delivered", "system", {"attempt": kept.id, "code": 250}) == (entry.action, entry.actor, entry.data)


def test_a_dead_address_is_suppressed_with_the_receivers_words(internet):
    internet.person(BOB).answers("550 5.1.1 no such user here")
    sent = send(internet)
    internet.run()
    assert (MessageStatus.BOUNCED, ["message.queued", "message.bounced"]) == (sent.status, told(internet))
    (added,) = internet.events("suppression.added")
    assert (BOB, "hard_bounce", sent.id) == tuple(added.data[name] for name in ("address", "reason", "message_id"))
    (entry,) = internet.do(suppression.page(internet.ports, internet.home.operator, None, 10))
    assert "550 5.1.1 no such user here" == entry.detail


def test_a_refusal_is_told_with_its_class_reason_and_remedy(internet):
    internet.person(BOB).answers("550 5.1.1 no such user here")
    send(internet)
    internet.run()
    (event,) = internet.events("message.bounced")
    assert "hard" == event.data["class"]
    assert event.data["reason"]
    assert event.data["remedy"]


def test_a_refusal_that_says_nothing_of_the_address_suppresses_nobody(internet):
    internet.person(BOB).answers("550 5.7.1 your kind is not welcome")
    send(internet)
    internet.run()
    assert [] == internet.events("suppression.added")


def test_a_domain_that_is_gone_for_a_moment_costs_nobody_an_address(internet):
    gone = internet.agent("ada").send(to="x@gone.example", subject="Tea?")
    internet.run()
    assert (MessageStatus.BOUNCED, "5.1.2") == (gone.status, gone.recipients["x@gone.example"].enhanced)
    assert [] == internet.events("suppression.added")
    x = internet.person("x@gone.example")
    again = internet.agent("ada").send(to="x@gone.example", subject="Tea?")
    internet.run()
    assert (MessageStatus.DELIVERED, 1) == (again.status, len(x.inbox()))


def test_I2_what_can_not_be_delivered_is_tried_for_its_time_and_then_bounces(internet):
    internet.host("there.example").goes_down()
    sent = send(internet)
    internet.pass_time(hours=49)
    assert (MessageStatus.BOUNCED, "4.4.1") == (sent.status, row_of(sent).enhanced)
    tries = len(sent.attempts)
    assert tries > 10
    assert ["message.deferred"] * (tries - 1) + ["message.bounced"] == told(internet)[1:]
    assert "given up after" in row_of(sent).text
    internet.pass_time(days=10)
    assert tries == len(sent.attempts)
    assert [] == internet.events("suppression.added")


def test_each_deferral_says_when_the_next_try_is(internet):
    internet.person(BOB).answers("451 4.7.1 later", times=2)
    sent = send(internet)
    internet.pass_time(hours=1)
    begun = [one.started_at for one in sent.attempts]
    assert begun[1:] == [event.data["next_attempt_at"] for event in internet.events("message.deferred")]
    assert MessageStatus.DELIVERED is sent.status


def test_I6_a_connection_lost_after_the_final_dot_is_told_as_unknown_and_tried_again(internet):
    bob = internet.person(BOB)
    bob.vanishes(times=1)
    sent = send(internet)
    internet.pass_time(hours=1)
    assert ["message.queued", "message.unknown", "message.delivered"] == told(internet)
    assert (MessageStatus.DELIVERED, 2) == (sent.status, len(bob.inbox()))


def test_I6_at_most_once_is_at_most_once(internet):
    bob = internet.person(BOB)
    bob.vanishes()
    sent = internet.agent("ada", at_most_once=True).send(to=BOB, subject="Tea?")
    internet.pass_time(days=3)
    assert (MessageStatus.UNKNOWN, 1, 1) == (sent.status, len(bob.inbox()), len(sent.attempts))


def test_I6_what_stays_unknown_until_it_is_too_old_ends_unknown(internet):
    bob = internet.person(BOB)
    bob.vanishes(keeping=False)
    sent = send(internet)
    internet.pass_time(hours=49)
    assert (MessageStatus.UNKNOWN, []) == (sent.status, internet.events("message.bounced"))
    assert {"message.unknown"} == set(told(internet)[1:])


def test_the_message_shows_the_worst_of_its_recipients(internet):
    carol = internet.person(CAROL)
    carol.answers("451 4.7.1 later", times=1)
    sent = send(internet, BOB, CAROL)
    internet.run()
    assert MessageStatus.DEFERRED is sent.status
    internet.pass_time(hours=1)
    assert MessageStatus.DELIVERED is sent.status


def test_I4_s19_whatever_becomes_of_a_delivery_nobody_is_written_to(internet):
    bob = internet.person(BOB)
    for reply in ("550 5.1.1 no such user", "451 4.7.1 later"):
        bob.answers(reply)
        internet.agent("ada").send(to=(BOB, "x@nowhere.example"), subject=reply)
    internet.pass_time(days=3)
    assert [] == internet.agent("ada").inbox()
    assert [] == internet.host("there.example").letters


REPLIES = ("250 2.0.0 ok", "451 4.7.1 later", "550 5.7.1 no", "421 4.3.2 busy", "lost", "dies")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.slow
def test_I2_whatever_happens_every_delivery_ends_once_and_its_end_is_told(internet, seed):
    """Receivers answer at random, workers die, a person cancels: each recipient ends in one state that one event told."""
    chance = random.Random(seed)
    people = [internet.person(f"p{n}@there.example") for n in range(4)]
    for person in people:
        words = iter(chance.choices(REPLIES, weights=(2, 5, 1, 2, 2, 0), k=60))
        person._choose(_moody(words), None)
    ada = internet.agent("ada", at_most_once=chance.random() < 0.3)
    sent = [ada.send(to=tuple(str(person.address) for person in people), subject=str(n)) for n in range(2)]
    for _ in range(20):
        internet.clock.advance(minutes(chance))
        if chance.random() < 0.3:
            for job in internet.do(delivery.claim(internet.ports, 1, ())):  # by a worker that dies, before or after it began
                if chance.random() < 0.7:
                    begun(internet, job)
        else:
            internet.run()
        if chance.random() < 0.05:
            _cancel(chance.choice(sent))
    internet.pass_time(hours=60)
    for mail in sent:
        for address, row in mail.recipients.items():
            ends = [
                event
                for event in internet.events(*TERMINAL_EVENTS)
                if event.data["message_id"] == mail.id
                and (event.data.get("recipient") == address or address in event.data.get("recipients", ()))
            ]
            expected = 0 if row.status is MessageStatus.UNKNOWN else 1
            assert (True, expected) == (row.status in delivery.queueing.TERMINAL, len(ends)), (address, row, ends)


def _moody(words):
    def conduct(parcel, address, now):
        word = next(words, "250 2.0.0 ok")
        return (LOST, True) if word == "lost" else (outcome_of(word), word.startswith("2"))

    return conduct


def minutes(chance: random.Random) -> int:
    return chance.randrange(1, 200) * MINUTE


def _cancel(mail) -> None:
    try:
        mail.cancel()
    except NotPending:
        pass
