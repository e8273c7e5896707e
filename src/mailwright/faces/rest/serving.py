"""From a request to its answer: the one path that every operation takes.

head -> route -> key -> permission -> body within bounds -> input -> operation (once, where a claim asks for it) -> answer.
Whatever goes wrong is told in the error shape with the request's id, and never as a stack trace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from mailwright.contract.operations import Answer, Operation
from mailwright.contract.running import Claim, InFlight, permit, run, run_once
from mailwright.core.accounts import authenticate
from mailwright.core.errors import InternalError, MissingPermission, Refusal, StorageBusy
from mailwright.core.model import Caller, Role
from mailwright.core.ports import Ports
from mailwright.faces.rest import streaming
from mailwright.faces.rest.answers import PRIVATE, Reply, content, encoder, refused, tell
from mailwright.faces.rest.asking import bearer, claim, has_body, read_head
from mailwright.faces.rest.bell import Bell
from mailwright.faces.rest.bodies import SMALL_BODY, Budget, ClientGone, read_body
from mailwright.faces.rest.compat.foreign import Foreign
from mailwright.faces.rest.inputs import Intake, read_input
from mailwright.faces.rest.metrics import Metrics
from mailwright.faces.rest.routing import Node, allowed, find, walk

log = structlog.get_logger("mailwright.rest")
NOBODY = Caller("", "public", Role.AUDITOR, frozenset())


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, and how its input is read."""

    operation: Operation[Any, Any]
    intake: Intake
    foreign: Foreign | None = None  # somebody else's words for it


@dataclass(frozen=True, slots=True)
class Page:
    """A page or a probe that is no operation; it needs no key."""

    name: str
    make: Callable[..., Any]  # gives a Reply, or awaits one
    by_host: bool = False  # `make` takes the Host field
    inside: bool = False  # for those networks only that may see how the server is


@dataclass(frozen=True, slots=True)
class Desk:
    """What all requests share."""

    ports: Ports
    routes: Node[Route | Page]
    metrics: Metrics
    bell: Bell
    budget: Budget
    in_flight: InFlight = field(default_factory=InFlight)
    limit: int = 5000  # requests at once, streams and long polls included
    networks: tuple[IPv4Network | IPv6Network, ...] = ()  # that may see pages which are `inside`
    visits: set[int] = field(default_factory=set)

    @property
    def message_body(self) -> int:
        """Bytes of a body that may hold a whole message: base64 and some JSON around it."""
        return self.ports.settings.message_limit * 4 // 3 + SMALL_BODY


@dataclass(slots=True)
class Visit:
    """One request on its way."""

    scope: Scope
    receive: Receive
    send: Send
    request_id: str
    name: str = "none"
    status: int = 0
    actor: str = ""
    unread: bool = False  # a body is still to come
    foreign: Foreign | None = None


async def serve(desk: Desk, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    visit = Visit(scope, receive, send, desk.ports.ids.new("req"))
    started = time.perf_counter()
    desk.visits.add(id(visit))
    try:
        if len(desk.visits) > desk.limit:
            visit.unread = True
            raise StorageBusy("Too many requests are under way.", details={"reason": "requests"}, retry_after=2)
        await _answer(desk, visit)
    except ClientGone:
        return
    except Refusal as refusal:
        await _refuse(desk, visit, refusal)
    except Exception:
        log.exception("request failed", request_id=visit.request_id, operation=visit.name, actor=visit.actor)
        await _refuse(desk, visit, InternalError())
    finally:
        desk.visits.discard(id(visit))
    desk.metrics.count(visit.name, visit.status, time.perf_counter() - started)


async def _refuse(desk: Desk, visit: Visit, refusal: Refusal) -> None:
    if visit.status:  # the answer had begun: all that can be done is to break it off
        return
    log.info("request refused", request_id=visit.request_id, operation=visit.name, actor=visit.actor, code=refusal.code)
    reply = refused(refusal, visit.request_id, desk.ports.settings.public_url)
    if visit.foreign is not None:
        keyed = any(name == b"authorization" for name, _ in visit.scope["headers"])
        status, told = visit.foreign.refused(refusal, visit.request_id, keyed)
        reply = replace(reply, status=status, body=encoder.encode(told))
    if visit.unread:  # what is still to come is not read
        reply = replace(reply, fields=(*reply.fields, (b"connection", b"close")))
    await _tell(visit, reply)


async def _tell(visit: Visit, reply: Reply) -> None:
    visit.status = reply.status
    await tell(visit.send, reply, visit.request_id.encode(), head_only=visit.scope["method"] == "HEAD")


async def _answer(desk: Desk, visit: Visit) -> None:
    scope = visit.scope
    visit.unread = has_body(scope)
    head = read_head(scope)
    if scope["method"] == "OPTIONS":
        await _tell(visit, _options(desk, _path(scope)))
        return
    match = find(desk.routes, scope["method"], _path(scope))
    route = match.target
    if isinstance(route, Page):
        visit.name = route.name
        if route.inside and not _inside(desk, scope):
            raise MissingPermission("This page is for the networks in `api.metrics_from`.")
        made = route.make(_host(scope)) if route.by_host else route.make()
        await _tell(visit, made if isinstance(made, Reply) else await made)
        return
    operation, foreign = route.operation, route.foreign
    visit.foreign = foreign
    visit.name = operation.name
    caller, secret = await _caller(desk, operation, head, match.values[0] if match.values else None)
    visit.actor = caller.actor
    if operation.method != "GET":
        desk.ports.admit()
    with desk.budget.loan() as take:
        body = b""
        if route.intake.body is not None:
            body = await read_body(visit.receive, head, desk.message_body if operation.large else SMALL_BODY, take)
            visit.unread = False
        if foreign is not None:
            given = foreign.read(match.values, scope["query_string"], body)
            if foreign.look is not None:
                await foreign.look(desk.ports, caller, match.values)
        else:
            given = read_input(route.intake, scope, match.values, head, body)
        if operation.answer is Answer.STREAM:
            await _stream(desk, visit, caller, given, head)
            return
        claimed = claim(head, scope, body, secret) if operation.repeatable else None
        del body
        reply = await _reply(desk, caller, operation, given, claimed)
        if foreign is not None:
            status, told = foreign.answer(bytes(reply.body), match.values, desk.ports.settings.public_url)
            reply = replace(reply, status=status, body=told)
        await _tell(visit, reply)


def _inside(desk: Desk, scope: Scope) -> bool:
    """Whether the peer (that a proxy here named, if one did) is in one of the networks that may see how the server is."""
    try:
        address = ip_address((scope.get("client") or ("",))[0].partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in desk.networks)


def _host(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


def _path(scope: Scope) -> str:
    """The path as it was sent; where the server did not keep that, made from what it decoded."""
    raw: bytes | None = scope.get("raw_path")
    return raw.decode("latin-1") if raw else quote(scope["path"])


def _options(desk: Desk, path: str) -> Reply:
    # No CORS: browsers of other origins are told nothing, and keys stay out of web pages.
    node, _ = walk(desk.routes, path)
    return Reply(204, fields=((b"allow", ", ".join(allowed(node)).encode()),))


async def _caller(
    desk: Desk, operation: Operation[Any, Any], head: dict[bytes, bytes], subject: str | None
) -> tuple[Caller, str]:
    if operation.permission is None:
        return NOBODY, ""
    secret = bearer(head)
    caller = await authenticate(desk.ports, secret)
    await permit(desk.ports, caller, operation, subject)
    return caller, secret


async def _reply(desk: Desk, caller: Caller, operation: Operation[Any, Any], given: Any, claimed: Claim | None) -> Reply:
    if claimed is not None:
        told = await run_once(desk.ports, caller, operation, given, claim=claimed, in_flight=desk.in_flight)
        fields = ((b"idempotency-replayed", b"true"),) if told.repeated else ()
        return Reply(told.status, told.body, fields=fields)
    result = await (
        _patiently(desk, caller, operation, given) if operation.waits else run(desk.ports, caller, operation, given)
    )
    match operation.answer:
        case Answer.NOTHING:
            return Reply(operation.status)
        case Answer.CONTENT:
            return content(result)
        case _:
            return Reply(operation.status, encoder.encode(result))


async def _patiently(desk: Desk, caller: Caller, operation: Operation[Any, Any], given: Any) -> Any:
    """Run an operation that may wait; when the server closes it answers at once, with what there is."""
    if not given.wait:
        return await run(desk.ports, caller, operation, given)
    working = asyncio.ensure_future(run(desk.ports, caller, operation, given))
    try:
        while not working.done() and not desk.bell.closing:
            await asyncio.wait((working, desk.bell.next(caller.tenant_id)), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return await run(desk.ports, caller, operation, msgspec.structs.replace(given, wait=0))
    finally:
        working.cancel()


async def _stream(desk: Desk, visit: Visit, caller: Caller, given: Any, head: dict[bytes, bytes]) -> None:
    what = await streaming.begin(desk.ports, caller, given, head.get(b"last-event-id"))
    if visit.scope["method"] == "HEAD":
        await _tell(visit, Reply(200, content_type=b"text/event-stream"))
        return
    secret = bearer(head)
    with desk.bell.seat(caller.actor):
        fields = [*PRIVATE, (b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        fields.append((b"x-request-id", visit.request_id.encode()))
        visit.status = 200
        await visit.send({"type": "http.response.start", "status": 200, "headers": fields})
        desk.metrics.streams.inc()
        try:
            await streaming.follow(
                desk.ports, desk.bell, what, visit.receive, visit.send, lambda: authenticate(desk.ports, secret)
            )
        finally:
            desk.metrics.streams.dec()
