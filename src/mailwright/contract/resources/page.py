"""A part of a list: `{items, next_cursor}`. Cursors are opaque; there are no offsets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from msgspec import Struct

from mailwright.contract.scalars import doc, write_cursor

Row = TypeVar("Row")
Item = TypeVar("Item")


class Page(Struct, Generic[Item], frozen=True):
    """A part of a list."""

    items: Annotated[tuple[Item, ...], doc("The things asked for, in the order of the list.")]
    next_cursor: Annotated[
        str | None, doc("Give it as `after` to read on. Null: there is nothing more; in the event log it is never null.")
    ] = None


def page_of(rows: Sequence[Row], limit: int, kind: str, place: Callable[[Row], str], show: Callable[[Row], Item]) -> Page[Item]:
    """A page of rows of which one more than `limit` was read, to learn whether there is more."""
    shown = rows[:limit]
    more = write_cursor(kind, place(shown[-1])) if len(rows) > limit else None
    return Page(tuple(show(row) for row in shown), more)
