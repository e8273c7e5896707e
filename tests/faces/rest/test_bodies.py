"""Bodies within bounds: of size, of memory, of time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mailwright.core.errors import BodyTooLarge, MalformedRequest, StorageBusy
from mailwright.faces.rest import bodies
from mailwright.faces.rest.bodies import Budget, ClientGone, read_body

Message = dict[str, Any]


def receiving(*messages: Message) -> Any:
    """A `receive` that gives these messages, and then nothing more."""
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.sleep(3600)
        return left.pop(0)

    return receive


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


def nothing(size: int) -> None:
    """A budget without end."""


async def test_a_body_in_pieces_is_whole():
    assert b"abc" == await read_body(receiving(part(b"a"), part(b""), part(b"bc", False)), {}, 3, nothing)


async def test_a_length_that_is_too_large_is_refused_before_anything_is_read():
    with pytest.raises(BodyTooLarge):
        await read_body(receiving(), {b"content-length": b"4"}, 3, nothing)


@pytest.mark.parametrize("told", [{}, {b"content-length": b"2"}, {b"content-length": b"x"}, {b"content-length": b"9" * 99}])
async def test_no_length_is_believed(told):
    with pytest.raises(BodyTooLarge):
        await read_body(receiving(part(b"ab"), part(b"cd")), told, 3, nothing)


async def test_a_single_piece_is_counted_too():
    with pytest.raises(BodyTooLarge):
        await read_body(receiving(part(b"abcd", False)), {}, 3, nothing)


@pytest.mark.parametrize("messages", [[GONE], [part(b"a"), GONE]], ids=["at once", "later"])
async def test_a_client_that_goes_away_is_not_answered(messages):
    with pytest.raises(ClientGone):
        await read_body(receiving(*messages), {}, 3, nothing)


async def test_a_body_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)
    with pytest.raises(MalformedRequest):
        await read_body(receiving(part(b"a")), {}, 3, nothing)


def test_memory_for_all_bodies_together_is_bounded_and_comes_back():
    budget = Budget(10)
    with budget.loan() as first:
        first(8)
        with budget.loan() as second, pytest.raises(StorageBusy):
            second(3)
        with budget.loan() as third:
            third(2)
    assert 10 == budget.left


async def test_a_request_that_is_too_large_is_refused_and_the_connection_closed(world):
    found = await world.call("POST", "/v1/agents", b" " * (bodies.SMALL_BODY + 1))
    assert (413, "too_large") == (found.status_code, found.json()["error"]["code"])
    assert ({"limit": bodies.SMALL_BODY}, "close") == (found.json()["error"]["details"], found.headers["connection"])


async def test_only_what_sends_may_be_as_large_as_a_message(world):
    path = f"/v1/mailboxes/{world.ours.mailbox.id}/send"
    found = await world.call("POST", path, b" " * (bodies.SMALL_BODY + 1))
    assert 400 == found.status_code  # read whole, and no JSON
    limit = world.ports.settings.message_limit * 4 // 3 + bodies.SMALL_BODY
    assert 413 == (await world.call("POST", path, b" " * (limit + 1))).status_code


async def test_a_message_past_the_limit_is_refused_though_its_request_was_not(world):
    found = await world.send_raw(text="x" * (world.ports.settings.message_limit + 1))
    assert (413, "too_large") == (found.status_code, found.json()["error"]["code"])


async def test_a_body_that_comes_in_pieces_is_read(world):
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"name": '
        yield b'"grace"}'

    fields = {"authorization": f"Bearer {world.ours.keys['operator']}", "content-type": "application/json; charset=utf-8"}
    assert 201 == (await world.http.request("POST", "/v1/agents", content=pieces(), headers=fields)).status_code
