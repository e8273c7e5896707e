"""Which conversation a message joins (S26). What an agent may know of them: test_conversations.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core import threads
from mailwright.core.errors import NotFound
from mailwright.core.sending import Wanted
from mailwright.core.threads import MAX_MESSAGES, MAX_PARTICIPANTS, MAX_REMEMBERED
from mailwright.mail.address import Address

BOB, CAROL = "bob@there.example", "carol@there.example"
ADA = Address("", "ada", "agents.example")


def begun(internet):
    """A conversation that ada began with bob."""
    bob = internet.person(BOB)
    sent = internet.agent("ada").send(to=BOB, subject="Tea?", text="At four?")
    return sent, bob, bob.letter(sent)


def arrive(internet, person, **change):
    """A message to ada; the last one that she has."""
    ada = internet.agent("ada")
    draft = person.draft((ADA,), change.pop("subject", "Re: Tea?"), "Yes.")
    assert person.send(replace(draft, **change)).accepted
    return ada.inbox()[-1]


@pytest.mark.parametrize(
    ("circumstance", "change"),
    [
        ("both", lambda id: {"in_reply_to": (id,), "references": (id,)}),
        ("In-Reply-To only", lambda id: {"in_reply_to": (id,)}),
        ("References only", lambda id: {"references": (id,)}),
        ("among other references", lambda id: {"references": ("<a@x.example>", id, "<b@x.example>")}),
        ("In-Reply-To to somebody else's", lambda id: {"in_reply_to": ("<a@x.example>",), "references": (id,)}),
    ],
)
def test_an_answer_joins_the_conversation_that_it_refers_to(internet, circumstance, change):
    sent, bob, letter = begun(internet)
    mail = arrive(internet, bob, **change(letter.rfc_message_id))
    assert sent.thread_id == mail.thread_id, circumstance


@pytest.mark.parametrize("subject", ["Re: Tea?", "Tea?", "AW: Re: Tea?"])
def test_a_subject_alone_joins_nothing(internet, subject):
    sent, bob, _ = begun(internet)
    assert sent.thread_id != arrive(internet, bob, subject=subject).thread_id


def test_a_reference_to_nothing_that_we_know_opens_a_conversation(internet):
    sent, bob, _ = begun(internet)
    mail = arrive(internet, bob, in_reply_to=("<unknown@there.example>",))
    assert sent.thread_id != mail.thread_id


def test_whoever_takes_part_may_change_the_subject(internet):
    sent, bob, letter = begun(internet)
    assert sent.thread_id == arrive(internet, bob, subject="Coffee!", references=(letter.rfc_message_id,)).thread_id


def test_S26_a_stranger_with_a_forged_reference_and_a_subject_of_his_own_joins_nothing(internet):
    sent, _, letter = begun(internet)
    eve = internet.person("eve@evil.example")
    mail = arrive(internet, eve, subject="Invoice", in_reply_to=(letter.rfc_message_id,))
    assert sent.thread_id != mail.thread_id
    assert 1 == internet.agent("ada").thread(sent).thread.message_count


def test_an_answer_from_another_address_of_the_same_person_joins_by_reference_and_subject(internet):
    sent, _, letter = begun(internet)
    alias = internet.person("robert@elsewhere.example")
    assert sent.thread_id == arrive(internet, alias, in_reply_to=(letter.rfc_message_id,)).thread_id


def test_S26_nothing_joins_across_mailboxes(internet):
    """Eve's answer names a message of ada's; in her own mailbox it is a conversation of its own."""
    sent, bob, letter = begun(internet)
    eve = internet.agent("eve")
    draft = bob.draft((Address("", "eve", "agents.example"),), "Re: Tea?", "Yes.")
    bob.send(replace(draft, in_reply_to=(letter.rfc_message_id,), references=(letter.rfc_message_id,)))
    (mail,) = eve.inbox()
    assert (True, eve.mailbox_id) == (mail.thread_id != sent.thread_id, eve.thread(mail).thread.mailbox_id)
    answered = eve.submit(Wanted(to=(BOB,), subject="Tea?", in_reply_to=sent.rfc_message_id))
    assert sent.thread_id != answered.thread_id


def test_the_same_message_in_two_mailboxes_is_in_two_conversations(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    internet.person(BOB)
    internet.inject(b"From: bob@there.example\r\nMessage-ID: <1@x.example>\r\n\r\nx\r\n", to=(ada.address, eve.address))
    (one,), (other,) = ada.inbox(), eve.inbox()
    assert (True, True) == (one.thread_id != other.thread_id, one.message.blob_id == other.message.blob_id)


def test_answers_that_cross_stay_together(internet):
    sent, bob, letter = begun(internet)
    first = arrive(internet, bob, in_reply_to=(letter.rfc_message_id,))
    second = internet.agent("ada").reply(first, "Fine.")
    third = arrive(internet, bob, in_reply_to=(bob.letter(second).rfc_message_id,))
    assert [sent.thread_id] * 3 == [mail.thread_id for mail in (first, second, third)]
    assert [sent.id, first.id, second.id, third.id] == [mail.id for mail in internet.agent("ada").thread(sent).messages()]


def test_an_answer_to_an_answer_that_we_never_saw_still_finds_its_way(internet):
    sent, _, letter = begun(internet)
    carol = internet.person(CAROL)
    unseen = "<2@there.example>"
    mail = arrive(internet, carol, in_reply_to=(unseen,), references=(letter.rfc_message_id, unseen))
    assert sent.thread_id == mail.thread_id


def test_a_message_to_oneself_is_in_one_conversation_twice(internet):
    ada = internet.agent("ada")
    sent = ada.send(to=ada.address, subject="Note")
    internet.run()
    (got,) = ada.inbox()
    assert (sent.rfc_message_id, True) == (got.rfc_message_id, got.thread_id != sent.thread_id)


def test_a_conversation_shows_its_latest_message_and_everybody_in_it(internet):
    sent, bob, letter = begun(internet)
    before = internet.agent("ada").thread(sent).thread
    internet.pass_time(hours=1)
    cc = (Address("", "carol", "there.example"),)
    mail = arrive(internet, bob, in_reply_to=(letter.rfc_message_id,), cc=cc, text="See you.")
    after = internet.agent("ada").thread(mail).thread
    assert (1, 2) == (before.message_count, after.message_count)
    assert (("At four?", "Tea?"), ("See you.", "Tea?")) == ((before.preview, before.subject), (after.preview, after.subject))
    assert (before.created_at, internet.clock.now()) == (after.created_at, after.last_at)
    assert ("ada@agents.example", BOB, CAROL) == after.participants


@pytest.mark.slow
def test_a_mailing_list_does_not_fill_the_row(internet):
    sent, bob, letter = begun(internet)
    for n in range(3):
        cc = tuple(Address("", f"p{n}x{m}", "there.example") for m in range(60))
        arrive(internet, bob, in_reply_to=(letter.rfc_message_id,), cc=cc)
    assert MAX_PARTICIPANTS == len(internet.agent("ada").thread(sent).thread.participants)


def test_of_many_references_the_nearest_are_remembered(internet):
    bob = internet.person(BOB)
    many = tuple(f"<{n}@x.example>" for n in range(60))
    arrive(internet, bob, references=many)
    mailbox_id = internet.agent("ada").mailbox_id
    known = internet.read(lambda tx: tx.threads.candidates(mailbox_id, many))
    assert [MAX_REMEMBERED - 1] == [len(candidate.message_ids) for candidate in known]
    assert set(many[-5:]) <= known[0].message_ids


def test_s11_names_in_other_scripts_are_the_same_person_in_either_form(internet):
    """Ada wrote to bob@bücher.example; his answer comes from the A-label form, under another subject."""
    bob = internet.person("bob@xn--bcher-kva.example")
    sent = internet.agent("ada").send(to="bob@bücher.example", subject="Tea?")
    letter = bob.letter(sent)
    assert sent.thread_id == arrive(internet, bob, subject="Coffee!", in_reply_to=(letter.rfc_message_id,)).thread_id
    assert ("ada@agents.example", "bob@xn--bcher-kva.example") == internet.agent("ada").thread(sent).thread.participants


def test_whoever_was_named_in_another_script_takes_part_as_dns_knows_him(internet):
    bob = internet.person(BOB)
    mail = arrive(internet, bob, cc=(Address("", "eva", "bücher.example"),))
    assert "eva@xn--bcher-kva.example" in internet.agent("ada").thread(mail).thread.participants


# --- reading ------------------------------------------------------------------------------------------------------------


def test_S26_conversations_of_others_are_not_there(internet):
    sent, _, _ = begun(internet)
    eve, rival = internet.agent("eve"), internet.tenant("rival.example")
    for caller in (eve.caller, rival.operator):
        with pytest.raises(NotFound):
            internet.do(threads.get(internet.ports, caller, sent.thread_id))
        assert [] == internet.do(threads.page(internet.ports, caller, None, None, 10))
    with pytest.raises(NotFound):
        internet.do(threads.get(internet.ports, internet.home.operator, "thr_x"))


def test_conversations_are_listed_by_their_latest_activity_page_by_page(internet):
    ada = internet.agent("ada")
    sent = []
    for n in range(4):
        sent.append(ada.send(to=BOB, subject=f"t{n}"))
        internet.clock.advance(seconds=60)
    ada.reply(sent[0], "Still there?")
    first = internet.do(threads.page(internet.ports, ada.caller, None, None, 2))
    rest = internet.do(threads.page(internet.ports, ada.caller, None, first[-1].id, 10))
    assert (["t0", "t3"], ["t2", "t1"]) == ([one.subject for one in first], [one.subject for one in rest])


def test_the_operator_sees_the_conversations_of_all_mailboxes_or_of_one(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    ada.send(to=BOB, subject="a")
    internet.clock.advance(1)
    eve.send(to=BOB, subject="e")
    operator = internet.home.operator
    everything = internet.do(threads.page(internet.ports, operator, None, None, 10))
    of_ada = internet.do(threads.page(internet.ports, operator, ada.mailbox_id, None, 10))
    assert (["e", "a"], ["a"]) == ([one.subject for one in everything], [one.subject for one in of_ada])


def test_a_conversation_without_end_shows_its_beginning(internet):
    ada = internet.agent("ada")
    sent = ada.send(to=BOB, subject="Tea?")
    row = sent.message

    async def script(tx):
        for n in range(MAX_MESSAGES + 5):
            await tx.messages.add(replace(row, id=f"msg_x{n:04}", created_at=row.created_at + n + 1))

    internet.write(script)
    assert MAX_MESSAGES == len(ada.thread(sent).messages())


def test_what_waits_for_a_person_is_in_no_conversation_for_the_agent(internet):
    bob = internet.person(BOB)
    ada = internet.agent("ada", mode="gated_all")
    sent = ada.send(to=BOB, subject="Tea?", text="At four?")
    internet.approver().approve(sent)
    bob.reply(sent, "The code is 1234.")
    _, seen = internet.do(threads.get(internet.ports, ada.caller, sent.thread_id))
    _, all_of_it = internet.do(threads.get(internet.ports, internet.approver().caller, sent.thread_id))
    assert ([sent.id], 2) == ([message.id for message in seen], len(all_of_it))


# --- known contacts -----------------------------------------------------------------------------------------------------


def test_whoever_we_wrote_to_in_a_conversation_is_known_there(internet):
    sent, bob, _ = begun(internet)
    bob.reply(sent, "Yes.")
    assert "known_contact" == internet.agent("ada").inbox()[0].trust


def test_whoever_we_wrote_to_is_known_though_a_person_reads_the_answer_first(internet):
    bob = internet.person(BOB)
    ada = internet.agent("ada", mode="gated_all")
    sent = ada.send(to=BOB, subject="Tea?")
    internet.approver().approve(sent)
    bob.reply(sent, "Yes.")
    (question,) = internet.approver().pending()
    assert "known_contact" == ada._mail(question.message_id).trust


def test_nobody_becomes_known_by_writing_twice(internet):
    eve = internet.person("eve@evil.example")
    first = arrive(internet, eve, subject="Hello")
    again = arrive(internet, eve, subject="Re: Hello", in_reply_to=(first.rfc_message_id,))
    assert (first.thread_id, "dmarc_pass", "dmarc_pass") == (again.thread_id, first.trust, again.trust)
    internet.agent("ada").reply(again, "Who are you?")
    assert "known_contact" == arrive(internet, eve, subject="Re: Hello", in_reply_to=(first.rfc_message_id,)).trust


def test_nobody_becomes_known_by_being_named_by_others(internet):
    sent, bob, letter = begun(internet)
    carol = internet.person(CAROL)
    arrive(internet, bob, in_reply_to=(letter.rfc_message_id,), cc=(Address("", "carol", "there.example"),))
    mail = arrive(internet, carol, in_reply_to=(letter.rfc_message_id,))
    assert (sent.thread_id, "dmarc_pass") == (mail.thread_id, mail.trust)


def test_nobody_becomes_known_by_a_message_that_was_never_released(internet):
    eve = internet.person("eve@evil.example")
    ada = internet.agent("ada", mode="gated_send")
    first = arrive(internet, eve, subject="Hello")
    held = ada.reply(first, "Who are you?")
    again = arrive(internet, eve, subject="Re: Hello", in_reply_to=(first.rfc_message_id,))
    assert ("held", "dmarc_pass") == (held.status, again.trust)


def test_a_known_name_without_proof_is_not_trusted(internet):
    _, _, letter = begun(internet)
    raw = f"From: {BOB}\r\nSubject: Re: Tea?\r\nIn-Reply-To: {letter.rfc_message_id}\r\n\r\nYes.\r\n"
    internet.inject(raw.encode(), to="ada@agents.example", mail_from=BOB)
    assert "unauthenticated" == internet.agent("ada").inbox()[0].trust
