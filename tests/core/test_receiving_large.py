"""Large messages are examined and read where they hold up nobody."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mailwright.core import receiving
from mailwright.core.receiving import Peer
from mailwright.core.sending import IN_MEMORY

LARGE = b"From: bob@there.example\r\n\r\n" + b"tea\r\n" * (IN_MEMORY // 4)


@dataclass
class Spool:
    path: str | None
    content: bytes = LARGE

    @property
    def size(self) -> int:
        return len(self.content)

    def raw(self) -> bytes:
        return self.content


@dataclass
class Examiner:
    ready = True
    asked: list[object] = field(default_factory=list)

    async def examine(self, raw: bytes, envelope: Any) -> Any:
        self.asked.append(raw)

    async def examine_file(self, path: str, envelope: Any) -> Any:
        self.asked.append(path)


async def test_a_large_message_is_examined_in_its_file_and_a_small_one_is_handed_over(internet):
    examiner = Examiner()
    ports = replace(internet.home.ports, examiner=examiner)
    envelope = receiving._envelope(ports, Peer("192.0.2.1", "mx.there.example"), "", ())
    await receiving._examined(ports, Spool("/incoming/one"), envelope)  # type: ignore[arg-type]
    await receiving._examined(ports, Spool(None, b"small"), envelope)  # type: ignore[arg-type]
    assert ["/incoming/one", b"small"] == examiner.asked


async def test_a_large_report_is_read_beside_the_loop(internet):
    works = []

    class Cpu:
        async def run(self, work: Any) -> Any:
            works.append(work)
            return work()

    ports = replace(internet.home.ports, cpu=Cpu())
    assert await receiving._report_aside(ports, "", LARGE) is None
    assert await receiving._report_aside(ports, "", b"small") is None
    assert 1 == len(works)
