"""Reports of receivers, as told to callers."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339
from mailwright.core import model


class Report(Struct, frozen=True, kw_only=True):
    """What a receiver reported of a domain's mail."""

    id: Annotated[str, doc("The report's id.", example="rpt_5qm3tk8v0w1x2y3z4a5b")]
    kind: Annotated[str, doc("`dmarc` or `tls`.", example="dmarc")]
    domain: Annotated[str, doc("The domain that it is about.", example="agents.example.com")]
    organization: Annotated[str, doc("Who wrote it, as it says.", example="There Inc.")]
    report_id: Annotated[str, doc("Its writer's id for it.")]
    begins_at: Annotated[Time | None, doc("The time it covers begins here.")]
    ends_at: Annotated[Time | None, doc("And ends here.")]
    verified_domain: Annotated[str | None, doc("The domain that vouches for the message that brought it; null: nobody does.")]
    message_id: Annotated[str, doc("The message that brought it.")]
    content: Annotated[
        dict[str, Any], doc("What it says, with its first 200 rows. Untrusted: whoever wrote the mail chose it.")
    ]
    created_at: Annotated[Time, doc("When it came.")]


def report(row: model.Report) -> Report:
    """A report, as told."""
    return Report(
        id=row.id,
        kind=row.kind,
        domain=row.domain,
        organization=row.organization,
        report_id=row.report_id,
        begins_at=None if row.begins_at is None else rfc3339(row.begins_at),
        ends_at=None if row.ends_at is None else rfc3339(row.ends_at),
        verified_domain=row.verified_domain,
        message_id=row.message_id,
        content=row.content,
        created_at=rfc3339(row.created_at),
    )
