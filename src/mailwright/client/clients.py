"""`Mailwright` and `AsyncMailwright`: a server, a key, and every operation under the noun that it is about."""

from __future__ import annotations

from types import TracebackType

import httpx2

from mailwright.client import awaiting, blocking
from mailwright.client.async_line import AsyncLine
from mailwright.client.line import Line
from mailwright.client.retrying import Patience
from mailwright.client.settings import settings


class Mailwright(blocking.Operations):
    """A server, asked from ordinary code. Threads may share it. Left out, `url` and `key` come from the environment."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        patience: Patience | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._line = Line(settings(url, key, timeout, patience), transport)
        super().__init__(self._line)

    def close(self) -> None:
        """Close its connections."""
        self._line.http.close()

    def __enter__(self) -> Mailwright:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncMailwright(awaiting.Operations):
    """A server, asked from asyncio. Left out, `url` and `key` come from the environment."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        patience: Patience | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._line = AsyncLine(settings(url, key, timeout, patience), transport)
        super().__init__(self._line)

    async def close(self) -> None:
        """Close its connections."""
        await self._line.http.aclose()

    async def __aenter__(self) -> AsyncMailwright:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
