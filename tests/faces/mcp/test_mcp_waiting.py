"""wait_for_message: what it answers to, what it misses (nothing), and how long it takes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mailwright.core.model import OversightMode
from mailwright.faces.mcp import waiting


def letter(subject: str = "Tea?", author: str = "Bob <bob@there.example>", answers: str = "") -> bytes:
    """A message that comes in."""
    reply = f"In-Reply-To: {answers}\nReferences: {answers}\n" if answers else ""
    mid = f"<{abs(hash((subject, author, answers)))}@there.example>"
    return f"From: {author}\nTo: ada@ours.example.com\nSubject: {subject}\nMessage-ID: {mid}\n{reply}\nAt four.\n".encode()


async def waited(client: Any, **arguments: Any) -> dict[str, Any]:
    """What waiting came to; the client checks it against the tool's schema."""
    found = await client.call_tool("wait_for_message", {"timeout": 1} | arguments)
    assert not found.is_error, found.structured_content
    told: dict[str, Any] = found.structured_content
    return told


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Signs of life more often than every 5 seconds."""
    monkeypatch.setattr(waiting, "STEP", 1)


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_it_answers_when_mail_comes_in(connect, world, mode):
    async with connect(mode=mode) as client:
        asking = asyncio.create_task(waited(client, timeout=10))
        await asyncio.sleep(0.3)
        message_id = await world.arrive(letter())
        told = await asyncio.wait_for(asking, 3)
        assert (message_id, "At four.", False) == (
            told["message"]["message_id"],
            told["message"]["text"].strip(),
            told["timed_out"],
        )


async def test_it_says_so_when_the_time_is_over_and_goes_on_from_there(connect, world):
    async with connect() as client:
        told = await waited(client)
        assert (None, True) == (told["message"], told["timed_out"])
        first, second = await world.arrive(letter("One")), await world.arrive(letter("Two"))
        told = await waited(client, after=told["next_cursor"])
        assert first == told["message"]["message_id"]
        told = await waited(client, after=told["next_cursor"])
        assert second == told["message"]["message_id"]
        assert (await waited(client, after=told["next_cursor"]))["timed_out"]


async def test_an_answer_that_is_there_already_counts_once(connect, world):
    sent = await world.send()
    rfc_id = (await world.call("GET", f"/v1/messages/{sent['message_id']}")).json()["rfc_message_id"]
    message_id = await world.arrive(letter(answers=rfc_id))
    async with connect() as client:
        told = await waited(client, thread_id=sent["thread_id"])
        assert message_id == told["message"]["message_id"]
        assert (await waited(client, thread_id=sent["thread_id"], after=told["next_cursor"]))["timed_out"]
        await world.call("POST", f"/v1/messages/{message_id}/reply", {"text": "Good."}, key="agent")
        assert (await waited(client, thread_id=sent["thread_id"]))["timed_out"]


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"from": "bob@there.example"}, True),
        ({"from": "BOB"}, True),
        ({"from": "carol"}, False),
        ({"subject": "tea"}, True),
        ({"subject": "coffee"}, False),
        ({"from": "bob", "subject": "coffee"}, False),
    ],
)
async def test_filters_are_all_to_fit(connect, world, filters, fits):
    async with connect() as client:
        cursor = (await waited(client))["next_cursor"]
        await world.arrive(letter())
        told = await waited(client, after=cursor, **filters)
        assert fits == (told["message"] is not None)


async def test_more_mail_than_one_page_is_looked_through(connect, world, monkeypatch):
    monkeypatch.setattr(waiting, "PAGE", 2)
    async with connect() as client:
        cursor = (await waited(client))["next_cursor"]
        for number in range(7):
            await world.arrive(letter(f"Number {number}"))
        told = await waited(client, after=cursor, subject="number 6")
        assert "Number 6" == told["message"]["subject"]


async def test_mail_that_waits_for_a_person_is_not_told(connect, world):
    await world.set_mode(OversightMode.GATED_ALL)
    async with connect() as client:
        cursor = (await waited(client))["next_cursor"]
        await world.arrive(letter())
        assert (await waited(client, after=cursor))["timed_out"]


async def test_signs_of_life_are_told_to_clients_that_want_them(connect):
    seen: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, _text: str | None) -> None:
        seen.append((done, total))

    async with connect() as client:
        await client.call_tool("wait_for_message", {"timeout": 2}, progress_callback=progress)
    assert len(seen) >= 3
    assert seen == sorted(seen)
    assert {2} == {total for _, total in seen}


async def test_a_key_that_is_revoked_meanwhile_learns_nothing_more(connect, world):
    async with connect() as client:
        asking = asyncio.create_task(client.call_tool("wait_for_message", {"timeout": 5}))
        await asyncio.sleep(0.3)
        for key in (await world.call("GET", "/v1/api-keys")).json()["items"]:
            if key["role"] == "agent":
                await world.call("DELETE", f"/v1/api-keys/{key['id']}")
        await world.arrive(letter())
        found = await asyncio.wait_for(asking, 3)
        assert (True, "unauthenticated") == (found.is_error, json.loads(found.content[0].text)["error"]["code"])
