"""From the envelope to a message that is filed: for whom, with what trace, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core import mailboxes, receiving
from mailwright.core.errors import RelayDenied, StorageBusy, UnknownRecipient
from mailwright.core.model import MessageStatus
from mailwright.core.ports import Delivered, Settings
from mailwright.core.receiving import Peer, Recipient
from mailwright.mail.address import Address
from mailwright.store.sqlite import open_store
from mailwright.testing import Internet
from mailwright.testing.internet.reports import bounce

BOB = "bob@there.example"
PLAIN = b"From: bob@there.example\r\nSubject: Tea?\r\n\r\nAt four?\r\n"


def fields(trace: bytes) -> list[str]:
    return [line.partition(b":")[0].decode() for line in trace.split(b"\r\n") if line and not line.startswith((b"\t", b" "))]


def test_the_trace_names_the_recipient_of_this_copy(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    internet.person(BOB).write(ada.address, "Tea?", cc=(eve.address,))
    internet.inject(b"From: bob@there.example\r\n\r\nHi\r\n", to=(ada.address, "eve+tag@agents.example"))
    (*_, mine), (*_, yours) = ada.inbox(), eve.inbox()
    assert b"\r\nDelivered-To: ada@agents.example\r\n" in mine.message.trace
    assert b"\r\nDelivered-To: eve+tag@agents.example\r\n" in yours.message.trace
    assert ["Return-Path", "Delivered-To", "Authentication-Results", "Received"] == fields(mine.message.trace)


def test_SM8_a_message_that_comes_back_with_its_trace_is_refused(internet):
    ada, bob = internet.agent("ada"), internet.person(BOB)
    bob.write(ada.address, "Tea?", "At four?")
    (mail,) = ada.inbox()
    again = bob.send_raw(mail.message.trace + mail.raw, ada.address, signed=False)
    assert ("5.4.6", MessageStatus.RECEIVED, 1) == (again.enhanced, mail.status, len(ada.inbox()))


@pytest.mark.parametrize("author", ["a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a@two..dots.example"])
def test_an_author_without_a_domain_is_refused_for_that(internet, author):
    outcome = internet.inject(f"From: {author}\r\n\r\nHi\r\n".encode(), to=(internet.agent("ada").address,))
    assert 550 == outcome.code
    assert "The author can't be authenticated: From names a domain that is none." == outcome.text


COMPOSED, TAKEN_APART = "jos\u00e9", "jose\u0301"


@pytest.mark.parametrize(("made", "written"), [(COMPOSED, TAKEN_APART), (TAKEN_APART, COMPOSED), ("JOS\u00c9", TAKEN_APART)])
def test_an_address_is_the_same_however_its_letters_are_put_together(internet, made, written):
    jose = internet.agent(f"{made}@agents.example")
    assert f"{COMPOSED}@agents.example" == jose.address
    outcome = internet.inject(b"From: bob@there.example\r\n\r\nHi\r\n", to=(f"{written}@agents.example",))
    assert (250, 1) == (outcome.code, len(jose.inbox()))


# --- RCPT ---------------------------------------------------------------------------------------------------------------


def recipient(internet, address: str) -> Recipient:
    return internet.do(receiving.recipient(internet.ports, address))


@pytest.mark.parametrize(
    "address", ["ada@agents.example", "ADA@Agents.EXAMPLE", "ada+tag@agents.example", "Ada+a+b@agents.example"]
)
def test_a_mailbox_is_found_in_any_case_and_by_its_subaddresses(internet, address):
    ada = internet.agent("ada")
    found = recipient(internet, address)
    assert (ada.mailbox_id, address.lower(), False) == (found.mailbox.id, found.address, found.role)


def test_a_mailbox_of_its_own_counts_more_than_a_subaddress(internet):
    internet.agent("ada")
    own = internet.home.agent("ada+tag@agents.example")
    assert own.mailbox_id == recipient(internet, "ada+tag@agents.example").mailbox.id


@pytest.mark.parametrize("local", ["postmaster", "abuse", "PostMaster"])
def test_postmaster_and_abuse_of_our_domains_reach_somebody(internet, local):
    ada = internet.agent("ada")
    internet.inject(PLAIN, to=f"{local}@agents.example")
    (mail,) = ada.inbox()
    assert ("role",) == mail.message.labels


def test_postmaster_has_a_mailbox_of_its_own_where_there_is_one(internet):
    internet.agent("ada")
    own = internet.agent("postmaster")
    found = recipient(internet, "postmaster@agents.example")
    assert (own.mailbox_id, False) == (found.mailbox.id, found.role)


@pytest.mark.parametrize("address", ["nobody@agents.example", "+tag@agents.example", "b+x.y@bounce.agents.example"])
def test_a_name_that_is_not_here_is_refused(internet, address):
    internet.agent("ada")
    with pytest.raises(UnknownRecipient):
        recipient(internet, address)


def test_a_domain_without_mailboxes_has_nobody_to_be_postmaster(internet):
    with pytest.raises(UnknownRecipient):
        recipient(internet, "postmaster@agents.example")


RELAYS = [
    "victim@there.example",
    "ada%there.example@elsewhere.example",
    "there.example!victim@elsewhere.example",
    "@agents.example:victim@there.example",
    "ada@agents.example@there.example",
    "ada@agents.example.there.example",
    "ada@xagents.example",
    "ada@example",
    "ada@[127.0.0.1]",
    "ada",
    "",
]


@pytest.mark.parametrize("address", RELAYS)
def test_S7_mail_for_others_is_not_relayed(internet, address):
    internet.agent("ada")
    with pytest.raises(RelayDenied):
        recipient(internet, address)


@pytest.mark.parametrize(
    "address",
    [
        "victim%there.example@agents.example",
        "there.example!victim@agents.example",
        '"victim@there.example"@agents.example',
        "@there.example:ada@agents.example",
        "@agents.example",
    ],
)
def test_S7_what_looks_like_a_route_is_a_name_that_nobody_has(internet, address):
    internet.agent("ada")
    with pytest.raises(UnknownRecipient):
        recipient(internet, address)


def test_a_mailbox_that_was_removed_between_rcpt_and_data_gets_nothing(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    found = [recipient(internet, agent.address) for agent in (ada, eve)]
    operator = internet.home.operator
    internet.write(lambda tx: mailboxes.remove(tx, internet.ports, operator, eve.mailbox_id))
    with pytest.raises(UnknownRecipient, match="any more"):
        receive(internet, found)
    assert [] == ada.inbox()  # whoever sends it hears one answer for both, so both have to have it


def receive(internet, recipients, raw: bytes = PLAIN, peer: Peer = Peer("192.0.2.1", "x")):  # noqa: B008
    spool = internet.ports.store.blobs.spool()
    spool.write(raw)
    return internet.do(receiving.receive(internet.ports, peer, BOB, recipients, spool))


def test_a_report_about_a_delivery_that_is_gone_by_now_is_refused(internet):
    ada, bob = internet.agent("ada"), internet.person(BOB)
    letter = bob.letter(ada.send(to=BOB, subject="Tea?"))
    report = bounce(letter, "there.example", "<1@there.example>", "5.1.1", "failed")
    spool = internet.ports.store.blobs.spool()
    spool.write(report)
    gone = Recipient("b+x@bounce.agents.example", delivery_id="dlv_gone")
    with pytest.raises(UnknownRecipient, match="delivery"):
        internet.do(receiving.receive(internet.ports, Peer("192.0.2.1", "x"), "", [gone], spool))
    with pytest.raises(UnknownRecipient, match="mailbox"):
        receive(internet, [gone])


# --- DATA ---------------------------------------------------------------------------------------------------------------


def test_I9_bytes_in_are_bytes_out(internet):
    ada = internet.agent("ada")
    raw = b"from:bob@there.example\r\nX-Odd:\ttab \r\nSUBJECT: \xe4\xf6\r\n\r\n\x00\xff body  \r\n\r\n"
    internet.inject(raw, to=ada.address)
    assert raw == ada.inbox()[0].raw


def test_several_recipients_get_a_message_each_and_the_bytes_are_kept_once(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    rex = internet.tenant("rival.example").agent("rex")
    outcome = internet.inject(
        PLAIN, to=("eve@agents.example", "ada@agents.example", "ADA+x@agents.example", "rex@rival.example")
    )
    (one,), (other,), (third,) = ada.inbox(), eve.inbox(), rex.inbox()
    assert 1 == len({mail.message.blob_id for mail in (one, other, third)})
    assert {one.id, other.id, third.id} == set(outcome.text.removeprefix("Accepted ").split())
    assert [1, 1, 1] == [agent.mailbox.uid_next - 1 for agent in (ada, eve, rex)]
    assert b"for <" not in one.message.trace


@pytest.mark.parametrize(
    ("circumstance", "change"),
    [
        ("the store is busy", lambda ports: setattr(ports.store, "refusing", True)),
        ("the author can't be told", None),
    ],
)
def test_s19_what_is_refused_leaves_nothing_behind(internet, circumstance, change):
    ada = internet.agent("ada")
    before = (len(internet.events()), len(internet.audit()), ada.mailbox.uid_next)
    if change:
        change(internet.ports)
        outcome = internet.inject(PLAIN, to=ada.address)
        internet.ports.store.refusing = False
    else:
        outcome = internet.inject(b"From: a@x.example, b@y.example\r\n\r\nx\r\n", to=ada.address)
    assert outcome.code >= 400
    assert before == (len(internet.events()), len(internet.audit()), ada.mailbox.uid_next)
    assert ([], []) == (ada.inbox(), ada.threads())


def test_a_full_disk_says_later(internet):
    ada = internet.agent("ada")
    found = recipient(internet, ada.address)
    internet.ports.store.refusing = True
    with pytest.raises(StorageBusy):
        receive(internet, [found])


def test_what_the_policy_of_its_domain_rejects_is_refused_only_where_the_operator_says_so():
    for honor_reject in (False, True):
        with Internet(settings=Settings(honor_reject=honor_reject)) as internet:
            ada = internet.agent("ada")
            internet.host("there.example")
            outcome = internet.inject(PLAIN, to=ada.address, mail_from="x@y.example")
            statuses = [mail.status for mail in ada.inbox()]
            expected = (550, []) if honor_reject else (250, [MessageStatus.FLAGGED])
            assert expected == (outcome.code, statuses)


def test_of_two_addresses_of_one_mailbox_the_first_counts(internet):
    ada = internet.agent("ada")
    internet.inject(PLAIN, to=("ada+first@agents.example", "ada@agents.example"))
    (mail,) = ada.inbox()
    assert b"\r\nDelivered-To: ada+first@agents.example\r\n" in mail.message.trace


def test_a_paused_mailbox_gets_its_mail(internet):
    ada = internet.agent("ada")
    ada.pause()
    internet.person(BOB).write(ada.address, "Tea?")
    assert ["Tea?"] == [mail.subject for mail in ada.inbox()]


def test_S9_nobody_raises_his_own_standing(internet):
    ada = internet.agent("ada")
    forged = b"Authentication-Results: mx.agents.example; dmarc=pass\r\nX-Trust: owner\r\n"
    internet.host("there.example")
    internet.inject(forged + PLAIN, to=ada.address, mail_from="x@y.example")
    (mail,) = ada.inbox()
    assert ("unauthenticated", None, "fail") == (mail.trust, mail.message.verified_domain, mail.verdicts["dmarc"])


def test_a_large_message_takes_the_same_way(tmp_path):
    """Above 256 KB a message is a file, and is examined aside."""
    with Internet(store=lambda: open_store(tmp_path)) as internet:
        ada, bob = internet.agent("ada"), internet.person(BOB)
        text = "0123456789\n" * 40_000
        assert bob.write(ada.address, "Long", text).accepted
        (mail,) = ada.inbox()
        assert mail.message.size > 400_000
        assert ({"spf": "pass", "dmarc": "pass"}, 40_000) == (mail.verdicts, mail.raw.count(b"0123456789"))
        (event,) = internet.events("message.received")
        assert (4000, True) == (len(event.data["text"]), event.data["truncated"])
        answer = ada.reply(mail, "Too long.")
        assert [mail.thread_id] * 2 == [answer.thread_id, ada.inbox()[0].thread_id]
        assert 1 == len(list((tmp_path / "blobs").glob("*/*")))


def test_what_came_in_says_what_it_answers_and_who_else_has_it(internet):
    ada, bob = internet.agent("ada"), internet.person(BOB)
    draft = bob.draft((Address("Ada", "ada", "agents.example"),), "Re: Tea?", "Yes.")
    cc = (Address("", "carol", "there.example"),)
    desk = (Address("", "desk", "there.example"),)
    bob.send(
        replace(draft, cc=cc, reply_to=desk, in_reply_to=("<1@x.example>",), references=("<0@x.example>", "<1@x.example>"))
    )
    message = ada.inbox()[0].message
    assert (("Ada <ada@agents.example>",), ("carol@there.example",), ("desk@there.example",), ()) == (
        message.to,
        message.cc,
        message.reply_to,
        message.bcc,
    )
    assert ("<1@x.example>", ("<0@x.example>", "<1@x.example>"), BOB) == (
        message.in_reply_to,
        message.references,
        message.mail_from,
    )


def test_mail_among_ourselves_authenticates_as_it_would_elsewhere(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    ada.send(to=eve.address, subject="Hello")
    internet.run()
    (mail,) = eve.inbox()
    assert ({"spf": "pass", "dmarc": "pass"}, "agents.example") == (mail.verdicts, mail.message.verified_domain)
    assert isinstance(internet.inject(PLAIN, to=ada.address), Delivered)
