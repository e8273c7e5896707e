"""Addresses not to be written to, as told to callers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339
from mailwright.core import model


class Suppression(Struct, frozen=True, kw_only=True):
    """An address that must not be written to."""

    id: Annotated[str, doc("The entry's id.", example="sup_5qm3tk8v0w1x2y3z4a5b")]
    address: Annotated[str, doc("The address, in lower case.", example="gone@there.example")]
    reason: Annotated[str, doc("`hard_bounce`, `complaint`, `unsubscribe` or `manual`.", example="hard_bounce")]
    detail: Annotated[str | None, doc("What was observed, such as the receiver's reply, where the key may know.")]
    message_id: Annotated[str | None, doc("The message that led to it, where the key may know.")]
    created_at: Annotated[Time, doc("Since when.")]


def suppression(row: model.Suppression) -> Suppression:
    """An entry of the list, as told."""
    return Suppression(
        id=row.id,
        address=row.address,
        reason=row.reason,
        detail=row.detail,
        message_id=row.message_id,
        created_at=rfc3339(row.created_at),
    )
