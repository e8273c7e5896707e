"""Single values on the wire: how a time, an id, an address and a cursor are written in JSON.

Standards: RFC 3339 for times (UTC, milliseconds, `Z`). Cursors are opaque to callers: kind and place, base64url.
`doc` carries a field's sentence into OpenAPI, MCP and the command line; a field without one fails a test.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import Meta

from mailwright.core.errors import InvalidInput

MAX_PAGE = 200
DEFAULT_PAGE = 50


def doc(text: str, *, example: Any = None) -> Meta:
    """The documentation of a field."""
    return Meta(description=text) if example is None else Meta(description=text, examples=[example])


Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time that we tell: RFC 3339, UTC."""

Moment = Annotated[datetime, Meta(tz=True)]
"""A time that we are told: RFC 3339 with an offset."""

# Both for our checks and for readers of OpenAPI: `$` would let a line break at the end pass in one of the two dialects.
# U+0085, U+2028 and U+2029 are line breaks too, to whoever asks Unicode.
ONE_LINE = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f\u2028\u2029])"
NO_NUL = r"^(?![\s\S]*\x00)"
ID = r"^[A-Za-z0-9_-]+$"
AGENT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

IN_WORDS = {
    ONE_LINE: "one line, without control characters",
    NO_NUL: "without NUL characters",
    ID: "letters, digits, - and _ only",
    AGENT_NAME: "letters, digits, -, . and _ only, and a letter or digit first",
}
"""What a pattern asks for, as people are told."""

Line = Annotated[str, Meta(max_length=998, pattern=ONE_LINE)]
"""A text of one line: no line breaks or other control characters (S10)."""

Text = Annotated[str, Meta(max_length=2000, pattern=NO_NUL)]
"""A text of some lines, for people."""

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=ID)]
"""An id, as we gave it out."""

ClientId = Annotated[str, Meta(min_length=1, max_length=128, pattern=ONE_LINE)]
"""A caller's own id of what it creates."""

Limit = Annotated[int, Meta(ge=1, le=MAX_PAGE)]
"""How many of a list to return."""

After = Annotated[str, Meta(min_length=1, max_length=200)]
"""A cursor, as we gave it out."""


def rfc3339(milliseconds: int) -> str:
    """`2026-11-20T09:30:00.000Z` for milliseconds since 1970 UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def rfc3339_or_none(milliseconds: int | None) -> str | None:
    """As `rfc3339`; nothing stays nothing."""
    return None if milliseconds is None else rfc3339(milliseconds)


def milliseconds(path: str, moment: datetime) -> int:
    """Milliseconds since 1970 UTC; raises InvalidInput beyond the years 1970 to 9998."""
    if not 1970 <= moment.year <= 9998:
        raise InvalidInput.at(path, f"the year {moment.year} is out of range")
    return round(moment.timestamp() * 1000)


def write_cursor(kind: str, place: str) -> str:
    """The opaque form of a place in a list."""
    return urlsafe_b64encode(f"{kind}:{place}".encode()).decode().rstrip("=")


def read_cursor(kind: str, cursor: str, path: str = "after") -> str:
    """The place that a cursor of that kind names; raises InvalidInput for any other text."""
    try:
        found, _, place = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(":")
    except ValueError:
        found = place = ""
    if found != kind or not place or not place.isprintable():
        raise InvalidInput.at(path, "this is no cursor of this list: send next_cursor back as you got it")
    return place
