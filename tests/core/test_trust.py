"""How far the origin of a message is trusted: an identity is believed by its key, for its recipient, once (S9, AI-8, AI-11)."""

from __future__ import annotations

import pytest

from mailwright.core import records
from mailwright.core.model import MessageStatus, Trust
from mailwright.core.ports import Parcel, Signed
from mailwright.core.sending import Wanted
from mailwright.mail.header import parse_header
from mailwright.mailauth import dkim, provenance

ADA = "ada@agents.example"
VECTOR_KEY = bytes(range(32))


@pytest.fixture
def writer(internet):
    """Somebody outside whose host signs with an identity key of its own."""
    bob = internet.person("bob@there.example")
    key = provenance.new_key("there.example", "a1", VECTOR_KEY)
    internet.publish(f"a1._agentid.there.example TXT {provenance.dns_record(key)}")
    internet.agent("ada")
    return bob


def message(bob, *, rcpt=ADA, subject="Tea", nonce=bytes(12), **stated):
    """The bytes of a message with an identity, made for `rcpt`."""
    raw = (
        f"From: Bob <bob@there.example>\r\nTo: {ADA}\r\nSubject: {subject}\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
        f"Message-ID: {bob.host.new_id()}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nAt four?\r\n"
    ).encode()
    who = provenance.Statement(agent_id="bob-bot", oversight="autonomous", rcpt=rcpt, **stated)
    key = provenance.new_key("there.example", "a1", VECTOR_KEY)
    now = bob.host.network.clock.now() // 1000
    return provenance.sign(parse_header(raw), raw, who, key, now=now, nonce=nonce) + raw


def arrived(internet, bob, *messages, **carried):
    for raw in messages:
        assert "Delivered" == type(bob.send_raw(raw, ADA, **carried)).__name__
    return internet.agent("ada").inbox()


def test_an_agent_of_another_house_is_verified(internet):
    there = internet.server("others.example").agent("eve")
    internet.agent("ada").submit(Wanted(to=(there.address,), text="At four?"))
    internet.run()
    (mail,) = there.inbox()
    assert Trust.VERIFIED_AGENT is mail.trust
    said = {name: mail.identity[name] for name in ("verdict", "agent_id", "oversight", "domain", "replayed")}
    assert {
        "verdict": "pass",
        "agent_id": "ada",
        "oversight": "autonomous",
        "domain": "agents.example",
        "replayed": False,
    } == said
    assert "made for this recipient" in mail.identity["steps"]
    assert "x-agent-identity=pass header.d=agents.example policy.agent=ada" in mail.message.trace.decode().replace("\r\n", "")


def test_agents_of_one_house_are_verified_too(internet):
    internet.agent("eve")
    internet.agent("ada").send(to="eve@agents.example", text="At four?")
    internet.run()
    assert [Trust.VERIFIED_AGENT] == [mail.trust for mail in internet.agent("eve").inbox()]


def test_a_message_for_two_mailboxes_here_is_each_ones_own(internet):
    internet.agent("eve"), internet.agent("kim")
    internet.agent("ada").send(to=("eve@agents.example", "kim@agents.example"), text="At four?")
    internet.run()
    found = [internet.agent(name).inbox()[0] for name in ("eve", "kim")]
    assert [("pass", Trust.VERIFIED_AGENT)] * 2 == [(mail.identity["verdict"], mail.trust) for mail in found]


def test_mail_without_an_identity_is_what_it_was(internet, writer):
    writer.write(ADA, "Tea", "At four?")
    (mail,) = internet.agent("ada").inbox()
    assert (Trust.DMARC_PASS, "none", None) == (mail.trust, mail.identity["verdict"], mail.identity["agent_id"])
    assert b"x-agent-identity" not in mail.message.trace


def test_s9_an_identity_is_believed_by_its_key_never_by_its_presence(internet, writer):
    fine = message(writer)
    forged = [
        fine.replace(b"oversight=autonomous", b"oversight=gated_all", 1),
        fine.replace(b"s=a1;", b"s=a2;", 1),
        b"Agent-Identity: agent_id=boss; oversight=gated_all; sig=AAAA\r\n" + fine,
        b"Agent-Identity: agent_id=boss; oversight=gated_all; sig=AAAA\r\n" + fine[fine.index(b"From:") :],
        fine.replace(b"four", b"five"),
    ]
    found = arrived(internet, writer, *forged)
    assert ["fail", "permerror", "permerror", "permerror", "fail"] == [mail.identity["verdict"] for mail in found]
    assert [(Trust.DMARC_PASS, None, {})] * 5 == [(m.trust, m.identity["agent_id"], m.identity["tags"]) for m in found]


def test_s9_a_copy_of_what_came_before_is_flagged_and_not_trusted_anew(internet, writer):
    raw = message(writer)
    first, again = arrived(internet, writer, raw, raw)
    assert (Trust.VERIFIED_AGENT, MessageStatus.RECEIVED, False) == (first.trust, first.status, first.identity["replayed"])
    assert (Trust.DMARC_PASS, MessageStatus.FLAGGED, True) == (again.trust, again.status, again.identity["replayed"])
    assert ["pass"] == [event.data["authentication"]["identity"] for event in internet.events("message.received.flagged")]


def test_the_same_agent_may_write_twice(internet, writer):
    found = arrived(internet, writer, message(writer), message(writer, nonce=bytes(range(12))))
    assert [Trust.VERIFIED_AGENT] * 2 == [mail.trust for mail in found]


def test_a_copy_that_a_person_releases_stays_flagged(internet, writer):
    internet.agent("ada").set_mode("gated_all")
    raw = message(writer)
    for _ in range(2):
        writer.send_raw(raw, ADA)
    for approval in internet.approver().pending():
        internet.approver().approve(approval)
    assert [MessageStatus.RECEIVED, MessageStatus.FLAGGED] == [mail.status for mail in internet.agent("ada").inbox()]


def test_what_was_made_for_somebody_else_or_for_nobody_in_particular_is_genuine_and_raises_nothing(internet, writer):
    other, general = arrived(
        internet, writer, message(writer, rcpt="list@there.example"), message(writer, rcpt="", nonce=b"x" * 12)
    )
    assert ("pass relayed", Trust.DMARC_PASS) == (other.identity["verdict"], other.trust)
    assert ("pass", Trust.DMARC_PASS) == (general.identity["verdict"], general.trust)


def test_s9_parts_that_are_genuine_under_another_subject_raise_nothing(internet, writer):
    (mail,) = arrived(internet, writer, message(writer).replace(b"Subject: Tea", b"Subject: Gin"))
    assert ("pass-content", Trust.DMARC_PASS, "bob-bot") == (mail.identity["verdict"], mail.trust, mail.identity["agent_id"])


def test_an_identity_without_dmarc_raises_nothing(internet, writer):
    bare = Parcel("x@nowhere.example", (ADA,), Signed(b"", message(writer)))
    writer.carry(bare)
    (mail,) = internet.agent("ada").inbox()
    assert ("pass", Trust.UNAUTHENTICATED) == (mail.identity["verdict"], mail.trust)


def test_a_registry_above_the_organization_can_not_speak_for_it(internet, writer):
    """AI-8: `d` lies within the author's organization."""
    key = provenance.new_key("example", "a1", VECTOR_KEY)
    internet.publish(f"a1._agentid.example TXT {provenance.dns_record(key)}")
    raw = message(writer)[message(writer).index(b"From:") :]
    who = provenance.Statement(agent_id="boss", oversight="autonomous", rcpt=ADA)
    now = internet.ports.clock.now() // 1000
    (mail,) = arrived(internet, writer, provenance.sign(parse_header(raw), raw, who, key, now=now, nonce=bytes(12)) + raw)
    assert ("pass", Trust.DMARC_PASS) == (mail.identity["verdict"], mail.trust)


def test_dns_that_is_silent_about_the_key_costs_trust_and_no_mail(internet, writer):
    internet.dns_fails("a1._agentid.there.example")
    (mail,) = arrived(internet, writer, message(writer))
    assert ("temperror", Trust.DMARC_PASS, MessageStatus.RECEIVED) == (mail.identity["verdict"], mail.trust, mail.status)


def test_what_expired_is_forgotten(internet, writer):
    raw = message(writer)
    (first,) = arrived(internet, writer, raw)
    assert first.identity["tags"]["n"] == "00" * 12
    expires = int(first.identity["tags"]["x"]) * 1000
    key = (first.message.mailbox_id, "there.example", "a1", "00" * 12, expires)
    assert internet.write(lambda tx: tx.nonces.add(*key)) is False
    internet.pass_time(days=15)
    assert internet.write(lambda tx: tx.nonces.add(*key)) is True


def test_our_own_records_verify_what_we_sign(internet):
    row = internet.read(lambda tx: tx.domains.by_name("agents.example"))
    texts = [one for one in records.records(row, internet.ports.settings) if one.purpose is records.Purpose.IDENTITY]
    assert [provenance.public_der(one.value) for one in texts] != [None]
    assert dkim.dns_record(dkim.generate_ed25519("x.example", "s")) not in [one.value for one in texts]
