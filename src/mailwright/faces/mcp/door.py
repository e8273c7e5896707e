"""The door to `/mcp`: whose page asks, whose key it is, how large the request is. Behind it the SDK speaks.

Standards: RFC 6750 (Bearer), RFC 9728 (where a host learns how to get in), MCP's rule on Origin (DNS rebinding).
The SDK is imported when the first client comes, in a thread, since that takes more than a second.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailwright.contract.errors import body_of, retry_after, status_of
from mailwright.core.accounts import authenticate
from mailwright.core.errors import BlockedByPolicy, MethodNotAllowed, NotFound, Refusal, StorageBusy, Unauthenticated
from mailwright.core.ports import Ports
from mailwright.faces.mcp.calling import Desk, Visitor
from mailwright.faces.rest.answers import PRIVATE, Reply, tell
from mailwright.faces.rest.asking import bearer, read_head
from mailwright.faces.rest.bodies import SMALL_BODY, Budget, ClientGone, read_body

log = structlog.get_logger("mailwright.mcp")

PATH = "/mcp"
METADATA = "/.well-known/oauth-protected-resource"  # RFC 9728 §3.1: and the same with the resource's path behind it
VISITOR = "mailwright.visitor"  # the key in the ASGI scope
INVALID_REQUEST = -32600  # JSON-RPC 2.0 §5.1
Count = Callable[[str, int, float], None]
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Options:
    """What whoever starts the server may choose."""

    origins: tuple[str, ...] = ()
    authorization_servers: tuple[str, ...] = ()
    body_memory: int = 128 * 1024 * 1024  # bytes of all requests that are worked on at a time
    requests: int = 5000  # at once, those that wait included
    count: Count = lambda _name, _status, _seconds: None  # told of every request answered


class Mounted:
    """An ASGI application: `/mcp` and its metadata here, everything else as before."""

    def __init__(self, rest: ASGIApp, ports: Ports, options: Options | None = None) -> None:
        """Nothing is imported or started yet."""
        self._rest, self._ports, self._options = rest, ports, options or Options()
        self._desk = Desk(ports, asyncio.Event())
        self._under_way = 0
        self._budget = Budget(self._options.body_memory)
        self._starting: asyncio.Task[ASGIApp] | None = None
        self._running: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "").rstrip("/")
        if scope["type"] != "http" or path not in (PATH, METADATA, METADATA + PATH):
            await self._rest(scope, receive, send)
            return
        request_id = self._ports.ids.new("req")
        sending = _Sending(send, request_id)
        started = time.perf_counter()
        self._under_way += 1
        try:
            if self._under_way > self._options.requests:
                raise StorageBusy("Too many requests are under way.", details={"reason": "requests"}, retry_after=2)
            await self._answer(scope, receive, sending, path, request_id)
        except ClientGone:
            return
        except Refusal as refusal:
            log.info("request refused", request_id=request_id, operation="mcp", code=refusal.code)
            await tell(sending, self._told(refusal, request_id), request_id.encode())
        finally:
            self._under_way -= 1
        self._options.count("mcp", sending.status, time.perf_counter() - started)

    def hush(self) -> None:
        """End what waits: call it when the server is told to stop."""
        self._desk.closing.set()

    async def close(self) -> None:
        """Let the SDK go."""
        self.hush()
        self._stop.set()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _answer(self, scope: Scope, receive: Receive, send: Send, path: str, request_id: str) -> None:
        if path != PATH:
            _only(scope, "GET", "HEAD")
            reply = Reply(200, msgspec.json.encode(self._metadata()))
            await tell(send, reply, request_id.encode(), head_only=scope["method"] == "HEAD")
            return
        self._check_origin(scope)
        _only(scope, "POST")  # no stream to listen on and no session to end: there are none
        head = read_head(scope)
        secret = bearer(head)
        caller = await authenticate(self._ports, secret)
        with self._budget.loan() as take:
            body = await read_body(receive, head, self._body_limit, take)
            serve = await self._sdk()
            inner = {**scope, VISITOR: Visitor(caller, secret, request_id)}
            await serve(inner, _again(body, receive), send)

    @property
    def _body_limit(self) -> int:
        return self._ports.settings.message_limit * 4 // 3 + SMALL_BODY

    def _check_origin(self, scope: Scope) -> None:
        # A page that reached us by a name of its own (DNS rebinding) tells on itself by its Origin.
        for name, value in scope["headers"]:
            if name == b"origin" and not self._allowed(value.decode("latin-1")):
                raise BlockedByPolicy("Pages of this origin may not use MCP here: see the setting mcp.origins.")

    def _allowed(self, origin: str) -> bool:
        ours = urlsplit(self._ports.settings.public_url)
        if origin in (*self._options.origins, f"{ours.scheme}://{ours.netloc}"):
            return True
        try:
            return ours.hostname in _LOOPBACK and urlsplit(origin).hostname in _LOOPBACK
        except ValueError:
            return False

    def _metadata(self) -> dict[str, Any]:
        """RFC 9728 §2."""
        url = self._ports.settings.public_url.rstrip("/")
        told: dict[str, Any] = {
            "resource": url + PATH,
            "bearer_methods_supported": ["header"],
            "resource_name": "Mailwright",
            "resource_documentation": f"{url}/docs",
        }
        servers = list(self._options.authorization_servers)
        return told | ({"authorization_servers": servers} if servers else {})

    def _told(self, refusal: Refusal, request_id: str) -> Reply:
        """A refusal before the protocol began: JSON-RPC's shape, with ours as its data."""
        url = self._ports.settings.public_url.rstrip("/")
        data = body_of(refusal, request_id, url).error
        error = {"code": INVALID_REQUEST, "message": f"{refusal.message} {refusal.fix}", "data": data}
        fields: list[tuple[bytes, bytes]] = [(b"connection", b"close")]  # what is still to come is not read
        if isinstance(refusal, Unauthenticated):
            challenge = f'Bearer realm="mailwright", resource_metadata="{url}{METADATA}{PATH}"'
            fields.append((b"www-authenticate", challenge.encode()))
        if isinstance(refusal, MethodNotAllowed) and refusal.details:
            fields.append((b"allow", ", ".join(refusal.details["allowed"]).encode()))
        if (seconds := retry_after(refusal)) is not None:
            fields.append((b"retry-after", str(seconds).encode()))
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": None, "error": error})
        return Reply(status_of(refusal), body, fields=tuple(fields))

    # --- the SDK, late ---

    async def _sdk(self) -> ASGIApp:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> ASGIApp:
        try:
            protocol = await asyncio.to_thread(importlib.import_module, "mailwright.faces.mcp.protocol")
        except ImportError:
            raise NotFound("MCP is not installed on this server: its operator may install `mailwright[mcp]`.") from None
        manager = protocol.manager(self._desk, self._body_limit)
        ready = asyncio.Event()

        async def run() -> None:
            async with manager.run():  # has to be left in the task that entered it
                ready.set()
                await self._stop.wait()

        self._running = asyncio.create_task(run())
        await ready.wait()
        serve: ASGIApp = manager.handle_request
        return serve


def _only(scope: Scope, *methods: str) -> None:
    if scope["method"] not in methods:
        raise MethodNotAllowed(details={"allowed": list(methods)})


def _again(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Gives the body that was read already, then what else comes."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


class _Sending:
    """The way back; answers get the header fields that every answer of ours has."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._base = [*PRIVATE, (b"x-request-id", request_id.encode())]
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            there = {name for name, _ in message["headers"]}
            message = {**message, "headers": [*message["headers"], *(one for one in self._base if one[0] not in there)]}
        await self._send(message)
