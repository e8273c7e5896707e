"""Operations on agents and mailboxes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from mailwright.contract.operations.listing import Listing, listed
from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.resources import mailboxes as shown
from mailwright.contract.resources.page import Page
from mailwright.contract.scalars import ONE_LINE, ClientId, Id, Line, doc
from mailwright.core import agents, mailboxes
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller, OversightMode, Permission
from mailwright.core.ports import Ports, Tx

Address = Annotated[str, Meta(min_length=1, max_length=320, pattern=ONE_LINE)]


class AgentCreate(Struct, frozen=True, forbid_unknown_fields=True):
    """An agent to be made."""

    name: Annotated[Line, doc("Its public name: 1 to 64 letters, digits, dots, underscores, hyphens.", example="ada")]
    responsible: Annotated[Address | None, doc("Who answers for it.", example="grace@example.com")] = None
    client_id: Annotated[ClientId | None, doc("Your own id: asking again with it gives the agent made the first time.")] = None


class AgentId(Struct, frozen=True, forbid_unknown_fields=True):
    """One agent."""

    agent_id: Annotated[Id, doc("The agent's id.")]


class AgentChange(AgentId, frozen=True, forbid_unknown_fields=True):
    """What shall be different about an agent."""

    responsible: Annotated[Address | UnsetType | None, doc("Who answers for it; null: nobody is named.")] = UNSET


class MailboxCreate(Struct, frozen=True, forbid_unknown_fields=True):
    """A mailbox to be made."""

    address: Annotated[
        Address | None,
        doc(
            "Its address, on a domain of yours. Left out, a name is drawn on the domain that you verified first.",
            example="ada@agents.example.com",
        ),
    ] = None
    username: Annotated[Address | None, doc("Instead of `address`: what stands before the @; left out, it is drawn.")] = None
    domain: Annotated[Address | None, doc("Instead of `address`: what stands after it; left out, as above.")] = None
    display_name: Annotated[Line, doc("The name before the address in From.", example="Ada")] = ""
    agent_id: Annotated[Id | None, doc("The agent that writes from it; left out, one named after the address is made.")] = None
    oversight_mode: Annotated[OversightMode, doc("How much a person stands between the agent and its mail.")] = (
        OversightMode.GATED_SEND
    )
    overseer: Annotated[Address | None, doc("Who gets a copy of what a `monitored` mailbox sends.")] = None
    at_most_once: Annotated[bool, doc("Never try again where the outcome is unknown: rather lost than twice.")] = False
    client_id: Annotated[ClientId | None, doc("Your own id: asking again with it gives the mailbox made the first time.")] = (
        None
    )


class MailboxId(Struct, frozen=True, forbid_unknown_fields=True):
    """One mailbox."""

    mailbox_id: Annotated[Id, doc("The mailbox's id.")]


class MailboxChange(MailboxId, frozen=True, forbid_unknown_fields=True):
    """What shall be different about a mailbox; what is left out stays."""

    display_name: Annotated[Line | None, doc("The name before the address in From.")] = None
    oversight_mode: Annotated[OversightMode | None, doc("Any key may tighten it; only an operator's loosens it.")] = None
    overseer: Annotated[Address | None, doc("Who gets a copy of what a `monitored` mailbox sends.")] = None
    at_most_once: Annotated[bool | None, doc("Never try again where the outcome is unknown.")] = None


async def _create_agent(tx: Tx, ports: Ports, caller: Caller, given: AgentCreate) -> shown.Agent:
    wanted = agents.NewAgent(given.name, given.responsible, given.client_id)
    return shown.agent(await agents.create(tx, ports, caller, wanted))


async def _list_agents(ports: Ports, caller: Caller, given: Listing) -> Page[shown.Agent]:
    return await listed(given, "agt", lambda after, limit: agents.page(ports, caller, after, limit), shown.agent)


async def _get_agent(ports: Ports, caller: Caller, given: AgentId) -> shown.Agent:
    return shown.agent(await agents.get(ports, caller, given.agent_id))


async def _change_agent(tx: Tx, ports: Ports, caller: Caller, given: AgentChange) -> shown.Agent:
    if isinstance(given.responsible, UnsetType):
        return shown.agent(await agents.load(tx, caller, given.agent_id))
    return shown.agent(await agents.set_responsible(tx, ports, caller, given.agent_id, given.responsible))


async def _pause_agent(tx: Tx, ports: Ports, caller: Caller, given: AgentId) -> shown.Agent:
    return shown.agent(await agents.pause(tx, ports, caller, given.agent_id))


async def _resume_agent(tx: Tx, ports: Ports, caller: Caller, given: AgentId) -> shown.Agent:
    return shown.agent(await agents.resume(tx, ports, caller, given.agent_id))


async def _create_mailbox(tx: Tx, ports: Ports, caller: Caller, given: MailboxCreate) -> shown.Mailbox:
    if given.address is not None and (given.username is not None or given.domain is not None):
        raise InvalidInput.at("address", "give it whole, or as `username` and `domain`, not both")
    wanted = mailboxes.NewMailbox(
        address=given.address,
        username=given.username,
        domain=given.domain,
        display_name=given.display_name,
        agent_id=given.agent_id,
        oversight_mode=given.oversight_mode,
        overseer=given.overseer,
        at_most_once=given.at_most_once,
        client_id=given.client_id,
    )
    return shown.mailbox(await mailboxes.create(tx, ports, caller, wanted))


async def _list_mailboxes(ports: Ports, caller: Caller, given: Listing) -> Page[shown.Mailbox]:
    return await listed(given, "mbx", lambda after, limit: mailboxes.page(ports, caller, after, limit), shown.mailbox)


async def _get_mailbox(ports: Ports, caller: Caller, given: MailboxId) -> shown.Mailbox:
    return shown.mailbox(await mailboxes.get(ports, caller, given.mailbox_id))


async def _change_mailbox(tx: Tx, ports: Ports, caller: Caller, given: MailboxChange) -> shown.Mailbox:
    change = mailboxes.MailboxChange(given.display_name, given.oversight_mode, given.overseer, given.at_most_once)
    return shown.mailbox(await mailboxes.change(tx, ports, caller, given.mailbox_id, change))


async def _remove_mailbox(tx: Tx, ports: Ports, caller: Caller, given: MailboxId) -> None:
    await mailboxes.remove(tx, ports, caller, given.mailbox_id)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="agents.create",
        summary="Make an agent",
        permission=Permission.AGENTS_MANAGE,
        method="POST",
        path="/v1/agents",
        status=201,
        input=AgentCreate,
        output=shown.Agent,
        act=_create_agent,
        tool="create_agent",
        command="agents create",
        examples=(Example("An agent and who answers for it", {"name": "grace", "responsible": "ops@example.com"}),),
    ),
    Operation(
        name="agents.list",
        summary="List agents",
        permission=Permission.AGENTS_READ,
        method="GET",
        path="/v1/agents",
        input=Listing,
        output=Page[shown.Agent],
        read=_list_agents,
        tool="list_agents",
        command="agents list",
    ),
    Operation(
        name="agents.get",
        summary="Read an agent",
        permission=Permission.AGENTS_READ,
        method="GET",
        path="/v1/agents/{agent_id}",
        input=AgentId,
        output=shown.Agent,
        read=_get_agent,
        tool="get_agent",
        command="agents show",
    ),
    Operation(
        name="agents.change",
        summary="Change who answers for an agent",
        permission=Permission.AGENTS_MANAGE,
        method="PATCH",
        path="/v1/agents/{agent_id}",
        input=AgentChange,
        output=shown.Agent,
        act=_change_agent,
        tool="change_agent",
        command="agents change",
        examples=(Example("Name somebody", {"responsible": "ops@example.com"}),),
    ),
    Operation(
        name="agents.pause",
        summary="Stop everything that leaves an agent's mailboxes",
        permission=Permission.AGENTS_MANAGE,
        method="POST",
        path="/v1/agents/{agent_id}/pause",
        input=AgentId,
        output=shown.Agent,
        act=_pause_agent,
        tool="pause_agent",
        command="agents pause",
        notes="What is queued waits until a person resumes the agent.",
    ),
    Operation(
        name="agents.resume",
        summary="Let a paused agent send again",
        permission=Permission.AGENTS_MANAGE,
        method="POST",
        path="/v1/agents/{agent_id}/resume",
        input=AgentId,
        output=shown.Agent,
        act=_resume_agent,
        tool="resume_agent",
        command="agents resume",
    ),
    Operation(
        name="mailboxes.create",
        summary="Make a mailbox",
        permission=Permission.MAILBOXES_MANAGE,
        method="POST",
        path="/v1/mailboxes",
        status=201,
        input=MailboxCreate,
        output=shown.Mailbox,
        act=_create_mailbox,
        tool="create_mailbox",
        command="mailboxes create",
        examples=(
            Example("A mailbox whose mail a person approves", {"address": "bob@agents.example.com", "display_name": "Bob"}),
        ),
        notes="A new mailbox starts `gated_send`: a person approves what it sends.",
    ),
    Operation(
        name="mailboxes.list",
        summary="List mailboxes",
        permission=Permission.MAILBOXES_READ,
        method="GET",
        path="/v1/mailboxes",
        input=Listing,
        output=Page[shown.Mailbox],
        read=_list_mailboxes,
        tool="list_mailboxes",
        command="mailboxes list",
    ),
    Operation(
        name="mailboxes.get",
        summary="Read a mailbox",
        permission=Permission.MAILBOXES_READ,
        method="GET",
        path="/v1/mailboxes/{mailbox_id}",
        input=MailboxId,
        output=shown.Mailbox,
        read=_get_mailbox,
        tool="get_mailbox",
        command="mailboxes show",
    ),
    Operation(
        name="mailboxes.change",
        summary="Change a mailbox, or tighten its oversight",
        permission=Permission.MAILBOXES_READ,
        method="PATCH",
        path="/v1/mailboxes/{mailbox_id}",
        input=MailboxChange,
        output=shown.Mailbox,
        act=_change_mailbox,
        tool="change_mailbox",
        command="mailboxes change",
        examples=(Example("Let nothing out for now", {"oversight_mode": "read_only"}),),
        notes="Whoever may read a mailbox may tighten its oversight; everything else needs `mailboxes:manage`. A change "
        "releases nothing that was held before. Tightening reaches what is queued, too: what the mailbox may no longer send by "
        "itself waits, until it may again or somebody cancels it.",
    ),
    Operation(
        name="mailboxes.remove",
        summary="Take an address away",
        permission=Permission.MAILBOXES_MANAGE,
        method="DELETE",
        path="/v1/mailboxes/{mailbox_id}",
        status=204,
        input=MailboxId,
        output=None,
        act=_remove_mailbox,
        destructive=True,
        tool="remove_mailbox",
        command="mailboxes remove",
        notes="Mail to the address is refused from now on.",
    ),
)
