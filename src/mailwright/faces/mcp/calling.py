"""Running a tool for a caller: permission, arguments, the operation (once, where a key asks for it), and what is told of it.

The result is the operation's own JSON. A refusal is a result too, with `code` and `fix`: the model is to read it and go on.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from mailwright.contract.errors import body_of
from mailwright.contract.given import converted, from_texts
from mailwright.contract.operations import OPERATIONS, Answer, Content, Operation
from mailwright.contract.resources.messages import Message
from mailwright.contract.running import Claim, InFlight, permit, run, run_once
from mailwright.core.accounts import authenticate, require
from mailwright.core.errors import InternalError, InvalidInput, Refusal
from mailwright.core.model import Caller, Role
from mailwright.core.ports import Ports
from mailwright.faces.mcp import waiting
from mailwright.faces.mcp.tools import BY_NAME, INCLUDE, KEY, WHOLE, Done, File

log = structlog.get_logger("mailwright.mcp")

TEXT_LIMIT = 20_000  # characters of a message's text that are told unasked: some 5,000 tokens
FILE_LIMIT = 256 * 1024  # bytes of an attachment that are told
HELD = (
    "Held: a person must approve this message before it leaves. Nothing is wrong, and sending it again would only ask twice. "
    "Go on with other work; get_approval tells what was decided, and read_events has it as approval.approved or .rejected."
)
_OPERATIONS = {one.name: one for one in OPERATIONS}


class UnknownTool(Exception):
    """There is no tool of that name."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all calls share."""

    ports: Ports
    closing: asyncio.Event
    in_flight: InFlight = field(default_factory=InFlight)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who calls, and the key they came with."""

    caller: Caller
    secret: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: JSON, whether it is a refusal, and a word of ours beside it."""

    told: bytes
    refused: bool = False
    note: str = ""


Progress = Callable[[float, float], Awaitable[None]]


async def call(desk: Desk, visitor: Visitor, name: str, arguments: dict[str, Any], progress: Progress) -> Outcome:
    """Run a tool. Raises UnknownTool; every Refusal is an Outcome."""
    try:
        if name == waiting.NAME:
            return Outcome(msgspec.json.encode(await _wait(desk, visitor, arguments, progress)))
        operation = BY_NAME.get(name)
        if operation is None:
            raise UnknownTool
        return await _run(desk, visitor, operation, arguments)
    except Refusal as refusal:
        return _refused(desk, visitor, name, refusal)
    except UnknownTool:
        raise
    except Exception:
        log.exception("tool failed", request_id=visitor.request_id, tool=name, actor=visitor.caller.actor)
        return _refused(desk, visitor, name, InternalError())


def _refused(desk: Desk, visitor: Visitor, name: str, refusal: Refusal) -> Outcome:
    log.info("tool refused", request_id=visitor.request_id, tool=name, actor=visitor.caller.actor, code=refusal.code)
    body = body_of(refusal, visitor.request_id, desk.ports.settings.public_url)
    return Outcome(msgspec.json.encode(body), refused=True)


async def _run(desk: Desk, visitor: Visitor, operation: Operation[Any, Any], arguments: dict[str, Any]) -> Outcome:
    subject = arguments.get(operation.path_fields[0]) if operation.path_fields else None
    await permit(desk.ports, visitor.caller, operation, subject if isinstance(subject, str) else None)
    if operation.changes:
        desk.ports.admit()
    rest = dict(arguments)
    claim = _claim(visitor, operation, rest)
    include = _included(rest) if operation.tool == "read_message" else frozenset()
    given = _input(visitor.caller, operation, rest)
    if claim is not None:
        told = await run_once(desk.ports, visitor.caller, operation, given, claim=claim, in_flight=desk.in_flight)
        return Outcome(told.body, note=_note(msgspec.json.decode(told.body, type=_Standing).status))
    result = _told(desk, operation, given, await run(desk.ports, visitor.caller, operation, given), include)
    return Outcome(msgspec.json.encode(result), note=_note(getattr(result, "status", "")) if operation.changes else "")


class _Standing(msgspec.Struct):
    status: Any = ""


def _note(status: Any) -> str:
    return HELD if status == "held" else ""


def _input(caller: Caller, operation: Operation[Any, Any], given: dict[str, Any]) -> Any:
    if caller.role is Role.AGENT and "from" in given:
        raise InvalidInput.at("from", "leave it out: the mailbox decides the address")
    fields = {one.encode_name for one in msgspec.structs.fields(operation.input) if one.required}
    if caller.mailbox_id is not None and "mailbox_id" in fields:
        given.setdefault("mailbox_id", caller.mailbox_id)
    return from_texts(operation.input, given)  # models write "5" where 5 is meant


def _claim(visitor: Visitor, operation: Operation[Any, Any], given: dict[str, Any]) -> Claim | None:
    key = given.pop(KEY, None) if operation.repeatable else None
    if key is None:
        return None
    if not isinstance(key, str) or not 0 < len(key) <= 255:
        raise InvalidInput.at(KEY, "a text of 1 to 255 characters")
    asked = f"mcp {operation.tool}\n{json.dumps(given, sort_keys=True)}"
    seal = hashlib.sha256(f"idempotency\n{visitor.secret}\n{key}".encode()).digest()
    return Claim(key, hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest(), seal)


def _included(given: dict[str, Any]) -> frozenset[str]:
    wanted = given.pop(INCLUDE, [])
    if not isinstance(wanted, list) or not all(one in WHOLE for one in wanted):
        raise InvalidInput.at(INCLUDE, f"a list of {', '.join(WHOLE)}")
    return frozenset(wanted)


# --- what is told -------------------------------------------------------------------------------------------------------


def _told(desk: Desk, operation: Operation[Any, Any], given: Any, result: Any, include: frozenset[str]) -> Any:
    if operation.answer is Answer.NOTHING:
        return Done()
    if isinstance(result, Content):
        path = operation.path.format(**{name: getattr(given, name) for name in operation.path_fields})
        return _file(result, f"{desk.ports.settings.public_url.rstrip('/')}{path}")
    return shortened(result, include) if isinstance(result, Message) else result


def shortened(message: Message, include: frozenset[str] = frozenset()) -> Message:
    """A message without what a model seldom needs; `truncated` names what was cut or left out."""
    changes: dict[str, Any] = {}
    if "text" not in include:
        for name in ("text", "extracted_text"):
            if len(getattr(message, name)) > TEXT_LIMIT:
                changes[name] = getattr(message, name)[:TEXT_LIMIT]
    if "html" not in include and message.html is not None:
        changes["html"] = None
    if "headers" not in include and message.headers:
        changes["headers"] = {}
    cut = dict.fromkeys((*message.truncated, *changes))
    return msgspec.structs.replace(message, **changes, truncated=tuple(cut))


def _file(found: Content, url: str) -> File:
    told = File(filename=found.filename, content_type=found.content_type, size=len(found.data))
    if told.size > FILE_LIMIT:
        return msgspec.structs.replace(told, url=url)
    data = bytes(found.data)
    if found.content_type.lower().startswith("text/"):
        try:
            return msgspec.structs.replace(told, text=data.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    return msgspec.structs.replace(told, base64=b64encode(data).decode("ascii"))


# --- waiting ------------------------------------------------------------------------------------------------------------


async def _wait(desk: Desk, visitor: Visitor, arguments: dict[str, Any], progress: Progress) -> waiting.Waited:
    for permission in sorted(waiting.PERMISSIONS):
        require(visitor.caller, permission)

    async def ask(name: str, given: dict[str, Any]) -> Any:
        caller = await authenticate(desk.ports, visitor.secret)  # a key that is revoked meanwhile learns nothing more
        operation = _OPERATIONS[name]
        return await run(desk.ports, caller, operation, converted(operation.input, given))

    waited = await waiting.wait(from_texts(waiting.WaitForMessage, arguments), ask, progress, desk.closing)
    return msgspec.structs.replace(waited, message=shortened(waited.message)) if waited.message else waited
