"""The pipe between a host's standard input and output and a server's `/mcp`."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from mailwright.faces.mcp import stdio
from mailwright.faces.mcp.stdio import Pipe

Json = dict[str, Any]
REVISION = "io.modelcontextprotocol/protocolVersion"


def answered(body: Json, status: int = 200) -> Callable[[httpx2.Request], httpx2.Response]:
    """A server that always answers so."""
    return lambda _request: httpx2.Response(status, json=body)


async def piped(*lines: Any, server: Any) -> tuple[list[Json], list[httpx2.Request]]:
    """What a host reads after it wrote these lines one after the other, and what the server was asked."""
    told: list[Json] = []
    asked: list[httpx2.Request] = []

    def serve(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        found: httpx2.Response = server(request)
        return found

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(serve), base_url="https://mail.example") as http:
        pipe = Pipe(http, lambda line: told.append(json.loads(line)))
        for line in lines:
            await pipe.take(line if isinstance(line, bytes) else json.dumps(line).encode())
            await pipe.finish()
    return told, asked


def call(method: str, identity: Any = 1, **params: Any) -> Json:
    """A request."""
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


async def test_a_request_goes_as_it_is_with_the_fields_that_http_asks_for():
    request = call("tools/call", name="reply", arguments={"text": "Grüße"}, _meta={REVISION: "2026-07-28"})
    told, asked = await piped(request, server=answered({"jsonrpc": "2.0", "id": 1, "result": {}}))
    assert [{"jsonrpc": "2.0", "id": 1, "result": {}}] == told
    assert request == json.loads(asked[0].content)
    names = ("mcp-protocol-version", "mcp-method", "mcp-name")
    assert ["2026-07-28", "tools/call", "reply"] == [asked[0].headers[name] for name in names]


async def test_a_name_that_no_header_field_can_hold_goes_in_base64():
    request = call("tools/call", name="löschen\r\nX: y", _meta={REVISION: "2026-07-28"})
    _, asked = await piped(request, server=answered({}))
    assert "=?base64?bMO2c2NoZW4NClg6IHk=?=" == asked[0].headers["mcp-name"]


async def test_the_revision_that_a_handshake_agreed_on_goes_with_what_follows():
    agreed = answered({"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-06-18"}})
    _, asked = await piped(call("initialize"), call("tools/list"), server=agreed)
    assert [None, "2025-06-18"] == [one.headers.get("mcp-protocol-version") for one in asked]


async def test_an_answer_in_events_is_told_one_by_one():
    events = (
        'event: message\r\ndata: {"method":"notifications/progress"}\r\n\r\n: ping\r\n\r\ndata: {"id":1,"result":{}}\r\n\r\n'
    )

    def server(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=events)

    told, _ = await piped(call("tools/call"), server=server)
    assert [{"method": "notifications/progress"}, {"id": 1, "result": {}}] == told


async def test_a_refusal_before_the_protocol_begins_is_the_answer_to_the_request():
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no", "data": {"code": "unauthenticated"}}}
    told, _ = await piped(call("tools/list", identity="a"), server=answered(body, 401))
    assert [body | {"id": "a"}] == told


async def test_a_server_that_is_not_there_is_an_answer_too(capsys):
    def server(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    told, _ = await piped(call("tools/list"), server=server)
    assert (1, -32603) == (told[0]["id"], told[0]["error"]["code"])
    assert "MAILWRIGHT_URL" in told[0]["error"]["message"]
    assert "MAILWRIGHT_URL" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"x"', b""])
async def test_a_server_that_is_no_mailwright_is_named(body):
    told, _ = await piped(call("tools/list"), server=lambda _request: httpx2.Response(502, content=body))
    assert (1, True) == (told[0]["id"], "is no Mailwright server" in told[0]["error"]["message"])


@pytest.mark.parametrize(
    "line", [b"{", b"\xff", b"[" * 100_000, b"5", b"[]", b"{}", b'{"method":"x","id":null}', b'{"method":"x","id":[]}']
)
async def test_lines_that_are_no_requests_are_refused_and_not_passed_on(line):
    told, asked = await piped(line, server=answered({}))
    assert ([], None) == (asked, told[0]["id"])
    assert told[0]["error"]["code"] in (-32700, -32600)


async def test_notifications_and_answers_of_the_host_go_nowhere():
    lines = (
        {"method": "notifications/initialized"},
        {"id": 4, "result": {}},
        {"method": "notifications/cancelled", "params": 5},
    )
    assert ([], []) == await piped(*lines, server=answered({}))


async def test_a_cancelled_request_is_hung_up_on():
    gone = asyncio.Event()

    async def waits(_request: httpx2.Request) -> httpx2.Response:
        try:
            await asyncio.sleep(60)
        finally:
            gone.set()
        raise AssertionError

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(waits), base_url="https://mail.example") as http:
        told: list[bytes] = []
        pipe = Pipe(http, told.append)
        await pipe.take(json.dumps(call("tools/call", identity=9)).encode())
        await asyncio.sleep(0.05)
        await pipe.take(b'{"method":"notifications/cancelled","params":{"requestId":9}}')
        await asyncio.wait_for(gone.wait(), 10)
        await pipe.finish()
    assert ([], {}) == (told, pipe.working)


async def test_it_ends_when_the_host_closes_its_end():
    out = io.BytesIO()
    lines = io.BytesIO(json.dumps(call("tools/list")).encode() + b"\n\n")
    await asyncio.wait_for(stdio.serve("http://127.0.0.1:9", "mw_test_x", lines, out), 10)
    assert [1] == [json.loads(line)["id"] for line in out.getvalue().splitlines()]
