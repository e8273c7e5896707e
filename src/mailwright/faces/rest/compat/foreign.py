"""One route of somebody else's API: the operation behind it, and how its words become ours and ours become its words.

A word that we can't keep is refused, since whoever wrote it counts on it; one that changes nothing for us is passed over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from mailwright.contract.given import converted, from_texts
from mailwright.contract.operations import OPERATIONS, Operation
from mailwright.core.errors import InvalidInput, MalformedRequest, NotFound, Refusal
from mailwright.core.model import Caller
from mailwright.core.ports import Ports

DOWNLOAD = "download_url"
NEVER = "9999-12-31T23:59:59Z"
MAX_QUERY = 8 * 1024  # bytes
Json = dict[str, Any]
Told = Callable[[Refusal, str, bool], tuple[int, Json]]  # refusal, request id, was there a key -> status, body
Look = Callable[[Ports, Caller, tuple[str, ...]], Awaitable[None]]
_BY_NAME = {one.name: one for one in OPERATIONS}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A route. `into` makes an operation's input of (path values, query or body); `out` makes an answer of the operation's.

    `look` refuses, before anything is done, what is not where the path says.
    """

    method: str
    path: str
    name: str
    into: Callable[[tuple[str, ...], Json], Json]
    out: Callable[[Any, tuple[str, ...]], Any]
    refused: Told
    status: int = 200
    look: Look | None = None

    @property
    def operation(self) -> Operation[Any, Any]:
        """The operation behind it."""
        return _BY_NAME[self.name]

    def read(self, values: tuple[str, ...], query: bytes, body: bytes) -> Any:
        """The operation's input; raises MalformedRequest or InvalidInput."""
        if self.method in ("GET", "DELETE"):
            return from_texts(self.operation.input, self.into(values, _query(query)))
        return converted(self.operation.input, self.into(values, _json(body)))

    def answer(self, body: bytes, values: tuple[str, ...], public_url: str) -> tuple[int, bytes]:
        """Status and body in its words."""
        told = self.out(msgspec.json.decode(body) if body else None, values)
        if told is None:
            return 204, b""
        for one in (told, *told.get("data", ())):
            if DOWNLOAD in one:
                one[DOWNLOAD] = public_url.rstrip("/") + one[DOWNLOAD]
        return self.status, msgspec.json.encode(told)


def _query(text: bytes) -> Json:
    try:
        pairs = parse_qsl(text[: MAX_QUERY + 1].decode("ascii"), errors="strict", max_num_fields=100)
    except ValueError:
        raise MalformedRequest("The query can't be read: percent-encode UTF-8, and give at most 100 parameters.") from None
    if len(text) > MAX_QUERY:
        raise MalformedRequest(f"The query is longer than {MAX_QUERY} bytes.")
    found: Json = {}
    for name, value in pairs:
        if name in found:
            raise InvalidInput.at(name, "several of these are not supported here")
        found[name] = value
    return found


def _json(body: bytes) -> Json:
    try:
        found = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeError) as wrong:
        raise MalformedRequest(f"The body is no JSON: {wrong}.") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidInput.at("body", "expected an object")
    return found


def renamed(given: Json, names: Mapping[str, str], passed_over: Iterable[str] = (), at: str = "") -> Json:
    """What was given, under our names; raises InvalidInput for what we can't keep. Null is nothing said."""
    said = {name: value for name, value in given.items() if value is not None and name not in passed_over}
    for name in said:
        if name not in names:
            raise InvalidInput.at(f"{at}{name}", "this is not supported here: see docs/compatibility.md")
    return {names[name]: value for name, value in said.items()}


def same(*names: str) -> dict[str, str]:
    """Names that are ours too."""
    return {name: name for name in names}


def attachments(given: Any, names: Mapping[str, str], passed_over: Iterable[str] = ()) -> Any:
    """Files, each under our names."""
    if not isinstance(given, list):
        return given
    found: list[Any] = []
    for place, one in enumerate(given):
        whole = renamed(one, names, passed_over, f"attachments[{place}].") if isinstance(one, dict) else one
        found.append({"filename": f"file-{place + 1}"} | whole if isinstance(whole, dict) else whole)
    return found


def download(message_id: str, attachment_id: str | None = None) -> Json:
    """Where a message or one of its files is fetched: with a key, as everything is; no link that anybody may follow."""
    place = f"/v1/messages/{message_id}"
    return {DOWNLOAD: f"{place}/attachments/{attachment_id}" if attachment_id else f"{place}/raw", "expires_at": NEVER}


def attachment(message: Json, attachment_id: str) -> Json:
    """One file of a message; raises NotFound."""
    for one in message.get("attachments", ()):
        if one["attachment_id"] == attachment_id:
            return dict(one)
    raise NotFound(f"There is no attachment {attachment_id} in this message.")
