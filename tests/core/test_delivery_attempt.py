"""What leaves, signed, and where it goes: what was approved and nothing else (I5, S26)."""

from __future__ import annotations

import mmap
from dataclasses import replace

import pytest
from delivering import BOB, CAROL, FINE, begin, claim, route_of, row_of, send

from mailwright.core import delivery, identity
from mailwright.core.model import Alignment, ApprovalStatus, MessageStatus, OversightMode, Smarthost
from mailwright.core.ports import Deferred, Host, Rejected, Report, Route, Signed, TlsPolicy
from mailwright.mail.header import parse_header

# --- I5: what was approved, and nothing else ----------------------------------------------------------------------------


def approved(internet):
    sent = send(internet, BOB, CAROL, mode="gated_send")
    internet.approver().approve(sent)
    return sent


def alter_bytes(internet, sent):
    ports, message = internet.ports, sent.message
    raw = sent.raw.replace(b"At four?", b"At five?")

    async def script(tx):
        await tx.blobs.add("blb_other", raw)
        await tx.messages.put(replace(message, blob_id="blb_other"))

    internet.do(ports.store.write(script))


def alter_recipient(internet, sent):
    row = row_of(sent)
    other = replace(row, id="dlv_other", recipient="eve@there.example")
    internet.write(lambda tx: tx.queue.add([other]))


def alter_approval(internet, sent, **change):
    approval = sent.approval
    internet.write(lambda tx: tx.approvals.put(replace(approval, **change)))


def alter_message(internet, sent, **change):
    message = sent.message
    internet.write(lambda tx: tx.messages.put(replace(message, **change)))


ALTERATIONS = [
    ("other bytes", alter_bytes, "it is not what was approved"),
    (
        "more people in the approval",
        lambda i, s: alter_approval(i, s, recipients=(BOB, CAROL, "eve@x.example")),
        "not what was",
    ),
    ("fewer people in the approval", lambda i, s: alter_approval(i, s, recipients=(BOB,)), "not what was"),
    ("another time", lambda i, s: alter_approval(i, s, send_at=1), "it is not what was approved"),
    ("another mode", lambda i, s: alter_message(i, s, oversight_mode=OversightMode.GATED_ALL), "it is not what was approved"),
    ("a question that is open", lambda i, s: alter_approval(i, s, status=ApprovalStatus.PENDING), "it was not approved"),
    ("a question that was denied", lambda i, s: alter_approval(i, s, status=ApprovalStatus.REJECTED), "it was not approved"),
    ("no question", lambda i, s: alter_message(i, s, approval_id=None), "it was not approved"),
    ("a question that is gone", lambda i, s: alter_message(i, s, approval_id="apr_x"), "it was not approved"),
    ("no mode", lambda i, s: alter_message(i, s, oversight_mode=None), "it was not approved"),
]


@pytest.mark.parametrize(("circumstance", "alter", "why"), ALTERATIONS, ids=[case[0] for case in ALTERATIONS])
def test_I5_what_was_altered_after_its_approval_never_leaves(internet, circumstance, alter, why):
    bob, carol = internet.person(BOB), internet.person(CAROL)
    sent = approved(internet)
    alter(internet, sent)
    internet.run()
    assert ([], []) == (bob.inbox(), carol.inbox())
    rows = sent.recipients.values()
    assert {MessageStatus.BOUNCED} == {row.status for row in rows}
    assert all(why in row.text and row.enhanced == "5.7.1" for row in rows), rows


def test_I5_nobody_gets_it_who_was_not_approved(internet):
    eve = internet.person("eve@there.example")
    sent = approved(internet)
    alter_recipient(internet, sent)
    internet.run()
    assert ([], "it was not approved for this recipient") == (eve.inbox(), row_of(sent, "eve@there.example").text)
    assert MessageStatus.DELIVERED is row_of(sent).status


@pytest.mark.parametrize("mode", ["gated_all", "gated_send", "read_only"])
def test_I5_a_message_of_a_gated_mailbox_in_the_queue_without_an_approval_never_leaves(internet, mode):
    bob = internet.person(BOB)
    sent = send(internet)
    alter_message(internet, sent, oversight_mode=OversightMode(mode))
    internet.run()
    assert (MessageStatus.BOUNCED, []) == (sent.status, bob.inbox())


# --- attempt ------------------------------------------------------------------------------------------------------------


def test_it_is_signed_with_every_key_rsa_first_and_the_signature_is_kept(internet):
    bob = internet.person(BOB)
    sent = send(internet)
    letter = bob.letter(sent)
    fields = [field.value for field in letter.header.all("dkim-signature")]
    assert ["a=rsa-sha256", "a=ed25519-sha256"] == [text.split("; ")[1] for text in fields]
    (attempt,) = sent.attempts
    assert letter.raw == attempt.signature + sent.raw
    assert ["pass", "pass"] == [one.result.value for one in letter.authentication.dkim]


def test_a_large_message_in_a_file_is_signed_as_if_it_were_in_memory(internet, tmp_path):
    sent = send(internet)
    (job,) = claim(internet)
    raw = sent.raw + b"0123456789\r\n" * 50_000
    path = tmp_path / "large"
    path.write_bytes(raw)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        unnamed, copy = replace(job, agent=None), identity.Copy(job.message, job.domain, job.agent, BOB, None)
        assert delivery.sign(internet.ports, unnamed, raw).prefix == delivery.sign(internet.ports, unnamed, mapped).prefix
        said = [identity.field(parse_header(one), one, copy, now=1, nonce=bytes(12)) for one in (raw, mapped)]
        assert said[0] == said[1] != b""


def taking(internet):
    """With a courier whose peers take everything; and the parcels that it gets."""
    parcels = []

    class Courier:
        async def deliver(self, route, parcel):
            parcels.append(parcel)
            return Report((FINE,), ())

    return replace(internet.ports, courier=Courier()), parcels


def test_the_parcel_has_the_return_path_and_the_id_of_its_delivery(internet):
    ports, parcels = taking(internet)
    send(internet, BOB, "jürgen@there.example")
    for job in claim(internet):
        internet.do(delivery.attempt(ports, job, route_of(internet, job)))
    assert [(BOB,), ("jürgen@there.example",)] == [parcel.rcpt_to for parcel in parcels]
    assert [False, True] == [parcel.smtputf8 for parcel in parcels]
    for parcel in parcels:
        assert isinstance(parcel.message, Signed)
        assert parcel.mail_from.startswith(f"b+{parcel.envelope_id.removeprefix('dlv_')}.")
        assert parcel.mail_from.endswith("@bounce.agents.example")
        assert "dkim-signature" == parse_header(parcel.message.prefix).fields[0].name


def test_what_requires_tls_is_a_parcel_that_does_or_none_at_all(internet):
    ports, parcels = taking(internet)
    send(internet, require_tls=True)
    (job,) = begin(internet)
    host = Host("mx.there.example", ("1.1.1.1",))
    (report, fields) = internet.do(delivery.attempt(ports, job, Route("there", (host,))))
    assert ("5.7.30", b"", []) == (report.outcomes[0].enhanced, fields, parcels)
    promised = replace(host, policy=TlsPolicy("sts", "there.example"))
    for route in (Route("there", (promised,)), Route("local:25", (host,), "none", ours=True)):
        internet.do(delivery.attempt(ports, job, route))
    assert [True, False] == [parcel.require_tls for parcel in parcels]


@pytest.mark.parametrize("dictated", [Deferred(None, "4.4.3", "DNS is silent"), Rejected(None, "5.1.2", "no such domain")])
def test_what_dns_dictates_needs_no_connection(internet, dictated):
    send(internet)
    (job,) = claim(internet)
    found = internet.do(delivery.attempt(replace(internet.ports, courier=None), job, dictated))
    assert (Report((dictated,), ()), b"") == found


# --- routes -------------------------------------------------------------------------------------------------------------

HERE = Host("mx.agents.example", ("11.0.0.1",))


def test_mail_goes_to_the_exchangers_of_its_recipient(internet):
    send(internet)
    (job,) = claim(internet)
    assert ("mx.there.example", "opportunistic") == (route_of(internet, job).key, route_of(internet, job).tls)


def test_mail_to_ourselves_stays_here(internet):
    internet.agent("eve")
    internet.agent("ada").send(to="eve@agents.example", subject="Tea?")
    (job,) = claim(internet)
    assert Route("local:25", (HERE,), "none", ours=True) == route_of(internet, job, HERE)


def test_a_smarthost_takes_what_does_not_stay_here(internet):
    ada = internet.agent("ada")
    relay = Smarthost("relay.example", 465, "u", "p", "implicit")
    domain = internet.read(lambda tx: tx.domains.by_name("agents.example"))
    internet.write(lambda tx: tx.domains.put(replace(domain, smarthost=relay)))
    internet.agent("eve")
    ada.send(to=(BOB, "eve@agents.example"), subject="Tea?")
    away, stays = claim(internet)
    expected = Route("smarthost:relay.example:465", (Host("relay.example", (), 465),), "implicit", "u", "p")
    assert expected == route_of(internet, away, HERE)
    assert "local:25" == route_of(internet, stays, HERE).key


def test_a_smarthosts_word_is_told_as_sent_and_the_receivers_as_delivered(internet):
    relay, bob = internet.host("relay.example"), internet.person(BOB)
    domain = internet.read(lambda tx: tx.domains.by_name("agents.example"))
    internet.write(lambda tx: tx.domains.put(replace(domain, smarthost=Smarthost(relay.name))))
    internet.agent("eve")
    internet.agent("ada").send(to=(BOB, "eve@agents.example"), subject="Tea?")
    internet.run()
    assert ([BOB], []) == ([letter.rcpt_to for letter in relay.letters], bob.inbox())
    assert [BOB] == [event.data["recipient"] for event in internet.events("message.sent")]
    assert ["eve@agents.example"] == [event.data["recipient"] for event in internet.events("message.delivered")]


def squat(internet, **change):
    """Another tenant adds a domain that is not his."""
    rival = internet.tenant("rival.example")
    domain = rival.add_domain("there.example", publish=False)
    internet.write(lambda tx: tx.domains.put(replace(domain, **change)))
    return rival.agent("bob@there.example")


def test_S26_a_domain_that_another_tenant_merely_added_draws_no_mail(internet):
    bob, thief = internet.person(BOB), squat(internet)
    sent = internet.agent("ada").send(to=BOB, subject="Secret")
    assert "Secret" == bob.letter(sent).subject
    assert [] == thief.inbox()


def test_a_domain_of_another_tenant_whose_records_are_in_place_is_served_here(internet):
    rex = internet.tenant("rival.example").agent("rex")
    sent = internet.agent("ada").send(to="rex@rival.example", subject="Hello")
    internet.run()
    assert ["Hello"] == [mail.subject for mail in rex.inbox()]
    assert "mx.agents.example" == row_of(sent, "rex@rival.example").mx


def test_a_domain_of_another_tenant_that_lost_a_record_still_gets_mail_while_its_exchanger_is_here(internet):
    rival = internet.tenant("rival.example")
    rex = rival.agent("rex")
    internet.withdraw("_dmarc.rival.example")
    domain = rival.server.verify(rival.operator, rex.mailbox.domain_id)
    assert Alignment.ALIGNED is not domain.status
    internet.agent("ada").send(to="rex@rival.example", subject="Hello")
    internet.run()
    assert ["Hello"] == [mail.subject for mail in rex.inbox()]


def test_a_domain_of_ones_own_is_served_where_dns_says(internet):
    internet.home.add_domain("new.example", publish=False)
    bob, grace = internet.person("bob@new.example"), internet.agent("grace@new.example")
    internet.agent("ada").send(to="bob@new.example", subject="Hello")
    assert (["Hello"], []) == ([letter.subject for letter in bob.inbox()], grace.inbox())


def test_mail_for_a_domain_that_leads_here_and_is_not_known_goes_round_in_no_circles(internet):
    internet.publish("lost.example MX 10 mx.agents.example")
    sent = internet.agent("ada").send(to="bob@lost.example", subject="Hello")
    internet.run()
    assert (MessageStatus.BOUNCED, "5.4.6") == (sent.status, row_of(sent, "bob@lost.example").enhanced)
