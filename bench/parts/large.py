"""Large mail: 20 MB on 10 connections at once. How long do others wait meanwhile?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench import load, ours, zone
from bench.figures import Options, Table, Target, Values, interleave, percentile
from bench.profile import profiled
from bench.programs import memory, running

P50, P99, MOST, RATE, PSS = "p50 ms", "p99 ms", "longest ms", "large MB/s", "PSS MB"
SIZE, EVERY = 20_000_000, 0.01  # octets, seconds
HTTP, SMTP, CPU = "a request, meanwhile", "SMTP greeting and NOOP, meanwhile", "a program that only sleeps, meanwhile"
TARGETS = (
    Target("a request waits, ms", HTTP, MOST, 50, at_most=True),
    Target("SMTP greeting and NOOP wait, ms", SMTP, MOST, 50, at_most=True),
)


def measure(options: Options) -> Table:
    """Probes every 10 ms, with and without large mail."""
    table = Table("Large mail: 20 MB on 10 connections", (P50, P99, MOST, RATE, PSS), TARGETS)
    if absent := load.missing("smtp-source"):
        table.notes.append(f"Left out; not here: {', '.join(absent)}.")
        return table
    for _ in range(options.repeats):
        for name, values in _once(options).items():
            interleave(table, {name: lambda values=values: values}, 1)  # type: ignore[misc]
    table.notes.append(
        "Probes ask every 10 ms: for a mailbox over REST, and over SMTP for a new connection's greeting and a NOOP. One that "
        "asks nobody only wants to be woken: so long the machine itself makes one wait while ten senders and a server share it."
    )
    return table


def _once(options: Options) -> dict[str, Values]:
    _, port = zone.shared(options.folder)
    server = ours.start(options.folder, port)
    letter = load.letter(options.folder, "large", zone.message("plain.test", SIZE), "user@plain.test")
    with running(server.program):
        mailbox = server.mailbox(f"agent@{zone.OURS}")
        path = f"/v1/mailboxes/{mailbox}"
        quiet = asyncio.run(_probed(server, path, lambda: asyncio.sleep(2)))
        took: list[float] = []
        most: list[float] = []

        async def large() -> None:
            sending = asyncio.create_task(asyncio.to_thread(load.send, [letter] * 10, 10, server.host, server.smtp_port))
            while not sending.done():
                most.append((await asyncio.to_thread(memory, server.program.pids()))[0])
                await asyncio.sleep(0.2)
            took.append(await sending)

        with profiled(options, server.program.pid, "large"):
            busy = asyncio.run(_probed(server, path, large))
    rows = {name: _values(delays) for name, delays in zip((HTTP, SMTP, CPU), busy, strict=True)}
    rows[HTTP] |= {RATE: 10 * SIZE / 1e6 / took[0], PSS: max(most)}
    return rows | {"a request, quiet": _values(quiet[0]), "SMTP greeting and NOOP, quiet": _values(quiet[1])}


def _values(delays: list[float]) -> Values:
    return {P50: percentile(delays, 0.5), P99: percentile(delays, 0.99), MOST: max(delays)}


async def _probed(server: ours.Server, path: str, work: Callable[[], Awaitable[object]]) -> list[list[float]]:
    http_reader, http_writer = await asyncio.open_connection(server.host, server.api_port)
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n\r\n".encode()

    async def ask() -> None:
        http_writer.write(request)
        head = await http_reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(head[:200])
        await http_reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))

    async def command() -> None:
        # A connection of its own: commands that lead to no mail are counted, and too many of them end a connection.
        reader, writer = await asyncio.open_connection(server.host, server.smtp_port)
        await reader.readline()
        writer.write(b"NOOP\r\n")
        if not (await reader.readline()).startswith(b"250"):
            raise RuntimeError("NOOP was refused")
        writer.close()

    async def nothing() -> None:
        return

    found: list[list[float]] = [[], [], []]
    asking = [asyncio.create_task(_ask(one, delays)) for one, delays in zip((ask, command, nothing), found, strict=True)]
    await work()
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    for one in asking:
        if not one.cancelled() and (wrong := one.exception()):
            raise wrong
    http_writer.close()
    return found


async def _ask(one: Callable[[], Awaitable[object]], delays: list[float]) -> None:
    for _ in range(10):  # warm
        await one()
    while True:
        began = time.perf_counter()
        await asyncio.sleep(EVERY)
        late = time.perf_counter() - began - EVERY
        asked = time.perf_counter()
        await one()
        now = time.perf_counter()
        # The one that asks nobody tells how late it was woken.
        delays.append(1000 * (late if one.__name__ == "nothing" else now - asked))
