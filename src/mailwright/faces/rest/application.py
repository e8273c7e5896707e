"""The ASGI application: where the parts of this face meet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from ipaddress import ip_network

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from starlette.types import Receive, Scope, Send

from mailwright.contract.operations import OPERATIONS
from mailwright.core import promises
from mailwright.core.errors import ExaminationFailed, NotFound, StorageBusy
from mailwright.core.ports import Ports, Tx
from mailwright.faces.rest import pages
from mailwright.faces.rest.answers import Reply
from mailwright.faces.rest.bell import Bell, Pace
from mailwright.faces.rest.bodies import Budget
from mailwright.faces.rest.compat import agentmail, resend
from mailwright.faces.rest.inputs import intake
from mailwright.faces.rest.metrics import metrics
from mailwright.faces.rest.openapi import openapi
from mailwright.faces.rest.routing import tree
from mailwright.faces.rest.serving import Desk, Page, Route, serve

PROMETHEUS = b"text/plain; version=0.0.4"
READY_FOR = 1000  # ms that a good look at the store is believed


@dataclass(frozen=True, slots=True)
class Options:
    """What whoever starts the server may choose."""

    registry: CollectorRegistry | None = None  # None: one of this face alone
    body_memory: int = 256 * 1024 * 1024  # bytes of all bodies that are worked on at a time
    pace: Pace = field(default_factory=Pace)
    receiving: Callable[[], bool] = lambda: True  # whether mail can come in now
    requests: int = 5000  # at once
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1/128")  # networks that may read /metrics
    security_contact: str = ""  # a URI: whom to tell of a hole


class Application:
    """The face as an ASGI application. Its lifespan may be used or not: nothing is opened before it is needed."""

    def __init__(self, desk: Desk) -> None:
        """With what all requests share."""
        self._desk = desk
        self.bell = desk.bell
        self.count = desk.metrics.count  # for what is mounted beside this face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match scope["type"]:
            case "http":
                await serve(self._desk, scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case _:  # there are no web sockets here
                await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        self.bell.close()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(ports: Ports, options: Options | None = None) -> Application:
    """The application."""
    chosen = options or Options()
    registry = chosen.registry or CollectorRegistry()
    networks = tuple(ip_network(one, strict=False) for one in chosen.metrics_from)
    bell = Bell(ports.store, chosen.pace)
    extra = [("GET", page.path, page.page) for page in _pages(ports, registry, chosen)]
    routes, budget = tree([*_routes(), *extra]), Budget(chosen.body_memory)
    return Application(Desk(ports, routes, metrics(registry), bell, budget, limit=chosen.requests, networks=networks))


@cache
def _routes() -> tuple[tuple[str, str, Route | Page], ...]:
    ours = [(one.method, one.path, Route(one, intake(one))) for one in OPERATIONS]
    routes = (*agentmail.ROUTES, *resend.ROUTES)
    theirs = [(one.method, one.path, Route(one.operation, intake(one.operation), one)) for one in routes]
    return (*ours, *theirs)


def close(app: Application) -> None:
    """End the open streams and long polls: call it when the server is told to stop, before it waits for its connections."""
    app.bell.close()


@dataclass(frozen=True, slots=True)
class _Placed:
    path: str
    page: Page


def _pages(ports: Ports, registry: CollectorRegistry, chosen: Options) -> list[_Placed]:
    # Describing takes a tenth of a second: it is done once, when somebody asks.
    described = cache(lambda: openapi(OPERATIONS, ports.settings.public_url, version("mailwright")))
    written = cache(lambda: Reply(200, msgspec.json.encode(described())))
    for_people = cache(lambda: pages.docs(described()))
    for_programs = cache(lambda: pages.llms(described()))
    contact = lambda: pages.security_txt(chosen.security_contact, ports.settings.public_url, ports.clock.now())  # noqa: E731
    return [
        *([_Placed("/.well-known/security.txt", Page("security_txt", contact))] if chosen.security_contact else []),
        _Placed("/openapi.json", Page("openapi", written)),
        _Placed("/docs", Page("docs", for_people)),
        _Placed("/llms.txt", Page("llms", for_programs)),
        _Placed("/healthz", Page("healthz", lambda: Reply(200, b'{"status":"ok"}'))),
        _Placed("/readyz", Page("readyz", _readiness(ports, chosen.receiving))),
        _Placed(promises.PATH, Page("mta_sts", _promise(ports), by_host=True)),
        _Placed("/metrics", Page("metrics", lambda: Reply(200, generate_latest(registry), PROMETHEUS), inside=True)),
    ]


def _promise(ports: Ports) -> Callable[[str], Awaitable[Reply]]:
    async def promise(host: str) -> Reply:
        found = await promises.served(ports, host)
        if found is None:
            raise NotFound("No domain of this server is meant: the Host field must be mta-sts.<domain>.")
        return Reply(200, found.encode(), b"text/plain")

    return promise


def _readiness(ports: Ports, receiving: Callable[[], bool]) -> Callable[[], Awaitable[Reply]]:
    """Whether mail can be examined and the store can be written; one try a second at most, however many ask."""
    good_at: int | None = None

    async def ready() -> Reply:
        nonlocal good_at
        if not receiving():
            raise ExaminationFailed("No process that takes mail is up just now.")
        now = ports.clock.now()
        if good_at is None or not 0 <= now - good_at < READY_FOR:

            async def script(tx: Tx) -> int:
                return await tx.idempotency.forget_before(0)

            try:
                await ports.store.write(script)
            except Exception:
                raise StorageBusy("The store can't be written.") from None
            good_at = now
        return Reply(200, b'{"status":"ready"}')

    return ready
