"""The main job, played through the public REST API with every step printed: out authenticated, back into its thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2

from mailwright.core.webhooks import signature
from mailwright.mail.address import parse_address_list
from mailwright.mail.header import parse_header

if TYPE_CHECKING:
    from mailwright.local.simulator import Got
    from mailwright.local.world import World

T = TypeVar("T")

PATIENCE = 10.0  # seconds that a step may take


class TourFailed(Exception):
    """A step did not come out as it should; the message says which."""


async def post(client: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST, and the JSON that came back; raises TourFailed with the server's words for anything but 2xx."""
    answer = await client.post(path, json=body)
    if not answer.is_success:
        raise TourFailed(f"POST {path}: {answer.status_code} {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


def address_in(raw: bytes, name: str) -> str:
    """The first address of a field of a message."""
    return parse_address_list(parse_header(raw).value(name) or "").mailboxes[0].addr_spec


def step(number: int, text: str) -> None:
    """A headline."""
    print(f"\n{number}. {text}", flush=True)


def show(text: str) -> None:
    """A line of what came of it."""
    print(f"   {text}", flush=True)


async def play(world: World) -> None:
    """Play it. Raises TourFailed where the world does not do what it should."""
    keys = world.keys
    operator, agent = _client(world, keys["operator_key"]), _client(world, keys["agent_key"])
    async with operator, agent:
        mailbox_id, agent_key = await _set_up(world, operator)
        async with _client(world, agent_key) as ada:
            secret = await _listen(world, operator)
            sent, got = await _send(world, ada, mailbox_id)
            await _answer(world, ada, sent, got, secret)


def _client(world: World, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=world.running.api_url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


async def _set_up(world: World, operator: httpx2.AsyncClient) -> tuple[str, str]:
    name = "tour.test"
    known = [one for one in (await operator.get("/v1/domains")).json()["items"] if one["domain"] == name]
    step(1, f"Add the domain {name}: POST /v1/domains")
    domain = known[0] if known else await post(operator, "/v1/domains", {"domain": name})
    for record in domain["dns_records"]:
        show(f"{record['name']:<38} {record['type']:<4} {record['value'][:60]}{'...' if len(record['value']) > 60 else ''}")
    step(2, "They are published in this world's DNS. Verify them: POST /v1/domains/{id}/verify")
    verified = await post(operator, f"/v1/domains/{domain['id']}/verify", {})
    if verified["status"] != "aligned":
        raise TourFailed(f"the domain is {verified['status']}: {verified.get('detail')}")
    show(f"status: {verified['status']} {json.dumps(verified['checks'])}")
    step(3, "Create a mailbox and a key for its agent: POST /v1/mailboxes, POST /v1/api-keys")
    wanted = {
        "address": f"grace@{name}",
        "display_name": "Grace, an agent",
        "oversight_mode": "autonomous",
        "client_id": "tour-grace",
    }
    mailbox = await post(operator, "/v1/mailboxes", wanted)
    key = await post(operator, "/v1/api-keys", {"name": "grace", "role": "agent", "mailbox_id": mailbox["id"]})
    show(f"{mailbox['address']} is {mailbox['id']}, mode {mailbox['oversight_mode']}")
    return mailbox["id"], key["key"]


async def _listen(world: World, operator: httpx2.AsyncClient) -> str:
    step(4, "Ask to be told of what comes in: POST /v1/webhooks")
    url = world.outbox_url.replace("/outbox", "/webhook")
    wanted = {"url": url, "events": ["message.received"], "client_id": "tour-webhook"}
    webhook = await post(operator, "/v1/webhooks", wanted)
    show(f"{webhook['id']} -> {url}")
    secret: str = webhook["secret"]
    return secret


async def _send(world: World, ada: httpx2.AsyncClient, mailbox_id: str) -> tuple[dict[str, Any], Got]:
    step(5, "Send, as the agent: POST /v1/mailboxes/{id}/send")
    wanted = {"to": ["Bob <bob@simulator.test>"], "subject": "Tea on Thursday?", "text": "Shall we say four?"}
    sent = await post(ada, f"/v1/mailboxes/{mailbox_id}/send", wanted)
    show(f"{sent['status']}: {sent['message_id']} in {sent['thread_id']}")
    step(6, "See it arrive. The receiver asks DNS and checks for itself:")
    got = await _eventually(lambda: _arrived(world), "the mail did not arrive")
    dkim = ", ".join(f"{one['result']} ({one['selector']}._domainkey.{one['domain']})" for one in _dkim(got))
    show(f"SPF {got.verdicts['spf']} for {got.mail_from.rpartition('@')[2]}")
    show(f"DKIM {dkim}")
    show(f"DMARC {got.verdicts['dmarc']}")
    if got.verdicts["dmarc"] != "pass" or got.verdicts["spf"] != "pass":
        raise TourFailed("the mail does not authenticate")
    return sent, got


def _arrived(world: World) -> Got | None:
    return next((got for got in reversed(world.receivers.outbox) if b"Tea on Thursday?" in got.raw), None)


def _told(world: World, message_id: str) -> dict[str, Any] | None:
    return next((one for one in reversed(world.told) if message_id.encode() in one["body"]), None)


def _dkim(got: Got) -> list[dict[str, str]]:
    found = got.verdicts["dkim"]
    return found if isinstance(found, list) else []


async def _answer(world: World, ada: httpx2.AsyncClient, sent: dict[str, Any], got: Got, secret: str) -> None:
    step(7, "Bob answers, by SMTP. The agent is told on its event stream: GET /v1/events/stream")
    start = await ada.get("/v1/events", params={"after": "now"})
    cursor = start.json()["next_cursor"]
    stream = asyncio.create_task(_next_event(world, ada, cursor))
    await world.reply(got, "At four, then.\r\n\r\nBob")
    try:
        event = await asyncio.wait_for(stream, PATIENCE)
    except TimeoutError:
        raise TourFailed("the event stream did not tell of the reply") from None
    data = event["data"]
    show(
        f"{event['type']}: {data['from']}: {data['preview']!r}, DMARC {data['authentication']['dmarc']}, trust {data['trust']}"
    )
    step(8, "It is in the same thread: GET /v1/threads/{id}")
    thread = (await ada.get(f"/v1/threads/{sent['thread_id']}")).json()
    for message in thread["messages"]:
        show(f"{message['direction']:<8} {message['from']:<38} {message['preview']}")
    if len(thread["messages"]) != 2:
        raise TourFailed("the reply is not in its thread")
    step(9, "And the webhook was told, signed as Standard Webhooks says:")
    told = await _eventually(lambda: _told(world, data["message_id"]), "the webhook was not told")
    headers = told["headers"]
    good = signature(secret, headers["webhook-id"], headers["webhook-timestamp"], told["body"])
    if f"v1,{good}" not in headers["webhook-signature"].split():
        raise TourFailed("the webhook's signature is wrong")
    show(f"webhook-id {headers['webhook-id']}, signature valid, {len(told['body'])} bytes")


async def _next_event(world: World, ada: httpx2.AsyncClient, cursor: str) -> dict[str, Any]:
    async with ada.stream("GET", "/v1/events/stream", headers={"Last-Event-ID": cursor}) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                event: dict[str, Any] = json.loads(line.removeprefix("data:"))
                if event["type"] == "message.received":
                    return event
    raise TourFailed("the event stream ended")


async def _eventually(look: Callable[[], T | None], what: str) -> T:
    for _ in range(int(PATIENCE / 0.02)):
        if found := look():
            return found
        await asyncio.sleep(0.02)
    raise TourFailed(f"{what} within {PATIENCE:.0f} s")


def say_where(world: World) -> None:
    """Where everything is, and three lines to try."""
    found = world.ready()
    print("\nThe world is up, until Ctrl-C.", flush=True)
    for name, value in found.items():
        print(f"   {name:<17} {value}")
    api, agent, box = found["api_url"], found["agent_key"], found["mailbox_id"]
    auth = f"-H 'Authorization: Bearer {agent}'"
    body = json.dumps({"to": [f"success@{found['simulator_domain']}"], "subject": "Hello", "text": "From an agent."})
    print("\nTry:")
    print(f"   curl -s {auth} -H 'Content-Type: application/json' -d '{body}' {api}/v1/mailboxes/{box}/send")
    print(f"   curl -sN {auth} {api}/v1/events/stream")
    print(f"   curl -s {found['outbox_url']}", flush=True)
