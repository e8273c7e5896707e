"""Reading a body within bounds: of size, of time, and of memory over all requests at once.

No length is believed: bytes are counted as they come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import Receive

from mailwright.core.errors import BodyTooLarge, MalformedRequest, StorageBusy

SMALL_BODY = 1024 * 1024  # bytes, for everything that is no message
BODY_SECONDS = 120.0  # for a whole body to arrive (S21)


class ClientGone(Exception):
    """The connection was closed before the request was whole; nobody waits for an answer."""


@dataclass(slots=True)
class Budget:
    """Memory for the bodies of all requests that are being worked on; beyond it, callers are told to come back."""

    left: int

    @contextmanager
    def loan(self) -> Iterator[Callable[[int], None]]:
        """Gives a function that takes bytes out of the budget; they go back when the request is over."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self.left:
                raise StorageBusy("Too many large requests at once.", retry_after=2)
            self.left -= size
            taken += size

        try:
            yield take
        finally:
            self.left += taken


async def read_body(receive: Receive, head: dict[bytes, bytes], limit: int, take: Callable[[int], None]) -> bytes:
    """The whole body; raises BodyTooLarge past the limit, MalformedRequest where it takes too long, ClientGone."""
    told = head.get(b"content-length", b"0")
    if told.isdigit() and len(told) < 19 and int(told) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    first: bytes = message.get("body", b"")
    if len(first) > limit:
        raise _too_large(limit)
    take(len(first))
    if not message.get("more_body", False):
        return first
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_rest(receive, first, limit, take)
    except TimeoutError:
        raise MalformedRequest(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.") from None


async def _read_rest(receive: Receive, first: bytes, limit: int, take: Callable[[int], None]) -> bytes:
    whole = bytearray(first)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        if len(whole) + len(chunk) > limit:
            raise _too_large(limit)
        take(len(chunk))
        whole += chunk
        more = message.get("more_body", False)
    return bytes(whole)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request is larger than {limit} bytes.", details={"limit": limit})
