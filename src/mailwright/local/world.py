"""The private world, put together: DNS, the server, the receivers, the outbox; and the file that tells where all of it is.

Everything listens on loopback. `DOMAIN` is an agents' domain, aligned, with one autonomous mailbox; `SIMULATOR` is where the
receivers are. A domain that is added through the API is published in the world's DNS at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as WebRoute

from mailwright.app import assembly
from mailwright.app.foreground import set_up_log, until_signal
from mailwright.app.sockets import CannotStart, bind
from mailwright.config import Api, Config, Delivery, Dns, Log, Server, Smtp
from mailwright.core.model import Domain
from mailwright.core.ports import Host, Parcel, Route, Tx
from mailwright.core.records import Record, records
from mailwright.faces import smtp
from mailwright.local import tour
from mailwright.local.replies import Writer, complaint
from mailwright.local.simulator import Got, Receivers
from mailwright.local.zone import WorldZone
from mailwright.mail.address import Address
from mailwright.mailauth import dkim
from mailwright.system.machine import run_loop
from mailwright.testing.dns import ZoneServer, serve_zone
from mailwright.wire.smtp_server import Options as Protocol

DOMAIN = "agents.test"
SIMULATOR = "simulator.test"
HOSTNAME = "mx.agents.test"
PORTS = ("api", "mx", "receivers", "dns", "outbox")


@dataclass(frozen=True, slots=True)
class Options:
    """How the world is started. `data` None: a temporary folder; `port_base` 0: free ports."""

    data: Path | None = None
    port_base: int = 0
    ready_file: Path | None = None
    tour: bool = True


@dataclass(slots=True)
class World:
    """A world at work."""

    running: assembly.Running
    receivers: Receivers
    dns: ZoneServer
    outbox_url: str
    keys: dict[str, str]
    mailbox_id: str
    told: list[dict[str, Any]]  # what the world's own webhook end point was told

    def ready(self) -> dict[str, str]:
        """What a program needs to know, as JSON: the content of the ready file."""
        return {
            "api_url": self.running.api_url,
            **self.keys,
            "mailbox_id": self.mailbox_id,
            "domain": DOMAIN,
            "simulator_domain": SIMULATOR,
            "mx": f"127.0.0.1:{self.running.smtp_port}",
            "dns": f"127.0.0.1:{self.dns.port}",
            "outbox_url": self.outbox_url,
        }

    async def reply(self, got: Got, text: str) -> str:
        """Have the recipient of a message answer it, by SMTP, signed; the answer's Message-ID."""
        writer = _writer(got.rcpt_to[0], self._key)
        message_id = f"<reply.{time.time_ns()}@{SIMULATOR}>"
        await self._post(writer, writer.reply(got, text, message_id=message_id, now=time.time()), f"{writer.address.addr_spec}")
        return message_id

    @property
    def _key(self) -> dkim.SigningKey:
        return _simulator_key()

    async def afterwards(self, what: str, got: Got) -> None:
        """What a receiver does after it accepted: complain, or answer that nobody is in."""
        writer = _writer(got.rcpt_to[0], self._key)
        if what == "complain":
            await self._post(writer, complaint(got, now=time.time()), "", to=got.mail_from)
        else:
            message_id = f"<ooto.{time.time_ns()}@{SIMULATOR}>"
            await self._post(writer, writer.out_of_office(got, message_id=message_id, now=time.time()), "")

    async def _post(self, writer: Writer, raw: bytes, mail_from: str, to: str | None = None) -> None:
        ports = self.running.ports
        now = time.time()
        rcpt_to = to or tour.address_in(raw, "to")
        route = Route("mx", (Host(HOSTNAME, ("127.0.0.1",), self.running.smtp_port),))
        await ports.courier.deliver(route, Parcel(mail_from, (rcpt_to,), writer.signed(raw, now)))


def _simulator_key() -> dkim.SigningKey:
    # One key for every world: the world is a toy, and a key made anew takes 0.1 s of the start.
    return dkim.load_key(SIMULATOR, "sim", SIMULATOR.encode().ljust(32, b"."))


def _writer(address: str, key: dkim.SigningKey) -> Writer:
    local, _, domain = address.rpartition("@")
    return Writer(Address(local.partition("+")[0].capitalize(), local, domain), key)


def _fixed_zone() -> str:
    return f"""
        {HOSTNAME} A 127.0.0.1
        {SIMULATOR} MX 10 mx.{SIMULATOR}
        mx.{SIMULATOR} A 127.0.0.1
        {SIMULATOR} TXT v=spf1 ip4:127.0.0.1 -all
        _dmarc.{SIMULATOR} TXT v=DMARC1; p=reject
        sim._domainkey.{SIMULATOR} TXT {dkim.dns_record(_simulator_key())}
        1.0.0.127.in-addr.arpa PTR {HOSTNAME}
        """


async def start(options: Options, data: Path, stack: AsyncExitStack) -> World:
    """Start everything; the stack closes it in turn."""
    known: list[Record] = []
    dns_port = _port(options, "dns")
    try:
        dns = await serve_zone(WorldZone(_fixed_zone(), lambda: known), port=dns_port)
    except OSError as wrong:  # no reason for a stack trace
        why = os.strerror(wrong.errno or 0)
        raise CannotStart(f"the DNS server can't listen on 127.0.0.1 port {dns_port}: {why}") from None
    stack.callback(dns.close)
    # Held from here on: the server is told of it before the receivers stand.
    receiving = bind("127.0.0.1", _port(options, "receivers"), "the receivers")
    stack.callback(receiving.close)
    running = await assembly.start(_config(options, data, dns.port, receiving.getsockname()[1]))
    stack.push_async_callback(running.close)
    dns.zone = WorldZone(_fixed_zone(), lambda: _published(running))
    told: list[dict[str, Any]] = []
    receivers = Receivers(running.ports.resolver, time.time, _nothing)
    outbox_url = await _serve_outbox(options, receivers, told, stack)
    keys, mailbox_id = await _furnish(running)
    world = World(running, receivers, dns, outbox_url, keys, mailbox_id, told)
    receivers.afterwards = world.afterwards
    reception = smtp.Reception(receivers.recipient, receivers.receive, running.ports.store.blobs.spool)
    protocol = Protocol(hostname=f"mx.{SIMULATOR}")
    served = await smtp.serve([smtp.Listen(bound=receiving)], reception, smtp.ServerOptions(protocol=protocol))
    stack.push_async_callback(served.close)
    return world


async def _nothing(what: str, got: Got) -> None:
    """Before the world stands, nobody writes back."""


def _port(options: Options, name: str) -> int:
    return options.port_base + PORTS.index(name) if options.port_base else 0


def _config(options: Options, data: Path, dns_port: int, receivers_port: int) -> Config:
    return Config(
        server=Server(hostname=HOSTNAME, addresses=("127.0.0.1",), data=str(data)),
        smtp=Smtp(host="127.0.0.1", port=_port(options, "mx"), processes=0),
        api=Api(host="127.0.0.1", port=_port(options, "api")),
        dns=Dns(nameservers=(f"127.0.0.1:{dns_port}",), timeout=2.0),
        delivery=Delivery(port=receivers_port, allow_private=True, processes=0),
        log=Log(level="warning"),
    )


def _published(running: assembly.Running) -> Iterator[Record]:
    """The records of every domain of the store, read where the DNS server asks: committed a moment ago is published now."""

    async def script(tx: Tx) -> list[Domain]:
        return [domain for tenant in await tx.tenants.page(None, 100) for domain in await tx.domains.page(tenant.id, None, 200)]

    reading = running.ports.store.read(script)
    try:
        reading.send(None)
    except StopIteration as done:
        for domain in done.value:
            yield from records(domain, running.ports.settings)


async def _furnish(running: assembly.Running) -> tuple[dict[str, str], str]:
    """The world's domain, mailbox and keys: through the API until that was done once, later from the file that it left."""
    data = Path(running.config.server.data)
    kept = data / "local.json"
    if not running.operator_key and kept.exists():
        found = json.loads(kept.read_text())
        return found["keys"], found["mailbox_id"]
    # A start that was killed may have got anywhere: each of these requests does no harm when it is repeated.
    operator_key = running.operator_key or _kept_key(data)
    headers = {"Authorization": f"Bearer {operator_key}"}
    async with httpx2.AsyncClient(base_url=running.api_url, headers=headers) as client:
        domain = await tour.post(client, "/v1/domains", {"domain": DOMAIN, "client_id": "local"})
        await tour.post(client, f"/v1/domains/{domain['id']}/verify", {})
        wanted = {"address": f"ada@{DOMAIN}", "display_name": "Ada", "oversight_mode": "autonomous"}
        mailbox = await tour.post(client, "/v1/mailboxes", wanted | {"client_id": "local"})
        for name in ("suppressed", "suppressed+*"):
            await tour.post(client, "/v1/suppressions", {"address": f"{name}@{SIMULATOR}"})
        agent = {"name": "agent", "role": "agent", "mailbox_id": mailbox["id"]}
        keys = {
            "operator_key": operator_key,
            "approver_key": (await tour.post(client, "/v1/api-keys", {"name": "approver", "role": "approver"}))["key"],
            "agent_key": (await tour.post(client, "/v1/api-keys", agent))["key"],
        }
    _write(kept, {"keys": keys, "mailbox_id": mailbox["id"]})
    return keys, mailbox["id"]


def _kept_key(data: Path) -> str:
    try:
        return (data / assembly.OPERATOR_KEY).read_text().strip()
    except OSError:
        reason = f"its first start left no {assembly.OPERATOR_KEY}: begin with an empty folder"
        raise CannotStart(f"{data} can't be used: {reason}") from None


def _write(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and for its owner alone: there are keys in it."""
    try:
        draft = path.with_name(path.name + ".new")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
            out.write(json.dumps(content, indent=1) + "\n")
        draft.replace(path)
    except (OSError, ValueError) as wrong:  # ValueError: the path names no file
        raise CannotStart(f"{path} can't be written: {getattr(wrong, 'strerror', None) or wrong}") from None


# --- the outbox ---------------------------------------------------------------------------------------------------------


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve_outbox(options: Options, receivers: Receivers, told: list[dict[str, Any]], stack: AsyncExitStack) -> str:
    async def listing(request: Request) -> JSONResponse:
        items = [
            {
                "mail_from": got.mail_from,
                "rcpt_to": list(got.rcpt_to),
                "raw": b64encode(got.raw).decode(),
                "verdicts": got.verdicts,
                "folder": got.folder,
                "received_at": got.at,
            }
            for got in receivers.outbox
        ]
        return JSONResponse({"items": items})

    async def empty(request: Request) -> Response:
        receivers.outbox.clear()
        return Response(status_code=204)

    async def hook(request: Request) -> Response:
        told.append({"headers": dict(request.headers), "body": await request.body()})
        return Response(status_code=204)

    listener = bind("127.0.0.1", _port(options, "outbox"), "the outbox")
    routes = [
        WebRoute("/outbox", listing),
        WebRoute("/outbox", empty, methods=["DELETE"]),
        WebRoute("/webhook", hook, methods=["POST"]),
    ]
    server = _Quiet(uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def close() -> None:
        server.should_exit = True
        await asyncio.wait([serving], timeout=3)

    stack.push_async_callback(close)
    return f"http://127.0.0.1:{listener.getsockname()[1]}/outbox"


# --- in the foreground --------------------------------------------------------------------------------------------------


def run(options: Options) -> None:
    """Start the world, play the tour, say where everything is, and stay until a signal."""
    set_up_log(Config(log=Log(level="warning")))
    with tempfile.TemporaryDirectory(prefix="mailwright-") as folder:
        run_loop(_stay(options, options.data or Path(folder)))


async def _stay(options: Options, data: Path) -> None:
    async with AsyncExitStack() as stack:
        world = await start(options, data, stack)
        if options.ready_file is not None:
            _write(options.ready_file, world.ready())
        if options.tour:
            await tour.play(world)
        tour.say_where(world)
        await until_signal()
        print("Stopping.", flush=True)
