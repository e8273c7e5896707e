"""The programs that write: names, client ids, and a switch that stops all that leaves them."""

from __future__ import annotations

import pytest

from mailwright.core import agents
from mailwright.core.accounts import ROLES, NewKey
from mailwright.core.agents import NewAgent
from mailwright.core.errors import AgentPaused, AlreadyExists, InvalidInput, NotFound
from mailwright.core.model import Active, Caller, MessageStatus, Role


def create(internet, wanted: NewAgent):
    return internet.write(lambda tx: agents.create(tx, internet.ports, internet.home.operator, wanted))


def bound(internet, **bounds: str) -> Caller:
    return Caller(internet.home.id, "key_1", Role.AGENT, ROLES[Role.AGENT], **bounds)


def page(internet, caller: Caller, after: str | None = None):
    return internet.do(agents.page(internet.ports, caller, after, 10))


def get(internet, caller: Caller, agent_id: str):
    return internet.do(agents.get(internet.ports, caller, agent_id))


def test_a_new_agent_works_and_stands_in_the_log(internet):
    agent = create(internet, NewAgent("ada", "boss@example.com"))
    assert (Active.ACTIVE, "boss@example.com", internet.clock.now()) == (agent.status, agent.responsible, agent.created_at)
    assert ["agent.created"] == [entry.action for entry in internet.audit(subject=agent.id)]
    assert agent == get(internet, internet.home.operator, agent.id)


@pytest.mark.parametrize("name", ["a", "Ada.Lovelace_2-x", "0", "a" * 64])
def test_names_that_can_travel_in_a_header(internet, name):
    assert name == create(internet, NewAgent(name)).name


@pytest.mark.parametrize("name", ["", "-a", "a-", ".a", "a.", "a b", "a;b", "ä", "a\n", "a" * 65, "a\r\nX: y"])
def test_names_that_can_not(internet, name):
    with pytest.raises(InvalidInput, match="name"):
        create(internet, NewAgent(name))


def test_a_name_is_taken_once_in_a_tenant(internet):
    create(internet, NewAgent("ada"))
    with pytest.raises(AlreadyExists):
        create(internet, NewAgent("ada"))
    rival = internet.tenant("rival.example")
    assert "ada" == internet.write(lambda tx: agents.create(tx, internet.ports, rival.operator, NewAgent("ada"))).name


def test_the_same_client_id_gives_the_same_agent(internet):
    first = create(internet, NewAgent("ada", client_id="c1"))
    assert first == create(internet, NewAgent("other", client_id="c1"))
    assert first.id != create(internet, NewAgent("other", client_id="c2")).id


def test_who_answers_for_an_agent_can_be_changed(internet):
    agent = create(internet, NewAgent("ada"))
    changed = internet.write(
        lambda tx: agents.set_responsible(tx, internet.ports, internet.home.operator, agent.id, "new@example.com")
    )
    assert changed == get(internet, internet.home.operator, agent.id)
    assert "new@example.com" == changed.responsible


def test_S26_agents_of_another_tenant_are_not_there(internet):
    rival = internet.tenant("rival.example")
    agent = create(internet, NewAgent("ada"))
    with pytest.raises(NotFound):
        get(internet, rival.operator, agent.id)
    assert [] == page(internet, rival.operator)


def test_S26_a_bound_key_sees_its_own_agent_and_no_other(internet):
    ada, eve = internet.agent("ada").mailbox, internet.agent("eve").mailbox
    for caller in (bound(internet, mailbox_id=ada.id), bound(internet, agent_id=ada.agent_id)):
        assert [ada.agent_id] == [agent.id for agent in page(internet, caller)]
        assert [] == page(internet, caller, ada.agent_id)
        assert ada.agent_id == get(internet, caller, ada.agent_id).id
        with pytest.raises(NotFound):
            get(internet, caller, eve.agent_id)
    assert [] == page(internet, bound(internet, mailbox_id=ada.id, agent_id=eve.agent_id))
    assert {ada.agent_id, eve.agent_id} == {agent.id for agent in page(internet, internet.home.operator)}


@pytest.mark.parametrize("bounds", [{"mailbox_id": "mbx_gone"}, {"agent_id": "agt_gone"}])
def test_a_key_whose_bounds_are_gone_sees_no_agent(internet, bounds):
    ada = internet.agent("ada").mailbox
    with pytest.raises(NotFound):
        get(internet, bound(internet, **bounds), ada.agent_id)


def test_a_paused_agent_sends_nothing_and_is_told_so(internet):
    ada = internet.agent("ada")
    ada.pause()
    with pytest.raises(AgentPaused):
        ada.send(to="bob@there.example", subject="Tea?")
    ada.resume()
    assert MessageStatus.QUEUED is ada.send(to="bob@there.example", subject="Tea?").status


def test_what_a_paused_agent_has_queued_waits_and_leaves_when_it_is_resumed(internet):
    bob, ada = internet.person("bob@there.example"), internet.agent("ada")
    sent = ada.send(to="bob@there.example", subject="Tea?")
    ada.pause()
    internet.pass_time(hours=3)
    assert (MessageStatus.QUEUED, []) == (sent.status, bob.inbox())
    ada.resume()
    internet.pass_time(minutes=5)
    assert (MessageStatus.DELIVERED, 1) == (sent.status, sent.recipients["bob@there.example"].attempts)


def test_pausing_and_resuming_are_told_once_for_each_mailbox(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    for _ in range(2):
        ada.pause()
    for _ in range(2):
        ada.resume()
    told = [(event.type, event.mailbox_id) for event in internet.events("mailbox.paused", "mailbox.resumed")]
    assert [("mailbox.paused", ada.mailbox_id), ("mailbox.resumed", ada.mailbox_id)] == told
    assert Active.ACTIVE is eve.mailbox.status
    assert ["agent.created", "agent.paused", "agent.active"] == [
        entry.action for entry in internet.audit(subject=ada.mailbox.agent_id)
    ]


def test_a_paused_agent_still_gets_mail(internet):
    ada = internet.agent("ada")
    ada.pause()
    assert internet.person("bob@there.example").write("ada@agents.example", "Tea?").accepted
    assert ["Tea?"] == [mail.subject for mail in ada.inbox()]


def test_a_key_may_be_bound_to_an_agent(internet):
    ada = internet.agent("ada")
    secret = internet.home.seat.new_key(NewKey("k", Role.AGENT, agent_id=ada.mailbox.agent_id))
    assert [ada.mailbox.agent_id] == [agent.id for agent in page(internet, internet.home.seat.sit_down(secret))]
