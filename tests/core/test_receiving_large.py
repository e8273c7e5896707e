"""Large messages are examined and read where they hold up nobody."""

from __future__ import annotations

from typing import Any

from mailwright.core import receiving
from mailwright.core.receiving import Peer
from mailwright.core.sending import IN_MEMORY

LARGE = b"From: bob@there.example\r\n\r\n" + b"tea\r\n" * (IN_MEMORY // 4)


class Resolver:
    """Which way messages went."""

    def __init__(self) -> None:
        self.ways: list[str] = []

    async def resolve(self, check: Any) -> Any:
        self.ways.append("here")
        check.close()

    async def resolve_aside(self, check: Any) -> Any:
        self.ways.append("aside")
        check.close()


async def test_a_large_message_is_looked_at_beside_the_loop_and_a_small_one_on_it() -> None:
    resolver = Resolver()
    envelope = receiving.Envelope(Peer("192.0.2.1", "mx.there.example"), "", (), "mx.here.example", 0)
    await receiving.looked_at(resolver, LARGE, envelope, ())  # type: ignore[arg-type]
    await receiving.looked_at(resolver, b"small", envelope, ())  # type: ignore[arg-type]
    assert ["aside", "here"] == resolver.ways
