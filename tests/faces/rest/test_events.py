"""The event log over HTTP: pages, long polls and streams, none of which ever skips (I7)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
import uvicorn
from uvicorn.server import ServerState

from mailwright.contract import events as contract_events
from mailwright.contract.operations import events
from mailwright.core.events import EventType, publish
from mailwright.core.ports import Tx
from mailwright.faces.rest import bell as bells
from mailwright.faces.rest import close, streaming

sys.modules.setdefault("httpx", httpx2)  # httpx-sse asks for it by its old name
import httpx_sse  # noqa: E402


async def happen(world: Any, *numbers: int, house: Any = None, mailbox_id: str | None = "") -> None:
    """Events with these numbers, each in a transaction of its own."""
    house = house or world.ours
    for number in numbers:

        async def script(tx: Tx, number: int = number) -> None:
            await publish(
                tx,
                world.ports,
                EventType.MESSAGE_QUEUED,
                tenant_id=house.tenant_id,
                mailbox_id=house.mailbox.id if mailbox_id == "" else mailbox_id,
                data={"number": number},
            )

        await world.ports.store.write(script)


def numbers(items: list[dict[str, Any]]) -> list[int]:
    return [one["data"]["number"] for one in items if "number" in one["data"]]


# --- pages ----------------------------------------------------------------------------------------------------------------


async def test_pages_follow_each_other_without_a_gap(world):
    await happen(world, *range(7))
    seen, after = [], "start"
    for _ in range(9):
        page = (await world.call("GET", f"/v1/events?after={after}&limit=2&type=message.queued")).json()
        seen += numbers(page["items"])
        after = page["next_cursor"]
    assert list(range(7)) == seen


async def test_the_end_of_the_log_has_a_cursor_too(world):
    page = (await world.call("GET", "/v1/events?after=now")).json()
    await happen(world, 1)
    assert [1] == numbers((await world.call("GET", f"/v1/events?after={page['next_cursor']}")).json()["items"])


async def test_a_cursor_beyond_the_end_of_the_log_is_refused_and_not_waited_at(world):
    """Whoever kept it from another server, or from a log that began anew, was told nothing and never heard of it."""
    await happen(world, 1)
    end = (await world.call("GET", "/v1/events")).json()["next_cursor"]
    beyond = contract_events.cursor_of(contract_events.place_of(end) + 1)
    assert 200 == (await world.call("GET", f"/v1/events?after={end}")).status_code
    for path in ("/v1/events", "/v1/events/stream"):
        found = await world.call("GET", f"{path}?after={beyond}")
        assert (422, "after") == (found.status_code, found.json()["error"]["details"][0]["path"])


async def test_a_tenant_is_told_of_its_own_events_alone(world):
    await happen(world, 1)
    await happen(world, 2, house=world.theirs)
    await happen(world, 3, mailbox_id=None)
    assert [1, 3] == numbers((await world.call("GET", "/v1/events")).json()["items"])


async def test_an_agent_is_told_of_its_own_mailbox_alone(world):
    await happen(world, 1)
    await happen(world, 2, mailbox_id=None)
    await happen(world, 3, mailbox_id="mbx_another")
    assert [1] == numbers((await world.call("GET", "/v1/events", key="agent")).json()["items"])


async def test_an_agent_may_not_ask_for_another_mailbox(world):
    for path in ("/v1/events", "/v1/events/stream"):
        assert 404 == (await world.call("GET", f"{path}?mailbox_id=mbx_another", key="agent")).status_code


@pytest.mark.parametrize(
    ("query", "path"),
    [("after=42", "after"), ("type=message.sneezed", "type[0]"), ("wait=61", "wait"), ("wait=-1", "wait"), ("after=", "after")],
)
async def test_what_can_not_be_asked_is_named(world, query, path):
    found = await world.call("GET", f"/v1/events?{query}")
    assert (422, path) == (found.status_code, found.json()["error"]["details"][0]["path"])


# --- long polls -----------------------------------------------------------------------------------------------------------


async def test_a_long_poll_answers_as_soon_as_something_happens(world):
    after = (await world.call("GET", "/v1/events?after=now")).json()["next_cursor"]
    waiting = asyncio.create_task(world.call("GET", f"/v1/events?after={after}&wait=60"))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await happen(world, 1)
    assert [1] == numbers((await asyncio.wait_for(waiting, 5)).json()["items"])


async def test_a_long_poll_is_not_woken_by_what_it_did_not_ask_for(world):
    after = (await world.call("GET", "/v1/events?after=now")).json()["next_cursor"]
    waiting = asyncio.create_task(world.call("GET", f"/v1/events?after={after}&wait=60", key="agent"))
    await happen(world, 1, house=world.theirs)
    await happen(world, 2, mailbox_id="mbx_another")
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await happen(world, 3)
    assert [3] == numbers((await asyncio.wait_for(waiting, 5)).json()["items"])


@pytest.mark.parametrize("hours", [0, -1, 1])
async def test_a_long_poll_ends_empty_when_its_time_is_over_whatever_the_clock_on_the_wall_says(world, monkeypatch, hours):
    wait, passed, waits = world.ports.store.wait, 0.0, []

    async def time_flies(topic: str, seen: int, timeout: float) -> None:
        nonlocal passed
        if timeout > 60 or len(waits) > 9:  # somebody else's, or one that does not end
            await wait(topic, seen, timeout)
            return
        waits.append(timeout)
        passed += 2
        world.clock.advance(hours=hours)
        await wait(topic, seen, 0)

    monkeypatch.setattr(world.ports.store, "wait", time_flies)
    monkeypatch.setattr(events, "monotonic", lambda: passed)
    after = (await world.call("GET", "/v1/events?after=now")).json()["next_cursor"]
    page = (await asyncio.wait_for(world.call("GET", f"/v1/events?after={after}&wait=3"), 5)).json()
    assert ([], after, [3, 1]) == (page["items"], page["next_cursor"], waits)


async def test_a_server_that_closes_answers_its_long_polls(world):
    waiting = asyncio.create_task(world.call("GET", "/v1/events?after=now&wait=60"))
    await asyncio.sleep(0.02)
    close(world.app)
    assert [] == (await asyncio.wait_for(waiting, 5)).json()["items"]


# --- streams --------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def served(world: Any) -> AsyncIterator[str]:
    """The application behind uvicorn's protocol on a socket; its address."""
    config = uvicorn.Config(world.app, log_level="critical", lifespan="off", ws="none", http="httptools")
    config.load()
    state = ServerState()

    def protocol() -> asyncio.Protocol:
        return config.http_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg,union-attr]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield "http://127.0.0.1:{}".format(*server.sockets[0].getsockname()[1:])
    finally:
        close(world.app)
        server.close()
        async with asyncio.timeout(5):
            while state.tasks:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def stream(world: Any, url: str, key: str = "operator", **headers: str) -> AsyncIterator[Any]:
    """A stock client that follows a stream: gives one event after another."""
    fields = {"authorization": f"Bearer {world.ours.keys[key]}"} | {n.replace("_", "-"): v for n, v in headers.items()}
    async with httpx2.AsyncClient(timeout=5) as http, httpx_sse.aconnect_sse(http, "GET", url, headers=fields) as source:
        assert 200 == source.response.status_code
        yield aiter(source.aiter_sse())


async def take(events: Any, count: int) -> list[Any]:
    return [await asyncio.wait_for(anext(events), 5) for _ in range(count)]


async def test_a_stream_tells_where_it_stands_and_then_what_happens(world):
    async with served(world) as server, stream(world, f"{server}/v1/events/stream") as events:
        (ready,) = await take(events, 1)
        assert ("stream.ready", ready.id) == (ready.event, json.loads(ready.data)["cursor"])
        await happen(world, 1, 2)
        first, second = await take(events, 2)
        assert ("message.queued", [1, 2]) == (first.event, numbers([json.loads(one.data) for one in (first, second)]))
        told = json.loads(first.data)
        page = (await world.call("GET", f"/v1/events?after={ready.id}")).json()
        assert (told, first.id) == (page["items"][0], told["cursor"])


async def test_resuming_never_skips_and_never_reorders(world):
    """Cut off after any number of events, and with more happening all the time, every event comes once and in order."""
    total, seen, last = 120, [], ""

    async def keep_happening() -> None:
        for number in range(total):
            await happen(world, number)
            await asyncio.sleep(0)

    async with served(world) as server:
        happening = asyncio.create_task(keep_happening())
        cuts = iter([0, 1, 2, 7, 0, 30, 1, 13] * 20)
        while len(seen) < total:
            resume = {"last_event_id": last} if last else {}
            async with stream(world, f"{server}/v1/events/stream?after=start&type=message.queued", **resume) as events:
                last = (await take(events, 1))[0].id
                wanted = next(cuts)
                while wanted and len(seen) < total:
                    (one,) = await take(events, 1)
                    seen.append(json.loads(one.data)["data"]["number"])
                    last, wanted = one.id, wanted - 1
        await happening
    assert list(range(total)) == seen


async def test_a_stream_that_was_cut_before_anything_happened_misses_nothing(world):
    async with served(world) as server:
        async with stream(world, f"{server}/v1/events/stream") as events:
            last = (await take(events, 1))[0].id
        await happen(world, 1)
        async with stream(world, f"{server}/v1/events/stream", last_event_id=last) as events:
            assert [1] == numbers([json.loads(one.data) for one in (await take(events, 2))[1:]])


async def test_many_streams_are_told_at_once_and_each_of_its_own(world):
    async with served(world) as server, contextlib.AsyncExitStack() as open_streams:
        keys = ["operator", "agent", "approver"] * 4
        urls = [f"{server}/v1/events/stream"] * len(keys)
        all_events = [await open_streams.enter_async_context(stream(world, u, k)) for u, k in zip(urls, keys, strict=True)]
        for events in all_events:
            await take(events, 1)
        await happen(world, 1, mailbox_id=None)
        await happen(world, 2, house=world.theirs)
        await happen(world, 3)
        for key, events in zip(keys, all_events, strict=True):
            wanted = [3] if key == "agent" else [1, 3]
            assert wanted == numbers([json.loads(one.data) for one in await take(events, len(wanted))])


async def test_a_stream_is_woken_for_its_own_mailbox_alone(world):
    bell, tenant_id, own = bells.Bell(world.ports.store), world.ours.tenant_id, world.ours.mailbox.id
    first = bell.next(tenant_id)
    await happen(world, 1)
    await asyncio.wait_for(first, 5)
    anything, mine, others = bell.next(tenant_id), bell.next(tenant_id, own), bell.next(tenant_id, "mbx_another")
    await happen(world, 2)
    await asyncio.wait_for(anything, 5)
    bell.closing = True
    assert (True, False) == (mine.done(), others.done())
    bell.close()
    assert others.done()


async def test_where_too_much_happened_at_once_to_look_through_all_are_woken(world, monkeypatch):
    monkeypatch.setattr(bells, "NEWS", 1)
    bell, tenant_id = bells.Bell(world.ports.store), world.ours.tenant_id
    first = bell.next(tenant_id)
    await happen(world, 1)
    await asyncio.wait_for(first, 5)
    others = bell.next(tenant_id, "mbx_another")
    await happen(world, 2)
    await asyncio.wait_for(others, 5)
    bell.close()


class Follower:
    """A stream without a socket: what it was sent, at the pace at which it takes it."""

    def __init__(self, world: Any, bell: bells.Bell, mailbox_id: str | None, types: tuple[str, ...] = ()) -> None:
        self.world, self.bell = world, bell
        self.mailbox_id, self.types = mailbox_id, types
        self.pauses: Callable[[], float] = lambda: 0.0
        self.numbers: list[int] = []
        self.gone = asyncio.Event()

    async def run(self) -> None:
        caller = await streaming_caller(self.world)
        start = await self.world.ports.store.read(lambda tx: tx.events.last(caller.tenant_id))
        following = streaming.Following(caller, start, self.mailbox_id, self.types)
        await streaming.follow(self.world.ports, self.bell, following, self._receive, self._send, self._allowed)

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        found = re.findall(rb'"number":(\d+)', message["body"])
        if found:
            await asyncio.sleep(self.pauses())
        self.numbers += map(int, found)

    async def _allowed(self) -> None:
        """Its key is good."""


@contextlib.asynccontextmanager
async def followed(followers: list[Follower]) -> AsyncIterator[None]:
    running = [asyncio.create_task(one.run()) for one in followers]
    await asyncio.sleep(0.02)
    yield
    for one in followers:
        one.gone.set()
    await asyncio.wait_for(asyncio.gather(*running), 5)
    followers[0].bell.close()


@pytest.mark.parametrize("seed", range(5))
async def test_streams_that_are_told_and_streams_that_read_miss_nothing_and_see_nothing_twice(world, seed):
    """I7, with followers of any speed and events in bursts."""
    chance, bell = random.Random(seed), bells.Bell(world.ports.store)
    own, here = world.ours.mailbox.id, [None, world.ours.mailbox.id, "mbx_another"]
    types = [(), ("message.queued",), ("message.received",)]
    followers = [Follower(world, bell, mailbox, which) for mailbox in here for which in types]
    for one in followers:
        slowest = chance.choice([0.0, 0.001, 0.01])
        one.pauses = lambda slowest=slowest: chance.random() * slowest
    happened: list[tuple[int, str | None]] = []
    async with followed(followers):
        for number in range(200):
            mailbox = chance.choice([own, "mbx_another", None])
            await happen(world, number, mailbox_id=mailbox)
            happened.append((number, mailbox))
            await asyncio.sleep(chance.choice([0, 0, 0.002]))
        await asyncio.sleep(0.3)
    for one in followers:
        wanted = [number for number, mailbox in happened if one.mailbox_id in (None, mailbox)]
        assert ([] if one.types == ("message.received",) else wanted) == one.numbers


async def test_an_event_is_read_once_and_written_down_once_however_many_follow(world, monkeypatch):
    bell, own = bells.Bell(world.ports.store), world.ours.mailbox.id
    followers = [Follower(world, bell, mailbox) for mailbox in (None, own) for _ in range(20)]
    reads, writes = [], []
    read_after, written = streaming.read_after, bells.written

    async def counted(*given: Any, **named: Any) -> Any:
        reads.append(given)
        return await read_after(*given, **named)

    def noted(*given: Any) -> bytes:
        writes.append(given)
        return written(*given)

    async with followed(followers):
        await happen(world, 0)  # the first look learns where the log ends
        await asyncio.sleep(0.05)
        monkeypatch.setattr(streaming, "read_after", counted)
        monkeypatch.setattr(bells, "written", noted)
        for number in range(1, 11):
            await happen(world, number)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    assert all(list(range(11)) == one.numbers for one in followers)
    assert 10 == len(writes)
    assert len(reads) < 2 * len(followers)  # by those that the first ring, which told no news, has woken


async def test_who_waits_no_more_is_not_kept(world):
    bell = bells.Bell(world.ports.store)
    for number in range(100):
        bell.next(world.ours.tenant_id, f"mbx_{number}")
    assert 0 == len(bell._rings[world.ours.tenant_id])
    bell.close()


async def test_an_idle_stream_shows_signs_of_life(world):
    async with served(world) as server, httpx2.AsyncClient(timeout=5) as http:
        fields = {"authorization": f"Bearer {world.ours.keys['operator']}"}
        async with http.stream("GET", f"{server}/v1/events/stream", headers=fields) as found:
            assert "text/event-stream" == found.headers["content-type"]
            lines = aiter(found.aiter_lines())
            async with asyncio.timeout(5):
                while await anext(lines) != ": still here":
                    pass


async def test_a_stream_ends_when_its_key_does(world):
    async with served(world) as server, stream(world, f"{server}/v1/events/stream", "agent") as events:
        await take(events, 1)
        keys = (await world.call("GET", "/v1/api-keys")).json()["items"]
        (agent,) = [one["id"] for one in keys if one["role"] == "agent"]
        await world.call("DELETE", f"/v1/api-keys/{agent}")
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(events), 5)


async def test_a_stream_ends_when_the_mailbox_of_its_key_is_gone(world):
    async with served(world) as server, stream(world, f"{server}/v1/events/stream", "agent") as events:
        await take(events, 1)
        await world.call("DELETE", f"/v1/mailboxes/{world.ours.mailbox.id}")
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(events), 5)


async def test_a_server_that_is_told_to_stop_ends_its_streams_and_stops(world):
    config = uvicorn.Config(world.app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    url = "http://127.0.0.1:{}".format(*server.servers[0].sockets[0].getsockname()[1:])
    async with stream(world, f"{url}/v1/events/stream") as events:
        await take(events, 1)
        close(world.app)
        server.should_exit = True
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(events), 5)
    await asyncio.wait_for(serving, 5)


async def test_a_client_that_takes_nothing_is_cut_off_and_goes_on_from_its_last_id(world):
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        await asyncio.sleep(3600)

    async def allowed() -> None:
        pass

    bell = bells.Bell(world.ports.store, bells.Pace(patience=0.05))
    caller = await streaming_caller(world)
    following = streaming.Following(caller, 0, None, ())
    async with asyncio.timeout(10):
        await streaming.follow(world.ports, bell, following, receive, send, allowed)
    bell.close()


async def streaming_caller(world: Any) -> Any:
    from mailwright.core.accounts import authenticate

    return await authenticate(world.ports, world.ours.keys["operator"])


async def test_a_key_has_a_number_of_streams_and_no_more(world, monkeypatch):
    monkeypatch.setattr(bells, "MAX_STREAMS", 1)
    async with served(world) as server:
        async with stream(world, f"{server}/v1/events/stream") as events:
            await take(events, 1)
            found = await world.call("GET", "/v1/events/stream")
            assert (429, "rate_limited") == (found.status_code, found.json()["error"]["code"])
            assert "30" == found.headers["retry-after"]
        async with asyncio.timeout(5):
            while world.app.bell.streams:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_head_tells_that_there_is_a_stream(world):
    found = await world.call("HEAD", "/v1/events/stream")
    assert (200, "text/event-stream") == (found.status_code, found.headers["content-type"])
