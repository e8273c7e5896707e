"""Reading the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from mailwright.contract.operations.listing import Listing
from mailwright.contract.operations.row import Operation
from mailwright.contract.resources import audit as shown
from mailwright.contract.resources.page import Page, page_of
from mailwright.contract.scalars import Id, Moment, doc, milliseconds, read_cursor
from mailwright.core import audit
from mailwright.core.domains import domain_name
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import AuditFilter, Ports


class AuditList(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries to list."""

    subject: Annotated[Id | None, doc("Only what was done to the thing of this id: a message, a mailbox, a domain...")] = None
    action: Annotated[Annotated[str, Meta(max_length=64)] | None, doc("Only this action.", example="approval.approved")] = None
    agent_id: Annotated[Id | None, doc("Only what concerned this agent, its mailboxes or their mail.")] = None
    mailbox_id: Annotated[Id | None, doc("Only what concerned this mailbox or its mail.")] = None
    domain: Annotated[
        Annotated[str, Meta(max_length=255)] | None,
        doc("Only what concerned this domain, its mailboxes or their mail.", example="agents.example.com"),
    ] = None
    since: Annotated[Moment | None, doc("Only what was done at this time or later.")] = field(name="from", default=None)
    until: Annotated[Moment | None, doc("Only what was done before this time.")] = field(name="to", default=None)


async def _list(ports: Ports, caller: Caller, given: AuditList) -> Page[shown.AuditEntry]:
    place = read_cursor("aud", given.after) if given.after is not None else "-1"
    if given.after is not None and not (place.isdecimal() and len(place) < 19):
        raise InvalidInput.at("after", "this is no cursor of the audit log")
    narrow = AuditFilter(
        subject=given.subject,
        action=given.action,
        agent_id=given.agent_id,
        mailbox_id=given.mailbox_id,
        domain=domain_name(given.domain) if given.domain is not None else None,
        since=milliseconds("from", given.since) if given.since is not None else None,
        until=milliseconds("to", given.until) if given.until is not None else None,
    )
    rows = await audit.page(ports, caller, narrow, after=int(place), limit=given.limit + 1)
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
        notes="Entries hold ids and digests, never content. Each carries a hash over itself and the one before. "
        "What was refused by a decision is there too, as `request.refused` with the operation and the code, "
        "up to 60 a minute for each key.",
    ),
)
