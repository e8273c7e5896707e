"""Deliveries carried by processes of their own: the same reports, and nothing untold where a process dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from core.delivering import BOB, claim, send

from mailwright.config import Config, Delivery, Log, Server
from mailwright.core import forwarding
from mailwright.core.delivery import Job
from mailwright.core.ports import Host, Report, Route, TlsFault, TlsPolicy, TlsResult
from mailwright.couriers import MODULE
from mailwright.couriers.frames import Carried, Carry, Setup, carried
from mailwright.couriers.pool import DIED, NOBODY, Couriers
from mailwright.mail.outcomes import Deferred, Delivered, Rejected, Unknown
from mailwright.system import processes
from mailwright.system.nursery import Nursery

pytestmark = pytest.mark.slow  # each starts a process

CONFIG = Config(server=Server(hostname="mx.here.example"), delivery=Delivery(allow_private=True), log=Log(level="error"))
OUTCOMES = (Delivered(250, "2.0.0", "taken"), Deferred(None, None, "no answer"), Rejected(550, "5.1.1", "no"), Unknown("gone"))


class Receiver(asyncio.Protocol):
    """An exchanger that takes everything, or says nothing after the final dot."""

    received: list[bytes]
    silent = False

    def connection_made(self, transport: Any) -> None:
        self.transport, self.data, self.in_data = transport, b"", False
        transport.write(b"220 there\r\n")

    def data_received(self, data: bytes) -> None:
        self.data += data
        while self.in_data or b"\r\n" in self.data:
            end = b"\r\n.\r\n" if self.in_data else b"\r\n"
            if end not in self.data:
                return
            line, self.data = self.data.split(end, 1)
            self.answer(line)

    def answer(self, line: bytes) -> None:
        if self.in_data:
            self.in_data = False
            type(self).received.append(line)
            if not self.silent:
                self.transport.write(b"250 2.0.0 taken\r\n")
        elif line.upper().startswith(b"DATA"):
            self.in_data = True
            self.transport.write(b"354 go\r\n")
        else:
            self.transport.write(b"250 fine\r\n")


@pytest.fixture
def job(internet: Any) -> tuple[Job, bytes, Any]:
    """A delivery that was claimed, its bytes, and core's settings."""
    sent = send(internet, BOB)
    (one,) = claim(internet)
    return one, sent.raw, internet.ports.settings


@pytest.fixture
async def route() -> AsyncIterator[Route]:
    Receiver.received, Receiver.silent = [], False
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    yield Route("there", (Host("mx.there.example", ("127.0.0.1",), server.sockets[0].getsockname()[1]),), "none")
    server.close()


@pytest.fixture
async def one(job: tuple[Job, bytes, Any]) -> AsyncIterator[Couriers]:
    nursery = Nursery([MODULE])
    found = Couriers(1, Setup(job[2], CONFIG), nursery)
    await found.start()
    yield found
    await found.close()
    nursery.close()


def pid_of(found: Couriers) -> int:
    return found.pool.processes[0].pid


async def until_alive(found: Couriers) -> None:
    async with asyncio.timeout(20):
        while not found.pool.alive:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def test_what_is_carried_crosses_whole_and_so_does_what_came_of_it(job: tuple[Job, bytes, Any]) -> None:
    fault = TlsFault("certificate-expired", "no TLS")
    policy = TlsPolicy("sts", "there.example", ("mode: enforce",), ("*.there.example",), names=("there.example",), fault=fault)
    wanted = Carry(7, job[0], Route("there", (Host("mx.there.example", ("192.0.2.1",), policy=policy),)), job[1])
    assert wanted == msgspec.msgpack.decode(msgspec.msgpack.encode(wanted), type=Carry)
    report = Report(
        OUTCOMES, ("C: DATA", "S: 354"), "mx.there.example", "192.0.2.1", "TLSv1.3", (TlsResult("mx", "192.0.2.1", policy),)
    )
    told = msgspec.msgpack.decode(msgspec.msgpack.encode(carried(7, report, b"DKIM")), type=Carried)
    assert (report, b"DKIM") == (told.report(), told.prefix)


async def test_what_a_rule_forwards_is_sealed_there_and_handed_over_as_it_came(
    internet: Any, one: Couriers, route: Route
) -> None:
    ada = internet.agent("ada")
    rule = forwarding.NewForward("carol@elsewhere.example")
    internet.write(lambda tx: forwarding.add(tx, internet.ports, ada.operator, ada.mailbox_id, rule))
    internet.person(BOB).write(ada.address, "Tea?", "At four?")
    (forwarded,) = claim(internet)
    wanted = Carry(7, forwarded, route, ada.inbox()[0].raw)
    assert wanted == msgspec.msgpack.decode(msgspec.msgpack.encode(wanted), type=Carry)
    report, prefix = await one.carry(forwarded, route, wanted.raw)
    assert (Delivered(250, "2.0.0", "2.0.0 taken"),) == report.outcomes
    assert prefix.startswith(b"ARC-Seal:")
    assert [prefix + wanted.raw.removesuffix(b"\r\n")] == Receiver.received


async def test_it_is_signed_and_handed_over(one: Couriers, job: tuple[Job, bytes, Any], route: Route) -> None:
    report, prefix = await one.carry(job[0], route, job[1])
    assert (Delivered(250, "2.0.0", "2.0.0 taken"),) == report.outcomes
    assert prefix.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;")
    assert b"Agent-Identity:" in prefix
    assert [prefix + job[1].removesuffix(b"\r\n")] == Receiver.received


async def test_what_was_not_approved_is_not_carried(one: Couriers, job: tuple[Job, bytes, Any], route: Route) -> None:
    """I5 holds in there too."""
    unapproved = replace(job[0], message=replace(job[0].message, approval_id="apr_1"), approval=None)
    report, _ = await one.carry(unapproved, route, job[1])
    assert (Rejected(None, "5.7.1", "it was not approved"),) == report.outcomes
    assert [] == Receiver.received


async def test_what_a_process_that_dies_had_in_hand_is_unknown(
    one: Couriers, job: tuple[Job, bytes, Any], route: Route
) -> None:
    Receiver.silent = True
    waiting = asyncio.create_task(one.carry(job[0], route, job[1]))
    async with asyncio.timeout(20):
        while not Receiver.received:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    first = pid_of(one)
    os.kill(first, signal.SIGKILL)
    assert (DIED, b"") == await waiting
    await until_alive(one)
    assert first != pid_of(one)
    Receiver.silent = False
    report, _ = await one.carry(job[0], route, job[1])
    assert isinstance(report.outcomes[0], Delivered)


async def test_while_none_is_up_a_delivery_is_deferred(one: Couriers, job: tuple[Job, bytes, Any], route: Route) -> None:
    os.kill(pid_of(one), signal.SIGKILL)
    async with asyncio.timeout(20):
        while one.pool.alive:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (NOBODY, b"") == await one.carry(job[0], route, job[1])


async def test_one_that_rests_is_woken_by_what_is_to_be_carried(
    one: Couriers, job: tuple[Job, bytes, Any], route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "IDLE", 0.1)
    monkeypatch.setattr(processes, "BEAT", 0.05)
    one.pool.spawn(one.pool.watch())
    async with asyncio.timeout(20):
        while not one.pool.dozes:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    monkeypatch.setattr(processes, "IDLE", 30.0)
    assert {True} == {
        isinstance(report.outcomes[0], Delivered)
        for report, _ in await asyncio.gather(*(one.carry(job[0], route, job[1]) for _ in range(3)))
    }
