"""How a refusal is told: one JSON body, and one table from its kind to an HTTP status.

`{"error": {code, message, fix, docs, request_id, details}}`. Codes are stable: callers decide by them, never by the text.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from mailwright.contract.scalars import IN_WORDS, doc
from mailwright.core.errors import InvalidInput, Kind, MethodNotAllowed, Refusal, every_refusal

STATUS: dict[Kind, int] = {
    Kind.MALFORMED: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.INVALID: 422,
    Kind.RATE_LIMITED: 429,
    Kind.INTERNAL: 500,
    Kind.UNAVAILABLE: 503,
}
RETRY_AFTER = 5  # seconds, where a refusal that may be tried again does not say


class Error(Struct, frozen=True):
    """What went wrong, and what to do about it."""

    code: Annotated[str, doc("Stable name of the refusal; decide by this.", example="validation_error")]
    message: Annotated[str, doc("What is wrong, for people.", example="to[0]: there is no @ in it")]
    fix: Annotated[str, doc("What to do next.", example="Correct the fields named in details.")]
    docs: Annotated[str, doc("Where this code is explained.", example="https://mail.example.com/docs#validation_error")]
    request_id: Annotated[str, doc("Names this request in the server's log.", example="req_5qm3tk8v0w1x2y3z4a5b")]
    details: Annotated[
        Any, doc("Facts about the refusal; for `validation_error` a list of `{path, message}`, for others an object or null.")
    ] = None


class ErrorBody(Struct, frozen=True):
    """The body of every answer that is not 2xx."""

    error: Annotated[Error, doc("The refusal.")]


def status_of(refusal: Refusal | type[Refusal]) -> int:
    """The HTTP status of a refusal."""
    kind = refusal if isinstance(refusal, type) else type(refusal)
    return 405 if issubclass(kind, MethodNotAllowed) else STATUS[kind.kind]


def body_of(refusal: Refusal, request_id: str, public_url: str) -> ErrorBody:
    """The JSON body of a refusal."""
    docs = f"{public_url.rstrip('/')}/docs#{refusal.code}"
    return ErrorBody(Error(refusal.code, refusal.message, refusal.fix, docs, request_id, refusal.details))


def retry_after(refusal: Refusal) -> int | None:
    """Seconds for `Retry-After`: on 429 and 503 always, elsewhere where the refusal says."""
    if refusal.retry_after is not None:
        return refusal.retry_after
    return RETRY_AFTER if refusal.kind in (Kind.RATE_LIMITED, Kind.UNAVAILABLE) else None


def refusals_by_status() -> dict[int, list[type[Refusal]]]:
    """Every refusal that a face can meet, grouped by status: for OpenAPI and the docs."""
    grouped: dict[int, list[type[Refusal]]] = {}
    for one in every_refusal():
        grouped.setdefault(status_of(one), []).append(one)
    return dict(sorted(grouped.items()))


def invalid(wrong: msgspec.ValidationError) -> InvalidInput:
    """The refusal that names the field at fault as callers know it: `to[0]`, `attachments[1].content`."""
    message, _, place = str(wrong).partition(" - at `")
    inside, _, path = place.removesuffix("`").rpartition("$")
    path = path.removeprefix(".")
    quoted = re.search(r"field `([^`]*)`", message)
    if quoted:
        path = f"{path}.{quoted[1]}" if path else quoted[1]
    said = _in_words(message)
    return InvalidInput.at(path or "body", f"a name in it: {said}" if inside.startswith("key") else said)


def _in_words(message: str) -> str:
    pattern = message.partition(" matching regex ")[2]
    if pattern:
        return next((words for regex, words in IN_WORDS.items() if pattern == repr(regex)), message)
    if message == "Invalid RFC3339 encoded datetime" or message.startswith("Expected `datetime"):
        return "a time as RFC 3339 writes it, with its offset: 2026-11-20T09:30:00Z"
    return message[:1].lower() + message[1:]
