"""Agents and their mailboxes, as told to callers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339
from mailwright.core import model
from mailwright.core.model import Active, OversightMode


class Agent(Struct, frozen=True, kw_only=True):
    """A program that writes mail, answerable to somebody."""

    id: Annotated[str, doc("The agent's id.", example="agt_5qm3tk8v0w1x2y3z4a5b")]
    name: Annotated[str, doc("Its public name.", example="ada")]
    status: Annotated[Active, doc("`paused`: nothing leaves its mailboxes until a person resumes it.")]
    responsible: Annotated[str | None, doc("The address of whoever answers for it.", example="grace@example.com")]
    created_at: Annotated[Time, doc("When it was made.")]
    client_id: Annotated[str | None, doc("The id that its maker gave it.")]


class Mailbox(Struct, frozen=True, kw_only=True):
    """An address with its mail."""

    id: Annotated[str, doc("The mailbox's id.", example="mbx_5qm3tk8v0w1x2y3z4a5b")]
    address: Annotated[str, doc("Its address.", example="ada@agents.example.com")]
    display_name: Annotated[str, doc("The name before the address in From.", example="Ada")]
    agent_id: Annotated[str, doc("The agent that writes from it.")]
    domain_id: Annotated[str, doc("The domain of its address.")]
    oversight_mode: Annotated[OversightMode, doc("How much a person stands between the agent and its mail.")]
    overseer: Annotated[str | None, doc("Who gets a copy of what a `monitored` mailbox sends.")]
    status: Annotated[Active, doc("`paused`: nothing leaves it.")]
    at_most_once: Annotated[bool, doc("Never try again where the outcome is unknown: rather lost than twice.")]
    created_at: Annotated[Time, doc("When it was made.")]
    client_id: Annotated[str | None, doc("The id that its maker gave it.")]


def agent(row: model.Agent) -> Agent:
    """An agent, as told."""
    return Agent(
        id=row.id,
        name=row.name,
        status=row.status,
        responsible=row.responsible,
        created_at=rfc3339(row.created_at),
        client_id=row.client_id,
    )


def mailbox(row: model.Mailbox) -> Mailbox:
    """A mailbox, as told."""
    return Mailbox(
        id=row.id,
        address=row.address,
        display_name=row.display_name,
        agent_id=row.agent_id,
        domain_id=row.domain_id,
        oversight_mode=row.oversight_mode,
        overseer=row.overseer,
        status=row.status,
        at_most_once=row.at_most_once,
        created_at=rfc3339(row.created_at),
        client_id=row.client_id,
    )
