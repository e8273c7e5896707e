"""The Internet in a box: does it behave as the real one would, the same in every run?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mailwright.core.errors import MissingPermission, NotFound
from mailwright.core.model import MessageStatus, Permission
from mailwright.core.ports import Deferred, Delivered, NotPosted, Parcel, Rejected, Settings, Signed, Unknown
from mailwright.core.receiving import Peer
from mailwright.mail.address import Address
from mailwright.mail.questions import Status
from mailwright.store.sqlite import open_store
from mailwright.testing import Internet, Zone
from mailwright.testing.internet.driving import at_once

MINUTE, HOUR = 60_000, 3_600_000


def test_reply_from_outside_joins_the_agents_thread(internet):
    internet.person("bob@there.example")
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    internet.person("bob@there.example").reply(sent, "At four.")
    assert ["Tea?", "At four."] == internet.agent("ada").thread(sent).snippets()


def test_mail_authenticates_in_both_directions_by_what_dns_says(internet):
    bob = internet.person("bob@there.example")
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?", text="At four?")
    assert {"spf": "pass", "dkim": "pass", "dmarc": "pass"} == bob.letter(sent).verdicts
    bob.reply(sent, "Yes.")
    assert {"spf": "pass", "dmarc": "pass"} == internet.agent("ada").inbox()[0].verdicts


def test_without_its_key_in_dns_mail_does_not_authenticate(internet):
    bob = internet.person("bob@there.example")
    internet.withdraw("rbox._domainkey.agents.example", "TXT")
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    assert "permerror" == bob.letter(sent).verdicts["dkim"]


def test_the_same_test_gives_the_same_ids_times_and_letters():
    def play():
        with Internet() as internet:
            bob = internet.person("bob@there.example")
            mail = internet.agent("ada").send(to="bob@there.example", subject="Tea?", text="Four?")
            bob.answers("451 4.7.1 later", times=2)
            internet.pass_time(hours=1)
            bob.reply(mail, "Yes.")
            log = [(event.id, event.type, event.created_at) for event in internet.events()]
            return log, [letter.raw for letter in bob.inbox()], mail.recipients

    assert play() == play()


def test_a_letter_reads_as_it_was_written(internet):
    bob = internet.person("bob@there.example")
    ada = internet.agent("ada")
    letter = bob.letter(ada.send(to="bob@there.example", subject="Grüße", text="One.\nTwo."))
    assert ("Grüße", "One.\nTwo.") == (letter.subject, letter.text)
    assert ("bob@there.example", internet.clock.now()) == (letter.rcpt_to, letter.at)
    assert b"DKIM-Signature" == letter.raw[:14]


def test_a_letter_that_never_came_is_an_error_that_says_how_its_message_stands(internet):
    bob = internet.person("bob@there.example")
    bob.answers("550 5.7.1 not from you")
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    with pytest.raises(AssertionError, match=r"bob@there\.example never got <.*>; it is bounced"):
        bob.letter(sent)


def test_nobody_is_at_a_domain_that_was_never_named(internet):
    sent = internet.agent("ada").send(to="bob@nowhere.example", subject="Tea?")
    internet.run()
    assert MessageStatus.BOUNCED is sent.status
    assert "5.1.2" == sent.recipients["bob@nowhere.example"].enhanced


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("550 5.1.1 no such user", Rejected(550, "5.1.1", "no such user")),
        ("451 4.7.1 later", Deferred(451, "4.7.1", "later")),
        ("250 2.0.0 fine", Delivered(250, "2.0.0", "fine")),
        ("554 no", Rejected(554, None, "no")),
    ],
)
def test_whoever_is_told_to_answers_with_a_reply(internet, reply, outcome):
    bob, eve = internet.person("bob@there.example"), internet.person("eve@elsewhere.example")
    bob.answers(reply)
    assert outcome == eve.write("bob@there.example", "Tea?").outcome
    assert (outcome.code == 250) == bool(bob.inbox())


def test_a_reply_needs_a_code(internet):
    with pytest.raises(ValueError, match="starts with its code"):
        internet.person("bob@there.example").answers("no")


def test_an_answer_may_be_for_some_tries_only(internet):
    bob, eve = internet.person("bob@there.example"), internet.person("eve@elsewhere.example")
    bob.answers("451 4.7.1 later", times=2)
    assert [False, False, True] == [eve.write("bob@there.example").accepted for _ in range(3)]


def test_what_was_chosen_is_over_when_somebody_accepts_again(internet):
    bob, eve = internet.person("bob@there.example"), internet.person("eve@elsewhere.example")
    bob.answers("550 5.1.1 no")
    bob.accepts()
    assert eve.write("bob@there.example").accepted


def test_a_greylisting_host_lets_a_stranger_in_after_some_minutes(internet):
    internet.host("there.example").greylists(minutes=5)
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    internet.run()
    assert MessageStatus.DEFERRED is sent.status
    internet.pass_time(minutes=10)
    assert MessageStatus.DELIVERED is sent.status


@pytest.mark.parametrize(("keeping", "letters"), [(True, 1), (False, 0)])
def test_a_host_that_hangs_up_after_the_final_dot_leaves_us_not_knowing(internet, keeping, letters):
    internet.host("there.example").vanishes(keeping=keeping)
    sent = internet.agent("ada", at_most_once=True).send(to="bob@there.example", subject="Tea?")
    internet.run()
    assert MessageStatus.UNKNOWN is sent.status
    assert letters == len(internet.person("bob@there.example").inbox())


def test_a_host_that_is_down_does_not_answer_until_it_comes_up(internet):
    host, eve = internet.host("there.example"), internet.person("eve@elsewhere.example")
    host.goes_down()
    assert Deferred(None, "4.4.1", "no host of mx.there.example answers") == eve.write("bob@there.example").outcome
    host.comes_up()
    assert eve.write("bob@there.example").accepted


def test_dns_may_fail_and_recover(internet):
    internet.person("bob@there.example")
    internet.dns_fails("there.example", Status.TIMEOUT)
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    internet.run()
    assert "4.4.3" == sent.recipients["bob@there.example"].enhanced
    internet.dns_recovers("there.example")
    internet.pass_time(minutes=2)
    assert MessageStatus.DELIVERED is sent.status


def test_records_can_be_there_from_the_beginning_added_and_withdrawn():
    with Internet(zone=Zone.parse("there.example MX 0 .")) as internet:
        eve = internet.person("eve@elsewhere.example")
        assert "5.1.10" == eve.write("bob@there.example").outcome.enhanced
        internet.withdraw("there.example")
        assert "5.1.2" == eve.write("bob@there.example").outcome.enhanced
        internet.publish("there.example MX 10 mx.elsewhere.example")
        assert eve.write("bob@there.example").accepted


def test_time_passes_from_one_due_thing_to_the_next(internet):
    bob = internet.person("bob@there.example")
    internet.host("there.example").answers("451 4.7.1 later", times=3)
    internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    start = internet.clock.now()
    internet.pass_time(hours=2)
    assert start + 2 * HOUR == internet.clock.now()
    (letter,) = bob.inbox()
    # Tried at 0, 1, 6 and 21 minutes, each give or take a fifth.
    assert 21 * MINUTE * 0.8 <= letter.at - start <= 21 * MINUTE * 1.2


def test_mail_between_two_mailwright_servers(internet):
    there = internet.server("other.example")
    grace = there.agent("grace")
    sent = internet.agent("ada").send(to="grace@other.example", subject="Hello", text="From ada.")
    internet.run()
    (got,) = grace.inbox()
    assert ("From ada.", {"spf": "pass", "dmarc": "pass"}) == (got.text, got.verdicts)
    grace.reply(got, "From grace.")
    internet.run()
    assert ["From ada.", "From grace."] == internet.agent("ada").thread(sent).snippets()


ENDLESS = Settings(automatic_turns=1000, automatic_turns_per_hour=1000, turns_per_hour=1000)


def test_two_servers_that_answer_each_other_for_ever_are_stopped():
    with Internet(settings=ENDLESS) as internet:
        _answer_for_ever(internet)


def _answer_for_ever(internet):
    there = internet.server("other.example")
    ada, grace = internet.agent("ada"), there.agent("grace")

    def answering(server, agent):
        step = server.step

        async def stepping():
            found = await step()
            for mail in agent.inbox():
                if mail.id not in answered:
                    answered.add(mail.id)
                    agent.reply(mail, f"And you, {len(answered)}?")
                    found += 1
            return found

        return stepping

    answered: set[str] = set()
    internet.home.server.step = answering(internet.home.server, ada)
    there.server.step = answering(there.server, grace)
    ada.send(to="grace@other.example", subject="Ping")
    with pytest.raises(AssertionError, match="round in circles"):
        internet.run()


def test_a_message_to_somebody_who_is_not_there_is_refused_in_the_dialog(internet):
    eve = internet.person("eve@elsewhere.example")
    refused = Rejected(550, "5.1.1", "There is no mailbox nobody@agents.example here.")
    assert refused == eve.write("nobody@agents.example").outcome
    assert [] == internet.events("message.received")


def test_each_recipient_gets_an_outcome_of_its_own(internet):
    internet.agent("ada")
    eve = internet.person("eve@elsewhere.example")
    raw = b"From: eve@elsewhere.example\r\nSubject: x\r\n\r\nx\r\n"
    parcel = Parcel("eve@elsewhere.example", ("nobody@agents.example", "ada@agents.example"), Signed(b"", raw))
    network, peer = internet.network, eve.host.peer
    report = internet.do(network.carry(peer, network.route("agents.example"), parcel))
    assert [Rejected, Delivered] == [type(outcome) for outcome in report.outcomes]


def test_a_message_above_the_limit_is_refused():
    with Internet(settings=Settings(message_limit=2000)) as internet:
        internet.agent("ada")
        eve = internet.person("eve@elsewhere.example")
        assert 552 == eve.write("ada@agents.example", "x", "x" * 3000).outcome.code


def test_S2_a_message_with_bare_line_ends_never_leaves(internet):
    eve = internet.person("eve@elsewhere.example")
    with pytest.raises(AssertionError, match="bare CR or LF"):
        eve.send_raw(b"From: eve@elsewhere.example\n\nx", "bob@there.example".replace("there", "agents"), signed=False)


def test_anybody_may_hand_over_anything(internet):
    internet.agent("ada")
    raw = b"From: bob@there.example\r\nSubject: x\r\n\r\nx\r\n"
    assert isinstance(internet.inject(raw, to="ada@agents.example", mail_from="bob@there.example"), Delivered)
    (got,) = internet.agent("ada").inbox()
    assert {"spf": "none", "dmarc": "none"} == got.verdicts
    assert "5.1.2" == internet.inject(raw, to="ada@nowhere.example").enhanced


def test_a_parcel_may_come_from_any_address(internet):
    internet.agent("ada")
    bob = internet.person("bob@there.example")
    raw = b"From: bob@there.example\r\nSubject: x\r\n\r\nx\r\n"
    internet.inject(raw, to="ada@agents.example", mail_from="bob@there.example", peer=Peer(bob.host.address, bob.host.name))
    assert {"spf": "pass", "dmarc": "pass"} == internet.agent("ada").inbox()[0].verdicts


def test_a_draft_can_be_changed_before_it_is_sent(internet):
    internet.agent("ada")
    bob = internet.person("bob@there.example")
    draft = bob.draft((Address("", "ada", "agents.example"),), "Report", "See the file.")
    assert bob.send(replace(draft, headers=(("X-Tag", "blue"),))).accepted
    assert "blue" == internet.agent("ada").inbox()[0].content.header.value("x-tag")


def test_agents_answer_forward_and_read_what_they_sent(internet):
    bob, ada = internet.person("bob@there.example"), internet.agent("ada")
    bob.write("ada@agents.example", "Tea?", "At four?", cc=("carol@there.example",))
    (got,) = ada.inbox()
    ada.reply(got, "Yes.")
    ada.reply_all(got, "Yes, all.")
    ada.forward(got, to="dave@there.example", text="See below.")
    internet.run()
    assert ["Re: Tea?", "Re: Tea?", "Fwd: Tea?"] == [mail.subject for mail in ada.sent()]
    assert ["Yes.", "Yes, all."] == [letter.text for letter in bob.inbox()]
    carol = internet.person("carol@there.example")
    assert ["At four?", "Yes, all."] == [letter.text for letter in carol.inbox()]


def test_an_agents_key_sees_its_own_mailbox_and_may_do_nothing_else(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    internet.person("bob@there.example").write("ada@agents.example", "Secret")
    (got,) = ada.inbox()
    with pytest.raises(NotFound):
        eve.read(got)
    assert [] == eve.inbox()
    with pytest.raises(MissingPermission):
        eve.act(Permission.KEYS_MANAGE, lambda tx, ports, caller: None)


def test_a_held_message_leaves_when_somebody_approves_it(internet):
    bob = internet.person("bob@there.example")
    sent = internet.agent("ada", mode="gated_send").send(to="bob@there.example", subject="Tea?")
    internet.run()
    assert (MessageStatus.HELD, []) == (sent.status, bob.inbox())
    (question,) = internet.approver().pending()
    assert question == sent.approval
    internet.approver().approve(question)
    assert "Tea?" == bob.letter(sent).subject


def test_what_nobody_was_asked_about_can_not_be_approved(internet):
    internet.person("bob@there.example")
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    with pytest.raises(AssertionError, match="nobody was asked"):
        internet.approver().approve(sent)


def test_hooks_are_called_and_may_answer_as_they_like(internet):
    answers = [500, NotPosted("timeout", "no answer in 10 s"), 200]
    hook = internet.webhook("https://hooks.example/in", "message.received", answer=lambda call: answers.pop(0))
    internet.agent("ada")
    internet.person("bob@there.example").write("ada@agents.example", "Tea?")
    internet.pass_time(hours=1)
    assert ["message.received"] * 3 == hook.types
    assert ["succeeded"] == [row.status for row in hook.deliveries]
    assert "https://hooks.example/in" == hook.webhook.url


def test_a_url_that_nobody_stands_behind_can_not_be_reached(internet):
    hook = internet.webhook()
    internet.network.endpoints.clear()
    internet.agent("ada")
    internet.run()
    assert "connect: nobody listens at https://hooks.example/1" == hook.deliveries[0].error


def test_two_tenants_of_one_server_share_nothing(internet):
    rival = internet.tenant("rival.example")
    rival.agent("rex").send(to="ada@agents.example", subject="Hello")
    internet.agent("ada")
    internet.run()
    assert ["message.received"] == [event.type for event in internet.events("message.received")]
    assert [] == rival.events("message.received")


def test_it_runs_on_a_store_that_waits_for_a_disk(tmp_path: Path):
    with Internet(store=lambda: open_store(tmp_path)) as internet:
        bob = internet.person("bob@there.example")
        sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
        bob.reply(sent, "At four.")
        assert ["Tea?", "At four."] == internet.agent("ada").thread(sent).snippets()


async def test_it_runs_inside_of_a_test_that_is_a_coroutine(internet):
    bob = internet.person("bob@there.example")
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    assert "Tea?" == bob.letter(sent).subject


def test_what_waits_for_the_world_outside_is_refused():
    class Waiting:
        def __await__(self):
            yield self

    async def wait():
        await Waiting()

    with pytest.raises(RuntimeError, match="waits for the world outside"):
        at_once(wait())


def test_the_outcome_of_a_lost_connection_is_unknown(internet):
    bob, eve = internet.person("bob@there.example"), internet.person("eve@elsewhere.example")
    bob.vanishes(times=1)
    assert isinstance(eve.write("bob@there.example").outcome, Unknown)


def test_everything_about_a_message_can_be_asked(internet):
    internet.person("bob@there.example")
    ada = internet.agent("ada")
    sent = ada.send(to="bob@there.example", subject="Tea?", text="At four?")
    assert (None, "At four?", sent.message.rfc_message_id) == (sent.trust, sent.text, sent.rfc_message_id)
    internet.run()
    assert (["delivered"], ["queued", "delivered"]) == (
        [attempt.outcome for attempt in sent.attempts],
        [entry.outcome for entry in sent.timeline()],
    )
    sent.label("red")
    assert ("red",) == sent.message.labels
    assert ada.read(sent).message == sent.message
    assert [sent.thread_id] == [conversation.id for conversation in ada.threads()]
    assert "Tea?" == ada.thread(sent).thread.subject
    assert ["mailbox.created", "message.queued", "message.delivered"] == [event.type for event in ada.events()]
    assert ["message.queued"] == [entry.action for entry in internet.audit(subject=sent.id, action="message.queued")]


def test_an_operator_can_be_had_to_change_an_agent(internet):
    ada = internet.agent("ada")
    ada.set_mode("gated_send")
    held = ada.send(to="bob@there.example", subject="Tea?")
    assert (MessageStatus.HELD, "ada@agents.example") == (held.status, ada.address)
    assert MessageStatus.CANCELLED is held.cancel().status
    ada.pause()
    assert "paused" == ada.mailbox.status
    ada.resume()
    assert "active" == ada.mailbox.status
    rejected = ada.send(to="bob@there.example", subject="Tea?")
    internet.approver().reject(rejected, note="no")
    assert ("rejected", "no") == (rejected.status, rejected.approval.note)


def test_hosts_return_letters_and_people_complain(internet):
    bob, carol = internet.person("bob@there.example"), internet.person("carol@there.example")
    sent = internet.agent("ada").send(to=("bob@there.example", "carol@there.example"), subject="Tea?")
    assert (True, True) == (bob.bounce(sent).accepted, carol.complain(sent).accepted)
    added = [(event.data["address"], event.data["reason"]) for event in internet.events("suppression.added")]
    assert [("bob@there.example", "hard_bounce"), ("carol@there.example", "complaint")] == added


def test_an_automatic_answer_is_marked_as_one(internet):
    bob = internet.person("bob@there.example")
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    bob.reply(sent, "I am away.", automatic=True)
    assert "auto-submitted" == internet.agent("ada").inbox()[0].message.automatic


def test_a_domain_may_be_added_and_not_be_published(internet):
    assert "pending" == internet.home.add_domain("new.example", publish=False).status
    assert "aligned" == internet.home.add_domain("other.example").status


def test_a_message_outside_has_the_bytes_of_the_one_inside(internet):
    bob = internet.person("bob@there.example")
    sent = internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    assert bob.letter(sent).raw.endswith(sent.raw)


def test_core_can_be_called_directly(internet):
    ports = internet.ports
    box = internet.agent("ada").mailbox_id
    assert box == internet.read(lambda tx: tx.mailboxes.get(internet.home.id, box)).id
    assert (1, 2) == internet.write(lambda tx: tx.mailboxes.advance(box, 1))
    assert ports is internet.home.ports


def test_another_agent_may_hold_a_key_to_the_same_mailbox(internet):
    ada = internet.agent("ada")
    twin = internet.home.agent_at(ada.mailbox_id)
    sent = ada.send(to="bob@there.example", subject="Tea?")
    assert ([sent.id], True) == ([mail.id for mail in twin.sent()], twin.caller.actor != ada.caller.actor)


def test_somebody_whose_host_has_no_route_is_told_so(internet):
    eve = internet.person("eve@elsewhere.example")
    assert "5.1.2" == eve.write("bob@nowhere.example").outcome.enhanced
