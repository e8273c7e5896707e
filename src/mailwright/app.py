"""The only place where the parts meet: config -> store, net, core -> faces, workers.

`start` gives a running server as a value; `run` serves until a signal. What must outlive a restart and is no row (the
secret behind our return paths, a certificate of our own making) lies in the data folder, readable by its owner alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
import uvicorn
from prometheus_client import CollectorRegistry

from mailwright import couriers, smtpd
from mailwright import gauges as gauging
from mailwright.config import MEGABYTE, Config
from mailwright.contract.events import encode
from mailwright.core import accounts
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
from mailwright.logs import set_up_log as set_up
from mailwright.mail.address import InvalidAddress, parse_mailbox
from mailwright.net import tls
from mailwright.net.certificates import Certificate, Renewed, keep_renewed, unusable
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
from mailwright.system import privileges, supervisor
from mailwright.system import strain as straining
from mailwright.system.machine import RandomIds, SystemClock, Threads, run_loop, settle_memory
from mailwright.system.nursery import Nursery
from mailwright.system.strain import Limits, Strain
from mailwright.wire.smtp_server import Options as Protocol
from mailwright.workers import Deliveries, Tellings, keep_house, watch_clock

T = TypeVar("T")
log = structlog.get_logger()

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


class CannotStart(Exception):
    """The server can't start; the message says what stands against it."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """Where we listen."""

    api: socket.socket
    smtp: socket.socket
    acme: socket.socket | None = None


def listen(config: Config) -> Sockets:
    """Bind the ports, or take them from whoever bound them for us. Raises CannotStart."""
    given = supervisor.given_sockets()
    return Sockets(
        given.get("api") or bind(config.api.host, config.api.port),
        given.get("smtp") or bind(config.smtp.host, config.smtp.port, "SMTP"),
        (given.get("acme") or bind(config.acme.host, config.acme.port, "ACME")) if config.acme.domains else None,
    )


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
        raise CannotStart(str(wrong)) from wrong


async def _assembled(config: Config, closing: list[Callable[[], object]], sockets: Sockets, nursery: Nursery) -> Running:
    data = Path(config.server.data)  # made, durably, with its store
    if (data / "restoring").exists():
        raise CannotStart(f"{data} was not restored to the end: run `mailwright restore` again")
    store = await open_store(data, StoreOptions(free_space=config.limits.free_disk_mb * MEGABYTE))
    closing.append(store.close)
    cpu = Threads()
    closing.append(cpu.close)
    resolver = Resolver(resolver_options(config))
    closing.append(resolver.close)
    try:
        courier = Courier(courier_options(config), resolver)
    except ValueError as wrong:
        raise CannotStart(str(wrong)) from None
    closing.append(courier.close)
    public_url = config.server.public_url or _reached_at(config, sockets.api)
    smtp_certificate = Certificate(*_certificate(config, data))
    api_certificate = _api_certificate(config, smtp_certificate)
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
    passes(Point.START_RELEASED)
    operator_key = await _first_key(ports, data)
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
        loops.append(await _keep_issued(config, data, sockets.acme, running))
    running.loops += [asyncio.create_task(loop) for loop in loops]
    running.faces.append(await _serve_api(running, sockets.api, registry, api_certificate, receiving))
    return running


async def _nothing(tx: Tx) -> None:
    """What the store is asked to find out how long it takes."""


def _limits(config: Config) -> Limits:
    chosen = config.limits
    return Limits(chosen.memory_mb * MEGABYTE, chosen.free_disk_mb * MEGABYTE, chosen.store_seconds)


def _counts(config: Config) -> tuple[int, int]:
    """How many processes speak SMTP, and how many sign and hand over."""
    smtp, delivery, all_there_are = config.smtp.processes, config.delivery.processes, os.cpu_count() or 1
    return smtp if smtp >= 0 else all_there_are, delivery if delivery >= 0 else all_there_are - 1


async def _carrier(
    config: Config, settings: Settings, closing: list[Callable[[], object]], nursery: Nursery
) -> Couriers | None:
    """The processes that sign and hand over, if there are to be any."""
    _, count = _counts(config)
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
    count, grace = _counts(config)[0], config.server.drain_seconds
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


def bind(host: str, port: int, what: str = "the API") -> socket.socket:
    """A listening socket; an empty host is every address, of both kinds. Raises CannotStart."""
    everywhere = not host and socket.has_dualstack_ipv6()
    listener = socket.socket(socket.AF_INET6 if ":" in host or everywhere else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if listener.family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not everywhere)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as wrong:
        listener.close()
        raise CannotStart(f"{what} can't listen on {host} port {port}: {wrong.strerror}") from None
    listener.listen(1024)
    listener.setblocking(False)
    return listener


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


def reachable(listening: str) -> str:
    """The address at which a socket of ours that listens there is reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listening, listening)


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


def _certificate(config: Config, data: Path) -> tuple[Path, Path]:
    """The PEM files of the SMTP face: the operator's, else of our own making. Raises CannotStart."""
    paths = Path(config.smtp.tls_certificate), Path(config.smtp.tls_key)
    if config.acme.domains and not config.smtp.tls_certificate:
        return _usable(*(2 * (_acme_certificate(config, data),)))
    if not (config.smtp.tls_certificate and config.smtp.tls_key):
        paths = data / "smtp-cert.pem", data / "smtp-key.pem"
        tls.ensure_self_signed(*paths, [config.server.hostname], datetime.datetime.now(datetime.UTC))
    return _usable(*paths)


def _api_certificate(config: Config, smtp_certificate: Certificate) -> Certificate | None:
    """The certificate of the REST face; None: it speaks plain HTTP. Raises CannotStart."""
    if not config.api.tls:
        return None
    if not (config.api.tls_certificate and config.api.tls_key):
        return smtp_certificate
    return Certificate(*_usable(Path(config.api.tls_certificate), Path(config.api.tls_key)))


def _acme_certificate(config: Config, data: Path) -> Path:
    """The file that ACME renews; until it first does, with a certificate of our own making. Raises CannotStart."""
    if not config.acme.agree_to_terms:
        raise CannotStart("acme.domains is set: read the terms of the ACME server, and set acme.agree_to_terms")
    path = data / "acme" / "certificate.pem"
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        public, private = tls.self_signed(config.acme.domains, datetime.datetime.now(datetime.UTC))
        place(path, private + public)
    return path


async def _keep_issued(config: Config, data: Path, listener: socket.socket, running: Running) -> Coroutine[Any, Any, None]:
    """The loop that gets and renews a certificate. Raises CannotStart."""
    chosen = config.acme
    try:
        from mailwright.net import acme
    except ImportError:
        raise CannotStart("ACME is an extra: pip install 'mailwright[acme]'") from None
    issuer = acme.Issuer(data / "acme", acme.Options(chosen.directory, chosen.domains, chosen.email, chosen.ca_file))
    answering = await acme.answer_challenges(listener, issuer.answers)
    running.closing.append(answering.close)
    return acme.keep_issued(issuer, running.stopping)


def _usable(certificate: Path, key: Path) -> tuple[Path, Path]:
    wrong = unusable(certificate, key)
    if wrong:
        raise CannotStart(f"{wrong} (the server reads these files as the user that it becomes)")
    return certificate, key


def _reached_at(config: Config, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if config.api.tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


# --- in the foreground --------------------------------------------------------------------------------------------------


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. What is written is for this user alone: there are keys and mail in it."""
    os.umask(0o077)
    set_up_log(config)
    try:
        who = privileges.identity(config.server.user, run_as_root=config.server.run_as_root)
        privileges.own_folder(Path(config.server.data), who)
        sockets = listen(config)
        if who is not None:
            privileges.become(who)
            privileges.check_reach(who)
    except privileges.BadUser as wrong:
        raise CannotStart(str(wrong)) from None
    # Now or never: what has threads can't be copied.
    nursery = Nursery.copied(MODULES) if any(_counts(config)) else None
    with contextlib.suppress(KeyboardInterrupt):
        run_loop(_serve(config, sockets, nursery))


async def _serve(config: Config, sockets: Sockets, nursery: Nursery | None) -> None:
    running = await start(config, sockets, nursery)
    settle_memory()
    log.info("started", api=running.api_url, smtp=running.smtp_port, data=config.server.data)
    if running.operator_key:
        log.info("first start: an operator key was made", file=str(Path(config.server.data) / OPERATOR_KEY))
    alive = asyncio.create_task(supervisor.watchdog(running.stopping))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reread, running)
    supervisor.notify("READY=1", f"STATUS=API {running.api_url}, SMTP port {running.smtp_port}")
    await until_signal()
    supervisor.notify("STOPPING=1", "STATUS=Letting what is under way end")
    log.info("stopping", within=config.server.drain_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end_at_once)
    await running.close()
    await alive
    log.info("stopped")


def _reread(running: Running) -> None:
    supervisor.reloading()
    log.info("reloading")
    running.reread.set()
    supervisor.notify("READY=1")


def _end_at_once() -> None:
    """A second signal: as a kill would, which loses nothing that was accepted (I1)."""
    log.warning("stopped at once")
    os._exit(1)


async def until_signal() -> None:
    """Return at SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def set_up_log(config: Config) -> None:
    """As the configuration says."""
    set_up(config.log.level, json_lines=config.log.json_lines)
