"""Reading a delivery status notification.

Standards: RFC 3464 §2, RFC 6522 §3 (what comes back), RFC 6533 §3 (utf-8 addresses, message/global-*).
Lenient: hosts put recipients into one block, leave types out, and send no multipart/report but another multipart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailwright.mail.dates import parse_date
from mailwright.mail.dsn.codes import EnhancedStatus, parse_status
from mailwright.mail.dsn.model import Action, Dsn, RecipientStatus
from mailwright.mail.header import Field, Header, parse_header
from mailwright.mail.mime import Part
from mailwright.mail.references import message_ids

MAX_REPORT = 256 * 1024  # bytes of the machine-readable part that are read
MAX_RECIPIENTS = 1000
MAX_TEXT = 4000  # characters of one field

_STATUS_TYPES = frozenset(["message/delivery-status", "message/global-delivery-status"])
_MESSAGE_TYPES = frozenset(["message/rfc822", "message/global"])
_HEADER_TYPES = frozenset(["text/rfc822-headers", "message/rfc822-headers", "message/global-headers"])
_STATUS_FIELD = re.compile(r"^(?:Reporting-MTA|Final-Recipient|Original-Recipient): ?[A-Za-z0-9-]{1,20} ?;", re.I | re.M)
_BLANK = re.compile(rb"\n[ \t\r]*(?=\n)")
_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_TYPED = re.compile(r"([A-Za-z0-9-]{1,40})[ \t]*;[ \t]*")
_ROUTE_OR_COMMENT = re.compile(r'(?:@[^\s:"]{1,255}:)?([^\s()]{1,320})(?:\s{1,20}\([^()]{0,200}\))?')  # RFC 5321 §4.1.2: of old
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_ACTIONS = {action.value: action for action in Action}


def parse_dsn(root: Part) -> Dsn | None:
    """The delivery report that a message is, or None if it is none. Never raises.

    `root` is the whole message's tree. A report counts when its multipart holds a part of type
    message/delivery-status that names at least one recipient; one inside an attached message does not.
    """
    if root.type != "multipart":
        return None
    parts = list(_own_parts(root))
    status = next((part for part in parts if part.content_type in _STATUS_TYPES), None)
    if status is None:
        return None
    about, recipients = _read_status(status.decoded(MAX_REPORT))
    if not recipients:
        return None
    returned = next(_returned(parts), None)
    return Dsn(
        recipients=recipients,
        reporting_mta=_untyped(about, "reporting-mta")[1],
        original_envelope_id=_value(about, "original-envelope-id"),
        arrived_at=parse_date(_value(about, "arrival-date")),
        returned=returned,
        returned_message_id=message_ids(returned).own if returned else "",
    )


def parse_status_text(text: str) -> tuple[RecipientStatus, ...]:
    """The recipients of a status part that stands in the midst of a text: its type was lost, or its boundary is wrong."""
    start = _STATUS_FIELD.search(text)
    return _read_status(text[start.start() : start.start() + MAX_REPORT].encode("utf-8", "replace"))[1] if start else ()


def _own_parts(root: Part) -> Iterator[Part]:
    """The parts of this message, those of attached messages left out."""
    pending = list(reversed(root.children))
    while pending:
        part = pending.pop()
        yield part
        if part.type == "multipart":
            pending.extend(reversed(part.children))


def _returned(parts: list[Part]) -> Iterator[Header]:
    for part in parts:
        if part.content_type in _MESSAGE_TYPES and part.children:
            yield part.children[0].header
        elif part.content_type in _HEADER_TYPES or part.content_type in _MESSAGE_TYPES:
            yield parse_header(part.decoded(MAX_REPORT))


def _read_status(body: bytes) -> tuple[Header, tuple[RecipientStatus, ...]]:
    about = Header((), 0)
    found: list[RecipientStatus] = []
    named: Header | None = None
    for group in _groups(body):
        if _is_recipient(group):
            if len(found) == MAX_RECIPIENTS:
                break
            found.append(_recipient(group))
            named = group
        elif named is not None and not (named.first("action") or named.first("status")):
            # An empty line behind the address: what became of it stands below.
            found[-1] = _recipient(Header((*named.fields, *group.fields), 0))
            named = None
        elif not found and not about.fields:
            about = group
    return about, tuple(found)


def _groups(body: bytes) -> Iterator[Header]:
    """The blocks between empty lines, and where a block names two recipients, one for each."""
    text = _BLANK.sub(b"\n", body.replace(b"\r\n", b"\n"))
    for block in text.split(b"\n\n"):
        fields: list[Field] = []
        seen: set[str] = set()
        for field in parse_header(block.strip(b"\n") + b"\n\n").fields:
            if field.name in seen and field.name == "final-recipient":
                yield Header(tuple(fields), 0)
                fields, seen = [], set()
            fields.append(field)
            seen.add(field.name)
        if fields:
            yield Header(tuple(fields), 0)


def _is_recipient(group: Header) -> bool:
    return bool(group.first("final-recipient") or group.first("original-recipient"))


def _recipient(group: Header) -> RecipientStatus:
    original = _address(group, "original-recipient")
    kind, diagnostic = _untyped(group, "diagnostic-code")
    action = _value(group, "action").split(None, 1)
    return RecipientStatus(
        final_recipient=_address(group, "final-recipient") or original,
        original_recipient=original,
        action=_ACTIONS.get(action[0].strip(".;,").lower()) if action else None,
        status=_status(_value(group, "status")),
        diagnostic=diagnostic,
        diagnostic_type=kind,
        remote_mta=_untyped(group, "remote-mta")[1],
        last_attempt=parse_date(_value(group, "last-attempt-date")),
        will_retry_until=parse_date(_value(group, "will-retry-until")),
        category=_value(group, "x-powermta-bouncecategory"),
    )


def _status(text: str) -> EnhancedStatus | None:
    found = _STATUS.search(text)  # some write the whole reply there
    return parse_status(found[0]) if found else None


def _value(group: Header, name: str) -> str:
    return (group.value(name) or "")[:MAX_TEXT]


def _untyped(group: Header, name: str) -> tuple[str, str]:
    """A typed field (RFC 3464 §2.1.2) as type, lower case, and value."""
    text = _value(group, name)
    match = _TYPED.match(text)
    return (match[1].lower(), text[match.end() :].strip()) if match else ("", text)


def _address(group: Header, name: str) -> str:
    kind, text = _untyped(group, name)
    if kind == "utf-8":  # RFC 6533 §3, utf-8-addr-xtext
        text = _EMBEDDED.sub(lambda match: _character(int(match[1], 16)), text)
    start, end = text.rfind("<"), text.rfind(">")
    text = (text[start + 1 : end] if 0 <= start < end else text).strip()
    match = _ROUTE_OR_COMMENT.fullmatch(text)
    return text if match is None else match[1]


def _character(code: int) -> str:
    return chr(code) if 0x20 <= code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"
