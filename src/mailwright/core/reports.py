"""What receivers report of our mail: taken from the messages that bring it, kept once, told, listed.

A report counts for the tenant that owns the domain it is about, and in whose mailbox it came; anybody may write one, so it
says which domain vouches for the message, and changes nothing by itself. Not here: reading it (mailauth/reports).
"""

from __future__ import annotations

import msgspec

from mailwright.core import audit
from mailwright.core.accounts import system
from mailwright.core.events import EventType, publish
from mailwright.core.model import Caller, Json, Mailbox, Report
from mailwright.core.ports import Ports, Taken, Tx
from mailwright.mail import mime
from mailwright.mailauth.reports import Unreadable, read_report, summary

KEPT_ROWS = 200  # of a report; the message has all of them
KEPT_OCTETS = 256 * 1024  # as JSON: what is packed into some hundred KB may be 25 MB (S12)
_COUNTS = ("messages", "passed", "sessions", "failed")


def read(root: mime.Part) -> Json | None:
    """The report that a message brings; None where it brings none that can be read."""
    found = read_report(root)
    if found is None or isinstance(found, Unreadable):
        return None
    told, rows = summary(found, KEPT_ROWS), KEPT_ROWS
    while len(msgspec.json.encode(told)) > KEPT_OCTETS and rows:
        rows //= 2
        told = summary(found, rows)
    return told


async def take(tx: Tx, ports: Ports, mailbox: Mailbox, message_id: str, told: Json, verified_domain: str | None) -> None:
    """Keep a report that came into a mailbox; nothing happens where it is of others, or came before (DM-16)."""
    owned = await tx.domains.by_name(told["domain"])
    if owned is None or owned.tenant_id != mailbox.tenant_id:
        return
    row = Report(
        id=ports.ids.new("rpt"),
        tenant_id=mailbox.tenant_id,
        kind=told["kind"],
        domain=owned.name,
        organization=told["organization"][:200],
        report_id=told["report_id"][:200],
        content=told,
        message_id=message_id,
        created_at=ports.clock.now(),
        begins_at=_milliseconds(told["begin"]),
        ends_at=_milliseconds(told["end"]),
        verified_domain=verified_domain or None,
    )
    try:
        await tx.reports.add(row)
    except Taken:
        return
    data: Json = {
        "report_id": row.id,
        "domain": row.domain,
        "organization": row.organization,
        "begins_at": row.begins_at,
        "ends_at": row.ends_at,
        "verified_domain": row.verified_domain,
        "message_id": message_id,
        **{name: told[name] for name in _COUNTS if name in told},
    }
    event = EventType.REPORT_DMARC if row.kind == "dmarc" else EventType.REPORT_TLS
    await publish(tx, ports, event, tenant_id=row.tenant_id, mailbox_id=mailbox.id, data=data)
    await audit.record(tx, ports, system(row.tenant_id), "report.received", row.id, {"kind": row.kind}, of=mailbox)


def _milliseconds(seconds: int | None) -> int | None:
    return seconds * 1000 if seconds is not None and 0 <= seconds < 10**11 else None


async def page(ports: Ports, caller: Caller, after: str | None, limit: int) -> list[Report]:
    """The tenant's reports."""
    return await ports.store.browse(lambda tx: tx.reports.page(caller.tenant_id, after, limit))
