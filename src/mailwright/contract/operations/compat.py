"""Shapes that users of other services already run against: thin routes over the same verbs, and as strict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, field

from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.operations.sending import HELD, Address, Addresses, Writing, forget, named, wanted
from mailwright.contract.resources import sent as shown
from mailwright.contract.resources.sent import SentEmail
from mailwright.contract.scalars import Id, Line, doc
from mailwright.core import accounts, answering, mailboxes, messages, sending
from mailwright.core.errors import FromNotOwned, InvalidInput
from mailwright.core.model import Caller, Mailbox, Permission
from mailwright.core.ports import Ports, Tx
from mailwright.mail.address import InvalidAddress, parse_mailbox

AgentName = Annotated[str, Meta(min_length=1, max_length=64)]


class SendEmail(Writing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new message. The mailbox is the one of `from`, of the key, or of `agent_id`; never one that the key does not own."""

    from_: Annotated[
        Address | None,
        doc("The address of a mailbox that the key owns; left out, the key's only one.", example="ada@agents.example.com"),
    ] = field(default=None, name="from")
    to: Annotated[Addresses, doc("Whom it is for; one address or a list.", example="bob@there.example")] = ()
    subject: Annotated[Line, doc("Its subject.", example="Tea?")] = ""
    agent_id: Annotated[AgentName | None, doc("The id or the name of the agent that writes; it must be the mailbox's.")] = None


class ReplyEmail(Writing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer to whoever wrote a message."""

    message_id: Annotated[Id, doc("The message that is answered.")]
    to: Annotated[Addresses, doc("Who else it is for.")] = ()
    subject: Annotated[Line, doc("Another subject than the original's.")] = ""
    agent_id: Annotated[AgentName | None, doc("The id or the name of the agent that writes; it must be the mailbox's.")] = None


@dataclass(frozen=True, slots=True)
class _Composed:
    prepared: sending.Prepared
    domain_id: str


async def _compose(ports: Ports, caller: Caller, given: SendEmail) -> _Composed:
    mailbox = await _chosen(ports, caller, given)
    await _check_agent(ports, caller, mailbox, given.agent_id)
    what = wanted(given, to=given.to, subject=given.subject)
    return _Composed(await named(sending.prepare(ports, caller, mailbox.id, what), given), mailbox.domain_id)


async def _compose_reply(ports: Ports, caller: Caller, given: ReplyEmail) -> _Composed:
    original = await messages.get(ports, caller, given.message_id)
    mailbox = await mailboxes.get(ports, caller, original.mailbox_id)
    await _check_agent(ports, caller, mailbox, given.agent_id)
    what = wanted(given, to=given.to, subject=given.subject)
    composing = answering.prepare_reply(ports, caller, given.message_id, what)
    return _Composed(await named(composing, given), mailbox.domain_id)


async def _chosen(ports: Ports, caller: Caller, given: SendEmail) -> Mailbox:
    if given.from_ is not None:
        return await _owned(ports, caller, given.from_)
    if caller.mailbox_id is not None:
        return await mailboxes.get(ports, caller, caller.mailbox_id)
    agent_id = caller.agent_id or given.agent_id
    found: list[Mailbox] = []
    if agent_id is not None:
        found = await ports.store.read(lambda tx: tx.mailboxes.of_agent(caller.tenant_id, agent_id))
    if len(found) != 1:
        raise InvalidInput.at("from", "this key does not stand for exactly one mailbox: give its address")
    return found[0]


async def _owned(ports: Ports, caller: Caller, text: str) -> Mailbox:
    try:
        parsed = parse_mailbox(text)
    except InvalidAddress as wrong:
        raise InvalidInput.at("from", str(wrong)) from None
    address = f"{parsed.local_part.lower()}@{parsed.domain_ascii}"
    mailbox = await ports.store.read(lambda tx: tx.mailboxes.addressed(caller.tenant_id, address))
    if mailbox is None or not accounts.owns(caller, mailbox):
        raise FromNotOwned(details={"from": address})
    return mailbox


async def _check_agent(ports: Ports, caller: Caller, mailbox: Mailbox, agent_id: str | None) -> None:
    if agent_id is None or agent_id == mailbox.agent_id:
        return
    agent = await ports.store.read(lambda tx: tx.agents.get(caller.tenant_id, mailbox.agent_id))
    if agent is None or agent.name != agent_id:
        raise FromNotOwned(f"The mailbox {mailbox.address} is not this agent's.", details={"agent_id": agent_id})


async def _forget(ports: Ports, composed: _Composed) -> None:
    await forget(ports, composed.prepared)


async def _submit(tx: Tx, ports: Ports, caller: Caller, composed: _Composed) -> SentEmail:
    submitted = await sending.submit(tx, ports, caller, composed.prepared)
    domain = await tx.domains.get(caller.tenant_id, composed.domain_id)
    assert domain is not None
    return shown.sent_email(submitted, domain)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="email.send",
        summary="Send a message from one of the key's mailboxes",
        permission=Permission.MESSAGES_SEND,
        method="POST",
        path="/v1/send_email",
        status=202,
        input=SendEmail,
        output=SentEmail,
        prepare=_compose,
        act=_submit,
        undo=_forget,
        large=True,
        tool="send_email",
        command="email send",
        examples=(
            Example(
                "A message, approved by a person whatever the mailbox's mode",
                {
                    "from": "ada@agents.example.com",
                    "to": "bob@there.example",
                    "subject": "Tea?",
                    "text": "At four?",
                    "oversight_mode": "gated_send",
                },
            ),
        ),
        notes=HELD,
    ),
    Operation(
        name="email.reply",
        summary="Answer a message",
        permission=Permission.MESSAGES_SEND,
        method="POST",
        path="/v1/reply_email",
        status=202,
        input=ReplyEmail,
        output=SentEmail,
        prepare=_compose_reply,
        act=_submit,
        undo=_forget,
        large=True,
        tool="reply_email",
        command="email reply",
        examples=(Example("An answer", {"message_id": "{message_id}", "text": "Gladly."}),),
        notes=HELD,
    ),
)
