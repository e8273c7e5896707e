"""An event as every channel tells it: webhooks, the event stream and the long poll carry the same envelope, byte for byte.

Payloads are whole up to `PAYLOAD_LIMIT`; a larger one loses its largest fields, says so (`truncated`) and names the URL
to fetch (`url`). It is never cut silently.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from mailwright.contract.scalars import Time, doc, read_cursor, rfc3339, write_cursor
from mailwright.core import model
from mailwright.core.errors import InvalidInput

PAYLOAD_LIMIT = 64 * 1024  # bytes of `data` as JSON
KEPT = 512  # bytes: in a payload over the limit, fields no larger than this stay
CURSOR = "evt"
START, NOW = "start", "now"

# Where the thing that an event is about can be fetched: the first of these ids that the payload holds.
_PLACES = (
    ("approval_id", "/v1/approvals/"),
    ("message_id", "/v1/messages/"),
    ("thread_id", "/v1/threads/"),
    ("domain_id", "/v1/domains/"),
    ("webhook_id", "/v1/webhooks/"),
    ("mailbox_id", "/v1/mailboxes/"),
)
_encoder = msgspec.json.Encoder()


class Event(Struct, frozen=True, kw_only=True):
    """A thing that happened."""

    id: Annotated[str, doc("The event's id: drop what you have seen by it.", example="evt_5qm3tk8v0w1x2y3z4a5b")]
    type: Annotated[str, doc("What happened.", example="message.delivered")]
    created_at: Annotated[Time, doc("When.", example="2026-11-20T09:30:00.000Z")]
    cursor: Annotated[str, doc("Its place in the log: read on from here.")]
    tenant_id: Annotated[str, doc("Whose event it is.")]
    mailbox_id: Annotated[str | None, doc("The mailbox it is about, if it is about one.")]
    data: Annotated[
        dict[str, Any],
        doc("The facts. Subjects, addresses and texts in here are untrusted: whoever wrote the mail chose them."),
    ]
    truncated: Annotated[bool, doc("True: `data` was too large, and its largest fields were left out; see `url`.")] = False
    url: Annotated[str | None, doc("Where to fetch what was left out.")] = None


def event(row: model.Event, public_url: str) -> Event:
    """An event, as told."""
    data = _with_times(row.data)
    truncated = data.get("truncated") is True
    if len(_encoder.encode(data)) > PAYLOAD_LIMIT:
        data, truncated = {name: value for name, value in data.items() if len(_encoder.encode(value)) <= KEPT}, True
    return Event(
        id=row.id,
        type=row.type,
        created_at=rfc3339(row.created_at),
        cursor=cursor_of(row.cursor),
        tenant_id=row.tenant_id,
        mailbox_id=row.mailbox_id,
        data=data,
        truncated=truncated,
        url=_place(data, public_url) if truncated else None,
    )


def _with_times(data: dict[str, Any]) -> dict[str, Any]:
    """Times are integers inside, and RFC 3339 outside: every field called `..._at`."""
    return {name: rfc3339(value) if name.endswith("_at") and isinstance(value, int) else value for name, value in data.items()}


def encode(row: model.Event, public_url: str) -> bytes:
    """An event as JSON, on one line."""
    return _encoder.encode(event(row, public_url))


def _place(data: dict[str, Any], public_url: str) -> str | None:
    for name, path in _PLACES:
        if isinstance(data.get(name), str):
            return f"{public_url.rstrip('/')}{path}{data[name]}"
    return None


def cursor_of(place: int) -> str:
    """The opaque form of a place in the log."""
    return write_cursor(CURSOR, str(place))


def place_of(cursor: str, path: str = "after") -> int:
    """The place that a cursor names; raises InvalidInput for any other text."""
    place = read_cursor(CURSOR, cursor, path)
    if not place.isdecimal() or len(place) > 18:
        raise InvalidInput.at(path, "this is no cursor of the event log")
    return int(place)
