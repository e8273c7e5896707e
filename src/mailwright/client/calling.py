"""One request as the client means it: method, path, query, body; and what comes back.

Pure. Made by the generated methods (blocking/, awaiting/), sent by `line` and `async_line`.
Not here: when to try again (retrying.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import Message
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import msgspec
from msgspec import UNSET

from mailwright.client.errors import Garbled

T = TypeVar("T")
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
Primitive = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `once` is its Idempotency-Key: the same however often it is tried."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    once: str | None = None
    wait: float = 0.0  # seconds that the server may take on purpose

    @property
    def parameters(self) -> list[tuple[str, Primitive]]:
        """The query as pairs; a list gives its name several times."""
        found: list[tuple[str, Primitive]] = []
        for name, value in self.query.items():
            several = value if isinstance(value, list | tuple) else (value,)
            found += [(name, _text(one)) for one in several]
        return found

    @property
    def headers(self) -> dict[str, str]:
        """The header fields that are this request's own."""
        told = {} if self.once is None else {"idempotency-key": self.once}
        return told if self.body is None else told | {"content-type": "application/json"}

    def after(self, cursor: str | None) -> Call:
        """The same question, from another place on."""
        return replace(self, query={**self.query, **({} if cursor is None else {"after": cursor})})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are no JSON: a raw message, an attachment, a zone file. `filename` is a stranger's: never use it as a path."""

    data: bytes
    content_type: str
    filename: str


def part(value: str) -> str:
    """A value as one segment of a path; raises ValueError where it can't be one."""
    if not value or value in (".", ".."):
        raise ValueError(f"{value!r} is no id")
    return quote(value, safe="")


def given(fields: Mapping[str, Any], nullable: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What was said of an operation's fields: None is left out, but for those of which null means something."""
    found = {name: value for name, value in fields.items() if value is not None}
    return found | {name: value for name, value in (nullable or {}).items() if value is not UNSET}


def body(fields: Mapping[str, Any], nullable: Mapping[str, Any] | None = None) -> bytes:
    """The same as JSON."""
    return msgspec.json.encode(given(fields, nullable))


def once(key: str | None) -> str:
    """The Idempotency-Key of a new request: one's own, or, for None, a new one. Raises ValueError where it can't be one."""
    if key is None:
        return str(uuid4())
    # An empty one is what a variable holds that was never set: a new key in its place would send the message again each time.
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key[:100]!r} is no Idempotency-Key: 1 to 255 printable ASCII characters without spaces")
    return key


def decode(answer: Answer, kind: type[T]) -> T:
    """The answer as a value; raises Garbled where it is none. Fields that we don't know yet are passed over."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
        request_id = answer.headers.get("x-request-id", "")
        raise Garbled(f"the answer is not what this client knows: {wrong}", request_id=request_id) from None


def content(answer: Answer) -> Content:
    """The answer as bytes with a name."""
    head = Message()
    head["content-disposition"] = answer.headers.get("content-disposition", "")
    kind = answer.headers.get("content-type", "application/octet-stream")
    return Content(answer.body, kind, head.get_filename() or "")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
