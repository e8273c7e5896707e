"""The client against a real server: sending, reading, lists that go on, streams that outlive a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from client.conftest import Losing, Server

from mailwright.client import (
    AsyncMailwright,
    AttachmentIn,
    Forbidden,
    Mailwright,
    NotConfigured,
    Patience,
    Unauthenticated,
    Unreachable,
)

HASTE = Patience(first=0.01)


async def send(mw: AsyncMailwright, server: Server, subject: str = "Tea?", **fields: Any) -> str:
    return (
        await mw.messages.send(server.mailbox_id, to="success@simulator.test", subject=subject, text="x", **fields)
    ).message_id


BUSY = b'{"error": {"code": "storage_busy", "message": "Busy.", "fix": "", "docs": "", "request_id": ""}}'


@pytest.mark.parametrize(
    "troubles",
    [(httpx2.Response(503, content=BUSY),), (httpx2.ReadError("reset"),), (httpx2.ReadTimeout("late"), httpx2.Response(502))],
)
async def test_an_answer_that_was_lost_sends_nothing_twice(server: Server, troubles: tuple[Any, ...]) -> None:
    way = Losing(*troubles)
    async with AsyncMailwright(server.url, server.key("agent"), patience=HASTE, transport=way) as mw:
        message_id = await send(mw, server)
        assert [message_id] == [one.message_id async for one in mw.messages.list(direction="outbound")]
    keys = {one.headers["idempotency-key"] for one in way.requests if one.method == "POST"}
    assert (1, len(troubles) + 1) == (len(keys), len([one for one in way.requests if one.method == "POST"]))


async def test_two_calls_are_two_messages_and_a_key_of_ones_own_makes_them_one(mw: AsyncMailwright, server: Server) -> None:
    assert await send(mw, server) != await send(mw, server)
    assert await send(mw, server, idempotency_key="order-7") == await send(mw, server, idempotency_key="order-7")


@pytest.mark.parametrize("key", ["", "order 7", "caf\u00e9", "a\r\nX: y", "x" * 256])
async def test_a_key_that_is_none_is_refused_and_no_other_put_in_its_place(
    mw: AsyncMailwright, server: Server, key: str
) -> None:
    with pytest.raises(ValueError, match="is no Idempotency-Key"):
        await send(mw, server, idempotency_key=key)


async def test_files_come_back_as_they_went(mw: AsyncMailwright, server: Server) -> None:
    file = AttachmentIn(filename="a.bin", content=bytes(range(256)))
    message = await mw.messages.get(await send(mw, server, attachments=[file]))
    found = await mw.messages.attachment(message.message_id, message.attachments[0].attachment_id)
    assert (file.content, "a.bin") == (found.data, found.filename)
    assert b"Subject: Tea?" in (await mw.messages.raw(message.message_id)).data


async def test_lists_go_on_by_themselves(mw: AsyncMailwright, server: Server) -> None:
    sent = [await send(mw, server, str(number)) for number in range(5)]
    found = [one.message_id async for one in mw.messages.list(limit=2, direction="outbound")]
    assert sent == sorted(found, key=sent.index)
    assert [2, 2, 1] == [len(one.items) async for one in mw.messages.list(limit=2, direction="outbound").pages()]
    first = await mw.messages.list(limit=2, direction="outbound").page()
    second = await mw.messages.list(limit=2, direction="outbound").page(first.next_cursor)
    assert found[:4] == [one.message_id for one in (*first.items, *second.items)]


async def test_ordinary_code_does_the_same(server: Server) -> None:
    def work() -> list[str]:
        with Mailwright(server.url + "/v1", server.key("operator")) as mw:
            for number in range(3):
                mw.messages.send(server.mailbox_id, to=["success@simulator.test"], subject=str(number), text="x")
            for event in mw.events.poll(after="start", type=["message.delivered"]):
                assert event.mailbox_id == server.mailbox_id
                break
            for event in mw.events.stream(after="start", type=["message.queued"]):
                assert event.data["message_id"]
                break
            box = mw.mailboxes.create(address="bob@agents.test")
            mw.mailboxes.remove(box.id)
            assert b"v=spf1" in mw.domains.zone_file(next(iter(mw.domains.list())).id).data
            return sorted(one.subject for one in mw.messages.list(limit=1, direction="outbound"))

    assert ["0", "1", "2"] == await asyncio.to_thread(work)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stream", "poll"])
async def test_events_go_on_through_a_restart_without_a_gap(mw: AsyncMailwright, server: Server, how: str) -> None:
    seen: list[str] = []

    async def follow() -> None:
        async with AsyncMailwright(server.url, server.key("operator"), patience=Patience(first=0.05)) as follower:
            ask = follower.events.stream if how == "stream" else follower.events.poll
            async for event in ask(after="start", type=["message.queued"]):
                seen.append(event.data["subject"])

    following = asyncio.create_task(follow())
    try:
        for number in range(3):
            await send(mw, server, str(number))
        await _until(lambda: 3 == len(seen))
        await server.stop()
        await asyncio.sleep(0.3)
        await server.start()
        for number in range(3, 6):
            await send(mw, server, str(number))
        await _until(lambda: 6 <= len(seen) or following.done())
    finally:
        following.cancel()
    assert [str(number) for number in range(6)] == seen


async def _until(done: Any) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_refusals_are_exceptions_of_their_kind(mw: AsyncMailwright, server: Server) -> None:
    with pytest.raises(Forbidden) as wrong:
        await mw.mailboxes.create(address="eve@agents.test")
    assert ("missing_permission", 403) == (wrong.value.code, wrong.value.status)
    assert wrong.value.fix
    assert wrong.value.request_id.startswith("req_")
    async with AsyncMailwright(server.url, "mw_live_wrong") as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.messages.list().page()
        with pytest.raises(Unauthenticated):
            await anext(aiter(stranger.events.stream()))


async def test_null_and_left_out_are_two_things(server: Server) -> None:
    async with AsyncMailwright(server.url, server.key("operator")) as mw:
        agent = await mw.agents.create(name="grace", responsible="ops@example.com")
        assert "ops@example.com" == (await mw.agents.change(agent.id)).responsible
        assert (await mw.agents.change(agent.id, responsible=None)).responsible is None


def test_what_is_not_configured_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILWRIGHT_URL", raising=False)
    monkeypatch.delenv("MAILWRIGHT_KEY", raising=False)
    for url, key in ((None, "k"), ("mail.example.com", "k"), ("https://mail.example.com", None), ("https://a.example", "a\nb")):
        with pytest.raises(NotConfigured):
            Mailwright(url, key)
    monkeypatch.setenv("MAILWRIGHT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MAILWRIGHT_KEY", "k")
    with Mailwright(patience=Patience(tries=2, first=0.01)) as mw, pytest.raises(Unreachable):
        mw.agents.get("agt_1")


@pytest.mark.parametrize("wrong", ["", "..", "."])
def test_an_id_that_is_none_is_no_other_path(wrong: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        Mailwright("http://localhost", "k").mailboxes.get(wrong)
