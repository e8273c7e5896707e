"""Forwarding by rule: as it came, by policy, and never round in circles (DS-6, SM-8, I3, I4, I9)."""

from __future__ import annotations

import time
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import dkim as dkimpy
import pytest

from mailwright.core import forwarding, sending, suppression
from mailwright.core.errors import InvalidInput, MissingPermission, NotFound, RelayDenied, UnknownRecipient
from mailwright.core.forwarding import MAX_FORWARDS, NewForward
from mailwright.core.model import MessageStatus, Trust
from mailwright.core.ports import Parcel, Settings, Signed
from mailwright.core.receiving import Peer, recipient
from mailwright.core.sending import IN_MEMORY, Wanted
from mailwright.mail.address import Address
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Question, RecordType
from mailwright.mailauth import arc
from mailwright.testing import Internet

BOB, CAROL, DAVE = "bob@there.example", "carol@elsewhere.example", "dave@third.example"


def forward(agent, to: str = CAROL, **more):
    """Have an operator make a rule."""
    wanted = NewForward(to, **more)
    return overseen(agent, lambda tx: forwarding.add(tx, agent.server.ports, agent.operator, agent.mailbox_id, wanted))


def overseen(agent, script):
    return agent.server.drive(agent.server.ports.store.write(script))


def reasons(tenant) -> list[str]:
    return [event.data["reason"] for event in tenant.events("message.not_forwarded")]


@pytest.fixture
def ada(internet):
    agent = internet.agent("ada")
    forward(agent)
    return agent


# --- what arrives -------------------------------------------------------------------------------------------------------


def test_a_message_goes_on_as_it_came_and_a_copy_stays(internet, ada):
    carol = internet.person(CAROL)
    sent = internet.person(BOB).write(ada.address, "Tea?", "At four?")
    letter = carol.letter(sent)
    (kept,) = ada.inbox()
    assert letter.raw.endswith(kept.raw)
    assert ("Tea?", "At four?", MessageStatus.DELIVERED) == (letter.subject, letter.text, ada.sent()[0].status)


def test_what_must_not_go_on_in_the_clear_does_not_by_a_rule_either(internet, ada):
    carol = internet.person(CAROL)
    peer = Peer("11.255.255.255", "nowhere.example", "TLSv1.3", require_tls=True)
    internet.inject(b"From: bob@there.example\r\nSubject: Tea?\r\n\r\nx\r\n", to=ada.address, mail_from=BOB, peer=peer)
    internet.run()
    ((copy,), (kept,)) = ada.sent(), ada.inbox()
    assert (True, True, []) == (kept.message.require_tls, copy.message.require_tls, carol.inbox())
    assert ("5.7.30", MessageStatus.BOUNCED) == (copy.recipients[CAROL].enhanced, copy.status)


def test_what_must_not_go_on_in_the_clear_is_known_to_another_mailbox_here(internet, ada):
    carol, eve = internet.person(CAROL), internet.agent("eve")
    eve.submit(Wanted(to=(ada.address,), subject="Tea?", text="x", require_tls=True))
    internet.run()
    ((copy,), (kept,)) = ada.sent(), ada.inbox()
    assert (True, True, []) == (kept.message.require_tls, copy.message.require_tls, carol.inbox())


def test_a_report_that_must_not_go_on_in_the_clear_does_not_reach_another_mailbox_here_unmarked(internet, ada):
    eve = internet.agent("eve")
    forward(ada, eve.address)
    peer = Peer("11.255.255.255", "nowhere.example", "TLSv1.3", require_tls=True)
    internet.inject(b"From: mailer-daemon@there.example\r\nSubject: Sorry\r\n\r\nx\r\n", to=ada.address, peer=peer)
    internet.run()
    assert ([], {MessageStatus.BOUNCED}) == (eve.inbox(), {one.status for one in ada.sent()})


def test_dmarc_passes_at_the_last_receiver_by_the_authors_own_signature(internet, ada):
    letter = internet.person(CAROL).letter(internet.person(BOB).write(ada.address, "Tea?", "At four?"))
    found = letter.authentication
    assert {"spf": "pass", "dkim": "pass", "dmarc": "pass"} == letter.verdicts
    assert ["there.example"] == [one.domain for one in found.dkim]
    assert ("pass", ("agents.example",)) == (found.arc.result, found.arc.sealers)
    assert "dmarc=pass header.from=there.example" in " ".join(found.arc.first_results.split())


def test_the_return_path_is_ours_and_names_the_delivery(internet, ada):
    letter = internet.person(CAROL).letter(internet.person(BOB).write(ada.address, "Tea?"))
    assert letter.mail_from.startswith("b+")
    assert letter.mail_from.endswith("@bounce.agents.example")


def test_fields_on_top_say_who_handed_it_on_and_none_below_is_changed(internet, ada):
    header = internet.person(CAROL).letter(internet.person(BOB).write(ada.address, "Tea?")).header
    said = ("resent-from", "resent-to", "x-loop", "delivered-to")
    assert [ada.address, CAROL, ada.address, ada.address] == [header.value(name) for name in said]
    assert (1, 1) == (len(header.all("from")), len(header.all("agent-identity")) + 1)
    assert header.first("return-path") is None
    resent = [name for name in header.names if name.startswith("resent-")]
    assert ["resent-date", "resent-from", "resent-to", "resent-message-id"] == resent


def test_a_signature_that_forbids_resent_fields_stays_valid(internet, ada):
    carol, bob = internet.person(CAROL), internet.person(BOB)
    raw = (
        f"From: {BOB}\r\nTo: {ada.address}\r\nSubject: Tea?\r\nMessage-ID: <1@there.example>\r\n"
        "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nAt four?\r\n"
    ).encode()
    assert bob.carry(parcel(bob, ada.address, oversigned(bob, raw), raw))
    (letter,) = carol.inbox()
    assert (None, None) == (letter.header.first("resent-from"), letter.header.first("delivered-to"))
    assert ada.address == letter.header.value("x-loop")
    assert ("pass", "pass") == (letter.verdicts["dkim"], letter.verdicts["dmarc"])


def oversigned(bob, raw: bytes) -> bytes:
    """A signature over fields that are not there, as some hosts make by default."""
    header = parse_header(raw)
    body_hash = b64encode(sha256(raw[header.body_start :]).digest()).decode()
    names = "from:to:subject:date:message-id:resent-from:resent-to:delivered-to"
    unsigned = (
        f"DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple; d=there.example; s=box; h={names}; bh={body_hash}; b="
    ).encode()
    wanted = [field.raw for name in names.split(":") for field in header.all(name)]
    signature = bob.host.key.sign(b"".join(wanted) + unsigned)
    return unsigned + b64encode(signature) + b"\r\n"


def parcel(bob, to, prefix, raw):
    return Parcel(bob.address.addr_spec, (to,), Signed(prefix, raw))


def test_what_claims_to_be_our_verdict_does_not_go_on(internet, ada):
    carol, bob = internet.person(CAROL), internet.person(BOB)
    raw = (
        b"Authentication-Results: mx.agents.example; dmarc=pass header.from=bank.example\r\n"
        + f"From: {BOB}\r\nTo: {ada.address}\r\nSubject: Tea?\r\n\r\nAt four?\r\n".encode()
    )
    bob.send_raw(raw, ada.address)
    (letter,) = carol.inbox()
    assert b"bank.example" not in letter.raw
    assert 1 == len(letter.header.all("authentication-results"))


def test_a_large_message_goes_on_too(internet, ada):
    text = "At four? " * (IN_MEMORY // 8)
    letter = internet.person(CAROL).letter(internet.person(BOB).write(ada.address, "Tea?", text))
    assert letter.raw.endswith(ada.inbox()[0].raw)
    assert ("pass", "pass", True) == (letter.verdicts["dmarc"], letter.authentication.arc.result, len(letter.raw) > IN_MEMORY)


def test_a_chain_is_prolonged_at_every_hop(internet):
    second = internet.server("second.example")
    eva = second.agent("eva")
    forward(internet.agent("ada"), eva.address)
    forward(eva, CAROL)
    letter = internet.person(CAROL).letter(internet.person(BOB).write("ada@agents.example", "Tea?"))
    assert ("pass", ("agents.example", "second.example")) == (
        letter.authentication.arc.result,
        letter.authentication.arc.sealers,
    )
    assert "pass" == letter.verdicts["dmarc"]


def test_a_chain_that_dns_hid_from_us_is_not_sealed(internet, ada):
    eva = internet.server("second.example").agent("eva")
    forward(eva, ada.address)
    domain = internet.read(lambda tx: tx.domains.by_name("agents.example"))
    assert domain is not None
    for key in eva.server.drive(eva.server.ports.store.read(lambda tx: tx.domains.by_name("second.example"))).dkim_keys:
        internet.dns_fails(f"{key.selector}._domainkey.second.example")
    letter = internet.person(CAROL).letter(internet.person(BOB).write(eva.address, "Tea?"))
    assert 1 == len(letter.header.all("arc-seal"))
    assert letter.authentication.arc.result is arc.ArcResult.TEMPERROR


def test_another_mailbox_here_gets_it_through_the_queue_like_anybody(internet):
    eva = internet.agent("eva")
    forward(internet.agent("ada"), eva.address)
    internet.person(BOB).write("ada@agents.example", "Tea?")
    internet.run()
    (mail,) = eva.inbox()
    assert ("pass", "Tea?") == (mail.verdicts["dmarc"], mail.subject)


# --- no copy --------------------------------------------------------------------------------------------------------------


def test_without_a_copy_the_forward_is_all_that_stays(internet):
    ada, carol = internet.agent("ada"), internet.person(CAROL)
    forward(ada, keep_copy=False)
    sent = internet.person(BOB).write(ada.address, "Tea?", "At four?")
    assert "At four?" == carol.letter(sent).text
    assert ([], [], []) == (ada.inbox(), ada.threads() and ada.threads()[0].messages(), internet.events("message.received"))
    (copy,) = ada.sent()
    assert (copy.id, copy.id) == tuple(internet.events("message.forwarded")[0].data[k] for k in ("message_id", "forwarded_as"))
    assert ["queued", "forwarded", "delivered"] == [e.outcome for e in copy.timeline() if e.stage != "authentication"]


@pytest.mark.parametrize("other", [{"keep_copy": True}, {"to": "gone@elsewhere.example", "keep_copy": False}])
def test_a_copy_stays_where_one_rule_wants_it_or_can_not_do_without(internet, other):
    ada = internet.agent("ada")
    overseen(ada, lambda tx: suppression.add(tx, internet.ports, ada.operator, "gone@elsewhere.example", "manual"))
    forward(ada, DAVE, keep_copy=False)
    forward(ada, **other)
    internet.person(BOB).write(ada.address, "Tea?")
    assert (["Tea?"], 1) == ([mail.subject for mail in ada.inbox()], len(internet.person(DAVE).inbox()))


def test_what_can_not_go_on_stays_though_no_copy_was_wanted(internet):
    ada = internet.agent("ada", mode="read_only")
    forward(ada, keep_copy=False)
    internet.person(BOB).write(ada.address, "Tea?")
    assert (["Tea?"], 1) == ([mail.subject for mail in ada.inbox()], ada.inbox()[0] and ada.threads()[0].thread.message_count)


def test_a_conversation_reads_the_same_with_a_rule_as_without(internet, ada):
    bob = internet.person(BOB)
    sent = ada.send(to=BOB, subject="Tea?", text="At four?")
    bob.reply(sent, "Gladly.")
    internet.run()
    (thread,) = ada.threads()
    assert (["At four?", "Gladly."], 2, Trust.KNOWN_CONTACT) == (
        thread.snippets(),
        thread.thread.message_count,
        ada.inbox()[0].trust,
    )


def test_to_be_forwarded_to_makes_nobody_a_known_contact(internet, ada):
    carol, bob = internet.person(CAROL), internet.person(BOB)
    carol.reply(carol.letter(bob.write(ada.address, "Tea?")), "I can't.")
    first = ada.inbox()[0]
    answer = carol.draft((Address("", "ada", "agents.example"),), "Re: Tea?", "Me.")
    carol.send(replace(answer, in_reply_to=(first.rfc_message_id,), references=(first.rfc_message_id,)))
    (mail,) = [one for one in ada.inbox() if one.message.from_address == CAROL]
    assert (Trust.DMARC_PASS, first.thread_id) == (mail.trust, mail.thread_id)


# --- oversight ------------------------------------------------------------------------------------------------------------


def test_a_person_decides_on_each_copy_of_a_gated_mailbox(internet):
    ada, carol = internet.agent("ada", mode="gated_send"), internet.person(CAROL)
    forward(ada)
    sent = internet.person(BOB).write(ada.address, "Tea?", "At four?")
    assert [] == carol.inbox()
    (copy,) = ada.sent()
    assert (MessageStatus.HELD, (CAROL,)) == (copy.status, copy.approval.recipients)
    assert f"forwards it to {CAROL}" in copy.approval.reasons[-1]
    internet.approver().approve(copy)
    assert ("pass", "At four?") == (carol.letter(sent).verdicts["dmarc"], carol.letter(sent).text)


def test_what_was_refused_never_leaves(internet):
    ada, carol = internet.agent("ada", mode="gated_send"), internet.person(CAROL)
    forward(ada)
    internet.person(BOB).write(ada.address, "Tea?")
    internet.approver().reject(ada.sent()[0])
    internet.pass_time(days=3)
    assert ([], MessageStatus.REJECTED) == (carol.inbox(), ada.sent()[0].status)


@pytest.mark.parametrize(("mode", "reason"), [("read_only", "blocked_by_policy"), ("gated_all", "withheld")])
def test_a_mode_that_lets_nothing_out_lets_no_forward_out(internet, mode, reason):
    ada, carol = internet.agent("ada", mode=mode), internet.person(CAROL)
    forward(ada)
    internet.person(BOB).write(ada.address, "Tea?")
    assert ([], [], [reason]) == (carol.inbox(), ada.sent(), reasons(internet))


def test_what_a_person_lets_in_goes_on_once_a_person_lets_that_out_too(internet):
    ada, carol = internet.agent("ada", mode="gated_all"), internet.person(CAROL)
    forward(ada, keep_copy=False)
    sent = internet.person(BOB).write(ada.address, "Tea?", "At four?")
    (question,) = internet.approver().pending()
    internet.approver().approve(question)
    (copy,) = ada.sent()
    assert ([], MessageStatus.HELD, (CAROL,)) == (carol.inbox(), copy.status, copy.approval.recipients)
    internet.approver().approve(copy)
    assert ("pass", "At four?") == (carol.letter(sent).verdicts["dmarc"], carol.letter(sent).text)
    assert ["Tea?"] == [mail.subject for mail in ada.inbox()]


def test_what_a_person_lets_in_goes_round_no_more_than_anything_else(internet):
    ada, carol, bob = internet.agent("ada", mode="gated_all"), internet.person(CAROL), internet.person(BOB)
    forward(ada)
    bob.send_raw(f"From: {BOB}\r\nX-Loop: {ada.address}\r\nSubject: x\r\n\r\nx\r\n".encode(), ada.address)
    internet.approver().approve(internet.approver().pending()[0])
    assert ([], ["withheld", "loop"]) == (carol.inbox(), reasons(internet))


def test_a_paused_agent_forwards_nothing(internet, ada):
    ada.pause()
    internet.person(BOB).write(ada.address, "Tea?")
    assert ([], ["agent_paused"]) == (internet.person(CAROL).inbox(), reasons(internet))


def test_an_agent_can_not_stop_what_an_operators_rule_hands_on(internet):
    ada = internet.agent("ada", mode="gated_send")
    forward(ada)
    internet.person(BOB).write(ada.address, "Tea?")
    (copy,) = ada.sent()
    with pytest.raises(MissingPermission):
        copy.cancel()
    overseen(ada, lambda tx: sending.cancel(tx, ada.server.ports, ada.operator, copy.id))
    assert MessageStatus.CANCELLED == copy.status


def test_the_overseer_of_a_monitored_mailbox_sees_what_goes_on(internet):
    ada, dave = internet.agent("ada", mode="monitored", overseer=DAVE), internet.person(DAVE)
    forward(ada)
    sent = internet.person(BOB).write(ada.address, "Tea?")
    assert ("pass", "pass") == (internet.person(CAROL).letter(sent).verdicts["dmarc"], dave.letter(sent).verdicts["dmarc"])


def test_what_no_overseer_would_see_a_person_decides(internet):
    ada, carol = internet.agent("ada", mode="monitored", overseer=DAVE), internet.person(CAROL)
    forward(ada)
    overseen(ada, lambda tx: suppression.add(tx, ada.server.ports, ada.operator, DAVE, "manual"))
    internet.person(BOB).write(ada.address, "Tea?")
    assert ([], MessageStatus.HELD) == (carol.inbox(), ada.sent()[0].status)


def test_every_step_is_told_and_in_the_audit_log(internet, ada):
    sent = internet.person(BOB).write(ada.address, "Tea?")
    internet.person(CAROL).letter(sent)
    (kept,), (copy,) = ada.inbox(), ada.sent()
    told = [e.type for e in internet.events()][-4:]
    assert ["message.received", "message.queued", "message.forwarded", "message.delivered"] == told
    assert ["message.queued"] == [entry.action for entry in internet.audit(subject=copy.id)]
    assert ["message.received", "message.forwarded"] == [entry.action for entry in internet.audit(subject=kept.id)]
    (entry,) = [one for one in kept.timeline() if one.outcome == "forwarded"]
    assert (CAROL, copy.id) == (entry.recipient, entry.evidence["forwarded_as"])


def test_the_words_of_a_forward_are_marked_as_somebody_elses(internet, ada):
    internet.person(BOB).write(ada.address, "Tea?")
    assert (True, None) == (ada.sent()[0].message.foreign, ada.send(to=BOB, subject="x").message.forwarded_by)


# --- conditions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "goes"),
    [
        ({"header_from": "there.example"}, True),
        ({"header_from": "THERE.Example"}, True),
        ({"header_from": "here.example"}, False),
        ({"header_from": "ere.example"}, False),
        ({"header_from": "Bob@There.example"}, True),
        ({"header_from": "eve@there.example"}, False),
        ({"trust": Trust.DMARC_PASS}, True),
        ({"trust": Trust.KNOWN_CONTACT}, False),
        ({"header_from": "there.example", "trust": Trust.OWNER}, False),
    ],
)
def test_a_rule_applies_where_its_conditions_are_met(internet, condition, goes):
    ada, carol = internet.agent("ada"), internet.person(CAROL)
    forward(ada, **condition)
    internet.person(BOB).write(ada.address, "Tea?")
    assert (int(goes), []) == (len(carol.inbox()), reasons(internet))


def test_a_domain_stands_for_all_below_it(internet):
    ada = internet.agent("ada")
    forward(ada, header_from="example")
    internet.person("bob@deep.there.example").write(ada.address, "Tea?")
    assert 1 == len(internet.person(CAROL).inbox())


def test_mail_whose_author_is_doubtful_stays(internet, ada):
    raw = f"From: {BOB}\r\nTo: {ada.address}\r\nSubject: Tea?\r\n\r\nx\r\n".encode()
    internet.person(BOB)
    internet.inject(raw, to=ada.address, mail_from="eve@nowhere.example")
    assert (["authentication_failed"], [MessageStatus.FLAGGED]) == (reasons(internet), [mail.status for mail in ada.inbox()])


# --- round and round ------------------------------------------------------------------------------------------------------


def test_s19_two_servers_that_forward_to_each_other_go_silent(internet, ada):
    second = internet.server("second.example")
    eva = second.agent("eva")
    forward(eva, "ada@agents.example")
    forward(ada, eva.address)
    internet.person(CAROL)
    bob = internet.person(BOB)
    bob.write(ada.address, "Tea?")
    internet.pass_time(days=3)
    assert (1, 1, 2, []) == (len(ada.inbox()), len(eva.inbox()), len(ada.sent()), bob.inbox())
    (back,) = eva.sent()
    assert (MessageStatus.BOUNCED, 554, "5.4.6") == tuple(
        getattr(back.recipients["ada@agents.example"], name) for name in ("status", "code", "enhanced")
    )
    assert [] == second.events("suppression.added")


def test_s19_a_loop_through_a_host_that_strips_delivered_to_ends_at_our_own_marker(internet, ada):
    bob = internet.person(BOB)
    letter = internet.person(CAROL).letter(bob.write(ada.address, "Tea?"))
    block = [field.raw for field in letter.header.fields if field.name not in ("delivered-to", "resent-to")]
    bob.send_raw(b"".join(block) + b"\r\n" + letter.raw[letter.header.body_start :], ada.address, signed=False)
    assert (2, 1, ["loop"]) == (len(ada.inbox()), len(internet.person(CAROL).inbox()), reasons(internet))


def rules(agent):
    return agent.mailbox.forwards


def test_s19_a_report_goes_on_with_the_null_path_so_that_nothing_answers_it(internet, ada):
    carol = internet.person(CAROL)
    raw = f"From: mailer-daemon@there.example\r\nTo: {ada.address}\r\nSubject: Failed\r\n\r\nx\r\n".encode()
    internet.person(BOB).send_raw(raw, ada.address, mail_from="")
    (letter,) = carol.inbox()
    assert ("", "pass") == (letter.mail_from, letter.verdicts["dmarc"])


def test_s19_an_automatic_answer_to_a_forward_is_not_sent_on_to_who_gave_it(internet, ada):
    carol = internet.person(CAROL)
    letter = carol.letter(internet.person(BOB).write(ada.address, "Tea?"))
    answer = f"From: {CAROL}\r\nTo: {letter.mail_from}\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nx\r\n"
    carol.send_raw(answer.encode(), letter.mail_from, mail_from="")
    assert (1, ["comes_from_there"]) == (len(carol.inbox()), reasons(internet))


def test_what_carol_writes_is_not_sent_back_to_her(internet, ada):
    carol = internet.person(CAROL)
    carol.write(ada.address, "Tea?")
    assert ([], ["comes_from_there"]) == (carol.inbox(), reasons(internet))


# --- what comes back ------------------------------------------------------------------------------------------------------


def test_a_bounce_comes_to_us_is_told_and_goes_to_nobody_else(internet, ada):
    bob, carol = internet.person(BOB), internet.person(CAROL)
    sent = bob.write(ada.address, "Tea?")
    assert carol.bounce(sent, "5.1.1").accepted
    internet.run()
    (copy,) = ada.sent()
    assert (MessageStatus.BOUNCED, []) == (copy.status, bob.inbox())
    assert [CAROL] == [event.data["recipient"] for event in internet.events("message.bounced")]
    bob.write(ada.address, "Still there?")
    assert (["recipient_suppressed"], 1) == (reasons(internet), len(carol.inbox()))


def test_a_refusal_by_the_last_receiver_is_told_and_bounced_to_nobody(internet, ada):
    carol, bob = internet.person(CAROL), internet.person(BOB)
    carol.answers("550 5.7.1 not today")
    bob.write(ada.address, "Tea?")
    internet.pass_time(days=3)
    assert (MessageStatus.BOUNCED, [], []) == (ada.sent()[0].status, bob.inbox(), internet.events("suppression.added"))


@pytest.mark.parametrize("local", ["SRS0=aaaa=bb=victim.example=eve", "SRS1=aaaa=x.example==bbbb=cc=victim.example=eve"])
def test_an_address_that_names_somebody_elses_takes_nothing(internet, ada, local):
    """I3: a return path is a key to one of our deliveries and says nothing of where to send on."""
    for domain, refusal in (("agents.example", UnknownRecipient), ("bounce.agents.example", UnknownRecipient)):
        with pytest.raises(refusal):
            internet.do(recipient(internet.ports, f"{local}@{domain}"))
    with pytest.raises(RelayDenied):
        internet.do(recipient(internet.ports, f"{local}@elsewhere.example"))


# --- bounds ---------------------------------------------------------------------------------------------------------------


def test_s19_a_flood_stays_here():
    with Internet(settings=Settings(forwards_per_hour=2)) as internet:
        ada, bob = internet.agent("ada"), internet.person(BOB)
        forward(ada)
        for number in range(4):
            bob.write(ada.address, f"Tea {number}?")
        assert (2, ["rate_limited"] * 2, 4) == (len(internet.person(CAROL).inbox()), reasons(internet), len(ada.inbox()))
        internet.pass_time(hours=1, seconds=1)
        bob.write(ada.address, "Tea again?")
        assert 3 == len(internet.person(CAROL).inbox())


def test_a_suppressed_address_gets_no_forward(internet, ada):
    overseen(ada, lambda tx: suppression.add(tx, internet.ports, ada.operator, CAROL.upper(), "manual"))
    internet.person(BOB).write(ada.address, "Tea?")
    assert ([], ["recipient_suppressed"]) == (internet.person(CAROL).inbox(), reasons(internet))


# --- rules ----------------------------------------------------------------------------------------------------------------


def test_the_same_rule_is_made_once(internet, ada):
    assert (rules(ada)[0], 1) == (forward(ada), len(rules(ada)))
    assert forward(ada, keep_copy=False).id != rules(ada)[0].id


def test_a_mailbox_has_few_rules(internet, ada):
    for number in range(1, MAX_FORWARDS):
        forward(ada, f"carol{number}@elsewhere.example")
    with pytest.raises(InvalidInput):
        forward(ada, "one.more@elsewhere.example")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("to", {"to": "nobody"}),
        ("to", {"to": "Ada@Agents.example"}),
        ("to", {"to": "a@b.example\r\nBcc: c@d.example"}),
        ("header_from", {"header_from": "not a domain"}),
        ("header_from", {"header_from": ""}),
    ],
)
def test_a_rule_that_can_not_work_is_refused(internet, ada, path, wanted):
    with pytest.raises(InvalidInput) as no:
        forward(ada, **{"to": CAROL, **wanted})
    assert path == no.value.details[0]["path"]


def test_a_rule_that_is_gone_sends_nothing_on(internet, ada):
    gone = rules(ada)[0].id
    take_away = lambda tx: forwarding.remove(tx, ada.server.ports, ada.operator, ada.mailbox_id, gone)  # noqa: E731
    overseen(ada, take_away)
    internet.person(BOB).write(ada.address, "Tea?")
    assert ([], ["forward.added", "forward.removed"]) == (
        internet.person(CAROL).inbox(),
        [entry.action for entry in internet.audit(subject=ada.mailbox_id)][-2:],
    )
    with pytest.raises(NotFound):
        overseen(ada, take_away)


# --- as others see it -----------------------------------------------------------------------------------------------------


def test_another_implementation_finds_the_authors_signature_and_our_seals_valid():
    """dkimpy, which goes by the clock on the wall; the author is at another server, and a third one forwards, too."""
    internet = Internet(at=int(time.time()) * 1000)
    ada = internet.agent("ada")
    forward(ada)
    author = internet.server("second.example").agent("eva")
    middle = internet.server("middle.example").agent("max")
    forward(middle, ada.address)
    sent = author.send(to=middle.address, subject="Tea?", text="At four?")
    letter = internet.person(CAROL).letter(sent)

    def txt(name, timeout=5):
        found = internet.dns(Question(name.decode().rstrip("."), RecordType.TXT)).records
        return found[0].encode() if found else None

    rsa = next(place for place, field in enumerate(letter.header.all("dkim-signature")) if b"rsa-sha256" in field.raw)
    assert dkimpy.DKIM(letter.raw).verify(idx=rsa, dnsfunc=txt)
    status, sets, reason = dkimpy.ARC(letter.raw).verify(dnsfunc=txt)
    assert (b"pass", 2, "success") == (status, len(sets), reason)
    assert "pass" == letter.verdicts["dmarc"]
