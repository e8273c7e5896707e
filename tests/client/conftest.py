"""A real server for the client to talk to: the private mail world, on sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import structlog
from live.ports import free_ports

from mailwright.client import AsyncMailwright
from mailwright.local.world import Options, World, start


@dataclass
class Server:
    """A server that can be stopped and started again with the same data, on the same ports."""

    data: Path
    ports: int
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    world: World | None = None

    async def start(self) -> World:
        self.stack = AsyncExitStack()
        self.world = await start(Options(tour=False, port_base=self.ports), self.data, self.stack)
        return self.world

    async def stop(self) -> None:
        await self.stack.aclose()

    @property
    def url(self) -> str:
        assert self.world is not None
        return self.world.running.api_url

    @property
    def mailbox_id(self) -> str:
        assert self.world is not None
        return self.world.mailbox_id

    def key(self, role: str) -> str:
        assert self.world is not None
        return self.world.keys[f"{role}_key"]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path, free_ports(5))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def mw(server: Server) -> AsyncIterator[AsyncMailwright]:
    """The agent's client."""
    async with AsyncMailwright(server.url, server.key("agent")) as client:
        yield client


class Losing(httpx2.AsyncBaseTransport):
    """A way to the server on which some answers are lost, or replaced, after the server did its work."""

    def __init__(self, *instead: httpx2.Response | Exception) -> None:
        self._instead = list(instead)
        self._inner = httpx2.AsyncHTTPTransport()
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = await self._inner.handle_async_request(request)
        if not self._instead:
            return answer
        await answer.aread()
        instead = self._instead.pop(0)
        if isinstance(instead, Exception):
            raise instead
        return instead
