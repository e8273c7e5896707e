"""The door: keys, origins, methods, sizes, metadata; and the rules of MCP 2026-07-28 as a client meets them."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import httpx2
import pytest

from mailwright.faces.mcp import door as module
from mailwright.faces.mcp.protocol import server

NOW = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": NOW,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


def asked(method: str, **params: Any) -> dict[str, Any]:
    """A request of revision 2026-07-28."""
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": META}}


def fields(method: str, name: str = "") -> dict[str, str]:
    """The header fields that go with it."""
    return {"mcp_protocol_version": NOW, "mcp_method": method} | ({"mcp_name": name} if name else {})


async def test_without_a_key_the_answer_says_how_to_get_in(door):
    found = await door.post(asked("tools/list"), key="")
    url = "https://mail.example.com/.well-known/oauth-protected-resource/mcp"
    assert 401 == found.status_code
    assert f'Bearer realm="mailwright", resource_metadata="{url}"' == found.headers["www-authenticate"]
    assert "unauthenticated" == found.json()["error"]["data"]["code"]
    assert found.json()["error"]["data"]["fix"]


async def test_a_revoked_key_is_out_at_once(door):
    keys = (await door.world.call("GET", "/v1/api-keys")).json()["items"]
    assert 200 == (await door.post(asked("tools/list"), **fields("tools/list"))).status_code
    for key in keys:
        if key["role"] == "agent":
            await door.world.call("DELETE", f"/v1/api-keys/{key['id']}")
    assert 401 == (await door.post(asked("tools/list"), **fields("tools/list"))).status_code


@pytest.mark.parametrize("path", ["", "/mcp"])
async def test_resource_metadata_is_told_to_anybody(door, path):
    found = await door.http.get(f"/.well-known/oauth-protected-resource{path}")
    told = found.json()
    assert (200, "https://mail.example.com/mcp", ["header"]) == (
        found.status_code,
        told["resource"],
        told["bearer_methods_supported"],
    )
    assert "authorization_servers" not in told


async def test_authorization_servers_come_from_the_settings(world):
    mounted = module.Mounted(world.app, world.ports, module.Options(authorization_servers=("https://id.example",)))
    assert ["https://id.example"] == mounted._metadata()["authorization_servers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "https://mail.example.com.evil.example"]
)
async def test_s16_pages_of_other_origins_are_refused(door, origin):
    found = await door.post(asked("tools/list"), origin=origin, **fields("tools/list"))
    assert (403, "blocked_by_policy") == (found.status_code, found.json()["error"]["data"]["code"])


@pytest.mark.parametrize("origin", ["https://mail.example.com", "https://hosts.example"])
async def test_our_own_pages_and_those_named_in_the_settings_may_ask(door, origin):
    assert 200 == (await door.post(asked("tools/list"), origin=origin, **fields("tools/list"))).status_code


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
async def test_there_is_no_stream_to_open_and_no_session_to_end(door, method):
    found = await door.post(None, method=method)
    assert (405, "POST") == (found.status_code, found.headers["allow"])


async def test_everything_else_is_still_rest(door):
    assert 200 == (await door.http.get("/healthz")).status_code
    assert 404 == (await door.http.get("/mcpx")).status_code


async def test_discover_tells_versions_capabilities_and_how_long_that_holds(door):
    told = (await door.post(asked("server/discover"), **fields("server/discover"))).json()["result"]
    assert ([NOW], "complete", "private") == (told["supportedVersions"], told["resultType"], told["cacheScope"])
    assert told["ttlMs"] > 0
    assert "tools" in told["capabilities"]
    assert "untrusted" in told["instructions"]


async def test_lists_say_how_long_they_hold_and_for_whom_and_never_change_their_order(door):
    first, again = [(await door.post(asked("tools/list"), **fields("tools/list"))).json()["result"] for _ in range(2)]
    assert ("private", "complete") == (first["cacheScope"], first["resultType"])
    assert first["ttlMs"] > 0
    assert [one["name"] for one in first["tools"]] == [one["name"] for one in again["tools"]]


async def test_no_session_is_ever_made(door):
    handshake = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    old = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": handshake}
    for found in (await door.post(old), await door.post(asked("tools/list"), **fields("tools/list"))):
        assert (200, False) == (found.status_code, "mcp-session-id" in found.headers)
        assert found.headers["x-request-id"]
        assert "nosniff" == found.headers["x-content-type-options"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"mcp_protocol_version": NOW},
        {"mcp_protocol_version": NOW, "mcp_method": "tools/list"},
        {"mcp_protocol_version": NOW, "mcp_method": "tools/call"},
        {"mcp_protocol_version": NOW, "mcp_method": "tools/call", "mcp_name": "send_message"},
    ],
)
async def test_header_fields_that_differ_from_the_body_are_a_mismatch(door, wrong):
    found = await door.post(asked("tools/call", name="list_mailboxes", arguments={}), **wrong)
    assert (400, -32020) == (found.status_code, found.json()["error"]["code"])


async def test_a_revision_that_nobody_knows_is_refused_by_name(door):
    body = asked("tools/list")
    body["params"]["_meta"] = META | {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}
    found = await door.post(body, mcp_protocol_version="2031-01-01", mcp_method="tools/list")
    assert (400, [NOW]) == (found.status_code, found.json()["error"]["data"]["supported"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 5000, b'{"jsonrpc":"2.0"}', b"\xff", b"1" * 6000])
async def test_nonsense_is_refused_and_never_crashes(door, body, logged):
    secret = door.world.ours.keys["agent"]
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    headers |= {"accept": "application/json, text/event-stream", "mcp-protocol-version": NOW, "mcp-method": "x"}
    found = await door.http.post("/mcp", content=body, headers=headers)
    assert 400 <= found.status_code < 500
    assert not [one for one in logged if one["log_level"] == "error"]


async def test_s12_a_request_larger_than_any_message_is_refused(door):
    found = await door.post({"pad": "x" * (3 * 1024 * 1024)})
    assert (413, "too_large") == (found.status_code, found.json()["error"]["data"]["code"])


async def test_more_at_once_than_there_is_memory_for_comes_back_later(world, connect, door):
    door.mounted._budget.left = 10
    found = await door.post(asked("tools/list"), **fields("tools/list"))
    assert (503, "2") == (found.status_code, found.headers["retry-after"])


async def test_more_requests_than_are_allowed_at_once_come_back_later_and_all_are_counted(world):
    counted: list[tuple[str, int]] = []
    options = module.Options(requests=0, count=lambda name, status, _seconds: counted.append((name, status)))
    transport = httpx2.ASGITransport(app=module.Mounted(world.app, world.ports, options))
    async with httpx2.AsyncClient(transport=transport, base_url="https://mail.example.com") as http:
        found = await http.post("/mcp", json={})
        assert (503, "storage_busy") == (found.status_code, found.json()["error"]["data"]["code"])
    assert [("mcp", 503)] == counted


async def test_a_server_without_the_sdk_says_what_to_install(door, monkeypatch):
    monkeypatch.setitem(sys.modules, "mailwright.faces.mcp.protocol", None)
    for _ in range(2):
        found = await door.post(asked("tools/list"), **fields("tools/list"))
        assert (404, True) == (found.status_code, "mailwright[mcp]" in found.json()["error"]["message"])


async def test_what_waits_ends_when_the_server_does(door):
    body = asked("tools/call", name="wait_for_message", arguments={"timeout": 60})
    waiting = asyncio.create_task(door.post(body, **fields("tools/call", "wait_for_message")))
    await asyncio.sleep(0.2)
    door.mounted.hush()
    found = await asyncio.wait_for(waiting, 10)
    assert found.json()["result"]["structuredContent"]["timed_out"]


def test_the_server_offers_tools_and_nothing_that_it_lacks():
    nothing: Any = None
    capabilities = server(nothing).get_capabilities(protocol_version=NOW)
    assert {"tools"} == set(capabilities.model_dump(exclude_none=True))
