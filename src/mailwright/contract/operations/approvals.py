"""Operations on questions to a person."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from mailwright.contract.operations.listing import Listing, listed
from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.resources import approvals as shown
from mailwright.contract.resources.page import Page
from mailwright.contract.scalars import Id, Text, doc
from mailwright.core import approvals, releasing
from mailwright.core.model import ApprovalStatus, Caller, Permission
from mailwright.core.ports import Ports, Tx


class ApprovalList(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which approvals to list."""

    status: Annotated[ApprovalStatus | None, doc("Only those that stand so.", example="pending")] = None
    mailbox_id: Annotated[Id | None, doc("Only those of one mailbox.")] = None


class ApprovalId(Struct, frozen=True, forbid_unknown_fields=True):
    """One approval."""

    approval_id: Annotated[Id, doc("The approval's id.")]


class Ruling(ApprovalId, frozen=True, forbid_unknown_fields=True):
    """A person's decision."""

    digest: Annotated[
        Annotated[str, Meta(max_length=128)],
        doc("The digest of what was seen: the approval's, as it was read before deciding."),
    ]
    note: Annotated[Text | None, doc("For the record, and for the agent.")] = None


async def _list(ports: Ports, caller: Caller, given: ApprovalList) -> Page[shown.Approval]:
    async def fetch(after: str | None, limit: int) -> list[Any]:
        return await approvals.page(ports, caller, given.status, given.mailbox_id, after, limit)

    return await listed(given, "apr", fetch, shown.approval)


async def _get(ports: Ports, caller: Caller, given: ApprovalId) -> shown.Approval:
    return shown.approval(await approvals.get(ports, caller, given.approval_id))


async def _look(ports: Ports, caller: Caller, given: Ruling) -> releasing.Prepared:
    return await releasing.prepare(ports, caller, approvals.Ruling(given.approval_id, given.digest, given.note))


async def _approve(tx: Tx, ports: Ports, caller: Caller, prepared: releasing.Prepared) -> shown.Approval:
    return shown.approval(await releasing.approve(tx, ports, caller, prepared))


async def _reject(tx: Tx, ports: Ports, caller: Caller, given: Ruling) -> shown.Approval:
    ruling = approvals.Ruling(given.approval_id, given.digest, given.note)
    return shown.approval(await approvals.reject(tx, ports, caller, ruling))


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="approvals.list",
        summary="List what a person is asked to decide",
        permission=Permission.APPROVALS_READ,
        method="GET",
        path="/v1/approvals",
        input=ApprovalList,
        output=Page[shown.Approval],
        read=_list,
        tool="list_approvals",
        command="approvals list",
    ),
    Operation(
        name="approvals.get",
        summary="Read an approval",
        permission=Permission.APPROVALS_READ,
        method="GET",
        path="/v1/approvals/{approval_id}",
        input=ApprovalId,
        output=shown.Approval,
        read=_get,
        tool="get_approval",
        command="approvals show",
        notes="Reading never decides. The message itself is at `GET /v1/messages/{message_id}`.",
    ),
    Operation(
        name="approvals.approve",
        summary="Approve exactly what was seen",
        permission=Permission.APPROVALS_DECIDE,
        method="POST",
        path="/v1/approvals/{approval_id}/approve",
        input=Ruling,
        output=shown.Approval,
        prepare=_look,
        act=_approve,
        tool="approve",
        command="approvals approve",
        examples=(Example("Approve what was read", {"digest": "{digest}", "note": "fine"}),),
        notes="Another digest is refused with `approval_stale`: the message is not the one that was seen.",
    ),
    Operation(
        name="approvals.reject",
        summary="Refuse a message",
        permission=Permission.APPROVALS_DECIDE,
        method="POST",
        path="/v1/approvals/{approval_id}/reject",
        input=Ruling,
        output=shown.Approval,
        act=_reject,
        destructive=True,
        tool="reject",
        command="approvals reject",
        examples=(Example("Refuse, and say why", {"digest": "{digest}", "note": "wrong address"}),),
        notes="It is never sent, or never shown to the agent.",
    ),
)
