"""What the pages tell people to do works: the code on them is run as it stands there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from live.ports import free_port
from repository import generator, read

from mailwright.core.events import EventType
from mailwright.core.model import Active, Webhook
from mailwright.core.webhooks import headers
from mailwright.local.world import Options, World, start

BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def _blocks(page: str, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(read(page)) if found == language]


# --- webhooks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rotated", [False, True])
def test_the_page_on_webhooks_verifies_what_we_sign(rotated: bool) -> None:
    pytest.importorskip("standardwebhooks")
    old, new = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8
    now = int(time.time() * 1000)
    webhook = Webhook("whk_1", "ten_1", "https://there.example/", (), Active.ACTIVE, new if rotated else old, 0, now)
    if rotated:
        webhook = Webhook(
            *("whk_1", "ten_1", "https://there.example/", (), Active.ACTIVE, new, 0, now),
            previous_secret=old,
            previous_until=now + 1000,
        )
    body = json.dumps({"type": "message.received", "data": {"subject": "Tee für vier"}}).encode()
    sent = dict(headers(webhook, "evt_1", body, now))
    for secret in (old, new) if rotated else (old,):
        page: dict[str, Any] = {"SECRET": secret}
        exec(_blocks("docs/webhooks.md", "python")[0], page)
        assert "message.received" == page["handle"](body, sent)
        with pytest.raises(Exception, match="No matching signature"):
            page["handle"](body + b" ", sent)


# --- the README, run for real -------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with the README's configuration, but for its folder, its ports and the records it can't publish."""
    file, port = tmp_path / "mailwright.toml", free_port()
    file.write_text(_blocks("README.md", "toml")[0].replace("/var/lib/mailwright", str(tmp_path)))
    environment = {
        **os.environ,
        "MAILWRIGHT_API__PORT": str(port),
        "MAILWRIGHT_SMTP__PORT": "0",
        "MAILWRIGHT_SERVER__RUN_AS_ROOT": "true",
        "MAILWRIGHT_SERVER__USER": "",
        "MAILWRIGHT_SMTP__HOST": "127.0.0.1",
        "MAILWRIGHT_DNS__NAMESERVERS": f"127.0.0.1:{free_port()}",
        "MAILWRIGHT_DNS__TIMEOUT": "0.5",
        "MAILWRIGHT_POLICY__REQUIRE_ALIGNMENT": "false",
    }
    command = [str(Path(sys.executable).with_name("mailwright")), "serve", "-c", str(file)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as server:
        try:
            _until_ready(f"http://127.0.0.1:{port}/readyz", tmp_path / "log")
            yield f"http://127.0.0.1:{port}/v1", tmp_path
        finally:
            server.terminate()


def _until_ready(url: str, log: Path) -> None:
    for _ in range(200):
        try:
            if httpx2.get(url).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not come up:\n{log.read_text()}")


@pytest.mark.slow
def test_the_lines_of_the_readme_lead_from_a_domain_to_an_approved_message(served: tuple[str, Path]) -> None:
    api, data = served
    script = next(text for text in _blocks("README.md", "sh") if "ask()" in text)
    script = script.replace("http://127.0.0.1:8080/v1", api).replace("/var/lib/mailwright", str(data))
    setting, _, lines = script.partition("\n\n")
    said: list[str] = []
    for line in lines.splitlines():
        if line.startswith("KEY="):
            role = "agent" if "agent's" in line else "approver"
            key = next(json.loads(one)["key"] for one in said if f'"role":"{role}"' in one)
            setting += f"\nKEY={key}"
        elif line:
            said.append(_run(setting, _filled(line, said)))
    statuses = [json.loads(one).get("status") for one in said if one.startswith("{")]
    assert ["pending", "pending", "active", None, None, "held", "pending", "approved"] == statuses
    assert any("IN MX 10 mail.example.com." in one for one in said)


def _filled(line: str, said: list[str]) -> str:
    """The line with each `dom_...` as it was given last, and the digest."""
    whole = "\n".join(said)

    def last(match: re.Match[str]) -> str:
        return str(re.findall(rf"{match[1]}_[0-9a-z]+", whole)[-1])

    digests = re.findall(r'"digest":"(\w+)"', whole)
    line = re.sub(r"(dom|mbx|apr)_\.\.\.", last, line.partition("   #")[0])
    return line.replace('"digest": "..."', f'"digest": "{digests[-1]}"') if digests else line


def _run(setting: str, line: str) -> str:
    done = subprocess.run(["bash", "-c", f"{setting}\n{line}"], capture_output=True, text=True, timeout=20, check=True)
    assert '"error"' not in done.stdout, f"{line}\n{done.stdout}"
    return done.stdout


# --- events -------------------------------------------------------------------------------------------------------------


class _Api:
    def __init__(self, world: World, role: str) -> None:
        headers = {"Authorization": f"Bearer {world.keys[role]}"}
        self._client = httpx2.AsyncClient(base_url=world.running.api_url, headers=headers, timeout=20)

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = await self._client.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self._client.get(path, params=query)).json()
        return found


async def _let_things_happen(world: World) -> None:
    operator, approver, agent = (_Api(world, f"{role}_key") for role in ("operator", "approver", "agent"))
    for who in ("success", "bounce", "softbounce", "complaint", "ooto", "suppressed"):
        to = [f"{who}@simulator.test", "success@simulator.test"]
        await agent.post(f"/v1/mailboxes/{world.mailbox_id}/send", to=to, subject=who, text="x")
    box = await operator.post("/v1/mailboxes", address="bob@agents.test")
    held = [await operator.post(f"/v1/mailboxes/{box['id']}/send", to="success@simulator.test", text="x") for _ in range(3)]
    digests = [(await approver.get(f"/v1/approvals/{one['approval_id']}"))["digest"] for one in held]
    await approver.post(f"/v1/approvals/{held[0]['approval_id']}/approve", digest=digests[0])
    await approver.post(f"/v1/approvals/{held[1]['approval_id']}/reject", digest=digests[1])
    await operator.post(f"/v1/messages/{held[2]['message_id']}/cancel")
    await operator.post(f"/v1/agents/{box['agent_id']}/pause")
    await operator.post(f"/v1/agents/{box['agent_id']}/resume")
    hook = await operator.post("/v1/webhooks", url="https://there.example/", events=["message.complained"])
    await operator.post(f"/v1/webhooks/{hook['id']}/test")


@pytest.mark.slow
async def test_events_hold_the_fields_that_their_page_names(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        world = await start(Options(tour=False), tmp_path, stack)
        await _let_things_happen(world)
        wanted = {
            *(EventType.MESSAGE_RECEIVED, EventType.MESSAGE_REJECTED, EventType.MESSAGE_QUEUED, EventType.MESSAGE_HELD),
            *(EventType.MESSAGE_DELIVERED, EventType.MESSAGE_DEFERRED, EventType.MESSAGE_BOUNCED),
            *(EventType.MESSAGE_COMPLAINED, EventType.MESSAGE_SUPPRESSED, EventType.MESSAGE_CANCELLED),
            *(EventType.APPROVAL_REQUESTED, EventType.APPROVAL_APPROVED, EventType.APPROVAL_REJECTED),
            *(EventType.DOMAIN_ALIGNED, EventType.SUPPRESSION_ADDED, EventType.MAILBOX_CREATED),
            *(EventType.MAILBOX_PAUSED, EventType.MAILBOX_RESUMED, EventType.WEBHOOK_TEST),
        }
        seen: dict[str, set[str]] = {}
        for _ in range(100):
            items = (await _Api(world, "operator_key").get("/v1/events", limit=200))["items"]
            seen = {one["type"]: set(one["data"]) for one in items}
            if set(wanted) <= set(seen):
                break
            await asyncio.sleep(0.05)
        assert wanted <= set(seen)
        named = {one.value: set(words.split()) for one, words in generator().FIELDS.items()}
        assert {one: set() for one in seen} == {one: seen[one] - named[one] for one in seen}
        optional = {"returned", "next_attempt_at"}
        missing = {one: named[one] - seen[one] - optional for one in seen}
        assert {one: set() for one in seen} == missing
