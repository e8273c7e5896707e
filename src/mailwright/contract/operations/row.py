"""One row of the table of operations: what it takes and gives, who may, and what each face calls it.

An operation reads (`read`), or changes (`act`, inside one transaction, after an optional `prepare` outside of it: composing,
DNS, large content). Faces know operations by this row alone; the verbs behind it are core's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from msgspec import Struct

from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports, Tx
from mailwright.mail.header import Raw

I = TypeVar("I", bound=Struct)  # noqa: E741
P = TypeVar("P")
O = TypeVar("O")  # noqa: E741

Read = Callable[[Ports, Caller, I], Awaitable[O]]
Prepare = Callable[[Ports, Caller, I], Awaitable[P]]
Act = Callable[[Tx, Ports, Caller, P], Awaitable[O]]
Undo = Callable[[Ports, P], Awaitable[None]]


class Answer(StrEnum):
    """In what form an operation answers."""

    JSON = "json"
    NOTHING = "nothing"
    CONTENT = "content"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are no JSON: a raw message, an attachment, a zone file."""

    data: Raw
    content_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class Example:
    """A request that works, for the docs. Values named `{...}` stand for ids that the reader fills in."""

    title: str
    request: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[I, O]):
    """One row."""

    name: str
    summary: str
    permission: Permission | None  # None: no credentials needed
    method: str
    path: str
    input: type[I]
    output: Any
    read: Read[I, O] | None = None
    prepare: Prepare[I, Any] | None = None
    act: Act[Any, O] | None = None
    undo: Undo[Any] | None = None  # takes away what `prepare` left outside the transaction, where `act` refused
    status: int = 200
    large: bool = False  # the body may be as large as a message
    media: str = "*/*"  # of an answer that is content
    raw: str | None = None  # the field that a body of message/rfc822 fills, in base64; the others are in the query then
    waits: bool = False  # answers late on purpose: its input has a field `wait`, in seconds
    streams: bool = False  # `read` gives one page after another, for as long as the caller stays
    destructive: bool = False
    secret: bool = False  # its answer holds a new secret
    tool: str | None = None  # MCP
    command: str  # the command line, in words: the group and a verb, "domains add"
    examples: tuple[Example, ...] = field(default=())
    notes: str = ""  # further documentation, Markdown

    @property
    def group(self) -> str:
        """The noun: what stands before the dot of the name."""
        return self.name.partition(".")[0]

    @property
    def changes(self) -> bool:
        """Whether it is more than a look."""
        return self.act is not None

    @property
    def repeatable(self) -> bool:
        """Whether it takes an Idempotency-Key: whatever creates, sends or decides."""
        return self.method == "POST" and self.act is not None

    @property
    def answer(self) -> Answer:
        """In what form it answers."""
        if self.streams:
            return Answer.STREAM
        if self.output is None:
            return Answer.NOTHING
        return Answer.CONTENT if self.output is Content else Answer.JSON

    @property
    def path_fields(self) -> tuple[str, ...]:
        """Names of the input's fields that stand in the path, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No input."""
