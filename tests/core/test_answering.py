"""Answers and forwards start from the original's header, never from a guess."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core import answering
from mailwright.core.errors import InvalidInput, NotFound
from mailwright.core.model import MessageStatus
from mailwright.core.receiving import Peer
from mailwright.core.sending import Wanted
from mailwright.mail import mime
from mailwright.mail.address import Address
from mailwright.mail.compose import Attachment
from mailwright.testing import Mail

ADA = Address("", "ada", "agents.example")


def got(internet, **change):
    """A message from bob that ada has; `change` to its draft."""
    ada, bob = internet.agent("ada"), internet.person("bob@there.example")
    draft = bob.draft((ADA,), "Tea?", "At four?")
    assert bob.send(replace(draft, **change)).accepted
    return ada, bob, ada.inbox()[-1]


def test_an_answer_goes_back_with_subject_references_and_thread(internet):
    ada, bob, original = got(internet)
    answer = ada.reply(original, "Yes.")
    letter = bob.letter(answer)
    assert ("Re: Tea?", "Yes.") == (letter.subject, letter.text)
    assert [original.rfc_message_id] * 2 == [letter.header.value(name) for name in ("in-reply-to", "references")]
    assert original.thread_id == answer.thread_id
    assert "auto-replied" == letter.header.value("auto-submitted")


def test_an_answer_to_a_message_without_an_id_stays_in_its_conversation(internet):
    ada = internet.agent("ada")
    internet.inject(b"From: bob@there.example\r\nSubject: Tea?\r\n\r\nAt four?\r\n", to="ada@agents.example")
    (original,) = ada.inbox()
    answer = ada.reply(original, "Yes.")
    assert (None, original.thread_id) == (answer.message.in_reply_to, answer.thread_id)


def test_an_answer_goes_to_reply_to_where_there_is_one(internet):
    desk = internet.person("desk@there.example")
    ada, bob, original = got(internet, reply_to=(Address("", "desk", "there.example"),))
    answer = ada.reply(original, "Yes.")
    assert ("Re: Tea?", []) == (desk.letter(answer).subject, bob.inbox())


def test_an_answer_to_all_reaches_everybody_but_ourselves(internet):
    carol = internet.person("carol@there.example")
    cc = (Address("", "carol", "there.example"), Address("", "ada+x", "agents.example"))
    ada, bob, original = got(internet, cc=cc)
    answer = ada.reply_all(original, "Yes.")
    assert {"bob@there.example", "carol@there.example"} == set(answer.recipients)
    assert (("bob@there.example",), ("carol@there.example",)) == (answer.message.to, answer.message.cc)
    assert answer.rfc_message_id == carol.letter(answer).rfc_message_id == bob.letter(answer).rfc_message_id


def test_an_answer_reaches_whoever_else_is_named_and_may_say_another_subject(internet):
    ada, _, original = got(internet)
    carol = internet.person("carol@there.example")
    answer = ada.reply(original, "Yes.", Wanted(to=("carol@there.example",), cc=("dave@there.example",), subject="Plan"))
    assert ["bob@there.example", "carol@there.example", "dave@there.example"] == list(answer.recipients)
    assert "Plan" == carol.letter(answer).subject
    assert original.thread_id == answer.thread_id


def test_an_answer_to_ones_own_message_goes_on_to_the_same_people(internet):
    bob = internet.person("bob@there.example")
    ada = internet.agent("ada")
    first = ada.send(to="bob@there.example", subject="Tea?")
    second = ada.reply(first, "Are you there?")
    assert ["Tea?", "Re: Tea?"] == [letter.subject for letter in bob.inbox()]
    assert first.thread_id == second.thread_id


def test_an_original_that_names_nobody_to_answer_to_needs_a_recipient(internet):
    ada = internet.agent("ada")
    raw = b"From: ada@agents.example\r\nSubject: From myself\r\n\r\nx\r\n"
    internet.inject(raw, to="ada@agents.example")
    (original,) = ada.inbox()
    with pytest.raises(InvalidInput, match="nobody to answer"):
        ada.reply(original, "Hello?")
    assert ["bob@there.example"] == list(ada.reply(original, "Hello?", Wanted(to=("bob@there.example",))).recipients)


@pytest.mark.parametrize("verb", [answering.prepare_reply, answering.prepare_reply_all, answering.prepare_forward])
def test_what_must_not_go_on_in_the_clear_is_not_quoted_there_either(internet, verb):
    ada, peer = internet.agent("ada"), Peer("11.255.255.255", "nowhere.example", "TLSv1.3", require_tls=True)
    internet.inject(b"From: bob@there.example\r\nSubject: Tea?\r\n\r\nAt four?\r\n", to="ada@agents.example", peer=peer)
    prepared = internet.do(verb(internet.ports, ada.caller, ada.inbox()[0].id, Wanted(to=("eve@else.example",), text="Yes.")))
    assert prepared.wanted.require_tls


def test_an_answer_takes_the_way_through_policy(internet):
    ada, _, original = got(internet)
    ada.set_mode("gated_send")
    assert MessageStatus.HELD is ada.reply(original, "Yes.").status


def test_a_forward_carries_every_byte_of_the_original(internet):
    ada, _, original = got(internet)
    carol = internet.person("carol@there.example")
    letter = carol.letter(ada.forward(original, to="carol@there.example", text="See below."))
    (attached,) = mime.attachments(mime.parse(letter.raw))
    assert ("message/rfc822", original.raw) == (attached.content_type, attached.decoded())
    assert ("Fwd: Tea?", "See below.") == (letter.subject, letter.text)


def test_a_forward_is_no_answer(internet):
    ada, _, original = got(internet)
    forward = ada.forward(original, to="carol@there.example")
    assert (None, False) == (forward.message.in_reply_to, forward.thread_id == original.thread_id)


def test_a_forward_may_carry_more_and_say_another_subject(internet):
    ada, _, original = got(internet)
    wanted = Wanted(to=("carol@there.example",), subject="News", attachments=(Attachment("a.txt", "text/plain", b"a"),))
    prepared = internet.do(answering.prepare_forward(internet.ports, ada.caller, original.id, wanted))
    assert ("News", ["a.txt", "forwarded-message.eml"]) == (
        prepared.draft.subject,
        [one.filename for one in prepared.draft.attachments],
    )


@pytest.mark.parametrize("verb", ["reply", "reply_all", "forward"])
def test_S26_nobody_answers_or_forwards_the_mail_of_others(internet, verb):
    _, _, original = got(internet)
    eve = internet.agent("eve")
    with pytest.raises(NotFound):
        eve.forward(original, to="eve@evil.example") if verb == "forward" else getattr(eve, verb)(original, "x")


@pytest.mark.parametrize("verb", ["reply", "reply_all", "forward"])
def test_what_waits_for_a_person_can_not_be_answered_or_forwarded_by_its_agent(internet, verb):
    ada = internet.agent("ada", mode="gated_all")
    internet.person("bob@there.example").write("ada@agents.example", "Secret")
    (question,) = internet.approver().pending()
    held = Mail(question.message_id, ada, internet.home.operator)
    with pytest.raises(NotFound):
        ada.forward(held, to="eve@evil.example") if verb == "forward" else getattr(ada, verb)(held, "x")
