"""A world at work, and the official client at it: every tool that an agent has, over HTTP and over `mailwright mcp`."""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from mailwright.local.world import Options, World, start

pytestmark = pytest.mark.slow


@pytest.fixture
async def mail(tmp_path: Path) -> AsyncIterator[World]:
    """A world in this process."""
    async with AsyncExitStack() as stack:
        yield await start(Options(tour=False), tmp_path, stack)


@asynccontextmanager
async def connected(mail: World, way: str, mode: str) -> AsyncIterator[Client]:
    """The client, with the agent's key."""
    url, key = mail.running.api_url, mail.keys["agent_key"]
    if way == "stdio":
        environment = {**os.environ, "MAILWRIGHT_URL": url, "MAILWRIGHT_KEY": key}
        command = StdioServerParameters(command=sys.executable, args=["-m", "mailwright", "mcp"], env=environment)
        async with Client(stdio_client(command), mode=mode) as client:
            yield client
        return
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize("way", ["http", "stdio"])
async def test_an_agent_does_its_work_with_every_tool_that_it_has(mail, way, mode):
    async with connected(mail, way, mode) as client:
        tools = [one.name for one in (await client.list_tools()).tools]
        assert ("2026-07-28" if mode != "legacy" else "2025-11-25") == client.protocol_version
        used: set[str] = set()

        async def use(tool: str, **arguments: Any) -> dict[str, Any]:
            used.add(tool)
            found = await client.call_tool(tool, arguments)
            assert not found.is_error, (tool, found.structured_content)
            told: dict[str, Any] = found.structured_content
            return told

        box = (await use("list_mailboxes"))["items"][0]
        await use("get_mailbox", mailbox_id=box["id"])
        agent = (await use("list_agents"))["items"][0]
        await use("get_agent", agent_id=agent["id"])
        await use("list_suppressions", address="gone@there.example")
        file = {"filename": "a.txt", "content_type": "text/plain", "content": "aGVsbG8K"}
        sent = await use("send_message", to="bob@simulator.test", subject="Tea?", text="At four?", attachments=[file])
        file_told = await use("read_attachment", message_id=sent["message_id"], attachment_id="att_1")
        assert "hello\n" == file_told["text"]
        got = await arrived(mail, client, sent)
        verified = await use("verify_identity", message=b64encode(got.raw).decode())
        assert ("pass", True) == (verified["verdict"], verified["signed"]), verified
        await mail.reply(got, "At four, then.")
        answer = (await use("wait_for_message", thread_id=sent["thread_id"], timeout=20))["message"]
        assert "At four, then." in answer["text"]
        assert "simulator.test" == answer["verified_domain"]
        thread = await use("read_thread", thread_id=sent["thread_id"])
        assert [sent["message_id"], answer["message_id"]] == [one["message_id"] for one in thread["messages"]]
        assert sent["thread_id"] in [one["id"] for one in (await use("list_threads"))["items"]]
        assert 2 == len((await use("list_messages", thread_id=sent["thread_id"]))["items"])
        await use("read_message", message_id=answer["message_id"])
        await use("label_message", message_id=answer["message_id"], add_labels=["done"])
        for tool in ("reply", "reply_all", "reply_email"):
            assert "queued" == (await use(tool, message_id=answer["message_id"], text="Good."))["status"]
        await use("forward", message_id=answer["message_id"], to="success@simulator.test")
        await use("send_email", to="success@simulator.test", text="x")
        later = await use("send_message", to="success@simulator.test", text="x", send_at="2026-12-24T18:00:00Z")
        await use("cancel_message", message_id=later["message_id"])
        assert (await use("message_timeline", message_id=sent["message_id"]))["items"]
        assert "message.delivered" in [one["type"] for one in (await use("read_events", limit=200))["items"]]
        await use("change_mailbox", mailbox_id=box["id"], oversight_mode="gated_send")
        held = await use("send_message", to="success@simulator.test", text="May I?")
        assert "held" == held["status"]
        assert held["approval_id"] in [one["id"] for one in (await use("list_approvals"))["items"]]
        assert "pending" == (await use("get_approval", approval_id=held["approval_id"]))["status"]
        assert set(tools) == used


async def arrived(mail: World, client: Client, sent: dict[str, Any]) -> Any:
    """The message, as its receiver got it."""
    await client.call_tool("read_events", {"type": ["message.delivered"], "wait": 20})
    return next(got for got in mail.receivers.outbox if b"Subject: Tea?" in got.raw)
