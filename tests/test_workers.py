"""The loops: who waits for whom, what survives trouble, and what is left behind when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from structlog.testing import capture_logs

from mailwright import workers
from mailwright.core import delivery, limits, webhooks
from mailwright.core.errors import StorageBusy
from mailwright.core.limits import Pace
from mailwright.core.model import ApprovalStatus, MessageStatus
from mailwright.core.ports import Deferred, Delivered, Parcel, Ports, Posted, Rejected, Report, Route, Topic, Unknown
from mailwright.testing import Internet
from mailwright.testing.fixtures import internet
from mailwright.workers import Deliveries, Destination, Tellings, keep_house, watch_clock

__all__ = ["internet"]

PATIENCE = 3.0
FINE = Delivered(250, "2.0.0", "taken")


@pytest.fixture(autouse=True)
def logged(monkeypatch):
    """Short waits, and what is logged."""
    monkeypatch.setattr(workers, "TROUBLE", 0.01)
    monkeypatch.setattr(workers, "IDLE", 0.05)
    with capture_logs() as entries:
        yield entries


async def eventually(look: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not look():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(run: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Event]:
    """The loop at work; it is stopped at the end, and must end soon."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)


class Slow:
    """A courier that answers when it is let: `doors` by recipient's domain; others at once."""

    def __init__(self) -> None:
        self.doors: dict[str, asyncio.Event] = {}
        self.outcome = FINE
        self.begun: list[str] = []
        self.running = self.most = 0

    async def deliver(self, route: Route, parcel: Parcel) -> Report:
        (address,) = parcel.rcpt_to
        self.begun.append(address)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            door = self.doors.get(address.rpartition("@")[2])
            if door:
                await door.wait()
            return Report((self.outcome,), ())
        finally:
            self.running -= 1


def with_courier(internet: Internet) -> tuple[Ports, Slow]:
    courier = Slow()
    return replace(internet.ports, courier=courier), courier


def send(internet: Internet, *addresses: str):
    for address in addresses:
        internet.host(address.rpartition("@")[2])
    return internet.agent("ada").send(to=addresses, subject="Tea?")


def statuses(mail) -> list[MessageStatus]:
    return [row.status for row in mail.recipients.values()]


# --- destinations -------------------------------------------------------------------------------------------------------


async def waiting(destination: Destination, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(destination.enter()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_slots_are_given_in_the_order_in_which_they_were_asked_for():
    destination = Destination(Pace(1.0))
    await destination.enter()
    first, second = await waiting(destination, 2)
    destination.leave()
    await asyncio.sleep(0)
    assert (True, False) == (first.done(), second.done())
    destination.leave()
    await second
    destination.leave()
    assert 0 == destination.running


async def test_a_destination_that_became_faster_lets_several_in_at_once():
    destination = Destination(Pace(1.0))
    await destination.enter()
    tasks = await waiting(destination, 3)
    destination.pace = Pace(2.0)
    destination.leave()
    await asyncio.sleep(0)
    assert [True, True, False] == [task.done() for task in tasks]
    tasks[2].cancel()


async def test_a_destination_that_became_slower_lets_nobody_in_until_enough_have_left():
    destination = Destination(Pace(2.0))
    await destination.enter()
    await destination.enter()
    (task,) = await waiting(destination, 1)
    destination.pace = Pace(1.0)
    destination.leave()
    await asyncio.sleep(0)
    assert not task.done()
    destination.leave()
    await task


async def test_whoever_gives_up_waiting_is_passed_over():
    destination = Destination(Pace(1.0))
    await destination.enter()
    first, second = await waiting(destination, 2)
    first.cancel()
    await asyncio.sleep(0)
    destination.leave()
    await second
    assert 1 == destination.running


async def test_whoever_gives_up_just_when_the_turn_came_gives_the_slot_back():
    destination = Destination(Pace(1.0))
    await destination.enter()
    first, second = await waiting(destination, 2)
    destination.leave()  # the first one's turn is set, and it has not run yet
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await second
    assert (True, 1) == (first.cancelled(), destination.running)


async def test_a_destination_has_room_for_as_many_to_wait_as_can_run():
    destination = Destination(Pace(1.0))
    assert 2 == destination.room
    await destination.enter()
    tasks = await waiting(destination, 1)
    assert 0 == destination.room
    for task in tasks:
        task.cancel()


# --- deliveries ---------------------------------------------------------------------------------------------------------


async def test_what_is_queued_is_delivered(internet):
    mail = send(internet, "bob@there.example")
    async with running(Deliveries(internet.ports).run):
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)


async def test_what_is_queued_later_wakes_the_loop_at_once(internet, monkeypatch):
    monkeypatch.setattr(workers, "IDLE", 60.0)
    async with running(Deliveries(internet.ports).run):
        await asyncio.sleep(0.02)
        mail = send(internet, "bob@there.example")
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)


async def test_what_is_due_later_is_waited_for(internet):
    mail = send(internet, "bob@there.example")
    internet.host("there.example").answers("451 4.7.1 later", times=1)
    async with running(Deliveries(internet.ports).run):
        await eventually(lambda: mail.status is MessageStatus.DEFERRED)
        internet.clock.advance(hours=1)
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)


async def test_a_slow_receiver_holds_up_nobody_else(internet):
    ports, courier = with_courier(internet)
    courier.doors["slow.example"] = asyncio.Event()
    slow = send(internet, *(f"p{n}@slow.example" for n in range(30)))
    quick = send(internet, "bob@quick.example")
    async with running(Deliveries(ports).run):
        await eventually(lambda: quick.status is MessageStatus.DELIVERED)
        assert {MessageStatus.QUEUED} == set(statuses(slow))
        assert int(limits.START) == courier.running
        courier.doors["slow.example"].set()
        await eventually(lambda: slow.status is MessageStatus.DELIVERED)


async def test_silent_receivers_do_not_take_every_place_of_the_healthy_ones(internet, monkeypatch):
    monkeypatch.setattr(workers, "IN_FLIGHT", 60)
    ports, courier = with_courier(internet)
    for n in range(4):
        courier.doors[f"silent{n}.example"] = asyncio.Event()
        send(internet, *(f"p{m}@silent{n}.example" for m in range(40)))
    healthy = send(internet, "bob@there.example")
    async with running(Deliveries(ports).run):
        await eventually(lambda: healthy.status is MessageStatus.DELIVERED)
        assert 4 * int(limits.START) == courier.running
        for door in courier.doors.values():
            door.set()


async def test_I6_a_lease_that_was_lost_while_waiting_for_a_slot_sends_nothing(internet):
    send(internet, "bob@there.example")
    (job,) = await delivery.claim(internet.ports, 10)
    internet.clock.advance(seconds=16 * 60)
    (other,) = await delivery.claim(internet.ports, 10)
    nothing, begun = await internet.ports.store.write(lambda tx: delivery.begin(tx, internet.ports, [job, other]))
    assert (None, other.delivery.fence) == (nothing, begun.delivery.fence)


async def test_I6_what_was_claimed_and_not_begun_when_the_server_died_is_sent_and_told_as_nothing_else(internet):
    mail = send(internet, "bob@there.example")
    await delivery.claim(internet.ports, 10)
    internet.do(internet.ports.store.write(lambda tx: tx.queue.release(internet.clock.now())))
    internet.run()
    assert (MessageStatus.DELIVERED, []) == (mail.status, internet.events("message.unknown"))


async def test_nothing_more_is_claimed_for_a_destination_that_is_crowded(internet):
    ports, courier = with_courier(internet)
    courier.doors["slow.example"] = asyncio.Event()
    send(internet, *(f"p{n}@slow.example" for n in range(30)))
    deliveries = Deliveries(ports)
    async with running(deliveries.run):
        await eventually(lambda: courier.running == int(limits.START))
        later = send(internet, "late@slow.example")
        await asyncio.sleep(0.08)
        assert 0 == later.recipients["late@slow.example"].attempts
        courier.doors["slow.example"].set()
        await eventually(lambda: later.status is MessageStatus.DELIVERED)


async def test_no_more_are_in_memory_than_there_is_room_for(internet, monkeypatch):
    monkeypatch.setattr(workers, "IN_FLIGHT", 3)
    ports, courier = with_courier(internet)
    courier.doors["slow.example"] = asyncio.Event()
    mail = send(internet, *(f"p{n}@slow.example" for n in range(8)))
    async with running(Deliveries(ports).run):
        await eventually(lambda: courier.running == 3)
        await asyncio.sleep(0.1)
        assert 3 == sum(row.attempts for row in mail.recipients.values())
        courier.doors["slow.example"].set()
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)


@pytest.mark.parametrize(
    ("outcome", "faster"),
    [
        (FINE, True),
        (Rejected(550, "5.1.1", "no"), True),
        (Deferred(451, "4.7.1", "greylisted"), True),
        (Deferred(421, "4.3.2", "too much"), False),
        (Deferred(None, "4.4.1", "no answer"), False),
        (Unknown("lost"), False),
    ],
)
async def test_what_a_receiver_says_sets_its_pace(internet, outcome, faster):
    ports, courier = with_courier(internet)
    courier.outcome = outcome
    send(internet, "bob@there.example")
    deliveries = Deliveries(ports)
    await deliveries.step()
    assert faster == (deliveries._destinations["mx.there.example"].pace.limit > limits.START)


async def test_a_domain_without_a_route_has_a_pace_of_its_own(internet):
    internet.dns_fails("there.example")
    internet.agent("ada").send(to="bob@there.example", subject="Tea?")
    deliveries = Deliveries(internet.ports)
    await deliveries.step()
    assert 1 == deliveries._destinations["there.example"].pace.failures


async def test_destinations_are_forgotten_when_there_are_too_many(internet, monkeypatch):
    deliveries = Deliveries(internet.ports)
    deliveries._domains = {f"d{n}.example": "other" for n in range(10_000)}
    send(internet, "bob@there.example")
    await deliveries.step()
    assert ("there.example" in deliveries._domains, "mx.there.example" in deliveries._destinations) == (False, False)


async def test_what_a_second_brings_for_a_domain_goes_one_way_and_then_it_is_looked_for_again(internet, monkeypatch):
    looked: list[str] = []
    find = delivery.find_route

    def counted(ports, job, local, shuffle):
        looked.append(job.delivery.recipient)
        return find(ports, job, local, shuffle)

    monkeypatch.setattr(delivery, "find_route", counted)
    monkeypatch.setattr(workers, "ROUTES", 1)
    deliveries = Deliveries(internet.ports)
    for seconds, name in enumerate(("bob", "carol", "dora")):
        internet.clock.advance(600 if seconds else 0)
        send(internet, f"{name}@there.example")
        await deliveries.step()
    send(internet, "eve@else.example")
    await deliveries.step()
    assert ["bob@there.example", "dora@there.example", "eve@else.example"] == looked
    assert 1 == len(deliveries._routes)


# --- trouble ------------------------------------------------------------------------------------------------------------


async def test_a_delivery_that_crashes_is_logged_and_tried_again(internet, logged):
    ports, courier = with_courier(internet)
    courier.deliver = None  # type: ignore[method-assign]
    mail = send(internet, "bob@there.example")
    await Deliveries(ports).step()
    row = mail.recipients["bob@there.example"]
    assert (MessageStatus.DEFERRED, "4.3.0") == (row.status, row.enhanced)
    assert ["delivery.crashed", "delivery.deferred"] == [entry["event"] for entry in logged]


async def test_a_route_that_can_not_be_found_for_an_error_of_ours_is_tried_again(internet):
    mail = send(internet, "bob@there.example")
    await Deliveries(replace(internet.ports, resolver=None)).step()  # type: ignore[arg-type]
    row = mail.recipients["bob@there.example"]
    assert (MessageStatus.DEFERRED, "4.3.0") == (row.status, row.enhanced)


async def test_I6_a_result_that_can_not_be_written_for_an_error_of_ours_is_told_as_unknown_when_the_lease_ends(
    internet, monkeypatch
):
    mail = send(internet, "bob@there.example")

    async def crash(*args: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(workers.delivery, "record", crash)
        await Deliveries(internet.ports).step()
    assert [None] == [attempt.outcome for attempt in mail.attempts]
    internet.pass_time(minutes=16)
    assert ["unknown", "delivered"] == [attempt.outcome for attempt in mail.attempts]


async def test_a_result_waits_for_a_disk_that_is_full(internet):
    ports, courier = with_courier(internet)
    courier.doors["there.example"] = asyncio.Event()
    mail = send(internet, "bob@there.example")
    async with running(Deliveries(ports).run):
        await eventually(lambda: courier.running)
        internet.ports.store.refusing = True
        courier.doors["there.example"].set()
        await asyncio.sleep(0.05)
        assert MessageStatus.QUEUED is mail.status
        internet.ports.store.refusing = False
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)
    assert ["bob@there.example"] == courier.begun


async def test_nothing_is_claimed_while_nothing_can_be_written(internet):
    mail = send(internet, "bob@there.example")
    internet.ports.store.refusing = True
    async with running(Deliveries(internet.ports).run):
        await asyncio.sleep(0.05)
        assert [] == internet.host("there.example").letters
        internet.ports.store.refusing = False
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)


class Stumbling:
    """A store that fails now and then for a reason that nobody thought of."""

    def __init__(self, store, failures: int) -> None:
        self._store, self.failures = store, failures

    def __getattr__(self, name: str):
        return getattr(self._store, name)

    async def read(self, script):
        if self.failures:
            self.failures -= 1
            raise RuntimeError("out of the blue")
        return await self._store.read(script)


@pytest.mark.parametrize("failures", [1, 5])
async def test_no_trouble_is_the_end_of_the_delivery_loop(internet, failures):
    mail = send(internet, "bob@there.example")
    ports = replace(internet.ports, store=Stumbling(internet.ports.store, failures))
    async with running(Deliveries(ports).run):
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)


async def test_a_delivery_that_can_not_begin_for_want_of_disk_begins_when_there_is_some(internet, monkeypatch):
    monkeypatch.setattr(workers, "TROUBLE", 0.01)
    failures, begin = iter([StorageBusy(), StorageBusy()]), delivery.begin

    async def stumble(*given):
        for failure in failures:
            raise failure
        return await begin(*given)

    monkeypatch.setattr(delivery, "begin", stumble)
    mail = send(internet, "bob@there.example")
    async with running(Deliveries(internet.ports).run):
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)
    assert [1] == [row.attempts for row in mail.recipients.values()]


# --- the end ------------------------------------------------------------------------------------------------------------


async def test_a_server_that_stops_lets_what_is_being_handed_over_end(internet):
    ports, courier = with_courier(internet)
    courier.doors["there.example"] = asyncio.Event()
    mail = send(internet, "bob@there.example")
    async with running(Deliveries(ports).run) as stop:
        await eventually(lambda: courier.running)
        stop.set()
        await asyncio.sleep(0.02)
        courier.doors["there.example"].set()
    assert MessageStatus.DELIVERED is mail.status


async def test_a_server_that_stops_puts_back_what_it_had_not_begun_and_tells_nothing_of_it(internet):
    ports, courier = with_courier(internet)
    courier.doors["slow.example"] = asyncio.Event()
    mail = send(internet, *(f"p{n}@slow.example" for n in range(8)))
    before = len(internet.events())
    async with running(Deliveries(ports).run) as stop:
        await eventually(lambda: courier.running == int(limits.START))
        stop.set()
        await asyncio.sleep(0.02)
        courier.doors["slow.example"].set()
    assert {MessageStatus.DELIVERED: 5, MessageStatus.QUEUED: 3} == {
        status: statuses(mail).count(status) for status in statuses(mail)
    }
    assert ["message.delivered"] * 5 == [event.type for event in internet.events()[before:]]
    internet.run()
    assert {MessageStatus.DELIVERED} == set(statuses(mail))
    assert [] == internet.events("message.unknown")


async def test_a_server_that_stops_before_anything_ran_puts_all_back(internet):
    mail = send(internet, "bob@there.example")
    stop = asyncio.Event()
    deliveries = Deliveries(internet.ports)
    await deliveries._claim()
    stop.set()
    await deliveries.run(stop)
    assert (0, ()) == (mail.recipients["bob@there.example"].attempts, tuple(mail.attempts))
    internet.run()
    assert (MessageStatus.DELIVERED, []) == (mail.status, internet.events("message.unknown"))


async def test_I6_what_does_not_end_in_time_is_cut_off_and_told_as_unknown_by_whoever_runs_next(internet, monkeypatch):
    monkeypatch.setattr(workers, "LAST_WORDS", 0.02)
    ports, courier = with_courier(internet)
    courier.doors["there.example"] = asyncio.Event()
    mail = send(internet, "bob@there.example")
    async with running(Deliveries(ports).run):
        await eventually(lambda: courier.running)
    assert [None] == [attempt.outcome for attempt in mail.attempts]
    internet.do(internet.ports.store.write(lambda tx: tx.queue.release(internet.clock.now())))
    internet.run()
    assert ["unknown", "delivered"] == [attempt.outcome for attempt in mail.attempts]


async def test_a_server_that_stops_with_a_full_disk_stops_all_the_same(internet):
    ports, courier = with_courier(internet)
    courier.doors["slow.example"] = asyncio.Event()
    send(internet, *(f"p{n}@slow.example" for n in range(8)))
    async with running(Deliveries(ports).run) as stop:
        await eventually(lambda: courier.running)
        internet.ports.store.refusing = True
        workers.LAST_WORDS, kept = 0.02, workers.LAST_WORDS
        stop.set()
        await asyncio.sleep(0.05)
        workers.LAST_WORDS = kept


async def test_what_was_cancelled_while_it_waited_for_a_slot_is_not_sent(internet, logged):
    ports, courier = with_courier(internet)
    courier.doors["slow.example"] = asyncio.Event()
    first = send(internet, *(f"p{n}@slow.example" for n in range(int(limits.START))))
    async with running(Deliveries(ports).run):
        await eventually(lambda: courier.running == int(limits.START))
        late = send(internet, "late@slow.example")
        await eventually(lambda: late.recipients["late@slow.example"].fence)
        late.cancel()
        courier.doors["slow.example"].set()
        await eventually(lambda: first.status is MessageStatus.DELIVERED)
        await asyncio.sleep(0.02)
    assert (MessageStatus.CANCELLED, [], False) == (late.status, late.attempts, "late@slow.example" in courier.begun)
    assert {"delivery.delivered"} == {entry["event"] for entry in logged}


# --- webhooks -----------------------------------------------------------------------------------------------------------


def render(event) -> bytes:
    return event.type.encode()


async def test_webhooks_are_told_of_what_happens(internet, monkeypatch):
    monkeypatch.setattr(workers, "IDLE", 60.0)
    hook = internet.webhook("https://hooks.example/1", "message.queued")
    async with running(Tellings(internet.ports, render).run):
        await asyncio.sleep(0.02)
        send(internet, "bob@there.example")
        await eventually(lambda: hook.calls)
    assert [b"message.queued"] == [call.body for call in hook.calls]


async def test_events_wake_nobody_until_there_is_a_webhook_and_then_it_is_told(internet, monkeypatch):
    looks = []
    fan_out = workers.webhooks.fan_out

    def counting(ports):
        looks.append(1)
        return fan_out(ports)

    monkeypatch.setattr(workers.webhooks, "fan_out", counting)
    monkeypatch.setattr(workers, "IDLE", 60.0)
    async with running(Tellings(internet.ports, render).run):
        await eventually(lambda: looks)
        send(internet, "bob@there.example")
        await asyncio.sleep(5 * workers.GATHER)
        assert [1] == looks
        hook = internet.webhook("https://hooks.example/1", "message.queued")
        send(internet, "bob@there.example")
        await eventually(lambda: hook.calls)
    assert [b"message.queued"] == [call.body for call in hook.calls]


async def test_a_webhook_is_called_by_few_at_a_time(internet):
    door, busy, most = asyncio.Event(), [0], [0]

    class Poster:
        async def post(self, url, headers, body):
            busy[0] += 1
            most[0] = max(most[0], busy[0])
            await door.wait()
            busy[0] -= 1
            return Posted(204, "")

    hook = internet.webhook()
    for _ in range(10):
        send(internet, "bob@there.example")
    async with running(Tellings(replace(internet.ports, poster=Poster()), render).run):
        await eventually(lambda: busy[0] == workers.PER_WEBHOOK)
        await asyncio.sleep(0.03)
        door.set()
        await eventually(lambda: all(row.status == "succeeded" for row in hook.deliveries))
    assert workers.PER_WEBHOOK == most[0]


async def test_a_server_that_stops_waits_for_no_end_point_and_tells_it_again(internet):
    calls = []

    class Hanging:
        async def post(self, url, headers, body):
            calls.append(body)
            await asyncio.sleep(60)

    hook = internet.webhook("https://hooks.example/1", "message.queued")
    send(internet, "bob@there.example")
    async with running(Tellings(replace(internet.ports, poster=Hanging()), render).run):
        await eventually(lambda: calls)
    internet.do(internet.ports.store.write(lambda tx: tx.webhooks.release(internet.clock.now())))
    internet.run()
    assert [1, "succeeded"] == [len(hook.calls), hook.deliveries[0].status]


async def test_no_trouble_is_the_end_of_the_webhook_loop(internet):
    hook = internet.webhook("https://hooks.example/1", "message.queued")
    send(internet, "bob@there.example")
    ports = replace(internet.ports, store=Stumbling(internet.ports.store, 3))
    async with running(Tellings(ports, render).run):
        await eventually(lambda: hook.calls)


@pytest.mark.parametrize(
    ("trouble", "word"), [(StorageBusy(), "webhook.not_recorded"), (RuntimeError("a bug"), "webhook.crashed")]
)
async def test_a_telling_that_is_not_recorded_is_told_again_when_its_lease_ends(internet, monkeypatch, logged, trouble, word):
    hook = internet.webhook("https://hooks.example/1", "message.queued")
    send(internet, "bob@there.example")

    async def fail(*args: object) -> None:
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "_record", fail)
        await Tellings(internet.ports, render).step()
    assert [1, "pending"] == [len(hook.calls), hook.deliveries[0].status]
    assert [word] == [entry["event"] for entry in logged]
    internet.pass_time(minutes=3)
    assert [2, "succeeded"] == [len(hook.calls), hook.deliveries[0].status]


async def test_a_webhook_that_is_due_later_is_waited_for(internet):
    hook = internet.webhook("https://hooks.example/1", "message.queued", answer=500)
    send(internet, "bob@there.example")
    async with running(Tellings(internet.ports, render).run):
        await eventually(lambda: len(hook.calls) == 1)
        internet.clock.advance(seconds=80)
        await eventually(lambda: len(hook.calls) == 2)


async def test_no_more_is_claimed_than_there_is_room_for(internet, monkeypatch):
    monkeypatch.setattr(workers, "TELLINGS", 0)
    hook = internet.webhook("https://hooks.example/1", "message.queued")
    send(internet, "bob@there.example")
    async with running(Tellings(internet.ports, render).run):
        await asyncio.sleep(0.05)
        assert [] == hook.calls


# --- the clock ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("restarted", "more"), [(False, False), (True, False), (True, True)])
async def test_mail_does_not_wait_until_a_clock_that_was_set_back_is_that_late_again(internet, monkeypatch, restarted, more):
    monkeypatch.setattr(workers, "CLOCK", 0.005)
    async with running(partial(watch_clock, internet.ports)):
        await asyncio.sleep(0.02)
        mail = send(internet, "bob@there.example")
        if not restarted:
            internet.clock.advance(hours=-20)
            await asyncio.sleep(0.02)
    if restarted:
        internet.clock.advance(hours=-20)
    if more:  # came before anybody noticed
        send(internet, "carol@there.example")
    async with running(partial(watch_clock, internet.ports)), running(Deliveries(internet.ports).run):
        await eventually(lambda: mail.status is MessageStatus.DELIVERED)


# --- the house ----------------------------------------------------------------------------------------------------------


async def test_questions_that_nobody_answers_are_closed(internet):
    mail = internet.agent("ada", mode="gated_send").send(to="bob@there.example", subject="Tea?")
    internet.clock.advance(hours=72)

    async def keep(stop):
        await keep_house(internet.ports, stop)

    async with running(keep):
        await eventually(lambda: mail.approval.status is ApprovalStatus.EXPIRED)


async def test_files_that_are_nobodys_are_looked_for_at_the_start_and_daily(internet, monkeypatch):
    swept = []

    async def sweep():
        swept.append(internet.clock.now())

    async def soon(stop, *waits):
        for wait in waits:
            wait.close()
        await asyncio.sleep(0.001)

    monkeypatch.setattr(internet.ports.store, "sweep", sweep)
    monkeypatch.setattr(workers, "_until", soon)

    async def keep(stop):
        await keep_house(internet.ports, stop)

    async with running(keep):
        await eventually(lambda: swept)
        internet.clock.advance(hours=23)
        await asyncio.sleep(0.02)
        assert 1 == len(swept)
        internet.clock.advance(hours=1)
        await eventually(lambda: 2 == len(swept))


async def test_the_house_is_kept_on_after_trouble(internet):
    mail = internet.agent("ada", mode="gated_send").send(to="bob@there.example", subject="Tea?")
    internet.clock.advance(hours=72)
    internet.ports.store.refusing = True

    async def keep(stop):
        await keep_house(internet.ports, stop)

    async with running(keep):
        await asyncio.sleep(0.03)
        internet.ports.store.refusing = False
        await eventually(lambda: mail.approval.status is ApprovalStatus.EXPIRED)


async def test_waiting_ends_when_the_loop_is_stopped(internet):
    stop = asyncio.Event()
    task = asyncio.ensure_future(workers._until(stop, internet.ports.store.wait(Topic.QUEUE, 10**9, 60)))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(task, 10)
