"""Reading the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from mailwright.contract.operations.listing import Listing
from mailwright.contract.operations.row import Operation
from mailwright.contract.resources import audit as shown
from mailwright.contract.resources.page import Page, page_of
from mailwright.contract.scalars import Id, doc, read_cursor
from mailwright.core import audit
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports


class AuditList(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries to list."""

    subject: Annotated[Id | None, doc("Only what was done to the thing of this id: a message, a mailbox, a domain...")] = None
    action: Annotated[Annotated[str, Meta(max_length=64)] | None, doc("Only this action.", example="approval.approved")] = None


async def _list(ports: Ports, caller: Caller, given: AuditList) -> Page[shown.AuditEntry]:
    place = read_cursor("aud", given.after) if given.after is not None else "-1"
    if given.after is not None and not (place.isdecimal() and len(place) < 19):
        raise InvalidInput.at("after", "this is no cursor of the audit log")
    rows = await audit.page(ports, caller, subject=given.subject, action=given.action, after=int(place), limit=given.limit + 1)
    return page_of(rows, given.limit, "aud", lambda row: str(row.index), shown.audit_entry)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="audit.list",
        summary="Read the audit log, oldest first",
        permission=Permission.AUDIT_READ,
        method="GET",
        path="/v1/audit",
        input=AuditList,
        output=Page[shown.AuditEntry],
        read=_list,
        tool="read_audit_log",
        command="audit list",
        notes="Entries hold ids and digests, never content. Each carries a hash over itself and the one before.",
    ),
)
