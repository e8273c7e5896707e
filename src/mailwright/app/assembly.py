"""The parts put together: what the configuration says becomes a running server, as a value."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry

from mailwright import couriers, smtpd
from mailwright import gauges as gauging
from mailwright.app import certificates
from mailwright.app.sockets import CannotStart, Sockets, listen, reachable, url_of
from mailwright.config import MEGABYTE, Config
from mailwright.contract.events import encode
from mailwright.core import accounts, delivery
from mailwright.core.errors import StorageBusy
from mailwright.core.ports import Host, Ports, Settings, Tx
from mailwright.couriers.frames import Setup as CourierSetup
from mailwright.couriers.options import courier_options, resolver_options
from mailwright.couriers.pool import Couriers
from mailwright.faces import rest, smtp
from mailwright.faces.mcp import door as mcp
from mailwright.faults import Point, passes
from mailwright.files import place
from mailwright.gauges import Gauges, StoreCollector
from mailwright.mail.address import InvalidAddress, parse_mailbox
from mailwright.net.certificates import Certificate, Renewed, keep_renewed
from mailwright.net.courier import Courier
from mailwright.net.guard import LOOPBACK
from mailwright.net.mta_sts import Policies
from mailwright.net.poster import LOCAL, Poster, PosterOptions
from mailwright.net.resolver import Resolver
from mailwright.reporting import Reporting
from mailwright.smtpd.frames import Setup
from mailwright.smtpd.pool import Smtpd
from mailwright.store.sqlite import FolderInUse, NewerDatabase, open_store
from mailwright.store.sqlite import Options as StoreOptions
from mailwright.store.sqlite.census import Census
from mailwright.system import strain as straining
from mailwright.system.machine import RandomIds, SystemClock, Threads
from mailwright.system.nursery import Nursery
from mailwright.system.strain import Limits, Strain
from mailwright.wire.smtp_server import Options as Protocol
from mailwright.workers import Deliveries, Tellings, keep_house, watch_clock

OPERATOR_KEY = "operator.key"
MODULES = (smtpd.MODULE, couriers.MODULE)  # what processes beside this one run


@dataclass(slots=True)
class Running:
    """A server at work. `operator_key` is the secret of the first key, only in the run that made it."""

    config: Config
    ports: Ports
    api_url: str
    smtp_port: int
    operator_key: str | None
    closing: list[Callable[[], object]]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    loops: list[asyncio.Task[None]] = field(default_factory=list)
    faces: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    certificates: list[Renewed] = field(default_factory=list)
    reread: asyncio.Event = field(default_factory=asyncio.Event)  # look at the certificates now

    async def close(self) -> None:
        """Stop: no new connections, let what is under way end, close what is open."""
        self.stopping.set()
        # All at once: what is still taken in while others end would only be broken off later.
        await asyncio.gather(self._end_loops(), *(close() for close in self.faces))
        for close in reversed(self.closing):
            waiting = close()
            if asyncio.iscoroutine(waiting):
                await waiting

    async def _end_loops(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(self.config.server.drain_seconds, 1)):
                await asyncio.gather(*self.loops, return_exceptions=True)


def settings_of(config: Config, *, secret: bytes, public_url: str) -> Settings:
    """What core needs to know of the configuration."""
    return Settings(
        hostname=config.server.hostname,
        addresses=config.server.addresses,
        inner_addresses=("127.0.0.1", "::1", reachable(config.smtp.host)),
        bounce_label=config.delivery.bounce_label,
        verp_secret=secret,
        public_url=public_url,
        message_limit=config.smtp.message_limit,
        recipients_limit=config.smtp.recipients_limit,
        received_limit=config.smtp.received_limit,
        approval_hours=config.policy.approval_hours,
        forwards_per_hour=config.policy.forwards_per_hour,
        automatic_turns=config.policy.automatic_turns,
        automatic_turns_per_hour=config.policy.automatic_turns_per_hour,
        turns_per_hour=config.policy.turns_per_hour,
        delivery_hours=config.delivery.hours,
        tls_reports_from=_reporter(config),
        mta_sts=config.smtp.mta_sts,
        delivery_port=config.delivery.port,
        honor_reject=config.policy.honor_reject,
        trusted_sealers=config.policy.trusted_sealers,
        require_alignment=config.policy.require_alignment,
        allow_private_hosts=config.delivery.allow_private,
    )


def _reporter(config: Config) -> str:
    """Who sends TLS reports. Raises CannotStart."""
    address = config.delivery.tls_reports_from
    try:
        return address and parse_mailbox(address).addr_spec
    except InvalidAddress as wrong:
        raise CannotStart(f"delivery.tls_reports_from: {wrong}") from None


async def start(config: Config, sockets: Sockets | None = None, nursery: Nursery | None = None) -> Running:
    """Start everything; processes come from that nursery. Raises CannotStart."""
    nursery = nursery or Nursery(MODULES)
    closing: list[Callable[[], object]] = [nursery.close]
    try:
        return await _assembled(config, closing, sockets or listen(config), nursery)
    except (OSError, FolderInUse, NewerDatabase, StorageBusy) as wrong:
        for close in reversed(closing):
            waiting = close()
            if asyncio.iscoroutine(waiting):
                await waiting
        raise CannotStart(_why(config, wrong)) from wrong


def _why(config: Config, wrong: Exception) -> str:
    if not isinstance(wrong, StorageBusy):
        return str(wrong)
    return f"nothing can be written in {config.server.data} ({wrong.details['reason']}): `mailwright doctor` looks at it"


async def _assembled(config: Config, closing: list[Callable[[], object]], sockets: Sockets, nursery: Nursery) -> Running:
    data = Path(config.server.data)  # made, durably, with its store
    if (data / "restoring").exists():
        raise CannotStart(f"{data} was not restored to the end: run `mailwright restore` again")
    # What a start writes is little, and may take of what is kept free: else nobody could read any more.
    store = await open_store(data, StoreOptions(free_space=0))
    closing.append(store.close)
    cpu = Threads()
    closing.append(cpu.close)
    resolver = Resolver(resolver_options(config))
    closing.append(resolver.close)
    courier = Courier(courier_options(config), resolver)
    closing.append(courier.close)
    public_url = config.server.public_url or url_of(config, sockets.api)
    smtp_certificate = Certificate(*certificates.of_smtp(config, data))
    api_certificate = certificates.of_api(config, smtp_certificate)
    settings = settings_of(config, secret=_secret(data / "return-path.secret"), public_url=public_url)
    poster = Poster(resolver, LOCAL if config.delivery.allow_private else PosterOptions())
    strain = Strain(_limits(config), data, nursery.living)
    carrier = await _carrier(config, settings, closing, nursery)
    sts = _sts(config, data, resolver)
    closing.append(sts.close)
    ports = Ports(store, resolver, courier, poster, cpu, SystemClock(), RandomIds(), settings, carrier, strain.admit, sts)
    now = ports.clock.now()
    await store.write(lambda tx: tx.queue.release(now))
    await store.write(lambda tx: tx.webhooks.release(now))
    await store.write(lambda tx: delivery.close_abandoned(tx, ports))
    passes(Point.START_RELEASED)
    operator_key = await _first_key(ports, data)
    store.keep_free(config.limits.free_disk_mb * MEGABYTE)
    registry = CollectorRegistry()
    gauges, census = Gauges(registry), Census(data)
    registry.register(StoreCollector(lambda: store.counters))
    closing.append(census.close)
    mx_host, mx_port = sockets.smtp.getsockname()[:2]
    local = Host(settings.hostname, (reachable(mx_host),), mx_port)
    running = Running(config, ports, public_url, mx_port, operator_key, closing)
    running.certificates += {smtp_certificate, api_certificate or smtp_certificate}
    receiving = await _serve_smtp(running, sockets.smtp, registry, smtp_certificate, nursery)
    stop = running.stopping
    reporting = Reporting(ports, data)
    loops = [
        Deliveries(ports, local, note=reporting.note).run(stop),
        reporting.run(stop),
        Tellings(ports, lambda event: encode(event, public_url)).run(stop),
        keep_house(ports, stop),
        watch_clock(ports, stop),
        sts.keep_saved(stop),
        keep_renewed(running.certificates, running.reread, stop),
        gauging.watch(gauges, census, strain, ports.clock, stop),
        straining.watch(strain, lambda: store.write(_nothing), stop),
    ]
    if sockets.acme is not None:
        loops.append(await certificates.keep_issued(config, data, sockets.acme, stop, closing))
    running.loops += [asyncio.create_task(loop) for loop in loops]
    running.faces.append(await _serve_api(running, sockets.api, registry, api_certificate, receiving))
    return running


async def _nothing(tx: Tx) -> None:
    """What the store is asked to find out how long it takes."""


def _limits(config: Config) -> Limits:
    chosen = config.limits
    return Limits(chosen.memory_mb * MEGABYTE, chosen.free_disk_mb * MEGABYTE, chosen.store_seconds)


def counts(config: Config) -> tuple[int, int]:
    """How many processes speak SMTP, and how many sign and hand over."""
    smtp, delivery, all_there_are = config.smtp.processes, config.delivery.processes, os.cpu_count() or 1
    return smtp if smtp >= 0 else all_there_are, delivery if delivery >= 0 else all_there_are - 1


async def _carrier(
    config: Config, settings: Settings, closing: list[Callable[[], object]], nursery: Nursery
) -> Couriers | None:
    """The processes that sign and hand over, if there are to be any."""
    _, count = counts(config)
    if count == 0:
        return None
    carrier = Couriers(count, CourierSetup(settings, config), nursery)
    closing.append(carrier.close)
    await carrier.start()
    return carrier


def _sts(config: Config, data: Path, resolver: Resolver) -> Policies:
    """What domains promise by MTA-STS; a server for local use asks policy hosts on this machine as well."""
    options = PosterOptions(ports=(443,), allow=LOOPBACK if config.delivery.allow_private else (), timeout=20)
    return Policies(resolver, Poster(resolver, options), data, time.time)


async def _serve_smtp(
    running: Running, listener: socket.socket, registry: CollectorRegistry, certificate: Certificate, nursery: Nursery
) -> Callable[[], bool]:
    """Take mail, in processes of its own or in this one; what tells whether mail can come in."""
    config, ports = running.config, running.ports
    count, grace = counts(config)[0], config.server.drain_seconds
    options = smtp_options(config)
    if count == 0:
        options = replace(options, context=certificate.context, metrics=smtp.metrics(registry))
        mx = await smtp.serve([smtp.Listen(bound=listener)], smtp.reception(ports), options)
        running.faces.append(partial(mx.close, grace))
        return lambda: True
    setup = Setup(
        replace(ports.settings, verp_secret=b""),
        resolver_options(config),
        options.protocol,
        str(Path(config.server.data) / "incoming"),
        certificate=str(certificate.paths[0]),
        key=str(certificate.paths[1]),
        log_level=config.log.level,
        log_json=config.log.json_lines,
    )
    processes = Smtpd(count, ports, setup, options.doors, nursery)
    running.faces.append(partial(processes.close, grace))
    running.closing.append(partial(processes.close, 0))
    running.certificates.append(processes)
    await processes.start()
    processes.listen(listener)
    registry.register(processes.totals)
    return lambda: processes.ready


class _Api(uvicorn.Server):
    """uvicorn, whose signals are ours to handle."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve_api(
    running: Running,
    listener: socket.socket,
    registry: CollectorRegistry,
    certificate: Certificate | None,
    receiving: Callable[[], bool],
) -> Callable[[], Coroutine[Any, Any, None]]:
    chosen = running.config
    options = rest.Options(
        registry,
        receiving=receiving,
        requests=chosen.limits.requests,
        metrics_from=chosen.api.metrics_from,
        security_contact=chosen.server.security_contact,
    )
    application = rest.create_app(running.ports, options)
    grace = running.config.server.drain_seconds
    mounted = mcp.Mounted(
        application,
        running.ports,
        mcp.Options(
            origins=chosen.mcp.origins,
            authorization_servers=chosen.mcp.authorization_servers,
            requests=chosen.limits.requests,
            count=application.count,
        ),
    )
    settings = uvicorn.Config(
        mounted,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=grace,
        http=rest.BoundedProtocol,
        ws="none",
        ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
    )
    server = _Api(settings)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110
        await asyncio.sleep(0.005)

    async def close() -> None:
        rest.close(application)
        mounted.hush()
        server.should_exit = True
        await asyncio.wait([serving], timeout=grace + 1)
        await mounted.close()
        listener.close()

    return close


def _secret(path: Path) -> bytes:
    """32 random bytes that outlive a restart."""
    if not path.exists():
        place(path, secrets.token_bytes(32))
    return path.read_bytes()


async def _first_key(ports: Ports, data: Path) -> str | None:
    """On a new store: the first tenant and its operator key, which is also left in the data folder for whoever starts us."""

    async def script(tx: Tx) -> str | None:
        if await tx.tenants.page(None, 1):
            return None
        _, _, secret = await accounts.bootstrap(tx, ports)
        # Before the commit: whoever dies between the two makes another key in its place, and nobody is locked out.
        place(data / OPERATOR_KEY, secret.encode() + b"\n")
        return secret

    return await ports.store.write(script)


def smtp_options(config: Config) -> smtp.ServerOptions:
    """How the SMTP face listens."""
    return smtp.ServerOptions(
        protocol=Protocol(
            hostname=config.server.hostname,
            max_size=config.smtp.message_limit,
            max_recipients=config.smtp.recipients_limit,
        ),
        doors=smtp.DoorLimits(config.smtp.connections_limit, config.smtp.connections_per_ip),
    )
