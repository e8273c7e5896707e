"""Mailboxes: whose addresses they are, how tightly they are overseen, and who may change that."""

from __future__ import annotations

import pytest

from mailwright.core import agents, mailboxes
from mailwright.core.accounts import ROLES
from mailwright.core.errors import AgentPaused, AlreadyExists, InvalidInput, MissingPermission, NotFound
from mailwright.core.mailboxes import MailboxChange, NewMailbox
from mailwright.core.model import Active, Caller, OversightMode, Role
from mailwright.core.sending import Wanted

GATED, MONITORED, AUTONOMOUS = OversightMode.GATED_SEND, OversightMode.MONITORED, OversightMode.AUTONOMOUS


def create(internet, wanted: NewMailbox, caller: Caller | None = None):
    by = caller or internet.home.operator
    return internet.write(lambda tx: mailboxes.create(tx, internet.ports, by, wanted))


def change(internet, mailbox_id: str, wanted: MailboxChange, caller: Caller | None = None):
    by = caller or internet.home.operator
    return internet.write(lambda tx: mailboxes.change(tx, internet.ports, by, mailbox_id, wanted))


def remove(internet, mailbox_id: str, caller: Caller | None = None):
    by = caller or internet.home.operator
    internet.write(lambda tx: mailboxes.remove(tx, internet.ports, by, mailbox_id))


def page(internet, caller: Caller, after: str | None = None):
    return [box.id for box in internet.do(mailboxes.page(internet.ports, caller, after, 10))]


def bound(internet, **bounds: str) -> Caller:
    return Caller(internet.home.id, "key_1", Role.AGENT, ROLES[Role.AGENT], **bounds)


def agent_of(internet, mailbox):
    return internet.do(agents.get(internet.ports, internet.home.operator, mailbox.agent_id))


def test_a_new_mailbox_is_gated_told_and_logged(internet):
    box = create(internet, NewMailbox("Ada <Ada@Agents.Example>", " Ada "))
    assert ("ada@agents.example", "Ada", GATED, Active.ACTIVE) == (
        box.address,
        box.display_name,
        box.oversight_mode,
        box.status,
    )
    assert (1, 1, internet.clock.now() // 1000) == (box.uid_next, box.modseq, box.uid_validity)
    (event,) = internet.events("mailbox.created")
    assert (box.id, "ada@agents.example") == (event.mailbox_id, event.data["address"])
    assert ["mailbox.created"] == [entry.action for entry in internet.audit(subject=box.id)]


def test_a_mailbox_gets_an_agent_of_its_name_or_the_one_that_is_asked_for(internet):
    first = create(internet, NewMailbox("ada@agents.example"))
    assert "ada" == agent_of(internet, first).name
    second = create(internet, NewMailbox("billing@agents.example", agent_id=first.agent_id))
    assert first.agent_id == second.agent_id
    with pytest.raises(NotFound):
        create(internet, NewMailbox("x@agents.example", agent_id="agt_x"))


def test_a_name_that_is_taken_or_unfit_for_an_agent_gets_another_one(internet):
    internet.home.add_domain("other.example")
    create(internet, NewMailbox("ada@agents.example"))
    assert agent_of(internet, create(internet, NewMailbox("ada@other.example"))).name.startswith("ada-")
    assert "a-b" == agent_of(internet, create(internet, NewMailbox("a+b@agents.example"))).name
    assert "agent" == agent_of(internet, create(internet, NewMailbox("+@agents.example"))).name


def test_a_new_mailbox_of_a_paused_agent_is_paused_too(internet):
    ada = internet.agent("ada")
    ada.pause()
    second = create(internet, NewMailbox("ada2@agents.example", agent_id=ada.mailbox.agent_id, oversight_mode=AUTONOMOUS))
    with pytest.raises(AgentPaused):
        internet.home.agent_at(second.id).send(to="bob@there.example", subject="Tea?")
    ada.resume()
    assert Active.ACTIVE is internet.home.agent_at(second.id).mailbox.status


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (NewMailbox("nobody"), "address"),
        (NewMailbox("a@b@agents.example"), "address"),
        (NewMailbox("ada@nowhere.example"), "address"),
        (NewMailbox("ada@rival.example"), "address"),
        (NewMailbox("ada@sub.agents.example"), "address"),
        (NewMailbox("ada@agents.example", "two\nlines"), "display_name"),
        (NewMailbox("ada@agents.example", "x" * 201), "display_name"),
        (NewMailbox("ada@agents.example", oversight_mode=MONITORED), "overseer"),
        (NewMailbox("ada@agents.example", oversight_mode=MONITORED, overseer="nobody"), "overseer"),
    ],
)
def test_what_can_not_be_a_mailbox_is_refused_by_field(internet, wanted, path):
    internet.tenant("rival.example")
    with pytest.raises(InvalidInput) as refused:
        create(internet, wanted)
    assert [path] == [one["path"] for one in refused.value.details]


@pytest.mark.parametrize("address", ["ada@agents.example", "ADA@AGENTS.EXAMPLE"])
def test_an_address_is_taken_once_in_whatever_case(internet, address):
    internet.agent("ada")
    with pytest.raises(AlreadyExists):
        create(internet, NewMailbox(address))


def test_the_same_client_id_gives_the_same_mailbox(internet):
    first = create(internet, NewMailbox("ada@agents.example", client_id="c1"))
    assert first == create(internet, NewMailbox("other@agents.example", client_id="c1"))


def test_mailboxes_are_listed_as_far_as_the_caller_may_see_them(internet):
    ada, eve = internet.agent("ada").mailbox, internet.agent("eve").mailbox
    second = create(internet, NewMailbox("ada2@agents.example", agent_id=ada.agent_id))
    rival = internet.tenant("rival.example")
    assert [ada.id, eve.id, second.id] == page(internet, internet.home.operator)
    assert [eve.id, second.id] == page(internet, internet.home.operator, ada.id)
    assert [] == page(internet, rival.operator)
    assert [eve.id] == page(internet, bound(internet, mailbox_id=eve.id))
    assert [] == page(internet, bound(internet, mailbox_id=eve.id), eve.id)
    assert [ada.id, second.id] == page(internet, bound(internet, agent_id=ada.agent_id))
    assert [second.id] == page(internet, bound(internet, agent_id=ada.agent_id), ada.id)


# --- changing -----------------------------------------------------------------------------------------------------------


def test_an_operator_changes_everything(internet):
    ada = internet.agent("ada")
    wanted = MailboxChange("Ada L.", MONITORED, "Boss <Boss@Example.com>", True)
    changed = change(internet, ada.mailbox_id, wanted)
    assert ("Ada L.", MONITORED, "boss@example.com", True) == (
        changed.display_name,
        changed.oversight_mode,
        changed.overseer,
        changed.at_most_once,
    )
    assert changed == ada.mailbox
    assert {"mode": "monitored"} == internet.audit(subject=ada.mailbox_id, action="mailbox.changed")[0].data


def test_what_is_left_out_stays(internet):
    ada = internet.agent("ada", mode="monitored", overseer="boss@example.com", at_most_once=True)
    before = ada.mailbox
    assert before == change(internet, ada.mailbox_id, MailboxChange())


@pytest.mark.parametrize("own", list(OversightMode))
@pytest.mark.parametrize("asked", list(OversightMode))
def test_an_agent_may_tighten_its_oversight_and_never_loosen_it(internet, own, asked):
    ada = internet.agent("ada", mode=own, overseer="boss@example.com")
    if asked.autonomy <= own.autonomy:
        assert asked is change(internet, ada.mailbox_id, MailboxChange(oversight_mode=asked), ada.caller).oversight_mode
        return
    with pytest.raises(MissingPermission) as refused:
        change(internet, ada.mailbox_id, MailboxChange(oversight_mode=asked), ada.caller)
    assert {"permission": "mailboxes:manage"} == refused.value.details
    assert own is ada.mailbox.oversight_mode


@pytest.mark.parametrize(
    "wanted", [MailboxChange(display_name="x"), MailboxChange(overseer="x@example.com"), MailboxChange(at_most_once=True)]
)
def test_an_agent_changes_nothing_else(internet, wanted):
    ada = internet.agent("ada")
    with pytest.raises(MissingPermission):
        change(internet, ada.mailbox_id, wanted, ada.caller)


def test_monitoring_needs_somebody_who_looks(internet):
    ada = internet.agent("ada")
    with pytest.raises(InvalidInput, match="overseer"):
        change(internet, ada.mailbox_id, MailboxChange(oversight_mode=MONITORED), ada.caller)


def test_S26_mailboxes_of_others_are_not_there(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    rival = internet.tenant("rival.example").operator
    for caller in (rival, eve.caller):
        with pytest.raises(NotFound):
            change(internet, ada.mailbox_id, MailboxChange(oversight_mode=OversightMode.READ_ONLY), caller)
        with pytest.raises(NotFound):
            remove(internet, ada.mailbox_id, caller)
        with pytest.raises(NotFound):
            internet.do(mailboxes.get(internet.ports, caller, ada.mailbox_id))


# --- removing -----------------------------------------------------------------------------------------------------------


def test_mail_to_a_removed_mailbox_is_refused_and_what_it_had_stays_readable(internet):
    ada, bob = internet.agent("ada"), internet.person("bob@there.example")
    bob.write("ada@agents.example", "Tea?")
    (mail,) = ada.inbox()
    remove(internet, ada.mailbox_id)
    assert "5.1.1" == bob.write("ada@agents.example", "Again?").outcome.enhanced
    assert ("Tea?", ["mailbox.created", "mailbox.removed"]) == (
        mail.subject,
        [entry.action for entry in internet.audit(subject=ada.mailbox_id)],
    )
    with pytest.raises(NotFound):
        ada.read(mail)
    with pytest.raises(NotFound):
        remove(internet, ada.mailbox_id)


def test_what_waits_of_a_removed_mailbox_ends_at_once_and_is_told(internet):
    bob = internet.person("bob@there.example")
    ada, eve = internet.agent("ada"), internet.agent("eve", mode="gated_send")
    scheduled = ada.submit(Wanted(to=("bob@there.example",), text="?", send_at=internet.clock.now() + 86_400_000))
    held = eve.send(to="bob@there.example", subject="Tea!")
    kept = internet.agent("dan", mode="gated_send").send(to="bob@there.example", subject="Tea.")
    remove(internet, ada.mailbox_id)
    remove(internet, eve.mailbox_id)
    internet.pass_time(minutes=2)
    assert ("cancelled", "expired", "held") == (scheduled.status, held.status, kept.status)
    told = internet.events("message.cancelled", "approval.expired")
    assert {("message.cancelled", ada.mailbox_id), ("approval.expired", eve.mailbox_id)} == {
        (event.type, event.mailbox_id) for event in told
    }
    assert [] == bob.inbox()


def test_a_removed_address_may_be_given_again_without_its_old_mail(internet):
    ada, bob = internet.agent("ada"), internet.person("bob@there.example")
    bob.write("ada@agents.example", "Tea?")
    remove(internet, ada.mailbox_id)
    fresh = internet.home.agent_at(create(internet, NewMailbox("ada@agents.example")).id)
    assert [] == fresh.inbox()
    bob.write("ada@agents.example", "Hello")
    assert ["Hello"] == [mail.subject for mail in fresh.inbox()]
