"""SMTP in processes of its own: what comes in is filed as if it had come in here, and a process that ends is replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry, generate_latest

from mailwright.app import assembly
from mailwright.app.sockets import bind
from mailwright.config import Api, Config, Dns, Log, Policy, Smtp
from mailwright.config import Server as Identity
from mailwright.core.model import MessageStatus
from mailwright.core.ports import MessageFilter
from mailwright.faces.smtp import DoorLimits
from mailwright.mail.questions import Zone
from mailwright.net.resolver import ResolverOptions
from mailwright.net.tls import self_signed
from mailwright.smtpd.frames import Setup
from mailwright.smtpd.pool import Smtpd
from mailwright.system import processes
from mailwright.system.line import Ping
from mailwright.system.nursery import Nursery
from mailwright.testing.dns import serve_zone
from mailwright.wire.smtp_server import Options as Protocol

pytestmark = pytest.mark.slow  # each starts processes

ZONE = Zone.parse("there.example TXT v=spf1 ip4:127.0.0.1 -all\n_dmarc.there.example TXT v=DMARC1; p=reject")
MESSAGE = b"From: Bob <bob@there.example>\r\nTo: ada@here.example\r\nSubject: Tea?\r\n\r\nAt four?\r\n"


@dataclass
class World:
    """A server whose SMTP is in one process, `smtpd`."""

    running: assembly.Running
    smtpd: Smtpd
    port: int

    @property
    def pid(self) -> int:
        return self.smtpd.pool.processes[0].pid

    async def send(self, message: bytes = MESSAGE, to: str = "ada@here.example") -> str:
        return await asyncio.to_thread(self._send, message, to)

    def _send(self, message: bytes, to: str) -> str:
        with smtplib.SMTP("127.0.0.1", self.port, "mx.there.example", timeout=20) as client:
            client.ehlo_or_helo_if_needed()
            for reply in (client.mail("bob@there.example"), client.rcpt(to)):
                if reply[0] != 250:
                    return f"{reply[0]} {reply[1].decode()}"
            code, text = client.data(message)
            return f"{code} {text.decode()}"

    async def send_or_reason(self) -> str:
        """What the server says, be it at the door."""
        try:
            return await self.send()
        except smtplib.SMTPConnectError as refused:
            return f"{refused.smtp_code} {refused.smtp_error!r}".replace("b'", "")

    async def smtpd_watch(self) -> None:
        """Look after the processes from now on, by the times that are set now."""
        self.smtpd.pool.spawn(self.smtpd.pool.watch())

    async def counted(self, registry: CollectorRegistry, name: str) -> float | None:
        """A sum, once every process has said what it counted."""
        process = self.smtpd.pool.processes[0]
        before = process.heard
        process.send(Ping())
        await until(lambda: process.heard > before)
        return registry.get_sample_value(name)

    async def filed(self) -> list[Any]:
        async def script(tx: Any) -> Any:
            tenant = (await tx.tenants.page(None, 1))[0]
            return await tx.messages.page(tenant.id, MessageFilter(), None, 100)

        return list(await self.running.ports.store.read(script))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    dns = await serve_zone(ZONE)
    nameservers = (f"127.0.0.1:{dns.port}",)
    config = Config(
        server=Identity(hostname="mx.here.example", data=str(tmp_path / "data")),
        smtp=Smtp(host="127.0.0.1", port=0, processes=0),
        api=Api(port=0),
        dns=Dns(nameservers=nameservers),
        policy=Policy(require_alignment=False),
        log=Log(level="error"),
    )
    running = await assembly.start(config)
    await furnish(running)
    setup = Setup(
        replace(running.ports.settings, verp_secret=b""),
        ResolverOptions(nameservers),
        Protocol(hostname="mx.here.example"),
        str(tmp_path / "data" / "incoming"),
        log_level="error",
    )
    nursery = Nursery(assembly.MODULES)
    smtpd = Smtpd(1, running.ports, setup, DoorLimits(per_address=5), nursery)
    await smtpd.start()
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    smtpd.listen(listener)
    yield World(running, smtpd, port)
    await smtpd.close(0.2)
    nursery.close()
    await running.close()
    dns.close()


def api(running: assembly.Running) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=running.api_url, headers={"Authorization": f"Bearer {running.operator_key}"})


async def furnish(running: assembly.Running) -> None:
    async with api(running) as rest:
        (await rest.post("/v1/domains", json={"domain": "here.example"})).raise_for_status()
        (await rest.post("/v1/mailboxes", json={"address": "ada@here.example"})).raise_for_status()


async def test_what_comes_in_is_filed_with_what_was_found_out_about_it(world: World) -> None:
    assert (await world.send()).startswith("250 2.0.0 Accepted msg_")
    [message] = await world.filed()
    assert ("Tea?", "there.example", MessageStatus.RECEIVED) == (message.subject, message.verified_domain, message.status)
    assert MESSAGE == bytes(await world.running.ports.store.blobs.open(message.blob_id))
    assert b"from mx.there.example ([127.0.0.1])" in message.trace


async def test_a_large_message_comes_as_a_file(world: World) -> None:
    large = MESSAGE + b"tea\r\n" * 100_000
    assert (await world.send(large)).startswith("250")
    [message] = await world.filed()
    assert large == bytes(await world.running.ports.store.blobs.open(message.blob_id))
    assert [] == list((Path(world.running.config.server.data) / "incoming").iterdir())


async def test_refusals_are_the_same(world: World) -> None:
    assert (await world.send(to="nobody@here.example")).startswith("550 5.1.1")
    assert (await world.send(to="ada@elsewhere.example")).startswith("550 5.7.1")
    assert (await world.send(b"From: a@b.example\r\n" + MESSAGE)).startswith("550 5.7.1 The message has 2 From fields")
    assert [] == await world.filed()


async def test_a_recipient_that_was_known_a_moment_ago_and_is_gone_is_refused_after_all(world: World) -> None:
    await world.send()
    async with api(world.running) as rest:
        (await rest.delete(f"/v1/mailboxes/{(await world.filed())[0].mailbox_id}")).raise_for_status()
    assert (await world.send()).startswith("550 5.1.1 There is no mailbox")


async def test_a_process_that_dies_is_replaced(world: World) -> None:
    first = world.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: not world.smtpd.ready)
    assert (await world.send_or_reason()).startswith("421 4.3.2")
    await until(lambda: world.smtpd.ready)
    assert (await world.send()).startswith("250")
    assert first != world.pid


async def test_connections_of_a_process_that_died_no_longer_count(world: World) -> None:
    held = [socket.create_connection(("127.0.0.1", world.port)) for _ in range(5)]
    await until(lambda: world.smtpd._doors.open == 5)
    assert (await world.send_or_reason()).startswith("421 4.7.0")
    os.kill(world.pid, signal.SIGKILL)
    await until(lambda: not world.smtpd.ready)
    assert 0 == world.smtpd._doors.open
    await until(lambda: world.smtpd.ready)
    assert (await world.send()).startswith("250")
    for one in held:
        one.close()


async def test_s12_a_process_that_hangs_is_replaced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.3)
    monkeypatch.setattr(processes, "BEAT", 0.05)
    await asyncio.sleep(0)
    first = world.pid
    await world.smtpd_watch()
    os.kill(first, signal.SIGSTOP)
    await until(lambda: world.pid not in (0, first))
    monkeypatch.setattr(processes, "PATIENCE", 30)
    await until(lambda: world.smtpd.ready)
    assert (await world.send()).startswith("250")


async def test_a_process_that_can_not_be_started_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "AGAIN", 0.05)
    birth, tries = Nursery.birth, []

    async def short_of_processes(nursery: Nursery, module: str, *handed: socket.socket) -> Any:
        tries.append(module)
        if len(tries) < 3:
            raise BlockingIOError("Resource temporarily unavailable")
        return await birth(nursery, module, *handed)

    monkeypatch.setattr(Nursery, "birth", short_of_processes)
    os.kill(world.pid, signal.SIGKILL)
    await until(lambda: not world.smtpd.ready)
    await until(lambda: world.smtpd.ready)
    assert 3 == len(tries)
    assert (await world.send()).startswith("250")


async def resting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """There was nothing to do for so long that its process ended."""
    monkeypatch.setattr(processes, "IDLE", 0.1)
    monkeypatch.setattr(processes, "BEAT", 0.05)
    await world.smtpd_watch()
    busy = world.smtpd.pool.processes[0]
    await until(lambda: world.smtpd.pool.dozes)
    await busy.gone()
    monkeypatch.setattr(processes, "IDLE", 30.0)


async def test_processes_that_have_nothing_to_do_end_and_are_there_again_for_who_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = CollectorRegistry()
    registry.register(world.smtpd.totals)
    await world.send()
    first = world.pid
    await resting(world, monkeypatch)
    assert world.smtpd.ready
    assert [250] * 5 == [int((await one)[:3]) for one in asyncio.as_completed([world.send() for _ in range(5)])]
    assert world.pid not in (0, first)
    assert 6.0 == await world.counted(registry, "mailwright_smtp_accepted_total")


async def test_a_process_that_has_a_client_does_not_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "IDLE", 0.1)
    monkeypatch.setattr(processes, "BEAT", 0.02)
    with socket.create_connection(("127.0.0.1", world.port)) as client:
        await until(lambda: world.smtpd._doors.open == 1)
        await world.smtpd_watch()
        await asyncio.sleep(0.5)
        assert not world.smtpd.pool.dozes
        assert client.recv(100).startswith(b"220 ")
    await until(lambda: world.smtpd.pool.dozes)


async def test_who_comes_while_no_process_can_be_started_is_told_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(nursery: Nursery, module: str, *handed: socket.socket) -> Any:
        raise BlockingIOError("Resource temporarily unavailable")

    await resting(world, monkeypatch)
    monkeypatch.setattr(processes, "AGAIN", 0.05)
    with monkeypatch.context() as short:
        short.setattr(Nursery, "birth", never)
        assert (await world.send_or_reason()).startswith("421 4.3.2")
        assert not world.smtpd.ready
    await until(lambda: world.smtpd.ready)
    assert (await world.send()).startswith("250")


async def test_a_server_stops_while_its_processes_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await resting(world, monkeypatch)
    async with asyncio.timeout(5):
        await world.smtpd.close(10)


async def test_a_process_ends_when_its_server_is_gone(world: World) -> None:
    process = world.smtpd.pool.processes[0]
    world.smtpd.pool._closed.set()  # as `close` does, but nobody kills it
    process._line.close()  # type: ignore[union-attr]
    async with asyncio.timeout(5):
        await process.gone()


async def test_a_client_may_finish_its_message_when_the_server_stops(world: World) -> None:
    def begin() -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", world.port, "mx.there.example", timeout=20)
        client.ehlo()
        client.mail("bob@there.example")
        client.rcpt("ada@here.example")
        client.docmd("DATA")
        return client

    client = await asyncio.to_thread(begin)
    closing = asyncio.create_task(world.smtpd.close(10))
    await asyncio.sleep(0.2)

    def finish() -> int:
        client.send(MESSAGE + b".\r\n")
        return client.getreply()[0]

    assert 250 == await asyncio.to_thread(finish)
    await closing
    client.close()
    assert 1 == len(await world.filed())


async def test_what_processes_count_is_told_in_sums_even_of_those_that_ended(world: World) -> None:
    registry = CollectorRegistry()
    registry.register(world.smtpd.totals)
    await world.send()
    assert 1.0 == await world.counted(registry, "mailwright_smtp_accepted_total")
    os.kill(world.pid, signal.SIGKILL)
    await until(lambda: not world.smtpd.ready)
    await until(lambda: world.smtpd.ready)
    await world.send()
    assert 2.0 == await world.counted(registry, "mailwright_smtp_accepted_total")
    assert b"mailwright_smtp_connections" in generate_latest(registry)


def seen_certificate(port: int) -> bytes:
    """What a peer is shown."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, "mx.there.example", timeout=20) as client:
        client.starttls(context=trusting)
        found = client.sock.getpeercert(binary_form=True)  # type: ignore[union-attr]
    return bytes(found)


async def test_a_new_certificate_is_taken_when_somebody_says_so(world: World, tmp_path: Path) -> None:
    """By files whose size, time and number are those of the old ones, which no look of its own would notice."""
    paths, shown = (tmp_path / "cert.pem", tmp_path / "key.pem"), []
    nursery = Nursery(assembly.MODULES)
    setup = structs.replace(world.smtpd.pool._kind.setup, certificate=str(paths[0]), key=str(paths[1]))
    smtpd = Smtpd(1, world.running.ports, setup, DoorLimits(), nursery)
    listener = bind("127.0.0.1", 0)
    try:
        for _ in range(2):
            pair = self_signed(["mx.here.example"], datetime.now(UTC))
            for path, content in zip(paths, pair, strict=True):
                path.write_bytes(content.ljust(4000, b"\n"))
                os.utime(path, (1, 1))
            shown.append(ssl.PEM_cert_to_DER_cert(pair[0].decode()))
            if len(shown) > 1:
                assert smtpd.renew(anyway=True)
            else:
                await smtpd.start()
                smtpd.listen(listener)
            async with asyncio.timeout(10):
                while shown[-1] != await asyncio.to_thread(seen_certificate, listener.getsockname()[1]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert shown[0] != shown[1]
    finally:
        await smtpd.close(0.2)
        nursery.close()


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
