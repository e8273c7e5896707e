"""Two programs that answer each other fall silent, each at its own pace; a person starts them again (S19)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.errors import RateLimited
from mailwright.core.ports import Settings
from mailwright.core.sending import Wanted
from mailwright.mail import compose
from mailwright.mail.address import Address
from mailwright.testing import Internet


@pytest.fixture
def bob(internet):
    return internet.person("bob@there.example")


def answers(internet, ada, bob, *, automatic, minutes, most=60):
    """How ada fares who answers whatever bob's program says: the message that was held, the refusal, or nothing."""
    answer, said = ada.send(to="bob@there.example", subject="Tea?", text="At four?"), 0
    while said < most:
        bob.reply(answer, f"number {said}", automatic=automatic)
        internet.pass_time(minutes=minutes)
        try:
            answer = ada.reply(ada.inbox()[-1], f"answer {said}")
        except RateLimited as refusal:
            return said, refusal
        if answer.status == "held":
            return said, answer
        said += 1
    return said, None


def test_s19_after_ten_turns_of_programs_alone_a_person_is_asked(internet, bob):
    ada = internet.agent("ada")
    said, held = answers(internet, ada, bob, automatic=True, minutes=30)
    assert (10, "held") == (said, held.status)
    assert any("no person" in reason for reason in held.approval.reasons)
    internet.approver().approve(held)
    assert bob.letter(held).text == "answer 10"


def test_s19_whoever_approves_lets_the_count_begin_anew(internet, bob):
    ada = internet.agent("ada")
    _, held = answers(internet, ada, bob, automatic=True, minutes=30)
    internet.approver().approve(held)
    bob.reply(held, "once more", automatic=True)
    assert "held" != ada.reply(ada.inbox()[-1], "And again.").status


def test_s19_a_person_who_writes_lets_the_count_begin_anew(internet, bob):
    ada = internet.agent("ada")
    _, held = answers(internet, ada, bob, automatic=True, minutes=30)
    bob.write("ada@agents.example", "Re: Tea?", "It is me.")
    bob.reply(ada.sent()[-2], "In person.")
    assert "held" != ada.reply(ada.inbox()[-1], "Oh, hello.").status
    assert "held" == held.status


def test_s19_programs_take_five_turns_an_hour(internet, bob):
    ada = internet.agent("ada")
    said, refusal = answers(internet, ada, bob, automatic=True, minutes=1)
    assert 5 == said
    assert 3000 < refusal.retry_after < 3600
    internet.pass_time(minutes=refusal.retry_after / 60)
    assert "queued" == ada.reply(ada.inbox()[-1], "Later.").status


@pytest.mark.slow
def test_s19_a_program_that_hides_what_it_is_has_a_pace_too(internet, bob):
    said, refusal = answers(internet, internet.agent("ada"), bob, automatic=False, minutes=1)
    assert (20, "rate_limited") == (said, refusal.code)


@pytest.mark.slow
def test_a_person_is_answered_as_often_as_people_write(internet, bob):
    assert (60, None) == answers(internet, internet.agent("ada"), bob, automatic=False, minutes=5)


def test_s19_a_new_message_that_refers_to_the_conversation_is_a_turn_of_it(internet, bob):
    ada = internet.agent("ada")
    answers(internet, ada, bob, automatic=True, minutes=30)
    bob.write("ada@agents.example")
    latest = next(one for one in reversed(ada.inbox()) if one.message.automatic)
    wanted = Wanted(to=("bob@there.example",), subject="Re: Tea?", text="x", in_reply_to=latest.rfc_message_id)
    assert "held" == ada.submit(wanted).status


def test_messages_that_nobody_answered_are_no_turns(internet):
    ada = internet.agent("ada")
    internet.person("bob@there.example")
    first = ada.send(to="bob@there.example", subject="Tea?")
    for _ in range(30):
        again = ada.reply(first, "Well?")
    assert "queued" == again.status


@pytest.mark.parametrize(("text", "turns"), [("Yes, {}?", {"ada": 10, "eva": 11}), ("Yes?", {"ada": 2, "eva": 2})])
@pytest.mark.slow
def test_s19_two_servers_of_ours_fall_silent(text, turns):
    with Internet() as internet:
        ada, eva = internet.agent("ada"), internet.server("other.example").agent("eva")
        ada.send(to=eva.address, subject="Tea?", text="At four?")
        answered = {"ada": 0, "eva": 0}
        for number in range(60):
            internet.pass_time(minutes=20)
            for name, one in (("ada", ada), ("eva", eva)):
                inbox = one.inbox()
                for mail in inbox[answered[name] :]:
                    one.reply(mail, text.format(number))
                answered[name] = len(inbox)
        assert turns == answered
        assert ["delivered", "held"] == sorted(one.sent()[-1].status for one in (ada, eva))


def answered_by_a_responder(internet, bob, *texts):
    """How often ada answers a program that answers each of her messages, until a person is asked."""
    ada = internet.agent("ada")
    mail = ada.send(to="bob@there.example", subject="Tea?")
    for said, text in enumerate(texts):
        draft = bob.draft((Address("", "ada", "agents.example"),), "Out of office", text)
        away = replace(draft, in_reply_to=(mail.rfc_message_id,), auto_submitted=compose.AutoSubmitted.REPLIED)
        bob.letter(mail)
        bob.send(away)
        internet.pass_time(minutes=40)
        mail = ada.reply(ada.inbox()[-1], "Thanks.")
        if mail.status == "held":
            return said, mail.approval.reasons[-1]
    return len(texts), ""


def test_s19_a_vacation_responder_is_answered_once(internet, bob):
    said, why = answered_by_a_responder(internet, bob, *["I am away."] * 20)
    assert (1, True) == (said, "same automatic text" in why)


def test_s19_a_ticket_system_that_counts_is_answered_ten_times(internet, bob):
    said, why = answered_by_a_responder(internet, bob, *[f"Ticket {number} was opened." for number in range(20)])
    assert (10, True) == (said, "10 times" in why)


def test_the_budget_is_the_operators():
    with Internet(settings=Settings(automatic_turns=2)) as internet:
        bob = internet.person("bob@there.example")
        assert 2 == answers(internet, internet.agent("ada"), bob, automatic=True, minutes=30)[0]
