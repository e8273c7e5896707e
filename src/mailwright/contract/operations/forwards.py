"""Operations on the rules by which a mailbox hands mail on."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from mailwright.contract.operations.mailboxes import Address, MailboxId
from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.resources import forwards as shown
from mailwright.contract.resources.page import Page
from mailwright.contract.scalars import ONE_LINE, Id, doc
from mailwright.core import forwarding, mailboxes
from mailwright.core.model import Caller, Permission, Trust
from mailwright.core.ports import Ports, Tx

Author = Annotated[str, Meta(min_length=1, max_length=320, pattern=ONE_LINE)]


class ForwardAdd(MailboxId, frozen=True, forbid_unknown_fields=True):
    """A rule to be made."""

    to: Annotated[Address, doc("Where mail goes on to.", example="grace@example.com")]
    keep_copy: Annotated[
        bool,
        doc("Keep a copy in the mailbox and tell its agent; false: unless another rule does, the forward is all there is."),
    ] = True
    header_from: Annotated[
        Author | None, doc("Only what this address wrote, or anybody at this domain and below it.", example="there.example")
    ] = None
    trust: Annotated[Trust | None, doc("Only what is trusted that far at least.")] = None


class ForwardId(MailboxId, frozen=True, forbid_unknown_fields=True):
    """One rule of a mailbox."""

    forward_id: Annotated[Id, doc("The rule's id.")]


async def _add(tx: Tx, ports: Ports, caller: Caller, given: ForwardAdd) -> shown.ForwardRule:
    wanted = forwarding.NewForward(given.to, given.keep_copy, given.header_from, given.trust)
    return shown.forward(await forwarding.add(tx, ports, caller, given.mailbox_id, wanted))


async def _list(ports: Ports, caller: Caller, given: MailboxId) -> Page[shown.ForwardRule]:
    mailbox = await mailboxes.get(ports, caller, given.mailbox_id)
    return Page(tuple(shown.forward(one) for one in mailbox.forwards))


async def _remove(tx: Tx, ports: Ports, caller: Caller, given: ForwardId) -> None:
    await forwarding.remove(tx, ports, caller, given.mailbox_id, given.forward_id)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="forwards.add",
        summary="Hand on what comes to a mailbox",
        permission=Permission.MAILBOXES_MANAGE,
        method="POST",
        path="/v1/mailboxes/{mailbox_id}/forwards",
        status=201,
        input=ForwardAdd,
        output=shown.ForwardRule,
        act=_add,
        tool="add_forward",
        command="forwards add",
        examples=(
            Example("What one company writes goes to Grace, too", {"to": "grace@example.com", "header_from": "there.example"}),
        ),
        notes="A copy leaves like any message of the mailbox: `gated_send` asks a person about each, `read_only` lets none "
        "go, and in a `gated_all` mailbox a person is asked about it once one has let the message in. It goes on as it came: "
        "From and every byte are kept, so that the author's DKIM signature and DMARC hold; bounces come back here. What fails "
        "authentication stays, and so does what was forwarded from here before. The event `message.not_forwarded` says why "
        "something stayed.",
    ),
    Operation(
        name="forwards.list",
        summary="List the rules that hand mail on",
        permission=Permission.MAILBOXES_MANAGE,
        method="GET",
        path="/v1/mailboxes/{mailbox_id}/forwards",
        input=MailboxId,
        output=Page[shown.ForwardRule],
        read=_list,
        tool="list_forwards",
        command="forwards list",
        notes="All of them: a mailbox has at most ten.",
    ),
    Operation(
        name="forwards.remove",
        summary="Hand no more mail on by a rule",
        permission=Permission.MAILBOXES_MANAGE,
        method="DELETE",
        path="/v1/mailboxes/{mailbox_id}/forwards/{forward_id}",
        status=204,
        input=ForwardId,
        output=None,
        act=_remove,
        destructive=True,
        tool="remove_forward",
        command="forwards remove",
        notes="What was queued or held before is not touched.",
    ),
)
