"""`make crash ROUNDS=… SEED=…`: so many rounds, from that seed on, then the table and the seeds that failed."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from crash.faults import FAULTS
from crash.rounds import run


def main() -> int:
    """The exit status: 1 where a promise was broken."""
    ask = argparse.ArgumentParser(prog="make crash", description=__doc__)
    ask.add_argument("--rounds", type=int, default=len(FAULTS), help="how many; by default each fault once")
    ask.add_argument("--seed", type=int, default=None, help="the first one; a single round is repeated by its own")
    ask.add_argument("--fault", default="", help="only faults whose name holds this")
    ask.add_argument("--minutes", type=float, default=None, help="begin no round after so long")
    ask.add_argument("--json", type=Path, default=None, help="append what came of it to this file, a line each run")
    given = ask.parse_args()
    first = given.seed if given.seed is not None else int(time.time()) % 1_000_000 * 1000
    wanted = [index for index, fault in enumerate(FAULTS) if given.fault in fault.name]
    if not wanted:
        sys.exit(f"no fault's name holds {given.fault!r}; there are: {', '.join(fault.name for fault in FAULTS)}")
    seeds = [seed for seed in range(first, first + given.rounds * len(FAULTS)) if seed % len(FAULTS) in wanted][: given.rounds]
    until = time.monotonic() + given.minutes * 60 if given.minutes is not None else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no server is left behind
    began = time.monotonic()
    runner = run(seeds, lambda line: print(line, file=sys.stderr, flush=True), until=until)
    took = time.monotonic() - began
    total = runner.report.total
    print(f"{datetime.date.today()}, {os.cpu_count()} processors, Python {platform.python_version()}, {platform.platform()}")
    print(f"{total.rounds} rounds from SEED={first} in {took:.0f} s\n")
    print(runner.table())
    for line in runner.report.failed:
        print(f"FAILED {line}")
    for event, count in sorted(runner.noise.items()):
        print(f"logged as an error: {event} ({count} times)")
    if given.json is not None:
        row = {"seed": first, "seconds": took, "lines": [asdict(one) for one in runner.report.lines.values()]}
        with given.json.open("a") as out:
            out.write(json.dumps(row | {"failed": runner.report.failed, "noise": runner.noise}) + "\n")
    return 1 if runner.report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
