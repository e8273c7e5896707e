"""Writing answers: JSON, refusals, content; with the header fields that every answer carries.

S22: file names are sanitised, content is never sniffed, and nothing that somebody else wrote is shown as a page of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

import msgspec
from starlette.types import Send

from mailwright.contract.errors import body_of, retry_after, status_of
from mailwright.contract.operations import Content
from mailwright.core.errors import MethodNotAllowed, Refusal, Unauthenticated
from mailwright.mail.mime import safe_filename

CHUNK = 256 * 1024
Fields = list[tuple[bytes, bytes]]

EVERYWHERE: Fields = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
PRIVATE: Fields = [*EVERYWHERE, (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox")]
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}", re.ASCII)
encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, body, and the header fields that are its own."""

    status: int
    body: bytes | memoryview = b""
    content_type: bytes = b"application/json"
    fields: tuple[tuple[bytes, bytes], ...] = ()
    base: tuple[tuple[bytes, bytes], ...] = tuple(PRIVATE)


def refused(refusal: Refusal, request_id: str, public_url: str) -> Reply:
    """The answer that a refusal becomes."""
    fields: Fields = []
    if isinstance(refusal, Unauthenticated):
        fields.append((b"www-authenticate", b'Bearer realm="mailwright"'))
    if isinstance(refusal, MethodNotAllowed) and refusal.details:
        fields.append((b"allow", ", ".join(refusal.details["allowed"]).encode()))
    if (seconds := retry_after(refusal)) is not None:
        fields.append((b"retry-after", str(seconds).encode()))
    return Reply(status_of(refusal), encoder.encode(body_of(refusal, request_id, public_url)), fields=tuple(fields))


def content(found: Content) -> Reply:
    """Bytes to be saved, never to be shown: their type is told only where it is a sound one."""
    told = found.content_type.lower()
    kind = told if _TYPE.fullmatch(told) else "application/octet-stream"
    return Reply(
        200,
        memoryview(found.data),
        kind.encode(),
        ((b"content-disposition", disposition(found.filename).encode()),),
    )


def disposition(filename: str) -> str:
    """Content-Disposition for a file of that name: ASCII for old readers, UTF-8 for the others (RFC 6266 §4.3, RFC 8187)."""
    safe = safe_filename(filename)
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", safe)
    if plain == safe:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


async def tell(send: Send, reply: Reply, request_id: bytes, *, head_only: bool = False) -> None:
    """Send an answer whole; large ones in pieces, at the speed at which the caller takes them."""
    size = len(reply.body)
    fields: Fields = [*reply.base, *reply.fields, (b"x-request-id", request_id)]
    if reply.status not in (204, 304):
        fields += [(b"content-type", reply.content_type), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": fields})
    if head_only or size <= CHUNK:
        await send({"type": "http.response.body", "body": b"" if head_only else bytes(reply.body)})
        return
    for at in range(0, size, CHUNK):
        more = at + CHUNK < size
        await send({"type": "http.response.body", "body": bytes(reply.body[at : at + CHUNK]), "more_body": more})
