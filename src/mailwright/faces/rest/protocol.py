"""uvicorn's HTTP/1.1 protocol, with patience and memory that end (S21).

Standards: RFC 9112.
A head must arrive whole within `HEAD_SECONDS`, and what is neither body nor answered yet (head, chunk framing, trailers)
stays within `MAX_OTHER`. uvicorn and httptools know neither bound: without them one connection could take all memory.
Give it to uvicorn as `http=`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailwright.contract.errors import body_of
from mailwright.core.errors import MalformedRequest
from mailwright.faces.rest.answers import encoder

HEAD_SECONDS = 20.0
MAX_OTHER = 128 * 1024  # bytes
FRAMING = 8  # bytes of framing allowed for one byte of body: chunks may be small


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As uvicorn makes it."""
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._head_done = False
        self._received = self._of_body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there: its first head is due."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes, whatever it claims to be."""
        self._received += len(data)
        super().data_received(data)
        if self._received - self._of_body > MAX_OTHER + FRAMING * self._of_body and not self.transport.is_closing():
            self.transport.abort()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_done = False
        self._received = self._of_body = 0
        if self._deadline is None:
            self._expect_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; those behind a body are dropped, since nobody reads them."""
        if not self._head_done:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_done = True
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body: it has a bound of its own."""
        self._of_body += len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the error shape too."""
        refusal = MalformedRequest("This is not HTTP/1.1 as RFC 9112 has it.")
        body = encoder.encode(body_of(refusal, "", ""))
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()
