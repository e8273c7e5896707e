"""The small world of the REST tests with the MCP door before it, and the official client at that door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from faces.rest.conftest import World, logged, world
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from mailwright.faces.mcp.door import Mounted, Options

__all__ = ["logged", "world"]

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@dataclass
class Door:
    """The door, and HTTP at it."""

    world: World
    mounted: Mounted
    http: httpx2.AsyncClient

    async def post(self, body: Any, *, key: str = "agent", method: str = "POST", **headers: str) -> httpx2.Response:
        """A bare request with the key of that role."""
        secret = self.world.ours.keys.get(key, key)
        fields = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        fields |= {"authorization": f"Bearer {secret}"} if secret else {}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, "/mcp", headers=fields, **({"json": body} if body is not None else {}))


@pytest.fixture
async def door(world: World) -> AsyncIterator[Door]:
    """The door of the small world."""
    mounted = Mounted(world.app, world.ports, Options(origins=("https://hosts.example",)))
    transport = httpx2.ASGITransport(app=mounted)
    async with httpx2.AsyncClient(transport=transport, base_url="https://mail.example.com", timeout=30) as http:
        yield Door(world, mounted, http)
    await mounted.close()


@pytest.fixture
def connect(door: Door) -> Connect:
    """Gives the official client with the key of that role, speaking that revision."""

    @asynccontextmanager
    async def connecting(key: str = "agent", mode: str = "auto") -> AsyncIterator[Client]:
        headers = {"authorization": f"Bearer {door.world.ours.keys.get(key, key)}"}
        transport = httpx2.ASGITransport(app=door.mounted)
        async with httpx2.AsyncClient(transport=transport, headers=headers, timeout=30) as http:
            way = streamable_http_client("https://mail.example.com/mcp", http_client=http)
            async with Client(way, mode=mode) as client:
                yield client

    return connecting
