"""Agents: the programs that write, each answerable to somebody.

Pausing an agent stops everything that leaves its mailboxes, what is queued included, until a person resumes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mailwright.core import audit
from mailwright.core.accounts import owns
from mailwright.core.errors import AlreadyExists, InvalidInput, NotFound
from mailwright.core.events import EventType, publish
from mailwright.core.model import Active, Agent, Caller
from mailwright.core.ports import Ports, Taken, Tx

# The public name of an agent travels in the Agent-Identity field, whose grammar this is.
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class NewAgent:
    """What a new agent shall be; `responsible` is the address of whoever answers for it."""

    name: str
    responsible: str | None = None
    client_id: str | None = None


async def create(tx: Tx, ports: Ports, caller: Caller, wanted: NewAgent) -> Agent:
    """Make an agent; with a client_id seen before, the one that it made then."""
    if wanted.client_id and (known := await tx.agents.by_client_id(caller.tenant_id, wanted.client_id)):
        return known
    if not NAME.fullmatch(wanted.name):
        raise InvalidInput.at("name", "1 to 64 letters, digits, dots, underscores and hyphens; no hyphen or dot at the ends")
    agent = Agent(
        id=ports.ids.new("agt"),
        tenant_id=caller.tenant_id,
        name=wanted.name,
        status=Active.ACTIVE,
        created_at=ports.clock.now(),
        responsible=wanted.responsible,
        client_id=wanted.client_id,
    )
    try:
        await tx.agents.add(agent)
    except Taken:
        raise AlreadyExists(f"There is an agent named {wanted.name} already.") from None
    await audit.record(tx, ports, caller, "agent.created", agent.id)
    return agent


async def load(tx: Tx, caller: Caller, agent_id: str) -> Agent:
    """The agent, by id; NotFound where the caller may not know of it."""
    agent = await tx.agents.get(caller.tenant_id, agent_id)
    if agent is None or (caller.bound and agent.id != await _own(tx, caller)):
        raise NotFound(f"There is no agent {agent_id[:40]}.")
    return agent


async def _own(tx: Tx, caller: Caller) -> str | None:
    """The agent whose key a bound caller holds: by itself, or by its mailbox."""
    if caller.mailbox_id is None:
        return caller.agent_id
    mailbox = await tx.mailboxes.get(caller.tenant_id, caller.mailbox_id)
    return mailbox.agent_id if mailbox is not None and owns(caller, mailbox) else None


async def get(ports: Ports, caller: Caller, agent_id: str) -> Agent:
    """The agent, by id."""
    return await ports.store.read(lambda tx: load(tx, caller, agent_id))


async def page(ports: Ports, caller: Caller, after: str | None, limit: int) -> list[Agent]:
    """The tenant's agents; a bound caller sees its own alone."""
    if caller.bound:
        own = await ports.store.read(lambda tx: _own(tx, caller))
        return [await get(ports, caller, own)] if own is not None and not after else []
    return await ports.store.browse(lambda tx: tx.agents.page(caller.tenant_id, after, limit))


async def set_responsible(tx: Tx, ports: Ports, caller: Caller, agent_id: str, responsible: str | None) -> Agent:
    """Change who answers for an agent."""
    agent = replace(await load(tx, caller, agent_id), responsible=responsible)
    await tx.agents.put(agent)
    await audit.record(tx, ports, caller, "agent.changed", agent.id)
    return agent


async def pause(tx: Tx, ports: Ports, caller: Caller, agent_id: str) -> Agent:
    """Stop everything that leaves the agent's mailboxes; what is queued waits."""
    return await _set_status(tx, ports, caller, agent_id, Active.PAUSED)


async def resume(tx: Tx, ports: Ports, caller: Caller, agent_id: str) -> Agent:
    """Let a paused agent send again; what waited in the queue leaves."""
    return await _set_status(tx, ports, caller, agent_id, Active.ACTIVE)


async def _set_status(tx: Tx, ports: Ports, caller: Caller, agent_id: str, status: Active) -> Agent:
    agent = await load(tx, caller, agent_id)
    if agent.status is status:
        return agent
    agent = replace(agent, status=status)
    await tx.agents.put(agent)
    event = EventType.MAILBOX_PAUSED if status is Active.PAUSED else EventType.MAILBOX_RESUMED
    for mailbox in await tx.mailboxes.of_agent(caller.tenant_id, agent.id):
        await tx.mailboxes.put(replace(mailbox, status=status))
        data = {"mailbox_id": mailbox.id, "agent_id": agent.id}
        await publish(tx, ports, event, tenant_id=caller.tenant_id, mailbox_id=mailbox.id, data=data)
    await audit.record(tx, ports, caller, f"agent.{status.value}", agent.id)
    return agent
