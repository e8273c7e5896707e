"""What all lists take: a cursor and a limit; and how a list of core's becomes a page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol, TypeVar

from msgspec import Struct

from mailwright.contract.resources.page import Page, page_of
from mailwright.contract.scalars import DEFAULT_PAGE, After, Limit, doc, read_cursor


class HasId(Protocol):
    """A row with an id."""

    @property
    def id(self) -> str:
        """The id."""


Row = TypeVar("Row", bound=HasId)
Item = TypeVar("Item")


class Listing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a list."""

    after: Annotated[After | None, doc("Read on from here: the `next_cursor` of the page before.")] = None
    limit: Annotated[Limit, doc("How many to return, 1 to 200.")] = DEFAULT_PAGE


async def listed(
    given: Listing,
    kind: str,
    fetch: Callable[[str | None, int], Awaitable[list[Row]]],
    show: Callable[[Row], Item],
    place: Callable[[Row], str] = lambda row: row.id,
) -> Page[Item]:
    """The page asked for. `fetch` takes the place where the page before ended and how many rows to read."""
    after = read_cursor(kind, given.after) if given.after is not None else None
    return page_of(await fetch(after, given.limit + 1), given.limit, kind, place, show)
