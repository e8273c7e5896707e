"""The head of a request: its header fields within bounds, its API key, and what its Idempotency-Key claims."""

from __future__ import annotations

import hashlib
import re

from starlette.types import Scope

from mailwright.contract.running import Claim
from mailwright.core.errors import InvalidInput, MalformedRequest, Unauthenticated

MAX_FIELDS = 100  # header fields of one request
MAX_HEAD = 32 * 1024  # bytes of all of them
_SINGLE = frozenset({b"authorization", b"idempotency-key", b"content-length", b"content-type", b"last-event-id"})
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)


def read_head(scope: Scope) -> dict[bytes, bytes]:
    """The header fields that we look at, by lower-case name; raises MalformedRequest for too many or for doubled ones."""
    fields: list[tuple[bytes, bytes]] = scope["headers"]
    if len(fields) > MAX_FIELDS or sum(len(name) + len(value) for name, value in fields) > MAX_HEAD:
        raise MalformedRequest(f"The request has more than {MAX_FIELDS} header fields, or more than {MAX_HEAD} bytes of them.")
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        if name in _SINGLE:
            if name in found:
                raise MalformedRequest(f"The header field {name.decode()} stands there twice.")
            found[name] = value
    return found


def has_body(scope: Scope) -> bool:
    """Whether the head announces a body (RFC 9112 §6)."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in scope["headers"]
    )


def bearer(head: dict[bytes, bytes]) -> str:
    """The API key of the request; raises Unauthenticated."""
    scheme, _, secret = head.get(b"authorization", b"").partition(b" ")
    secret = secret.strip()
    if scheme.lower() != b"bearer" or not 0 < len(secret) <= 256 or not secret.isascii():
        raise Unauthenticated
    return secret.decode("ascii")


def claim(head: dict[bytes, bytes], scope: Scope, body: bytes, secret: str) -> Claim | None:
    """What the request's Idempotency-Key claims; None where there is none. Raises InvalidInput for a bad one."""
    given = head.get(b"idempotency-key")
    if given is None:
        return None
    key = given.decode("latin-1")
    if not _KEY.fullmatch(key):
        raise InvalidInput.at("Idempotency-Key", "1 to 255 printable ASCII characters without spaces")
    asked = hashlib.sha256(f"{scope['method']} {scope['path']}\n".encode())
    asked.update(body)
    seal = hashlib.sha256(f"idempotency\n{secret}\n{key}".encode()).digest()
    return Claim(key, asked.hexdigest(), seal)
