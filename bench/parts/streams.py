"""Event to SSE client: a thousand agents, each with a key, a mailbox and an open stream; mail comes in for one after the other.

The clock begins with the event's own time stamp, taken before it is written, and ends when the client has it: commit included.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from bench import ours, zone
from bench.figures import Options, Table, Target, Values, interleave, percentile, tell
from bench.profile import profiled
from bench.programs import memory, running

EVENTS, P50, P99, PSS, RSS = "events/s", "p50 ms", "p99 ms", "PSS MB", "RSS MB"
STREAMS, SECONDS, CONNECTIONS = 1000, 5.0, 20
RATES = (100, 300, 1000)
TARGETS = (
    Target(f"p99 of event to client, {STREAMS} streams, 1,000/s, ms", "1000/s wanted", P99, 10, at_most=True),
    Target("events a second", "1000/s wanted", EVENTS, 950),
    Target("memory meanwhile (PSS, all processes), MB", "1000/s wanted", PSS, 400, at_most=True),
)
STAMP = re.compile(rb'"created_at":"([^"]+)"')
LETTER = "From: a@plain.test\r\nTo: {to}\r\nSubject: Tick\r\nMessage-ID: <{number}@plain.test>\r\n\r\nTick.\r\n.\r\n"


def measure(options: Options) -> Table:
    """At several paces, on one server for each repeat."""
    table = Table(f"Event to SSE client: {STREAMS} streams, each event to one of them", (EVENTS, P50, P99, PSS, RSS), TARGETS)
    for _ in range(options.repeats):
        _, port = zone.shared(options.folder)
        server = ours.start(options.folder, port)
        with running(server.program):
            seats = []
            for number in range(STREAMS):
                mailbox = server.mailbox(f"a{number}@{zone.OURS}")
                seats.append(server.agent_key(mailbox))
            tell(f"{STREAMS} mailboxes are there")
            interleave(table, {f"{rate}/s wanted": partial(_followed, options, server, seats, rate) for rate in RATES}, 1)
    table.notes.append(
        "The events are `message.received` of small letters, sent over 20 SMTP connections: each is taken, checked, stored and "
        "told. The client is Python on the same two processors."
    )
    return table


def _followed(options: Options, server: ours.Server, keys: list[str], rate: int) -> Values:
    with profiled(options, server.program.pid, f"streams {rate}"):
        took, delays = asyncio.run(_run(server, keys, rate))
    pss, rss = memory(server.program.pids())
    if len(delays) < 0.99 * rate * SECONDS:
        tell(f"{len(delays)} events of {rate * SECONDS:.0f} were seen")
    return {EVENTS: len(delays) / took, P50: percentile(delays, 0.5), P99: percentile(delays, 0.99), PSS: pss, RSS: rss}


async def _run(server: ours.Server, keys: list[str], rate: int) -> tuple[float, list[float]]:
    delays: list[float] = []
    followers = []
    for at in range(0, len(keys), 50):
        opening = [_follow(server, key, delays) for key in keys[at : at + 50]]
        followers += [asyncio.create_task(one) for one in await asyncio.gather(*opening)]
    await _mail(server, Pace(20, 20, time.monotonic()))  # warm
    await asyncio.sleep(1)
    delays.clear()
    began, count = time.monotonic(), int(rate * SECONDS)
    await asyncio.gather(*(_mail(server, Pace(rate, count, began, part, CONNECTIONS)) for part in range(CONNECTIONS)))
    took = time.monotonic() - began
    for _ in range(100):
        if len(delays) >= count:
            break
        await asyncio.sleep(0.05)
    for one in followers:
        one.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    return took, delays


async def _follow(server: ours.Server, key: str, delays: list[float]) -> Coroutine[Any, Any, None]:
    reader, writer = await asyncio.open_connection(server.host, server.api_port)
    writer.write(f"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    head = await reader.readuntil(b"stream.ready")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise RuntimeError(head[:200])
    await reader.readuntil(b"\n\n")

    async def read() -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                event = await reader.readuntil(b"\n\n")
                now = time.time()
                if found := STAMP.search(event):
                    delays.append((now - datetime.fromisoformat(found[1].decode()).timestamp()) * 1000)
        writer.close()

    return read()


@dataclass(frozen=True, slots=True)
class Pace:
    """So many letters a second, so many in all, from when on; which part of them, of how many."""

    rate: int
    count: int
    began: float
    part: int = 0
    parts: int = 1


async def _mail(server: ours.Server, pace: Pace) -> None:
    """One connection's share: a letter when its time has come, or as soon after as the server takes it."""
    reader, writer = await asyncio.open_connection(server.host, server.smtp_port)

    async def say(text: str, code: bytes) -> None:
        writer.write(text.encode())
        line = await reader.readline()
        while line[3:4] == b"-":
            line = await reader.readline()
        if not line.startswith(code):
            raise RuntimeError(f"{text[:50]!r}: {line!r}")

    await say("", b"220")
    await say("EHLO load.bench\r\n", b"250")
    for number in range(pace.part, pace.count, pace.parts):
        await asyncio.sleep(pace.began + number / pace.rate - time.monotonic())
        to = f"a{number % STREAMS}@{zone.OURS}"
        writer.write(f"MAIL FROM:<u@plain.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode())
        for code in (b"250", b"250", b"354"):
            await say("", code)
        await say(LETTER.format(to=to, number=f"{number}.{pace.began}"), b"250")
    await say("QUIT\r\n", b"221")
    writer.close()
