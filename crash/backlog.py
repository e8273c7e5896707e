"""A long queue: does the time to start, and to claim what is due, stay flat while the backlog grows?

`python -m crash.backlog 1000 100000` puts that many deliveries that wait for later into the queue of a server (rows copied from
one that it made), starts it, sends messages that are due now, and prints medians. Not here: faults.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import apsw
from live.rest import eventually

from crash.world import World

DOMAINS = 997  # that the backlog is for
SENT = 20
STARTS = 3


def main(sizes: list[int]) -> None:
    """Print a line for each size."""
    print(f"{'waiting':>9} {'start, s':>9} {'send to dot, ms':>16} {'fill, s':>8}")
    for size in sizes:
        world = World(Path(tempfile.mkdtemp(prefix="backlog.")) / "world").open()
        try:
            print("{:>9} {:>9.2f} {:>16.1f} {:>8.1f}".format(size, *_measured(world, size)), flush=True)
        finally:
            world.close()


def _measured(world: World, size: int) -> tuple[float, float, float]:
    world.api.send(world.ada, "first@sink.example")
    eventually(lambda: world.sink.dots["first@sink.example"], 10)
    world.server.stop()
    began = time.perf_counter()
    _fill(world, size)
    filled = time.perf_counter() - began
    starts = [_start(world) for _ in range(STARTS)]
    return statistics.median(starts), statistics.median(_round_trip(world, number) for number in range(SENT)) * 1000, filled


def _start(world: World) -> float:
    if world.is_up:
        world.kill()
    began = time.perf_counter()
    world.server.start()
    return time.perf_counter() - began


def _fill(world: World, size: int) -> None:
    database = apsw.Connection(str(world.server.data / "mailwright.db"))
    columns = [row[1] for row in database.execute("PRAGMA table_info(deliveries)") if row[1] != "seq"]
    later = int(time.time() * 1000) + 86_400_000
    changed = {
        "id": "printf('dlv_%024x', n)",
        "domain": f"'d' || (n % {DOMAINS}) || '.example'",
        "recipient": f"'r' || n || '@d' || (n % {DOMAINS}) || '.example'",
        "status": "'deferred'",
        "due_at": f"{later} + n",
    }
    values = ", ".join(changed.get(name, name) for name in columns)
    with database:
        database.execute(
            f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {size}) "
            f"INSERT INTO deliveries ({', '.join(columns)}) "
            f"SELECT {values} FROM numbers, (SELECT * FROM deliveries LIMIT 1)"
        )
    database.close()


def _round_trip(world: World, number: int) -> float:
    """From the request to the final dot at the receiver: claimed, routed, signed, sent."""
    address = f"n{number}@sink.example"
    began = time.perf_counter()
    world.api.send(world.ada, address)
    while not world.sink.dots[address]:
        if time.perf_counter() - began > 20:
            raise SystemExit(f"{address} was not sent within 20 s")
        time.sleep(0.001)
    return time.perf_counter() - began


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [1_000, 100_000])
