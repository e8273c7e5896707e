"""MCP over standard input and output: a pipe to the `/mcp` of a server that runs elsewhere.

Standards: MCP's transports stdio (one JSON-RPC message a line) and streamable HTTP. What a host writes is posted as it is,
with the header fields that HTTP asks for; what comes back is written as it is. So the tools are always the server's, and
neither the SDK nor the server need be installed here. Not here: any knowledge of tools or of what messages mean.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import httpx2
import msgspec

Json = dict[str, Any]
LONGEST = 96 * 1024 * 1024  # bytes of one line: a message with its attachments in base64
PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR = -32700, -32600, -32603  # JSON-RPC 2.0 §5.1
AT_ONCE = 32  # requests
LEAVING = 10  # seconds for what is under way when the host is done
REVISION = "io.modelcontextprotocol/protocolVersion"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_TIMES = httpx2.Timeout(30, read=360)  # seconds; no tool waits longer than 300


@dataclass(slots=True)
class Pipe:
    """The way to one server."""

    http: httpx2.AsyncClient
    write: Callable[[bytes], None]
    revision: str | None = None  # as agreed by the handshake of revisions before 2026-07-28
    working: dict[Any, asyncio.Task[None]] = field(default_factory=dict)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def take(self, line: bytes) -> None:
        """One line of the host's: begin to answer it."""
        try:
            message = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            self._fail(None, PARSE_ERROR, "This line is no JSON.")
            return
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            if not isinstance(message, dict) or not {"result", "error"} & message.keys():
                self._fail(None, INVALID_REQUEST, "This line is no JSON-RPC message.")
            return
        if "id" not in message:
            self._notified(message)
            return
        identity = message["id"]
        if not isinstance(identity, str | int):
            self._fail(None, INVALID_REQUEST, "The id of a request is a text or a number.")
            return
        await self.room.acquire()
        self.working[identity] = asyncio.create_task(self._answer(message, line))

    async def finish(self) -> None:
        """Let what is being answered come to its end, within bounds."""
        if self.working:
            await asyncio.wait(self.working.values(), timeout=LEAVING)

    def _notified(self, message: Json) -> None:
        """Servers keep nothing between requests: only a cancellation means something, and that is hanging up."""
        wanted = _mapping(message.get("params")).get("requestId")
        if message["method"] == "notifications/cancelled" and isinstance(wanted, str | int) and wanted in self.working:
            self.working[wanted].cancel()

    async def _answer(self, message: Json, line: bytes) -> None:
        identity = message["id"]
        try:
            async with self.http.stream("POST", "/mcp", content=line, headers=self._headers(message)) as answer:
                async for told in _messages(answer):
                    self._tell(message, told)
        except httpx2.HTTPError as wrong:
            what = str(wrong) or type(wrong).__name__
            self._fail(identity, INTERNAL_ERROR, f"{self.http.base_url} can't be reached: {what}. Check MAILWRIGHT_URL.")
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            self._fail(identity, INTERNAL_ERROR, f"{self.http.base_url} is no Mailwright server. Check MAILWRIGHT_URL.")
        finally:
            self.working.pop(identity, None)
            self.room.release()

    def _headers(self, message: Json) -> dict[str, str]:
        params = _mapping(message.get("params"))
        revision = _mapping(params.get("_meta")).get(REVISION)
        if not isinstance(revision, str):  # before 2026-07-28
            return {"mcp-protocol-version": self.revision} if self.revision else {}
        told = {"mcp-protocol-version": _field(revision), "mcp-method": _field(message["method"])}
        name = params.get(_NAMED.get(message["method"], ""))
        return told | ({"mcp-name": _field(name)} if isinstance(name, str) else {})

    def _tell(self, request: Json, told: Json) -> None:
        if "error" in told and told.get("id") is None:  # refused before it was read: it is the answer all the same
            told = {**told, "id": request["id"]}
        if request["method"] == "initialize" and isinstance(agreed := _mapping(told.get("result")).get("protocolVersion"), str):
            self.revision = agreed
        self.write(msgspec.json.encode(told))

    def _fail(self, identity: Any, code: int, text: str) -> None:
        print(f"mailwright mcp: {text}", file=sys.stderr, flush=True)
        self.write(msgspec.json.encode({"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": text}}))


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _field(value: str) -> str:
    """A value as MCP writes it into a header field: as it is, or in base64 where that would not survive."""
    if value.isascii() and value.isprintable() and value == value.strip() and not value.startswith("=?base64?"):
        return value
    return f"=?base64?{b64encode(value.encode('utf-8', 'replace')).decode()}?="


async def _messages(answer: httpx2.Response) -> AsyncIterator[Json]:
    """The JSON-RPC messages of an answer: one as JSON, or several as server-sent events."""
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        body = await answer.aread()
        if body or not answer.is_success:
            yield _message(body)
        return
    data: list[str] = []
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            text = "\n".join(data)
            data.clear()
            if text:
                yield _message(text.encode())


def _message(body: bytes) -> Json:
    return msgspec.json.decode(body, type=dict[str, Any])


# --- in the foreground --------------------------------------------------------------------------------------------------


async def serve(url: str, key: str, lines: BinaryIO, out: BinaryIO) -> None:
    """Serve a host until it closes our standard input."""

    def write(message: bytes) -> None:
        out.write(message + b"\n")
        out.flush()

    headers = {
        "authorization": f"Bearer {key}",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
    }
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=_TIMES) as http:
        pipe = Pipe(http, write)
        async for line in _read(lines):
            if line.strip():
                await pipe.take(line)
        await pipe.finish()


async def _read(lines: BinaryIO) -> AsyncIterator[bytes]:
    """Lines as they come, read by a thread of its own: standard input may be a pipe, a file or a terminal."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        line = b"more"
        while line:
            line = lines.readline(LONGEST)
            try:
                loop.call_soon_threadsafe(waiting.put_nowait, line)
            except RuntimeError:  # the loop is closed: nobody waits
                return

    threading.Thread(target=read, daemon=True).start()
    while line := await waiting.get():
        yield line
