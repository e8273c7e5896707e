"""Rules that hand mail on, as told to callers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339
from mailwright.core import model
from mailwright.core.model import Trust


class ForwardRule(Struct, frozen=True, kw_only=True):
    """A rule of a mailbox: what comes in goes on to another address, as it came."""

    id: Annotated[str, doc("The rule's id.", example="fwd_5qm3tk8v0w1x2y3z4a5b")]
    to: Annotated[str, doc("Where it goes on to.", example="grace@example.com")]
    keep_copy: Annotated[bool, doc("Whether the mailbox keeps a copy, and its agent is told of it.")]
    header_from: Annotated[str | None, doc("Only what this address wrote, or anybody at this domain and below it.")]
    trust: Annotated[Trust | None, doc("Only what is trusted that far at least.")]
    created_at: Annotated[Time, doc("When it was made.")]


def forward(row: model.Forward) -> ForwardRule:
    """A rule, as told."""
    return ForwardRule(
        id=row.id,
        to=row.to,
        keep_copy=row.keep_copy,
        header_from=row.header_from,
        trust=row.trust,
        created_at=rfc3339(row.created_at),
    )
