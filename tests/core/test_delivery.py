"""One recipient's copy: claimed, attempted, recorded; told exactly once how it ended, whatever dies on the way (I2, I5, I6)."""

from __future__ import annotations

import mmap
import random
from dataclasses import replace

import pytest

from mailwright.core import delivery, mailboxes, suppression
from mailwright.core.delivery import LEASE, PAUSED_FOR
from mailwright.core.errors import NotPending
from mailwright.core.model import Alignment, ApprovalStatus, MessageStatus, OversightMode, Smarthost
from mailwright.core.ports import Deferred, Delivered, Host, Rejected, Report, Route, Signed, Unknown
from mailwright.core.sending import Wanted
from mailwright.mail.header import parse_header
from mailwright.testing.internet.conduct import outcome_of

BOB, CAROL = "bob@there.example", "carol@there.example"
FINE, LOST = Delivered(250, "2.0.0", "taken"), Unknown("the connection was lost after the final dot")
MINUTE, HOUR = 60_000, 3_600_000
TERMINAL_EVENTS = ("message.delivered", "message.bounced", "message.cancelled", "message.suppressed", "message.sent")


def send(internet, *to: str, mode: str = "autonomous", **wanted):
    internet.person(BOB)
    return internet.agent("ada", mode=mode).submit(Wanted(to=to or (BOB,), subject="Tea?", text="At four?", **wanted))


def claim(internet, *busy: str):
    return internet.do(delivery.claim(internet.ports, 10, busy))


def begin(internet):
    """Claim what is due and begin it; the jobs."""
    jobs = [internet.do(delivery.begin(internet.ports, job)) for job in claim(internet)]
    return [job for job in jobs if job is not None]


def route_of(internet, job, local: Host | None = None):
    return internet.do(delivery.find_route(internet.ports, job, local, lambda names: None))


def record(internet, job, outcome, **report):
    return internet.do(delivery.record(internet.ports, job, Report((outcome,), (), **report), b"", 0.5))


def row_of(sent, address: str = BOB):
    return sent.recipients[address]


def told(internet, *types: str) -> list[str]:
    return [event.type for event in internet.events(*types) if event.type.startswith("message")]


# --- claim --------------------------------------------------------------------------------------------------------------


def test_what_is_claimed_and_not_begun_is_no_attempt(internet):
    sent = send(internet)
    (job,) = claim(internet)
    row = row_of(sent)
    assert (internet.clock.now() + LEASE, 1, 1, []) == (row.due_at, row.attempts, row.fence, sent.attempts)
    assert (row, sent.message) == (job.delivery, job.message)
    internet.pass_time(hours=1)
    assert ["message.queued", "message.delivered"] == told(internet)


def test_before_anybody_dials_the_attempt_and_the_next_time_stand_in_the_store(internet):
    sent = send(internet)
    claimed = claim(internet)[0]
    internet.clock.advance(10 * MINUTE)
    job = internet.do(delivery.begin(internet.ports, claimed))
    row = row_of(sent)
    assert (internet.clock.now() + LEASE, 1, 1) == (row.due_at, row.attempts, row.fence)
    (begun,) = sent.attempts
    assert (None, None, 1, row.id) == (begun.outcome, begun.finished_at, begun.number, begun.delivery_id)
    assert (row, begun, internet.clock.now()) == (job.delivery, job.attempt, begun.started_at)


def test_what_somebody_else_has_by_now_is_not_begun(internet):
    sent = send(internet)
    (late,) = claim(internet)
    internet.clock.advance(LEASE)
    (job,) = claim(internet)
    assert None is internet.do(delivery.begin(internet.ports, late))
    assert job.delivery.id == internet.do(delivery.begin(internet.ports, job)).delivery.id
    assert 1 == len(sent.attempts)


def test_what_was_cancelled_before_it_began_is_not_begun(internet):
    sent = send(internet)
    (job,) = claim(internet)
    sent.cancel()
    assert (None, []) == (internet.do(delivery.begin(internet.ports, job)), sent.attempts)


def test_no_more_of_a_domain_is_claimed_than_there_is_room_for(internet):
    people = [f"p{n}@there.example" for n in range(5)]
    sent = send(internet, *people, "x@else.example")
    jobs = internet.do(delivery.claim(internet.ports, 10, (), {"there.example": 2, "else.example": 9}.__getitem__))
    assert [*people[:2], "x@else.example"] == [job.delivery.recipient for job in jobs]
    assert [1, 1, 0, 0, 0, 1] == [row.attempts for row in sent.recipients.values()]
    assert people[2:] == [job.delivery.recipient for job in claim(internet)]


def test_what_is_claimed_is_claimed_by_nobody_else_until_its_lease_ends(internet):
    send(internet)
    assert 1 == len(claim(internet))
    internet.clock.advance(LEASE - 1)
    assert [] == claim(internet)
    internet.clock.advance(1)
    assert 1 == len(claim(internet))


def test_what_is_not_due_is_not_claimed(internet):
    send(internet, send_at=internet.clock.now() + HOUR)
    assert [] == claim(internet)
    internet.clock.advance(hours=1)
    assert 1 == len(claim(internet))


def test_busy_domains_are_left_alone(internet):
    send(internet, BOB, "carol@else.example")
    assert ["carol@else.example"] == [job.delivery.recipient for job in claim(internet, "there.example")]


def test_a_paused_mailbox_waits_and_no_attempt_counts(internet):
    sent = send(internet)
    internet.agent("ada").pause()
    assert [] == claim(internet)
    row = row_of(sent)
    assert (0, internet.clock.now() + PAUSED_FOR, MessageStatus.QUEUED) == (row.attempts, row.due_at, row.status)
    assert [] == sent.attempts


def test_whoever_is_suppressed_while_a_message_waits_is_left_out_and_told(internet):
    bob = internet.person(BOB)
    sent = send(internet, send_at=internet.clock.now() + HOUR)
    operator = internet.home.operator
    internet.write(lambda tx: suppression.add(tx, internet.ports, operator, "BOB@there.example", "complaint"))
    internet.pass_time(hours=2)
    assert (MessageStatus.SUPPRESSED, 0, []) == (sent.status, row_of(sent).attempts, bob.inbox())
    assert ["message.queued", "message.suppressed"] == told(internet)
    assert BOB == internet.events("message.suppressed")[0].data["recipient"]
    assert ["delivery.suppressed"] == [entry.action for entry in internet.audit(subject=row_of(sent).id)]


def remove_mailbox(internet) -> None:
    ports, operator, box = internet.ports, internet.home.operator, internet.agent("ada").mailbox_id
    internet.write(lambda tx: mailboxes.remove(tx, ports, operator, box))


def test_I2_what_a_removed_mailbox_had_queued_ends_and_is_told(internet):
    bob = internet.person(BOB)
    sent = send(internet)
    remove_mailbox(internet)
    internet.pass_time(days=3)
    assert (MessageStatus.CANCELLED, []) == (sent.status, bob.inbox())
    assert ["message.queued", "message.cancelled"] == told(internet)
    assert [BOB] == internet.events("message.cancelled")[0].data["recipients"]
    assert ["delivery.cancelled"] == [entry.action for entry in internet.audit(subject=row_of(sent).id)]


def test_I6_what_a_removed_mailbox_had_under_way_when_its_worker_died_is_unknown(internet):
    sent = send(internet)
    begin(internet)
    remove_mailbox(internet)
    internet.pass_time(hours=1)
    assert (MessageStatus.UNKNOWN, ["unknown"]) == (sent.status, [one.outcome for one in sent.attempts])
    assert ["message.queued", "message.unknown"] == told(internet)


def test_a_delivery_of_a_message_that_is_gone_is_closed(internet):
    sent = send(internet)
    row = row_of(sent)
    internet.write(lambda tx: tx.messages.remove(internet.home.id, sent.id))
    assert [] == claim(internet)
    assert MessageStatus.CANCELLED is internet.read(lambda tx: tx.queue.get(row.id)).status


# --- the worker that dies -----------------------------------------------------------------------------------------------


def test_I6_what_a_dead_worker_began_is_told_as_unknown_before_anything_is_sent_again(internet):
    bob = internet.person(BOB)
    sent = send(internet)
    begin(internet)  # and nothing more: its worker died
    internet.pass_time(hours=1)
    assert (["unknown", "delivered"], 1) == ([one.outcome for one in sent.attempts], len(bob.inbox()))
    assert ["message.queued", "message.unknown", "message.delivered"] == told(internet)
    unknown = internet.events("message.unknown")[0]
    assert (BOB, unknown.created_at) == (unknown.data["recipient"], unknown.data["next_attempt_at"])
    actions = [entry.action for entry in internet.audit(subject=row_of(sent).id)]
    assert ["delivery.unknown", "delivery.delivered"] == actions


def test_I6_at_most_once_ends_what_a_dead_worker_began(internet):
    bob = internet.person(BOB)
    sent = internet.agent("ada", at_most_once=True).send(to=BOB, subject="Tea?")
    begin(internet)
    internet.pass_time(days=3)
    assert (MessageStatus.UNKNOWN, ["unknown"], []) == (sent.status, [one.outcome for one in sent.attempts], bob.inbox())
    assert ["message.queued", "message.unknown"] == told(internet)
    assert "next_attempt_at" not in internet.events("message.unknown")[0].data


def test_I6_each_death_is_told(internet):
    sent = send(internet)
    begin(internet)
    internet.clock.advance(LEASE)
    begin(internet)
    internet.pass_time(hours=1)
    assert ["unknown", "unknown", "delivered"] == [one.outcome for one in sent.attempts]
    assert [1, 2, 3] == [one.number for one in sent.attempts]


def test_I6_a_death_is_told_once_though_the_mailbox_is_paused_afterwards(internet):
    sent = send(internet)
    begin(internet)
    ada = internet.agent("ada")
    ada.pause()
    internet.pass_time(hours=1)
    assert ["message.queued", "message.unknown"] == told(internet)
    ada.resume()
    internet.pass_time(hours=1)
    assert (MessageStatus.DELIVERED, ["message.queued", "message.unknown", "message.delivered"]) == (
        sent.status,
        told(internet),
    )


def test_I6_what_died_and_is_too_old_by_now_ends_unknown(internet):
    bob = internet.person(BOB)
    sent = send(internet)
    begin(internet)
    internet.clock.advance(hours=49)
    internet.run()
    assert (MessageStatus.UNKNOWN, []) == (sent.status, bob.inbox())
    assert ["message.queued", "message.unknown"] == told(internet)


def test_a_claim_that_is_put_back_is_taken_up_at_once_and_nothing_told(internet):
    sent = send(internet)
    (job,) = claim(internet)
    internet.do(delivery.put_back(internet.ports, job))
    assert (0, internet.clock.now()) == (row_of(sent).attempts, row_of(sent).due_at)
    internet.run()
    assert ["delivered"] == [one.outcome for one in sent.attempts]
    assert ["message.queued", "message.delivered"] == told(internet)


# --- the fence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [FINE, Rejected(550, "5.1.1", "no"), Deferred(451, None, "later")])
def test_a_result_that_comes_after_its_lease_is_refused(internet, late):
    sent = send(internet)
    (first,) = begin(internet)
    internet.clock.advance(LEASE)
    (second,) = begin(internet)
    record(internet, first, late)
    assert (MessageStatus.QUEUED, 2) == (row_of(sent).status, row_of(sent).fence)
    assert ["message.queued", "message.unknown"] == told(internet)
    record(internet, second, FINE)
    assert (MessageStatus.DELIVERED, ["message.queued", "message.unknown", "message.delivered"]) == (
        sent.status,
        told(internet),
    )


def test_a_cancel_counts_more_than_a_result_and_the_timeline_shows_what_was_sent(internet):
    sent = send(internet)
    (job,) = begin(internet)
    sent.cancel()
    record(internet, job, FINE)
    assert (MessageStatus.CANCELLED, ["message.queued", "message.cancelled"]) == (sent.status, told(internet))
    assert ["queued", "cancelled", "delivered"] == [entry.outcome for entry in sent.timeline()]
    internet.pass_time(hours=1)
    assert 1 == len(sent.attempts)


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
        assert delivery.sign(internet.ports, job, raw).prefix == delivery.sign(internet.ports, job, mapped).prefix


def test_the_parcel_has_the_return_path_and_the_id_of_its_delivery(internet):
    parcels = []

    class Courier:
        async def deliver(self, route, parcel):
            parcels.append(parcel)
            return Report((FINE,), ())

    send(internet, BOB, "jürgen@there.example")
    ports = replace(internet.ports, courier=Courier())
    for job in claim(internet):
        internet.do(delivery.attempt(ports, job, route_of(internet, job)))
    assert [(BOB,), ("jürgen@there.example",)] == [parcel.rcpt_to for parcel in parcels]
    assert [False, True] == [parcel.smtputf8 for parcel in parcels]
    for parcel in parcels:
        assert isinstance(parcel.message, Signed)
        assert parcel.mail_from.startswith(f"b+{parcel.envelope_id.removeprefix('dlv_')}.")
        assert parcel.mail_from.endswith("@bounce.agents.example")
        assert "dkim-signature" == parse_header(parcel.message.prefix).fields[0].name


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
    assert Route("local:25", (HERE,), "none") == route_of(internet, job, HERE)


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


def test_a_refusal_that_says_nothing_of_the_address_suppresses_nobody(internet):
    internet.person(BOB).answers("550 5.7.1 your kind is not welcome")
    send(internet)
    internet.run()
    assert [] == internet.events("suppression.added")


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


def test_I4_whatever_becomes_of_a_delivery_nobody_is_written_to(internet):
    bob = internet.person(BOB)
    for reply in ("550 5.1.1 no such user", "451 4.7.1 later"):
        bob.answers(reply)
        internet.agent("ada").send(to=(BOB, "x@nowhere.example"), subject=reply)
    internet.pass_time(days=3)
    assert [] == internet.agent("ada").inbox()
    assert [] == internet.host("there.example").letters


REPLIES = ("250 2.0.0 ok", "451 4.7.1 later", "550 5.7.1 no", "421 4.3.2 busy", "lost", "dies")


@pytest.mark.parametrize("seed", range(12))
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
                    internet.do(delivery.begin(internet.ports, job))
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
