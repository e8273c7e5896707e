"""Lists that go on by themselves: iterate over all items, or take them page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from mailwright.client.shapes.page import Page

T = TypeVar("T")


class Pages(Generic[T]):
    """A list on the server. Iterating asks for page after page, as far as you go."""

    def __init__(self, fetch: Callable[[str | None], Page[T]]) -> None:
        self._fetch = fetch

    def page(self, after: str | None = None) -> Page[T]:
        """One page: the first, or the one after that cursor."""
        return self._fetch(after)

    def pages(self) -> Iterator[Page[T]]:
        """Page after page."""
        page = self._fetch(None)
        yield page
        while page.next_cursor is not None:
            page = self._fetch(page.next_cursor)
            yield page

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items


class AsyncPages(Generic[T]):
    """A list on the server. Iterating (`async for`) asks for page after page, as far as you go."""

    def __init__(self, fetch: Callable[[str | None], Awaitable[Page[T]]]) -> None:
        self._fetch = fetch

    async def page(self, after: str | None = None) -> Page[T]:
        """One page: the first, or the one after that cursor."""
        return await self._fetch(after)

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Page after page."""
        page = await self._fetch(None)
        yield page
        while page.next_cursor is not None:
            page = await self._fetch(page.next_cursor)
            yield page

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item
