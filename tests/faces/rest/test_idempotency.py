"""Sending twice under one Idempotency-Key sends once (the rule itself: tests/contract/test_running.py)."""

from __future__ import annotations

import asyncio

import pytest

from mailwright.core.errors import StorageBusy

KEY = "order-42"


async def sent_messages(world) -> int:
    return len((await world.call("GET", "/v1/messages?direction=outbound")).json()["items"])


async def send(world, key=KEY, **fields):
    path = f"/v1/mailboxes/{world.ours.mailbox.id}/send"
    body = {"to": ["bob@there.example"], "subject": "Tea?", "text": "At four?"} | fields
    return await world.call("POST", path, body, key="agent", idempotency_key=key)


async def test_the_first_answer_comes_again_byte_for_byte_and_nothing_is_sent_again(world):
    first, second = await send(world), await send(world)
    assert (first.status_code, first.content) == (second.status_code, second.content) == (202, first.content)
    assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (False, "true")
    assert 1 == await sent_messages(world)


async def test_another_body_under_the_same_key_is_refused(world):
    await send(world)
    found = await send(world, text="At five?")
    assert (422, "idempotency_key_reuse") == (found.status_code, found.json()["error"]["code"])


async def test_another_path_under_the_same_key_is_refused(world):
    await world.call("POST", "/v1/agents", {"name": "grace"}, idempotency_key=KEY)
    found = await world.call("POST", "/v1/webhooks", {"name": "grace", "url": "https://x.example/"}, idempotency_key=KEY)
    assert 422 == found.status_code
    found = await world.call("POST", "/v1/suppressions", {"address": "x@there.example"}, idempotency_key=KEY)
    assert "idempotency_key_reuse" == found.json()["error"]["code"]


async def test_requests_at_the_same_time_send_one_message(world):
    found = await asyncio.gather(*(send(world) for _ in range(5)))
    codes = sorted(one.status_code for one in found)
    assert set(codes) <= {202, 409}
    assert {"idempotency_in_flight"} >= {one.json()["error"]["code"] for one in found if one.status_code == 409}
    assert 1 == await sent_messages(world)
    assert 202 == (await send(world)).status_code


async def test_an_answer_that_was_lost_after_the_commit_is_given_again(world, monkeypatch):
    await world.call(
        "GET", "/v1/mailboxes", key="agent"
    )  # notes that the key was used, so that the next write is the message's
    write = world.ports.store.write

    async def committed_and_lost(script):
        await write(script)
        raise StorageBusy

    monkeypatch.setattr(world.ports.store, "write", committed_and_lost)
    assert 503 == (await send(world)).status_code
    monkeypatch.setattr(world.ports.store, "write", write)
    again = await send(world)
    assert (202, "true") == (again.status_code, again.headers["idempotency-replayed"])
    assert 1 == await sent_messages(world)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\u00e9"])
async def test_a_key_that_is_none_is_named(world, key):
    found = await world.call("POST", "/v1/agents", {"name": "x"}, idempotency_key=key.encode())
    assert (422, "Idempotency-Key") == (found.status_code, found.json()["error"]["details"][0]["path"])


async def test_two_keys_in_one_request_are_malformed(world):
    fields = [(b"authorization", f"Bearer {world.ours.keys['operator']}".encode()), (b"content-type", b"application/json")]
    fields += [(b"idempotency-key", b"a"), (b"idempotency-key", b"b")]
    assert 400 == (await world.http.request("POST", "/v1/agents", content=b'{"name": "x"}', headers=fields)).status_code


async def test_a_new_secret_comes_again_to_whoever_asked_and_lies_sealed_meanwhile(world):
    wanted = {"name": "worker", "role": "auditor"}
    first = await world.call("POST", "/v1/api-keys", wanted, idempotency_key=KEY)
    second = await world.call("POST", "/v1/api-keys", wanted, idempotency_key=KEY)
    assert (201, first.content) == (second.status_code, second.content)
    assert 200 == (await world.call("GET", "/v1/audit", key=second.json()["key"])).status_code


async def test_a_client_id_makes_creating_safe_to_repeat_for_ever(world):
    wanted = {"name": "grace", "client_id": "grace-1"}
    first, second = [await world.call("POST", "/v1/agents", wanted) for _ in range(2)]
    assert first.json() == second.json()
    hook = {"url": "https://app.example.com/x", "client_id": "hook-1"}
    made, again = [(await world.call("POST", "/v1/webhooks", hook)).json() for _ in range(2)]
    assert made["id"] == again["id"]
