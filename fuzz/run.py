"""Feeds a parser octets that libFuzzer makes up, for some seconds: `make fuzz TARGET=dkim-signature SECONDS=60`.

A target is a function of octets that a module in `fuzz/targets/` lists in TARGETS, with octets to begin with. It fails by
raising, by taking more than a second of the processor (however busy the machine is), by not returning for half a minute, or by
taking more than half a gigabyte. What was found interesting is kept in var/fuzz/.
Needs atheris, which `make fuzz` installs.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
KEPT = HERE.parent / "var" / "fuzz"


PROCESSOR = 1.0
"""How long one input may take, in seconds of the processor."""


class Target(NamedTuple):
    """A parser to feed, and what it usually eats."""

    feed: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = ()


def every_target() -> dict[str, Target]:
    """All targets by name."""
    sys.path.insert(0, str(HERE.parent))
    modules = [importlib.import_module(f"fuzz.targets.{one.name}") for one in pkgutil.iter_modules([str(HERE / "targets")])]
    return {name: Target(*found) for module in modules for name, found in module.TARGETS.items()}


class TooSlow(Exception):
    """An input that a parser took too long for."""


def in_time(feed: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """A target that also fails by being slow."""

    def timed(octets: bytes) -> None:
        start = time.process_time()
        feed(octets)
        if (taken := time.process_time() - start) > PROCESSOR:
            raise TooSlow(f"{taken:.1f} s for {len(octets)} octets")

    return timed


def fuzz(name: str, seconds: int) -> None:
    """Feed one target in this process, which libFuzzer then ends."""
    import atheris

    with atheris.instrument_imports(include=["mailwright"]):
        target = every_target()[name]
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = (f"-max_total_time={seconds}", "-timeout=30", "-rss_limit_mb=512", "-max_len=8192", "-print_final_stats=0")
    atheris.Setup([name, *limits, f"-artifact_prefix={KEPT}/{name}-", str(corpus)], in_time(target.feed))
    atheris.Fuzz()


def main(chosen: str, seconds: int) -> int:
    """Feed one target, or all of them in turn; the code is 1 if any failed."""
    names = sorted(every_target()) if chosen == "all" else [chosen]
    failed = []
    for name in names:
        print(f"fuzz: {name}, {seconds} s", flush=True)
        command = [sys.executable, __file__, "--here", name, str(seconds)]
        done = subprocess.run(command, capture_output=True, timeout=seconds + 120, env={**os.environ, "PYTHONHASHSEED": "0"})
        if fed := re.search(rb"Done \d+ runs in \d+ second", done.stderr):
            print(f"fuzz: {name}, {fed[0].decode()}s", flush=True)
        if done.returncode:
            print(done.stderr.decode(errors="replace")[-4000:], file=sys.stderr)
            failed.append(name)
    print(f"fuzz: {len(names) - len(failed)}/{len(names)}")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        fuzz(sys.argv[2], int(sys.argv[3]))
    elif len(sys.argv) != 3 or sys.argv[1] not in {*every_target(), "all"} or not sys.argv[2].isdigit():
        sys.exit(f"usage: {sys.argv[0]} TARGET SECONDS; targets: all, {', '.join(sorted(every_target()))}")
    else:
        sys.exit(main(sys.argv[1], int(sys.argv[2])))
