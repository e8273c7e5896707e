"""The loops: claim -> act -> record. They decide nothing; core does.

Deliveries wait for a slot of their destination, so that one slow receiver holds up nobody else; when results can't be
recorded, nothing new is claimed. Every loop ends soon after `stop` is set, leaves nothing half-told, and survives trouble.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from mailwright.core import approvals, delivery, limits, webhooks
from mailwright.core.errors import StorageBusy
from mailwright.core.model import Event, Smarthost
from mailwright.core.ports import Deferred, Host, Ports, Rejected, Report, Route, Topic, Unknown
from mailwright.faults import Point, passes
from mailwright.store.together import Together

log = structlog.get_logger()

CLAIM = 50  # deliveries in one claim: about what the busiest destination has room for
IN_FLIGHT = 1000  # claimed deliveries in memory
TELLINGS = 200  # webhook deliveries in memory
PER_WEBHOOK = 4
GATHER = 0.02  # seconds in which events gather before webhooks are told: one look serves many commits
ROUTE_FRESH = 1000  # ms that a route which was found is taken for found: what a second brings goes one way
ROUTES = 10_000  # of them in memory
CROWDED = 0.05  # seconds between two looks at a queue whose head is for those that have no room
IDLE = 5.0  # seconds a loop waits at most before it looks again
CLOCK = 1.0  # seconds between two looks at the clock
TWICE = 2  # looks after which no transaction is under way that had the time from before
TROUBLE = 1.0  # seconds until a loop goes on that met with trouble
LAST_WORDS = 8.0  # seconds that deliveries under way get to end when the server stops
DAY = 86_400_000
BROKEN = Deferred(None, "4.3.0", "an internal error: see the server's log")


@dataclass(slots=True)
class Destination:
    """Where deliveries queue up for a slot: as many run at once as its pace allows."""

    pace: limits.Pace = field(default_factory=limits.Pace)
    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def enter(self) -> None:
        """Wait for a slot."""
        if self.running < self.pace.slots:
            self.running += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give the slot back, to whoever waits longest."""
        self.running -= 1
        while self.waiting and self.running < self.pace.slots:
            turn = self.waiting.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)

    @property
    def room(self) -> int:
        """How many more may be claimed for it: as many may wait as can run, and more would only hold others up."""
        return max(0, 2 * self.pace.slots - self.running - len(self.waiting))


class Deliveries:
    """The delivery loop. `local` is our own mail exchanger, for recipients of domains that we serve.

    `note` is given what came of each attempt, for statistics.
    """

    def __init__(
        self,
        ports: Ports,
        local: Host | None = None,
        chance: random.Random | None = None,
        note: Callable[[str, Report], None] = lambda domain, report: None,
    ) -> None:
        self._ports, self._local, self._note = ports, local, note
        self._chance = chance or random.Random()
        self._destinations: dict[str, Destination] = {}
        self._domains: dict[str, str] = {}  # recipient domain -> destination key, of what is in memory
        self._routes: dict[tuple[str, Smarthost | None, bool, bool], tuple[Route, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: Counter[str] = Counter()  # deliveries in memory, by recipient domain
        self._waiting: dict[str, tuple[asyncio.Task[None], delivery.Job]] = {}  # those that have no slot yet
        self._begins: Together[delivery.Job, delivery.Job | None] = Together(
            ports.store, lambda tx, jobs: delivery.begin(tx, ports, jobs)
        )
        self._records: Together[delivery.Ended, delivery.Step] = Together(
            ports.store, lambda tx, ended: delivery.record(tx, ports, ended)
        )
        self._freed = asyncio.Event()  # a destination has room again that had none

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; then put back what was not begun, and let what is being handed over end."""
        await _repeat(stop, self._turn)
        idle = list(self._waiting.values())
        for task, _ in idle:
            task.cancel()
        for _, job in idle:
            with suppress(StorageBusy):
                await delivery.put_back(self._ports, job)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_WORDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def step(self) -> int:
        """Deliver what is due now, one after the other, and return; how many. For those who have no loop of their own."""
        jobs = await delivery.claim(self._ports, CLAIM, ())
        for job in jobs:
            await self._deliver(job)
        return len(jobs)

    async def _turn(self, stop: asyncio.Event) -> None:
        store = self._ports.store
        seen = store.version(Topic.QUEUE)
        self._freed.clear()
        if len(self._tasks) < IN_FLIGHT and await self._claim():
            return
        due = await store.read(lambda tx: tx.queue.next_due())
        pause = IDLE if due is None else min(IDLE, (due - self._ports.clock.now()) / 1000)
        if pause > 0:
            await _until(stop, store.wait(Topic.QUEUE, seen, pause))
        else:  # what is due is for those that have no room: news of the queue would only have it looked through again
            await _until(stop, _set(self._freed), asyncio.sleep(CROWDED))

    async def _claim(self) -> int:
        busy = [name for name in self._held if self._room(name) <= 0]
        jobs = await delivery.claim(self._ports, min(CLAIM, IN_FLIGHT - len(self._tasks)), busy, self._room)
        for job in jobs:
            task = asyncio.create_task(self._deliver(job))
            self._waiting[job.delivery.id] = task, job
            self._tasks.add(task)
            self._held[job.delivery.domain] += 1
            task.add_done_callback(partial(self._done, job.delivery.domain))
        return len(jobs)

    def _done(self, domain: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._held[domain] -= 1
        if not self._held[domain]:
            del self._held[domain]
        if self._room(domain) > 0:
            self._freed.set()

    def _room(self, domain: str) -> int:
        key = self._domains.get(domain)
        destination = self._destinations[key] if key is not None else Destination()
        # Those that were claimed and have not found their destination yet count as well.
        room = min(destination.room, 2 * destination.pace.slots - self._held[domain])
        return room if 2 * room >= destination.pace.slots else 0  # a claim is worth it for several

    async def _deliver(self, job: delivery.Job) -> None:
        key, route = await self._routed(job)
        destination = self._destinations.setdefault(key, Destination())
        self._domains[job.delivery.domain] = key
        await destination.enter()
        self._waiting.pop(job.delivery.id, None)
        passes(Point.DELIVERY_CLAIMED)
        try:
            begun = await self._begin(job)
            if begun is None:
                return  # the lease was lost while it waited: whoever has it now delivers it
            job = begun
            passes(Point.DELIVERY_BEGUN)
            report, prefix = await self._attempt(job, route)
            passes(Point.DELIVERY_ANSWERED)
            destination.pace = _paced(destination.pace, report)
            self._note(job.delivery.domain, report)
            await self._record(job, report, prefix)
            passes(Point.DELIVERY_RECORDED)
        except Exception:
            # Its outcome is not known to the store, so the attempt stays open: when the lease ends, that is told (I6).
            log.exception("delivery.not_recorded", delivery=job.delivery.id, message=job.message.id)
        finally:
            destination.leave()
            self._forget(key, destination)

    async def _begin(self, job: delivery.Job) -> delivery.Job | None:
        while True:  # nobody was dialled yet: when the disk is well again it goes on, and need not wait for its lease to end
            with suppress(StorageBusy):
                return await self._begins.write(job)
            await asyncio.sleep(TROUBLE)

    async def _routed(self, job: delivery.Job) -> tuple[str, Route | Deferred | Rejected]:
        way, now = (job.delivery.domain, job.domain.smarthost, job.local, job.claimed), self._ports.clock.now()
        known, until = self._routes.get(way, (None, 0))
        if known is not None and now < until <= now + ROUTE_FRESH:
            return known.key, known
        try:
            route = await delivery.find_route(self._ports, job, self._local, self._chance.shuffle)
        except Exception:
            log.exception("delivery.no_route", delivery=job.delivery.id, message=job.message.id)
            route = BROKEN
        if not isinstance(route, Route):
            return job.delivery.domain, route
        if len(self._routes) >= ROUTES:
            self._routes.clear()
        self._routes[way] = route, now + ROUTE_FRESH
        return route.key, route

    async def _attempt(self, job: delivery.Job, route: Route | Deferred | Rejected) -> tuple[Report, bytes]:
        try:
            return await delivery.attempt(self._ports, job, route)
        except Exception:
            log.exception("delivery.crashed", delivery=job.delivery.id, message=job.message.id)
            return Report((BROKEN,), ()), b""

    async def _record(self, job: delivery.Job, report: Report, prefix: bytes) -> None:
        ended = delivery.Ended(job, report, prefix, self._chance.random())
        while True:  # what was delivered must not be forgotten: wait for the disk rather than send again
            with suppress(StorageBusy):
                step = await self._records.write(ended)
                break
            await asyncio.sleep(TROUBLE)
        log.info(
            "delivery." + step.row.status.value,
            message=job.message.id,
            delivery=job.delivery.id,
            attempt=job.attempt.number,
            mx=report.host,
            code=step.row.code,
        )

    def _forget(self, key: str, destination: Destination) -> None:
        if len(self._domains) > 10_000 and not destination.running:
            self._destinations.pop(key, None)
            self._domains = {name: known for name, known in self._domains.items() if known != key}


def _paced(pace: limits.Pace, report: Report) -> limits.Pace:
    outcome = report.outcomes[0]
    lost = isinstance(outcome, Unknown)
    trouble = lost or (isinstance(outcome, Deferred) and (outcome.code is None or outcome.code == 421))
    return limits.failed(pace) if trouble else limits.succeeded(pace)


class Tellings:
    """The webhook loop. `render` makes an event's JSON envelope."""

    def __init__(self, ports: Ports, render: Callable[[Event], bytes], chance: random.Random | None = None) -> None:
        self._ports, self._render = ports, render
        self._chance = chance or random.Random()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Tell webhooks until `stop`."""
        await _repeat(stop, self._turn)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def step(self) -> int:
        """Tell what is to be told now, one after the other, and return; how many events and tellings that were."""
        events = await webhooks.fan_out(self._ports)
        tellings = await webhooks.claim(self._ports, TELLINGS)
        for telling in tellings:
            await self._tell(telling)
        return events + len(tellings)

    async def _turn(self, stop: asyncio.Event) -> None:
        store = self._ports.store
        events, due = store.version(Topic.EVENTS), store.version(Topic.WEBHOOKS)
        if not await webhooks.fan_out(self._ports) + await self._claim():
            pause = await self._pause()
            waits = [store.wait(Topic.WEBHOOKS, due, pause)]
            if await store.read(lambda tx: tx.webhooks.active()):  # else events are nobody's business
                waits.append(store.wait(Topic.EVENTS, events, pause))
            await _until(stop, *waits)
            await asyncio.sleep(GATHER)

    async def _pause(self) -> float:
        due = await self._ports.store.read(lambda tx: tx.webhooks.next_due())
        return IDLE if due is None else min(IDLE, max(0.05, (due - self._ports.clock.now()) / 1000))

    async def _claim(self) -> int:
        room = TELLINGS - len(self._tasks)
        due = await self._ports.store.read(lambda tx: tx.webhooks.next_due())
        if room <= 0 or due is None or due > self._ports.clock.now():
            return 0
        tellings = await webhooks.claim(self._ports, room)
        passes(Point.TELLING_CLAIMED)
        for telling in tellings:
            task = asyncio.create_task(self._tell(telling))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(tellings)

    async def _tell(self, telling: webhooks.Telling) -> None:
        turn = self._turns.setdefault(telling.webhook.id, asyncio.Semaphore(PER_WEBHOOK))
        async with turn:
            try:
                await webhooks.tell(self._ports, telling, self._render(telling.event), self._chance.random())
            except StorageBusy:
                log.warning("webhook.not_recorded", webhook=telling.webhook.id, event_id=telling.event.id)
            except Exception:
                log.exception("webhook.crashed", webhook=telling.webhook.id, event_id=telling.event.id)


async def watch_clock(ports: Ports, stop: asyncio.Event) -> None:
    """Where the clock is set back, now or since anything was put to wait, let go what would wait for that time to come."""
    before, again = 0, 0

    async def turn(stop: asyncio.Event) -> None:
        nonlocal before, again
        now = ports.clock.now()
        if not before:
            mail = await ports.store.read(lambda tx: tx.queue.latest(now))
            telling = await ports.store.read(lambda tx: tx.webhooks.latest(now))
            before = max(now, mail or now, telling or now)
        again = TWICE if now < before else max(0, again - 1)
        before = now
        if again:
            await ports.store.write(lambda tx: tx.queue.catch_up(now))
            await ports.store.write(lambda tx: tx.webhooks.catch_up(now))
        await _until(stop, asyncio.sleep(CLOCK))

    await _repeat(stop, turn)


async def keep_house(ports: Ports, stop: asyncio.Event) -> None:
    """Tidy up until `stop`; files that belong to nobody go at the start, and daily."""
    swept_at: int | None = None

    async def turn(stop: asyncio.Event) -> None:
        nonlocal swept_at
        await tidy(ports)
        now = ports.clock.now()
        if swept_at is None or not 0 <= now - swept_at < DAY:
            swept_at = now
            await ports.store.sweep()
        await ports.store.clear_spools()
        await _until(stop, asyncio.sleep(30))

    await _repeat(stop, turn)


async def tidy(ports: Ports) -> None:
    """Close questions that nobody answered; forget answers to Idempotency-Keys of yesterday, and identities that expired."""
    await ports.store.write(lambda tx: approvals.expire(tx, ports))
    await ports.store.write(lambda tx: tx.idempotency.forget_before(ports.clock.now() - DAY))
    await ports.store.write(lambda tx: tx.nonces.forget_before(ports.clock.now()))


async def _repeat(stop: asyncio.Event, turn: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Take turn after turn until `stop`: no trouble with one of them is the end of the loop."""
    while not stop.is_set():
        try:
            await turn(stop)
        except StorageBusy:
            await _until(stop, asyncio.sleep(TROUBLE))
        except Exception:
            log.exception("loop.crashed", turn=getattr(turn, "__qualname__", ""))
            await _until(stop, asyncio.sleep(TROUBLE))


async def _until(stop: asyncio.Event, *waits: Coroutine[Any, Any, None]) -> None:
    """Wait for the first of them, or for `stop`."""
    tasks = [asyncio.create_task(wait) for wait in waits] + [asyncio.create_task(_set(stop))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _set(stop: asyncio.Event) -> None:
    await stop.wait()
