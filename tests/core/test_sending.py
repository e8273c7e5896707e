"""From what a caller asks to a message that is queued or held: what is refused, what is written, who gets it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core import sending, suppression
from mailwright.core.errors import (
    AgentPaused,
    BlockedByPolicy,
    BodyTooLarge,
    DomainNotAligned,
    FromNotOwned,
    InvalidInput,
    NotFound,
    NotPending,
    RecipientSuppressed,
    StorageBusy,
)
from mailwright.core.model import Direction, MessageStatus, OversightMode
from mailwright.core.ports import Settings
from mailwright.core.sending import Wanted
from mailwright.mail.compose import Attachment
from mailwright.testing import Internet

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TO_BOB = Wanted(to=("bob@there.example",), subject="Tea?", text="At four?")
BOB = "bob@there.example"


def suppress(internet, address: str) -> None:
    operator = internet.home.operator
    internet.write(lambda tx: suppression.add(tx, internet.ports, operator, address, "manual"))


def everything(internet) -> tuple[object, ...]:
    """What the store holds that a message would leave behind."""
    ada = internet.agent("ada")
    thread_ids = [one.id for one in ada.threads()]
    return [mail.id for mail in ada.sent()], thread_ids, len(internet.events()), len(internet.audit()), ada.mailbox.uid_next


# --- what is written ----------------------------------------------------------------------------------------------------


def test_a_message_is_queued_for_each_recipient_told_and_logged(internet):
    ada = internet.agent("ada")
    sent = ada.send(to="Bob <bob@there.example>", subject="Tea?", text="At\nfour?", cc="carol@there.example")
    message = sent.message
    assert (Direction.OUTBOUND, MessageStatus.QUEUED, "Tea?", "At four?") == (
        message.direction,
        message.status,
        message.subject,
        message.preview,
    )
    assert ("Ada <ada@agents.example>", "ada@agents.example") == (message.header_from, message.from_address)
    assert (("Bob <bob@there.example>",), ("carol@there.example",), ()) == (message.to, message.cc, message.bcc)
    assert {BOB: MessageStatus.QUEUED, "carol@there.example": MessageStatus.QUEUED} == {
        address: row.status for address, row in sent.recipients.items()
    }
    (event,) = internet.events("message.queued")
    assert (sent.id, sent.thread_id, ada.mailbox_id) == (event.data["message_id"], event.data["thread_id"], event.mailbox_id)
    (entry,) = internet.audit(subject=sent.id)
    assert ("message.queued", ada.caller.actor, {"digest": message.digest}) == (entry.action, entry.actor, entry.data)


def test_uids_and_modseqs_rise(internet):
    ada = internet.agent("ada")
    numbers = [(mail.message.uid, mail.message.modseq) for mail in [ada.send(to=BOB, subject=str(n)) for n in range(3)]]
    assert [(1, 2), (2, 3), (3, 4)] == numbers
    assert (4, 4) == (ada.mailbox.uid_next, ada.mailbox.modseq)


def test_every_recipient_gets_the_same_message_and_nobody_learns_of_bcc(internet):
    people = {name: internet.person(f"{name}@there.example") for name in ("bob", "carol", "dave")}
    sent = internet.agent("ada").send(
        to=BOB, cc="carol@there.example", bcc="dave@there.example", subject="Tea?", text="At four?"
    )
    letters = [person.letter(sent) for person in people.values()]
    assert 3 == len(letters)
    for letter in letters:
        assert b"dave" not in letter.raw
        assert b"\r\nBcc:" not in letter.raw
        assert letter.raw.endswith(sent.raw)
    assert ("dave@there.example",) == sent.message.bcc
    assert b"dave" not in sent.raw


def test_an_address_that_is_named_twice_gets_one_copy(internet):
    bob = internet.person(BOB)
    sent = internet.agent("ada").send(to=(BOB, "Bob <BOB@There.Example>"), cc=BOB, bcc="bob@there.EXAMPLE", subject="Tea?")
    assert [BOB] == list(sent.recipients)
    assert 1 == len(bob.inbox())


def test_each_copy_has_a_return_path_of_its_own(internet):
    bob, carol = internet.person(BOB), internet.person("carol@there.example")
    sent = internet.agent("ada").send(to=(BOB, "carol@there.example"), subject="Tea?")
    paths = [person.letter(sent).mail_from for person in (bob, carol)]
    assert 2 == len(set(paths))
    assert {"bounce.agents.example"} == {path.rpartition("@")[2] for path in paths}


def test_s19_mail_says_that_a_program_wrote_it(internet):
    bob = internet.person(BOB)
    assert "auto-generated" == bob.letter(internet.agent("ada").submit(TO_BOB)).header.value("auto-submitted")


def test_everything_one_may_want_of_a_message(internet):
    bob = internet.person(BOB)
    wanted = replace(
        TO_BOB,
        html="<p>At four?</p>",
        attachments=(Attachment("plan.txt", "text/plain", b"tea"),),
        headers=(("X-Tag", "blue"),),
        labels=("outgoing", "tea", "outgoing"),
        reply_to=("desk@agents.example",),
        in_reply_to="<other@else.example>",
    )
    sent = internet.agent("ada").submit(wanted)
    letter = bob.letter(sent)
    assert ("blue", "desk@agents.example", "<other@else.example>") == tuple(
        letter.header.value(name) for name in ("x-tag", "reply-to", "in-reply-to")
    )
    message = sent.message
    assert (1, ("outgoing", "tea"), "<other@else.example>") == (message.attachments, message.labels, message.in_reply_to)
    assert b"outgoing" not in letter.raw


def test_a_large_message_takes_the_same_way(internet):
    bob = internet.person(BOB)
    sent = internet.agent("ada").submit(replace(TO_BOB, text="0123456789\n" * 30_000))
    assert sent.message.size > 256 * 1024
    letter = bob.letter(sent)
    assert "pass" == letter.verdicts["dkim"]
    assert 30_000 == letter.raw.count(b"0123456789")


def test_a_large_message_that_finds_no_room_is_refused_and_may_be_sent_again(internet, monkeypatch):
    spool = internet.ports.store.blobs.spool()

    def full(chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    spool.write = full
    ada, large = internet.agent("ada"), replace(TO_BOB, text="0123456789\n" * 30_000)
    with monkeypatch.context() as patch:
        patch.setattr(internet.ports.store.blobs, "spool", lambda: spool)
        with pytest.raises(StorageBusy) as refused:
            ada.submit(large)
    assert {"reason": "No space left on device"} == refused.value.details
    assert MessageStatus.QUEUED is ada.submit(large).status


def test_the_mailbox_decides_what_from_says(internet):
    bob, ada = internet.person(BOB), internet.agent("ada")
    for own in ("ada@agents.example", "Eve <ADA@Agents.Example>"):
        letter = bob.letter(ada.submit(replace(TO_BOB, header_from=own)))
        assert "Ada <ada@agents.example>" == letter.header.value("from")


# --- what is refused ----------------------------------------------------------------------------------------------------

MANY = tuple(f"p{n}@there.example" for n in range(101))
REFUSED = [
    ("nobody to write to", {"to": ()}, InvalidInput, ["to"]),
    ("too many", {"to": MANY}, InvalidInput, ["to"]),
    ("addresses that are none", {"to": ("x", BOB, "y@")}, InvalidInput, ["to[0]", "to[2]"]),
    ("two addresses in one", {"cc": ("a@b.example, c@d.example",)}, InvalidInput, ["cc[0]"]),
    ("an address literal", {"bcc": ("bob@[192.0.2.1]",)}, InvalidInput, ["bcc[0]"]),
    ("an answer to nowhere", {"reply_to": ("nowhere",)}, InvalidInput, ["reply_to[0]"]),
    ("S10 a line break in the subject", {"subject": "x\r\nBcc: eve@evil.example"}, InvalidInput, ["subject"]),
    ("S10 a line break in a field", {"headers": (("X-A", "x\r\nX-B: y"),)}, InvalidInput, ["headers[0].value"]),
    ("S10 a line break in a name", {"to": ("A\r\nX: y <a@b.example>",)}, InvalidInput, ["to[0]"]),
    ("S8 a field that the server writes", {"headers": (("Received", "x"),)}, InvalidInput, ["headers[0].name"]),
    ("S8 a forged verdict", {"headers": (("Authentication-Results", "x"),)}, InvalidInput, ["headers[0].name"]),
    ("S8 a signature", {"headers": (("DKIM-Signature", "x"),)}, InvalidInput, ["headers[0].name"]),
    ("S8 Bcc as a field", {"headers": (("Bcc", "x@y.example"),)}, InvalidInput, ["headers[0].name"]),
    ("S8 another From", {"headers": (("From", "x@y.example"),)}, InvalidInput, ["headers[0].name"]),
    ("a message id that is none", {"in_reply_to": "x"}, InvalidInput, ["in_reply_to[0]"]),
    ("an empty label", {"labels": ("ok", "")}, InvalidInput, ["labels[1]"]),
    ("a label with a line break", {"labels": ("a\nb",)}, InvalidInput, ["labels[0]"]),
    ("S8 another mailbox's From", {"header_from": "eve@agents.example"}, FromNotOwned, None),
    ("S8 another domain's From", {"header_from": "ada@there.example"}, FromNotOwned, None),
    ("S8 a subaddress as From", {"header_from": "ada+x@agents.example"}, FromNotOwned, None),
    ("a From that is none", {"header_from": "ada"}, InvalidInput, ["from[0]"]),
    ("bulk mail", {"stream": "bulk"}, BlockedByPolicy, None),
    ("a message that is too large", {"text": "x" * 300_000}, BodyTooLarge, None),
]


@pytest.mark.parametrize(("circumstance", "change", "refusal", "paths"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_can_not_be_sent_is_refused_and_leaves_nothing_behind(circumstance, change, refusal, paths):
    with Internet(settings=Settings(message_limit=200_000)) as internet:
        ada = internet.agent("ada")
        before = everything(internet)
        with pytest.raises(refusal) as refused:
            ada.submit(replace(TO_BOB, **change))
        if paths is not None:
            assert paths == [one["path"] for one in refused.value.details]
        assert before == everything(internet)


def test_as_many_recipients_as_are_allowed_are_allowed(internet):
    assert 100 == len(internet.agent("ada").send(to=MANY[:100], subject="Tea?").recipients)


def test_whose_from_it_is_is_said_in_the_refusal(internet):
    with pytest.raises(FromNotOwned) as refused:
        internet.agent("ada").submit(replace(TO_BOB, header_from="Eve <eve@agents.example>"))
    assert {"from": "eve@agents.example", "owned": "ada@agents.example"} == refused.value.details


def test_S26_a_key_sends_from_its_own_mailbox_alone(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    rival = internet.tenant("rival.example").operator
    for caller in (eve.caller, rival):
        with pytest.raises(NotFound):
            internet.do(sending.prepare(internet.ports, caller, ada.mailbox_id, TO_BOB))
        prepared = internet.do(sending.prepare(internet.ports, ada.caller, ada.mailbox_id, TO_BOB))
        with pytest.raises(NotFound):
            internet.write(lambda tx, by=caller, what=prepared: sending.submit(tx, internet.ports, by, what))
    assert [] == ada.sent()


def test_a_mailbox_that_only_reads_sends_nothing(internet):
    ada = internet.agent("ada", mode="read_only")
    before = everything(internet)
    with pytest.raises(BlockedByPolicy, match="read_only"):
        ada.submit(TO_BOB)
    assert before == everything(internet)


def test_what_changed_between_composing_and_submitting_counts(internet):
    """The mailbox is judged as it is when the message is filed, not as it was when it was composed."""
    ada = internet.agent("ada")
    prepared = internet.do(sending.prepare(internet.ports, ada.caller, ada.mailbox_id, TO_BOB))
    ada.pause()
    with pytest.raises(AgentPaused):
        internet.write(lambda tx: sending.submit(tx, internet.ports, ada.caller, prepared))


def test_a_server_may_be_told_to_send_without_alignment():
    with Internet(settings=Settings(require_alignment=False)) as internet:
        internet.home.add_domain("there.example", publish=False)
        assert MessageStatus.QUEUED is internet.agent("grace@there.example").send(to="bob@else.example", subject="x").status


def test_an_operator_may_override_the_alignment_of_a_domain(internet):
    domain = internet.home.add_domain("there.example", publish=False)
    grace = internet.agent("grace@there.example")
    with pytest.raises(DomainNotAligned):
        grace.send(to="bob@else.example", subject="x")
    internet.write(lambda tx: tx.domains.put(replace(domain, override_alignment=True)))
    assert MessageStatus.QUEUED is grace.send(to="bob@else.example", subject="x").status


# --- suppression --------------------------------------------------------------------------------------------------------


def test_a_message_to_suppressed_recipients_alone_is_refused_with_the_reasons(internet):
    ada = internet.agent("ada")
    for address in (BOB, "carol@there.example"):
        suppress(internet, address)
    before = everything(internet)
    with pytest.raises(RecipientSuppressed) as refused:
        ada.send(to="BOB@there.example", cc="carol@there.example", subject="Tea?")
    told = {one["address"]: one["reason"] for one in refused.value.details}
    assert {"BOB@there.example": "manual", "carol@there.example": "manual"} == told
    assert before == everything(internet)


def test_suppressed_recipients_are_left_out_told_and_never_tried(internet):
    bob, carol = internet.person(BOB), internet.person("carol@there.example")
    suppress(internet, BOB)
    sent = internet.agent("ada").send(to=(BOB, "carol@there.example"), subject="Tea?")
    internet.run()
    assert ([], 1) == (bob.inbox(), len(carol.inbox()))
    assert {BOB: "suppressed", "carol@there.example": "delivered"} == {
        address: row.status for address, row in sent.recipients.items()
    }
    assert [BOB] == [event.data["recipient"] for event in internet.events("message.suppressed")]
    assert MessageStatus.SUPPRESSED is sent.status


# --- times --------------------------------------------------------------------------------------------------------------


def test_a_scheduled_message_leaves_at_its_time_and_not_before(internet):
    bob = internet.person(BOB)
    at = internet.clock.now() + 3 * HOUR
    sent = internet.agent("ada").submit(replace(TO_BOB, send_at=at))
    assert MessageStatus.SCHEDULED is sent.status
    internet.pass_time(hours=2, minutes=59)
    assert (MessageStatus.SCHEDULED, []) == (sent.status, bob.inbox())
    internet.pass_time(minutes=1)
    assert (MessageStatus.DELIVERED, at) == (sent.status, bob.inbox()[0].at)
    assert at == internet.events("message.queued")[0].data["send_at"]


@pytest.mark.parametrize(
    ("offset", "status"),
    [
        (-MINUTE, "queued"),
        (0, "queued"),
        (1, "scheduled"),
        (366 * DAY, "scheduled"),
        (-MINUTE - 1, None),
        (366 * DAY + 1, None),
    ],
)
def test_a_time_is_within_the_next_year(internet, offset, status):
    wanted = replace(TO_BOB, send_at=internet.clock.now() + offset)
    if status is None:
        with pytest.raises(InvalidInput, match="send_at"):
            internet.agent("ada").submit(wanted)
    else:
        assert status == internet.agent("ada").submit(wanted).status


# --- oversight ----------------------------------------------------------------------------------------------------------

STATUS = {
    OversightMode.GATED_ALL: MessageStatus.HELD,
    OversightMode.GATED_SEND: MessageStatus.HELD,
    OversightMode.MONITORED: MessageStatus.QUEUED,
    OversightMode.AUTONOMOUS: MessageStatus.QUEUED,
}


@pytest.mark.parametrize("own", list(OversightMode))
@pytest.mark.parametrize("asked", [None, *OversightMode])
def test_a_request_may_ask_for_more_oversight_and_never_gets_less(internet, own, asked):
    ada = internet.agent("ada", mode=own, overseer="boss@agents.example")
    stricter = own if asked is None or asked.autonomy > own.autonomy else asked
    wanted = replace(TO_BOB, oversight_mode=asked)
    if stricter is OversightMode.READ_ONLY:
        with pytest.raises(BlockedByPolicy):
            ada.submit(wanted)
        return
    sent = ada.submit(wanted)
    assert (STATUS[stricter], stricter) == (sent.status, sent.message.oversight_mode)


def test_the_overseer_of_a_monitored_mailbox_gets_a_copy_that_the_others_do_not_see(internet):
    bob, boss = internet.person(BOB), internet.person("boss@office.example")
    ada = internet.agent("ada", mode="monitored", overseer="Boss <boss@office.example>")
    sent = ada.send(to=BOB, subject="Tea?")
    assert bob.letter(sent).raw.endswith(sent.raw)
    assert boss.letter(sent).raw.endswith(sent.raw)
    assert b"boss" not in sent.raw


@pytest.mark.parametrize("address", ["boss@office.example", "BOSS@Office.Example"])
def test_an_overseer_who_is_written_to_anyway_gets_one_copy(internet, address):
    boss = internet.person("boss@office.example")
    internet.agent("ada", mode="monitored", overseer="boss@office.example").send(to=address, subject="Tea?")
    assert 1 == len(boss.inbox())


@pytest.mark.parametrize("to", [BOB, (BOB, "Boss@Office.example")])
def test_where_the_overseer_must_not_be_written_to_a_person_approves(internet, to):
    bob, boss = internet.person(BOB), internet.person("boss@office.example")
    suppress(internet, "boss@office.example")
    sent = internet.agent("ada", mode="monitored", overseer="boss@office.example").send(to=to, subject="Tea?")
    assert (MessageStatus.HELD, []) == (sent.status, bob.inbox())
    assert "its overseer must not be written to" in sent.approval.reasons[0]
    internet.approver().approve(sent)
    assert (1, []) == (len(bob.inbox()), boss.inbox())


def test_a_bounce_of_the_overseers_copy_ends_no_oversight(internet):
    """An agent sees the return paths of its own mail, and could have such a bounce made up."""
    bob, boss = internet.person(BOB), internet.person("boss@office.example")
    ada = internet.agent("ada", mode="monitored", overseer="boss@office.example")
    boss.bounce(ada.send(to=BOB, subject="Tea?"))
    assert MessageStatus.HELD is ada.send(to=BOB, subject="Tea again?").status
    assert ["Tea?"] == [letter.subject for letter in bob.inbox()]


def test_monitoring_that_nobody_does_is_gated(internet):
    """The mailbox has no overseer, so a request for monitoring asks a person instead."""
    sent = internet.agent("ada").submit(replace(TO_BOB, oversight_mode=OversightMode.MONITORED))
    assert MessageStatus.HELD is sent.status
    bob = internet.person(BOB)
    internet.approver().approve(sent)
    assert "Tea?" == bob.letter(sent).subject


# --- cancelling ---------------------------------------------------------------------------------------------------------


def test_what_has_not_left_can_be_cancelled_and_never_leaves(internet):
    bob, ada = internet.person(BOB), internet.agent("ada")
    queued = ada.submit(TO_BOB)
    scheduled = ada.submit(replace(TO_BOB, send_at=internet.clock.now() + HOUR))
    held = ada.submit(replace(TO_BOB, oversight_mode=OversightMode.GATED_SEND))
    for sent in (queued, scheduled, held):
        assert MessageStatus.CANCELLED is sent.cancel().status
    internet.pass_time(days=4)
    assert [] == bob.inbox()
    assert [MessageStatus.CANCELLED] * 3 == [sent.status for sent in (queued, scheduled, held)]
    assert [queued.id, scheduled.id, held.id] == [event.data["message_id"] for event in internet.events("message.cancelled")]
    assert ["message.queued", "message.cancelled"] == [entry.action for entry in internet.audit(subject=queued.id)]


def test_what_waits_for_another_try_can_be_cancelled(internet):
    bob = internet.person(BOB)
    bob.answers("451 4.7.1 later", times=1)
    sent = internet.agent("ada").submit(TO_BOB)
    internet.run()
    sent.cancel()
    internet.pass_time(hours=1)
    assert (MessageStatus.CANCELLED, []) == (sent.status, bob.inbox())


def test_recipients_who_were_reached_stay_reached(internet):
    bob, carol = internet.person(BOB), internet.person("carol@there.example")
    carol.answers("451 4.7.1 later")
    sent = internet.agent("ada").send(to=(BOB, "carol@there.example"), subject="Tea?")
    internet.run()
    sent.cancel()
    assert {BOB: "delivered", "carol@there.example": "cancelled"} == {
        address: row.status for address, row in sent.recipients.items()
    }
    assert (MessageStatus.CANCELLED, 1) == (sent.status, len(bob.inbox()))


def test_the_overseer_sees_what_was_sent_whatever_is_cancelled_then(internet):
    """Else an agent sends unseen: the overseer's host is slow for a minute, and the copy is cancelled."""
    bob, boss = internet.person(BOB), internet.person("boss@office.example")
    internet.host("office.example").goes_down()
    ada = internet.agent("ada", mode="monitored", overseer="boss@office.example")
    sent = ada.send(to=BOB, subject="Tea?")
    assert 1 == len(bob.inbox())
    with pytest.raises(NotPending):
        sent.cancel()
    internet.host("office.example").comes_up()
    internet.pass_time(hours=1)
    assert "Tea?" == boss.letter(sent).subject


@pytest.mark.parametrize("slow", ["carol@slow.example", "Carol@Bücher.example"])
def test_with_one_recipient_reached_the_others_can_be_cancelled_and_the_overseer_sees_it(internet, slow):
    bob, boss = internet.person(BOB), internet.person("boss@office.example")
    for domain in ("office.example", "slow.example", "xn--bcher-kva.example"):
        internet.host(domain).goes_down()
    sent = internet.agent("ada", mode="monitored", overseer="boss@office.example").send(to=(BOB, slow))
    assert 1 == len(bob.inbox())
    sent.cancel()
    assert ["delivered", "cancelled", "deferred"] == [one.status for one in sent.recipients.values()]
    internet.host("office.example").comes_up()
    internet.pass_time(hours=1)
    assert 1 == len(boss.inbox())


def test_what_nobody_got_the_overseer_does_not_get_either(internet):
    boss = internet.person("boss@office.example")
    ada = internet.agent("ada", mode="monitored", overseer="boss@office.example")
    sent = ada.submit(replace(TO_BOB, send_at=internet.clock.now() + HOUR))
    sent.cancel()
    internet.pass_time(hours=2)
    assert (MessageStatus.CANCELLED, []) == (sent.status, boss.inbox())


def test_what_is_over_can_not_be_cancelled(internet):
    internet.person(BOB)
    ada = internet.agent("ada")
    delivered = ada.submit(TO_BOB)
    bounced = ada.send(to="x@nowhere.example", subject="Tea?")
    cancelled = ada.submit(replace(TO_BOB, send_at=internet.clock.now() + HOUR))
    cancelled.cancel()
    rejected = ada.submit(replace(TO_BOB, oversight_mode=OversightMode.GATED_SEND))
    internet.approver().reject(rejected)
    internet.run()
    for sent in (delivered, bounced, cancelled, rejected):
        with pytest.raises(NotPending) as refused:
            sent.cancel()
        assert {"status": sent.status} == refused.value.details


def test_what_came_in_can_not_be_cancelled(internet):
    ada = internet.agent("ada")
    internet.person(BOB).write("ada@agents.example", "Tea?")
    with pytest.raises(NotPending, match="outgoing"):
        ada.inbox()[0].cancel()


def test_S26_nobody_cancels_the_mail_of_others(internet):
    sent = internet.agent("ada").submit(TO_BOB)
    rival = internet.tenant("rival.example").operator
    for caller in (internet.agent("eve").caller, rival):
        with pytest.raises(NotFound):
            internet.write(lambda tx, by=caller: sending.cancel(tx, internet.ports, by, sent.id))
    assert MessageStatus.QUEUED is sent.status
