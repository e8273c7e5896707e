"""Where the time goes: py-spy beside a measurement, where that is asked for and py-spy is installed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Options, tell

SHOWN = 25


@contextmanager
def profiled(options: Options, pid: int, name: str) -> Iterator[None]:
    """Sample the process and its children meanwhile, and tell in which functions they were found at work."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) if options.profile else None
    if program is None:
        yield
        return
    raw = options.folder / f"{name}.stacks"
    command = [
        program,
        "record",
        "-p",
        str(pid),
        "--subprocesses",
        "-r",
        "200",
        "--gil",
        "-d",
        "120",
        "-f",
        "raw",
        "-o",
        str(raw),
    ]
    spy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)
        spy.wait(20)
    if raw.exists():
        for line in _summary(raw.read_text()):
            tell(line)


def _summary(stacks: str) -> Iterator[str]:
    own, within = Counter[str](), Counter[str]()
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        frames = [frame for frame in stack.split(";") if not frame.startswith("process ")]
        count = int(number)
        own[frames[-1]] += count
        for frame in {frame.rpartition(":")[0] for frame in frames}:
            within[frame] += count
    total = max(1, sum(own.values()))
    for title, counts in (("own", own), ("with what it calls", within)):
        yield f"  -- {title}, of {total} samples"
        for frame, count in counts.most_common(SHOWN if counts is own else 2 * SHOWN):
            yield f"  {count / total:5.1%} {frame}"
